#include "file_source/masters_file.hpp"

#include "json/reading.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace file_source {
namespace {

namespace json = boost::json;
constexpr std::size_t largest = 1 << 20, most_masters = 1000;

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
}

/// "HOST", "HOST:PORT", "[2001:db8::1]:8140"; false if it is none.
bool take_text(std::string_view text, master& into) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return false;
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
  } else if (const auto colon = text.find(':'); colon != text.npos && text.find(':', colon + 1) == text.npos) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  into.host = text;
  if (!is_host(text)) return false;
  if (port.empty()) return true;
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), into.port);
  return port[0] == ':' && error == std::errc() && end == port.data() + port.size() && into.port != 0;
}

bool take_number(const json::object& from, std::string_view key, std::uint16_t least, std::uint16_t& into) {
  const auto* const value = from.if_contains(key);
  if (value == nullptr) return true;
  boost::system::error_code error;
  into = value->to_number<std::uint16_t>(error);
  return !error && into >= least;
}

std::string take_object(const json::object& from, master& into) {
  if (const auto key = plugin::unknown_key(from, {"host", "port", "priority", "weight"}); !key.empty())
    return "has no `" + key.substr(0, 32) + "`, only host, port, priority and weight";
  const auto* const host = from.if_contains("host");
  if (host == nullptr || !host->is_string() || !is_host(host->get_string())) return "has no usable `host`";
  into.host = std::string(host->get_string());
  if (!take_number(from, "port", 1, into.port)) return "has no usable `port`";
  if (!take_number(from, "priority", 0, into.priority)) return "has a `priority` that is none from 0 to 65535";
  if (!take_number(from, "weight", 0, into.weight)) return "has a `weight` that is none from 0 to 65535";
  return {};
}

}  // namespace

/// Both formats end here.
std::expected<services, std::string> services_in(const json::object& from) {
  services out;
  for (const auto& [name, value] : from) {
    const auto where = "service `" + std::string(name).substr(0, 64) + "`";
    if (!value.is_array()) return std::unexpected(where + " is no array of masters");
    auto& masters = out[std::string(name)];
    for (const auto& each : value.get_array()) {
      master one;
      const auto entry = where + ", entry " + std::to_string(masters.size() + 1);
      if (each.is_string()) {
        one.priority = static_cast<std::uint16_t>(masters.size());
        if (!take_text(each.get_string(), one)) return std::unexpected(entry + " is no HOST:PORT");
      } else if (each.is_object()) {
        if (auto why = take_object(each.get_object(), one); !why.empty()) return std::unexpected(entry + " " + why);
      } else {
        return std::unexpected(entry + " is neither a string nor an object");
      }
      if (masters.size() == most_masters) return std::unexpected(where + " has more than 1000 masters");
      masters.push_back(std::move(one));
    }
  }
  return out;
}

std::expected<services, std::string> parse_json(std::string_view text) {
  const auto whole = plugin::object_in(text);
  if (!whole) return std::unexpected(whole.error());
  return services_in(*whole);
}

bool masters_file::look() {
  struct stat about{};
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const int error = errno;
  if (file >= 0) ::fstat(file, &about);
  const bool same = about.st_dev == seen_.st_dev && about.st_ino == seen_.st_ino && about.st_size == seen_.st_size &&
                    about.st_mtim.tv_sec == seen_.st_mtim.tv_sec && about.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec &&
                    about.st_mode == seen_.st_mode && about.st_uid == seen_.st_uid;
  std::string text;
  if (!looked_ || !same) {
    trouble_.clear();
    if (file < 0) trouble_ = std::strerror(error);
    else if (!S_ISREG(about.st_mode)) trouble_ = "it is no regular file";
    else if ((about.st_uid != 0 && about.st_uid != ::geteuid()) || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
      trouble_ = "others than root may write to it";
    else if (static_cast<std::size_t>(about.st_size) > largest) trouble_ = "it is larger than 1 MiB";
    std::array<char, 16384> piece{};
    while (trouble_.empty()) {
      const auto n = ::read(file, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) trouble_ = std::strerror(errno);
      if (n <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(n));
    }
  }
  if (file >= 0) ::close(file);
  if (looked_ && same) return false;
  looked_ = true;
  seen_ = about;
  if (!trouble_.empty()) return true;
  auto read = path_.ends_with(".json") ? parse_json(text) : parse_toml(text);
  if (read) {
    services_ = std::move(*read);
    good_ = true;
  } else {
    trouble_ = read.error();
  }
  return true;
}

}  // namespace file_source
