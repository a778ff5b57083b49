#pragma once
#include "engine/discovery.hpp"
#include "engine/dns_answers.hpp"
#include "io/hosts_file.hpp"
#include "io/resolv_conf.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace bunraku::engine {

/// How discovery::async_addresses finds a master's addresses; see there. `host` is lower case without a trailing dot.
/// `resolv` gives the search list for a host without a dot; null: none is used.
boost::asio::awaitable<discovery::address_answer> find_addresses(std::shared_ptr<dns_answers> dns,
                                                                 std::shared_ptr<io::hosts_file> hosts,
                                                                 std::shared_ptr<io::resolv_conf> resolv,
                                                                 std::string host);

/// The master at `host` cannot be reached: whatever `find_addresses` would ask about it is in doubt.
void doubt_addresses(dns_answers& dns, io::resolv_conf* resolv, const std::string& host);

}  // namespace bunraku::engine
