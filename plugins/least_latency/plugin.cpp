// The master whose first byte comes soonest goes first: see README.md.
#include "json/reading.hpp"
#include "least_latency/latency.hpp"

namespace least_latency {
namespace {

namespace json = boost::json;
using plugin::view;
using clock = std::chrono::steady_clock;

/// Ten per cent are no difference: nodes keep to their own masters, whose caches are warm, until one is really slower.
constexpr std::int64_t step = 100;

std::string name_of(bunraku_text host, std::uint16_t port) {
  return std::string(view(host)) + ' ' + std::to_string(port);
}

std::int32_t score(void* self, const bunraku_plan* plan, std::int64_t* scores) {
  std::vector<std::string> masters;
  for (std::size_t i = 0; i != plan->count; ++i)
    masters.push_back(name_of(plan->candidates[i]->master->host, plan->candidates[i]->master->port));
  const auto costs = static_cast<latency*>(self)->costs(std::string(view(plan->service)), masters, clock::now());
  for (std::size_t i = 0; i != costs.size(); ++i) scores[i] = (costs[i] - 1000) / step;
  return BUNRAKU_PLUGIN_OK;
}

void see(void* self, const bunraku_seen* event) {
  const bool told = event->what == BUNRAKU_SEEN_OUTCOME && event->outcome == BUNRAKU_OUTCOME_ANSWERED;
  if (!told || event->first_byte_us == 0) return;
  static_cast<latency*>(self)->learn(
      std::string(view(event->service)), std::string(view(event->endpoint)), name_of(event->host, event->port),
      std::chrono::microseconds(static_cast<std::int64_t>(event->first_byte_us)), clock::now());
}

std::int32_t status(void* self, bunraku_writer* to) {
  json::array out;
  for (const auto& l : static_cast<latency*>(self)->lines(clock::now()))
    out.push_back(json::object{{"service", l.service},
                               {"request", l.kind},
                               {"master", l.master},
                               {"first_byte_ms", static_cast<double>(l.mean.count()) / 1000}});
  plugin::write(*to, json::serialize(json::object{{"means", std::move(out)}}));
  return BUNRAKU_PLUGIN_OK;
}

std::int32_t create(const bunraku_host* host, bunraku_text settings, void** self) {
  const auto read = plugin::object_in(view(settings));
  if (!read) return plugin::explain(*host, read.error()), BUNRAKU_PLUGIN_FAILED;
  if (const auto key = plugin::unknown_key(*read, {"decay_minutes"}); !key.empty())
    return plugin::explain(*host, "it has no key `" + key + "`, only `decay_minutes`"), BUNRAKU_PLUGIN_FAILED;
  std::int64_t minutes = 60;
  if (const auto* const given = read->if_contains("decay_minutes")) {
    if (!given->is_int64() || given->get_int64() < 1 || given->get_int64() > 10080)
      return plugin::explain(*host, "`decay_minutes` is no number from 1 to 10080"), BUNRAKU_PLUGIN_FAILED;
    minutes = given->get_int64();
  }
  *self = new latency(std::chrono::minutes(minutes));
  return BUNRAKU_PLUGIN_OK;
}

const bunraku_policy policy{.size = sizeof(bunraku_policy), .score = score};
const bunraku_observer observer{.size = sizeof(bunraku_observer), .interfere = nullptr, .see = see};

const bunraku_plugin table{.size = sizeof(bunraku_plugin),
                           .abi = BUNRAKU_PLUGIN_ABI,
                           .name = "least_latency",
                           .version = "1.0",
                           .about = "puts the master first whose answers begin soonest",
                           .create = create,
                           .destroy = [](void* self) { delete static_cast<latency*>(self); },
                           .status = status,
                           .control = nullptr,
                           .source = nullptr,
                           .policy = &policy,
                           .probe = nullptr,
                           .observer = &observer};

}  // namespace
}  // namespace least_latency

extern "C" const bunraku_plugin* bunraku_plugin_entry(std::uint32_t host_abi) {
  return host_abi == BUNRAKU_PLUGIN_ABI ? &least_latency::table : nullptr;
}
