#pragma once
#include "forward/byte_buffer.hpp"
#include "forward/replay_store.hpp"
#include "forward/timed_stream.hpp"
#include "http/chunked.hpp"
#include "http/head.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace shim::forward {

/// The body of one request on its way from the client: read once, and kept as far as the limits allow, so that another
/// master can be sent the same bytes. Chunked bodies are kept and given out in their coding.
class request_body {
 public:
  request_body(timed_stream& client, byte_buffer& in, const http::body_framing& framing, const replay_terms& keep,
               std::chrono::milliseconds stall);
  ~request_body() { in_.consume(handed_out_); }
  request_body(const request_body&) = delete;
  request_body& operator=(const request_body&) = delete;

  /// Every byte was read from the client.
  bool complete() const noexcept { return complete_; }
  /// It says that it is no larger than what is kept.
  bool is_keepable() const noexcept;
  /// All that was read is still there, so it can be sent again.
  bool replayable() const noexcept { return store_.whole(); }
  /// Why not, and whose fault that is.
  const replay_store& kept() const noexcept { return store_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

  struct failure {
    boost::system::error_code error;  ///< of the client's connection, or
    std::string_view reason;          ///< what is wrong: the body is no valid chunked body, or cannot be read back
    int status = 400;                 ///< what to answer, if there is anybody to answer to
  };
  /// From now on next() gives the body from its first byte. Precondition: replayable(), unless nothing was read yet.
  void rewind() noexcept;
  /// Nothing more is to be given out since the last rewind.
  bool given_out() const noexcept { return complete_ && given_ == bytes_; }
  /// The next piece, byte_buffer::bulk at most; valid until the next call. Empty when given_out().
  boost::asio::awaitable<std::expected<std::string_view, failure>> next();
  /// Reads and forgets the rest, up to `most` bytes, so that the connection can carry another request. False if it
  /// cannot.
  boost::asio::awaitable<bool> discard(std::uint64_t most);

 private:
  std::string_view handed_out(std::string_view piece, std::size_t consumed);

  timed_stream& client_;
  byte_buffer& in_;
  http::body_kind kind_;
  const std::uint64_t length_;  // if it says one
  std::uint64_t left_;
  http::chunked_decoder decoder_;
  std::chrono::milliseconds stall_;
  std::size_t handed_out_ = 0;  // of in_, to be consumed at the next call
  replay_store store_;
  std::uint64_t bytes_ = 0;  // read
  std::uint64_t given_ = 0;  // since the last rewind
  bool complete_;
};

}  // namespace shim::forward
