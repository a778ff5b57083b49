#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace shim::forward {

/// A temporary file without a name: only this process can open it, and nothing of it is left when it ends, however it
/// ends. Mode 0600; the bytes are on the disk as they are. Every call may block for as long as the disk makes it wait,
/// which for pieces of some KiB is mostly a copy into the page cache.
/// Threads: one at a time.
class replay_file {
 public:
  /// In a directory that exists.
  static std::expected<replay_file, std::error_code> create_in(const std::string& directory);
  replay_file(replay_file&& other) noexcept;
  replay_file& operator=(replay_file&& other) noexcept;
  ~replay_file();

  /// All of it, or an error; then the file's end is unknown and it must be given up. A disk that is full and a file
  /// larger than RLIMIT_FSIZE are errors like any other (the process must ignore SIGXFSZ).
  std::error_code append(std::string_view bytes) noexcept;
  /// As many bytes from `offset` on as there are and `into` takes.
  std::expected<std::size_t, std::error_code> read(std::uint64_t offset, std::span<char> into) const noexcept;
  std::uint64_t size() const noexcept { return size_; }

 private:
  explicit replay_file(int fd) noexcept : fd_(fd) {}
  int fd_;
  std::uint64_t size_ = 0;
};

/// Where such files go: systemd's state directory of the service, else $TMPDIR, else /var/tmp. Not a runtime directory,
/// which is memory.
std::string replay_directory();

}  // namespace shim::forward
