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
/// An agent has better to do than to ask all the time: of its runs it is the longest wait for an answer.
void find_gap(const observation& seen, verdict& into) {
  milliseconds last = seen.fault_from;
  if (!seen.runs.empty()) {
    for (const auto& s : seen.samples) {
      const auto took = std::chrono::duration_cast<milliseconds>(s.took);
      if (!is_in_fault(s, seen) || took <= into.gap) continue;
      into.gap = took;
      into.gap_from = s.at;
    }
    return;
  }
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

/// A run's requests are for other services, too, which have masters of their own.
bool is_of(const step& of, const sample& s) { return s.service.empty() || s.service == of.service; }

/// Who answered with success and is not one of the masters that were there before.
std::string stranger_in(const step& of, const observation& seen) {
  for (const auto& s : seen.samples)
    if (s.served && !s.master.empty() && is_of(of, s) &&
        std::ranges::find(seen.masters, s.master) == seen.masters.end())
      return s.master;
  return {};
}

bool is_late(const step& of, const sample& s) { return s.took > of.expect.within + s.usual; }

std::string of_latest(const step& of, const observation& seen) {
  const sample* latest = nullptr;
  for (const auto& s : seen.samples)
    if (is_in_fault(s, seen) && is_late(of, s) &&
        (latest == nullptr || s.took - s.usual > latest->took - latest->usual))
      latest = &s;
  if (latest == nullptr) return {};
  const auto which = latest->service.empty() ? std::string("answer") : "answer of " + latest->service;
  auto took = in_words(latest->took);
  if (took == in_words(of.expect.within + latest->usual))  // "2.0 s, more than 2.0 s" would tell nobody anything
    took = fmt::format("{:.3f} ms", static_cast<double>(latest->took.count()) / 1000);
  if (latest->usual == std::chrono::microseconds(0))
    return fmt::format("The slowest {} took {}, more than {}.", which, took, in_words(of.expect.within));
  return fmt::format("The slowest {} took {}, more than {} longer than the {} of before the fault.", which, took,
                     in_words(of.expect.within), in_words(latest->usual));
}

std::string in_words(const agent_run& run) {
  const auto how = run.status < 0 ? std::string("was killed") : fmt::format("ended with exit status {}", run.status);
  return how + (run.why.empty() ? "" : ": " + run.why);
}

bool is_in_fault(const agent_run& r, const observation& seen) {
  return r.at >= seen.fault_from && r.at < seen.fault_to;
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
  if (const auto late = of_latest(of, seen); !late.empty()) fail(late);
  if (of.expect.another.value_or(false) && !seen.masters.empty()) {
    const auto same = std::ranges::count_if(seen.samples, [&](const sample& s) {
      return is_in_fault(s, seen) && s.served && is_of(of, s) && s.master == seen.masters.front();
    });
    if (same != 0) fail(fmt::format("{} answers came from {} all the same.", same, seen.masters.front()));
  }
  if (const auto stranger = stranger_in(of, seen); !stranger.empty())
    fail(fmt::format("{} answered, who is none of the masters that were there before.", stranger));
  if (!seen.samples.empty() && !seen.samples.back().served)
    fail("After the fault it did not work again: " +
         (seen.samples.back().why.empty() ? fmt::format("status {}", seen.samples.back().status)
                                          : seen.samples.back().why) +
         ".");
}

void judge_runs(const step& of, const observation& seen, verdict& into) {
  const auto bad =
      std::ranges::find_if(seen.runs, [&](const agent_run& r) { return is_in_fault(r, seen) && !r.is_good(); });
  if (of.expect.served && bad != seen.runs.end()) {
    into.what = result::failed;
    into.words.push_back(fmt::format("An agent's run {}.", in_words(*bad)));
  }
  if (!seen.runs.empty() && !seen.runs.back().is_good()) {
    into.what = result::failed;
    into.words.push_back(fmt::format("After the fault an agent's run {}.", in_words(seen.runs.back())));
  }
}

/// What was downloaded, and that what broke off was finished.
std::string about_continuation(const step& of, const observation& seen) {
  std::size_t count = 0;
  const sample* first = nullptr;
  for (const auto& s : seen.samples)
    if (s.served && !s.continued.empty() && count++ == 0) first = &s;
  if (first == nullptr) return {};
  return fmt::format("{} that broke off {} finished by another master, {}{}.",
                     count == 1 ? "One answer" : fmt::format("{} answers", count), count == 1 ? "was" : "were",
                     first->continued, is_download(of) ? ", and every byte was right" : "");
}

std::string in_short(const step& of, const observation& seen, const verdict& found) {
  const auto& row = row_of(of.what);
  if (!seen.runs.empty()) {
    const auto runs = std::ranges::count_if(seen.runs, [&](const agent_run& r) { return is_in_fault(r, seen); });
    const auto bad =
        std::ranges::count_if(seen.runs, [&](const agent_run& r) { return is_in_fault(r, seen) && !r.is_good(); });
    return fmt::format("While {}, {} of {} {} of the agent ended well{}; {} requests, the slowest took {}.", row.about,
                       runs - bad, runs, runs == 1 ? "run" : "runs", of.expect.served ? "" : ", and afterwards one did",
                       found.requests, in_words(found.slowest));
  }
  return of.expect.served
             ? fmt::format("All {} requests were served while {}; the slowest took {}.", found.requests, row.about,
                           in_words(found.slowest))
             : fmt::format("While {}, {} of {} requests failed, the slowest after {}; afterwards it worked again.",
                           row.about, found.unserved, found.requests, in_words(found.slowest));
}

bool worked_before(const observation& seen) {
  const auto good = [&](const sample& s) { return s.at >= seen.fault_from || s.served; };
  const auto ran = [&](const agent_run& r) { return r.at >= seen.fault_from || r.is_good(); };
  return std::ranges::any_of(seen.samples, [&](const sample& s) { return s.at < seen.fault_from; }) &&
         std::ranges::all_of(seen.samples, good) && std::ranges::all_of(seen.runs, ran);
}

/// What failed before the fault, for whoever has to mend it.
std::string first_failure(const observation& seen) {
  for (const auto& r : seen.runs)
    if (!r.is_good()) return fmt::format(" The agent's run {}.", in_words(r));
  for (const auto& s : seen.samples)
    if (!s.served)
      return fmt::format(" {} was answered with {}.", seen.asked.empty() ? "A request" : seen.asked,
                         s.why.empty() ? fmt::format("status {}", s.status) : s.why);
  return {};
}

}  // namespace

verdict judge(const step& of, const observation& seen) {
  verdict out;
  if (!seen.trouble.empty()) {
    out.words = {"It could not be played: " + seen.trouble};
    return out;
  }
  count(seen, out);
  if (!worked_before(seen)) {
    out.words = {"It does not work without any fault either: see `bunraku doctor`." + first_failure(seen)};
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
  judge_runs(of, seen, out);
  if (seen.hits == 0) {
    out.what = result::not_played;
    out.words.push_back("The fault was never met, so this says nothing.");
  }
  if (out.what == result::passed) out.words.push_back(in_short(of, seen, out));
  if (const auto more = about_continuation(of, seen); out.what == result::passed && !more.empty())
    out.words.push_back(more);
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
