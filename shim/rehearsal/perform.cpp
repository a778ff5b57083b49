#include "rehearsal/perform.hpp"

#include "cli/json_view.hpp"
#include "rehearsal/private_daemon.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <thread>

namespace shim::rehearsal {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using drill::fault;
using std::chrono::milliseconds;

constexpr auto pace = 150ms;  // between two requests' begins, at least: a drill must not be a load
constexpr int before = 4, after = 5;
constexpr auto recovery = 10s;
constexpr auto longest_answer = 60s;

/// A performance under way.
class performance {
 public:
  performance(const drill::step& of, const private_daemon& on, std::string target,
              const std::function<bool()>& interrupted)
      : of_(of), on_(on), target_(std::move(target)), interrupted_(interrupted) {}

  drill::observation run() && {
    for (int i = 0; i != before && go_on(); ++i) ask();
    if (seen_.trouble.empty()) find_masters();
    if (seen_.trouble.empty()) begin_fault();
    if (!seen_.trouble.empty()) return std::move(seen_);
    seen_.fault_from = now();
    while (now() - seen_.fault_from < of_.lasts && go_on()) ask();
    seen_.fault_to = now();
    end_fault();
    for (int i = 0; go_on() && (i < after || is_still_broken()); ++i) ask();
    if (interrupted_()) seen_.trouble = "it was interrupted.";
    seen_.total = now();
    return std::move(seen_);
  }

 private:
  milliseconds now() const { return std::chrono::duration_cast<milliseconds>(clock::now() - began_); }
  bool go_on() const { return !interrupted_(); }
  /// What was learned while the fault was on holds a little longer: a lie of DNS for its TTL.
  bool is_still_broken() const { return !seen_.samples.back().served && now() - seen_.fault_to < recovery; }

  void ask() {
    const auto sent = clock::now();
    drill::sample one;
    one.at = now();
    const auto got = on_.ask(target_, longest_answer);
    one.took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - sent);
    one.status = got.status;
    one.served = got.status >= 200 && got.status < 300;
    one.why = got.why;
    // Requests are made one after the other, so the last exchange is this one.
    if (const auto status = on_.control("GET", "/v1/status")) {
      const cli::json_view document(status->body);
      bool first = true;
      document.for_each("exchanges", [&](const cli::json_view& e) {
        if (!std::exchange(first, false)) return;
        one.master = e.text("master");
        if (one.why.empty()) one.why = e.text("why");
      });
    }
    seen_.samples.push_back(std::move(one));
    std::this_thread::sleep_until(sent + pace);
  }

  void find_masters() {
    const auto said = on_.control("GET", "/v1/explain/" + of_.service);
    if (!said) {
      seen_.trouble = said.error();
      return;
    }
    const cli::json_view document(said->body);
    document.for_each("services", [&](const cli::json_view& s) {
      s.for_each("candidates", [&](const cli::json_view& c) { seen_.masters.push_back(c.text("master")); });
    });
    if (seen_.masters.empty()) seen_.trouble = "nobody serves " + of_.service + " here: see `bunraku resolve`.";
  }

  void begin_fault() {
    // It is taken away when the step is over; that it ends by itself is for the case that nobody can.
    const auto rule = rule_for(of_, seen_.masters.front(), std::chrono::ceil<std::chrono::seconds>(of_.lasts) + 120s);
    const auto said = on_.control("POST", "/v1/plugin/fault", "{\"add\": " + rule + "}");
    if (!said) {
      seen_.trouble = said.error();
      return;
    }
    if (said->status == 200) return;
    const auto message = cli::json_view(said->body).object("error").text("message");
    seen_.trouble = message.empty() ? "the fault plugin refused." : message;
  }

  void end_fault() {
    // Its answer to `list` has how often it was met, until it is gone.
    if (const auto said = on_.control("POST", "/v1/plugin/fault", "{\"list\": true}"))
      cli::json_view(said->body).object("answer").for_each("faults", [&](const cli::json_view& f) {
        seen_.hits += f.count("hits");
      });
    on_.control("POST", "/v1/plugin/fault", "{\"clear\": true}");
  }

  const drill::step& of_;
  const private_daemon& on_;
  std::string target_;
  const std::function<bool()>& interrupted_;
  clock::time_point began_ = clock::now();
  drill::observation seen_;
};

}  // namespace

std::string rule_for(const drill::step& of, const std::string& first_master, std::chrono::seconds lasts) {
  json::object rule{{"name", "drill-" + drill::name_of(of)}, {"for_seconds", lasts.count()}};
  const auto at_first = [&](const char* kind) {
    rule["kind"] = kind;
    rule["service"] = of.service;
    rule["master"] = first_master;
  };
  switch (of.what) {
    case fault::refused: at_first("refuse"); break;
    case fault::blackholed: at_first("blackhole"); break;
    case fault::hung: at_first("hang"); break;
    case fault::full:
      at_first("status");
      rule["status"] = 503;
      rule["headers"] = json::object{{"Retry-After", "30"}};
      rule["body"] = "The queue is full (a drill).";
      break;
    case fault::slow:
      at_first("delay");
      rule["delay_ms"] = 1500;
      break;
    case fault::reset:
      at_first("reset");
      rule["at_byte"] = 100;
      break;
    case fault::bad_certificate:
      at_first("bad_certificate");
      rule["certificate"] = "expired";
      break;
    case fault::all_gone:
      rule["kind"] = "refuse";
      rule["service"] = of.service;
      break;
    case fault::dns_dead: rule["kind"] = "dns_silent"; break;
    case fault::dns_lies:
      rule["kind"] = "dns_lie";
      rule["method"] = "SRV";
      rule["answer"] = json::array{"0 10 9 localhost."};  // port 9: nobody is there
      break;
  }
  return json::serialize(rule);
}

std::string target_for(const std::string& service, const std::string& certname, const std::string& environment) {
  if (service == "ca") return "/puppet-ca/v1/certificate/ca";
  if (service == "files")
    return "/puppet/v3/file_metadatas/plugins?recurse=false&links=manage&checksum_type=sha256&"
           "source_permissions=ignore&environment=" +
           environment;
  if (service == "catalog") return "/puppet/v3/node/" + certname + "?environment=" + environment;
  return "/status/v1/simple/server";
}

drill::observation perform(const drill::step& of, const daemon::setup& like, const daemon::leg_identities& who,
                           const std::function<bool()>& interrupted) {
  auto stage = private_daemon::start(like, who, of.service);
  if (!stage) {
    drill::observation seen;
    seen.trouble = stage.error() + ".";
    return seen;
  }
  return performance(of, *stage, target_for(of.service, like.site->certname, like.site->environment), interrupted)
      .run();
}

}  // namespace shim::rehearsal
