#include "config/sections.hpp"
#include "config/table_reader.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <charconv>

namespace shim::config {
namespace {

constexpr std::uint16_t default_port = 8140;

// Debian maps a host's own name to 127.0.1.1, others to 127.0.0.1 or ::1, and `server = $certname` must find us.
void add_defaults(configuration& into) {
  for (const char* address : {"127.0.0.1", "127.0.1.1", "::1"}) {
    listen_at one;
    one.address = address;
    one.port = default_port;
    one.implied = true;
    one.where = "default";
    into.listen.push_back(std::move(one));
  }
}

using way_in = listen_at::way_in;

void refuse_keys_of_other_ways(table_reader& in, const listen_at& one) {
  const auto refuse = [&](const char* key, const char* why) {
    if (in.given(key) != nullptr) in.error(key, std::string("`") + key + "` is " + why, "Remove it, or change `way`.");
  };
  if (one.way == way_in::socket) refuse("address", "not for way = \"socket\", which has a `path`.");
  else
    for (const char* key : {"path", "users", "mode"}) refuse(key, "for way = \"socket\" only.");
  if (one.way == way_in::connect || one.way == way_in::passthrough)
    refuse("beyond_loopback", "for way = \"terminate\" only: nobody here would ask a client who it is.");
  else if (one.way == way_in::socket) refuse("beyond_loopback", "for way = \"terminate\" only.");
  if (one.way != way_in::passthrough) refuse("service", "for way = \"passthrough\" only.");
}

void read_address(table_reader& in, listen_at& one) {
  const auto text = in.text("address");
  if (text.empty()) return;
  const auto parsed = parse_host_and_port(text);
  if (!parsed || !is_ip_address(parsed->host)) {
    in.error("address", "\"" + text + "\" is no IP address with a port.",
             "Give one like \"127.0.0.1:8140\" or \"[::1]:8140\"; names are not looked up here.");
    return;
  }
  if (!parsed->port) {
    in.error(
        "address", "\"" + text + "\" has no port.",
        "Add one: \"" + bunraku::master(parsed->host, default_port, bunraku::source_kind::list).to_string() + "\".");
    return;
  }
  one.address = parsed->host;
  one.port = *parsed->port;
  if (is_loopback(one.address)) return;
  if (one.way != way_in::terminate)
    in.error("address", one.address + " can be reached by other hosts, and nobody here would ask them who they are.",
             "Use 127.0.0.1, 127.0.1.1 or [::1].");
  else if (!one.beyond_loopback)
    in.error("address", one.address + " can be reached by other hosts.",
             "Use 127.0.0.1, 127.0.1.1 or [::1], or say `beyond_loopback = true` if it must be so.");
}

unsigned read_mode(table_reader& in, const listen_at& one) {
  const auto text = in.text("mode");
  if (text == "auto") return one.users.empty() ? 0600 : 0666;
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error == std::errc{} && end == text.data() + text.size() && mode <= 0777) return mode;
  in.error("mode", "`mode` is \"" + text + "\".", "Give three or four octal digits, as \"0660\", or \"auto\".");
  return 0600;
}

void read_default_service(table_reader& in, const configuration& known, listen_at& one) {
  const auto name = in.text("service");
  if (name.empty() || one.way != way_in::passthrough) return;
  std::vector<std::string_view> names;
  for (const auto& s : known.services) names.push_back(s.name);
  if (const auto at = std::ranges::find(names, name); at != names.end()) {
    one.service = static_cast<bunraku::service>(at - names.begin());
    return;
  }
  const auto meant = nearest(name, names);
  in.error("service", "There is no service `" + name + "`.",
           meant.empty() ? "Add [service." + name + "] with its masters."
                         : "Did you mean `" + std::string(meant) + "`? Else add [service." + name + "].");
}

listen_at read_one(table_reader& in, const configuration& known) {
  listen_at one;
  one.where = in.where();
  const auto way = in.text("way");
  for (const auto each : {way_in::connect, way_in::passthrough, way_in::socket})
    if (way == name_of(each)) one.way = each;
  // A way that there is not was told; what its other keys should be cannot be.
  if (const auto* given = in.given("way"); given != nullptr && given->text != way) return one;
  refuse_keys_of_other_ways(in, one);
  one.inherit = in.text("inherit");
  one.beyond_loopback = in.boolean("beyond_loopback");
  const bool tcp = one.way != way_in::socket;
  const char* place = tcp ? "address" : "path";
  if (in.given("inherit") != nullptr && in.given(place) != nullptr)
    in.error("inherit", std::string("An inherited socket has its ") + place + " already.", "Remove one of the two.");
  else if (in.given("inherit") == nullptr && in.given(place) == nullptr)
    in.error("way", std::string("This [[listen]] says not where: it has neither `") + place + "` nor `inherit`.",
             tcp ? "Add address = \"127.0.0.1:8140\"." : "Add path = \"/run/bunraku/agent.sock\".");
  read_default_service(in, known, one);
  if (tcp) {
    read_address(in, one);
  } else {
    one.path = in.text("path");
    one.users = in.users("users");
    one.mode = read_mode(in, one);
  }
  return one;
}

bool is_wildcard(const listen_at& l) { return l.address == "0.0.0.0" || l.address == "::"; }

// Would the second bind fail, or take the first one's clients?
bool clash(const listen_at& a, const listen_at& b) {
  if (!a.inherit.empty() || !b.inherit.empty()) return a.inherit == b.inherit;
  if (a.way == way_in::socket) return !a.path.empty() && a.path == b.path;
  if (a.port == 0 || a.port != b.port) return false;
  const bool same_family = (a.address.find(':') == std::string::npos) == (b.address.find(':') == std::string::npos);
  return a.address == b.address || (same_family && (is_wildcard(a) || is_wildcard(b)));
}

}  // namespace

void read_listens(const node& root, const std::string& file, configuration& into, bunraku::problems& found) {
  const auto* given = root.find("listen");
  for (const auto* entry : entries_of(root, "listen", file, found)) {
    table_reader in(entry, "listen", file, found);
    if (entry->type != node::kind::table) continue;
    auto one = read_one(in, into);
    for (const auto& before : into.listen)
      if (clash(before, one)) {
        in.error({}, "This [[listen]] takes the same place as the one at " + before.where + ".", "Remove one of them.");
        break;
      }
    into.listen.push_back(std::move(one));
  }
  if (given == nullptr) add_defaults(into);
  if (given != nullptr && given->type == node::kind::array && given->items.empty())
    found.emplace_back(bunraku::severity::error, file + ":" + std::to_string(given->line),
                       "`listen` is empty: no client could come in.", "Add a [[listen]], or remove the line.");
}

}  // namespace shim::config
