#include "io/openssl_reason.hpp"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/x509err.h>

#include <cerrno>

namespace {

using bunraku::io::openssl_reason;

/// As the daemon: nothing of OpenSSL's texts is in memory. ctest gives each test a process of its own.
class OpensslReason : public ::testing::Test {
 protected:
  void SetUp() override {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, nullptr);
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_SSL_STRINGS, nullptr);
  }
};

TEST_F(OpensslReason, IsInWordsThoughNoTextsWereLoadedAtTheStart) {
  EXPECT_EQ(openssl_reason(ERR_PACK(ERR_LIB_PEM, 0, PEM_R_NO_START_LINE)), "no start line");
  EXPECT_EQ(openssl_reason(ERR_PACK(ERR_LIB_X509, 0, X509_R_KEY_VALUES_MISMATCH)), "key values mismatch");
  EXPECT_EQ(openssl_reason(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_EE_KEY_TOO_SMALL)), "ee key too small");
}

TEST_F(OpensslReason, WhatEveryPartOfOpensslMayMeetIsInWordsForAll) {
  EXPECT_EQ(openssl_reason(ERR_PACK(ERR_LIB_OSSL_DECODER, 0, ERR_R_UNSUPPORTED)), "unsupported");
}

TEST_F(OpensslReason, AnErrorOfTheSystemIsInTheSystemsWords) {
  EXPECT_EQ(openssl_reason(ERR_SYSTEM_FLAG | EACCES), "Permission denied");
}

TEST_F(OpensslReason, ThatHasNoWordsSaysHowToAskForThem) {
  EXPECT_EQ(openssl_reason(ERR_PACK(ERR_LIB_PROV, 0, 116)), "error 1C800074 (openssl errstr 1C800074)");
}

TEST_F(OpensslReason, NoErrorIsAnUnknownReason) { EXPECT_EQ(openssl_reason(0), "unknown reason"); }

}  // namespace
