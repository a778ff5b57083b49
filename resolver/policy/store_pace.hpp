#pragma once
#include <algorithm>
#include <chrono>
#include <optional>

namespace bunraku::policy {

/// When the answers are written to disk: shortly after one changed, so that what is learned together is written
/// together, but not often; and now and then when they only were confirmed, so that their age on disk stays true. Pure.
class store_pace {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds settle{500};  ///< after the first change
  static constexpr std::chrono::seconds gap{10};           ///< between two writes
  static constexpr std::chrono::seconds retry{300};        ///< after a write that failed
  static constexpr std::chrono::seconds refresh{3600};     ///< for answers that did not change

  /// `written`: about when what is on disk was written; now, if there is nothing.
  explicit store_pace(time_point written) : next_refresh_(written + refresh) {}

  void changed(time_point now) {
    if (!due_) due_ = std::max(now + settle, earliest_);
  }
  /// DNS said the same again.
  void confirmed(time_point now) {
    if (now >= next_refresh_) changed(now);
  }
  /// When to write; nothing while there is nothing to write, so that an idle process needs no timer.
  std::optional<time_point> due() const noexcept { return due_; }
  void wrote(time_point now, bool worked) {
    due_.reset();
    earliest_ = now + (worked ? gap : retry);
    next_refresh_ = now + (worked ? refresh : retry);
  }

 private:
  std::optional<time_point> due_;
  time_point earliest_ = time_point::min(), next_refresh_;
};

}  // namespace bunraku::policy
