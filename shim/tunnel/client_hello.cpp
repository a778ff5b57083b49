#include "tunnel/client_hello.hpp"

#include "http/characters.hpp"

#include <optional>

namespace shim::tunnel {
namespace {

using enum hello_error;

constexpr std::size_t record_head = 5, message_head = 4;
constexpr std::size_t longest_fragment = 16384;  // RFC 8446, 5.1
constexpr unsigned char handshake = 22, client_hello = 1;
constexpr unsigned server_name_extension = 0;

unsigned byte_at(std::string_view s, std::size_t i) noexcept { return static_cast<unsigned char>(s[i]); }

/// Takes numbers and vectors off the front. What is not there makes it bad, and it stays so.
class fields {
 public:
  explicit fields(std::string_view all) noexcept : left_(all) {}
  bool bad() const noexcept { return bad_; }
  bool empty() const noexcept { return left_.empty(); }

  std::string_view bytes(std::size_t n) noexcept {
    if (left_.size() < n) {
      bad_ = true;
      left_ = {};
      return {};
    }
    const auto taken = left_.substr(0, n);
    left_.remove_prefix(n);
    return taken;
  }
  std::size_t number(std::size_t width) noexcept {
    std::size_t n = 0;
    for (const char c : bytes(width)) n = n << 8 | static_cast<unsigned char>(c);
    return n;
  }
  std::string_view vector(std::size_t width) noexcept { return bytes(number(width)); }

 private:
  std::string_view left_;
  bool bad_ = false;
};

// server_name_list (RFC 6066, 3): at most one host_name. Nothing if there is none.
std::expected<std::optional<std::string_view>, hello_error> host_name_in(std::string_view extension) {
  fields outer(extension);
  fields list(outer.vector(2));
  if (outer.bad() || !outer.empty() || list.empty()) return std::unexpected(bad_hello);
  std::optional<std::string_view> found;
  while (!list.empty()) {
    const auto type = list.number(1);
    const auto name = list.vector(2);
    if (list.bad()) return std::unexpected(bad_hello);
    if (type != 0) continue;
    if (found) return std::unexpected(bad_name);
    found = name;
  }
  return found;
}

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 255 && !name.starts_with('.') && !name.ends_with('.') &&
         http::all_of(name, http::host_char);
}

}  // namespace

std::string_view text_of(hello_error e) noexcept {
  switch (e) {
    case not_tls: return "it does not begin with TLS";
    case not_hello: return "its TLS does not begin with a ClientHello";
    case too_large: return "its ClientHello is larger than any real one";
    case bad_record: return "its ClientHello comes in malformed TLS records";
    case bad_hello: return "its ClientHello is malformed";
    case bad_name: return "the server name in its ClientHello is malformed";
    case trailing_bytes: return "something follows the ClientHello in its record";
  }
  return "it does not begin with TLS";
}

std::expected<bool, hello_error> hello_reader::read(std::string_view all) {
  while (!whole_) {
    const auto rest = all.substr(position_);
    if (rest.empty()) return false;
    // A client that speaks something else (HTTP) is told from its first byte.
    if (byte_at(rest, 0) != handshake) return std::unexpected(position_ == 0 ? not_tls : bad_record);
    if (rest.size() > 1 && byte_at(rest, 1) != 3) return std::unexpected(position_ == 0 ? not_tls : bad_record);
    if (rest.size() < record_head) return false;
    const std::size_t length = byte_at(rest, 3) << 8 | byte_at(rest, 4);
    if (length == 0 || length > longest_fragment) return std::unexpected(bad_record);
    if (position_ + record_head + length > most_) return std::unexpected(too_large);
    if (rest.size() < record_head + length) return false;
    position_ += record_head + length;
    const auto taken = take_record(rest.substr(record_head, length));
    if (!taken) return std::unexpected(taken.error());
  }
  return true;
}

std::expected<void, hello_error> hello_reader::take_record(std::string_view fragment) {
  message_ += fragment;
  if (byte_at(message_, 0) != client_hello) return std::unexpected(not_hello);
  if (message_.size() < message_head) return {};
  const std::size_t length = byte_at(message_, 1) << 16 | byte_at(message_, 2) << 8 | byte_at(message_, 3);
  if (length > most_) return std::unexpected(too_large);
  if (message_.size() < message_head + length) return {};
  if (message_.size() > message_head + length) return std::unexpected(trailing_bytes);
  whole_ = true;
  auto parsed = parse();
  message_ = {};
  return parsed;
}

std::expected<void, hello_error> hello_reader::parse() {
  fields hello(std::string_view(message_).substr(message_head));
  hello.bytes(2 + 32);  // legacy_version, random
  const auto session = hello.vector(1), suites = hello.vector(2), compressions = hello.vector(1);
  if (hello.bad() || session.size() > 32 || suites.empty() || suites.size() % 2 != 0 || compressions.empty())
    return std::unexpected(bad_hello);
  if (hello.empty()) return {};  // TLS 1.2 without extensions
  fields extensions(hello.vector(2));
  if (hello.bad() || !hello.empty()) return std::unexpected(bad_hello);
  bool named = false;
  while (!extensions.empty()) {
    const auto type = extensions.number(2);
    const auto body = extensions.vector(2);
    if (extensions.bad()) return std::unexpected(bad_hello);
    if (type != server_name_extension) continue;
    if (named) return std::unexpected(bad_name);
    named = true;
    const auto found = host_name_in(body);
    if (!found) return std::unexpected(found.error());
    if (!*found) continue;
    auto name = **found;
    if (name.ends_with('.')) name.remove_suffix(1);
    if (!is_name(name)) return std::unexpected(bad_name);
    server_name_ = name;
    for (char& c : server_name_)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return {};
}

}  // namespace shim::tunnel
