#include "engine/discovery.hpp"

#include "engine/address_lookup.hpp"
#include "engine/dns_answers.hpp"
#include "engine/reply_of.hpp"
#include "io/hosts_file.hpp"
#include "io/resolv_conf.hpp"
#include "policy/srv_source.hpp"

#include <bunraku/error.hpp>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace bunraku::engine {
namespace {

using clock = dns_answers::clock;
using status = source_answer::status;
using policy::dns_outcome;
using policy::dns_type;

policy::srv_name_answer name_answer(const std::string& name, const dns_answers::decision& served) {
  const auto& outcome = *served.outcome;
  policy::srv_name_answer said;
  said.name = name;
  said.state = status::failed;
  said.error = error_of(outcome.failed);
  said.note = outcome.note;
  if (said.error) return said;
  using enum policy::dns_answer::status;
  switch (outcome.answer.state) {
    case found:
      said.state = status::answered;
      for (const auto& srv : outcome.answer.srv)
        said.masters.emplace_back(srv.target, srv.port, source_kind::srv, srv.priority, srv.weight);
      break;
    case no_data:
    case no_such_name:
      said.state = status::empty;
      said.note = name + " has no SRV record" + (said.note.empty() ? "" : " (" + said.note + ")");
      break;
    case absent:
      said.state = status::absent;
      said.error = errc::service_absent;
      said.note = name + " says that the service is not offered (\".\")";
      break;
    case unusable:
      said.error = errc::dns_malformed;
      said.note = name + " has SRV records, but none can be used: " + said.note;
      break;
  }
  said.age = std::max(std::chrono::seconds(0), std::chrono::floor<std::chrono::seconds>(clock::now() - served.learned));
  said.stale = served.standing == policy::dns_standing::stale || served.standing == policy::dns_standing::vanished;
  said.from_disk = served.from_disk;
  if (said.stale) said.note += (said.note.empty() ? "" : "; ") + note_about(served);
  return said;
}

source_answer list_answer(const source& from) {
  source_answer answer;
  answer.kind = from.kind();
  answer.state = from.masters().empty() ? status::empty : status::answered;
  answer.asked = from.origin();
  answer.masters = from.masters();
  return answer;
}

source_answer unasked_answer(const source& from) {
  source_answer answer;
  answer.kind = from.kind();
  answer.asked = from.origin();
  return answer;
}

/// What a plugin said; if that is nothing, what it said before goes on.
source_answer plugin_answer(const source_answer& before, source_reply said) {
  auto answer = before;
  if (said.answered) {
    answer.state = said.masters.empty() ? status::empty : status::answered;
    answer.masters = std::move(said.masters);
    answer.stale = false;
    answer.error = {};
    answer.note.clear();
    return answer;
  }
  answer.note = said.note.empty() ? "plugin " + before.asked + " did not say" : std::move(said.note);
  answer.stale = !answer.masters.empty();
  if (!answer.stale) {
    answer.state = status::failed;
    answer.error = errc::no_masters;
  }
  return answer;
}

source_answer cancelled_answer() {
  source_answer answer;
  answer.state = status::failed;
  answer.error = errc::cancelled;
  answer.note = "cancelled while asking DNS";
  return answer;
}

constexpr std::chrono::seconds look_again{1};

/// A source's answer puts together what its names said, and lives as long as the first of them to expire.
class srv_collection {
 public:
  srv_collection(const source& from, bool failure_is_final) : from_(from), failure_is_final_(failure_is_final) {}

  std::optional<source_answer> verdict() const {
    return policy::srv_source_answer(from_.owner_names(), learned_, failure_is_final_);
  }
  dns_answers::key next() const { return {from_.owner_names()[learned_.size()], dns_type::srv}; }
  void learn(const dns_answers::decision& served) {
    learned_.push_back(name_answer(from_.owner_names()[learned_.size()], served));
    // While DNS is in trouble, somebody looks every now and then whether resolv.conf names other servers.
    const bool trouble = served.standing != policy::dns_standing::fresh;
    expires_ = std::min(expires_, trouble ? std::min(served.until, clock::now() + look_again) : served.until);
    asked_again_ = std::min(asked_again_, served.until);
  }
  clock::time_point expires() const noexcept { return expires_; }
  clock::time_point asked_again() const noexcept { return asked_again_; }

