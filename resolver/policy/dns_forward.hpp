#pragma once
#include "puppet/ascii.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bunraku::policy {

/// Whether `name` is `domain` or below it, whatever the case. Neither has a dot at its end.
inline bool lies_in(std::string_view name, std::string_view domain) {
  if (domain.empty() || name.size() < domain.size()) return false;
  return ascii::same_name(name.substr(name.size() - domain.size()), domain) &&
         (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.');
}

/// The entry {domain, servers} for a name: of those it lies in the one with the longest domain; null if it lies in
/// none.
template <class Servers>
const std::pair<std::string, Servers>* forward_for(std::string_view name,
                                                   const std::vector<std::pair<std::string, Servers>>& all) {
  const std::pair<std::string, Servers>* best = nullptr;
  for (const auto& one : all)
    if (lies_in(name, one.first) && (best == nullptr || one.first.size() > best->first.size())) best = &one;
  return best;
}

}  // namespace bunraku::policy
