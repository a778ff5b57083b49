#pragma once
#include "daemon/file_watch.hpp"
#include "daemon/setup.hpp"

#include <bunraku/log.hpp>
#include <bunraku/problem.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shim::daemon {

/// Takes new certificates, keys, CAs and CRLs as soon as they are on disk, and keeps what is in use while what is there
/// is wrong.
/// Model:   the files are looked at `settle` after they began to change, and loaded if they are others than before. A
///          renewal writes several files one after the other, so what does not fit together is first waited for
///          quietly; after `patience` it is told, once for each state of the files. A certificate that its CA has
///          revoked is not in use any more.
///          Where the kernel cannot watch (said once), changes are noticed when the next local client comes.
/// Threads: the executor's only. No timer while nothing changes.
class rotation {
 public:
  static constexpr std::chrono::milliseconds settle{200}, patience{2000};
  static constexpr std::chrono::hours tell_again{24};

  struct hooks {
    std::function<std::vector<std::string>()> files{};
    std::function<std::string()> stamp{};
    std::function<leg_identities()> load{};
    /// Both null: none is to be used from now on.
    std::function<void(const leg_identities& who)> take{};
    std::function<void(bunraku::log_level level, std::string_view line)> say{};
    std::function<void(const bunraku::problems& found)> tell{};
    std::function<void()> fit{};  ///< after a look that found nothing wrong, whether or not anything was new
  };
  rotation(boost::asio::any_io_executor executor, hooks with);

  /// What the daemon uses since now, at its start or after it was told to reload; and begins to watch. What is about to
  /// end was told when it was loaded.
  void begin(const leg_identities& in_use, std::chrono::sys_seconds now);
  /// A local client is about to need the credentials, perhaps the very agent that has just written them: what is known
  /// to have changed is looked at now. Tells once a day what is about to end.
  void before_use(std::chrono::sys_seconds now);
  /// Somebody else found them wrong: looks for itself, whatever it saw last, and says so or calls `fit`.
  void look_again();
  void stop() noexcept;

  const leg_identities& in_use() const noexcept { return in_use_; }
  bool watches() const noexcept { return watch_.works(); }
  /// What is wrong with the files, and was told; nothing: they are those in use.
  const std::optional<bunraku::problem>& refused() const noexcept { return refused_; }

 private:
  using clock = std::chrono::steady_clock;
  void watch();
  void look_at(clock::time_point when);
  void look();
  void judge(const leg_identities& found);
  void take(const leg_identities& found);
  void wait_or_refuse(const leg_identities& found);
  void give_up_revoked(const leg_identities& found);
  bool has_identity() const noexcept { return in_use_.local && in_use_.upstream; }

  hooks with_;
  file_watch watch_;
  boost::asio::steady_timer timer_;
  std::optional<clock::time_point> look_at_;    // the timer is armed for then
  std::optional<clock::time_point> bad_since_;  // waiting quietly
  leg_identities in_use_;
  std::string looked_at_;  // the stamp of the files that were loaded last
  std::optional<bunraku::problem> refused_;
  std::chrono::sys_seconds told_at_{};
  bool said_unwatched_ = false;
  bool stopped_ = true;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// What of two legs' credentials is another than before, in words; empty: nothing.
std::string news_between(const leg_identities& before, const leg_identities& now);
/// Errors for certificates of another node that took the place of those in use: nobody on either side would take them
/// for this one's. Another file's may have another name.
bunraku::problems other_names(const leg_identities& in_use, const leg_identities& found);
/// What of them has run out, or is about to.
bunraku::problems judged_now(const leg_identities& who, std::chrono::sys_seconds now);

}  // namespace shim::daemon