 private:
  const source& from_;
  bool failure_is_final_;
  std::vector<policy::srv_name_answer> learned_;
  clock::time_point expires_ = clock::time_point::max(), asked_again_ = clock::time_point::max();
};

/// A source without names is never asked.
std::chrono::seconds left_until(clock::time_point expires, clock::time_point now) {
  if (expires == clock::time_point::max()) return std::chrono::seconds(0);
  return std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(expires - now));
}

}  // namespace

struct discovery::state {
  /// The last answer of one source, put together.
  struct slot {
    source_answer answer;
    clock::time_point expires = clock::time_point::min();
    clock::time_point asked_again = clock::time_point::max();
    std::uint64_t revision = 0;  ///< of the answers it was put together from
    source_answer shown{};       ///< to onlookers
  };
  /// Services as configured, and beside each source its slot. Replaced as a whole, so that a coroutine which began
  /// under an older one can still read it.
  struct configuration {
    explicit configuration(std::vector<service_options> from) : services(std::move(from)), slots(services.size()) {
      for (std::size_t i = 0; i < services.size(); ++i) {
        for (const auto& each : services[i].sources) {
          if (each.kind() == source_kind::srv) slots[i].emplace_back();
          else if (each.kind() == source_kind::plugin) slots[i].push_back({.answer = unasked_answer(each)});
          else slots[i].push_back({.answer = list_answer(each)});
        }
      }
    }
    /// What a plugin said of a service goes on until it is asked anew, which is the next time: it may be another one
    /// now.
    void keep_what_plugins_said(const configuration& before) {
      for (std::size_t i = 0; i < services.size(); ++i) {
        const auto had = std::ranges::find(before.services, services[i].name, &service_options::name);
        if (had == before.services.end()) continue;
        const auto& said = before.slots[static_cast<std::size_t>(had - before.services.begin())];
        for (std::size_t j = 0; j < slots[i].size(); ++j) {
          const auto& from = services[i].sources[j];
          if (from.kind() != source_kind::plugin) continue;
          const auto same = std::ranges::find_if(said, [&](const slot& each) {
            return each.answer.kind == source_kind::plugin && each.answer.asked == from.origin();
          });
          if (same == said.end() || same->expires == clock::time_point::min()) continue;
          slots[i][j].answer = same->answer;
          slots[i][j].expires = slots[i][j].asked_again = clock::now();
        }
      }
    }
    bool has(service s, std::size_t index) const {
      return index_of(s) < services.size() && index < services[index_of(s)].sources.size();
    }
    const source& at(service s, std::size_t index) const { return services[index_of(s)].sources[index]; }
    slot& slot_at(service s, std::size_t index) { return slots[index_of(s)][index]; }

    std::vector<service_options> services;
    std::vector<std::vector<slot>> slots;
  };

  state(boost::asio::any_io_executor executor, std::vector<service_options> services, const dns_options& dns,
        std::shared_ptr<log_sink> log)
      : config(std::make_shared<configuration>(std::move(services))),
        answers(std::make_shared<dns_answers>(std::move(executor), dns, std::move(log))),
        hosts(std::make_shared<io::hosts_file>(dns.hosts_file)),
        resolv(std::make_shared<io::resolv_conf>(dns.resolv_conf)) {}

  const source_answer* cached(service s, std::size_t index);
  static boost::asio::awaitable<source_answer> ask(std::shared_ptr<state> self, service s, std::size_t index);
  static boost::asio::awaitable<source_answer> ask_plugin(std::shared_ptr<state> self,
                                                          std::shared_ptr<configuration> began_with, service s,
                                                          std::size_t index);

