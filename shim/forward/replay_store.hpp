#pragma once
#include "forward/replay_file.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace shim::forward {

/// What the bodies of all requests take at present, in bytes.
struct replay_use {
  std::size_t memory = 0, files = 0;
};

/// All bodies together have this many times what one may have, so that many large ones at once fill no disk.
inline constexpr std::size_t replay_bodies = 8;

/// How much of a request body is kept so that it can be sent again.
struct replay_terms {
  std::size_t memory = 1 << 20;  ///< bytes
  std::size_t file = 64 << 20;   ///< bytes, besides those in memory; 0: no file
  std::string_view directory;    ///< for the file; must outlive the store, as `all` must
  replay_use& all;
};

/// Keeps what a request body was, in memory first and then in a file without a name. A file that cannot be made or
/// written is no error: the body is then not kept, and `why_not` says so.
class replay_store {
 public:
  explicit replay_store(const replay_terms& terms) noexcept : terms_(terms) {}
  ~replay_store() { forget(); }
  replay_store(const replay_store&) = delete;
  replay_store& operator=(const replay_store&) = delete;

  /// `bytes` at most some KiB: what goes to the file is written at once.
  void keep(std::string_view bytes);
  /// Gives everything back; nothing is kept from now on.
  void forget() noexcept;

  /// A body of so many bytes can be kept, unless the file fails or others take the room meanwhile.
  bool has_room_for(std::uint64_t bytes) const noexcept;
  /// All that was given to keep() is there.
  bool whole() const noexcept { return whole_; }
  std::uint64_t size() const noexcept { return memory_.size() + file_bytes(); }
  /// Up to 16 KiB from `offset` on; valid until the next call. Precondition: whole() and offset < size().
  std::expected<std::string_view, std::error_code> piece_at(std::uint64_t offset);

  /// Why not whole(), as the end of a sentence; empty after forget().
  const std::string& why_not() const noexcept { return why_not_; }
  /// It is not whole because of the file, not because of the limits.
  bool file_failed() const noexcept { return file_failed_; }
  bool in_file() const noexcept { return file_.has_value(); }

 private:
  std::uint64_t file_bytes() const noexcept { return file_ ? file_->size() : 0; }
  bool memory_takes(std::uint64_t more) const noexcept;
  bool file_takes(std::uint64_t more) const noexcept;
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
