// What a puppetserver answers, path by path.
#pragma once

#include "certificate_authority.hpp"
#include "code_directory.hpp"
#include "message.hpp"
#include "site_file.hpp"

#include <map>
#include <optional>

namespace lab {

class endpoints {
 public:
  explicit endpoints(const site_options& site);

  answer respond(const master_options& master, const request& asked);

  // Where a body of this target is to be kept instead of in memory.
  std::optional<std::filesystem::path> upload_file(const request& asked);

 private:
  answer status(std::string_view path);
  answer puppet(const master_options& master, const request& asked);
  answer node(const master_options& master, const request& asked, const std::string& certname);
  answer catalog(const master_options& master, const request& asked, const std::string& certname);
  answer facts(const request& asked, const std::string& certname);
  answer report(const request& asked);
  answer file_metadata(const request& asked, const std::string& mount_path, bool many);
  answer file_content(const request& asked, const std::string& mount_path);
  answer static_content(const request& asked, const std::string& path);
  answer filebucket(const request& asked, std::string_view rest);
  answer authority(const request& asked);
  answer take_request(const request& asked, const std::string& certname);
  answer renew(const request& asked);

  const site_options& site_;
  code_directory code_;
  std::optional<certificate_authority> authority_;
  std::map<std::string, unsigned> reports_by_run_;
  std::uint64_t uploads_ = 0;
};

// A catalog as a compiler of puppetserver 7 writes it, with the lab module's files under `target`.
std::string make_catalog(const code_directory& code, const std::string& certname, const std::string& environment,
                         const std::string& target);

}  // namespace lab
