#pragma once
#include "io/openssl_ptr.hpp"

#include <bunraku/problem.hpp>

#include <expected>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace bunraku::io {

/// Larger credential files are refused. Puppet's CA never takes a name off its CRL, and a certificate that it has
/// revoked is 50 bytes there: this is enough for 600,000.
inline constexpr std::size_t largest_pem_file = 32u << 20;

/// A file's bytes, overwritten before their memory is given back, since they may be a key or a passphrase.
class file_bytes {
 public:
  file_bytes(std::vector<char> bytes, mode_t mode) noexcept : bytes_(std::move(bytes)), mode_(mode) {}
  file_bytes(file_bytes&&) noexcept = default;
  file_bytes& operator=(file_bytes&&) = delete;
  ~file_bytes();

  std::string_view view() const noexcept { return {bytes_.data(), bytes_.size()}; }
  mode_t mode() const noexcept { return mode_; }  ///< permission bits

 private:
  std::vector<char> bytes_;
  mode_t mode_;
};

/// Reads a regular file whole. `what_it_is` ("the private key") begins the sentence of an error; `how_to_get_it` is the
/// advice when there is no such file. A file that may not be read is explained with the permission that is in the way.
std::expected<file_bytes, problem> read_file(const std::string& path, std::string_view what_it_is,
                                             std::string_view how_to_get_it);

/// Every certificate (or CRL) in a text; anything outside of their PEM blocks is ignored.
/// Error: one sentence, when a block is damaged, there is none at all, or the text is too long.
std::expected<std::vector<x509_ptr>, std::string> certificates_in(std::string_view pem);
/// The first of them alone, whatever comes after it; null if there is none or it is damaged.
x509_ptr first_certificate_in(std::string_view pem);
std::expected<std::vector<x509_crl_ptr>, std::string> crls_in(std::string_view pem);

/// The first private key of a text, or why there is none. `passphrase` null: none is configured.
struct key_reading {
  evp_pkey_ptr key;
  enum class failure { none, no_key, damaged, needs_passphrase, passphrase_too_long, wrong_passphrase } why;
};
key_reading private_key_in(std::string_view pem, const std::string_view* passphrase);

}  // namespace bunraku::io
