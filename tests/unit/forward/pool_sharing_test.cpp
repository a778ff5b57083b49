#include "forward/pool_sharing.hpp"

#include <gtest/gtest.h>

namespace shim::forward {
namespace {

TEST(PoolSharing, AConnectionThatOtherDemandsWereMadeOfIsNotUsedForAServiceWithPins) {
  bunraku::resolver_options options;
  options.services = {{"ca", {}}, {"catalog", {}}};
  EXPECT_TRUE(shares_connections(options, bunraku::service::ca));
  EXPECT_TRUE(shares_connections(options, bunraku::service::catalog));
  options.services[1].pins = {"sha256//AAAA"};
  EXPECT_TRUE(shares_connections(options, bunraku::service::ca));
  EXPECT_FALSE(shares_connections(options, bunraku::service::catalog));
}

TEST(PoolSharing, AServiceThatAReloadTookAwaySharesNothing) {
  bunraku::resolver_options options;
  options.services = {{"ca", {}}, {"catalog", {}}};
  EXPECT_FALSE(shares_connections(options, bunraku::service::files));
}

}  // namespace
}  // namespace shim::forward
