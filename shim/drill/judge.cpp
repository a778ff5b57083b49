#include "drill/step.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace shim::drill {
namespace {

std::string in_words(std::chrono::microseconds d) {
  const auto ms = static_cast<double>(d.count()) / 1000;
  return ms < 1000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} s", ms / 1000);
}

bool is_in_fault(const sample& s, const observation& seen) { return s.at >= seen.fault_from && s.at < seen.fault_to; }

/// The longest time without a good answer, counted from the last one before it; answers count when they are whole.
void find_gap(const observation& seen, verdict& into) {
  milliseconds last = seen.fault_from;
  for (const auto& s : seen.samples) {
    if (!s.served || s.at < seen.fault_from) continue;
    const auto whole = s.at + std::chrono::duration_cast<milliseconds>(s.took);
    if (whole - last > into.gap) {
      into.gap = whole - last;
      into.gap_from = last;
    }
    last = std::max(last, whole);
  }
  if (seen.total > last && seen.total - last > into.gap) {
    into.gap = seen.total - last;
    into.gap_from = last;
  }
}

void count(const observation& seen, verdict& into) {
  for (const auto& s : seen.samples) {
    if (!is_in_fault(s, seen)) continue;
    ++into.requests;
    into.unserved += !s.served;
    into.slowest = std::max(into.slowest, s.took);
  }
  find_gap(seen, into);
}

/// Who answered with success and is not one of the masters that were there before.
std::string stranger_in(const observation& seen) {
  for (const auto& s : seen.samples)
    if (s.served && !s.master.empty() && std::ranges::find(seen.masters, s.master) == seen.masters.end())
      return s.master;
  return {};
}

void judge_samples(const step& of, const observation& seen, verdict& into) {
  const auto fail = [&](std::string why) {
    into.what = result::failed;
    into.words.push_back(std::move(why));
  };
  const sample* worst = nullptr;
  for (const auto& s : seen.samples)
    if (is_in_fault(s, seen) && !s.served && worst == nullptr) worst = &s;
  if (of.expect.served && into.unserved != 0)
    fail(fmt::format("{} of {} requests were not served; the first of them: {}.", into.unserved, into.requests,
                     worst->why.empty() ? fmt::format("status {}", worst->status) : worst->why));
  if (into.slowest > of.expect.within)
    fail(fmt::format("The slowest answer took {}, more than {}.", in_words(into.slowest), in_words(of.expect.within)));
  if (of.expect.another.value_or(false) && !seen.masters.empty()) {
    const auto same = std::ranges::count_if(seen.samples, [&](const sample& s) {
      return is_in_fault(s, seen) && s.served && s.master == seen.masters.front();
    });
    if (same != 0) fail(fmt::format("{} answers came from {} all the same.", same, seen.masters.front()));
  }
  if (const auto stranger = stranger_in(seen); !stranger.empty())
    fail(fmt::format("{} answered, who is none of the masters that were there before.", stranger));
  if (!seen.samples.empty() && !seen.samples.back().served)
    fail("After the fault it did not work again: " +
         (seen.samples.back().why.empty() ? fmt::format("status {}", seen.samples.back().status)
                                          : seen.samples.back().why) +
         ".");
}

}  // namespace

verdict judge(const step& of, const observation& seen) {
  verdict out;
  const auto& row = row_of(of.what);
  if (!seen.trouble.empty()) {
    out.words = {"It could not be played: " + seen.trouble};
    return out;
  }
  count(seen, out);
  const bool before = std::ranges::any_of(seen.samples, [&](const sample& s) { return s.at < seen.fault_from; });
  const bool good_before =
      std::ranges::all_of(seen.samples, [&](const sample& s) { return s.at >= seen.fault_from || s.served; });
  if (!before || !good_before) {
    out.words = {"It does not work without any fault either: see `bunraku doctor`."};
    return out;
  }
  if (out.requests == 0) {
    out.words = {"No request was made while the fault was on."};
    return out;
  }
  const bool needs_another = of.expect.served && of.what != fault::slow && !is_about_dns(of.what);
  if (needs_another && seen.masters.size() < 2) {
    out.what = result::alone;
    out.words = {fmt::format("{} is the only master of {}: nobody can take over. {} of {} requests were served.",
                             seen.masters.empty() ? "Nobody" : seen.masters.front(), of.service,
                             out.requests - out.unserved, out.requests)};
    return out;
  }
  out.what = result::passed;
  judge_samples(of, seen, out);
  if (seen.hits == 0) {
    out.what = result::not_played;
    out.words.push_back("The fault was never met, so this says nothing.");
  }
  if (out.what == result::passed)
    out.words.push_back(
        of.expect.served
            ? fmt::format("All {} requests were served while {}; the slowest took {}.", out.requests, row.about,
                          in_words(out.slowest))
            : fmt::format("While {}, {} of {} requests failed, the slowest after {}; afterwards it worked again.",
                          row.about, out.unserved, out.requests, in_words(out.slowest)));
  return out;
}

int exit_status(const std::vector<played>& all) noexcept {
  int status = 0;
  for (const auto& one : all) {
    if (one.found.what == result::not_played) return 2;
    if (one.found.what == result::failed || (one.found.what == result::alone && one.of.service != "ca")) status = 1;
  }
  return status;
}

}  // namespace shim::drill
