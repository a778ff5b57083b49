#pragma once
#include <chrono>
#include <cstddef>
#include <map>
#include <utility>

namespace bunraku::policy {

/// Answers by what was asked, each with the time it was learned and the time until which it counts.
/// Model:   at most `capacity` entries; a new one beyond that replaces the one that expires first. An expired entry
/// stays
///          until then: `fresh` does not show it, `any` does.
/// Threads: none of its own.
template <typename Key, typename Value>
class ttl_cache {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct entry {
    Value value;
    time_point learned, expires;
  };

  explicit ttl_cache(std::size_t capacity) : capacity_(capacity) {}

  /// Null if there is none, or `now` is at or after its expiry. Valid until the next change.
  const entry* fresh(const Key& key, time_point now) const {
    const entry* found = any(key);
    return found && now < found->expires ? found : nullptr;
  }
  const entry* any(const Key& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
  }

  void put(const Key& key, Value value, time_point now, std::chrono::seconds ttl) {
    if (entries_.size() >= capacity_ && !entries_.contains(key)) drop_first_to_expire();
    entries_.insert_or_assign(key, entry{std::move(value), now, now + ttl});
  }

  template <typename Keep>
  void keep_only(Keep keep) {
    std::erase_if(entries_, [&](const auto& each) { return !keep(each.first, each.second.value); });
  }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  void drop_first_to_expire() {
    auto first = entries_.begin();
    for (auto at = entries_.begin(); at != entries_.end(); ++at)
      if (at->second.expires < first->second.expires) first = at;
    if (first != entries_.end()) entries_.erase(first);
  }

  std::size_t capacity_;
  std::map<Key, entry> entries_;
};

}  // namespace bunraku::policy
