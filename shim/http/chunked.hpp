#pragma once
#include "http/framing_error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace shim::http {

class chunked_joint;

/// Finds data and end of a chunked body in bytes that arrive piece by piece, in place and without a copy. Stricter than
/// RFC 9112, 7.1: lines end with CR LF, a size has 1 to 8 hexadecimal digits and is at most 2^31-1 (what every reader
/// can hold), nothing stands before the ";" of an extension. Extensions and trailer fields are bounded, checked for
/// control characters, and dropped.
///
/// Two ways to read, for the whole of one body the same one:
/// - next_data: the content alone.
/// - next_wire: the bytes as they came, cut only where something is dropped, so that they can be forwarded as they are
///   and are again a chunked body, with the same chunks. An error may come after part of a malformed chunk was given
///   out: the receiver has then an unfinished body, never a finished one, provided the connection is cut.
///
/// After an error or after `done` the decoder must be reset.
class chunked_decoder {
 public:
  static constexpr std::size_t max_extension_bytes = 1024;  ///< of one chunk
  static constexpr std::size_t max_trailer_bytes = 8192;    ///< of all trailer lines
  static constexpr std::uint32_t max_chunk = 0x7fffffff;

  struct step {
    std::size_t consumed = 0;  ///< bytes of the input that are dealt with; those behind them come again next time
    std::string_view bytes;    ///< part of the input to forward, may be empty
    bool done = false;         ///< the body ended with the last consumed byte; what follows is not part of it
  };

  /// Call again with the rest while consumed < in.size() and not done. Makes progress on every call with input.
  std::expected<step, framing_error> next_data(std::string_view in) noexcept;
  std::expected<step, framing_error> next_wire(std::string_view in) noexcept;

  bool done() const noexcept { return state_ == state::done; }
  std::uint64_t content_bytes() const noexcept { return content_bytes_; }  ///< so far
  /// What a receiver of the bytes read so far is in the middle of.
  void describe(chunked_joint& to) const noexcept;
  void reset() noexcept { *this = chunked_decoder(); }

 private:
  enum class state : std::uint8_t {
    size_start,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_lf,
    final_lf,
    done,
    failed
  };
  enum class fate : std::uint8_t { keep, drop, refuse };

  fate take(char c) noexcept;
  fate take_size(char c) noexcept;
  fate take_trailer(char c) noexcept;
  fate refuse(framing_error why) noexcept;
  std::size_t take_data(std::size_t available) noexcept;

  std::uint64_t content_bytes_ = 0;
  std::uint32_t left_ = 0;     // of the chunk: its size while it is read, then the data still to come
  std::uint32_t counted_ = 0;  // digits, then extension bytes of this chunk; trailer bytes of the body
  state state_ = state::size_start;
  framing_error why_ = framing_error::bad_chunk_size;
};

/// Writes the line that starts a chunk of `size` bytes (not 0) into `buffer` and returns it. The data follows, then
/// `chunk_end`; after the last chunk `last_chunk`.
std::string_view chunk_start(std::array<char, 10>& buffer, std::uint32_t size) noexcept;
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace shim::http
