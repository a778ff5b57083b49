#include "drill/step.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <fmt/core.h>

namespace shim::drill {
namespace {

namespace json = boost::json;

double in_seconds(std::chrono::microseconds d) { return std::chrono::duration<double>(d).count(); }

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

std::string sentences(const verdict& of) {
  std::string out;
  for (const auto& w : of.words) out += (out.empty() ? "" : " ") + w;
  return out;
}

json::object json_of(const played& one) {
  json::array samples;
  for (const auto& s : one.seen.samples)
    samples.push_back({{"at_seconds", in_seconds(s.at)},
                       {"seconds", in_seconds(s.took)},
                       {"status", s.status},
                       {"served", s.served},
                       {"service", s.service.empty() ? one.of.service : s.service},
                       {"master", s.master.empty() ? json::value(nullptr) : json::value(s.master)},
                       {"continued", s.continued},
                       {"why", s.why}});
  json::array runs;
  for (const auto& r : one.seen.runs)
    runs.push_back(
        {{"at_seconds", in_seconds(r.at)}, {"seconds", in_seconds(r.took)}, {"status", r.status}, {"why", r.why}});
  return {{"scenario", name_of(one.of)},
          {"fault", row_of(one.of.what).name},
          {"service", one.of.service},
          {"result", name_of(one.found.what)},
          {"traffic", one.of.by == traffic::agent ? "agent" : "probes"},
          {"asked", one.seen.asked},
          {"words", json::value_from(one.found.words)},
          {"masters", json::value_from(one.seen.masters)},
          {"fault_from_seconds", in_seconds(one.seen.fault_from)},
          {"fault_to_seconds", in_seconds(one.seen.fault_to)},
          {"requests", one.found.requests},
          {"unserved", one.found.unserved},
          {"slowest_seconds", in_seconds(one.found.slowest)},
          {"gap_seconds", in_seconds(one.found.gap)},
          {"hits", one.seen.hits},
          {"samples", std::move(samples)},
          {"runs", std::move(runs)}};
}

}  // namespace

std::string to_line(const played& one) {
  return fmt::format("{:<11} {:<24} {:>3} requests, {:>3} unserved, slowest {:>6.2f} s, gap {:>5.2f} s  {}\n",
                     name_of(one.found.what), name_of(one.of), one.found.requests, one.found.unserved,
                     in_seconds(one.found.slowest), in_seconds(one.found.gap),
                     one.found.what == result::passed ? std::string() : sentences(one.found));
}

std::string to_table(const std::vector<played>& all) {
  std::size_t passed = 0;
  for (const auto& one : all) passed += one.found.what == result::passed;
  return fmt::format("{} of {} passed\n", passed, all.size());
}

std::string to_json(const heading& of, const std::vector<played>& all) {
  json::array steps;
  for (const auto& one : all) steps.push_back(json_of(one));
  return json::serialize(json::object{{"version", 1},
                                      {"bunraku", of.version},
                                      {"certname", of.certname},
                                      {"began", of.began},
                                      {"seconds", in_seconds(of.took)},
                                      {"passed", exit_status(all) == 0},
                                      {"steps", std::move(steps)}}) +
         "\n";
}

std::string to_junit(const heading& of, const std::vector<played>& all) {
  std::size_t failures = 0, skipped = 0, errors = 0;
  std::string cases;
  for (const auto& one : all) {
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">", xml(one.of.service),
                         xml(name_of(one.of)), in_seconds(one.seen.total));
    const auto words = xml(sentences(one.found));
    const bool harmless = one.found.what == result::alone && one.of.service == "ca";
    if (one.found.what == result::not_played) ++errors, cases += "<error message=\"" + words + "\"/>";
    else if (harmless) ++skipped, cases += "<skipped message=\"" + words + "\"/>";
    else if (one.found.what != result::passed) ++failures, cases += "<failure message=\"" + words + "\"/>";
    else cases += "<system-out>" + words + "</system-out>";
    cases += "</testcase>\n";
  }
  return fmt::format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"bunraku drill on {}\" "
             "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" timestamp=\"{}\" time=\"{:.3f}\">\n",
             xml(of.certname), all.size(), failures, errors, skipped, xml(of.began.substr(0, 19)),
             in_seconds(of.took)) +
         cases + "  </testsuite>\n</testsuites>\n";
}

}  // namespace shim::drill
