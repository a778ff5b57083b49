#pragma once
#include <string>
#include <string_view>

namespace bunraku {

/// A private key in a PKCS#11 token (TPM, smart card, HSM) instead of a file, named as in RFC 7512:
/// "pkcs11:token=host;object=puppet?pin-source=/etc/bunraku/pin".
struct token_uri {
  std::string key;          ///< the URI without what stands behind "?": what to say in logs
  std::string module_path;  ///< the module to load; empty: those that p11-kit knows
  std::string pin_file;     ///< absolute; empty: no PIN is given to the token
};

/// Does it name a key in a token, rather than a file?
bool is_token_uri(std::string_view text) noexcept;

/// Pure. `mistake` is empty if `value` is what was meant; else one sentence that never repeats a PIN.
/// Understood are the path attributes of RFC 7512, and of the query attributes pin-source and module-path. `pin-value`
/// is refused: configurations and logs are no place for a PIN.
struct token_uri_reading {
  token_uri value;
  std::string mistake;
};
token_uri_reading parse_token_uri(std::string_view text);

}  // namespace bunraku
