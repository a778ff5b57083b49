#pragma once
#include <string>
#include <vector>

namespace bunraku {

/// Who may be a master, besides what always holds (chain to our CA, not revoked, the name that was dialled, and
/// serverAuth wherever there is an extended key usage). Every certificate of a Puppet CA is a server's certificate too,
/// so whoever can forge DNS and has any node's key could otherwise pose as a master. Empty lists demand nothing.
struct master_demands {
  /// The certificate must also carry one of these: a name that only masters have ("puppet.example.com", from their
  /// dns_alt_names), or "*." and a domain for one further label. Lower case.
  std::vector<std::string> names;
  /// SRV records may name masters in these domains alone; others are not dialled. Lower case, no dot at either end.
  std::vector<std::string> within;
  /// SHA-256 of the subjectPublicKeyInfo of those keys that masters have, 64 hexadecimal digits in lower case. For all
  /// services that have none of their own.
  std::vector<std::string> pins;
};

}  // namespace bunraku
