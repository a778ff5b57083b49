#pragma once
#include <bunraku/enrolment.hpp>
#include <bunraku/problem.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace shim::enroll {

inline constexpr std::size_t largest_csr_attributes = 65536;  ///< bytes; a request would not hold more

struct csr_attributes {
  std::vector<bunraku::request_contents::named_value> attributes, extensions;
  bunraku::problems found;  ///< with an error, the lists are not to be used
};

/// The text of csr_attributes.yaml, every problem at once. Pure.
/// Model:  a map with `custom_attributes` and `extension_requests`, each a map of OIDs (or Puppet's short names) to
///         values. An empty file asks for nothing.
/// Errors: what Puppet refuses; names that are none; and values that Puppet would send otherwise than they stand there,
///         since YAML takes them for a number, a date or a truth value.
/// Source: Puppet's ssl/certificate_request_attributes.rb, ssl/oids.rb.
csr_attributes parse_csr_attributes(std::string_view text, const std::string& file);

/// dns_alt_names as a request wants them: "DNS:name", "IP:address"; the certname is left to the request.
std::vector<std::string> parse_alt_names(std::string_view setting, bunraku::problems& found);

}  // namespace shim::enroll
