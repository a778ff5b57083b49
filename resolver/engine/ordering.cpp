#include "engine/ordering.hpp"

#include "engine/reply_of.hpp"
#include "engine/unattended.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace bunraku::engine {
namespace net = boost::asio;

namespace {

/// What reloads and moving masters may leave behind.
constexpr std::size_t most_loads = 1024;

}  // namespace

ordering::ordering(net::any_io_executor executor, std::shared_ptr<policy::knowledge> learned,
                   std::shared_ptr<status_questions> questions, const resolver_options& options)
    : executor_(std::move(executor)), learned_(std::move(learned)), questions_(std::move(questions)) {
  replace(options);
}

void ordering::replace(const resolver_options& options) {
  who_ = options.extensions;
  const auto before = std::exchange(services_, {});
  for (const auto& s : options.services) services_.push_back({s.name, s.policy, s.probe});
  for (auto& [of, load] : std::exchange(loads_, {})) {
    if (of.first >= before.size()) continue;
    const auto now = std::ranges::find(services_, before[of.first].name, &named::name);
    if (now == services_.end() || now->probe != before[of.first].probe) continue;
    loads_.emplace(key(static_cast<std::uint16_t>(now - services_.begin()), of.second), load);
  }
  last_.clear();
}

bool ordering::is_still(service s, const named& by) const {
  return index_of(s) < services_.size() && services_[index_of(s)] == by;
}

bool ordering::has_a_choice(service s, const std::vector<master>& masters) const {
  if (masters.size() < 2) return false;
  const auto& picks = learned_->look_at_order(s, masters, clock::now());
  return picks.size() > 1 && picks.front().why != pick_reason::pinned;
}

plan_question ordering::question_for(service s, const std::vector<policy::pick>& picks,
                                     const std::vector<master>& masters) const {
  plan_question out;
  const auto now = clock::now();
  std::uint32_t group = 0;
  for (std::size_t i = 0; i != picks.size(); ++i) {
    if (i != 0 && picks[i].rank != picks[i - 1].rank) ++group;
    plan_candidate one{.who = masters[picks[i].index], .group = group};
    const auto known = loads_.find({index_of(s), one.who});
    if (known != loads_.end() && now < known->second.until) {
      one.load = known->second.load;
      one.load_age = std::chrono::duration_cast<std::chrono::milliseconds>(now - known->second.learned);
    }
    out.candidates.push_back(std::move(one));
  }
  return out;
}

net::awaitable<std::vector<std::int64_t>> ordering::scores(std::shared_ptr<ordering> self, service s,
                                                           std::vector<master> masters) {
  std::vector<std::int64_t> out;
  const auto who = self->who_;
  const auto named = self->services_[index_of(s)];
  for (const bool probed : {false, true}) {
    const auto picks = self->learned_->look_at_order(s, masters, clock::now());
    auto question = self->question_for(s, picks, masters);
    question.service = named.name;
    question.probed = probed;
    auto start = [who, executor = self->executor_, name = named.policy,
                  q = std::move(question)](extensions::handler<plan_scores> reply) mutable {
      who->score(executor, name, std::move(q), std::move(reply));
    };
    const auto said = co_await reply_of<plan_scores>(std::move(start));
    if (said.scores.size() != picks.size()) co_return out;
    if (said.what == plan_scores::kind::ask && !probed && !named.probe.empty()) {
      std::vector<master> whom;
      for (std::size_t i = 0; i != picks.size() && whom.size() != most_probed; ++i)
        if (said.scores[i] != 0) whom.push_back(masters[picks[i].index]);
      co_await probe(self, who, named, s, std::move(whom));
      continue;
    }
    if (said.what != plan_scores::kind::scores) co_return out;
    out.resize(masters.size());
    std::vector<std::pair<master, std::int64_t>> last;
    for (std::size_t i = 0; i != picks.size(); ++i) {
      out[picks[i].index] = said.scores[i];
      last.emplace_back(masters[picks[i].index], said.scores[i]);
    }
    if (self->is_still(s, named)) self->last_[index_of(s)] = std::move(last);
    co_return out;
  }
  co_return out;
}

net::awaitable<void> ordering::probe(std::shared_ptr<ordering> self, std::shared_ptr<extensions> who, named by,
                                     service s, std::vector<master> whom) {
  auto start = [who, executor = self->executor_, by](extensions::handler<probe_question> reply) {
    who->question(executor, by.probe, by.name, std::move(reply));
  };
  const auto what = co_await reply_of<probe_question>(std::move(start));
  if (what.path.empty() || whom.empty()) co_return;
  const auto of = std::make_shared<round>(self->executor_);
  of->left = whom.size();
  of->over.expires_after(2 * patience);  // asking ends well before, and judging by the plugin's own deadline
  for (const auto& each : whom) net::co_spawn(self->executor_, probe_one(self, by, s, each, what, of), unattended{});
  boost::system::error_code ended;
  co_await of->over.async_wait(net::redirect_error(net::use_awaitable, ended));
}

net::awaitable<void> ordering::probe_one(std::shared_ptr<ordering> self, named by, service s, master who,
                                         probe_question what, std::shared_ptr<round> of) {
  auto answer = co_await self->questions_->get(who, s, what.path, patience);
  if (answer && self->is_still(s, by)) {
    const auto extension = self->who_;
    const bool in_time = !answer->error && !answer->late;
    auto start =
        [extension, executor = self->executor_, name = by.probe,
         a = probe_answer{.who = who, .status = in_time ? answer->status : 0, .body = std::move(answer->body)}](
            extensions::handler<std::optional<double>> reply) mutable {
          if (a.status == 0) a.body.clear();
          extension->judge(executor, name, std::move(a), std::move(reply));
        };
    if (extension) {
      const auto load = co_await reply_of<std::optional<double>>(std::move(start));
      if (load && self->is_still(s, by)) self->learn(s, who, *load, what.keep);
    }
  }
  if (--of->left == 0) of->over.cancel();
}

void ordering::learn(service s, const master& who, double load, std::chrono::milliseconds keep) {
  const auto now = clock::now();
  if (loads_.size() >= most_loads) std::erase_if(loads_, [&](const auto& each) { return each.second.until <= now; });
  if (loads_.size() >= most_loads) return;
  // By chance up to half as much longer: nodes that asked at the same time do not go on doing so.
  const auto spread =
      std::chrono::milliseconds(learned_->any_number() % static_cast<std::uint64_t>(keep.count() / 2 + 1));
  loads_.insert_or_assign({index_of(s), who}, known_load{load, now, now + keep + spread});
}

std::vector<std::int64_t> ordering::last_scores(service s, const std::vector<master>& masters) const {
  const auto last = last_.find(index_of(s));
  std::vector<std::int64_t> out;
  if (!concerns(s) || last == last_.end()) return out;
  out.resize(masters.size());
  for (const auto& [who, score] : last->second) {
    const auto at = std::ranges::find(masters, who);
    if (at != masters.end()) out[static_cast<std::size_t>(at - masters.begin())] = score;
  }
  return out;
}

std::optional<double> ordering::load_of(service s, const master& who, clock::time_point now) const {
  const auto known = loads_.find({index_of(s), who});
  return known != loads_.end() && now < known->second.until ? std::optional(known->second.load) : std::nullopt;
}

}  // namespace bunraku::engine
