#include "config/routes.hpp"

#include "unit/config/reading.hpp"

#include <gmock/gmock.h>

using namespace shim::config;
using namespace std::chrono_literals;
using reading::bad;
using reading::good;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

shim::http::field_list headers(std::initializer_list<std::pair<std::string_view, std::string_view>> all) {
  shim::http::field_list out;
  for (const auto& [name, value] : all) out.push_back({name, value});
  return out;
}

const char* const canary = R"(
[service.canary]
masters = ["canary1.example.com:8140"]
first_byte_timeout = "2m"
[service.debug]
srv_name = "_x-puppet-debug._tcp.example.com"
)";

std::string to(const routes& r, std::string_view method, std::string_view target,
               const shim::http::field_list& with = {}) {
  return std::string(r.decide(method, target, with).service_name);
}

}  // namespace

TEST(Services, FurtherOnesAreNumberedInTheOrderOfTheFile) {
  const auto c = good(R"(
[service.zebra]
masters = ["z:1"]
[service.catalog]
masters = ["compile1.example.com", "[2001:db8::1]:8141"]
first_byte_timeout = "1m"
[service.apple]
srv_name = ["_a._tcp.example.com.", "_b._tcp.example.com"]
[[route]]
service = "zebra"
path_prefix = "/z"
[[route]]
service = "apple"
path_prefix = "/a"
)");
  ASSERT_EQ(c.services.size(), 6u);
  EXPECT_EQ(c.services[1].name, "catalog");
  ASSERT_EQ(c.services[1].masters.size(), 2u);
  EXPECT_EQ(c.services[1].masters[0].to_string(), "compile1.example.com:8140");
  EXPECT_EQ(c.services[1].masters[1].to_string(), "[2001:db8::1]:8141");
  EXPECT_EQ(c.services[1].first_byte_timeout, 60s);
  EXPECT_EQ(c.services[4].name, "zebra");
  EXPECT_EQ(c.services[4].first_byte_timeout, 600s);
  EXPECT_EQ(c.services[5].name, "apple");
  EXPECT_EQ(c.services[5].srv_names, (std::vector<std::string>{"_a._tcp.example.com", "_b._tcp.example.com"}));
  EXPECT_EQ(c.routes[0].service, static_cast<bunraku::service>(4));
}

TEST(Services, RefusesWhatCannotServe) {
  for (const char* none : {"", "masters = []\n", "srv_name = []\n", "masters = []\nsrv_name = []\npins = []\n"})
    EXPECT_THAT(bad("[service.x]\n" + std::string(none)), HasSubstr("b.toml:1: error: [service.x] has no masters."));
  EXPECT_THAT(bad("[service.x]\nmasters = [\"a:0\"]\n"), HasSubstr("is no master"));
  EXPECT_THAT(bad("[service.x]\nmasters = [\"https://a\"]\n"), HasSubstr("is no master"));
  EXPECT_THAT(bad("[service.x]\nmasters = [\"a\", \"A.:8140\"]\n"), HasSubstr("named twice"));
  EXPECT_THAT(bad("[service.x]\nsrv_name = \"puppet\"\n"), HasSubstr("whole name"));
  for (const char* no : {"_a._tcp.x:53", "192.0.2.1", "::1", "a b", ""})
    EXPECT_THAT(bad("[service.x]\nsrv_name = [\"" + std::string(no) + "\"]\n"), HasSubstr("whole name")) << no;
  EXPECT_THAT(bad("[service.X]\nmasters = [\"a:1\"]\n"), HasSubstr("cannot be called"));
  EXPECT_THAT(bad("[service.\"\"]\nmasters = [\"a:1\"]\n"), HasSubstr("cannot be called"));
  EXPECT_THAT(bad("[service]\nmasters = [\"a:1\"]\n"), HasSubstr("Write [service.NAME]"));
  EXPECT_THAT(bad("[[service]]\n"), HasSubstr("with single brackets"));
  for (const std::string name : {"puppet", "compile", "compiler", "catalogs"})
    EXPECT_THAT(bad("[service." + name + "]\n"), HasSubstr("Write [service.catalog]")) << name;
  for (const std::string name : {"fileserver", "file"})
    EXPECT_THAT(bad("[service." + name + "]\n"), HasSubstr("Write [service.files]")) << name;
  EXPECT_THAT(bad("[service.reports]\n"), HasSubstr("Write [service.report]"));
  EXPECT_THAT(bad("[service.x]\nmaster = [\"a:1\"]\n"), HasSubstr("Did you mean `masters`?"));
}

