#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace file_source {

struct master {
  std::string host;
  std::uint16_t port = 8140, priority = 0, weight = 0;
  friend bool operator==(const master&, const master&) = default;
};
using services = std::map<std::string, std::vector<master>, std::less<>>;

/// Pure. Services and their masters, or one sentence that says what is wrong. Each service is an array of "HOST",
/// "HOST:PORT" or objects with `host`, `port`, `priority`, `weight`; what stands in an array as text has the place in
/// the array as its priority, so that it is tried in the order that is written.
std::expected<services, std::string> parse_json(std::string_view text);
std::expected<services, std::string> parse_toml(std::string_view text);

/// A file of masters. Others may replace it at any time; that is noticed at the next look().
class masters_file {
 public:
  explicit masters_file(std::string path) : path_(std::move(path)) {}

  /// Reads the file if it is another one than at the last look. True if it was.
  bool look();
  /// What the last good file said; null: there was none yet.
  const services* known() const noexcept { return good_ ? &services_ : nullptr; }
  /// Why the file that is there now is not used; empty: it is.
  const std::string& trouble() const noexcept { return trouble_; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_, trouble_;
  services services_;
  struct stat seen_{};
  bool good_ = false, looked_ = false;
};

}  // namespace file_source
