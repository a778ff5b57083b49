#include "forward/replay_store.hpp"

#include <algorithm>

namespace shim::forward {
namespace {
constexpr std::size_t piece = 16384;
}

void replay_store::forget() noexcept {
  whole_ = false;
  memory_ = {};
  file_.reset();
  read_back_.reset();
}

void replay_store::give_up(std::string why) {
  forget();
  why_not_ = std::move(why);
}

void replay_store::give_up(std::error_code error) {
  file_failed_ = true;
  give_up("its temporary file in " + std::string(terms_.directory) + ": " + error.message());
}

void replay_store::keep(std::string_view bytes) {
  if (!whole_) return;
  if (!file_) {
    if (memory_.size() + bytes.size() <= terms_.memory) {
      // Doubling from a small piece on ends at the limit, a power of two as a rule; from 80 KiB on it ends above.
      for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), piece))) memory_.append(bytes.substr(0, piece));
      return;
    }
    if (terms_.file == 0 || bytes.size() > terms_.file) {
      give_up("it is larger than limits.replay_bytes and replay_file_bytes allow");
      return;
    }
    auto made = replay_file::create_in(std::string(terms_.directory));
    if (!made) {
      give_up(made.error());
      return;
    }
    file_ = std::move(*made);
  }
  if (file_->size() + bytes.size() > terms_.file) {
    give_up("it is larger than limits.replay_bytes and replay_file_bytes allow");
    return;
  }
  if (const auto error = file_->append(bytes)) give_up(error);
}

std::expected<std::string_view, std::error_code> replay_store::piece_at(std::uint64_t offset) {
  if (offset < memory_.size()) return std::string_view(memory_).substr(offset, piece);
  if (!read_back_) read_back_ = std::make_unique_for_overwrite<char[]>(piece);
  const auto got = file_->read(offset - memory_.size(), {read_back_.get(), piece});
  if (!got) return std::unexpected(got.error());
  if (*got == 0) return std::unexpected(std::make_error_code(std::errc::io_error));  // somebody cut it off
  return std::string_view(read_back_.get(), *got);
}

}  // namespace shim::forward
