#include "policy/run_line.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <vector>

namespace bunraku::policy {
namespace {

std::string_view word_for(run_summary::end how) noexcept {
  switch (how) {
    case run_summary::end::reported: return "report";
    case run_summary::end::idle: return "idle";
    case run_summary::end::replaced: return "next-run";
  }
  return {};
}

/// The value comes out of a request: what could break the line's form is replaced.
std::string harmless(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '=') c = '?';
  return out;
}

std::string in_tenths(std::chrono::steady_clock::duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

}  // namespace

std::chrono::microseconds spared_in(const run_summary& run, std::chrono::seconds patience) noexcept {
  const std::chrono::microseconds alone = patience * run.silences;
  return std::max(alone - run.lost, std::chrono::microseconds(0));
}

std::string line_of(const run_summary& run, std::chrono::seconds patience,
                    const std::function<std::string_view(service)>& name) {
  std::string line = "run over end=";
  line += word_for(run.how);
  const auto add = [&](std::string_view key, std::uint64_t value) {
    line += ' ';
    line += key;
    line += '=';
    line += std::to_string(value);
  };
  add("requests", run.requests);
  add("unserved", run.unserved);
  add("failovers", run.failovers);
  add("moves", run.moves);
  add("up", run.bytes_up);
  add("down", run.bytes_down);
  line += " seconds=" + in_tenths(run.last - run.began);
  line += " lost_s=" + in_tenths(run.lost);
  line += " spared_s=" + in_tenths(spared_in(run, patience));
  auto used = run.used;
  std::ranges::sort(used, [](const auto& a, const auto& b) {
    return std::tie(a.of, b.answers, a.who) < std::tie(b.of, a.answers, b.who);
  });
  const run_summary::use* before = nullptr;
  for (const auto& use : used) {
    if (before != nullptr && before->of == use.of) {
      line += ',';
    } else {
      line += ' ';
      line += name(use.of);
      line += '=';
    }
    line += use.who.to_string() + "*" + std::to_string(use.answers);
    before = &use;
  }
  if (!run.transaction_uuid.empty()) line += " transaction=" + harmless(run.transaction_uuid);
  return line;
}

}  // namespace bunraku::policy
