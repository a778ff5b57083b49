#include "cli/print_status.hpp"

#include "cli/json_view.hpp"
#include "cli/text_table.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <ostream>
#include <vector>

namespace shim::cli {
namespace {

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + ' ' + std::string(n == 1 ? one : many);
}

/// The one of a candidate's two records that its state comes from. As the daemon joins them: the service's own where it
/// is the worse.
json_view in_charge(const json_view& candidate) {
  const auto own = candidate.object("own");
  const bool service_alone = own.text("state") == candidate.text("state") &&
                             candidate.object("whole").text("state") != candidate.text("state");
  if (service_alone || !candidate.has("whole")) return own;
  return candidate.object("whole");
}

std::string state_words(const json_view& c) {
  const auto state = c.text("state");
  if (!c.has("whole") && !c.has("own")) return "not tried yet";
  const auto record = in_charge(c);
  const auto age = in_words(record.number("since_seconds"));
  const auto end = c.has("until_seconds") ? in_words(std::max(0.0, c.number("until_seconds"))) : std::string();
  if (state == "down") return "down for " + age + (end.empty() ? "" : ", tried again in " + end);
  if (state == "saturated") return "saturated for " + age + ", left alone for " + end + " more";
  if (state == "draining") return "drained for " + age + (end.empty() ? ", until undrained" : ", ends in " + end);
  if (state == "probation")
    return c.flag("trial_is_free") ? "was down; the next request to it is a trial"
                                   : "was down; a trial request is under way";
  if (state == "suspect") return "suspect for " + age;
  std::string words = state + " for " + age;
  const auto source = c.text("source");
  if (c.number("share") < 0.999 && (source == "srv" || source == "plugin"))
    words += fmt::format(", back with {:.0f} % of its weight and growing", 100 * c.number("share"));
  return words;
}

/// It may be well, and what this node asked of it last failed all the same: its certificate is refused, say.
bool is_our_fault(const json_view& candidate) { return in_charge(candidate).count("own_faults_in_a_row") != 0; }

/// Why it is not simply up, and whose trouble that is.
std::string trouble_words(const json_view& c, const std::string& service) {
  const auto state = c.text("state");
  const auto record = in_charge(c);
  if (state == "up" && is_our_fault(c)) {
    const auto n = record.count("own_faults_in_a_row");
    return "this node's own fault: " + record.text("last_failure") + (n > 1 ? fmt::format(" ({} in a row)", n) : "");
  }
  if (state == "up" || state == "draining") return {};
  auto reason = record.text("last_failure");
  if (reason.empty()) reason = state == "suspect" ? "slower than another master" : "";
  if (const auto n = record.count("failures_in_a_row"); n > 1) reason += fmt::format(" ({} failures in a row)", n);
  const bool alone = c.has("own") && c.object("own").text("state") == state && c.object("whole").text("state") != state;
  if (alone && !reason.empty()) reason += "; for " + service + " alone";
  return reason;
}

std::string use_words(const json_view& c) {
  const auto record = c.has("own") ? c.object("own") : c.object("whole");
  std::string words = counted(record.count("answered"), "answer", "answers");
  if (const auto n = record.count("failed") + (c.has("own") ? c.object("whole").count("failed") : 0); n != 0)
    words += ", " + counted(n, "failure", "failures");
  if (const auto n = record.count("saturated"); n != 0) words += fmt::format(", {} times \"busy\"", n);
  if (const auto n = record.count("own_faults"); n != 0) words += fmt::format(", {} through this node's own fault", n);
  if (record.has("first_byte_ms"))
    words += fmt::format(", first byte after {:.{}f} ms", record.number("first_byte_ms"),
                         record.number("first_byte_ms") < 10 ? 1 : 0);
  return words;
}

std::string source_words(const json_view& s) {
  std::string names;
  for (const auto& n : s.texts("names")) names += (names.empty() ? "" : ", else ") + n;
  const bool srv = s.text("source") == "srv";
  if (!s.flag("known")) return s.text("source") + ' ' + names + ": not asked yet";
  std::string words = s.text("source") + ' ' + s.text("asked") + ": ";
  const auto state = s.text("state");
  if (state == "absent") words += "\".\", the service is decidedly not offered (RFC 2782)";
  else if (state == "failed") words += "no answer" + (s.has("error") ? ": " + s.text("error") : std::string());
  else words += counted(s.count("masters"), "master", "masters");
  if (!srv) return words;
  if (s.flag("stale"))
    words += ", an old answer" + (s.count("age") != 0 ? " of " + in_words(s.number("age")) + " ago" : std::string()) +
             ": DNS does not say so now" + (s.flag("from_disk") ? " (kept on disk by an earlier process)" : "");
  if (s.flag("fresh")) words += ", asked again in " + in_words(s.number("ttl_left")) + " at the earliest";
  else words += ", its time is over: the next request asks again";
  return words;
}

std::string run_words(const json_view& d) {
  if (!d.has("run")) return "no run is on";
  const auto run = d.object("run");
  std::string words = fmt::format("run {}: began {} ago, ", run.count("id"), in_words(run.number("began_seconds"))) +
                      counted(run.count("requests"), "request", "requests");
  if (const auto n = run.count("failovers"); n != 0) words += fmt::format(", {} needed another master", n);
  if (const auto n = run.count("moves"); n != 0) words += ", moved " + counted(n, "time", "times");
  if (const auto n = run.count("unserved"); n != 0) words += fmt::format(", {} not served", n);
  return words;
}

/// It had one, or has one that cannot be used. One that was never enrolled has none to be refused.
bool has_lost_its_certificate(const json_view& d) {
  return d.has("credentials_refused") && d.has("credentials") && d.array("credentials").empty();
}

/// What a request made now would meet.
std::string next_words(const json_view& d, const json_view& service) {
  if (has_lost_its_certificate(d)) return "nobody is asked: no certificate is in use, and `bunraku check` says why";
  std::vector<std::string> masters;
  bool somebody = false;
  service.for_each("candidates", [&](const json_view& c) {
    masters.push_back(c.text("master"));
    somebody = somebody || c.text("why") != "down";
  });
  if (masters.empty())
    return service.flag("more_sources") ? "the next request asks the sources above, then their masters"
                                        : "nobody to ask: requests are answered with an error that says so";
  std::string words = somebody ? "the next request goes to " : "all are down; still, the next request tries ";
  words += masters.front();
  if (masters.size() == 1) words += ", and there is no other";
  else words += somebody ? "; if it fails, and the request may be repeated, to " : ", then ";
  for (std::size_t i = 1; i < masters.size(); ++i) words += (i == 1 ? "" : ", ") + masters[i];
  if (service.flag("more_sources")) words += "; sources that were not asked yet may add others";
  return words;
}

std::string kinds_of(const json_view& plugin) {
  std::string out;
  for (const auto& k : plugin.array("kinds"))
    if (k.is_string()) out += (out.empty() ? "" : ", ") + std::string(k.get_string());
  return out;
}

std::string plugin_words(const json_view& p) {
  const auto state = p.text("state");
  if (state == "refused") return "refused: " + p.text("reason");
  std::string words = state == "late" ? "late: a call has not come back, so it is passed over" : state;
  if (const auto n = p.count("late"); n != 0) words += fmt::format(", {} too late", counted(n, "call", "calls"));
  if (const auto n = p.count("failed"); n != 0) words += fmt::format(", {} failed ({})", n, p.text("last_failure"));
  if (const auto n = p.count("dropped"); n != 0) words += fmt::format(", {} not told", counted(n, "event", "events"));
  return words;
}

void print_candidate(std::ostream& to, const json_view& c, const std::string& service) {
  to << "  " << c.count("place") << ". " << c.text("master");
  if (c.text("source") == "srv") to << fmt::format(" (priority {}, weight {})", c.count("priority"), c.count("weight"));
  else to << " (" << c.text("record") << ')';
  to << '\n';
  const auto trouble = trouble_words(c, service);
  to << "     " << state_words(c) << (trouble.empty() ? "" : ": " + trouble) << '\n';
  to << "     why here: " << c.text("why_text") << '\n';
  if (c.has("whole") || c.has("own")) to << "     so far: " << use_words(c) << '\n';
}

bool is_served(const json_view& service) {
  bool open = service.flag("more_sources"), usable = false;
  service.for_each("candidates", [&](const json_view& c) {
    usable = usable || (c.text("state") != "down" && c.text("state") != "saturated" && !is_our_fault(c));
  });
  return open || usable;
}

/// What each source said, where nobody is known.
std::string nobody_words(const json_view& service) {
  std::string words;
  service.for_each("sources", [&](const json_view& s) {
    words += (words.empty() ? "" : "; ") + (s.text("note").empty() ? source_words(s) : s.text("note"));
  });
  return words;
}

std::string lasts_words(const json_view& thing) {
  const double left = thing.number("not_after_seconds");
  return left < 0 ? "ended " + in_words(-left) + " ago" : "ends in " + in_words(left);
}

/// What became of tunnels, without what went well.
std::string tunnel_trouble(const json_view& t) {
  std::string words;
  const auto add = [&words](const std::string& more) { words += (words.empty() ? "" : ", ") + more; };
  if (const auto n = t.count("failovers"); n != 0) add(fmt::format("{} needed another master", n));
  if (const auto n = t.count("unserved"); n != 0) add(fmt::format("{} found no master", n));
  if (const auto n = t.count("cut"); n != 0) add(fmt::format("{} cut", n));
  if (const auto n = t.count("idle"); n != 0) add(fmt::format("{} silent for too long", n));
  if (const auto n = t.count("refused"); n != 0) add(fmt::format("{} refused", n));
  if (const auto n = t.count("left"); n != 0) add(fmt::format("{} left before a master was found", n));
  return words;
}

void print_tunnels(std::ostream& to, const json_view& d) {
  if (d.array("tunnels").empty()) return;
  to << '\n';
  text_table table({"tunnels", "service", "open", "over", "trouble"});
  d.for_each("tunnels", [&](const json_view& t) {
    std::uint64_t over = 0;
    for (const char* end : {"closed", "cut", "idle", "unserved", "refused", "left"}) over += t.count(end);
    table.add({t.text("way"), t.has("service") ? t.text("service") : "-", std::to_string(t.count("open")),
               std::to_string(over), tunnel_trouble(t)});
  });
  table.print(to, 0);
}

void print_problem(std::ostream& to, const json_view& p, std::string_view more) {
  to << "  " << p.text("severity") << ": " << p.text("where") << ": " << p.text("what") << more;
  if (const auto fix = p.text("fix"); !fix.empty()) to << ". To do: " << fix;
  to << '\n';
}

void print_credentials(std::ostream& to, const json_view& d) {
  d.for_each("credentials", [&](const json_view& c) {
    const auto leg = c.text("leg");
    to << "certificate " << c.object("certificate").text("serial")
       << (leg == "both"    ? ""
           : leg == "local" ? " for local clients"
                            : " for masters")
       << ' ' << lasts_words(c.object("certificate")) << "; CA " << lasts_words(c.object("ca"));
    if (c.has("crl")) to << "; CRL " << lasts_words(c.object("crl"));
    to << '\n';
    c.for_each("problems", [&](const json_view& p) { print_problem(to, p, ""); });
  });
  if (d.has("credentials") && d.array("credentials").empty()) to << "no certificate is in use\n";
  if (d.has("credentials_refused"))
    print_problem(to, d.object("credentials_refused"), " (what is there now is not in use)");
  if (d.has("credentials_watched") && !d.flag("credentials_watched"))
    to << "  warning: changed certificates are noticed when the next local client comes: inotify is not to be had\n";
}

}  // namespace

