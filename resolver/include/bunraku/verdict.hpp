#pragma once
#include <bunraku/endpoint.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace bunraku {

/// What can go wrong with one attempt.
enum class mishap : std::uint8_t {
  unsent,         ///< no connection, or TLS failed, or an idle connection was found closed: nothing was sent
  unanswered,     ///< sent whole or in part; connection lost, or the master found to hang, before any answer
  broken_answer,  ///< the answer had begun and broke off, or broke the rules of its framing
  error_500,      ///< 500
  server_error,   ///< 502, 504, or 503 without Retry-After
  saturated,      ///< 503 or 429 with Retry-After
  not_found,      ///< 404
};
std::string_view name_of(mishap m) noexcept;

/// What to do about it. `next_master`, `same_master` and `ask_catalog_master` mean: send the request again, there.
enum class move : std::uint8_t {
  next_master,         ///< the next one of the plan that this exchange has not tried
  same_master,         ///< the same master, on a fresh connection
  ask_catalog_master,  ///< the master that compiled the catalog: its 404 is believed
  deliver,             ///< this answer goes to the agent
  give_up,             ///< no answer can be had: the agent gets an error of ours that names every attempt
  cut,                 ///< the agent already has a part of an answer: break the connection so that it notices
};
std::string_view name_of(move m) noexcept;

/// What the verdict depends on besides request and mishap. The values speak of the whole exchange, not of one attempt.
struct circumstances {
  bool replayable = true;             ///< all that was read of the request's body is still held
  bool proven_unprocessed = false;    ///< `unanswered` only: proof that the master did not process the request
  bool answer_begun = false;          ///< the agent has the head of an answer
  bool provable = false;              ///< the answer's length and the hash of what the agent has of it are known
  bool catalog_from_another = false;  ///< the run's catalog came from another master that was not asked here yet
  bool catalog_unheard = false;       ///< it came from one that was asked here and had no answer
};

/// What to do after a mishap. Total: every row, mishap and circumstance has an answer. Whether there is a next master,
/// and whether deadline and retry budget allow another attempt, is not known here: if not, do as `settle` says.
/// `same_master` is meant for one further attempt; after that one too, `settle`.
/// Source: the endpoint table; see verdict.cpp for the reading of its values.
move judge(const endpoint& row, mishap what, const circumstances& how) noexcept;

/// What to do when no further attempt is possible: `deliver`, `give_up` or `cut`.
move settle(mishap what, const circumstances& how) noexcept;

/// Is an answer with this status a mishap of its row? Nothing for all others: they are the answer.
std::optional<mishap> mishap_of_status(const endpoint& row, int status, bool has_retry_after) noexcept;

}  // namespace bunraku
