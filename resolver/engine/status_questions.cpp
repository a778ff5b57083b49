#include "engine/status_questions.hpp"

#include "engine/connect_fault.hpp"
#include "engine/unattended.hpp"
#include "io/end_wait.hpp"
#include "io/small_get.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace bunraku::engine {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using kind = policy::health_event::kind;

status_questions::status_questions(net::any_io_executor executor, std::shared_ptr<policy::knowledge> learned,
                                   new_race make, connect_options options)
    : executor_(std::move(executor)),
      learned_(std::move(learned)),
      make_(std::move(make)),
      options_(options),
      timer_(executor_) {}

void status_questions::stop() noexcept {
  stopped_ = true;
  io::end_wait(timer_);
  for (auto& each : under_way_) each->cancel();
}

void status_questions::ask(master who, service of, handler done) {
  const auto found = std::ranges::find(questions_, who, &question::who);
  if (found != questions_.end()) {
    found->waiting.push_back(std::move(done));
    return;
  }
  auto& fresh = questions_.emplace_back(who, std::vector<handler>{});
  fresh.waiting.push_back(std::move(done));
  try {
    net::co_spawn(executor_, answer_for(shared_from_this(), who, of), unattended{});
  } catch (...) {
    std::erase_if(questions_, [&](const question& each) { return each.who == who; });  // nobody would ever answer it
    throw;
  }
}

/// Nothing when there is no identity to ask with, or nobody left who would want to know.
net::awaitable<std::optional<status_op::result>> status_questions::put(master who, service of, std::string path,
                                                                       status_op::question ask_it,
                                                                       std::chrono::milliseconds limit) {
  if (stopped_) co_return std::nullopt;
  auto how = options_;
  how.race_delay = std::min(how.race_delay, limit / 4);  // all of its addresses get their turn
  auto race = make_(how);
  if (!race) co_return std::nullopt;
  const auto op = std::make_shared<status_op>(std::move(race), std::move(who), of, std::move(path), std::move(ask_it));
  const auto place = under_way_.insert(under_way_.end(), op);
  auto said = co_await op->run(limit);
  under_way_.erase(place);
  if (stopped_) co_return std::nullopt;
  co_return said;
}

net::awaitable<std::optional<status_op::result>> status_questions::put(master who, service of, io::status_wanted wanted,
                                                                       std::chrono::milliseconds limit) {
  auto ask_it = [who, of, wanted](connection& stream) { return io::ask_status(stream, who, of, wanted); };
  return put(who, of, std::string(io::status_path(of)), std::move(ask_it), limit);
}

net::awaitable<std::optional<status_op::result>> status_questions::get(master who, service of, std::string path,
                                                                       std::chrono::milliseconds most) {
  auto ask_it = [who, path](connection& stream) { return io::small_get(stream, who, path); };
  return put(who, of, path, std::move(ask_it), std::min(options_.connect_timeout, most));
}

net::awaitable<void> status_questions::answer_for(std::shared_ptr<status_questions> self, master who, service of) {
  const auto limit = self->learned_->patience_with(who, self->options_.status_limit);
  const auto said = co_await self->put(who, of, io::status_wanted::sign_of_life, limit);
  error_code error;
  if (self->stopped_) error = errc::cancelled;
  else if (said) error = self->judge(*said, who, of);
  const auto place = std::ranges::find(self->questions_, who, &question::who);
  auto waiting = std::move(place->waiting);
  self->questions_.erase(place);
  for (auto& each : waiting) {
    auto target = net::get_associated_executor(each, self->executor_);
    net::post(self->executor_,
              net::bind_executor(target, [h = std::move(each), error]() mutable { std::move(h)(error); }));
  }
  self->plan_probes(clock::now());
}

/// What the answer says of the master, told to knowledge and to who asked.
error_code status_questions::judge(const status_op::result& said, const master& who, service of) {
  const error_code error = said.late ? make_error_code(errc::connect_timeout) : said.error;
  if (!error) return error;
  if (said.late && !said.dialled) return {};  // DNS was slow, not the master
  const auto why = fault_of(error);
  if (why == kind::own_fault) return {};
  const bool silent = error == errc::connect_timeout || error == errc::tls_timeout;
  if (silent) learned_->status_told(who, of, kind::hangs, said.reason, clock::now());
  else if (said.connected) learned_->status_told(who, of, why, said.reason, clock::now());  // else the race told it
  return error;
}

net::awaitable<void> status_questions::probe(std::shared_ptr<status_questions> self, master who, service of) {
  const auto numbering = self->learned_->numbering();
  const auto said = co_await self->put(who, of, io::status_wanted::state, self->options_.connect_timeout);
  if (self->stopped_) co_return;
  of = self->learned_->told_for(of, numbering);
  const auto told = [&](kind what, const std::string& reason) {
    self->learned_->probe_told(who, of, what, reason, clock::now());
  };
  if (!said) told(kind::own_fault, "there is no certificate of ours to ask with");
  else if (said->running) told(kind::probe_answered, {});
  else if (said->late && !said->dialled) told(kind::own_fault, "DNS was too slow to ask it");
  else if (said->late) told(said->connected ? kind::probe_failed : kind::connect_failed, said->reason);
  else if (said->connected && said->error) told(kind::probe_failed, said->reason);
  else if (said->connected) told(kind::probe_failed, "its status is " + std::to_string(said->status));
  self->plan_probes(clock::now());
}

void status_questions::begin_due_probes() {
  armed_for_.reset();
  for (auto& [who, of] : learned_->take_due_probes(clock::now()))
    net::co_spawn(executor_, probe(shared_from_this(), who, of), unattended{});
  plan_probes(clock::now());
}

void status_questions::plan_probes(clock::time_point now) {
  if (stopped_) return;
  const auto next = learned_->next_probe(now);
  if (next == armed_for_) return;
  armed_for_ = next;
  timer_.cancel();
  if (!next) return;
  timer_.expires_at(*next);
  timer_.async_wait([self = shared_from_this(), mine = *next](error_code error) {
    // An expiry may be queued already when the timer is moved.
    if (!error && !self->stopped_ && self->armed_for_ == mine) self->begin_due_probes();
  });
}

}  // namespace bunraku::engine