  std::shared_ptr<configuration> config;
  std::shared_ptr<dns_answers> answers;
  std::shared_ptr<io::hosts_file> hosts;
  std::shared_ptr<io::resolv_conf> resolv;  ///< for its search list
  std::shared_ptr<extensions> others{};     ///< for sources that are not built in
};

const source_answer* discovery::state::cached(service s, std::size_t index) {
  if (!config->has(s, index)) return nullptr;
  auto& known = config->slot_at(s, index);
  const auto& from = config->at(s, index);
  const auto now = clock::now();
  if (from.kind() == source_kind::plugin) {
    if (now >= known.expires) return nullptr;
    known.answer.ttl_left = left_until(known.expires, now);
    return &known.answer;
  }
  if (from.kind() != source_kind::srv) return &known.answer;

  if (now >= known.expires || known.revision != answers->revision()) {
    srv_collection names(from, s == service::ca);
    auto verdict = names.verdict();
    while (!verdict) {
      const auto said = answers->at_once(names.next());
      if (!said) return nullptr;
      names.learn(*said);
      verdict = names.verdict();
    }
    known.answer = std::move(*verdict);
    known.expires = names.expires();
    known.asked_again = names.asked_again();
    known.revision = answers->revision();
  }
  known.answer.ttl_left = left_until(known.asked_again, now);
  return &known.answer;
}

boost::asio::awaitable<source_answer> discovery::state::ask(std::shared_ptr<state> self, service s, std::size_t index) {
  const auto began_with = self->config;
  if (!began_with->has(s, index)) {
    source_answer none;
    none.note = "there is no such source";
    co_return none;
  }
  if (const auto* known = self->cached(s, index)) co_return *known;
  if (began_with->at(s, index).kind() == source_kind::plugin) {
    auto said = co_await ask_plugin(self, began_with, s, index);
    co_return said;
  }
  try {
    srv_collection names(began_with->at(s, index), s == service::ca);
    auto verdict = names.verdict();
    while (!verdict) {
      const auto said = co_await dns_answers::wait(self->answers, names.next());
      if (said.outcome->failed == dns_outcome::failure::cancelled) co_return cancelled_answer();
      names.learn(said);
      verdict = names.verdict();
    }
    verdict->ttl_left = left_until(names.asked_again(), clock::now());
    co_return std::move(*verdict);
  } catch (const std::exception&) {
    co_return cancelled_answer();  // a coroutine that was cancelled throws at its next wait
  }
}

boost::asio::awaitable<source_answer> discovery::state::ask_plugin(std::shared_ptr<state> self,
                                                                   std::shared_ptr<configuration> began_with, service s,
                                                                   std::size_t index) {
  source_reply said;
  if (const auto who = self->others) {
    auto start = [who, executor = self->answers->executor(), name = began_with->at(s, index).origin(),
                  of = began_with->services[index_of(s)].name](extensions::handler<source_reply> reply) {
      who->masters(executor, name, of, std::move(reply));
    };
    said = co_await reply_of<source_reply>(std::move(start));
  } else {
    said.note = "there are no plugins";
  }
  auto& slot = began_with->slot_at(s, index);
  const auto now = clock::now();
  slot.expires = now + (said.answered ? said.valid : std::chrono::milliseconds(look_again));
  slot.asked_again = slot.expires;
  slot.answer = plugin_answer(slot.answer, std::move(said));
  slot.answer.ttl_left = left_until(slot.expires, now);
  co_return slot.answer;
}

discovery::discovery(boost::asio::any_io_executor executor, std::vector<service_options> services, dns_options dns,
                     std::shared_ptr<log_sink> log)
    : state_(std::make_shared<state>(std::move(executor), std::move(services), dns, std::move(log))) {}

discovery::~discovery() { stop(); }

