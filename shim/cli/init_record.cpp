#include "cli/init_record.hpp"

#include "enroll/puppet_files.hpp"

#include <boost/json.hpp>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sys/stat.h>

namespace shim::cli {
namespace {

using bunraku::severity;
namespace json = boost::json;

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), sum.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  constexpr std::string_view digits = "0123456789abcdef";
  for (unsigned i = 0; i < size; ++i) {
    out += digits[sum[i] >> 4U];
    out += digits[sum[i] & 15U];
  }
  return out;
}

/// One file in the record.
struct entry {
  std::string path, kept;  ///< kept: the name of its copy; empty: it was not there
  std::string sum_after;
  mode_t mode = 0644;
  uid_t user = 0;
  gid_t group = 0;
};

json::object to_json(const entry& e) {
  return {{"path", e.path}, {"kept", e.kept}, {"sha256_after", e.sum_after},
          {"mode", e.mode}, {"user", e.user}, {"group", e.group}};
}

entry from_json(const json::object& o) {
  return {std::string(o.at("path").as_string()),
          std::string(o.at("kept").as_string()),
          std::string(o.at("sha256_after").as_string()),
          o.at("mode").to_number<mode_t>(),
          o.at("user").to_number<uid_t>(),
          o.at("group").to_number<gid_t>()};
}

struct record {
  std::vector<entry> files;
  std::vector<std::string> enabled;
};

void add(bunraku::problems& to, enroll::failure failed) {
  if (failed) to.push_back(std::move(*failed));
}

/// A link would be replaced by a file, and its target never changed.
std::string behind_links(const std::string& path) {
  std::error_code failed;
  auto real = std::filesystem::canonical(path, failed);
  return failed ? path : real.string();
}

std::optional<record> read(const std::string& directory, bunraku::problems& found) {
  const auto file = directory + "/record.json";
  auto text = enroll::read_file(file, "the record of `bunraku init`");
  add(found, std::move(text.wrong));
  if (!text.text) return std::nullopt;
  try {
    const auto whole = json::parse(*text.text);
    record out;
    for (const auto& one : whole.at("files").as_array()) out.files.push_back(from_json(one.as_object()));
    for (const auto& unit : whole.at("enabled").as_array()) out.enabled.emplace_back(unit.as_string());
    return out;
  } catch (const std::exception&) {
    found.emplace_back(severity::error, file, "It is no record that this bunraku can read.",
                       "Put the files back by hand; as they were they are beside it.");
    return std::nullopt;
  }
}

/// As it was before. The copy has been read already.
enroll::failure put_back(const entry& e, const std::optional<std::string>& was) {
  if (!was) return enroll::remove_file(e.path);
  return enroll::write_file(e.path, *was, e.mode, {e.user, e.group}, enroll::existing::replace);
}

entry describe(const init::edit& one, std::size_t number) {
  entry e{behind_links(one.path), {}, sha256(one.after)};
  struct stat about{};
  if (one.before && ::stat(e.path.c_str(), &about) == 0) {
    e.kept = std::to_string(number) + '-' + std::filesystem::path(one.path).filename().string();
    e.mode = about.st_mode & 07777;
    e.user = about.st_uid;
    e.group = about.st_gid;
  }
  return e;
}

bunraku::problem changed_since(const std::string& path, std::string fix) {
  return {severity::error, path, "Somebody has changed it meanwhile.", std::move(fix)};
}

}  // namespace

bool init_record::exists() const { return enroll::is_there(directory_ + "/record.json"); }

bunraku::problems init_record::apply(const init::plan& what) const {
  bunraku::problems found;
  record made;
  made.enabled = what.enable;
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(directory_).parent_path(), failed);
  add(found, enroll::make_directory(directory_, 0700, {}));
  if (bunraku::has_error(found)) return found;
  json::array files;
  for (const auto& one : what.edits) {
    const auto e = describe(one, made.files.size());
    if (!e.kept.empty())
      add(found, enroll::write_file(directory_ + '/' + e.kept, *one.before, 0600, {}, enroll::existing::replace));
    files.push_back(to_json(e));
    made.files.push_back(e);
  }
  json::array units;
  for (const auto& unit : made.enabled) units.emplace_back(unit);
  if (!bunraku::has_error(found))
    add(found, enroll::write_file(directory_ + "/record.json",
                                  json::serialize(json::object{{"files", files}, {"enabled", units}}) + '\n', 0600, {},
                                  enroll::existing::replace));
  std::size_t done = 0;
  for (; done < what.edits.size() && !bunraku::has_error(found); ++done) {
    const auto& one = what.edits[done];
    const auto& e = made.files[done];
    auto now = enroll::read_file(e.path, "a file to be changed");
    add(found, std::move(now.wrong));
    if (now.text != one.before) found.push_back(changed_since(one.path, "Nothing was done. Run bunraku init again."));
    if (bunraku::has_error(found)) break;
    if (!one.before) {
      std::filesystem::create_directories(std::filesystem::path(e.path).parent_path(), failed);
    }
    add(found, enroll::write_file(e.path, one.after, e.mode, {e.user, e.group}, enroll::existing::replace));
    if (bunraku::has_error(found)) break;
  }
  if (!bunraku::has_error(found)) return found;
  for (std::size_t i = 0; i < done; ++i) add(found, put_back(made.files[i], what.edits[i].before));
  std::filesystem::remove_all(directory_, failed);
  return found;
}

bunraku::problems init_record::undo() const {
  bunraku::problems found;
  const auto was = read(directory_, found);
  if (!was) return found;
  std::vector<std::optional<std::string>> texts;
  for (const auto& e : was->files) {
    auto now = enroll::read_file(e.path, "a file that bunraku init has changed");
    add(found, std::move(now.wrong));
    const auto kept = directory_ + '/' + e.kept;
    enroll::file_reading copy;
    if (!e.kept.empty()) {
      copy = enroll::read_file(kept, "a file as it was before bunraku init");
      add(found, std::move(copy.wrong));
      if (!copy.text)
        found.emplace_back(severity::error, kept, "It is gone, and with it what " + e.path + " was.",
                           "Put server back to a master's name in puppet.conf by hand.");
    }
    // As it was before: an undo that could not write all has come as far as this one.
    if (now.text != copy.text && (!now.text || sha256(*now.text) != e.sum_after))
      found.push_back(changed_since(
          e.path, e.kept.empty() ? "See whether you need it; then remove it, and " + directory_ + "/record.json."
                                 : "As it was before bunraku it is " + kept +
                                       ": put back by hand what you want of it, then remove " + directory_ + '.'));
    texts.push_back(std::move(copy.text));
  }
  if (bunraku::has_error(found)) return found;
  for (std::size_t i = 0; i < was->files.size(); ++i) add(found, put_back(was->files[i], texts[i]));
  if (bunraku::has_error(found)) return found;
  std::error_code failed;
  std::filesystem::remove_all(directory_, failed);
  if (failed)
    found.emplace_back(severity::warning, directory_, "Cannot remove it: " + failed.message() + ".",
                       "Remove it by hand.");
  return found;
}

std::vector<std::string> init_record::enabled() const {
  bunraku::problems ignored;
  const auto was = read(directory_, ignored);
  return was ? was->enabled : std::vector<std::string>{};
}

}  // namespace shim::cli
