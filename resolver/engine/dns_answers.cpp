#include "engine/dns_answers.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>

namespace bunraku::engine {
namespace {

/// A host has four services and a few dozen masters; this only bounds what odd zones and reloads can pile up.
constexpr std::size_t max_answers = 4096;

policy::ttl_limits limits_of(const dns_options& dns) { return {dns.ttl_floor, dns.ttl_ceiling, dns.negative_ttl}; }

dns_outcome failure(boost::system::error_code error, std::string note) { return {{}, error, std::move(note), {}}; }

boost::system::error_code error_of(policy::dns_refusal::reason why) {
  return why == policy::dns_refusal::reason::server_error ? errc::dns_failed : errc::dns_malformed;
}

std::string_view name_of(policy::dns_answer::status state) noexcept {
  using enum policy::dns_answer::status;
  switch (state) {
    case found: return "found";
    case no_data: return "no_data";
    case no_such_name: return "no_such_name";
    case absent: return "absent";
    case unusable: return "unusable";
  }
  return "?";
}

bool same(const dns_outcome& a, const dns_outcome& b) {
  return a.error == b.error && a.answer.state == b.answer.state && a.answer.a == b.answer.a &&
         a.answer.aaaa == b.answer.aaaa && std::ranges::is_permutation(a.answer.srv, b.answer.srv);
}

}  // namespace

dns_answers::dns_answers(boost::asio::any_io_executor executor, const dns_options& dns, std::shared_ptr<log_sink> log)
    : executor_(std::move(executor)),
      log_(std::move(log)),
      limits_(limits_of(dns)),
      channel_(std::make_shared<io::ares_channel>(executor_, dns)),
      channels_{channel_},
      cache_(max_answers) {}

dns_answers::outcome_ptr dns_answers::fresh(const key& question, clock::time_point now) const {
  const auto* known = cache_.fresh(question, now);
  return known ? known->value : nullptr;
}

std::shared_ptr<dns_answers::flight> dns_answers::ask(const key& question) {
  if (auto known = fresh(question, clock::now())) return std::make_shared<flight>(flight{std::move(known), {}});
  if (const auto under_way = flights_.find(question); under_way != flights_.end()) return under_way->second;

  const auto own = std::make_shared<flight>();
  flights_.emplace(question, own);
  boost::asio::co_spawn(executor_, run(shared_from_this(), question, own),
                        [self = shared_from_this(), question, own](const std::exception_ptr& thrown) {
                          if (!thrown || own->outcome) return;
                          self->finish(question, *own, failure(errc::dns_failed, "out of memory"),
                                       self->limits_.for_failure());
                        });
  return own;
}

boost::asio::awaitable<dns_answers::outcome_ptr> dns_answers::wait(std::shared_ptr<dns_answers> self, key question) {
  const auto asked = self->ask(question);
  if (!asked->outcome) {
    const auto timer = std::make_shared<boost::asio::steady_timer>(self->executor_, clock::time_point::max());
    asked->waiting.push_back(timer);
    co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  if (asked->outcome) co_return asked->outcome;
  co_return std::make_shared<dns_outcome>(failure(errc::cancelled, "cancelled while waiting for DNS"));
}

boost::asio::awaitable<void> dns_answers::run(std::shared_ptr<dns_answers> self, key question,
                                              std::shared_ptr<flight> own) {
  const auto& [text, type] = question;
  const auto channel = self->channel_;
  const auto name = policy::dns_name::from_text(text);
  if (!name) {
    self->finish(question, *own, failure(errc::dns_failed, "'" + text + "' is not a domain name"),
                 self->limits_.for_failure());
    co_return;
  }
  const auto said = co_await channel->query(text, type);
  if (!said) {
    self->finish(question, *own, failure(said.error().code, said.error().note), self->limits_.for_failure());
    co_return;
  }
  auto read = policy::read_dns_answer(said->wire, *name, type);
  if (!read) {
    auto note =
        text + " " + std::string(policy::name_of(type)) + ": " + read.error().what + " (from " + said->server + ")";
    self->finish(question, *own, failure(error_of(read.error().why), std::move(note)), self->limits_.for_failure());
    co_return;
  }
  using enum policy::dns_answer::status;
  const bool records = read->state == found || read->state == absent;
  const auto ttl = records ? self->limits_.for_records(read->ttl.value_or(std::chrono::seconds(0)))
                           : self->limits_.for_nothing(read->ttl);
  auto note = read->note;
  self->finish(question, *own, {std::move(*read), {}, std::move(note), {}}, ttl);
}

void dns_answers::finish(const key& question, flight& own, dns_outcome outcome, std::chrono::seconds ttl) {
  const auto now = clock::now();
  outcome.expires = now + ttl;
  const auto shared = std::make_shared<const dns_outcome>(std::move(outcome));
  if (shared->error != errc::cancelled) {
    log_change(question, *shared, ttl);
    cache_.put(question, shared, now, ttl);
  }
  own.outcome = shared;
  if (const auto found = flights_.find(question); found != flights_.end() && found->second.get() == &own)
    flights_.erase(found);
  for (const auto& each : std::exchange(own.waiting, {}))
    if (const auto timer = each.lock()) timer->cancel();
}

void dns_answers::log_change(const key& question, const dns_outcome& now, std::chrono::seconds ttl) const {
  if (!log_) return;
  const auto* before = cache_.any(question);
  const bool changed = !before || !same(*before->value, now);
  const bool failed = now.error.failed() || now.answer.state == policy::dns_answer::status::unusable;
  const auto level = !changed ? log_level::debug : failed ? log_level::warning : log_level::info;
  if (level < log_->level()) return;
  const auto& answer = now.answer;
  std::string line = "dns.answer name=" + question.first + " type=" + std::string(policy::name_of(question.second));
  line += " state=" + std::string(now.error ? "failed" : name_of(answer.state));
  line += " records=" + std::to_string(answer.srv.size() + answer.a.size() + answer.aaaa.size());
  line += " ttl=" + std::to_string(ttl.count());
  if (now.error) line += " error=\"" + now.error.message() + "\"";
  if (!now.note.empty()) line += " note=\"" + now.note + "\"";
  log_->write(level, line);
}

void dns_answers::replace(const dns_options& dns, const std::function<bool(const key&)>& keep) {
  limits_ = limits_of(dns);
  channel_ = std::make_shared<io::ares_channel>(executor_, dns);
  std::erase_if(channels_, [](const auto& each) { return each.expired(); });
  channels_.push_back(channel_);
  cache_.keep_only([&](const key& question, const outcome_ptr& known) { return !known->error && keep(question); });
}

void dns_answers::close() {
  for (const auto& each : channels_)
    if (const auto channel = each.lock()) channel->close();
}

}  // namespace bunraku::engine
