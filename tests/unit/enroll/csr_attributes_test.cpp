#include "enroll/csr_attributes.hpp"

#include <gmock/gmock.h>

#include <string>

namespace {

using namespace shim::enroll;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

MATCHER_P2(Asks, oid, value, "") { return arg.oid == oid && arg.value == value; }

csr_attributes parse(std::string_view text) { return parse_csr_attributes(text, "f.yaml"); }

std::string only_problem(std::string_view text) {
  const auto read = parse(text);
  EXPECT_THAT(read.found, SizeIs(1)) << text;
  return read.found.empty() ? "" : read.found[0].where() + " " + read.found[0].what();
}

TEST(CsrAttributes, OidsAndPuppetsShortNames) {
  const auto read = parse(
      "---\ncustom_attributes:\n  1.2.840.113549.1.9.7: 342thbjkt82094y0uthhor289jnqthpc2290\n"
      "extension_requests:\n  pp_role: web\n  pp_auth_role: 'master'\n  1.3.6.1.4.1.34380.1.2.1.1: \"12\"\n");
  EXPECT_THAT(read.found, IsEmpty());
  EXPECT_THAT(read.attributes, ElementsAre(Asks("1.2.840.113549.1.9.7", "342thbjkt82094y0uthhor289jnqthpc2290")));
  EXPECT_THAT(read.extensions,
              ElementsAre(Asks("1.3.6.1.4.1.34380.1.1.13", "web"), Asks("1.3.6.1.4.1.34380.1.3.13", "master"),
                          Asks("1.3.6.1.4.1.34380.1.2.1.1", "12")));
}

TEST(CsrAttributes, NamesOfOpenSslAreLeftToIt) {
  EXPECT_THAT(parse("custom_attributes:\n  challengePassword: p4ss\n").attributes,
              ElementsAre(Asks("challengePassword", "p4ss")));
}

TEST(CsrAttributes, AnEmptyFileAsksForNothing) {
  for (const auto* text : {"", "---\n", "# nothing\n", "custom_attributes:\nextension_requests:\n", "{}"}) {
    const auto read = parse(text);
    EXPECT_THAT(read.found, IsEmpty()) << text;
    EXPECT_THAT(read.attributes, IsEmpty());
    EXPECT_THAT(read.extensions, IsEmpty());
  }
}

// Values as Ruby's YAML and to_s make them (checked with Ruby 3.1's Psych).
TEST(CsrAttributes, PlainValuesArePuppets) {
  const auto value = [](const std::string& plain) {
    const auto read = parse("extension_requests:\n  pp_role: " + plain + "\n");
    return read.found.empty() && read.extensions.size() == 1 ? read.extensions[0].value : "refused";
  };
  EXPECT_EQ(value("1234"), "1234");
  EXPECT_EQ(value("-5"), "-5");
  EXPECT_EQ(value("True"), "true");
  EXPECT_EQ(value("~"), "");
  EXPECT_EQ(value("null"), "");
  for (const auto* same : {"0", "1.5", "192.168", "-0.5", "7.0", "-0.0", "0.0001", "12e4", "1e3", "08-15",
                           "5ed80375-e3c7-44f5-bb08-41a04433fe2e", "+", "1-2", "12abc", "5-", "3.x"})
    EXPECT_EQ(value(same), same);
  EXPECT_EQ(value("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(value("3ware"), "3ware");
  EXPECT_EQ(value("a: b"), "refused");
  EXPECT_EQ(value("ED803750-E3C7-44F5-BB08-41A04433FE2E"), "ED803750-E3C7-44F5-BB08-41A04433FE2E");
  EXPECT_EQ(value("'1.10'"), "1.10");
  for (const auto* other : {"1.10",
                            "007",
                            "-0",
                            "00.5",
                            "1.",
                            "0.00001",
                            "12345678901234567.5",
                            "0x1F",
                            "0b11",
                            "1,000",
                            "yes",
                            "Off",
                            "1_000",
                            "12:30:45",
                            "2024-01-01",
                            "2024-01-01T10:00:00Z",
                            "2024-1-1 10:00:00",
                            "1.5e+3",
                            "+5",
                            ".5",
                            ":sym",
                            ".inf",
                            "-",
                            "!ruby/object x"})
    EXPECT_EQ(value(other), "refused") << other;
}

TEST(CsrAttributes, WhatPuppetRefusesIsRefusedWithItsLine) {
  EXPECT_THAT(only_problem("- a\n- b\n"), HasSubstr("f.yaml it is not a map"));
  EXPECT_THAT(only_problem("just text"), HasSubstr("it is not a map"));
  EXPECT_THAT(only_problem("extension_requests: [1]\n"), HasSubstr("f.yaml:1 `extension_requests` is not a map"));
  EXPECT_THAT(only_problem("\nextensions:\n  pp_role: web\n"), HasSubstr("f.yaml:2 there is no section `extensions`"));
  EXPECT_THAT(only_problem("extension_requests:\n  pp_role: [a, b]\n"), HasSubstr("f.yaml:2 `pp_role` has a list"));
  EXPECT_THAT(only_problem("extension_requests:\n  pp_rolle: a\n"), HasSubstr("f.yaml:2 Puppet has no short name"));
  EXPECT_THAT(only_problem("extension_requests:\n  '': a\n"), HasSubstr("f.yaml:2 Puppet has no short name ``"));
  EXPECT_THAT(only_problem("extension_requests:\n  subjectAltName: a\n"), HasSubstr("itself"));
  EXPECT_THAT(only_problem("custom_attributes:\n  1.2.840.113549.1.9.14: a\n"), HasSubstr("itself"));
  EXPECT_THAT(only_problem("extension_requests:\n  pp_role: a\n  pp_role: b\n"),
              HasSubstr("f.yaml:3 `pp_role` is there twice"));
}

TEST(CsrAttributes, EveryProblemAtOnce) {
  EXPECT_THAT(parse("a: 1\nextension_requests:\n  pp_x: a\n  pp_role: 1.00\n").found, SizeIs(3));
}

TEST(CsrAttributes, BrokenYamlNamesItsLine) {
  EXPECT_THAT(only_problem("extension_requests:\n  pp_role: 'web\n"), HasSubstr("it is no YAML"));
  EXPECT_THAT(only_problem("extension_requests:\n  pp_role: \"web\n"), HasSubstr("f.yaml:2 it is no YAML"));
  EXPECT_THAT(only_problem("extension_requests:\n\tpp_role: web\n"), HasSubstr("f.yaml:2 it is no YAML"));
  EXPECT_THAT(only_problem(std::string(70000, '#')), HasSubstr("larger than 64 KiB"));
  EXPECT_THAT(only_problem(std::string(60000, '[')), HasSubstr("it is no YAML"));
}

TEST(AltNames, AreNamesAndAddresses) {
  bunraku::problems found;
  EXPECT_THAT(parse_alt_names("puppet, DNS:puppet.example.com ,IP:192.0.2.1,IP:2001:db8::1", found),
              ElementsAre("DNS:puppet", "DNS:puppet.example.com", "IP:192.0.2.1", "IP:2001:db8::1"));
  EXPECT_THAT(parse_alt_names("", found), IsEmpty());
  EXPECT_THAT(found, IsEmpty());
  parse_alt_names("a b,,IP:x,email:me@example.com,dirName:x", found);
  EXPECT_THAT(found, SizeIs(5));
}

}  // namespace
