#pragma once
#include "forward/prefix_proof.hpp"
#include "http/chunked.hpp"
#include "http/chunked_joint.hpp"
#include "http/head.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace shim::forward {

/// The body of one answer between master and client: how it is read, how it is written, and what the client has of it,
/// so that another master's answer can take over in the middle.
/// Model: read a piece of what came, write it, send what `write` gave, say that it was `given`; again until `last`.
/// When the master breaks off, and the relay is watched: `start_over` with the next master's answer, `skip` in it until
/// `caught_up`, and if it then `is_same`, read on. Pure but for OpenSSL.
class body_relay {
 public:
  /// `to`: length, chunked or until_close, as the client was told.
  body_relay(const http::body_framing& from, http::body_kind to) noexcept;

  /// From the first piece on remember what is given, so that it can be proven later. Before the first `given`.
  void watch(const proof_key& key) { given_proof_ = prefix_proof(key); }
  bool watched() const noexcept { return given_proof_.stands(); }
  /// Bytes of content that the client has; counted only while watched.
  std::uint64_t given_bytes() const noexcept { return given_proof_.bytes(); }

  struct piece {
    std::string_view bytes;  ///< of the input, in the form that `write` wants; may be empty
    std::size_t consumed = 0;
    bool last = false;  ///< the body is whole with it
  };
  /// The next piece of what came from the master; `in` may be empty only if the body is.
  std::expected<piece, http::framing_error> read(std::string_view in) noexcept;
  /// Nothing more is to be read: there is a body, and it is empty.
  bool is_empty() const noexcept { return from_.kind == http::body_kind::length && left_ == 0; }
  /// So much of a body with a length has not been read.
  std::optional<std::uint64_t> left() const noexcept {
    return from_.kind == http::body_kind::length ? std::optional(left_) : std::nullopt;
  }
  /// The master closed the connection: is that the body's proper end? Then write a piece that is only `last`.
  bool ends_by_close() const noexcept { return from_.kind == http::body_kind::until_close; }

  /// What to send for it: appended to `out`, or the piece's own bytes if they can go as they are; then these are
  /// returned. Nothing if the client was promised more than came: this master's answer cannot be gone on with.
  std::optional<std::string_view> write(const piece& p, std::string& out);
  /// It was sent.
  void given(const piece& p) noexcept;

  /// The client was told that no more content comes, though not by a proper end: no master needs to be asked.
  bool content_ended() const noexcept { return through_ && http::chunked_joint(received_).content_ended(); }
  /// Appends that end to `out`.
  void finish(std::string& out);
  /// Another master's answer from its first byte.
  void start_over(const http::body_framing& from, const proof_key& key) noexcept;
  bool caught_up() const noexcept { return skipped_.bytes() == given_bytes(); }
  /// Takes what the client has already out of `in`: bytes consumed; 0 if the answer ends too early.
  std::expected<std::size_t, http::framing_error> skip(std::string_view in) noexcept;
  /// When it has caught up: is what was skipped what the client has?
  bool is_same() const noexcept;

 private:
  std::expected<piece, http::framing_error> content(std::string_view in) noexcept;
  void take_over_chunks() noexcept;

  http::body_framing from_;
  std::uint64_t left_;                        // of a body with a length
  http::chunked_decoder decoder_;             // of what the master sends
  bool through_;                              // chunks go to the client as they come
  http::chunked_decoder received_;            // what the client has of them; followed only while watched
  std::optional<http::chunked_joint> joint_;  // else its chunks are of our making
  prefix_proof given_proof_, skipped_;
};

}  // namespace shim::forward
