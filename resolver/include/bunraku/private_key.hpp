#pragma once
#include <cstddef>
#include <string>

namespace bunraku {

class identity;

/// Where private keys that are loaded from now on are kept.
enum class key_memory {
  locked,    ///< in pages of their own: never swapped out, not in core dumps, between pages that cannot be touched
  unlocked,  ///< the same, but the kernel may swap them out: RLIMIT_MEMLOCK is too low
  ordinary,  ///< with everything else
};

/// Sets up OpenSSL's secure heap, which then holds the numbers of private keys, the text of their PEM blocks and the
/// secrets of handshakes. Not all traces of a key: what OpenSSL computes from its primes while signing (Montgomery
/// values) is in ordinary memory.
/// `bytes`: how much of it, a power of two from 2^16 to 2^32; another number sets up nothing, and `ordinary` is
/// returned. A full one fails handshakes: an identity takes about 5 KiB, a TLS connection 128 bytes. Memory is used as
/// it fills.
///
/// Threads: once for the process, before the first key is loaded and before there are other threads. Later calls change
/// nothing and return `ordinary`.
key_memory guard_key_memory(std::size_t bytes) noexcept;

/// Has the key sign something: one in a token may have been found and not sign all the same (it was pulled out, or its
/// module may not have its files any more). Empty if it signs, else the reason. Blocks as long as a signature takes.
/// Threads: any; leaves the thread's OpenSSL error queue empty.
std::string try_signing(const identity& with);

}  // namespace bunraku
