#pragma once
#include "admin/control.hpp"
#include "forward/timed_stream.hpp"

#include <bunraku/connection.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <expected>
#include <string>

namespace shim::admin {

/// Counts a client for as long as it is there.
struct counted {
  std::size_t& count;
  explicit counted(std::size_t& c) : count(c) { ++count; }
  ~counted() { --count; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
};

/// One connection: one request and its answer, which is the last on it.
/// Bounds: heads of 8 KiB, bodies of `largest_body`, 10 s for a request to arrive and 10 s for each piece of its answer
///         to be taken.
class conversation {
 public:
  /// `anybody`: the other end may be any user of this host, who may look and change nothing.
  conversation(controlled& daemon, bunraku::connection client, std::string caller, bool anybody)
      : daemon_(daemon), stream_(std::move(client), daemon.limits), caller_(std::move(caller)), anybody_(anybody) {}

  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> refuse(refusal why);

 private:
  using clock = std::chrono::steady_clock;
  using error_code = boost::system::error_code;
  using wanted_request = std::expected<request, refusal>;

  boost::asio::awaitable<wanted_request> read_request(clock::time_point until);
  boost::asio::awaitable<error_code> fill(clock::time_point until);
  boost::asio::awaitable<void> send(const std::string& answer);

  controlled& daemon_;
  forward::timed_stream stream_;
  forward::byte_buffer in_;
  std::string head_;
  std::string caller_;
  bool anybody_;
  bool is_head_ = false;  // its answer has no body
};

}  // namespace shim::admin
