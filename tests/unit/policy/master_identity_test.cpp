// Who may speak for a service, as a table: what is demanded, what the certificate has, the verdict and its words.
#include "policy/master_identity.hpp"

#include <gmock/gmock.h>

namespace {

using namespace bunraku;
using namespace bunraku::policy;
using testing::AllOf;
using testing::HasSubstr;
using kind = refusal::kind;

const std::string key_a(64, 'a'), key_b(64, 'b'), key_c(64, 'c');

shown_certificate agent() {
  return {"CN=agent7.example.com", {"agent7.example.com"}, "agent7.example.com", false, key_a};
}
shown_certificate compiler() {
  return {"CN=compile1.example.com",
          {"compile1.example.com", "puppet", "puppet.example.com"},
          "compile1.example.com",
          false,
          key_b};
}
shown_certificate with_names(std::vector<std::string> dns, std::string common_name = "cn.example.com",
                             bool addresses = false) {
  return {"CN=" + common_name, std::move(dns), common_name, addresses, key_c};
}

TEST(MasterIdentity, AName) {
  struct row {
    const char* what;
    std::vector<std::string> demanded;
    shown_certificate shown;
    bool taken;
  };
  const row rows[] = {
      {"nothing demanded", {}, agent(), true},
      {"the shared name", {"puppet.example.com"}, compiler(), true},
      {"an agent has it not", {"puppet.example.com"}, agent(), false},
      {"one of several is enough", {"puppet2.example.com", "puppet"}, compiler(), true},
      {"certificates may be in capitals", {"puppet.example.com"}, with_names({"PUPPET.Example.COM"}), true},
      {"a part of a name is not the name", {"puppet.example.com"}, with_names({"puppet.example.com.evil.test"}), false},
      {"nor its end", {"puppet.example.com"}, with_names({"notpuppet.example.com"}), false},
      {"a short name is no pattern", {"p.example.com"}, with_names({"agent7.example.com"}), false},
      {"every letter has two cases", {"az.example.com"}, with_names({"AZ.example.com"}), true},
      {"a pattern is one label", {"*.masters.example.com"}, with_names({"m1.masters.example.com"}), true},
      {"and not two", {"*.masters.example.com"}, with_names({"a.m1.masters.example.com"}), false},
      {"and not none", {"*.masters.example.com"}, with_names({"masters.example.com"}), false},
      {"and not an empty one", {"*.masters.example.com"}, with_names({".masters.example.com"}), false},
      {"a wildcard certificate proves no name", {"puppet.example.com"}, with_names({"*.example.com"}), false},
      {"but itself", {"*.example.com"}, with_names({"*.example.com"}), true},
      {"not even with a partial wildcard", {"*.example.com"}, with_names({"m*.example.com"}), false},
      {"wherever it stands", {"*.example.com"}, with_names({"*m.example.com"}), false},
      {"the common name beside others is none",
       {"puppet.example.com"},
       with_names({"x.test"}, "puppet.example.com"),
       false},
      {"nor beside addresses", {"puppet.example.com"}, with_names({}, "puppet.example.com", true), false},
      {"alone it is one", {"puppet.example.com"}, with_names({}, "puppet.example.com"), true},
      {"no name at all", {"puppet.example.com"}, with_names({}, ""), false},
  };
  for (const auto& row : rows) {
    const auto said = refuse({row.demanded, {}, {}}, row.shown);
    EXPECT_EQ(!said, row.taken) << row.what;
    if (said) EXPECT_EQ(said->what, kind::name) << row.what;
  }
}

TEST(MasterIdentity, ANameThatIsMissingIsToldWithWhatThereIsAndWhatToDo) {
  const auto said = refuse({{"puppet.example.com"}, {}, {}}, agent());
  ASSERT_TRUE(said);
  EXPECT_EQ(said->text,
            "certificate CN=agent7.example.com is good, but not a master's: [identity] master_names demands "
            "puppet.example.com, and it carries agent7.example.com; if it is a master's, issue it anew with that name "
            "in dns_alt_names");
  EXPECT_THAT(refuse({{"puppet.example.com"}, {}, {}}, with_names({}, ""))->text, HasSubstr("it carries no name;"));
}

TEST(MasterIdentity, AKey) {
  const std::string where = "[service.ca] pins";
  EXPECT_FALSE(refuse({{}, {key_b}, where}, compiler()));
  EXPECT_FALSE(refuse({{}, {key_a, key_b}, where}, compiler())) << "while keys are rolled, both are there";
  const auto said = refuse({{}, {key_a, key_c}, where}, compiler());
  ASSERT_TRUE(said);
  EXPECT_EQ(said->what, kind::pin);
  EXPECT_THAT(said->text, AllOf(HasSubstr("none of the 2 in [service.ca] pins: it is " + key_b),
                                HasSubstr("if the master has a new key, add that to the pins")));
  auto odd = compiler();
  odd.spki_sha256.clear();
  EXPECT_THAT(refuse({{}, {key_a}, where}, odd)->text, HasSubstr("it is unreadable"));
}

TEST(MasterIdentity, TheRightNameWithTheWrongKeyIsNotEnoughNorTheOtherWayRound) {
  EXPECT_EQ(refuse({{"puppet"}, {key_a}, "[identity] pins"}, compiler())->what, kind::pin);
  EXPECT_EQ(refuse({{"puppet"}, {key_a}, "[identity] pins"}, agent())->what, kind::name);
  EXPECT_FALSE(refuse({{"puppet"}, {key_b}, "[identity] pins"}, compiler()));
}

TEST(MasterIdentity, ARefusalIsBounded) {
  std::vector<std::string> many(100, "n.example.com");
  const auto said = refuse({many, {}, {}}, with_names(std::vector<std::string>(100, std::string(256, 'x'))));
  EXPECT_LT(said->text.size(), 2500U);
  EXPECT_THAT(said->text, HasSubstr("and 94 more"));
}

TEST(MasterIdentity, WhereDnsMayPoint) {
  struct row {
    const char* host;
    source_kind from;
    std::vector<std::string> within;
    bool dialled;
  };
  const row rows[] = {
      {"m.evil.test", source_kind::srv, {}, true},
      {"m.evil.test", source_kind::srv, {"example.com"}, false},
      {"compile1.example.com", source_kind::srv, {"example.com"}, true},
      {"a.b.example.com", source_kind::srv, {"example.com"}, true},
      {"example.com", source_kind::srv, {"example.com"}, true},
      {"notexample.com", source_kind::srv, {"example.com"}, false},
      {"m.evilsss.com", source_kind::srv, {"example.com"}, false},
      {"example.com.evil.test", source_kind::srv, {"example.com"}, false},
      {"m.other.test", source_kind::srv, {"example.com", "other.test"}, true},
      {"m.evil.test", source_kind::list, {"example.com"}, true},
      {"m.evil.test", source_kind::settings, {"example.com"}, true},
  };
  for (const auto& row : rows)
    EXPECT_EQ(!refuse_target(row.within, master(row.host, 8140, row.from)), row.dialled)
        << row.host << " from " << name_of(row.from);
  EXPECT_EQ(refuse_target({"example.com"}, master("m.evil.test", 8140, source_kind::srv)),
            "DNS names it as a master, but it does not lie within example.com ([identity] within); if it is one, add "
            "its domain there");
}

}  // namespace