std::string in_words(double seconds) {
  const double positive = std::max(0.0, seconds);
  if (positive < 9.95) {
    const auto tenths = std::llround(positive * 10);
    return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10) : fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const auto whole = std::llround(positive);
  const auto two = [](long long big, const char* name, long long small, const char* part) {
    return small == 0 ? fmt::format("{} {}", big, name) : fmt::format("{} {} {} {}", big, name, small, part);
  };
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return two(whole / 60, "min", whole % 60, "s");
  if (whole < 86400) return two(whole / 3600, "h", whole % 3600 / 60, "min");
  return two(whole / 86400, "d", whole % 86400 / 3600, "h");
}

void print_status(std::ostream& to, const boost::json::object& document) {
  const json_view d(document);
  to << fmt::format("bunraku {}, pid {}, as {}: up for {}{}\n", d.text("bunraku"), d.count("pid"), d.text("certname"),
                    in_words(d.number("started_seconds")), d.flag("stopping") ? ", stopping" : "");
  to << "listens on " << d.text("listen") << "; " << counted(d.count("connections"), "connection", "connections")
     << ", " << counted(d.count("open_exchanges"), "exchange", "exchanges") << " under way, "
     << counted(d.count("retries_left"), "retry", "retries") << " left\n";
  if (d.flag("reload_failed"))
    to << "the last reload was refused: an older configuration is in use (`bunraku check` says why)\n";
  print_credentials(to, d);
  to << run_words(d) << "\n\n";
  text_table table({"service", "#", "master", "state"});
  d.for_each("services", [&](const json_view& s) {
    const auto name = s.text("service");
    bool first = true;
    s.for_each("candidates", [&](const json_view& c) {
      const auto trouble = trouble_words(c, name);
      table.add({first ? name : "", std::to_string(c.count("place")),
                 c.text("master") + (c.flag("pinned") ? " (the run's)" : ""),
                 state_words(c) + (trouble.empty() ? "" : ": " + trouble)});
      first = false;
    });
    if (!first) return;
    if (s.flag("more_sources")) table.add({name, "", "not asked yet", ""});
    else table.add({name, "", "nobody", nobody_words(s)});
  });
  table.print(to, 0);
  print_tunnels(to, d);
  if (d.array("plugins").empty()) return;
  to << '\n';
  text_table plugins({"plugin", "kinds", "state"});
  d.for_each("plugins", [&](const json_view& p) { plugins.add({p.text("name"), kinds_of(p), plugin_words(p)}); });
  plugins.print(to, 0);
}

