#pragma once
#include "policy/answer_book.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace bunraku::policy {

/// "40 s", "5 min", "3 h", "2 days": rounded down, in the largest unit that fits.
std::string age_text(std::chrono::seconds age);

/// One sentence for people about an answer that is not fresh; empty if it is. `when` is the time of day (and the date,
/// if it was another day) when DNS gave it.
std::string note_about(const dns_decision& served, std::chrono::seconds age, std::string_view when);

}  // namespace bunraku::policy
