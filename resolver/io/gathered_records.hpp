#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace bunraku::io {

/// TLS records that leave in one send. Each send wakes the reader and is a packet of its own, which costs more than the
/// copy in here.
/// Threads: one loop's. A thread's streams share one memory: a stream keeps it only while the socket does not take all.
class gathered_records {
 public:
  static constexpr std::size_t most_payload = 5 * 16384;  ///< more of it is for the next send

  bool empty() const noexcept { return begin_ == end_; }
  std::string_view view() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
  bool open() const noexcept { return open_; }

  /// From now on add() works. False without memory. Precondition: empty().
  bool begin() noexcept {
    if (!bytes_) bytes_ = std::move(spare());
    if (!bytes_) bytes_.reset(new (std::nothrow) char[capacity]);
    open_ = bytes_ != nullptr;
    return open_;
  }
  void end() noexcept {
    open_ = false;
    give_back_when_empty();
  }
  /// False if it is full.
  bool add(const char* data, std::size_t size) noexcept {
    if (size > capacity - end_) return false;
    std::memcpy(bytes_.get() + end_, data, size);
    end_ += size;
    return true;
  }
  void sent(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ != end_) return;
    begin_ = end_ = 0;
    if (!open_) give_back_when_empty();
  }

 private:
  static constexpr std::size_t capacity = most_payload + 1024;  // room for what TLS puts around each record
  static std::unique_ptr<char[]>& spare() noexcept {
    thread_local std::unique_ptr<char[]> one;
    return one;
  }
  void give_back_when_empty() noexcept {
    if (empty() && bytes_) spare() = std::move(bytes_);
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0, end_ = 0;
  bool open_ = false;
};

}  // namespace bunraku::io
