#include "policy/answer_words.hpp"

namespace bunraku::policy {

std::string age_text(std::chrono::seconds age) {
  using std::chrono::days, std::chrono::hours, std::chrono::minutes;
  if (age < minutes(1)) return std::to_string(age.count()) + " s";
  if (age < hours(1)) return std::to_string(age / minutes(1)) + " min";
  if (age < days(2)) return std::to_string(age / hours(1)) + " h";
  return std::to_string(age / days(1)) + " days";
}

std::string note_about(const dns_decision& served, std::chrono::seconds age, std::string_view when) {
  const bool stale = served.standing == dns_standing::stale;
  if (!stale && served.standing != dns_standing::vanished) return {};
  std::string answer = "the answer of " + std::string(when) + ", " + age_text(age) + " old";
  if (served.from_disk) answer += ", from disk";
  const auto& note = served.trouble ? served.trouble->note : std::string{};
  const auto why = note.empty() ? std::string{} : " (" + note + ")";
  if (stale) return "DNS did not answer" + why + "; this is " + answer;
  return "DNS now says that there is no such record" + why + "; until that has been certain for a while, " + answer +
         ", still counts";
}

}  // namespace bunraku::policy
