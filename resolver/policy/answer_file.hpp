#pragma once
#include "policy/answer_book.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::policy {

/// The last good answers as they lie on disk.
/// Model:  text, so that people can read it. A first line "bunraku-answers 1"; for each answer a line "type name state
///         seconds-since-1970" and then its records, one a line, after "= "; a last line "sum " and stable_hash of all
///         octets before it. Nothing may stand behind that. The sum finds what a crash tore, it is no seal: who may
///         write the file is up to its owner and mode.
/// Bounds: 1 MiB, 4096 answers, dns_answer::max_records each.
struct stored_answer {
  dns_question question;
  dns_answer answer;  ///< never `unusable`; without TTL and note
  std::chrono::sys_seconds learned;
};

inline constexpr std::size_t max_answer_file_bytes = 1u << 20;
inline constexpr std::size_t max_stored_answers = 4096;

/// Beyond the bounds the last ones are left out. The order of records does not matter to the result.
std::string write_answer_file(std::span<const stored_answer> answers);

/// Why a file is not used.
struct answer_file_refusal {
  enum class reason : std::uint8_t {
    foreign,  ///< bunraku never wrote this
    newer,    ///< of a version that this one does not know
    damaged,  ///< torn, or changed by hand
  };
  reason why = reason::foreign;
  std::string what;  ///< after the file's name, for people
};

/// All or nothing. Pure and total: any octets whatever, time in proportion to their number.
std::expected<std::vector<stored_answer>, answer_file_refusal> read_answer_file(std::string_view text);

}  // namespace bunraku::policy
