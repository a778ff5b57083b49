#pragma once
#include "policy/dns_message.hpp"

#include <optional>
#include <string_view>

namespace bunraku::policy {

/// An answer written by hand, as a fault that is injected has it: one record's data per line, as in a zone file
/// ("0 10 8140 compile9.example.com" for SRV, an address for A); without any line there is no such name. With the
/// shortest TTL. Nothing if a line cannot be read.
std::optional<dns_answer> answer_of(std::string_view lines, dns_type type);

}  // namespace bunraku::policy
