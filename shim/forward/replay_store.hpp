#pragma once
#include "forward/replay_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace shim::forward {

/// How much of a request body is kept so that it can be sent again.
struct replay_terms {
  std::size_t memory = 1 << 20;  ///< bytes
  std::size_t file = 64 << 20;   ///< bytes, besides those in memory; 0: no file
  std::string_view directory;    ///< for the file; must outlive the store
};

/// Keeps what a request body was, in memory first and then in a file without a name. A file that cannot be made or
/// written is no error: the body is then not kept, and `why_not` says so.
class replay_store {
 public:
  explicit replay_store(const replay_terms& terms) noexcept : terms_(terms) {}

  /// `bytes` at most some KiB: what goes to the file is written at once.
  void keep(std::string_view bytes);
  /// Gives everything back; nothing is kept from now on.
  void forget() noexcept;

  /// So much can be kept, unless the file fails.
  bool has_room_for(std::uint64_t bytes) const noexcept {
    return bytes <= std::max<std::uint64_t>(terms_.memory, terms_.file);
  }
  /// All that was given to keep() is there.
  bool whole() const noexcept { return whole_; }
  std::uint64_t size() const noexcept { return memory_.size() + (file_ ? file_->size() : 0); }
  /// Up to 16 KiB from `offset` on; valid until the next call. Precondition: whole() and offset < size().
  std::expected<std::string_view, std::error_code> piece_at(std::uint64_t offset);

  /// Why not whole(), as the end of a sentence; empty after forget().
  const std::string& why_not() const noexcept { return why_not_; }
  /// It is not whole because of the file, not because of the limits.
  bool file_failed() const noexcept { return file_failed_; }
  bool in_file() const noexcept { return file_.has_value(); }

 private:
  void give_up(std::string why);
  void give_up(std::error_code error);

  replay_terms terms_;
  std::string memory_;
  std::optional<replay_file> file_;
  std::unique_ptr<char[]> read_back_;
  std::string why_not_;
  bool whole_ = true, file_failed_ = false;
};

}  // namespace shim::forward
