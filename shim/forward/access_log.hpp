#pragma once
#include <bunraku/plan.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace shim::forward {

/// What one exchange was, for the access log and whoever observes exchanges.
struct exchange_record {
  std::string_view service;   ///< of the configuration, which outlives the exchange
  std::string_view endpoint;  ///< row of the endpoint table
  std::string_view method;
  std::string_view target;
  std::string_view client;   ///< peer of the local leg
  std::string master;        ///< host:port of the one that answered; empty if none did
  int status = 0;            ///< what the client got; 0: nothing
  bool own_answer = false;   ///< bunraku made the answer itself
  bool unserved = false;     ///< no master answered, or not to the end, through no fault of the client
  bool cut = false;          ///< the client's connection was broken off inside the answer
  std::size_t attempts = 0;  ///< requests sent or connections tried, the good one included
  std::uint64_t bytes_up = 0, bytes_down = 0;   ///< of bodies
  std::chrono::steady_clock::time_point ended;  ///< when the client had what it got, or nothing
  std::chrono::microseconds first_byte{0}, total{0};
  std::chrono::microseconds waited{0};  ///< of `total`, for full masters to have room
  std::chrono::microseconds lost{0};    ///< of `total`, before the master that answered was connected to
  std::string continued;                ///< where another master took over inside the answer; else empty
  std::string not_kept;  ///< why the request's body could not have been sent to another master; else empty
  std::string injected;  ///< whose fault took part; else empty
  std::string why;       ///< how the failed attempts ended, or why there were none; empty if all went well
};

/// One line, key=value. The path is without its query and safe to print.
std::string to_line(const exchange_record& record);

/// "compile1:8140: connect: refused (after 0.00 s); compile2:8140: ..."
std::string join(const std::vector<bunraku::attempt>& attempts);

}  // namespace shim::forward
