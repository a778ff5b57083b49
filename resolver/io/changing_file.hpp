#pragma once
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>

namespace bunraku::io {

/// A small text file that other programs replace or edit. It is looked at only when somebody asks: no watch, no timer.
class changing_file {
 public:
  changing_file(std::string path, std::size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}

  /// Its text (at most the first `max_bytes`) at the first call and whenever device, inode, size or times differ from
  /// the last look; otherwise nothing. A file that is missing or cannot be read has an empty text; if it cannot be
  /// opened now, each call tries again.
  /// Blocks as local files do.
  std::optional<std::string> read_if_changed();

  /// Its text as far as read_if_changed() found a file, whether or not it has changed since: for who has not kept that.
  std::string read();

  const std::string& path() const noexcept { return path_; }

 private:
  struct identity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    std::timespec modified{}, changed{};
    friend bool operator==(const identity& a, const identity& b) noexcept {
      const auto same = [](const std::timespec& x, const std::timespec& y) {
        return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
      };
      return a.device == b.device && a.inode == b.inode && a.size == b.size && same(a.modified, b.modified) &&
             same(a.changed, b.changed);
    }
  };

  std::string path_;
  std::size_t max_bytes_;
  std::optional<identity> last_;
};

}  // namespace bunraku::io
