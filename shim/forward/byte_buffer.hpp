#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace shim::forward {

/// Bytes received and not yet used. Holds no memory while it is empty and released; grows only up to the size that the
/// caller asks room for.
class byte_buffer {
 public:
  static constexpr std::size_t usual = 16384;          ///< one TLS record's payload
  static constexpr std::size_t streaming = 5 * usual;  ///< of a body that does not fit into that: 64 KiB and a head
  static constexpr std::size_t bulk = 13 * usual;      ///< of one of a MiB or more: what a Unix socket takes at once

  std::string_view view() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  void consume(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// The content with `bytes` right in front of it, where used ones were; valid until more is read. Empty if those were
  /// fewer.
  std::string_view behind(std::string_view bytes) noexcept {
    if (bytes.size() > begin_) return {};
    char* const front = data_.get() + begin_ - bytes.size();
    std::memcpy(front, bytes.data(), bytes.size());
    return {front, bytes.size() + size()};
  }
  void clear() noexcept { begin_ = end_ = 0; }
  /// Gives the memory back; what it held is gone.
  void release() noexcept {
    clear();
    data_.reset();
    capacity_ = 0;
  }

  /// Room for at least one more byte behind the content, with a capacity of at least `capacity`.
  /// Null when the content already fills `capacity`.
  char* room(std::size_t capacity = usual) {
    if (capacity_ < capacity) {
      auto bigger = std::make_unique_for_overwrite<char[]>(capacity);
      if (size() != 0) std::memcpy(bigger.get() + begin_, data_.get() + begin_, size());
      data_ = std::move(bigger);
      capacity_ = capacity;
    }
    if (end_ == capacity_ && begin_ != 0) {
      std::memmove(data_.get(), data_.get() + begin_, size());
      end_ -= begin_;
      begin_ = 0;
    }
    return end_ < capacity_ ? data_.get() + end_ : nullptr;
  }
  std::size_t room_size() const noexcept { return capacity_ - end_; }
  void filled(std::size_t n) noexcept { end_ += n; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace shim::forward
