#include "forward/prefix_proof.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace shim::forward {

void proof_key::free_mac::operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
void prefix_proof::free_context::operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }

proof_key::proof_key() : mac_(EVP_MAC_fetch(nullptr, "POLY1305", nullptr)) {
  if (mac_ && RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) != 1) mac_.reset();
  ERR_clear_error();
}

prefix_proof::prefix_proof(const proof_key& key) {
  if (!key.usable()) return;
  context_.reset(EVP_MAC_CTX_new(key.mac_.get()));
  if (context_ && EVP_MAC_init(context_.get(), key.secret_.data(), key.secret_.size(), nullptr) != 1) context_.reset();
}

void prefix_proof::add(std::string_view bytes) noexcept {
  bytes_ += bytes.size();
  if (!context_ || bytes.empty()) return;
  if (EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) != 1)
    context_.reset();
}

std::optional<prefix_proof::tag> prefix_proof::tag_so_far() const noexcept {
  if (!context_) return std::nullopt;
  const std::unique_ptr<EVP_MAC_CTX, free_context> copy(EVP_MAC_CTX_dup(context_.get()));
  tag out{};
  std::size_t size = 0;
  if (!copy || EVP_MAC_final(copy.get(), out.data(), &size, out.size()) != 1 || size != out.size()) {
    ERR_clear_error();
    return std::nullopt;
  }
  return out;
}

}  // namespace shim::forward
