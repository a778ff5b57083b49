#include "cli/drill_hold.hpp"

#include "admin/control.hpp"
#include "cli/control_client.hpp"
#include "cli/find_daemon.hpp"
#include "cli/json_view.hpp"
#include "config/values.hpp"
#include "rehearsal/perform.hpp"

#include <boost/json.hpp>

#include <iostream>

namespace shim::cli {
namespace {

namespace json = boost::json;

/// Where a held reset breaks answers: in the heads of masters, which have some 200 bytes.
constexpr std::uint64_t inside_every_answer = 100;

int refuse(const std::string& why) {
  std::cerr << "bunraku: " << why << '\n';
  return not_done;
}

std::expected<json::object, std::string> order(const std::string& socket, const std::string& body) {
  auto said = ask_daemon(socket, "POST", "/v1/plugin/fault", body);
  if (!said) return std::unexpected(said.error());
  if (said->status == 200) return std::move(said->body);
  const json_view answer(said->body);
  const auto message = answer.object("error").text("message");
  if (said->status == 404)
    return std::unexpected(message +
                           " A fault is held by the fault plugin: add [plugin.fault] to bunraku.toml, and reload.");
  if (said->status == 409)
    return std::unexpected("the fault plugin refuses: " + message + ". Its README says what it needs.");
  return std::unexpected(message.empty() ? "the daemon refused." : message);
}

std::vector<std::string> held(const json::object& answer) {
  std::vector<std::string> out;
  json_view(answer).object("answer").for_each("faults", [&](const json_view& f) {
    if (f.text("name").starts_with("drill-")) out.push_back(f.text("name"));
  });
  return out;
}

}  // namespace

std::string held_now(const std::string& socket) {
  // A daemon that hangs is sooner given up when it is asked how it is: no drill has to wait for it.
  if (!ask_daemon(socket, "GET", "/v1/status")) return {};
  const auto on = order(socket, R"({"list": true})");
  const auto names = on ? held(*on) : std::vector<std::string>();
  return names.empty() ? std::string() : names.front();
}

int end_held(const invocation& with) {
  const auto [socket, doubt] = find_daemon(with);
  const auto on = order(socket, R"({"list": true})");
  if (!on) return refuse(on.error() + doubt);
  const auto names = held(*on);
  for (const auto& name : names)
    if (const auto done = order(socket, json::serialize(json::object{{"remove", name}})); !done)
      return refuse(done.error());
  std::cout << (names.empty() ? "no drill is on\n" : "");
  for (const auto& name : names) std::cout << "ended " << name << '\n';
  return good;
}

int hold(const invocation& with, const std::string& socket, const std::vector<drill::step>& steps) {
  const auto lasts = config::parse_duration(with.lasts);
  if (!lasts || *lasts < std::chrono::seconds(1) || *lasts > std::chrono::hours(24))
    return refuse("--for takes a number and a unit, from 1s to 24h: \"10m\".");
  if (steps.size() != 1)
    return refuse("--for holds one scenario: name it, as `bunraku drill catalog-refused --for 10m`.");
  const auto on = order(socket, R"({"list": true})");
  if (!on) return refuse(on.error());
  if (const auto names = held(*on); !names.empty())
    return refuse("another drill is on: " + names.front() + ". `bunraku drill --end` ends it.");
  const auto said = ask_daemon(socket, "GET", "/v1/explain/" + steps[0].service);
  if (!said) return refuse(said.error());
  std::string first;
  std::size_t count = 0;
  json_view(said->body).for_each("services", [&](const json_view& s) {
    s.for_each("candidates", [&](const json_view& c) {
      if (count++ == 0) first = c.text("master");
    });
  });
  if (first.empty()) return refuse("nobody serves " + steps[0].service + ": see `bunraku resolve`.");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*lasts);
  const auto rule = rehearsal::rule_for(steps[0], first, seconds, inside_every_answer);
  if (with.dry_run) {
    std::cout << "In the running daemon, met by every run of this host: " << rule << '\n';
    return good;
  }
  if (const auto done = order(socket, R"({"add": )" + rule + "}"); !done) return refuse(done.error());
  std::cout << drill::name_of(steps[0]) << " is held for " << config::to_string(*lasts) << " (first master " << first
            << "); it ends by itself, restarts or not, and by `bunraku drill --end`\n";
  if (count == 1) std::cout << first << " is the only master of " << steps[0].service << ": runs will fail meanwhile\n";
  return good;
}

}  // namespace shim::cli
