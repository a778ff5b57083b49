#include "daemon/rotation.hpp"

#include "forward/end_wait.hpp"
#include "log_value.hpp"

#include <algorithm>

namespace shim::daemon {
namespace net = boost::asio;
using bunraku::log_level;
using bunraku::severity;

namespace {

/// The worst that is wrong; there is always something when this is asked.
bunraku::problem worst_of(const leg_identities& found, const leg_identities& in_use) {
  const auto error = std::ranges::find_if(found.found, [](const auto& p) { return p.level() == severity::error; });
  if (error != found.found.end()) return *error;
  return {severity::error, in_use.upstream ? in_use.upstream->files().certificate : "hostcert",
          "the certificate that is in use is not there any more",
          "put it back, or enrol this node anew; a restart does without one"};
}

std::string fields_of(const bunraku::problem& p) {
  return "where=" + log_value(p.where()) + " what=" + log_value(p.what()) + " fix=" + log_value(p.fix());
}

}  // namespace

rotation::rotation(net::any_io_executor executor, hooks with)
    : with_(std::move(with)), watch_(executor, [this] { look_at(clock::now() + settle); }), timer_(executor) {}

void rotation::begin(const leg_identities& in_use, std::chrono::sys_seconds now) {
  stopped_ = false;
  in_use_ = in_use;
  in_use_.found.clear();
  looked_at_ = in_use.stamp;
  refused_.reset();
  bad_since_.reset();
  told_at_ = now;
  watch();
  if (with_.stamp() != looked_at_) look_at(clock::now() + settle);
}

void rotation::stop() noexcept {
  stopped_ = true;
  watch_.stop();
  forward::end_wait(timer_);
  look_at_.reset();
}

void rotation::watch() {
  const auto why = watch_.follow(with_.files());
  if (why.empty()) {
    said_unwatched_ = false;
    return;
  }
  if (said_unwatched_) return;
  said_unwatched_ = true;
  with_.say(log_level::warning,
            "credentials.unwatched reason=" + log_value(why) +
                " effect=\"changed files are noticed when the next local client comes, and at SIGHUP\" fix=\"let "
                "bunraku read the directory, or raise sysctl fs.inotify.max_user_instances and "
                "fs.inotify.max_user_watches; then SIGHUP\"");
}

void rotation::look_again() {
  if (refused_) return;  // it waits for them already
  looked_at_.clear();
  look_at(clock::now() + settle);
}

void rotation::look_at(clock::time_point when) {
  if (stopped_ || (look_at_ && *look_at_ <= when)) return;
  look_at_ = when;
  timer_.expires_at(when);
  timer_.async_wait([this, here = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || here.expired() || stopped_) return;
    look();
  });
}

void rotation::look() {
  look_at_.reset();
  // First the watch, then the files: what changes after this look is told by an event.
  if (watches()) watch();
  if (with_.stamp() == looked_at_ && !bad_since_) return;
  const auto found = with_.load();
  looked_at_ = found.stamp;
  judge(found);
}

void rotation::judge(const leg_identities& found) {
  // Where none is in use that was told, and what comes next may be half of a new one.
  if (found.revoked && has_identity()) return give_up_revoked(found);
  if (auto renamed = other_names(in_use_, found); !renamed.empty()) {
    auto wrong = found;
    wrong.found = std::move(renamed);
    return wait_or_refuse(wrong);
  }
  if (found.local && found.upstream) {
    take(found);
    return with_.fit();
  }
  const bool just_not_enrolled = !has_identity() && !has_error(found.found);
  if (just_not_enrolled) {
    bad_since_.reset();
    refused_.reset();
    return with_.fit();
  }
  wait_or_refuse(found);
}

void rotation::take(const leg_identities& found) {
  bad_since_.reset();
  const bool was_refused = refused_.has_value();
  refused_.reset();
  const bool had = has_identity();
  const auto news = had ? news_between(in_use_, found) : std::string();
  if (had && news.empty()) {
    if (was_refused) with_.say(log_level::info, "credentials.good again: the files are those in use");
    return;
  }
  in_use_ = found;
  in_use_.found.clear();
  with_.take(in_use_);
  const auto name = "certname=" + in_use_.upstream->certname();
  with_.say(log_level::info, had ? "credentials.reloaded " + name + " new=\"" + news + '"' : "enrolled " + name);
  with_.tell(found.found);
}

void rotation::wait_or_refuse(const leg_identities& found) {
  const auto now = clock::now();
  if (!bad_since_) bad_since_ = now;
  if (now < *bad_since_ + patience) {
    look_at(*bad_since_ + patience);
    return;
  }
  bad_since_.reset();
  refused_ = worst_of(found, in_use_);
  const auto errors = std::ranges::count_if(found.found, [](const auto& p) { return p.level() == severity::error; });
  auto line = "credentials.refused " + fields_of(*refused_);
  if (errors > 1) line += " further_problems=" + std::to_string(errors - 1) + " all=\"bunraku check\"";
  line += has_identity() ? " effect=\"going on with those in use\"" : " effect=\"going on without a certificate\"";
  with_.say(log_level::error, line);
}

void rotation::give_up_revoked(const leg_identities& found) {
  bad_since_.reset();
  refused_ = worst_of(found, in_use_);
  in_use_ = {};
  with_.take(in_use_);
  with_.say(log_level::error, "credentials.revoked " + fields_of(*refused_) +
                                  " effect=\"terminate and socket refuse everybody until there is a new one\"");
}

void rotation::before_use(std::chrono::sys_seconds now) {
  if (stopped_) return;
  const bool may_be_new = look_at_ || !watches() || !has_identity();
  if (may_be_new && with_.stamp() != looked_at_) look();
  // A clock that was set back must not silence it for long.
  if (!has_identity() || (now >= told_at_ && now - told_at_ < tell_again)) return;
  told_at_ = now;
  with_.tell(judged_now(in_use_, now));
}

std::string news_between(const leg_identities& before, const leg_identities& now) {
  auto news = now.upstream->differs_from(*before.upstream);
  if (now.local == now.upstream && before.local == before.upstream) return news;
  if (const auto local = now.local->differs_from(*before.local); !local.empty())
    news += (news.empty() ? "" : "; ") + ("on the local leg: " + local);
  return news;
}

bunraku::problems other_names(const leg_identities& in_use, const leg_identities& found) {
  bunraku::problems all;
  const auto compare = [&all](const bunraku::identity* before, const bunraku::identity* now) {
    if (before == nullptr || now == nullptr || before->certname() == now->certname()) return;
    const auto& file = now->files().certificate;
    if (file != before->files().certificate) return;  // the configuration says so
    all.emplace_back(
        severity::error, file,
        "the certificate is that of " + now->certname() + ", and the one in use that of " + before->certname(),
        "put this node's own there; if it has another name now, restart bunraku");
  };
  compare(in_use.upstream.get(), found.upstream.get());
  if (found.local != found.upstream) compare(in_use.local.get(), found.local.get());
  return all;
}

bunraku::problems judged_now(const leg_identities& who, std::chrono::sys_seconds now) {
  bunraku::problems all;
  if (who.upstream) all = who.upstream->check(now);
  if (!who.local || who.local == who.upstream) return all;
  const auto local = who.local->check(now);
  all.insert(all.end(), local.begin(), local.end());
  return all;
}

}  // namespace shim::daemon
