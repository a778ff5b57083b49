// [identity], and the pins of services.
#include "config/assemble.hpp"
#include "unit/config/reading.hpp"

#include <gmock/gmock.h>

using reading::bad;
using reading::good;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

const std::string pin(64, 'a');

}  // namespace

TEST(Identity, DemandsNothingByItself) {
  const auto c = good("");
  EXPECT_THAT(c.demands.names, IsEmpty());
  EXPECT_THAT(c.demands.within, IsEmpty());
  EXPECT_THAT(c.demands.pins, IsEmpty());
}

TEST(Identity, NamesAndDomainsAreTakenAsDnsComparesThem) {
  const auto c = good(R"(
[identity]
master_names = ["Puppet.Example.com", "puppet", "*.Masters.example.com"]
within = ["Example.com.", ".other.test"]
)");
  EXPECT_THAT(c.demands.names, ElementsAre("puppet.example.com", "puppet", "*.masters.example.com"));
  EXPECT_THAT(c.demands.within, ElementsAre("example.com", "other.test"));
}

TEST(Identity, APinIsTakenAsToolsWriteIt) {
  std::string colons = "AA";
  for (int i = 1; i != 32; ++i) colons += ":AA";
  const auto c = good("[identity]\npins = [\"" + pin + "\", \"sha256:" + pin + "\", \"" + colons + "\"]\n");
  EXPECT_THAT(c.demands.pins, ElementsAre(pin, pin, pin));
  std::string digits = "0123456789abcdefABCDEF";
  digits.resize(64, '9');
  const auto all = good("[identity]\npins = [\"" + digits + "\"]\n");
  EXPECT_THAT(all.demands.pins, ElementsAre("0123456789abcdefabcdef" + std::string(42, '9')));
}

TEST(Identity, WhatIsNoNameDomainOrPinIsToldWithItsLine) {
  EXPECT_THAT(bad("[identity]\nmaster_names = [\"*\", \"*.com\", \"p*.example.com\", \"192.0.2.1\", \"a:8140\", \"*.a "
                  "b.test\", \"*.\"]\n"),
              AllOf(HasSubstr("b.toml:2: error: \"*\" is no name"), HasSubstr("\"*.com\" is no name"),
                    HasSubstr("\"p*.example.com\" is no name"), HasSubstr("\"192.0.2.1\" is no name"),
                    HasSubstr("\"a:8140\" is no name"), HasSubstr("\"*.a b.test\" is no name"),
                    HasSubstr("\"*.\" is no name")));
  EXPECT_THAT(bad("[identity]\nwithin = [\"*.example.com\"]\n"), HasSubstr("is no DNS domain"));
  EXPECT_THAT(bad("[identity]\npins = [\"abcd\"]\n"),
              AllOf(HasSubstr("\"abcd\" is no SHA-256"), HasSubstr("openssl pkey -pubin -outform DER")));
  for (const std::string odd : {"/", "`", "g", "G", " "})
    EXPECT_THAT(bad("[identity]\npins = [\"" + std::string(63, 'a') + odd + "\"]\n"), HasSubstr("is no SHA-256"));
  EXPECT_THAT(bad("[service.ca]\npins = [\"" + std::string(64, 'g') + "\"]\n"), HasSubstr("b.toml:2: error:"));
}

TEST(Identity, ReachesTheResolver) {
  const auto c = good("[identity]\nmaster_names = [\"puppet\"]\npins = [\"" + pin + "\"]\n[service.ca]\npins = [\"" +
                      std::string(64, 'b') + "\"]\n");
  bunraku::site site;
  site.certname = "agent1.example.com";
  const auto made = shim::config::assemble(c, site);
  EXPECT_THAT(made.demands.names, ElementsAre("puppet"));
  EXPECT_THAT(made.services.at(0).pins, ElementsAre(std::string(64, 'b')));
  EXPECT_THAT(made.services.at(1).pins, IsEmpty());
}