TEST(Services, HaveNamesOfSmallLettersDigitsAndTwoSigns) {
  const auto text = [](const std::string& name) {
    return "[service.\"" + name + "\"]\nmasters = [\"a:1\"]\nnames = [\"n\"]\n";
  };
  for (const auto& name : {std::string("a"), std::string("z"), std::string("a_z-09"), std::string(32, 'x')})
    EXPECT_EQ(good(text(name)).services.at(4).name, name);
  for (const auto& name : {std::string("0a"), std::string("-a"), std::string("_a"), std::string("{a"),
                           std::string("aB"), std::string("a/"), std::string("a:"), std::string("a`"),
                           std::string("a{"), std::string("a."), std::string("a b"), std::string(33, 'x')})
    EXPECT_THAT(bad(text(name)), HasSubstr("cannot be called")) << name;
}

TEST(Services, AreAtMost64) {
  std::string text;
  for (int i = 0; i < 64; ++i)
    text += "[service.x" + std::to_string(i) + "]\nmasters = [\"a:1\"]\nnames = [\"n" + std::to_string(i) + "\"]\n";
  EXPECT_EQ(good(text).services.size(), 68u);
  EXPECT_THAT(bad(text + "[service.y]\nmasters = [\"a:1\"]\n"), HasSubstr("There are 65 services. Have at most 64."));
}

TEST(Services, ANameThatAgentsAskForIsOfOneServiceAtEachPort) {
  const auto c = good(
      "[service.ca]\nnames = [\"A.example.com.\", \"b.example.com\"]\n"
      "[service.files]\nnames = [\"a.example.com:8141\", \"[2001:DB8::1]\"]\n");
  ASSERT_EQ(c.services[0].names.size(), 2u);
  EXPECT_EQ(c.services[0].names[0].host, "a.example.com");
  EXPECT_EQ(c.services[0].names[0].port, 8140);
  ASSERT_EQ(c.services[2].names.size(), 2u);
  EXPECT_EQ(c.services[2].names[0].port, 8141);
  EXPECT_EQ(c.services[2].names[1].host, "2001:db8::1");
  EXPECT_THAT(bad("[service.ca]\nnames = [\"a.example.com\"]\n[service.files]\nnames = [\"b.example.com\", "
                  "\"A.example.com:8140\"]\n"),
              HasSubstr("\"A.example.com:8140\" is a name of service `ca` already (b.toml:1)"));
  for (const char* no : {"", ":8140", "a.example.com:0", "a.example.com:65536", "https://a.example.com", "a b"})
    EXPECT_THAT(bad("[service.ca]\nnames = [\"" + std::string(no) + "\"]\n"),
                HasSubstr("is no name that an agent could ask for"))
        << no;
}

TEST(Services, OneThatNothingIsSentToIsAWarning) {
  const auto made = parse_configuration("[service.x]\nmasters = [\"a:1\"]\n", "b.toml");
  ASSERT_TRUE(made.value);
  EXPECT_THAT(reading::lines(made.found), HasSubstr("b.toml:1: warning: No [[route]] sends anything"));
}

TEST(Route, RefusesWhatCannotMatch) {
  EXPECT_THAT(bad("[[route]]\nservice = \"ca\"\n"), HasSubstr("has no condition"));
  EXPECT_THAT(bad("[[route]]\npath_prefix = \"/x\"\n"), HasSubstr("names no service"));
  EXPECT_THAT(bad("[[route]]\nservice = \"fils\"\npath_prefix = \"/x\"\n"), HasSubstr("Did you mean `files`?"));
  EXPECT_THAT(bad("[[route]]\nservice = \"staging\"\npath_prefix = \"/x\"\n"),
              HasSubstr("Add [service.staging] with its masters."));
  EXPECT_THAT(bad("route = [1]\n"), AllOf(HasSubstr("must be a table"), Not(HasSubstr("names no service"))));
  EXPECT_THAT(bad("[[route]]\nservice = \"files\"\npath_prefix = \"x\"\n"), HasSubstr("Begin with /"));
  EXPECT_THAT(bad("[[route]]\nservice = \"files\"\npath_prefix = \"/x?y=1\"\n"), HasSubstr("Begin with /"));
  EXPECT_THAT(bad("[[route]]\nservice = \"files\"\nenvironment = \"Prod-1\"\n"), HasSubstr("no environment"));
  EXPECT_THAT(bad("[[route]]\nservice = \"files\"\nheader = \"X-A\"\n"), HasSubstr("must not be a string"));
  for (const std::string not_two :
       {"name = \"X-A\"", "name = \"X-A\", valeu = \"b\"", "naem = \"X-A\", value = \"b\"", "name = 1, value = \"b\"",
        "name = \"X-A\", value = 1", "name = \"X-A\", value = \"b\", more = \"c\""})
    EXPECT_THAT(bad("[[route]]\nservice = \"files\"\nheader = { " + not_two + " }\n"),
                HasSubstr("exactly `name` and `value`"))
        << not_two;
  EXPECT_THAT(bad("[[route]]\nservice = \"files\"\nheader = { name = \"X A\", value = \"\" }\n"),
              HasSubstr("no header name"));
  EXPECT_THAT(bad("[[route]]\nservice = \"files\"\nheader = { name = \"X\", value = \"a\\nb\" }\n"),
              HasSubstr("control"));
  EXPECT_THAT(bad("[route]\nservice = \"files\"\n"), HasSubstr("Write [[route]]"));
}

