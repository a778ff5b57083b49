#pragma once
#include "fault/rules.hpp"

#include <string>
#include <sys/stat.h>
#include <vector>

namespace fault {

/// The faults that are on, kept in a file so that they, and their ends, outlive the process. Others may replace the
/// file; that is noticed at the next look().
/// A file that cannot be trusted (it or its directory may be changed by others than root and this user) or cannot be
/// read changes nothing: the faults that were on go on until their ends.
class state_file {
 public:
  explicit state_file(std::string path) : path_(std::move(path)) {}

  /// Reads the file if it is another one than at the last look. True if the faults may have changed.
  bool look(wall now);
  /// From now on these; the file first. Error: why it cannot be written. Then nothing has changed, unless it was
  /// faults' ends alone: those hold for as long as this process, since nothing may keep a fault on.
  std::string replace(std::vector<rule> rules);

  const std::vector<rule>& rules() const noexcept { return rules_; }
  /// Why the file that is there now was not taken; empty: it was, or there is none.
  const std::string& trouble() const noexcept { return trouble_; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string write(const std::string& text) const;
  bool remove() const;

  std::string path_, trouble_;
  std::vector<rule> rules_;
  struct stat seen_{};
  bool looked_ = false;
};

/// Where it is unless the settings say otherwise: below what systemd gives the service to keep things in.
std::string default_path();

}  // namespace fault
