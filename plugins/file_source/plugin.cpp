// Masters from a file that others keep: see README.md.
#include "file_source/masters_file.hpp"
#include "json/reading.hpp"

namespace file_source {
namespace {

namespace json = boost::json;
using plugin::text;
using plugin::view;

class source {
 public:
  source(const bunraku_host& host, std::string path) : host_(host), file_(std::move(path)) {}

  std::int32_t masters(std::string_view service, const bunraku_masters& into, std::uint32_t& valid_ms) {
    look();
    valid_ms = 1000;
    if (file_.known() == nullptr) {
      plugin::explain(host_, file_.path() + ": " + file_.trouble());
      return BUNRAKU_PLUGIN_FAILED;
    }
    const auto found = file_.known()->find(service);
    if (found == file_.known()->end()) return BUNRAKU_PLUGIN_OK;
    for (const auto& m : found->second) {
      const bunraku_plugin_master one{.size = sizeof(bunraku_plugin_master),
                                      .host = text(m.host),
                                      .port = m.port,
                                      .priority = m.priority,
                                      .weight = m.weight};
      into.add(into.to, &one);
    }
    return BUNRAKU_PLUGIN_OK;
  }

  void status(const bunraku_writer& to) const {
    json::object out{{"file", file_.path()}};
    if (!file_.trouble().empty()) out["trouble"] = file_.trouble();
    json::object counts;
    if (file_.known() != nullptr)
      for (const auto& [service, masters] : *file_.known()) counts[service] = masters.size();
    out["masters"] = std::move(counts);
    plugin::write(to, json::serialize(out));
  }

 private:
  void look() {
    if (!file_.look()) return;
    if (file_.trouble().empty()) plugin::log(host_, BUNRAKU_LOG_INFO, "file_source.read file=" + file_.path());
    else
      plugin::log(host_, BUNRAKU_LOG_WARNING,
                  "file_source.kept file=" + file_.path() + " problem='" + file_.trouble() +
                      "' the masters before it " + (file_.known() == nullptr ? "were none" : "stay"));
  }

  const bunraku_host& host_;
  masters_file file_;
};

std::int32_t create(const bunraku_host* host, bunraku_text settings, void** self) {
  const auto refuse = [&](const std::string& why) { return plugin::explain(*host, why), BUNRAKU_PLUGIN_FAILED; };
  const auto read = plugin::object_in(view(settings));
  if (!read) return refuse(read.error());
  if (const auto key = plugin::unknown_key(*read, {"masters"}); !key.empty())
    return refuse("it has no key `" + key + "`, only `masters`");
  const auto* const path = read->if_contains("masters");
  if (path == nullptr || !path->is_string() || !path->get_string().starts_with('/'))
    return refuse("`masters` must be the absolute path of a file, .toml or .json");
  const std::string_view name = path->get_string();
  if (!name.ends_with(".toml") && !name.ends_with(".json")) return refuse("`masters` must end with .toml or .json");
  // A file that is not there yet, or wrong, is no reason to do without the plugin: it may be mended at any time.
  *self = new source(*host, std::string(name));
  return BUNRAKU_PLUGIN_OK;
}

const bunraku_source as_source{
    .size = sizeof(bunraku_source),
    .masters = [](void* self, bunraku_text service, const bunraku_masters* into, std::uint32_t* valid_ms) {
      return static_cast<source*>(self)->masters(view(service), *into, *valid_ms);
    }};

const bunraku_plugin table{.size = sizeof(bunraku_plugin),
                           .abi = BUNRAKU_PLUGIN_ABI,
                           .name = "file_source",
                           .version = "1.0",
                           .about = "takes masters from a file, which may change at any time",
                           .create = create,
                           .destroy = [](void* self) { delete static_cast<source*>(self); },
                           .status =
                               [](void* self, bunraku_writer* to) {
                                 static_cast<const source*>(self)->status(*to);
                                 return BUNRAKU_PLUGIN_OK;
                               },
                           .control = nullptr,
                           .source = &as_source,
                           .policy = nullptr,
                           .probe = nullptr,
                           .observer = nullptr};

}  // namespace
}  // namespace file_source

extern "C" const bunraku_plugin* bunraku_plugin_entry(std::uint32_t host_abi) {
  return host_abi == BUNRAKU_PLUGIN_ABI ? &file_source::table : nullptr;
}
