#pragma once
#include "enroll/csr_attributes.hpp"

#include <string>
#include <string_view>

namespace csr_attributes_properties {

/// What must hold for any bytes as csr_attributes.yaml, and as dns_alt_names. Returns what does not, or nothing.
inline std::string check(std::string_view bytes) {
  using namespace shim::enroll;
  const auto read = parse_csr_attributes(bytes, "f.yaml");
  for (const auto& p : read.found) {
    if (!p.where().starts_with("f.yaml") || p.what().empty()) return "a problem without place or cause";
    if (p.fix().empty()) return "a problem without advice";
  }
  if (!has_error(read.found))
    for (const auto* list : {&read.attributes, &read.extensions})
      for (const auto& one : *list)
        if (one.oid.empty() || one.oid.size() > bytes.size() + 64) return "a value without a name";
  bunraku::problems found;
  for (const auto& name : parse_alt_names(bytes, found))
    if (!name.starts_with("DNS:") && !name.starts_with("IP:")) return "a name of no kind";
  return {};
}

}  // namespace csr_attributes_properties