void discovery::stop() noexcept { state_->answers->close(); }

boost::asio::awaitable<source_answer> discovery::async_source(service s, std::size_t index) {
  return state::ask(state_, s, index);
}

const source_answer* discovery::cached_source(service s, std::size_t index) const { return state_->cached(s, index); }

const source_answer* discovery::last_source(service s, std::size_t index) const {
  auto& config = *state_->config;
  if (!config.has(s, index)) return nullptr;
  const auto& from = config.at(s, index);
  auto& seen = config.slot_at(s, index);
  if (from.kind() == source_kind::plugin) {
    if (seen.expires == clock::time_point::min()) return nullptr;
    seen.answer.ttl_left = left_until(seen.expires, clock::now());
  }
  if (from.kind() != source_kind::srv) return &seen.answer;
  srv_collection names(from, s == service::ca);
  auto verdict = names.verdict();
  while (!verdict) {
    const auto said = state_->answers->look(names.next());
    if (!said) return nullptr;
    names.learn(*said);
    verdict = names.verdict();
  }
  seen.shown = std::move(*verdict);
  seen.shown.ttl_left = left_until(names.asked_again(), clock::now());
  return &seen.shown;
}

void discovery::connect_failed(service s, const master& who) {
  const auto& config = *state_->config;
  for (std::size_t i = 0; i < source_count(s); ++i)
    for (const auto& name : config.at(s, i).owner_names()) state_->answers->doubt({name, dns_type::srv});
  doubt_addresses(*state_->answers, who.source() == source_kind::srv ? nullptr : state_->resolv.get(), who.host());
}

void discovery::all_failed(service s) {
  const auto& config = *state_->config;
  for (std::size_t i = 0; i < source_count(s); ++i)
    for (const auto& name : config.at(s, i).owner_names()) {
      const dns_answers::key question{name, dns_type::srv};
      const auto said = state_->answers->look(question);
      state_->answers->believe_vanished(question);
      // The masters of the names behind it were not tried: they are known to other services, perhaps.
      if (said && said->outcome->answer.state == policy::dns_answer::status::found) break;
    }
}

boost::asio::awaitable<discovery::address_answer> discovery::async_addresses(std::string host, source_kind from) {
  return find_addresses(state_->answers, state_->hosts, from == source_kind::srv ? nullptr : state_->resolv,
                        std::move(host));
}

void discovery::prepare_addresses(const master& who) {
  boost::system::error_code is_name;
  boost::asio::ip::make_address(who.host(), is_name);
  const bool relative = who.source() != source_kind::srv && !who.host().contains('.');
  if (!is_name || relative || !state_->hosts->find(who.host()).empty()) return;
  state_->answers->ask({who.host(), dns_type::aaaa});
  state_->answers->ask({who.host(), dns_type::a});
}

void discovery::replace(std::vector<service_options> services, dns_options dns) {
  const auto before = std::exchange(state_->config, std::make_shared<state::configuration>(std::move(services)));
  state_->config->keep_what_plugins_said(*before);
  std::set<std::string> names;
  for (const auto& each : state_->config->services)
    for (const auto& from : each.sources) names.insert(from.owner_names().begin(), from.owner_names().end());
  state_->answers->replace(dns, [&](const dns_answers::key& question) {
    return question.second != dns_type::srv || names.contains(question.first);
  });
  state_->hosts = std::make_shared<io::hosts_file>(dns.hosts_file);
  state_->resolv = std::make_shared<io::resolv_conf>(dns.resolv_conf);
}

void discovery::set_observers(std::shared_ptr<const observers> who) { state_->answers->set_observers(std::move(who)); }

void discovery::set_extensions(std::shared_ptr<extensions> who) { state_->others = std::move(who); }

std::size_t discovery::source_count(service s) const {
  const auto& services = state_->config->services;
  return index_of(s) < services.size() ? services[index_of(s)].sources.size() : 0;
}

}  // namespace bunraku::engine
