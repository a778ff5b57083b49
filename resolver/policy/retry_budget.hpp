#pragma once
#include <chrono>
#include <cstdint>

namespace bunraku::policy {

/// How many further attempts this process may still load onto masters, so that failing masters are not buried under
/// repetitions.
/// Model: a bucket of tokens. Every request puts in a fraction of one, time puts in a few per minute (so that a quiet
///        node can always repeat something), a further attempt takes one. It begins full and never holds more than
///        `burst`. What never reached a master (no connection, no TLS) loads nobody and should not be charged.
/// Units: thousandths of a token inside.
/// Source: the retry budget of Finagle and linkerd (retryRatio 0.2, minRetriesPerSecond, ttl).
class retry_budget {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct limits {
    std::uint32_t percent_of_requests = 20;  ///< 0 to 1000
    std::uint32_t per_minute = 10;           ///< 0 to 60000
    std::uint32_t burst = 50;                ///< 1 to 1000000
  };

  explicit retry_budget(limits of) noexcept : limits_(of), balance_(std::int64_t{of.burst} * one) {}
  retry_budget() noexcept : retry_budget(limits{}) {}

  /// A request (not a further attempt of one) begins.
  void request() noexcept;
  /// May a further attempt be sent now? If so, it is charged.
  bool spend(time_point now) noexcept;
  /// Whole tokens left.
  std::uint32_t left(time_point now) noexcept;

 private:
  static constexpr std::int64_t one = 1000;
  void refill(time_point now) noexcept;
  void put(std::int64_t amount) noexcept;

  limits limits_;
  std::int64_t balance_;
  time_point refilled_ = time_point::min();  ///< up to when time has paid
};

}  // namespace bunraku::policy
