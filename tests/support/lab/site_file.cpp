#include "site_file.hpp"

#include "openssl_handles.hpp"

#include <boost/json.hpp>

#include <functional>
#include <map>

namespace lab {
namespace {

namespace json = boost::json;
using setter = std::function<void(const json::value&)>;

std::string text(const json::value& value) { return std::string(value.as_string()); }

// Unknown keys are errors: a test that misspells one must not pass.
void read_object(const json::object& object, const std::map<std::string, setter, std::less<>>& known) {
  for (const auto& [key, value] : object) {
    const auto found = known.find(std::string_view(key));
    if (found == known.end()) throw failure("unknown key \"" + std::string(key) + "\"");
    try {
      found->second(value);
    } catch (const std::exception& error) {
      throw failure("key \"" + std::string(key) + "\": " + error.what());
    }
  }
}

role role_from(const std::string& name) {
  static const std::map<std::string, role> names{
      {"ca", role::ca}, {"catalog", role::catalog}, {"files", role::files}, {"report", role::report}};
  const auto found = names.find(name);
  if (found == names.end()) throw failure("no role \"" + name + "\" (have ca, catalog, files, report)");
  return found->second;
}

ticket_time tickets_from(const std::string& name) {
  if (name == "handshake") return ticket_time::handshake;
  if (name == "after_answer") return ticket_time::after_answer;
  if (name == "never") return ticket_time::never;
  throw failure("\"" + name + "\" is none of handshake, after_answer, never");
}

master_options parse_master(const json::object& object) {
  master_options master;
  read_object(object, {
                          {"name", [&](const auto& v) { master.name = text(v); }},
                          {"address", [&](const auto& v) { master.address = text(v); }},
                          {"port", [&](const auto& v) { master.port = json::value_to<std::uint16_t>(v); }},
                          {"ssldir", [&](const auto& v) { master.ssldir = text(v); }},
                          {"idle_seconds",
                           [&](const auto& v) { master.idle = std::chrono::seconds(json::value_to<unsigned>(v)); }},
                          {"tickets", [&](const auto& v) { master.tickets = tickets_from(text(v)); }},
                          {"tls12_only", [&](const auto& v) { master.tls12_only = v.as_bool(); }},
                          {"gzip_level", [&](const auto& v) { master.gzip_level = json::value_to<int>(v); }},
                          {"roles",
                           [&](const auto& v) {
                             master.roles.clear();
                             for (const auto& name : v.as_array()) master.roles.insert(role_from(text(name)));
                           }},
                      });
  if (master.name.empty() || master.ssldir.empty()) throw failure("a master needs \"name\" and \"ssldir\"");
  return master;
}

}  // namespace

site_options parse_site(const std::string& json_text) {
  site_options site;
  read_object(json::parse(json_text).as_object(),
              {
                  {"masters",
                   [&](const auto& v) {
                     for (const auto& master : v.as_array()) site.masters.push_back(parse_master(master.as_object()));
                   }},
                  {"log", [&](const auto& v) { site.log = text(v); }},
                  {"control", [&](const auto& v) { site.control = text(v); }},
                  {"code", [&](const auto& v) { site.code = text(v); }},
                  {"state", [&](const auto& v) { site.state = text(v); }},
                  {"ca", [&](const auto& v) { site.ca = text(v); }},
                  {"target", [&](const auto& v) { site.target = text(v); }},
                  {"log_headers", [&](const auto& v) { site.log_headers = v.as_bool(); }},
                  {"autosign", [&](const auto& v) { site.autosign = v.as_bool(); }},
                  {"renewal", [&](const auto& v) { site.renewal = v.as_bool(); }},
              });
  if (site.masters.empty()) throw failure("no \"masters\"");
  if (site.code.empty() || site.state.empty()) throw failure("\"code\" and \"state\" (directories) are needed");
  for (const auto& master : site.masters) {
    if (master.roles.contains(role::ca) && site.ca.empty()) throw failure("role ca needs \"ca\" (the CA's directory)");
  }
  return site;
}

}  // namespace lab
