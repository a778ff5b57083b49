#include "engine/connect_fault.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <cerrno>

namespace bunraku::engine {
namespace {

using kind = policy::health_event::kind;

TEST(ConnectFault, ACertificateThatMustNotBeAcceptedIsTheMasters) {
  for (const auto error : {errc::certificate_untrusted, errc::certificate_expired, errc::certificate_revoked,
                           errc::certificate_wrong_name, errc::certificate_wrong_purpose, errc::certificate_no_master,
                           errc::certificate_not_pinned, errc::outside_domain})
    EXPECT_EQ(fault_of(error), kind::bad_certificate) << make_error_code(error).message();
}

TEST(ConnectFault, OurOwnFilesAndWhatMastersThinkOfThemAreOurs) {
  for (const auto error : {errc::credentials_invalid, errc::crl_missing, errc::crl_expired, errc::refused_us})
    EXPECT_EQ(fault_of(error), kind::own_fault) << make_error_code(error).message();
}

TEST(ConnectFault, WhatThisHostLacksIsOurs) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ENETDOWN})
    EXPECT_EQ(fault_of({error, boost::system::system_category()}), kind::own_fault) << error;
}

TEST(ConnectFault, TheCallersGoingAwaySaysNothing) { EXPECT_EQ(fault_of(errc::cancelled), kind::cancelled); }

TEST(ConnectFault, AllElseIsTheMasters) {
  for (const auto error : {errc::connect_timeout, errc::tls_timeout, errc::tls_failed, errc::no_address,
                           errc::dns_timeout, errc::dns_failed, errc::dns_malformed})
    EXPECT_EQ(fault_of(error), kind::connect_failed) << make_error_code(error).message();
  // A master whose only addresses are of a family that this host has no route for is tried last.
  for (const int error : {ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT})
    EXPECT_EQ(fault_of({error, boost::system::system_category()}), kind::connect_failed) << error;
  EXPECT_EQ(fault_of(boost::asio::error::eof), kind::connect_failed);
  EXPECT_EQ(fault_of({EMFILE, boost::asio::error::get_misc_category()}), kind::connect_failed) << "only a number";
}

}  // namespace
}  // namespace bunraku::engine
