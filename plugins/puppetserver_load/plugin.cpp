// The less busy of two compilers, by their own metrics: see README.md.
#include "json/reading.hpp"
#include "puppetserver_load/load.hpp"

#include <random>

namespace puppetserver_load {
namespace {

using plugin::view;

struct chooser {
  two_choices two{std::random_device{}()};
  std::uint32_t keep_ms = 10000;
  std::string path{metrics_path};
};

std::int32_t score(void* self, const bunraku_plan* plan, std::int64_t* scores) {
  std::vector<two_choices::candidate> all;
  for (std::size_t i = 0; i != plan->count; ++i) {
    const auto& c = *plan->candidates[i];
    all.push_back({.name = std::string(view(c.master->host)) + ' ' + std::to_string(c.master->port),
                   .group = c.group,
                   .load = c.load_age_ms < 0 ? std::nullopt : std::optional(c.load)});
  }
  if (all.empty()) return BUNRAKU_PLUGIN_NOTHING;
  const auto said = static_cast<chooser*>(self)->two.choose(std::string(view(plan->service)), all, plan->probed != 0);
  std::ranges::copy(said.scores, scores);
  return said.ask ? BUNRAKU_PLUGIN_ASK : BUNRAKU_PLUGIN_OK;
}

std::int32_t question(void* self, bunraku_text, bunraku_writer* path, std::uint32_t* keep_ms) {
  const auto& c = *static_cast<chooser*>(self);
  plugin::write(*path, c.path);
  *keep_ms = c.keep_ms;
  return BUNRAKU_PLUGIN_OK;
}

std::int32_t judge(void*, const bunraku_plugin_master*, std::uint32_t status, bunraku_text body, double* load) {
  const auto found = load_of(status, view(body));
  if (!found) return BUNRAKU_PLUGIN_NOTHING;
  *load = *found;
  return BUNRAKU_PLUGIN_OK;
}

std::int32_t create(const bunraku_host* host, bunraku_text settings, void** self) {
  const auto refuse = [&](const std::string& why) { return plugin::explain(*host, why), BUNRAKU_PLUGIN_FAILED; };
  const auto read = plugin::object_in(view(settings));
  if (!read) return refuse(read.error());
  if (const auto key = plugin::unknown_key(*read, {"keep_seconds", "service_name"}); !key.empty())
    return refuse("it has no key `" + key + "`, only `keep_seconds` and `service_name`");
  chooser made;
  if (const auto* const given = read->if_contains("keep_seconds")) {
    if (!given->is_int64() || given->get_int64() < 10 || given->get_int64() > 3600)
      return refuse("`keep_seconds` is no number from 10 to 3600");
    made.keep_ms = static_cast<std::uint32_t>(given->get_int64() * 1000);
  }
  if (const auto* const given = read->if_contains("service_name")) {
    const bool fits =
        given->is_string() && !given->get_string().empty() && given->get_string().size() <= 64 &&
        std::ranges::all_of(given->get_string(), [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    if (!fits) return refuse("`service_name` is none of puppetserver's, as \"jruby-metrics\" or \"pe-jruby-metrics\"");
    made.path = "/status/v1/services/" + std::string(given->get_string()) + "?level=debug";
  }
  *self = new chooser(std::move(made));
  return BUNRAKU_PLUGIN_OK;
}

const bunraku_policy policy{.size = sizeof(bunraku_policy), .score = score};
const bunraku_probe probe{.size = sizeof(bunraku_probe), .question = question, .judge = judge};

const bunraku_plugin table{.size = sizeof(bunraku_plugin),
                           .abi = BUNRAKU_PLUGIN_ABI,
                           .name = "puppetserver_load",
                           .version = "1.0",
                           .about = "chooses the less busy of two puppetservers by their JRuby metrics",
                           .create = create,
                           .destroy = [](void* self) { delete static_cast<chooser*>(self); },
                           .status = nullptr,
                           .control = nullptr,
                           .source = nullptr,
                           .policy = &policy,
                           .probe = &probe,
                           .observer = nullptr};

}  // namespace
}  // namespace puppetserver_load

extern "C" const bunraku_plugin* bunraku_plugin_entry(std::uint32_t host_abi) {
  return host_abi == BUNRAKU_PLUGIN_ABI ? &puppetserver_load::table : nullptr;
}
