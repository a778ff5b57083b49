// The CA's part of the answers.
#include "endpoints.hpp"

#include <array>
#include <chrono>
#include <ctime>

namespace lab {
namespace {

namespace fs = std::filesystem;
constexpr const char* plain = "text/plain";

std::string http_date(std::time_t time) {
  std::array<char, 64> text{};
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

std::time_t parse_http_date(const std::string& text) {
  std::tm parts{};
  return ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) ? ::timegm(&parts) : -1;
}

std::time_t changed(const fs::path& file) {
  const auto time = std::chrono::file_clock::to_sys(fs::last_write_time(file));
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
}

// A file of the CA, or 304 when the caller's copy is not older.
answer bundle(const request& asked, const fs::path& file) {
  const auto time = changed(file);
  if (!asked.if_modified_since.empty() && parse_http_date(asked.if_modified_since) >= time) {
    answer unchanged;
    unchanged.status = 304;
    return unchanged;
  }
  auto made = text_answer(200, read_file(file), plain);
  made.headers.emplace_back("Last-Modified", http_date(time));
  return made;
}

}  // namespace

answer endpoints::authority(const request& asked) {
  constexpr std::string_view prefix = "/puppet-ca/v1/";
  const auto rest = asked.path().substr(prefix.size());
  const auto slash = rest.find('/');
  const auto verb = rest.substr(0, slash);
  const std::string name(slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1));
  const bool get = asked.method == "GET";

  if (verb == "certificate_revocation_list" && get) return bundle(asked, authority_->directory() / "ca_crl.pem");
  if (verb == "certificate" && get && name == "ca") return bundle(asked, authority_->directory() / "ca_crt.pem");
  if (verb == "certificate_renewal" && asked.method == "POST") return renew(asked);
  if (!is_certname(name)) return text_answer(400, "The certname is not one", plain);
  if (verb == "certificate_request" && asked.method == "PUT") return take_request(asked, name);
  if (verb == "certificate" && get) {
    if (auto pem = authority_->signed_certificate(name)) return text_answer(200, std::move(*pem), plain);
    return text_answer(404, "Could not find certificate " + name, plain);
  }
  return text_answer(404, "Not Found");
}

answer endpoints::take_request(const request& asked, const std::string& certname) {
  if (authority_->signed_certificate(certname)) {
    return text_answer(400, certname + " already has a signed certificate; ignoring certificate request");
  }
  if (authority_->has_request(certname)) {
    return text_answer(400, certname + " already has a requested certificate; ignoring certificate request");
  }
  try {
    const auto parsed = request_from_pem(asked.body, "the request");
    const auto named = common_name(X509_REQ_get_subject_name(parsed.get()));
    if (named != certname) {
      return text_answer(400, "Instance name \"" + named + "\" does not match requested key \"" + certname + "\"");
    }
    authority_->keep_request(certname, asked.body);
    if (site_.autosign) authority_->sign_request(certname);
  } catch (const failure&) {
    return text_answer(400, "The request body is not a valid certificate request");
  }
  auto made = text_answer(200, "", plain);
  made.with_length = true;  // the one CA answer that puppetserver gives a length: Content-Length: 0
  return made;
}

answer endpoints::renew(const request& asked) {
  if (!site_.renewal) return text_answer(404, "Certificate renewal is disabled");
  auto* key = X509_get0_pubkey(asked.client_certificate);
  const auto certificate = authority_->issue(key, {.common_name = asked.client_name, .names = {asked.client_name}});
  authority_->keep_signed(asked.client_name, certificate.get());
  return text_answer(200, to_pem(certificate.get()), plain);
}

}  // namespace lab
