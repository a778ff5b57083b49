#include "endpoints.hpp"

#include <boost/json.hpp>
#include <openssl/rand.h>

#include <array>
#include <ctime>

namespace lab {
namespace {

namespace json = boost::json;

std::string random_uuid() {
  std::array<unsigned char, 16> raw{};
  RAND_bytes(raw.data(), raw.size());
  raw[6] = static_cast<unsigned char>((raw[6] & 0x0FU) | 0x40U);
  raw[8] = static_cast<unsigned char>((raw[8] & 0x3FU) | 0x80U);
  std::string text;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[raw[i] >> 4];
    text += "0123456789abcdef"[raw[i] & 15];
  }
  return text;
}

class catalog_writer {
 public:
  void add(const char* type, const std::string& title, json::object parameters, const std::string& container) {
    const bool file = std::string_view(type) == "File";
    json::array tags;
    tags.emplace_back(std::string_view(type) == "Stage" ? "stage" : "class");
    if (file) tags.emplace_back("file");
    json::object resource{{"type", type}, {"title", title}, {"tags", std::move(tags)}};
    if (file) {
      resource["file"] = "/etc/puppet/code/environments/production/modules/lab/manifests/init.pp";
      resource["line"] = 4;
    }
    resource["exported"] = false;
    // Agents from 7 on make the resource of its own type, or a component, by this.
    resource["kind"] = std::string_view(type) == "Class" ? "unknown" : "compilable_type";
    if (!parameters.empty()) resource["parameters"] = std::move(parameters);
    resources_.push_back(std::move(resource));
    if (!container.empty()) {
      edges_.push_back(json::object{{"source", container}, {"target", std::string(type) + "[" + title + "]"}});
    }
  }
  void file(const std::string& title, json::object parameters) {
    add("File", title, std::move(parameters), "Class[Lab]");
  }
  std::string finish(const std::string& certname, const std::string& environment) {
    const json::object catalog{{"tags", {"settings", "lab", "class"}},
                               {"name", certname},
                               {"version", static_cast<std::int64_t>(std::time(nullptr))},
                               {"code_id", nullptr},
                               {"catalog_uuid", random_uuid()},
                               {"catalog_format", 2},
                               {"environment", environment},
                               {"resources", std::move(resources_)},
                               {"edges", std::move(edges_)},
                               {"classes", {"settings", "lab"}}};
    return json::serialize(catalog);
  }

 private:
  json::array resources_;
  json::array edges_;
};

}  // namespace

std::string make_catalog(const code_directory& code, const std::string& certname, const std::string& environment,
                         const std::string& target) {
  catalog_writer writer;
  writer.add("Stage", "main", {{"name", "main"}}, "");
  writer.add("Class", "Settings", {}, "Stage[main]");
  writer.add("Class", "main", {{"name", "main"}}, "Stage[main]");
  writer.add("Class", "Lab", {}, "Stage[main]");
  writer.file(target, {{"ensure", "directory"}});
  writer.file(target + "/identity",
              {{"ensure", "file"}, {"content", "certname=" + certname + " environment=" + environment + "\n"}});
  for (const auto& entry : code.lab_files(environment)) {
    const bool folder = entry.ends_with('/');
    const auto name = folder ? entry.substr(0, entry.size() - 1) : entry;
    json::object parameters{{"source", "puppet:///modules/lab/" + name}};
    if (folder) {
      parameters["ensure"] = "directory";
      parameters["recurse"] = true;
      parameters["purge"] = true;
    }
    writer.file(target + "/" + name, std::move(parameters));
  }
  return writer.finish(certname, environment);
}

}  // namespace lab
