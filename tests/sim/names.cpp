#include "names.hpp"

#include "policy/answer_file.hpp"
#include "policy/srv_source.hpp"

#include <bunraku/error.hpp>

#include <algorithm>

namespace sim {
namespace {

using bunraku::source_answer;
using bunraku::source_kind;
using bunraku::policy::dns_answer;
using bunraku::policy::dns_decision;
using bunraku::policy::dns_outcome;
using bunraku::policy::dns_question;
using bunraku::policy::dns_type;
using bunraku::policy::srv_name_answer;
using action = dns_decision::action;
using failure = dns_outcome::failure;

constexpr std::size_t most_answers = 4096;
constexpr duration try_timeout = 1s;

/// engine/dns_answers' error_of.
boost::system::error_code error_of(failure how) {
  switch (how) {
    case failure::none: return {};
    case failure::silence: return bunraku::errc::dns_timeout;
    case failure::refusal:
    case failure::no_socket: return bunraku::errc::dns_failed;
    case failure::malformed: return bunraku::errc::dns_malformed;
    case failure::cancelled: break;
  }
  return bunraku::errc::cancelled;
}

srv_name_answer name_answer(const std::string& name, const dns_outcome& outcome) {
  srv_name_answer said;
  said.name = name;
  said.error = error_of(outcome.failed);
  using enum dns_answer::status;
  if (said.error || outcome.answer.state == unusable) said.state = source_answer::status::failed;
  else if (outcome.answer.state == absent) said.state = source_answer::status::absent;
  else if (outcome.answer.state == found) said.state = source_answer::status::answered;
  for (const auto& r : outcome.answer.srv)
    said.masters.emplace_back(r.target, r.port, source_kind::srv, r.priority, r.weight);
  return said;
}

source_answer list_answer(const bunraku::source& from) {
  source_answer a;
  a.kind = from.kind();
  a.masters = from.masters();
  a.state = a.masters.empty() ? source_answer::status::empty : source_answer::status::answered;
  return a;
}

}  // namespace

names::names(world& of, std::vector<bunraku::service_options> services, const bunraku::policy::answer_rules& rules,
             answer_disk& disk, std::uint64_t seed)
    : world_(of),
      services_(std::make_shared<const std::vector<bunraku::service_options>>(std::move(services))),
      book_(rules, most_answers),
      chance_(seed),
      disk_(disk),
      pace_(of.now()),
      keep_(*this) {
  load();
}

void names::replace(std::vector<bunraku::service_options> services) {
  services_ = std::make_shared<const std::vector<bunraku::service_options>>(std::move(services));
  book_.replace(book_.rules());
}

const source_answer* names::cached_source(bunraku::service s, std::size_t index) {
  const auto& from = (*services_)[index_of(s)].sources[index];
  if (from.kind() != source_kind::srv) {
    known_ = list_answer(from);
    return &known_;
  }
  std::vector<srv_name_answer> learned;
  for (;;) {
    auto verdict = bunraku::policy::srv_source_answer(from.owner_names(), learned, s == bunraku::service::ca);
    if (verdict) {
      known_ = std::move(*verdict);
      return &known_;
    }
    const auto& name = from.owner_names()[learned.size()];
    const auto decision = at_once({name, dns_type::srv});
    if (!decision) return nullptr;
    learned.push_back(name_answer(name, *decision->outcome));
  }
}

task<source_answer> names::source(bunraku::service s, std::size_t index) {
  if (const auto* known = cached_source(s, index)) co_return *known;
  const auto began_with = services_;
  const auto& from = (*began_with)[index_of(s)].sources[index];
  std::vector<srv_name_answer> learned;
  for (;;) {
    auto verdict = bunraku::policy::srv_source_answer(from.owner_names(), learned, s == bunraku::service::ca);
    if (verdict) co_return std::move(*verdict);
    const auto& name = from.owner_names()[learned.size()];
    const auto decision = co_await wait({name, dns_type::srv});
    if (decision.outcome->failed == failure::cancelled) {
      source_answer none;
      none.state = source_answer::status::failed;
      none.error = bunraku::errc::cancelled;
      co_return none;
    }
    learned.push_back(name_answer(name, *decision.outcome));
  }
}

task<names::addresses> names::find(std::string host) {
  addresses out;
  const auto decision = co_await wait({std::move(host), dns_type::a});
  const auto& outcome = *decision.outcome;
  out.found = outcome.answer.a;
  if (outcome.failed != failure::none) out.error = error_of(outcome.failed);
  else if (out.found.empty()) out.error = bunraku::errc::no_address;
  co_return out;
}

void names::prepare_addresses(const bunraku::master& who) {
  const dns_question question{who.host(), dns_type::a};
  if (book_.decide(question, world_.now()).what != action::serve) ask(question);
}

std::optional<dns_decision> names::at_once(const dns_question& question) {
  auto decided = book_.decide(question, world_.now());
  if (decided.what == action::serve_and_ask) ask(question);
  if (decided.what != action::ask) return decided;
  const auto under_way = flights_.find(question);
  const bool waited = under_way != flights_.end() && world_.now() >= under_way->second->patience_ends;
  if (!waited || !decided.outcome) return std::nullopt;
  return decided;
}

task<dns_decision> names::wait(dns_question question) {
  auto decision = book_.decide(question, world_.now());
  if (decision.what == action::serve) co_return decision;
  const auto asked = ask(question);
  if (decision.what == action::serve_and_ask) co_return decision;
  if (!asked->over && (!decision.outcome || world_.now() < asked->patience_ends)) {
    sleeper sleep(world_.time);
    asked->waiting.push_back(&sleep);
    co_await sleep.until(decision.outcome ? asked->patience_ends : never);
    std::erase(asked->waiting, &sleep);
  }
  if (asked->over) co_return *asked->over;
  book_.waited_in_vain(world_.now());
  co_return decision;
}

std::shared_ptr<names::flight> names::ask(const dns_question& question) {
  if (const auto under_way = flights_.find(question); under_way != flights_.end()) return under_way->second;
  const auto own = std::make_shared<flight>();
  own->patience_ends = world_.now() + try_timeout;
  flights_.emplace(question, own);
  run(question, own);
  return own;
}

detached names::run(dns_question question, std::shared_ptr<flight> own) {
  dns_outcome outcome{{}, failure::cancelled, {}};
  bool truthful = false;
  if (!closed_) {
    world_.sends(packet::dns);
    const descriptor socket(world_);
    auto said = world_.dns.ask(question, world_.now());
    world_.trace([&] {
      return "dns     " + question.first + (question.second == dns_type::srv ? " SRV" : " A") + " -> " +
             (said.outcome.failed != failure::none
                  ? said.outcome.note
                  : std::to_string(said.outcome.answer.srv.size() + said.outcome.answer.a.size()) + " records") +
             (said.truthful ? "" : " (a lie)");
    });
    sleeper sleep(world_.time);
    own->packet = &sleep;
    const bool came = co_await sleep.until(said.at);
    own->packet = nullptr;
    truthful = came && said.truthful;
    if (came) outcome = std::move(said.outcome);
  }
  if (truthful) seen_[question] = world_.now();
  const bool cancelled = outcome.failed == failure::cancelled;
  const bool denies = outcome.failed == failure::none && outcome.answer.state != dns_answer::status::found;
  own->over = book_.learn(question, std::make_shared<const dns_outcome>(std::move(outcome)), world_.now(), chance_);
  const bool believed = own->over->standing == bunraku::policy::dns_standing::fresh;
  if (denies && !truthful && believed) seen_.erase(question);
  if (!cancelled) noticed();
  flights_.erase(question);
  for (auto* each : std::exchange(own->waiting, {})) each->wake_up();
}

void names::connect_failed(bunraku::service s, const bunraku::master& who) {
  for (const auto& from : (*services_)[index_of(s)].sources)
    for (const auto& name : from.owner_names()) book_.doubt({name, dns_type::srv});
  book_.doubt({who.host(), dns_type::a});
}

void names::all_failed(bunraku::service s) {
  for (const auto& from : (*services_)[index_of(s)].sources) {
    for (const auto& name : from.owner_names()) {
      const dns_question question{name, dns_type::srv};
      const auto said = book_.look(question, world_.now());
      const auto before = book_.revision();
      book_.believe_vanished(question);
      if (book_.revision() != before) seen_.erase(question);
      if (said && said->outcome->answer.state == dns_answer::status::found) break;
    }
  }
}

void names::close(bool killed) {
  closed_ = true;
  for (const auto& [question, each] : flights_)
    if (each->packet != nullptr) each->packet->wake_up();
  keep_.clear();
  if (pace_.due() && !killed) write();
}

void names::load() {
  const auto answers = bunraku::policy::read_answer_file(disk_.text);
  if (!answers) return;
  for (const auto& each : *answers) {
    const auto outcome = std::make_shared<const dns_outcome>(dns_outcome{each.answer, failure::none, {}});
    const auto age = std::chrono::duration_cast<duration>(world_.wall() - each.learned);
    book_.restore(each.question, outcome, world_.now() - age, world_.now());
    const bool says_so = each.answer.state == dns_answer::status::found;
    if (age < book_.rules().stale_for && says_so == world_.dns.has(each.question)) seen_[each.question] = world_.now();
  }
}

void names::noticed() {
  if (closed_) return;
  if (std::exchange(changes_, book_.changes()) != book_.changes()) pace_.changed(world_.now());
  else pace_.confirmed(world_.now());
  if (pace_.due() && !keep_.is_set()) keep_.set(*pace_.due());
}

void names::write() {
  std::vector<bunraku::policy::stored_answer> answers;
  for (auto& each : book_.worth_keeping(world_.now())) {
    const auto learned = std::chrono::floor<std::chrono::seconds>(world_.wall() - (world_.now() - each.learned));
    answers.push_back({std::move(each.question), each.outcome->answer, learned});
  }
  disk_.text = bunraku::policy::write_answer_file(answers);
  pace_.wrote(world_.now(), true);
}

}  // namespace sim
