#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace bunraku::io {

/// One small file that only its owner may write. Blocks as local files do.
class answer_store {
 public:
  answer_store(std::string path, std::size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}

  /// Nothing if there is no such file. The error says, after the file's name, why it is not to be used: no regular file
  /// (links are not followed), too big, of another owner than this process or root, writable by others, unreadable.
  std::expected<std::optional<std::string>, std::string> read() const;

  /// Replaces the file as a whole: after a crash there is the old one or the new one. Mode 0600. The error is one
  /// sentence. Precondition: `text` is not longer than `max_bytes`.
  std::expected<void, std::string> write(std::string_view text) const;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  std::size_t max_bytes_;
};

}  // namespace bunraku::io
