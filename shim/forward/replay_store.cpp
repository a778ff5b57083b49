#include "forward/replay_store.hpp"

#include <algorithm>

namespace shim::forward {
namespace {
constexpr std::size_t piece = 16384;
}

bool replay_store::memory_takes(std::uint64_t more) const noexcept {
  return memory_.size() + more <= terms_.memory && terms_.all.memory + more <= terms_.memory * replay_bodies;
}

bool replay_store::file_takes(std::uint64_t more) const noexcept {
  return file_bytes() + more <= terms_.file && terms_.all.files + more <= terms_.file * replay_bodies;
}

bool replay_store::has_room_for(std::uint64_t bytes) const noexcept {
  const auto more = bytes - std::min(bytes, size());
  return whole_ && ((!file_ && memory_takes(more)) || file_takes(more));
}

void replay_store::forget() noexcept {
  whole_ = false;
  terms_.all.memory -= memory_.size();
  terms_.all.files -= file_bytes();
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
  if (!file_ && memory_takes(bytes.size())) {
    // Doubling from a small piece on ends at the limit, a power of two as a rule; from a large one on it ends above.
    while (!bytes.empty()) {
      const auto next = bytes.substr(0, piece);
      memory_.append(next);
      terms_.all.memory += next.size();
      bytes.remove_prefix(next.size());
    }
    return;
  }
  if (!file_takes(bytes.size())) {
    const bool alone =
        file_bytes() + bytes.size() > terms_.file && (file_ || memory_.size() + bytes.size() > terms_.memory);
    give_up(alone ? "it is larger than limits.replay_bytes and replay_file_bytes allow"
                  : "the bodies of other requests take all that limits.replay_bytes and replay_file_bytes allow");
    return;
  }
  if (!file_) {
    auto made = replay_file::create_in(std::string(terms_.directory));
    if (!made) {
      give_up(made.error());
      return;
    }
    file_ = std::move(*made);
  }
  const auto before = file_->size();
  const auto error = file_->append(bytes);
  terms_.all.files += file_->size() - before;
  if (error) give_up(error);
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
