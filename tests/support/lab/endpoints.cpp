#include "endpoints.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <unistd.h>

namespace lab {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
constexpr const char* json_type = "application/json;charset=utf-8";
constexpr std::string_view puppet_prefix = "/puppet/v3/";
constexpr std::string_view bucket_prefix = "/puppet/v3/file_bucket_file/";

answer forbidden(const request& asked) {
  auto method = asked.method;
  std::ranges::transform(method, method.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  // puppetserver gives no Content-Type here.
  return text_answer(403,
                     "Forbidden request: " + std::string(asked.path()) + " (method :" + method +
                         "). Please see the server logs for details.",
                     "");
}

answer not_found() { return text_answer(404, "Not Found"); }

// What anybody may ask without a certificate (puppetserver's stock auth.conf).
bool open_to_all(std::string_view path) {
  return path.starts_with("/puppet-ca/v1/certificate/") ||
         path.starts_with("/puppet-ca/v1/certificate_revocation_list/") ||
         path.starts_with("/puppet-ca/v1/certificate_request/") || path.starts_with("/status/v1/");
}

std::string environment_of(const request& asked) {
  return form_value(asked.query(), "environment").value_or("production");
}

answer no_environment(const std::string& name) {
  return json_error(404, "Could not find environment '" + name + "'", "RUNTIME_ERROR");
}

// The fact lab_target out of a catalog request's doubly encoded facts.
std::optional<std::string> target_fact(const std::string& form) {
  const auto once = form_value(form, "facts");
  if (!once) return std::nullopt;
  const auto twice = percent_decode(*once);
  if (!twice) return std::nullopt;
  json::error_code error;
  const auto parsed = json::parse(*twice, error);
  if (error || !parsed.is_object()) return std::nullopt;
  const auto* values = parsed.as_object().if_contains("values");
  if (!values || !values->is_object()) return std::nullopt;
  const auto* target = values->as_object().if_contains("lab_target");
  if (!target || !target->is_string()) return std::nullopt;
  return std::string(target->as_string());
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

endpoints::endpoints(const site_options& site) : site_(site), code_(site.code) {
  for (const char* folder : {"reports", "bucket", "facts", "uploads"}) fs::create_directories(site.state / folder);
  if (!site.ca.empty()) authority_ = certificate_authority::open(site.ca);
}

std::optional<fs::path> endpoints::upload_file(const request& asked) {
  if (asked.method != "PUT" || !asked.path().starts_with(bucket_prefix)) return std::nullopt;
  return site_.state / "uploads" / (std::to_string(::getpid()) + "-" + std::to_string(++uploads_));
}

answer endpoints::respond(const master_options& master, const request& asked) {
  const auto path = asked.path();
  if (path.starts_with("/status/v1/")) return status(path);
  if (path.starts_with("/puppet-ca/v1/")) {
    if (!master.roles.contains(role::ca)) return not_found();
    if (asked.client_name.empty() && !open_to_all(path)) return forbidden(asked);
    return authority(asked);
  }
  if (path.starts_with(puppet_prefix)) {
    if (asked.client_name.empty()) return forbidden(asked);
    return puppet(master, asked);
  }
  return not_found();
}

answer endpoints::status(std::string_view path) {
  if (path == "/status/v1/services") {
    const json::object services{{"server", {{"state", "running"}, {"status", json::object{}}}}};
    return text_answer(200, json::serialize(services), json_type);
  }
  if (path != "/status/v1/simple" && !path.starts_with("/status/v1/simple/")) return not_found();
  return text_answer(200, "running", "text/plain; charset=utf-8");
}

answer endpoints::puppet(const master_options& master, const request& asked) {
  const auto rest = asked.path().substr(puppet_prefix.size());
  const auto slash = rest.find('/');
  const auto verb = rest.substr(0, slash);
  const auto key = percent_decode(slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1));
  if (!key) return text_answer(400, "Bad escape in the path");
  const bool catalog_role = master.roles.contains(role::catalog);
  const bool files_role = master.roles.contains(role::files);
  const bool get = asked.method == "GET";

  const bool own = verb == "node" || verb == "catalog" || verb == "facts" || verb == "report";
  if (own && *key != asked.client_name) return forbidden(asked);
  if (catalog_role && verb == "node" && get) return node(master, asked, *key);
  if (catalog_role && verb == "catalog" && asked.method == "POST") return catalog(master, asked, *key);
  if (catalog_role && verb == "facts" && asked.method == "PUT") return facts(asked, *key);
  if (catalog_role && verb == "file_bucket_file") return filebucket(asked, *key);
  if (files_role && verb == "file_metadata" && get) return file_metadata(asked, *key, false);
  if (files_role && verb == "file_metadatas" && get) return file_metadata(asked, *key, true);
  if (files_role && verb == "file_content" && get) return file_content(asked, *key);
  if (files_role && verb == "static_file_content" && get) return static_content(asked, *key);
  if (master.roles.contains(role::report) && verb == "report" && asked.method == "PUT") return report(asked);
  return not_found();
}

answer endpoints::node(const master_options& master, const request& asked, const std::string& certname) {
  const auto environment = environment_of(asked);
  if (!code_.has_environment(environment)) return no_environment(environment);
  // A puppetserver tells the facts that it was sent last, which no other has: no two say the same.
  json::object facts;
  for (int i = 0; i < 40; ++i) facts["lab_fact_of_" + master.name + "_" + std::to_string(i)] = std::string(20, 'f');
  const json::object node{{"name", certname}, {"environment", environment}, {"parameters", std::move(facts)}};
  auto made = text_answer(200, json::serialize(node), json_type);
  made.transaction_uuid = form_value(asked.query(), "transaction_uuid").value_or("");
  return made;
}

answer endpoints::catalog(const master_options& master, const request& asked, const std::string& certname) {
  const auto environment = environment_of(asked);
  if (!code_.has_environment(environment)) return no_environment(environment);
  const auto target = target_fact(asked.body).value_or(site_.target);
  if (!target.starts_with('/')) {
    return json_error(500, "Server Error: fact lab_target is no absolute path, and no target is configured",
                      "RUNTIME_ERROR");
  }
  auto made = text_answer(200, make_catalog(code_, certname, environment, target),
                          "application/vnd.puppet.rich+json; charset=utf-8");
  made.headers.emplace_back("X-Puppet-Compiler-Name", master.name);
  made.transaction_uuid = form_value(asked.body, "transaction_uuid").value_or("");
  return made;
}

answer endpoints::facts(const request& asked, const std::string& certname) {
  write_file(site_.state / "facts" / (certname + ".json"), asked.body, mode_public);
  return text_answer(200, "0", json_type);
}

answer endpoints::report(const request& asked) {
  json::error_code error;
  const auto parsed = json::parse(asked.body, error);
  if (error || !parsed.is_object()) return json_error(400, "The report is not a JSON object", "RUNTIME_ERROR");
  std::string run;
  if (const auto* uuid = parsed.as_object().if_contains("transaction_uuid"); uuid && uuid->is_string()) {
    run = std::string(uuid->as_string());
  }
  if (run.find_first_not_of("0123456789abcdef-") != std::string::npos) run = "odd";
  const auto count = ++reports_by_run_[run];
  write_file(site_.state / "reports" / (run + "." + std::to_string(count) + ".json"), asked.body, mode_public);
  auto made = text_answer(200, R"(["store"])", json_type);
  made.transaction_uuid = run;
  return made;
}

answer endpoints::file_metadata(const request& asked, const std::string& mount_path, bool many) {
  const auto environment = environment_of(asked);
  if (!code_.has_environment(environment)) return no_environment(environment);
  const auto query = asked.query();
  const metadata_query wanted{.recurse = form_value(query, "recurse") == "true",
                              .manage_links = form_value(query, "links") != "follow",
                              .use_permissions = form_value(query, "source_permissions") == "use",
                              .ignore = form_values(query, "ignore")};
  const auto found =
      many ? code_.metadatas(environment, mount_path, wanted) : code_.metadata(environment, mount_path, wanted);
  if (!found) {
    return json_error(404, "Not Found: Could not find file_metadata " + mount_path, "RESOURCE_NOT_FOUND");
  }
  return text_answer(200, json::serialize(*found), json_type);
}

answer endpoints::file_content(const request& asked, const std::string& mount_path) {
  answer made;
  made.content_type = "application/octet-stream";
  made.with_length = true;
  constexpr std::string_view generated = "modules/lab/generated/";
  if (mount_path.starts_with(generated)) {
    std::uint64_t bytes = 0;
    const auto* end = mount_path.data() + mount_path.size();
    const auto [stop, error] = std::from_chars(mount_path.data() + generated.size(), end, bytes);
    if (error != std::errc() || stop != end) return not_found();
    made.body = generated_source(bytes);
    made.may_gzip = false;
    return made;
  }
  const auto environment = environment_of(asked);
  if (!code_.has_environment(environment)) return no_environment(environment);
  const auto file = code_.find(environment, mount_path);
  if (!file || !fs::is_regular_file(*file)) {
    return json_error(404, "Not Found: Could not find file_content " + mount_path, "RESOURCE_NOT_FOUND");
  }
  made.body = file_source(*file);
  return made;
}

answer endpoints::static_content(const request& asked, const std::string& path) {
  const auto environment = environment_of(asked);
  if (!form_value(asked.query(), "code_id"))
    return text_answer(400,
                       "Error: A /static_file_content request requires an environment, a code-id, and a file-path");
  const auto file = code_.find_static(environment, path);
  if (!file) return not_found();
  answer made;
  made.content_type = "application/octet-stream";
  made.with_length = true;
  made.body = file_source(*file);
  return made;
}

answer endpoints::filebucket(const request& asked, std::string_view rest) {
  constexpr std::string_view algorithm = "sha256/";
  const auto sum = rest.starts_with(algorithm) ? rest.substr(algorithm.size(), 64) : std::string_view();
  if (!is_sha256(sum)) return json_error(400, "Only sha256 buckets are kept here", "RUNTIME_ERROR");
  const auto kept = site_.state / "bucket" / sum;
  if (asked.method == "PUT") {
    if (!asked.body_file) return json_error(400, "No body", "RUNTIME_ERROR");
    fs::rename(*asked.body_file, kept);
    return text_answer(200, "", "application/octet-stream");
  }
  if (asked.method != "GET" && asked.method != "HEAD") return not_found();
  if (!fs::exists(kept)) {
    return json_error(404, "Not Found: Could not find file_bucket_file " + std::string(rest), "RESOURCE_NOT_FOUND");
  }
  answer made;
  made.content_type = "application/octet-stream";
  made.with_length = true;
  made.body = file_source(kept);
  return made;
}

}  // namespace lab
