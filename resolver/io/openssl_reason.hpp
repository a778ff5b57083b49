#pragma once
#include <string>

namespace bunraku::io {

/// The words of an error from OpenSSL's queue ("no start line"), where the library has some; else how to ask for them.
/// A program that spares the memory of these texts (OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, some 80 KiB with the code that
/// loads them) has them from the first call on. From any thread.
std::string openssl_reason(unsigned long error);

}  // namespace bunraku::io
