#include "io/x509_text.hpp"

#include <gtest/gtest.h>

namespace bunraku::io {
namespace {

std::string shown(long serial) {
  const x509_ptr one(X509_new());
  EXPECT_EQ(ASN1_INTEGER_set(X509_get_serialNumber(one.get()), serial), 1);
  return serial_of(one.get());
}

/// Puppet's CA counts from 1, and its inventory.txt has four digits at least: that is where people look for one.
TEST(SerialNumber, IsWrittenAsInPuppetsInventory) {
  EXPECT_EQ(shown(1), "0x0001");
  EXPECT_EQ(shown(0x1f), "0x001F");
  EXPECT_EQ(shown(0xabc), "0x0ABC");
  EXPECT_EQ(shown(0x1234), "0x1234");
  EXPECT_EQ(shown(0x12345), "0x012345");
  EXPECT_EQ(shown(0), "0x0000");
  EXPECT_EQ(shown(-1), "-0x0001");
}

}  // namespace
}  // namespace bunraku::io
