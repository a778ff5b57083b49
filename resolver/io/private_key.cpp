#include "io/credentials.hpp"
#include "io/openssl_reason.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/private_key.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstddef>
#include <vector>

namespace bunraku {
namespace {

struct digest_freed {
  void operator()(EVP_MD_CTX* c) const noexcept { EVP_MD_CTX_free(c); }
};

}  // namespace

key_memory guard_key_memory(std::size_t bytes) noexcept {
  constexpr std::size_t least = std::size_t{1} << 16, most = std::size_t{1} << 32;
  if (bytes < least || bytes > most || !std::has_single_bit(bytes)) return key_memory::ordinary;  // OpenSSL would abort
  constexpr std::size_t smallest_piece = 128;  // of which a connection takes one; two bits of memory are kept for each
  switch (CRYPTO_secure_malloc_init(bytes, smallest_piece)) {
    case 1: return key_memory::locked;
    case 2: return key_memory::unlocked;
    default: return key_memory::ordinary;
  }
}

std::string try_signing(const identity& with) {
  EVP_PKEY* key = with.native()->private_key();
  ERR_clear_error();
  const std::unique_ptr<EVP_MD_CTX, digest_freed> digest(EVP_MD_CTX_new());
  constexpr std::array<unsigned char, 7> text{'b', 'u', 'n', 'r', 'a', 'k', 'u'};
  std::vector<unsigned char> signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t length = signature.size();
  if (digest && EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestSign(digest.get(), signature.data(), &length, text.data(), text.size()) == 1)
    return {};
  auto reason = io::openssl_reason(ERR_peek_error());
  ERR_clear_error();
  return reason;
}

}  // namespace bunraku
