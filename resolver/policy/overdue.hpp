#pragma once
#include <bunraku/endpoint.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bunraku::policy {

/// When the first byte of an answer is late enough to ask whether its master still lives, learned per endpoint row from
/// the answers that came. A slow answer is no dead master: being overdue only means asking.
/// Model:  per row a moving mean and a moving mean deviation of the time from the request's last byte to the answer's
///         first; overdue after mean + 4 deviations. Not before `enough` answers of that row; within floor and ceiling.
///         Answers that came after the question count like all others: an endpoint that has become slow is learned.
/// Bounds: one small cell per row of the endpoint table.
/// Units:  microseconds.
/// Source: the retransmission timer of TCP (RFC 6298; gains 1/8 and 1/4).
class overdue {
 public:
  struct limits {
    std::chrono::microseconds floor{std::chrono::milliseconds(100)};
    std::chrono::microseconds unlearned{std::chrono::seconds(2)};  ///< while too little is known
    std::chrono::microseconds ceiling{std::chrono::seconds(15)};
    std::uint32_t enough = 8;
  };

  overdue() = default;
  explicit overdue(limits of) noexcept : limits_(of) {}

  void learn(const endpoint& row, std::chrono::microseconds first_byte) noexcept;

  /// The wait for the first byte after which its master should be asked.
  std::chrono::microseconds after(const endpoint& row) const noexcept;
  /// The same once the master was asked `asked` times and answered each time: twice as long each time, so that a
  /// compilation of minutes costs a handful of questions. At most four ceilings apart.
  std::chrono::microseconds after(const endpoint& row, std::uint32_t asked) const noexcept;

  std::uint32_t learned(const endpoint& row) const noexcept;  ///< answers seen, at most `enough`

 private:
  struct cell {
    std::int64_t mean = 0, deviation = 0;
    std::uint32_t seen = 0;
  };
  static constexpr std::size_t max_rows = 64;
  static std::size_t index_of(const endpoint& row) noexcept;

  limits limits_;
  std::array<cell, max_rows> cells_{};
};

}  // namespace bunraku::policy
