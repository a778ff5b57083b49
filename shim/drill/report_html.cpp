#include "drill/step.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/core.h>

namespace shim::drill {
namespace {

constexpr const char* style = R"css(
:root{--ground:#f6f5f2;--card:#fff;--ink:#1d1d1f;--soft:#63636b;--line:#dedbd3;--good:#1d7a46;--bad:#b3261e;--warn:#9a6200;--shade:#f3d9d3;
--m0:#2f5fa8;--m1:#1d7a46;--m2:#8a4fa3;--m3:#a36a1f;--m4:#2a8590;}
@media (prefers-color-scheme:dark){:root{--ground:#16171a;--card:#1f2126;--ink:#ececee;--soft:#a2a4ad;--line:#34373f;--good:#5cc98b;--bad:#f2837b;--warn:#e2b04a;
--shade:#4a2a28;--m0:#8bb4f0;--m1:#5cc98b;--m2:#cf9be6;--m3:#e0b06a;--m4:#74ced8;}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:16px}h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:0;overflow-wrap:anywhere}
p{margin:4px 0;overflow-wrap:anywhere}.soft{color:var(--soft)}section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px;margin:12px 0}
.top{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline}.passed{color:var(--good)}.failed,.not{color:var(--bad)}.alone{color:var(--warn)}
section{overflow-x:auto}svg{display:block;width:100%;min-width:560px;height:auto;margin-top:8px}text{fill:var(--soft);font-size:11px;font-family:system-ui,sans-serif}
.key span{display:inline-block;margin-right:12px;font-size:13px;overflow-wrap:anywhere}.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:left;padding:4px 8px 4px 0;border-top:1px solid var(--line)}th{color:var(--soft);font-weight:500}
td+td{white-space:nowrap}@media (max-width:500px){table{font-size:13px}}
)css";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

std::string color_of(const sample& s, const std::vector<std::string>& masters) {
  if (!s.served) return "var(--bad)";
  const auto at = std::ranges::find(masters, s.master);
  return at == masters.end() ? "var(--soft)"
                             : fmt::format("var(--m{})", std::min<std::ptrdiff_t>(4, at - masters.begin()));
}

std::string timeline(const played& one) {
  constexpr double width = 900, height = 92, left = 8, base = 64;
  const double span = std::max<double>(1, static_cast<double>(one.seen.total.count()));
  const auto x = [&](milliseconds t) { return left + (width - 2 * left) * static_cast<double>(t.count()) / span; };
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"requests over time\">", width, height);
  out += fmt::format("<rect x=\"{:.1f}\" y=\"4\" width=\"{:.1f}\" height=\"{}\" fill=\"var(--shade)\"/>",
                     x(one.seen.fault_from), x(one.seen.fault_to) - x(one.seen.fault_from), base - 4);
  out += fmt::format("<text x=\"{:.1f}\" y=\"16\">fault</text>", x(one.seen.fault_from) + 4);
  if (one.found.gap > milliseconds(100))
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"70\" y2=\"70\" stroke=\"var(--warn)\" stroke-width=\"3\"/>"
        "<text x=\"{0:.1f}\" y=\"84\">{2:.2f} s {3}</text>",
        x(one.found.gap_from), x(one.found.gap_from + one.found.gap), static_cast<double>(one.found.gap.count()) / 1000,
        one.seen.runs.empty() ? "without an answer" : "for the slowest answer");
  for (const auto& r : one.seen.runs)
    out += fmt::format("<rect x=\"{:.1f}\" y=\"19\" width=\"{:.1f}\" height=\"3\" fill=\"{}\"><title>{}</title></rect>",
                       x(r.at), std::max(2.5, x(r.at + r.took) - x(r.at)), r.is_good() ? "var(--soft)" : "var(--bad)",
                       escaped(fmt::format("a run of {:.2f} s, exit status {} {}",
                                           static_cast<double>(r.took.count()) / 1000, r.status, r.why)));
  for (const auto& s : one.seen.samples) {
    const auto end = s.at + std::chrono::duration_cast<milliseconds>(s.took);
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"24\" width=\"{:.1f}\" height=\"36\" rx=\"1\" fill=\"{}\"><title>{}</title></rect>",
        x(s.at), std::max(2.5, x(end) - x(s.at)), color_of(s, one.seen.masters),
        escaped(fmt::format("at {:.2f} s: {} from {} after {:.3f} s {}", static_cast<double>(s.at.count()) / 1000,
                            s.status, s.master.empty() ? "nobody" : s.master, static_cast<double>(s.took.count()) / 1e6,
                            s.continued.empty() ? s.why : "continued " + s.continued)));
  }
  out += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\" stroke=\"var(--line)\"/>", left, width - left, base,
                     base);
  out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"end\">{:.1f} s</text></svg>", width - left, height - 8,
                     span / 1000);
  return out;
}

