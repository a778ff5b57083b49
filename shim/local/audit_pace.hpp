#pragma once
#include <chrono>
#include <cstdint>

namespace shim::local {

/// How many refused callers are written into the log: each one, up to `burst` at once and one more for each `refill`.
/// The next line that is written says how many were left out. No clock: `now` never goes back.
class audit_pace {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::uint32_t burst = 50;
  static constexpr std::chrono::milliseconds refill{1000};
  struct verdict {
    bool write;
    std::uint64_t left_out;
  };

  verdict on_refusal(time_point now) noexcept {
    const auto earned = (now - filled_) / refill;
    if (earned >= burst - left_) {
      left_ = burst;
      filled_ = now;
    } else {
      left_ += static_cast<std::uint32_t>(earned);
      filled_ += earned * refill;
    }
    if (left_ == 0) {
      ++left_out_;
      return {false, 0};
    }
    --left_;
    const auto before = left_out_;
    left_out_ = 0;
    return {true, before};
  }

 private:
  time_point filled_{};
  std::uint32_t left_ = burst;
  std::uint64_t left_out_ = 0;
};

}  // namespace shim::local
