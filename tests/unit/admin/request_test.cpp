#include "admin/request.hpp"

#include <gmock/gmock.h>

#include <tuple>
#include <utility>

using namespace shim::admin;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

request good(std::string_view method, std::string_view target, std::string_view body = {}) {
  const auto made = parse(method, target, body);
  if (!made) throw std::runtime_error(made.error().message);
  return *made;
}

refusal bad(std::string_view method, std::string_view target, std::string_view body = {}) {
  const auto made = parse(method, target, body);
  EXPECT_FALSE(made) << method << ' ' << target << ' ' << body;
  return made ? refusal{} : made.error();
}

}  // namespace

TEST(AdminRequest, EachPathHasItsMeaning) {
  EXPECT_EQ(good("GET", "/v1/status").what, request::kind::status);
  EXPECT_EQ(good("POST", "/v1/reload").what, request::kind::reload);
  const auto explain = good("GET", "/v1/explain/catalog");
  EXPECT_EQ(explain.what, request::kind::explain);
  EXPECT_EQ(explain.service, "catalog");
}

TEST(AdminRequest, NamesOfServicesAndPluginsAreWords) {
  for (const auto& word : {std::string("azAZ09_-"), std::string(64, 'a')}) {
    EXPECT_EQ(good("GET", "/v1/explain/" + word).service, word);
    EXPECT_EQ(good("POST", "/v1/plugin/" + word, "{}").plugin, word);
  }
  for (const char* none : {"`", "{", "@", "[", "/", ":", ".", " "}) {
    EXPECT_EQ(bad("GET", "/v1/explain/" + std::string(none)).status, 404) << none;
    EXPECT_EQ(bad("POST", "/v1/plugin/" + std::string(none), "{}").status, 404) << none;
  }
}

TEST(AdminRequest, AnybodyMayLookAndChangeNothing) {
  using what = request::kind;
  for (const char* host : {"localhost", "localhost:9140", "127.0.0.1:9140", "[::1]:9140", "127.3.2.1"}) {
    EXPECT_EQ(parse_for_anybody("GET", "/", host)->what, what::page) << host;
    EXPECT_EQ(parse_for_anybody("GET", "/metrics", host)->what, what::metrics) << host;
    EXPECT_EQ(parse_for_anybody("GET", "/v1/status", host)->what, what::status) << host;
  }
  EXPECT_EQ(parse_for_anybody("POST", "/v1/reload", "localhost").error().status, 403);
  EXPECT_EQ(parse_for_anybody("GET", "/v1/explain/ca", "localhost").error().status, 403);
  EXPECT_FALSE(parse_for_anybody("POST", "/v1/drain", "localhost"));
  EXPECT_EQ(parse_for_anybody("GET", "/x", "localhost").error().status, 404);
  EXPECT_EQ(parse_for_anybody("POST", "/v1/status", "localhost").error().status, 405);
}

TEST(AdminRequest, ANameThatWasMadeToLeadHereIsRefused) {
  for (const char* host :
       {"", "evil.test", "evil.test:9140", "localhost.evil.test", "192.0.2.1", "127.0.0.1.evil.test"})
    EXPECT_EQ(parse_for_anybody("GET", "/v1/status", host).error().status, 421) << host;
}

TEST(AdminRequest, DrainTakesAMasterAndPerhapsATime) {
  const auto drain = good("POST", "/v1/drain", R"({"master": "compile1.example.com", "for": "90m"})");
  EXPECT_EQ(drain.what, request::kind::drain);
  EXPECT_EQ(drain.master, "compile1.example.com");
  EXPECT_EQ(drain.lasts, 90min);
  EXPECT_EQ(good("POST", "/v1/drain", R"({"master": "[::1]:8140"})").lasts, 0s);
  EXPECT_EQ(good("POST", "/v1/drain", R"({"master": "a", "for": null})").lasts, 0s);
  for (const auto& [text, lasts] : {std::pair("1s", 1s), std::pair("1500ms", 2s), std::pair("30d", 2592000s)})
    EXPECT_EQ(good("POST", "/v1/drain", R"({"master": "a", "for": ")" + std::string(text) + "\"}").lasts, lasts)
        << text;
  EXPECT_EQ(good("POST", "/v1/undrain", R"({"master": "a"})").what, request::kind::undrain);
  const std::string longest(300, 'a');
  EXPECT_EQ(good("POST", "/v1/undrain", R"({"master": ")" + longest + "\"}").master, longest);
}

