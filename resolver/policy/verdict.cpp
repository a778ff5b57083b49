#include <bunraku/verdict.hpp>

namespace bunraku {
namespace {

endpoint::repeat column_of(const endpoint& row, mishap what) noexcept {
  switch (what) {
    case mishap::unsent: return row.unsent;
    case mishap::unanswered: return row.unanswered;
    case mishap::broken_answer: return row.interrupted;
    case mishap::error_500: return row.error_500;
    case mishap::server_error: return row.server_error;
    case mishap::saturated: return row.saturated;
    case mishap::not_found: break;
  }
  return endpoint::repeat::never;
}

}  // namespace

std::string_view name_of(mishap m) noexcept {
  switch (m) {
    case mishap::unsent: return "unsent";
    case mishap::unanswered: return "unanswered";
    case mishap::broken_answer: return "broken_answer";
    case mishap::error_500: return "error_500";
    case mishap::server_error: return "server_error";
    case mishap::saturated: return "saturated";
    case mishap::not_found: return "not_found";
  }
  return {};
}

std::string_view name_of(move m) noexcept {
  switch (m) {
    case move::next_master: return "next_master";
    case move::same_master: return "same_master";
    case move::ask_catalog_master: return "ask_catalog_master";
    case move::deliver: return "deliver";
    case move::give_up: return "give_up";
    case move::cut: return "cut";
  }
  return {};
}

move settle(mishap what, const circumstances& how) noexcept {
  if (how.answer_begun) return move::cut;
  switch (what) {
    case mishap::error_500:
    case mishap::server_error:
    case mishap::saturated:
    case mishap::not_found: return move::deliver;
    case mishap::unsent:
    case mishap::unanswered:
    case mishap::broken_answer: break;
  }
  return move::give_up;
}

move judge(const endpoint& row, mishap what, const circumstances& how) noexcept {
  const bool may_repeat = how.replayable && (!how.answer_begun || how.provable);
  if (!may_repeat) return settle(what, how);
  if (what == mishap::not_found) {
    if (!row.not_found_may_be_lag) return settle(what, how);
    if (how.catalog_from_another) return move::ask_catalog_master;
    return how.catalog_unheard ? move::next_master : settle(what, how);  // all others may lag, or one of them not
  }
  switch (column_of(row, what)) {
    case endpoint::repeat::anywhere: return move::next_master;
    case endpoint::repeat::unsent_only: {
      const bool proven = what == mishap::unsent || (what == mishap::unanswered && how.proven_unprocessed);
      return proven ? move::next_master : settle(what, how);
    }
    case endpoint::repeat::same_master:
      // A master that asked to be left alone is not asked again at once; the agent has its own patience for the CA.
      return what == mishap::saturated ? settle(what, how) : move::same_master;
    case endpoint::repeat::never: break;
  }
  return settle(what, how);
}

std::optional<mishap> mishap_of_status(const endpoint& row, int status, bool has_retry_after) noexcept {
  switch (status) {
    case 404:
      if (row.not_found_may_be_lag) return mishap::not_found;
      return std::nullopt;
    case 429:
      if (has_retry_after) return mishap::saturated;
      return std::nullopt;
    case 500: return mishap::error_500;
    case 503: return has_retry_after ? mishap::saturated : mishap::server_error;
    case 502:
    case 504: return mishap::server_error;
    default: return std::nullopt;
  }
}

}  // namespace bunraku
