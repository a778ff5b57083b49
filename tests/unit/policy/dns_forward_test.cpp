#include "policy/dns_forward.hpp"

#include <gtest/gtest.h>

namespace {

using bunraku::policy::forward_for;
using bunraku::policy::lies_in;

TEST(DnsForward, ANameLiesInADomainByWholeLabels) {
  EXPECT_TRUE(lies_in("consul", "consul"));
  EXPECT_TRUE(lies_in("_puppet._tcp.Puppet.SERVICE.Consul", "service.consul"));
  EXPECT_TRUE(lies_in("puppet.service.consul", "Service.CONSUL"));
  EXPECT_FALSE(lies_in("myconsul", "consul"));
  EXPECT_FALSE(lies_in("consul.example.com", "consul"));
  EXPECT_FALSE(lies_in("", "consul"));
  EXPECT_FALSE(lies_in("consul", ""));
}

TEST(DnsForward, TheLongestDomainCounts) {
  const std::vector<std::pair<std::string, int>> all{{"consul", 1}, {"dc1.consul", 2}, {"cluster.local", 3}};
  ASSERT_NE(forward_for("a.node.dc1.consul", all), nullptr);
  EXPECT_EQ(forward_for("a.node.dc1.consul", all)->second, 2);
  EXPECT_EQ(forward_for("a.node.dc2.consul", all)->second, 1);
  EXPECT_EQ(forward_for("svc.cluster.local", all)->second, 3);
  EXPECT_EQ(forward_for("example.com", all), nullptr);
}

}  // namespace