/// How many requests took how long, while the fault was on and without it.
std::string distribution(const played& one) {
  constexpr std::array<std::pair<double, const char*>, 7> bounds{
      {{0.01, "10 ms"}, {0.05, "50 ms"}, {0.25, "250 ms"}, {0.5, "0.5 s"}, {1, "1 s"}, {5, "5 s"}, {1e9, "more"}}};
  std::array<std::size_t, 7> on{}, off{};
  for (const auto& s : one.seen.samples) {
    const double seconds = static_cast<double>(s.took.count()) / 1e6;
    const auto at = std::ranges::find_if(bounds, [&](const auto& b) { return seconds <= b.first; }) - bounds.begin();
    ++(s.at >= one.seen.fault_from && s.at < one.seen.fault_to ? on : off)[static_cast<std::size_t>(at)];
  }
  const double most =
      static_cast<double>(std::max<std::size_t>(1, std::max(std::ranges::max(on), std::ranges::max(off))));
  std::string out = "<svg viewBox=\"0 0 900 70\" role=\"img\" aria-label=\"how long answers took\">";
  for (std::size_t i = 0; i != bounds.size(); ++i) {
    const double x = 8 + 126 * static_cast<double>(i);
    const double a = 44 * static_cast<double>(off[i]) / most, b = 44 * static_cast<double>(on[i]) / most;
    out += fmt::format(
        "<rect x=\"{:.0f}\" y=\"{:.1f}\" width=\"36\" height=\"{:.1f}\" fill=\"var(--line)\"><title>{} without the "
        "fault</title></rect>",
        x, 50 - a, a, off[i]);
    out += fmt::format(
        "<rect x=\"{:.0f}\" y=\"{:.1f}\" width=\"36\" height=\"{:.1f}\" fill=\"var(--warn)\"><title>{} while it was "
        "on</title></rect>",
        x + 40, 50 - b, b, on[i]);
    out += fmt::format("<text x=\"{:.0f}\" y=\"64\">{}{}</text>", x, i + 1 == bounds.size() ? "" : "to ",
                       bounds[i].second);
  }
  return out + "</svg>";
}

std::string section(const played& one) {
  const auto& row = row_of(one.of.what);
  std::string out = fmt::format("<section id=\"{0}\"><div class=\"top\"><h2>{0}</h2><b class=\"{1}\">{1}</b></div>",
                                escaped(name_of(one.of)), name_of(one.found.what));
  out += fmt::format("<p class=\"soft\">{}: {} ({}).</p>", escaped(one.of.service), row.about, row.means);
  for (const auto& w : one.found.words) out += "<p>" + escaped(w) + "</p>";
  if (!one.seen.asked.empty()) out += "<p class=\"soft asked\">Asked: " + escaped(one.seen.asked) + "</p>";
  if (one.seen.samples.empty()) return out + "</section>";
  out += timeline(one);
  out += "<p class=\"key\">";
  for (std::size_t i = 0; i != one.seen.masters.size(); ++i)
    out += fmt::format("<span><i style=\"background:var(--m{})\"></i>{}</span>", std::min<std::size_t>(i, 4),
                       escaped(one.seen.masters[i]));
  out += "<span><i style=\"background:var(--bad)\"></i>not served</span></p>";
  return out + distribution(one) +
         "<p class=\"key\"><span><i style=\"background:var(--line)\"></i>without the fault</span><span><i "
         "style=\"background:var(--warn)\"></i>while it was on</span></p></section>";
}

}  // namespace

std::string to_html(const heading& of, const std::vector<played>& all) {
  std::size_t passed = 0;
  for (const auto& one : all) passed += one.found.what == result::passed;
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">"
      "<link rel=\"icon\" href=\"data:,\"><title>bunraku drill</title><style>";
  out += style;
  out += fmt::format(
      "</style></head><body><main><h1>Failover drill on {}</h1><p class=\"soft\">{}, bunraku {}, {:.0f} s. "
      "Faults were played inside bunraku on this host alone; what the masters were asked changes "
      "nothing.</p><section><h2>{} of {} passed</h2><table><tr><th>scenario</th><th>result</th>"
      "<th>unserved</th><th>slowest</th><th>gap</th></tr>",
      escaped(of.certname), escaped(of.began), escaped(of.version), static_cast<double>(of.took.count()) / 1000, passed,
      all.size());
  for (const auto& one : all)
    out += fmt::format(
        "<tr><td><a href=\"#{0}\">{0}</a></td><td class=\"{1}\">{1}</td><td>{2} of {3}</td><td>{4:.2f} s</td>"
        "<td>{5:.2f} s</td></tr>",
        escaped(name_of(one.of)), name_of(one.found.what), one.found.unserved, one.found.requests,
        static_cast<double>(one.found.slowest.count()) / 1e6, static_cast<double>(one.found.gap.count()) / 1000);
  out += "</table></section>";
  for (const auto& one : all) out += section(one);
  return out + "</main></body></html>\n";
}

}  // namespace shim::drill
