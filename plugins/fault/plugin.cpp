// Faults on purpose, for drills: see README.md.
#include "fault/rules.hpp"
#include "fault/state_file.hpp"
#include "json/reading.hpp"

#include <map>
#include <memory>
#include <new>
#include <random>

namespace fault {
namespace {

namespace json = boost::json;
using plugin::text;
using plugin::view;

class faults {
 public:
  faults(const bunraku_host& host, std::string path) : host_(host), file_(std::move(path)) { look(); }

  std::int32_t interfere(const bunraku_moment& when, bunraku_fault& into) {
    look();
    if (file_.rules().empty()) return BUNRAKU_PLUGIN_NOTHING;
    const auto* const rule = choose(file_.rules(), when, std::chrono::system_clock::now(), chance_());
    if (rule == nullptr) return BUNRAKU_PLUGIN_NOTHING;
    ++hits_[rule->name];
    name_ = "fault plugin, rule " + rule->name;
    into.kind = rule->kind;
    into.delay_ms = rule->delay_ms;
    into.at_byte = rule->at_byte;
    into.status = rule->status;
    into.certificate = rule->certificate;
    into.headers = text(rule->headers);
    into.body = text(rule->body);
    into.name = text(name_);
    return BUNRAKU_PLUGIN_OK;
  }

  void status(const bunraku_writer& to) {
    look();
    json::object out{{"state", file_.path()}};
    if (!file_.trouble().empty()) out["trouble"] = file_.trouble();
    out["faults"] = list();
    plugin::write(to, json::serialize(out));
  }

  /// {"set": [...]}, {"add": {...}}, {"remove": "NAME"}, {"clear": true} or {"list": true}
  std::int32_t control(std::string_view order, const bunraku_writer& answer) {
    const auto now = std::chrono::system_clock::now();
    look();
    auto rules = current(now);
    if (auto why = apply(order, now, rules); !why.empty()) return refuse(why);
    if (rules != file_.rules()) {
      if (auto why = file_.replace(std::move(rules)); !why.empty()) return refuse(why);
      tell();
    }
    plugin::write(answer, json::serialize(json::object{{"faults", list()}}));
    return BUNRAKU_PLUGIN_OK;
  }

 private:
  std::int32_t refuse(const std::string& why) const {
    plugin::explain(host_, why);
    return BUNRAKU_PLUGIN_FAILED;
  }

  std::vector<rule> current(wall now) const {
    auto out = file_.rules();
    std::erase_if(out, [&](const rule& r) { return r.until <= now; });
    return out;
  }

  static std::string apply(std::string_view order, wall now, std::vector<rule>& rules) {
    const auto read = plugin::object_in(order);
    if (!read) return read.error();
    if (read->size() != 1) return "say one of set, add, remove, clear and list";
    const auto& [key, value] = *read->begin();
    if (key == "list") return {};
    if (key == "clear") return rules.clear(), "";
    if (key == "remove" && value.is_string()) {
      const std::string name(value.get_string());
      return std::erase_if(rules, [&](const rule& r) { return r.name == name; }) == 0
                 ? "there is no fault `" + name + "`"
                 : "";
    }
    json::array given;
    if (key == "add" && value.is_object()) given.push_back(value);
    else if (key == "set" && value.is_array()) given = value.get_array();
    else return "say one of set (an array), add (an object), remove (a name), clear and list";
    if (key == "set") rules.clear();
    for (const auto& each : given) {
      if (!each.is_object()) return "a fault is an object";
      auto one = parse_rule(each.get_object(), now);
      if (!one) return one.error();
      std::erase_if(rules, [&](const rule& r) { return r.name == one->name; });
      rules.push_back(std::move(*one));
    }
    return rules.size() > most_rules ? "there would be more than 64 faults" : "";
  }

  json::array list() const {
    json::array out;
    const auto now = std::chrono::system_clock::now();
    for (const auto& r : current(now)) {
      auto one = to_json(r);
      one["left_seconds"] = std::chrono::ceil<std::chrono::seconds>(r.until - now).count();
      const auto hits = hits_.find(r.name);
      one["hits"] = hits == hits_.end() ? 0 : hits->second;
      out.push_back(std::move(one));
    }
    return out;
  }

  void look() {
    if (!file_.look(std::chrono::system_clock::now())) return;
    if (!file_.trouble().empty())
      plugin::log(host_, BUNRAKU_LOG_WARNING,
                  "fault.file file=" + file_.path() + " problem='" + file_.trouble() +
                      "' the faults before it go on to their ends");
    else tell();
  }

  /// Nobody should have to wonder why things break.
  void tell() const {
    std::string line = "fault.set count=" + std::to_string(file_.rules().size());
    for (const auto& r : file_.rules()) line += " " + r.name + " until=" + to_string(r.until);
    plugin::log(host_, BUNRAKU_LOG_WARNING, line);
  }

  const bunraku_host& host_;
  state_file file_;
  std::map<std::string, std::uint64_t> hits_;
  std::mt19937_64 chance_{std::random_device{}()};
  std::string name_;
};

std::int32_t create(const bunraku_host* host, bunraku_text settings, void** self) {
  const auto read = plugin::object_in(view(settings));
  if (!read) return plugin::explain(*host, read.error()), BUNRAKU_PLUGIN_FAILED;
  std::string path = default_path();
  if (const auto* const given = read->if_contains("state")) {
    if (!given->is_string() || !given->get_string().starts_with('/'))
      return plugin::explain(*host, "`state` is no absolute path"), BUNRAKU_PLUGIN_FAILED;
    path = std::string(given->get_string());
  }
  if (const auto key = plugin::unknown_key(*read, {"state"}); !key.empty())
    return plugin::explain(*host, "it has no key `" + key + "`, only `state`"), BUNRAKU_PLUGIN_FAILED;
  *self = new faults(*host, std::move(path));
  return BUNRAKU_PLUGIN_OK;
}

const bunraku_observer observer{
    .size = sizeof(bunraku_observer),
    .interfere = [](void* self, const bunraku_moment* when,
                    bunraku_fault* into) { return static_cast<faults*>(self)->interfere(*when, *into); },
    .see = nullptr};

const bunraku_plugin table{
    .size = sizeof(bunraku_plugin),
    .abi = BUNRAKU_PLUGIN_ABI,
    .name = "fault",
    .version = "1.0",
    .about =
        "injects faults for a time: refuse, blackhole, bad_certificate, hang, reset, status, delay, dns_silent, "
        "dns_lie",
    .create = create,
    .destroy = [](void* self) { delete static_cast<faults*>(self); },
    .status =
        [](void* self, bunraku_writer* to) {
          static_cast<faults*>(self)->status(*to);
          return BUNRAKU_PLUGIN_OK;
        },
    .control = [](void* self, bunraku_text order,
                  bunraku_writer* answer) { return static_cast<faults*>(self)->control(view(order), *answer); },
    .source = nullptr,
    .policy = nullptr,
    .probe = nullptr,
    .observer = &observer};

}  // namespace
}  // namespace fault

extern "C" const bunraku_plugin* bunraku_plugin_entry(std::uint32_t host_abi) {
  return host_abi == BUNRAKU_PLUGIN_ABI ? &fault::table : nullptr;
}
