#include "sandbox/sandbox.hpp"

#include "sandbox/capabilities.hpp"
#include "sandbox/files.hpp"
#include "sandbox/system_calls.hpp"

namespace shim::sandbox {

confinement enter(const needs& what, bunraku::problems& found) {
  confinement now{.granted = what, .description = {}};
  std::string refused;
  const auto note = [&](bool& done, const char* word, const std::string& why) {
    done = why.empty();
    if (done) now.description += (now.description.empty() ? "" : " ") + std::string(word);
    else refused += (refused.empty() ? "" : "; ") + why;
  };
  // In this order: the filter of system calls would refuse the others.
  bool no_new_privileges = false;
  note(now.caps, "capabilities", give_up_capabilities(what.low_ports));
  note(no_new_privileges, "no-new-privileges", give_up_new_privileges());
  note(now.files, "landlock", confine_files(what));
  note(now.calls, "seccomp", filter_system_calls(what));
  if (now.description.empty()) now.description = "none";
  if (!refused.empty())
    found.emplace_back(bunraku::severity::warning, "sandbox",
                       "This kernel does not take away all that could be: " + refused + ".",
                       "bunraku works without it. Containers often forbid it; Landlock needs Linux 5.13.");
  return now;
}

bunraku::problems refusals(const confinement& now, const needs& wanted) {
  bunraku::problems out;
  auto granted = now.granted;
  if (!now.files) granted.read = wanted.read, granted.write = wanted.write, granted.foreign = wanted.foreign;
  if (!now.caps) granted.low_ports = true;
  if (!now.calls) granted.token = granted.plugins = true;
  std::string lacking;
  for (const auto& one : missing(granted, wanted)) lacking += (lacking.empty() ? "" : ", ") + one;
  if (!lacking.empty())
    out.emplace_back(bunraku::severity::error, "sandbox",
                     "bunraku gave up at its start what it did not need then, and now it would need " + lacking + ".",
                     "Restart it: it starts with what the new configuration needs.");
  return out;
}

}  // namespace shim::sandbox
