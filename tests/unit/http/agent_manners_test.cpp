#include "http/agent_manners.hpp"

#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shim::http {
namespace {

retry_after_manner of(const std::string& fields) {
  const auto bytes = head_of("GET /status/v1/simple HTTP/1.1|Host: a|" + fields);
  const auto parsed = parse_request(bytes);
  EXPECT_TRUE(parsed) << fields;
  return parsed ? retry_after_manner_of(parsed->fields) : retry_after_manner::unknown;
}

TEST(AgentManners, OlderAgentsCrashOnRetryAfter) {
  for (const std::string version : {"7.23.0", "7.25.0", "6.28.0", "8.0.0", "8.1.0", "7.0.0-rc1", "5.5.22"})
    EXPECT_EQ(of("X-Puppet-Version: " + version + "|"), retry_after_manner::crashes) << version;
}

TEST(AgentManners, RepairedAgentsWaitByThemselves) {
  for (const std::string version : {"7.26.0", "7.34.0", "8.2.0", "8.11.0", "9.0.0-beta2", "10.0.1"})
    EXPECT_EQ(of("x-puppet-version: " + version + "|"), retry_after_manner::waits) << version;
}

TEST(AgentManners, WhoDoesNotSayItsVersionIsNoAgent) {
  EXPECT_EQ(of(""), retry_after_manner::unknown);
  for (const std::string version : {"", "x", "8", "8.", "8.x", "-8.2", "99999999999999999999.1", ".2", "8x2", "8 2"})
    EXPECT_EQ(of("X-Puppet-Version: " + version + "|"), retry_after_manner::unknown) << version;
}

}  // namespace
}  // namespace shim::http
