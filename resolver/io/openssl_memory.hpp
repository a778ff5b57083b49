#pragma once
#include <openssl/crypto.h>

#include <memory>

namespace bunraku::io {

/// OPENSSL_free by its function: the macro writes the path of the source that uses it into the program, and then
/// builds of one source at two places are not the same bytes.
struct openssl_memory_free {
  void operator()(void* memory) const noexcept { CRYPTO_free(memory, nullptr, 0); }
};

/// Memory that OpenSSL allocated for its caller: i2d_*, *_to_UTF8, BN_bn2hex.
template <class T>
using openssl_memory_ptr = std::unique_ptr<T, openssl_memory_free>;

}  // namespace bunraku::io
