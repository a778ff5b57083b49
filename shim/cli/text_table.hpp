#pragma once
#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace shim::cli {

/// Rows of cells, printed as columns that are as wide as they need be, two blanks apart, without trailing blanks.
class text_table {
 public:
  /// An empty heading makes a table without a heading line.
  explicit text_table(std::vector<std::string> heading = {}) {
    if (!heading.empty()) rows_.push_back(std::move(heading));
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(std::ostream& to, std::size_t indent = 2) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace shim::cli
