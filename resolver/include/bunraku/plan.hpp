#pragma once
#include <bunraku/master.hpp>
#include <bunraku/outcome.hpp>
#include <bunraku/service.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bunraku {

/// The masters to try for one request, best first, and what became of those that were tried. It begins with the masters
/// of the first source that knows any that is not known to be down; the resolver adds those of later sources when all
/// of them were tried. No master is in it twice, so none is tried twice.
/// Threads: one at a time. Owns everything it shows.
class plan {
 public:
  plan() = default;
  explicit plan(bunraku::service of) : service_(of) {}

  bunraku::service service() const noexcept { return service_; }
  /// The same service has another number now (resolver::replace).
  void follow(bunraku::service now) noexcept { service_ = now; }
  /// The next master to try, or null when all known ones were tried (the resolver may know of more).
  const master* front() const noexcept { return next_ < masters_.size() ? &masters_[next_] : nullptr; }
  /// Marks front() as tried and returns it. Precondition: front() is not null.
  const master& take_front() noexcept { return masters_[next_++]; }
  /// What was tried so far and failed, in the order it ended.
  const std::vector<attempt>& attempts() const noexcept { return attempts_; }
  void add(attempt failed) { attempts_.push_back(std::move(failed)); }

  /// Which request it is for, for observers: its exchange's number (run_ticket::exchange), its method, and its path
  /// without the query.
  void set_request(std::uint64_t exchange, std::string method, std::string path) {
    exchange_ = exchange;
    method_ = std::move(method);
    path_ = std::move(path);
  }
  std::uint64_t exchange() const noexcept { return exchange_; }
  const std::string& method() const noexcept { return method_; }
  const std::string& path() const noexcept { return path_; }

  // For the resolver: growing the plan.
  void append(std::vector<master> more) {
    masters_.reserve(masters_.size() + more.size());
    for (auto& m : more)
      if (std::find(masters_.begin(), masters_.end(), m) == masters_.end()) masters_.push_back(std::move(m));
  }
  /// How many masters are left to try, and the one at place `index` of them.
  std::size_t left() const noexcept { return masters_.size() - next_; }
  const master& left_at(std::size_t index) const noexcept { return masters_[next_ + index]; }
  /// The first `count` of those left come after all others.
  void put_last(std::size_t count) {
    const auto left = masters_.begin() + static_cast<std::ptrdiff_t>(next_);
    std::rotate(left, left + static_cast<std::ptrdiff_t>(count), masters_.end());
  }
  /// A master that was taken but never got a request (it lost a race) may be tried again, after all others.
  void give_back(const master& untried) { masters_.push_back(untried); }
  /// A master whose kept-alive connection turned out to be dead is tried again at once, on a fresh one.
  void retry(const master& same) { masters_.insert(masters_.begin() + static_cast<std::ptrdiff_t>(next_), same); }
  /// This master, which was not tried, is the next one, wherever it stood.
  void put_next(const master& untried) {
    const auto left = masters_.begin() + static_cast<std::ptrdiff_t>(next_);
    masters_.erase(std::remove(left, masters_.end(), untried), masters_.end());
    retry(untried);
  }
  /// This master is the next one and the last: neither what is left nor any further source is tried.
  void narrow_to(const master& only) {
    masters_.resize(next_, only);
    masters_.push_back(only);
    sources_asked_ = no_more;
  }
  /// How many of its service's sources were asked, as the resolver's configuration with this number has them: of
  /// another one than before, none. What the plan has of masters stays.
  std::size_t sources_asked(std::uint64_t configuration) const noexcept {
    return configuration == configuration_ || sources_asked_ == no_more ? sources_asked_ : 0;
  }
  void count_source(std::uint64_t configuration) noexcept {
    sources_asked_ = sources_asked(configuration) + 1;
    configuration_ = configuration;
  }

 private:
  static constexpr auto no_more = static_cast<std::size_t>(-1);
  bunraku::service service_ = service::catalog;
  std::size_t next_ = 0, sources_asked_ = 0;
  std::uint64_t configuration_ = 0;
  std::uint64_t exchange_ = 0;
  std::string method_, path_;
  std::vector<master> masters_;
  std::vector<attempt> attempts_;
};

}  // namespace bunraku