TEST(Route, TakesEveryEnvironmentThatThereCanBe) {
  EXPECT_EQ(good("[[route]]\nservice = \"files\"\nenvironment = \"az_09\"\n").routes.at(0).environment, "az_09");
  for (const char no : {'/', ':', '@', '[', '`', '{'})
    EXPECT_THAT(bad("[[route]]\nservice = \"files\"\nenvironment = \"a" + std::string(1, no) + "\"\n"),
                HasSubstr("no environment"))
        << no;
}

TEST(Route, AHeaderToLookAtOrToStripHasANameThatHttpAllows) {
  const auto route = [](const std::string& name) {
    return "[[route]]\nservice = \"files\"\nheader = { name = \"" + name + "\", value = \"\" }\n";
  };
  const auto strip = [](const std::string& name) { return "[upstream]\nstrip_headers = [\"" + name + "\"]\n"; };
  for (const std::string name : {"X-Canary", "azAZ09", "x.y", "!#$%&'*+-.^_`|~"}) {
    EXPECT_EQ(good(route(name)).routes.at(0).header_name, name);
    EXPECT_EQ(good(strip(name)).strip_headers, std::vector{name});
  }
  for (const std::string no : {"", "/", ":", "@", "[", "]", "{", "}", "(", "a b", "a,", "a=", "\xc3\xa9"})
    for (const auto& text : {route(no), strip(no)})
      EXPECT_THAT(bad(text), HasSubstr("\"" + no + "\" is no header name."));
}

TEST(Route, AHeaderIsNoLongerThanItsBoundAndHoldsNoControlCharacter) {
  const auto with = [](const std::string& name, const std::string& value) {
    return "[[route]]\nservice = \"files\"\nheader = { name = \"" + name + "\", value = \"" + value + "\" }\n";
  };
  const std::string most(1024, 'a');
  EXPECT_EQ(good(with(most, most)).routes.at(0).header_value, most);
  for (const auto& text : {with(most + "a", "b"), with("a", most + "b"), with("a", "\\u007f"), with("a", "\\u001f")})
    EXPECT_THAT(bad(text), HasSubstr("a control character or more than 1024 bytes"));
}

TEST(Route, ASecondOneWithTheSameConditionsIsAWarning) {
  const auto made = parse_configuration(
      "[[route]]\nservice = \"files\"\npath_prefix = \"/x\"\n[[route]]\nservice = \"ca\"\npath_prefix = \"/x\"\n",
      "b.toml");
  ASSERT_TRUE(made.value);
  EXPECT_THAT(reading::lines(made.found), HasSubstr("b.toml:4: warning: This [[route]] never matches"));
}

TEST(Route, OnesThatDifferInOneConditionAreBothNeeded) {
  std::string text;
  for (const char* conditions :
       {"", "path_prefix = \"/x\"", "environment = \"e\"", "header = { name = \"X-A\", value = \"1\" }",
        "header = { name = \"X-A\", value = \"2\" }", "header = { name = \"X-B\", value = \"1\" }"}) {
    const std::string also = conditions;
    if (!also.empty()) text += "[[route]]\nservice = \"files\"\n" + also + "\n";
    if (!also.starts_with("path")) text += "[[route]]\nservice = \"ca\"\npath_prefix = \"/y\"\n" + also + "\n";
  }
  EXPECT_EQ(good(text).routes.size(), 10u);
}

