#pragma once
#include "config/document.hpp"
#include "config/keys.hpp"

#include <bunraku/problem.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace shim::config {

/// Reads one table of the file by the rows of keys.cpp: type, range, and the default where the key is not given or not
/// usable. Whatever is wrong is added to `found`, unknown keys at construction.
class table_reader {
 public:
  /// `from` may be null: the table is not there.
  table_reader(const node* from, std::string table, const std::string& file, bunraku::problems& found);

  const node* given(std::string_view key) const noexcept { return from_ == nullptr ? nullptr : from_->find(key); }
  bool boolean(std::string_view key);
  std::int64_t integer(std::string_view key);
  std::size_t size(std::string_view key) { return static_cast<std::size_t>(integer(key)); }
  std::chrono::milliseconds duration(std::string_view key);
  std::string text(std::string_view key);  ///< also paths and choices
  std::vector<std::string> texts(std::string_view key);
  std::vector<std::variant<std::uint32_t, std::string>> users(std::string_view key);
  std::optional<std::pair<std::string, std::string>> pair(std::string_view key);

  void error(std::string_view key, std::string what, std::string fix);
  void warning(std::string_view key, std::string what, std::string fix);
  /// "file:line" of the key, or of the table where the key is not given.
  std::string where(std::string_view key = {}) const;
  const std::string& table() const noexcept { return table_; }

 private:
  const key_row& row(std::string_view key) const;
  const node* of_kind(std::string_view key, node::kind wanted);
  bool sound(std::string_view key, const std::string& value, const key_row& row);

  const node* from_;
  std::string table_;
  const std::string& file_;
  bunraku::problems& found_;
};

}  // namespace shim::config
