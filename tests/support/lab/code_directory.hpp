// The code directory that the masters serve files from:
// ROOT/environments/ENV/modules/MODULE/{files,lib,facts.d,locales}.
#pragma once

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lab {

// Fills ROOT with a module `lab`: eight small files, one of 200 kB, one of `big` bytes, a tree of 100 files, a fact, an
// external fact. The same bytes every time. Does nothing when it is there already.
void make_code(const std::filesystem::path& root, std::uint64_t big);

// The query of a metadata request, decoded.
struct metadata_query {
  bool recurse = false;
  bool manage_links = true;
  bool use_permissions = false;
  std::string checksum_type = "sha256";
  std::vector<std::string> ignore{};
};

class code_directory {
 public:
  explicit code_directory(std::filesystem::path root) : root_(std::move(root)) {}

  bool has_environment(const std::string& name) const;

  // The file or directory a mount path names ("modules/lab/small1", "plugins/facter/x.rb"), decoded. Empty when there
  // is none or when the path tries to leave the mount.
  std::optional<std::filesystem::path> find(const std::string& environment, const std::string& mount_path) const;

  // As a master answers file_metadata and file_metadatas; nothing: 404.
  std::optional<boost::json::value> metadata(const std::string& environment, const std::string& mount_path,
                                             const metadata_query& query);
  std::optional<boost::json::value> metadatas(const std::string& environment, const std::string& mount_path,
                                              const metadata_query& query);

  // Names of what lies in modules/lab/files, sorted; a trailing slash marks a directory.
  std::vector<std::string> lab_files(const std::string& environment) const;

  // A file by its path inside the environment, for static_file_content.
  std::optional<std::filesystem::path> find_static(const std::string& environment, const std::string& path) const;

 private:
  struct digest {
    std::filesystem::file_time_type changed;
    std::uintmax_t size = 0;
    std::string hex;
  };
  // All directories a mount path can mean: one for modules/, one for each module that has it for plugins and such.
  std::vector<std::filesystem::path> candidates(const std::string& environment, const std::string& mount_path) const;
  boost::json::value describe(const std::filesystem::path& base, const std::string& relative,
                              const metadata_query& query);
  const std::string& sha256(const std::filesystem::path& file);

  std::filesystem::path root_;
  std::map<std::filesystem::path, digest> digests_;
};

}  // namespace lab
