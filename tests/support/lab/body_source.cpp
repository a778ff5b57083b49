#include "body_source.hpp"

#include "openssl_handles.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <vector>
#include <zlib.h>

namespace lab {
namespace {

class text_body final : public body_source {
 public:
  explicit text_body(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<char> into) override {
    const auto count = std::min(into.size(), text_.size() - at_);
    std::copy_n(text_.data() + at_, count, into.data());
    at_ += count;
    return count;
  }
  std::optional<std::uint64_t> length() const override { return text_.size(); }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class file_body final : public body_source {
 public:
  explicit file_body(const std::filesystem::path& file)
      : stream_(file, std::ios::binary), length_(std::filesystem::file_size(file)) {
    if (!stream_) throw failure(file.string() + ": cannot be read");
  }
  std::size_t read(std::span<char> into) override {
    stream_.read(into.data(), static_cast<std::streamsize>(into.size()));
    return static_cast<std::size_t>(stream_.gcount());
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  std::ifstream stream_;
  std::uint64_t length_;
};

static_assert(std::endian::native == std::endian::little);

class generated_body final : public body_source {
 public:
  explicit generated_body(std::uint64_t bytes) : bytes_(bytes) {}
  std::size_t read(std::span<char> into) override {
    std::size_t filled = 0;
    while (filled < into.size() && at_ < bytes_) {
      const auto word = generated_word(at_ / 8);
      const auto skip = static_cast<std::size_t>(at_ % 8);
      const auto count =
          std::min({std::size_t{8} - skip, into.size() - filled, static_cast<std::size_t>(bytes_ - at_)});
      std::memcpy(into.data() + filled, reinterpret_cast<const char*>(&word) + skip, count);
      filled += count;
      at_ += count;
    }
    return filled;
  }
  std::optional<std::uint64_t> length() const override { return bytes_; }

 private:
  std::uint64_t bytes_;
  std::uint64_t at_ = 0;
};

class gzip_body final : public body_source {
 public:
  gzip_body(std::unique_ptr<body_source> plain, int level) : plain_(std::move(plain)), input_(65536) {
    constexpr int gzip_window = 15 + 16;
    if (deflateInit2(&state_, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw failure("zlib does not start");
    }
  }
  ~gzip_body() override { deflateEnd(&state_); }
  gzip_body(const gzip_body&) = delete;
  gzip_body& operator=(const gzip_body&) = delete;

  std::size_t read(std::span<char> into) override {
    state_.next_out = reinterpret_cast<Bytef*>(into.data());
    state_.avail_out = static_cast<uInt>(into.size());
    while (state_.avail_out > 0 && !ended_) {
      if (state_.avail_in == 0 && !drained_) {
        const auto count = plain_->read(input_);
        drained_ = count == 0;
        state_.next_in = reinterpret_cast<Bytef*>(input_.data());
        state_.avail_in = static_cast<uInt>(count);
      }
      const int result = deflate(&state_, drained_ ? Z_FINISH : Z_NO_FLUSH);
      if (result == Z_STREAM_END) ended_ = true;
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) throw failure("zlib fails");
    }
    return into.size() - state_.avail_out;
  }
  std::optional<std::uint64_t> length() const override { return std::nullopt; }

 private:
  std::unique_ptr<body_source> plain_;
  std::vector<char> input_;
  z_stream state_{};
  bool drained_ = false;
  bool ended_ = false;
};

}  // namespace

// splitmix64: any piece of the stream can be computed, and checked, by itself.
std::uint64_t generated_word(std::uint64_t index) {
  std::uint64_t mixed = (index + 1) * 0x9e3779b97f4a7c15ULL;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

std::unique_ptr<body_source> text_source(std::string text) { return std::make_unique<text_body>(std::move(text)); }
std::unique_ptr<body_source> file_source(const std::filesystem::path& file) {
  return std::make_unique<file_body>(file);
}
std::unique_ptr<body_source> generated_source(std::uint64_t bytes) { return std::make_unique<generated_body>(bytes); }
std::unique_ptr<body_source> gzip_source(std::unique_ptr<body_source> plain, int level) {
  return std::make_unique<gzip_body>(std::move(plain), level);
}

std::string read_all(body_source& source) {
  std::string all;
  std::array<char, 16384> buffer;
  while (const auto count = source.read(buffer)) all.append(buffer.data(), count);
  return all;
}

}  // namespace lab
