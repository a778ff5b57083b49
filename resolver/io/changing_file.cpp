#include "io/changing_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sys/stat.h>

namespace bunraku::io {

std::optional<std::string> changing_file::read_if_changed() {
  identity now;
  struct ::stat found{};
  if (::stat(path_.c_str(), &found) == 0 && S_ISREG(found.st_mode))
    now = {found.st_dev, found.st_ino, found.st_size, found.st_mtim, found.st_ctim};
  if (last_ == now) return std::nullopt;
  last_ = now;
  return now.size < 0 ? std::string() : read();
}

std::string changing_file::read() {
  std::string text;
  if (last_ && last_->size < 0) return text;
  std::ifstream in(path_, std::ios::binary);
  if (!in.is_open()) last_.reset();  // for want of a descriptor, perhaps
  std::array<char, 4096> piece;
  while (in && text.size() < max_bytes_) {
    in.read(piece.data(), static_cast<std::streamsize>(std::min(piece.size(), max_bytes_ - text.size())));
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

}  // namespace bunraku::io
