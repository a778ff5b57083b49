#include "io/pem_file.hpp"
#include "io/shared_key.hpp"

#include <bunraku/enrolment.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <charconv>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

namespace bunraku {
namespace {

using io::key_reading;

constexpr unsigned shortest_rsa = 2048, longest_rsa = 16384;  // OpenSSL's level 2 on Debian; what verifiers still take

problem error(const std::string& where, std::string what, std::string fix) {
  return {severity::error, where, std::move(what), std::move(fix)};
}

node_key_reading made(EVP_PKEY* key) {
  if (key == nullptr) throw std::bad_alloc();
  return {node_key(std::make_shared<io::shared_key>(io::evp_pkey_ptr(key))), {}};
}

node_key_reading generate_rsa(const std::string& bits) {
  unsigned count = 0;
  const auto [end, bad] = std::from_chars(bits.data(), bits.data() + bits.size(), count);
  if (bad != std::errc{} || end != bits.data() + bits.size() || count < shortest_rsa || count > longest_rsa)
    return {std::nullopt,
            {error("keylength", "no RSA key of `" + bits + "` bits is made",
                   "set keylength in puppet.conf to a number from 2048 to 16384")}};
  return made(EVP_RSA_gen(count));
}

node_key_reading generate_ec(const std::string& curve) {
  EVP_PKEY* key = EVP_EC_gen(curve.c_str());
  ERR_clear_error();
  if (key == nullptr)
    return {std::nullopt,
            {error("named_curve", "OpenSSL on this host knows no curve `" + curve + "`",
                   "set named_curve in puppet.conf to one that `openssl ecparam -list_curves` shows")}};
  return made(key);
}

bool is_missing(const std::string& file) { return ::access(file.c_str(), F_OK) != 0 && errno == ENOENT; }

problem explain(key_reading::failure why, const std::string& file, const std::string& passfile) {
  const std::string restore = "restore it, or, if nothing was signed for it, move it away and enrol anew";
  switch (why) {
    case key_reading::failure::needs_passphrase:
      return error(file, "the private key is encrypted and there is no passphrase file " + passfile,
                   "write the passphrase into it");
    case key_reading::failure::passphrase_too_long:
      return error(passfile, "the passphrase is longer than OpenSSL takes (1024 bytes)", "use a shorter one");
    case key_reading::failure::wrong_passphrase:
      return error(passfile, "the passphrase does not open the private key " + file,
                   "the whole file is the passphrase, a newline at its end included: check both");
    case key_reading::failure::no_key: return error(file, "there is no PEM private key in it", restore);
    case key_reading::failure::damaged:
    case key_reading::failure::none: break;
  }
  return error(file, "the private key is damaged or of an unknown kind", restore);
}

}  // namespace

node_key_reading node_key::generate(const enrolment_settings& how) {
  if (how.key_type == "ec") return generate_ec(how.named_curve);
  if (how.key_type == "rsa") return generate_rsa(how.key_length);
  return {
      std::nullopt,
      {error("key_type", "there is no key type `" + how.key_type + "`", "set key_type in puppet.conf to rsa or ec")}};
}

node_key_reading node_key::load(const credential_files& files) {
  const std::string& file = files.private_key;
  if (is_missing(file)) return {};
  const auto bytes = io::read_file(file, "this node's private key", {});
  if (!bytes) return {std::nullopt, {bytes.error()}};
  if ((bytes->mode() & (S_IROTH | S_IWOTH)) != 0)
    return {std::nullopt,
            {error(file, "every user of this host can read or change the private key, so it may not be secret any more",
                   "move it away to have a new one made; or, if nobody else was on this host, chmod o= " + file)}};
  key_reading reading = io::private_key_in(bytes->view(), nullptr);
  if (reading.why == key_reading::failure::needs_passphrase && !is_missing(files.passphrase_file)) {
    const auto secret = io::read_file(files.passphrase_file, "the passphrase file", {});
    if (!secret) return {std::nullopt, {secret.error()}};
    const std::string_view passphrase = secret->view();
    reading = io::private_key_in(bytes->view(), &passphrase);
  }
  if (!reading.key) return {std::nullopt, {explain(reading.why, file, files.passphrase_file)}};
  return made(reading.key.release());
}

std::string node_key::pem(const std::optional<std::string>& passphrase) const {
  const io::bio_ptr bio(BIO_new(BIO_s_secmem()));
  const auto* secret = passphrase ? reinterpret_cast<const unsigned char*>(passphrase->data()) : nullptr;
  const int length = passphrase ? static_cast<int>(passphrase->size()) : 0;
  if (!bio ||
      PEM_write_bio_PrivateKey_traditional(bio.get(), native_->key.get(), passphrase ? EVP_aes_128_cbc() : nullptr,
                                           secret, length, nullptr, nullptr) != 1) {
    ERR_clear_error();
    throw std::bad_alloc();  // the key is good and the memory is ours: nothing else is left to go wrong
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace bunraku
