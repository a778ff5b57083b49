#pragma once
#include "doctor/checks.hpp"
#include "doctor/facts.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shim::doctor {

enum class gravity : std::uint8_t {
  note,     ///< worth knowing, nothing to do
  warning,  ///< works now, and will not always
  error,    ///< does not work
};
constexpr std::string_view name_of(gravity g) noexcept {
  switch (g) {
    case gravity::note: return "note";
    case gravity::warning: return "warning";
    case gravity::error: return "error";
  }
  return {};
}

/// Something that is not as it should be. `fix` is a command to run or a line to write, as exact as can be known here.
struct finding {
  gravity level = gravity::warning;
  check_name check;   ///< for programs: "master-silent"
  std::string where;  ///< file:line, a file, a master, a record
  std::string what;   ///< one sentence
  std::string why;    ///< why it matters, one sentence
  std::string fix;
};

/// Every check on these facts, the gravest first, else in the checks' order. Pure.
std::vector<finding> diagnose(const facts& of);

/// One subject of `diagnose`; adds what it finds.
using check_function = void (*)(const facts&, std::vector<finding>&);
void check_files(const facts& of, std::vector<finding>& found);
void check_puppet_settings(const facts& of, std::vector<finding>& found);
void check_way_in(const facts& of, std::vector<finding>& found);
void check_names(const facts& of, std::vector<finding>& found);
void check_masters(const facts& of, std::vector<finding>& found);
void check_node(const facts& of, std::vector<finding>& found);

}  // namespace shim::doctor
