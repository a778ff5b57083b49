#pragma once
#include <bunraku/chain.hpp>

#include <boost/json/object.hpp>

#include <iosfwd>
#include <string_view>

namespace shim::cli {

/// What verify-chain found: the verdict in one line, then each certificate of the chain.
void print(std::ostream& to, const bunraku::chain_question& asked, const bunraku::chain_verdict& verdict);
boost::json::object to_json(const bunraku::chain_question& asked, const bunraku::chain_verdict& verdict);

/// The reason's short name for programs, as "certificate_expired"; "good" without an error.
std::string_view name_of(const boost::system::error_code& error) noexcept;

}  // namespace shim::cli
