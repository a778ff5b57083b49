#include "forward/prefix_proof.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace shim::forward {
namespace {

__extension__ using wide = unsigned __int128;
constexpr std::size_t pair_bytes = sizeof(wide);
constexpr std::size_t block_pairs = sizeof(proof_key::secret::nh) / pair_bytes;
constexpr std::size_t batch = 64;  // blocks; with a call of OpenSSL for each one a byte costs a third more

/// Of one pair of words, in the machine's own byte order: tags are compared in this process alone.
wide product(const char* pair, const std::uint64_t* key) noexcept {
  std::array<std::uint64_t, 2> m;
  std::memcpy(m.data(), pair, sizeof m);
  return static_cast<wide>(m[0] + key[0]) * (m[1] + key[1]);
}

/// Two sums side by side: the carries of one do not wait for those of the other.
wide nh(const char* from, const std::uint64_t* key, std::size_t pairs) noexcept {
  wide even = 0, odd = 0;
  for (; pairs >= 2; pairs -= 2, from += 2 * pair_bytes, key += 4) {
    even += product(from, key);
    odd += product(from + pair_bytes, key + 2);
  }
  if (pairs != 0) even += product(from, key);
  return even + odd;
}

bool update(EVP_MAC_CTX* context, std::span<const wide> results) noexcept {
  return EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(results.data()), results.size_bytes()) == 1;
}

struct free_context {
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};
using owned_context = std::unique_ptr<EVP_MAC_CTX, free_context>;

}  // namespace

struct prefix_proof::running {
  owned_context poly1305;
  const std::uint64_t* key;
  wide sum = 0;           // of the block that is not whole
  std::size_t pairs = 0;  // in it
  std::size_t blocks = 0;
  std::array<wide, batch> results;  // of whole blocks, for Poly1305
  std::size_t loose = 0;
  std::array<char, pair_bytes> pair;  // begins with the bytes behind the last whole one

  bool add(std::string_view bytes) noexcept;
  bool add_pairs(std::span<const char> whole) noexcept;
  wide last_block() const noexcept;
};

bool prefix_proof::running::add(std::string_view bytes) noexcept {
  if (loose != 0) {
    const auto taken = bytes.copy(pair.data() + loose, pair_bytes - loose);
    bytes.remove_prefix(taken);
    loose += taken;
    if (loose < pair_bytes) return true;
    if (!add_pairs(pair)) return false;
  }
  const auto whole = bytes.substr(0, bytes.size() / pair_bytes * pair_bytes);
  if (!add_pairs(whole)) return false;
  bytes.remove_prefix(whole.size());
  loose = bytes.copy(pair.data(), pair_bytes);
  return true;
}

bool prefix_proof::running::add_pairs(std::span<const char> whole) noexcept {
  while (!whole.empty()) {
    const auto step = std::min(whole.size() / pair_bytes, block_pairs - pairs);
    sum += nh(whole.data(), key + 2 * pairs, step);
    whole = whole.subspan(step * pair_bytes);
    pairs += step;
    if (pairs < block_pairs) return true;
    pairs = 0;
    results[blocks++] = std::exchange(sum, 0);
    if (blocks < batch) continue;
    blocks = 0;
    if (!update(poly1305.get(), results)) return false;
  }
  return true;
}

wide prefix_proof::running::last_block() const noexcept {
  if (loose == 0) return sum;
  std::array<char, pair_bytes> padded{};
  std::memcpy(padded.data(), pair.data(), loose);
  return sum + product(padded.data(), key + 2 * pairs);
}

void proof_key::free_mac::operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
void prefix_proof::free_running::operator()(running* one) const noexcept { delete one; }

proof_key::proof_key() : proof_key(secret{}) {
  const auto drawn = [](auto& some) {
    return RAND_bytes(reinterpret_cast<unsigned char*>(some.data()), sizeof some) == 1;
  };
  if (mac_ && !(drawn(secret_.poly1305) && drawn(secret_.nh))) mac_.reset();
  ERR_clear_error();
}

proof_key::proof_key(const secret& known) : mac_(EVP_MAC_fetch(nullptr, "POLY1305", nullptr)), secret_(known) {
  ERR_clear_error();
}

prefix_proof::prefix_proof(const proof_key& key) noexcept {
  if (!key.usable()) return;
  owned_context context(EVP_MAC_CTX_new(key.mac_.get()));
  const auto& secret = key.secret_;
  if (!context || EVP_MAC_init(context.get(), secret.poly1305.data(), secret.poly1305.size(), nullptr) != 1) return;
  running_.reset(new (std::nothrow) running);
  if (!running_) return;
  running_->poly1305 = std::move(context);
  running_->key = secret.nh.data();
}

void prefix_proof::add(std::string_view bytes) noexcept {
  bytes_ += bytes.size();
  if (running_ && !bytes.empty() && !running_->add(bytes)) running_.reset();
}

std::optional<prefix_proof::tag> prefix_proof::tag_so_far() const noexcept {
  if (!running_) return std::nullopt;
  const owned_context copy(EVP_MAC_CTX_dup(running_->poly1305.get()));
  const std::array<wide, 2> end{running_->last_block(), bytes_};
  tag out{};
  std::size_t size = 0;
  if (!copy || !update(copy.get(), std::span(running_->results).first(running_->blocks)) || !update(copy.get(), end) ||
      EVP_MAC_final(copy.get(), out.data(), &size, out.size()) != 1 || size != out.size()) {
    ERR_clear_error();
    return std::nullopt;
  }
  return out;
}

}  // namespace shim::forward
