#include <bunraku/token_uri.hpp>

#include <gmock/gmock.h>

namespace {

using bunraku::is_token_uri;
using bunraku::parse_token_uri;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(TokenUri, IsToldFromAFile) {
  EXPECT_TRUE(is_token_uri("pkcs11:object=puppet"));
  EXPECT_FALSE(is_token_uri("/etc/pkcs11:key"));
  EXPECT_FALSE(is_token_uri("PKCS11:object=puppet"));
}

TEST(TokenUri, SaysKeyModuleAndPinFile) {
  const auto read = parse_token_uri(
      "pkcs11:token=my%20host;object=puppet;type=private?pin-source=file:/etc/b/pin&module-path=/usr/lib/m.so");
  EXPECT_EQ(read.mistake, "");
  EXPECT_EQ(read.value.key, "pkcs11:token=my%20host;object=puppet;type=private");
  EXPECT_EQ(read.value.pin_file, "/etc/b/pin");
  EXPECT_EQ(read.value.module_path, "/usr/lib/m.so");
}

TEST(TokenUri, TakesThreeWaysToNameAFile) {
  for (const char* source : {"/etc/b/pin", "file:/etc/b/pin", "file:///etc/b/pin", "/etc/b/%70in"})
    EXPECT_EQ(parse_token_uri(std::string("pkcs11:id=%01?pin-source=") + source).value.pin_file, "/etc/b/pin")
        << source;
}

struct bad {
  const char* uri;
  const char* why;
};

class BadTokenUri : public ::testing::TestWithParam<bad> {};

TEST_P(BadTokenUri, IsRefusedWithItsReason) {
  EXPECT_THAT(parse_token_uri(GetParam().uri).mistake, HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTokenUri,
    ::testing::Values(bad{"pkcs11:", "which key"}, bad{"pkcs11:token=a", "which key"},
                      bad{"pkcs11:object", "without `=`"}, bad{"pkcs11:object=a;;id=%01", "without `=`"},
                      bad{"pkcs11:objekt=a", "no attribute `objekt`"}, bad{"pkcs11:object=a;type=cert", "`type`"},
                      bad{"pkcs11:object=%0", "two hexadecimal"}, bad{"pkcs11:object=%zz", "two hexadecimal"},
                      bad{"pkcs11:object=%00", "two hexadecimal"}, bad{"pkcs11:object=a?pin-source=pin", "absolute"},
                      bad{"pkcs11:object=a?pin-source=|/bin/cat", "absolute"},
                      bad{"pkcs11:object=a?module-name=softhsm2", "not `module-name`"}));

TEST(TokenUri, APinInItIsRefusedAndNotRepeated) {
  const auto read = parse_token_uri("pkcs11:object=a?pin-value=271828");
  EXPECT_THAT(read.mistake, HasSubstr("holds a PIN"));
  EXPECT_THAT(read.mistake, Not(HasSubstr("271828")));
  EXPECT_EQ(read.value.key, "pkcs11:object=a");
}

}  // namespace