void print_plugin(std::ostream& to, const json_view& p) {
  to << p.text("name") << ' ' << p.text("version") << ": " << plugin_words(p) << '\n';
  if (p.text("state") == "refused") return;
  to << "  " << p.text("about") << " (" << kinds_of(p) << ")\n";
  to << fmt::format("  {}, the longest took {:.1f} ms\n", counted(p.count("calls"), "call", "calls"),
                    p.number("longest_ms"));
  if (p.has("status")) to << "  " << p.text_of_object("status") << '\n';
}

void print_explain(std::ostream& to, const boost::json::object& document) {
  const json_view d(document);
  d.for_each("services", [&](const json_view& s) {
    const auto name = s.text("service");
    to << name << ", for " << d.text("certname") << ", at " << d.text("time") << "\n\n";
    to << "Sources, in the order they are asked:\n";
    if (s.array("sources").empty()) to << "  none: nothing says who serves it\n";
    s.for_each("sources", [&](const json_view& one) {
      to << "  " << source_words(one) << '\n';
      if (const auto note = one.text("note"); !note.empty()) to << "     " << note << '\n';
    });
    to << "\nMasters, in the order the next request tries them:\n";
    if (s.array("candidates").empty()) to << "  none is known\n";
    s.for_each("candidates", [&](const json_view& c) { print_candidate(to, c, name); });
    to << "\nNext: " << next_words(d, s) << ".\n";
    to << "Run: " << run_words(d);
    if (const auto pinned = s.text("pinned"); !pinned.empty()) to << "; it stays with " << pinned;
    to << ".\n";
  });
}

bool somebody_is_missing(const boost::json::object& document) {
  const json_view d(document);
  bool missing = has_lost_its_certificate(d);
  d.for_each("services", [&](const json_view& s) { missing = missing || !is_served(s); });
  return missing;
}

}  // namespace shim::cli
