#pragma once
#include "policy/random.hpp"

#include <chrono>
#include <optional>

namespace bunraku::policy {

/// How long DNS answers are kept. Plain values, see dns_options for the meaning of the first three.
struct ttl_limits {
  std::chrono::seconds floor{5};
  std::chrono::seconds ceiling{86400};
  std::chrono::seconds negative{30};

  /// "No such record" is never kept longer than this, whatever the SOA grants: a record that an operator adds should be
  /// seen by the next run or the one after it. RFC 2308, 5 suggests a limit of hours.
  static constexpr std::chrono::seconds negative_ceiling{3600};

  /// For an answer with records.
  std::chrono::seconds for_records(std::chrono::seconds ttl) const noexcept;
  /// For an answer without records; `granted` is what its SOA says.
  std::chrono::seconds for_nothing(std::optional<std::chrono::seconds> granted) const noexcept;
  /// For no answer at all (silence, SERVFAIL, nonsense): until it is asked again.
  std::chrono::seconds for_failure() const noexcept;

  /// One of the three above with a random part, so that hosts that asked together do not go on asking together: up to a
  /// tenth less (a TTL is an upper bound), but at the floor up to half of it more (the floor is a lower one).
  std::chrono::milliseconds spread(std::chrono::seconds ttl, random& chance) const noexcept;
  /// for_failure() and up to a quarter more.
  std::chrono::milliseconds next_try(random& chance) const noexcept;
};

}  // namespace bunraku::policy
