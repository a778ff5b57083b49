#include "engine/dns_answers.hpp"

#include "io/end_wait.hpp"
#include "policy/answer_words.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <ctime>
#include <exception>
#include <random>

namespace bunraku::engine {
namespace {

using action = policy::dns_decision::action;
using failure = policy::dns_outcome::failure;
using policy::dns_outcome;
using policy::dns_standing;

/// A host has four services and a few dozen masters; this only bounds what odd zones and reloads can pile up.
constexpr std::size_t max_answers = 4096;

policy::answer_rules rules_of(const dns_options& dns) {
  return {{dns.ttl_floor, dns.ttl_ceiling, dns.negative_ttl}, dns.stale_for, dns.vanished_for};
}

dns_outcome failed(failure how, std::string note) { return {{}, how, std::move(note)}; }

failure failure_of(const io::ares_channel::failure& from) {
  if (from.code == errc::cancelled) return failure::cancelled;
  if (from.no_socket) return failure::no_socket;
  return from.code == errc::dns_timeout ? failure::silence : failure::refusal;
}

failure failure_of(policy::dns_refusal::reason why) {
  return why == policy::dns_refusal::reason::server_error ? failure::refusal : failure::malformed;
}

std::string_view name_of(const dns_outcome& outcome) noexcept {
  using enum policy::dns_answer::status;
  if (outcome.failed != failure::none) return "failed";
  switch (outcome.answer.state) {
    case found: return "found";
    case no_data: return "no_data";
    case no_such_name: return "no_such_name";
    case absent: return "absent";
    case unusable: return "unusable";
  }
  return "?";
}

std::uint64_t any_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

boost::system::error_code error_of(policy::dns_outcome::failure how) noexcept {
  using enum policy::dns_outcome::failure;
  switch (how) {
    case none: return {};
    case silence: return errc::dns_timeout;
    case refusal:
    case no_socket: return errc::dns_failed;
    case malformed: return errc::dns_malformed;
    case cancelled: return errc::cancelled;
  }
  return errc::dns_failed;
}

std::string note_about(const policy::dns_decision& served) {
  if (served.standing == dns_standing::fresh || !served.outcome) return {};
  const auto age = std::max(std::chrono::steady_clock::duration(0), std::chrono::steady_clock::now() - served.learned);
  const auto now = std::chrono::system_clock::now();
  const auto stamp =
      std::chrono::system_clock::to_time_t(now - std::chrono::duration_cast<std::chrono::system_clock::duration>(age));
  const auto today = std::chrono::system_clock::to_time_t(now);
  std::tm then{}, here{};
  ::localtime_r(&stamp, &then);
  ::localtime_r(&today, &here);
  const bool same_day = then.tm_yday == here.tm_yday && then.tm_year == here.tm_year;
  char text[32];
  const auto size = std::strftime(text, sizeof text, same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
  return policy::note_about(served, std::chrono::floor<std::chrono::seconds>(age), {text, size});
}

dns_answers::dns_answers(boost::asio::any_io_executor executor, const dns_options& dns, std::shared_ptr<log_sink> log)
    : executor_(std::move(executor)),
      log_(std::move(log)),
      book_(std::make_shared<policy::answer_book>(rules_of(dns), max_answers)),
      chance_(any_seed()),
      channel_(std::make_shared<io::ares_channel>(executor_, dns)),
      channels_{channel_},
      patience_(channel_->try_timeout()) {
  open_store(dns);
}

void dns_answers::open_store(const dns_options& dns) {
  const auto path = dns.stale_for > std::chrono::seconds(0) ? dns.store_file : std::string{};
  const bool same =
      kept_ ? kept_->path() == path && kept_->was_made_read_only() == dns.store_is_read_only : path.empty();
  if (same) return;
  if (kept_) kept_->close(*book_);
  kept_ = path.empty() ? nullptr : std::make_shared<kept_answers>(executor_, path, dns.store_is_read_only, log_);
  if (kept_) kept_->load_into(*book_);
}

dns_answers::decision dns_answers::decide(const key& question) {
  const auto now = clock::now();
  auto decided = book_->decide(question, now);
  if (decided.what == action::serve && decided.standing != dns_standing::fresh && channel_->has_other_servers()) {
    book_->forget_failures();
    decided = book_->decide(question, now);
  }
  return decided;
}

std::optional<dns_answers::decision> dns_answers::at_once(const key& question) {
  auto decided = decide(question);
  if (decided.what == action::serve_and_ask) begin(question);
  if (decided.what != action::ask) return decided;
  const auto under_way = flights_.find(question);
  if (under_way == flights_.end() || !decided.outcome || clock::now() < under_way->second->patience_ends)
    return std::nullopt;
  return decided;
}

dns_answers::inquiry dns_answers::ask(const key& question) {
  auto decided = decide(question);
  if (decided.what == action::serve) return {std::move(decided), nullptr};
  auto under_way = begin(question);
  if (decided.what == action::serve_and_ask) return {std::move(decided), nullptr};
  return {std::move(decided), std::move(under_way)};
}

std::shared_ptr<dns_answers::flight> dns_answers::begin(const key& question) {
  if (const auto under_way = flights_.find(question); under_way != flights_.end()) return under_way->second;
  const auto own = std::make_shared<flight>();
  own->patience_ends = clock::now() + patience_;
  flights_.emplace(question, own);
  try {
    boost::asio::co_spawn(executor_, run(shared_from_this(), question, own),
                          [self = shared_from_this(), question, own](const std::exception_ptr& thrown) {
                            if (thrown && !own->said)
                              self->finish(question, *own, failed(failure::refusal, "out of memory"));
                          });
  } catch (...) {
    flights_.erase(question);  // it never began: whoever has the same question must not wait for it
    throw;
  }
  return own;
}

boost::asio::awaitable<dns_answers::decision> dns_answers::wait(std::shared_ptr<dns_answers> self, key question) {
  const auto asked = self->ask(question);
  if (const auto* known = asked.said(clock::now())) co_return *known;
  const auto timer = std::make_shared<boost::asio::steady_timer>(self->executor_, asked.patience_ends());
  asked.wake(timer);
  co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (const auto* said = asked.said(clock::now())) {
    if (!asked.is_over()) self->waited_in_vain();
    co_return *said;
  }
  decision none;
  none.what = action::serve;
  none.outcome = std::make_shared<dns_outcome>(failed(failure::cancelled, "cancelled while waiting for DNS"));
  co_return none;
}

boost::asio::awaitable<void> dns_answers::run(std::shared_ptr<dns_answers> self, key question,
                                              std::shared_ptr<flight> own) {
  const auto& [text, type] = question;
  const auto name = policy::dns_name::from_text(text);
  if (!name) {
    self->finish(question, *own, failed(failure::malformed, "'" + text + "' is not a domain name"));
    co_return;
  }
  if (self->watched_by_) {
    const bool played = co_await play(self, question, own);
    if (played) co_return;
  }
  std::expected<policy::dns_answer, policy::dns_refusal> read;  // the last reply
  const auto is_believed = [&](std::span<const std::uint8_t> wire) {
    read = policy::read_dns_answer(wire, *name, type);
    return read.has_value();
  };
  auto channel = self->channel_;
  auto said = co_await channel->query(text, type, is_believed);
  while (!said && channel != self->channel_) {  // a reload named others meanwhile: what they say counts from now on
    channel = self->channel_;
    said = co_await channel->query(text, type, is_believed);
  }
  if (!said) {
    self->finish(question, *own, failed(failure_of(said.error()), said.error().note));
    co_return;
  }
  if (!read) {
    auto note = text + " " + std::string(policy::name_of(type)) + ": " + read.error().what + " (from " + *said + ")";
    self->finish(question, *own, failed(failure_of(read.error().why), std::move(note)));
    co_return;
  }
  auto note = read->note;
  self->finish(question, *own, {std::move(*read), failure::none, std::move(note)});
}

void dns_answers::finish(const key& question, flight& own, dns_outcome outcome) {
  const auto shared = std::make_shared<const dns_outcome>(std::move(outcome));
  const auto before = book_->last(question);
  own.said = book_->learn(question, shared, clock::now(), chance_);
  if (shared->failed != failure::cancelled) {
    log_change(question, before.get(), *own.said);
    if (kept_) kept_->noticed(book_);
  }
  if (const auto found = flights_.find(question); found != flights_.end() && found->second.get() == &own)
    flights_.erase(found);
  for (const auto& each : std::exchange(own.waiting, {}))
    if (const auto timer = each.lock()) timer->cancel();
}

void dns_answers::log_change(const key& question, const dns_outcome* before, const decision& served) const {
  if (!log_) return;
  const auto& said = served.trouble ? *served.trouble : *served.outcome;
  const bool changed = !before || !same_content(*before, said);
  const bool bad = served.standing != dns_standing::fresh || said.answer.state == policy::dns_answer::status::unusable;
  const auto level = !changed ? log_level::debug : bad ? log_level::warning : log_level::info;
  if (level < log_->level()) return;
  const auto& answer = said.answer;
  std::string line = "dns.answer name=" + question.first + " type=" + std::string(policy::name_of(question.second));
  line += " state=" + std::string(name_of(said));
  line += " records=" + std::to_string(answer.srv.size() + answer.a.size() + answer.aaaa.size());
  const auto left = std::chrono::ceil<std::chrono::seconds>(served.until - clock::now());
  line += " ttl=" + std::to_string(left.count());
  if (served.trouble) line += " serving=\"" + note_about(served) + "\"";
  else if (!said.note.empty()) line += " note=\"" + said.note + "\"";
  log_->write(level, line);
}

void dns_answers::replace(const dns_options& dns, const std::function<bool(const key&)>& keep) {
  book_->replace(rules_of(dns));
  book_->keep_only(keep);
  channel_ = std::make_shared<io::ares_channel>(executor_, dns);
  patience_ = channel_->try_timeout();
  std::erase_if(channels_, [](const auto& each) { return each.expired(); });
  channels_.push_back(channel_);
  open_store(dns);
}

void dns_answers::close() noexcept {
  for (const auto& each : channels_)
    if (const auto channel = each.lock()) channel->close();
  for (auto& each : silences_) io::end_wait(each);
  closed_ = true;
  if (kept_) kept_->close(*book_);
}

}  // namespace bunraku::engine
