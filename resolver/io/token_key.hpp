#pragma once
#include "io/openssl_ptr.hpp"

#include <bunraku/problem.hpp>
#include <bunraku/token_uri.hpp>

#include <expected>
#include <string_view>

namespace bunraku::io {

/// The private key in a PKCS#11 token, by OpenSSL's engine "pkcs11". It stays in the token; each signature is made
/// there, and blocks the calling thread until it is. `pin` null: none is given. Asks nobody on a terminal.
/// A wrong PIN is tried once for each call: tokens lock themselves after a few.
/// The module is loaded once for the process; another one later is an error.
/// Threads: any, one at a time. Leaves the thread's OpenSSL error queue empty. Errors never name the PIN.
std::expected<evp_pkey_ptr, problem> key_in_token(const token_uri& where, const std::string_view* pin);

}  // namespace bunraku::io
