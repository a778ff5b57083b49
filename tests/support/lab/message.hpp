// A request as the endpoints see it and the answer they give. Bytes on the wire are connection.cpp's concern.
#pragma once

#include "body_source.hpp"

#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lab {

struct request {
  std::string method;
  std::string target;  // as it came
  std::string body;    // empty when it went to body_file
  std::optional<std::filesystem::path> body_file;
  std::string if_modified_since;
  std::string client_name;  // common name of the TLS client certificate, empty without one
  X509* client_certificate = nullptr;

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
  }
};

struct answer {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<body_source> body;  // none: no bytes
  bool with_length = false;           // Content-Length when the length is known; else chunked, as JSON answers are
  bool may_gzip = true;
  std::string transaction_uuid;  // of the agent's run, for the log
};

answer text_answer(int status, std::string text, std::string content_type = "text/plain;charset=utf-8");
// What puppetserver's Ruby side says: {"message", "issue_kind"}.
answer json_error(int status, const std::string& message, const std::string& issue_kind);

// Decodes %XX ('+' stays); nothing on a bad escape.
std::optional<std::string> percent_decode(std::string_view text);
// The values of one key of a query or form, decoded.
std::vector<std::string> form_values(std::string_view form, std::string_view key);
std::optional<std::string> form_value(std::string_view form, std::string_view key);

}  // namespace lab
