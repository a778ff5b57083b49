#pragma once
#include <boost/asio/execution_context.hpp>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace bunraku::io {

/// Memory that the streams of one loop share: whoever gathers takes it, and gives it back as soon as all is sent. Not
/// thread_local: what has a destructor is registered when a thread first touches it, and glibc ends the process when it
/// finds no memory for that.
/// Threads: any; connections of one loop may be used in distinct ones.
class spare_records final : public boost::asio::execution_context::service {
 public:
  using key_type = spare_records;
  static inline boost::asio::execution_context::id id;
  using service::service;
  ~spare_records() override { delete[] bytes_.load(); }

  std::unique_ptr<char[]> take() noexcept { return std::unique_ptr<char[]>(bytes_.exchange(nullptr)); }
  void give_back(std::unique_ptr<char[]> bytes) noexcept { delete[] bytes_.exchange(bytes.release()); }

 private:
  void shutdown() noexcept override {}

  std::atomic<char*> bytes_{nullptr};
};

/// TLS records that leave in one send. Each send wakes the reader and is a packet of its own, which costs more than the
/// copy in here.
/// A stream keeps the loop's memory only while the socket does not take all.
class gathered_records {
 public:
  /// `spare` lives as long as the loop, and so longer than this.
  explicit gathered_records(spare_records& spare) noexcept : spare_(spare) {}

  static constexpr std::size_t most_payload = 5 * 16384;  ///< more of it is for the next send

  bool empty() const noexcept { return begin_ == end_; }
  std::string_view view() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
  bool open() const noexcept { return open_; }

  /// From now on add() works. False without memory. Precondition: empty().
  bool begin() noexcept {
    if (!bytes_) bytes_ = spare_.take();
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
  void give_back_when_empty() noexcept {
    if (empty() && bytes_) spare_.give_back(std::move(bytes_));
  }

  spare_records& spare_;
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0, end_ = 0;
  bool open_ = false;
};

}  // namespace bunraku::io
