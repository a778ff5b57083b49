// Where the bytes of an answer come from. Sources are read in pieces, so that an answer of any size costs one buffer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace lab {

class body_source {
 public:
  virtual ~body_source() = default;
  // Fills from the front; 0 means the end.
  virtual std::size_t read(std::span<char> into) = 0;
  // Bytes in total when that is known beforehand.
  virtual std::optional<std::uint64_t> length() const = 0;
};

std::unique_ptr<body_source> text_source(std::string text);
// Throws lab::failure when it cannot be opened.
std::unique_ptr<body_source> file_source(const std::filesystem::path& file);
// `bytes` bytes; the eight at offset 8*i are generated_word(i), little endian.
std::unique_ptr<body_source> generated_source(std::uint64_t bytes);
// `level` as zlib's: 1 to 9.
std::unique_ptr<body_source> gzip_source(std::unique_ptr<body_source> plain, int level);

std::string read_all(body_source& source);
std::uint64_t generated_word(std::uint64_t index);

}  // namespace lab
