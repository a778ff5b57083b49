#include "message.hpp"

#include <boost/json.hpp>

namespace lab {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

answer text_answer(int status, std::string text, std::string content_type) {
  answer made;
  made.status = status;
  made.content_type = std::move(content_type);
  made.body = text_source(std::move(text));
  return made;
}

answer json_error(int status, const std::string& message, const std::string& issue_kind) {
  return text_answer(status,
                     boost::json::serialize(boost::json::object{{"message", message}, {"issue_kind", issue_kind}}),
                     "application/json;charset=utf-8");
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::vector<std::string> form_values(std::string_view form, std::string_view key) {
  std::vector<std::string> values;
  while (!form.empty()) {
    const auto end = form.find('&');
    const auto pair = form.substr(0, end);
    form = end == std::string_view::npos ? std::string_view() : form.substr(end + 1);
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != key) continue;
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (value) values.push_back(std::move(*value));
  }
  return values;
}

std::optional<std::string> form_value(std::string_view form, std::string_view key) {
  auto values = form_values(form, key);
  if (values.empty()) return std::nullopt;
  return std::move(values.front());
}

}  // namespace lab
