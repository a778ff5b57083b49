#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

using EVP_MAC = struct evp_mac_st;

namespace shim::forward {

/// A secret of this process under which bytes are compared by their tags. Threads: immutable after construction.
class proof_key {
 public:
  struct secret {
    std::array<unsigned char, 32> poly1305{};
    std::array<std::uint64_t, 128> nh{};
  };

  /// Takes 32 + 1024 random bytes from OpenSSL. Without them, or without Poly1305 (OpenSSL in FIPS mode), nothing can
  /// be proven.
  proof_key();
  /// A known one, for tests of what a tag is.
  explicit proof_key(const secret& known);
  proof_key(const proof_key&) = delete;
  proof_key& operator=(const proof_key&) = delete;
  bool usable() const noexcept { return mac_ != nullptr; }

 private:
  friend class prefix_proof;
  struct free_mac {
    void operator()(EVP_MAC* mac) const noexcept;
  };
  std::unique_ptr<EVP_MAC, free_mac> mac_;
  secret secret_;
};

/// Shows that bytes which came a second time are those that came before, without keeping them: by a tag under a key
/// that never leaves the process.
///
/// The tag: each block m of 1 KiB becomes the 16 bytes of NH (RFC 4418, 5.2, but with words of 64 bits): the sum over
/// i < 64 of (m[2i] + k[2i]) * (m[2i+1] + k[2i+1]), inside the brackets mod 2^64, else mod 2^128. The last block is
/// what is left, perhaps nothing, with zeros up to whole pairs. Poly1305 goes over those 16 bytes of all blocks and the
/// length.
///
/// Two different byte strings of up to 2^48 bytes have the same tag with a chance below 2^-63. If they are equally
/// long, some block differs, and NH makes it the same 16 bytes with a chance of at most 2^-64; else the lengths differ.
/// So Poly1305 is given two different strings of at most n = 2^38 + 2 times 16 bytes, and makes them the same tag with
/// a chance of at most 8n / 2^106. Who makes the bytes cannot raise it, since no tag is ever seen outside.
///
/// Costs 0.035 ns per byte, half of what Poly1305 over all of them does. See contrib/adr/0008.
class prefix_proof {
 public:
  using tag = std::array<unsigned char, 16>;

  prefix_proof() noexcept = default;                     ///< proves nothing
  explicit prefix_proof(const proof_key& key) noexcept;  ///< `key` outlives it

  /// False: nothing can be proven with it.
  bool stands() const noexcept { return running_ != nullptr; }
  void add(std::string_view bytes) noexcept;
  std::uint64_t bytes() const noexcept { return bytes_; }
  /// Of everything added so far; more can be added afterwards. Nothing if OpenSSL failed.
  std::optional<tag> tag_so_far() const noexcept;

 private:
  struct running;  // 1 KiB that most exchanges never need
  struct free_running {
    void operator()(running* one) const noexcept;
  };
  std::unique_ptr<running, free_running> running_;
  std::uint64_t bytes_ = 0;
};

}  // namespace shim::forward