TEST(Routes, WithoutRulesTheBuiltInTableDecides) {
  const routes r(good(""));
  EXPECT_EQ(to(r, "GET", "/puppet-ca/v1/certificate/ca"), "ca");
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a?environment=production"), "catalog");
  EXPECT_EQ(to(r, "GET", "/puppet/v3/file_content/modules/x/y"), "files");
  EXPECT_EQ(to(r, "PUT", "/puppet/v3/report/a"), "report");
  EXPECT_EQ(to(r, "GET", "/who/knows"), "catalog");
  EXPECT_EQ(r.decide("PUT", "/puppet/v3/report/a", {}).first_byte, 300s);
  EXPECT_EQ(r.decide("PUT", "/puppet/v3/report/a", {}).rule, nullptr);
}

TEST(Routes, AllConditionsMustHold) {
  const routes r(good(std::string(canary) + R"(
[[route]]
service = "canary"
path_prefix = "/puppet/v3/catalog/"
environment = "canary"
header = { name = "X-Canary", value = "yes" }
[[route]]
service = "debug"
header = { name = "X-Debug", value = "1" }
)"));
  const auto yes = headers({{"x-canary", "yes"}});
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a?environment=canary", yes), "canary");
  EXPECT_EQ(r.decide("POST", "/puppet/v3/catalog/a?environment=canary", yes).first_byte, 120s);
  EXPECT_EQ(r.decide("POST", "/puppet/v3/catalog/a?environment=canary", yes).endpoint->name, "catalog");
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a?environment=canary"), "catalog");
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a?environment=canary2", yes), "catalog");
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a", yes), "catalog");
  EXPECT_EQ(to(r, "PUT", "/puppet/v3/report/a?environment=canary", yes), "report");
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a", headers({{"X-Canary", "yes "}})), "catalog");
  EXPECT_EQ(to(r, "PUT", "/puppet/v3/report/a", headers({{"X-Debug", "1"}})), "debug");
}

TEST(Routes, TheFirstThatFitsWins) {
  const routes r(good(std::string(canary) + R"(
[[route]]
service = "debug"
environment = "canary"
path_prefix = "/puppet/v3/file"
[[route]]
service = "canary"
environment = "canary"
)"));
  EXPECT_EQ(to(r, "GET", "/puppet/v3/file_metadata/modules/x?environment=canary"), "debug");
  EXPECT_EQ(to(r, "POST", "/puppet/v3/catalog/a?environment=canary"), "canary");
  const auto* const rule = r.decide("POST", "/puppet/v3/catalog/a?environment=canary", {}).rule;
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->where, "b.toml:12");
}

TEST(Routes, OnlyAPathOfTheCaMovesRequestsToTheCa) {
  const routes r(good(std::string(canary) + R"(
[[route]]
service = "canary"
environment = "canary"
[[route]]
service = "debug"
path_prefix = "/"
)"));
  EXPECT_EQ(to(r, "GET", "/puppet-ca/v1/certificate/ca?environment=canary"), "ca");
  EXPECT_EQ(to(r, "PUT", "/puppet-ca/v1/certificate_request/a"), "ca");
  EXPECT_EQ(to(r, "GET", "/anything"), "debug");

  const routes said(good(std::string(canary) + R"(
[[route]]
service = "debug"
path_prefix = "/puppet-ca/v1/certificate_revocation_list/"
[[route]]
service = "canary"
environment = "canary"
)"));
  EXPECT_EQ(to(said, "GET", "/puppet-ca/v1/certificate_revocation_list/ca"), "debug");
  EXPECT_EQ(to(said, "GET", "/puppet-ca/v1/certificate/ca"), "ca");
}

TEST(Routes, ConditionsAreComparedWithBytesNotWithMeanings) {
  const routes r(good(std::string(canary) + R"(
[[route]]
service = "canary"
environment = "canary"
[[route]]
service = "debug"
path_prefix = "/debug/"
)"));
  EXPECT_EQ(to(r, "GET", "/puppet/v3/node/a?environment=%63anary"), "catalog");
  EXPECT_EQ(to(r, "GET", "/puppet/v3/node/a?x=environment=canary"), "catalog");
  EXPECT_EQ(to(r, "GET", "//debug/x"), "catalog");
  EXPECT_EQ(to(r, "GET", "/DEBUG/x"), "catalog");
  EXPECT_EQ(to(r, "GET", "/x?/debug/"), "catalog");
}