TEST(AdminRequest, AnOrderForAPluginIsAnObjectAndHandedOnAsItCame) {
  const auto order = good("POST", "/v1/plugin/fault", R"({ "list": true })");
  EXPECT_EQ(order.what, request::kind::plugin);
  EXPECT_EQ(order.plugin, "fault");
  EXPECT_EQ(order.order, R"({ "list": true })");
  EXPECT_EQ(bad("POST", "/v1/plugin/fault", "[]").code, "bad_json");
  EXPECT_EQ(bad("POST", "/v1/plugin/fault", "").code, "bad_json");
  EXPECT_EQ(bad("POST", "/v1/plugin/fault", std::string(4000, '[')).code, "bad_json");
  EXPECT_EQ(bad("POST", "/v1/plugin/a/b", "{}").code, "unknown_plugin");
  EXPECT_EQ(bad("GET", "/v1/plugin/fault").status, 405);
}

TEST(AdminRequest, TimesThatAreNoneAreRefused) {
  for (const char* time : {R"("")", R"("1")", R"("1 h")", R"("-1h")", R"("0s")", R"("999ms")", R"("31d")", "3600", "[]",
                           R"("99999999999999999999s")"}) {
    const auto why = bad("POST", "/v1/drain", std::string(R"({"master": "a", "for": )") + time + "}");
    EXPECT_EQ(why.status, 400) << time;
    EXPECT_EQ(why.code, "bad_duration") << time;
  }
}

TEST(AdminRequest, BodiesThatAreNoneAreRefused) {
  const auto too_long = R"({"master": ")" + std::string(301, 'a') + "\"}";
  const std::tuple<const char*, std::string, const char*> all[] = {
      {"/v1/drain", "", "bad_json"},
      {"/v1/drain", "{", "bad_json"},
      {"/v1/drain", "master=a", "bad_json"},
      {"/v1/drain", "[\"a\"]", "bad_json"},
      {"/v1/drain", std::string(200, '['), "bad_json"},
      {"/v1/drain", "{}", "no_master"},
      {"/v1/drain", R"({"master": ""})", "no_master"},
      {"/v1/drain", too_long, "no_master"},
      {"/v1/drain", R"({"master": 7})", "bad_key"},
      {"/v1/drain", R"({"master": "a", "fro": "1h"})", "bad_key"},
      {"/v1/drain", R"({"master": "a", "fro": null})", "bad_key"},
      {"/v1/undrain", R"({"master": "a", "for": "1h"})", "bad_key"},
      {"/v1/plugin/fault", "{", "bad_json"},
  };
  for (const auto& [path, body, code] : all) {
    EXPECT_EQ(bad("POST", path, body).status, 400) << body;
    EXPECT_EQ(bad("POST", path, body).code, code) << body;
  }
  EXPECT_THAT(bad("POST", "/v1/drain", "{").message, HasSubstr("is not JSON: "));
  EXPECT_THAT(bad("POST", "/v1/drain", "[]").message, HasSubstr("is not a JSON object"));
}

TEST(AdminRequest, AKeyThatIsNotWantedIsNamedWhole) {
  const std::string key = std::string(31, 'a') + "\xc3\xa4\xc3\xb6";
  EXPECT_THAT(bad("POST", "/v1/drain", "{\"" + key + "\": 1}").message, HasSubstr("`" + key + "`"));
}

TEST(AdminRequest, AKeyTooLongToReadIsNotNamed) {
  const auto said = [](std::size_t length) {
    return bad("POST", "/v1/drain", "{\"" + std::string(length, 'k') + "\": 1}").message;
  };
  EXPECT_THAT(said(64), HasSubstr("k` is not wanted"));
  EXPECT_THAT(said(65), testing::StartsWith("One of its keys is not wanted"));
}

TEST(AdminRequest, AnotherMethodIsRefusedAsSuch) {
  for (const char* path : {"/v1/reload", "/v1/drain", "/v1/undrain"}) {
    EXPECT_EQ(bad("GET", path).status, 405) << path;
    EXPECT_EQ(bad("GET", path).allow, "POST") << path;
  }
  for (const char* path : {"/v1/status", "/v1/explain/ca"}) {
    EXPECT_EQ(bad("DELETE", path).status, 405) << path;
    EXPECT_EQ(bad("DELETE", path).allow, "GET") << path;
  }
  EXPECT_EQ(bad("GET", "/v1").allow, "");
}

TEST(AdminRequest, UnknownPathsAreAnsweredWithThoseThatAre) {
  for (const char* path : {"/x", "/v2/status", "/v1/status/", "/v1", "/v1/explain", "//v1/status"}) {
    const auto why = bad("GET", path);
    EXPECT_EQ(why.status, 404) << path;
    EXPECT_THAT(why.known,
                ElementsAre("GET /", "GET /metrics", "GET /v1/status", "GET /v1/explain/SERVICE", "POST /v1/reload",
                            "POST /v1/drain", "POST /v1/undrain", "POST /v1/plugin/NAME"));
  }
  for (const auto& name : {std::string(), std::string("a/b"), std::string("a%20b"), std::string(65, 'a')})
    EXPECT_EQ(bad("GET", "/v1/explain/" + name).code, "unknown_service") << name;
}
