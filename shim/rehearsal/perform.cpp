#include "rehearsal/perform.hpp"

#include "cli/json_view.hpp"
#include "rehearsal/private_daemon.hpp"
#include "rehearsal/traffic.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace shim::rehearsal {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using drill::fault;
using std::chrono::milliseconds;

constexpr auto recovery = 10s;
/// A fault is taken away when its step is over; that it ends by itself is for the case that nobody can. An agent's run,
/// which is not cut short, has this long.
constexpr auto longest_run = 30min;

std::string with_full_stop(std::string sentence) {
  if (!sentence.ends_with('.') && !sentence.ends_with('?')) sentence += '.';
  return sentence;
}

/// A performance under way.
class performance {
 public:
  performance(const circumstances& in, traffic& by) : in_(in), by_(by) {}

  drill::observation run() && {
    if (const auto why = by_.prepare(seen_)) seen_.trouble = *why;
    for (int i = 0; i != by_.before() && go_on(); ++i) by_.go(seen_, began_);
    if (go_on()) find_masters();
    if (go_on()) begin_fault();
    if (go_on()) {
      seen_.fault_from = now();
      while (go_on() && now() - seen_.fault_from < in_.of.lasts) by_.go(seen_, began_);
      seen_.fault_to = now();
      if (go_on()) end_fault();
      for (int i = 0; go_on() && (i < by_.after() || is_still_broken()); ++i) by_.go(seen_, began_);
    }
    // That a daemon of our own is lost says nothing of the masters.
    if (go_on())
      if (const auto said = in_.on.control("GET", "/v1/status"); !said) seen_.trouble = said.error();
    if (in_.interrupted()) seen_.trouble = "it was interrupted.";
    seen_.total = now();
    return std::move(seen_);
  }

 private:
  milliseconds now() const { return std::chrono::duration_cast<milliseconds>(clock::now() - began_); }
  bool go_on() const { return seen_.trouble.empty() && !in_.interrupted(); }
  /// What was learned while the fault was on holds a little longer: a lie of DNS for its TTL.
  bool is_still_broken() const {
    const bool good = seen_.runs.empty() ? seen_.samples.back().served : seen_.runs.back().is_good();
    return !good && now() - seen_.fault_to < recovery;
  }

  void find_masters() {
    const auto said = in_.on.control("GET", "/v1/explain/" + in_.of.service);
    if (!said) {
      seen_.trouble = said.error();
      return;
    }
    const cli::json_view document(said->body);
    document.for_each("services", [&](const cli::json_view& s) {
      s.for_each("candidates", [&](const cli::json_view& c) { seen_.masters.push_back(c.text("master")); });
    });
    if (seen_.masters.empty()) seen_.trouble = "nobody serves " + in_.of.service + " here: see `bunraku resolve`.";
  }

  void begin_fault() {
    const auto rule = rule_for(in_.of, seen_.masters.front(),
                               std::chrono::ceil<std::chrono::seconds>(in_.of.lasts) + longest_run, by_.reset_at());
    order("{\"add\": " + rule + "}");
  }

  void order(const std::string& what) {
    const auto said = in_.on.control("POST", "/v1/plugin/fault", what);
    if (!said) {
      seen_.trouble = said.error();
      return;
    }
    if (said->status == 200) return;
    const auto message = cli::json_view(said->body).object("error").text("message");
    seen_.trouble = with_full_stop(message.empty() ? "the fault plugin refused" : message);
  }

  void end_fault() {
    // Its answer to `list` has how often it was met, until it is gone.
    if (const auto said = in_.on.control("POST", "/v1/plugin/fault", "{\"list\": true}"))
      cli::json_view(said->body).object("answer").for_each("faults", [&](const cli::json_view& f) {
        seen_.hits += f.count("hits");
      });
    order("{\"clear\": true}");  // what comes after it would else be taken for a recovery that failed
  }

  const circumstances& in_;
  traffic& by_;
  clock::time_point began_ = clock::now();
  drill::observation seen_;
};

}  // namespace

std::string rule_for(const drill::step& of, const std::string& first_master, std::chrono::seconds lasts,
                     std::uint64_t reset_at) {
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
      rule["at_byte"] = reset_at;
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

std::string describe_traffic(const drill::step& of, const bunraku::site& site) {
  if (of.by == drill::traffic::agent) return "`puppet agent --test --noop`";
  if (!drill::is_download(of)) return "GET " + target_for(of.service, site.certname, site.environment);
  const auto file = of.file.empty() ? largest_plugin(site) : of.file;
  return file.empty() ? "no download, since no file is known" : "GET /puppet/v3/file_content/" + encoded_path(file);
}

drill::observation perform(const drill::step& of, const daemon::setup& like, const daemon::leg_identities& who,
                           const puppet_agent* agent, const std::function<bool()>& interrupted) {
  auto stage = private_daemon::start(like, who, of, interrupted);
  if (!stage) {
    drill::observation seen;
    seen.trouble = interrupted() ? "it was interrupted." : with_full_stop(stage.error());
    return seen;
  }
  const circumstances in{of, *stage, *like.site, interrupted};
  const auto by = of.by == drill::traffic::agent && agent != nullptr ? make_agent_runs(in, *agent) : make_probes(in);
  return performance(in, *by).run();
}

}  // namespace shim::rehearsal
