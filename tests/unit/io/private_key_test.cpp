#include "io/credentials.hpp"
#include "io/pem_file.hpp"
#include "support/pki.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/private_key.hpp>

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace bunraku;

identity with_key(io::evp_pkey_ptr key) {
  io::credentials::parts parts{};
  parts.private_key = std::move(key);
  return identity(std::make_shared<const io::credentials>(std::move(parts)));
}

io::evp_pkey_ptr shared(const test_pki::key& key) {
  EVP_PKEY_up_ref(key.get());
  return io::evp_pkey_ptr(key.get());
}

TEST(TrySigning, SaysNothingOfAKeyThatSigns) {
  EXPECT_EQ(try_signing(with_key(shared(test_pki::key::rsa()))), "");
  EXPECT_EQ(try_signing(with_key(shared(test_pki::key::ec()))), "");
}

TEST(TrySigning, SaysWhyAKeyDoesNot) {
  const auto whole = test_pki::key::ec();
  unsigned char* bytes = nullptr;
  const int length = i2d_PUBKEY(whole.get(), &bytes);
  const unsigned char* at = bytes;
  io::evp_pkey_ptr half(d2i_PUBKEY(nullptr, &at, length));
  OPENSSL_free(bytes);
  ASSERT_TRUE(half);
  EXPECT_NE(try_signing(with_key(std::move(half))), "");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

/// Set up for the whole process, so each in a process of its own.
int in_a_child(const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(holds() ? 0 : 1);
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

TEST(KeyMemory, HoldsTheNumbersOfKeysThatAreLoaded) {
  for (const auto& key : {test_pki::key::rsa(), test_pki::key::ec()})
    EXPECT_EQ(in_a_child([&] {
                const auto text = key.traditional_pem();
                if (guard_key_memory(std::size_t{1} << 20) == key_memory::ordinary) return false;
                const auto before = CRYPTO_secure_used();
                const auto read = io::private_key_in(text, nullptr);
                return read.key && CRYPTO_secure_used() > before;
              }),
              0);
}

TEST(KeyMemory, IsSetUpOnce) {
  EXPECT_EQ(in_a_child([] {
              guard_key_memory(65536);
              return guard_key_memory(65536) == key_memory::ordinary;
            }),
            0);
}

TEST(KeyMemory, OfASizeThatItCannotHaveIsOrdinary) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{32768}, std::size_t{65537}, std::size_t{100000},
                                  std::size_t{1} << 33, std::size_t{1} << 63, ~std::size_t{0}})
    EXPECT_EQ(in_a_child([bytes] {
                return guard_key_memory(bytes) == key_memory::ordinary &&
                       guard_key_memory(65536) != key_memory::ordinary;
              }),
              0)
        << bytes;
}

}  // namespace
