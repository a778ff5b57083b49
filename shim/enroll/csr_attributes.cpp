#include "enroll/csr_attributes.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <optional>
#include <regex>
#include <set>
#include <span>
#include <utility>
#include <yaml-cpp/yaml.h>

namespace shim::enroll {
namespace {

using bunraku::severity;

constexpr std::string_view arc = "1.3.6.1.4.1.34380.1.";
// Below the arc. Those of Puppet 8 that 7 does not know are taken too: the OID says the same to every CA.
constexpr auto short_names = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"pp_uuid", "1.1"},           {"pp_instance_id", "1.2"},
    {"pp_image_name", "1.3"},     {"pp_preshared_key", "1.4"},
    {"pp_cost_center", "1.5"},    {"pp_product", "1.6"},
    {"pp_project", "1.7"},        {"pp_application", "1.8"},
    {"pp_service", "1.9"},        {"pp_employee", "1.10"},
    {"pp_created_by", "1.11"},    {"pp_environment", "1.12"},
    {"pp_role", "1.13"},          {"pp_software_version", "1.14"},
    {"pp_department", "1.15"},    {"pp_cluster", "1.16"},
    {"pp_provisioner", "1.17"},   {"pp_region", "1.18"},
    {"pp_datacenter", "1.19"},    {"pp_zone", "1.20"},
    {"pp_network", "1.21"},       {"pp_securitypolicy", "1.22"},
    {"pp_cloudplatform", "1.23"}, {"pp_apptier", "1.24"},
    {"pp_hostname", "1.25"},      {"pp_owner", "1.26"},
    {"pp_authorization", "3.1"},  {"pp_auth_auto_renew", "3.2"},
    {"pp_auth_role", "3.13"},     {"pp_cli_auth", "3.39"},
});
// What Puppet puts into a request itself.
constexpr std::array<std::string_view, 4> own_attributes = {"extReq", "1.2.840.113549.1.9.14", "msExtReq",
                                                            "1.3.6.1.4.1.311.2.1.14"};
constexpr std::array<std::string_view, 2> own_extensions = {"subjectAltName", "2.5.29.17"};

constexpr std::size_t longest_number = 100;  // longer text is none

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_dotted(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// A float that Ruby prints as it stands there: few digits, none that could be left out, no exponent needed.
bool is_plain_float(std::string_view number) {
  const auto dot = number.find('.');
  if (dot == number.npos || dot == 0 || number.size() > 16) return false;
  const auto whole = number.substr(0, dot), fraction = number.substr(dot + 1);
  if (!std::ranges::all_of(whole, is_digit) || fraction.empty() || !std::ranges::all_of(fraction, is_digit))
    return false;
  if (whole.front() == '0' && (whole.size() > 1 || fraction.starts_with("0000"))) return false;
  return fraction == "0" || fraction.back() != '0';
}

/// What Ruby's YAML makes of an unquoted value, as text; nothing when that is not what stands there.
std::optional<std::string> as_ruby_reads(const std::string& plain) {
  if (plain.empty() || plain == "~" || lower(plain) == "null") return std::string();
  std::string word = lower(plain);
  if (word == "true" || word == "false") return word;
  for (const std::string_view truth : {"yes", "no", "on", "off", ".inf", "-.inf", "+.inf", ".nan"})
    if (word == truth) return std::nullopt;
  if (plain.starts_with(':')) return std::nullopt;  // a Symbol
  const std::string_view number = plain.starts_with('-') ? std::string_view(plain).substr(1) : plain;
  if (!number.empty() && std::ranges::all_of(number, is_digit))
    return plain == "0" || number.front() != '0' ? std::optional(plain) : std::nullopt;
  if (is_plain_float(number) || std::ranges::count(plain, '.') > 1 || plain.size() > longest_number) return plain;
  // Source: Psych's scalar_scanner.rb. Hexadecimal, binary, base 60, digits in groups, floats; dates and times.
  static const std::regex other(
      "[-+]?(0[xX][0-9a-fA-F_,]+|0[bB][01_,]+|[0-9_,:.]*[0-9][0-9_,:.]*|[0-9_,]*\\.[0-9]*[eE][-+][0-9]+)"
      "|-?[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?");
  return std::regex_match(plain, other) ? std::nullopt : std::optional(plain);
}

class reader {
 public:
  explicit reader(const std::string& file) : file_(file) {}

  csr_attributes read(std::string_view text) && {
    if (text.size() > largest_csr_attributes) {
      error(file_, "it is larger than 64 KiB", "take out what does not belong into a request");
      return std::move(out_);
    }
    text_ = text;
    try {
      read_root(YAML::Load(std::string(text)));
    } catch (const YAML::Exception& broken) {
      const auto where = broken.mark.is_null() ? file_ : file_ + ":" + std::to_string(broken.mark.line + 1);
      error(where, "it is no YAML: " + broken.msg, "mend it; `puppet agent` cannot read it either");
    }
    return std::move(out_);
  }

 private:
  void read_root(const YAML::Node& root) {
    if (root.IsNull()) return;
    if (!root.IsMap())
      return error(file_, "it is not a map of custom_attributes and extension_requests",
                   "write `extension_requests:` and below it, indented, `pp_role: web`");
    std::set<std::string> seen;
    for (const auto& entry : root) {
      const auto name = key_of(entry.first);
      if (!name || !once(seen, *name, entry.first)) continue;
      if (*name == "custom_attributes") read_section(entry.second, *name, own_attributes, out_.attributes);
      else if (*name == "extension_requests") read_section(entry.second, *name, own_extensions, out_.extensions);
      else
        error(where(entry.first), "there is no section `" + *name + "`; Puppet refuses the whole file",
              "write custom_attributes or extension_requests");
    }
  }

  void read_section(const YAML::Node& section, const std::string& name, std::span<const std::string_view> own,
                    std::vector<bunraku::request_contents::named_value>& into) {
    if (section.IsNull()) return;
    if (!section.IsMap())
      return error(where(section), "`" + name + "` is not a map of OIDs to values", "write `pp_role: web` below it");
    std::set<std::string> seen;
    for (const auto& entry : section) {
      const auto key = key_of(entry.first);
      if (!key || !once(seen, *key, entry.first)) continue;
      if (std::ranges::find(own, *key) != own.end()) {
        error(where(entry.first), "`" + *key + "` is what Puppet puts into a request itself",
              *key == own_extensions[0] || *key == own_extensions[1] ? "set dns_alt_names in puppet.conf"
                                                                     : "use extension_requests");
        continue;
      }
      const auto oid = oid_of(*key, entry.first);
      const auto value = value_of(*key, entry.second);
      if (oid && value) into.push_back({*oid, *value, where(entry.first)});
    }
  }

  std::optional<std::string> key_of(const YAML::Node& node) {
    if (node.IsScalar()) return node.Scalar();
    error(where(node), "a name is expected here", "write an OID or one of Puppet's short names");
    return std::nullopt;
  }

  std::optional<std::string> oid_of(const std::string& key, const YAML::Node& node) {
    const auto known = std::ranges::find(short_names, key, [](const auto& row) { return row.first; });
    if (known != short_names.end()) return std::string(arc) + std::string(known->second);
    const bool dotted = is_dotted(key) && key.find('.') != key.npos && key.find("..") == key.npos && key.back() != '.';
    if (dotted || (!key.empty() && !key.starts_with("pp_")))
      return key;  // OpenSSL knows names such as challengePassword
    error(where(node), "Puppet has no short name `" + key + "`", "write its OID, such as 1.3.6.1.4.1.34380.1.2.1");
    return std::nullopt;
  }

  std::optional<std::string> value_of(const std::string& key, const YAML::Node& node) {
    if (node.IsNull()) return std::string();
    if (!node.IsScalar()) {
      error(where(node), "`" + key + "` has a list or a map for its value", "give it one text");
      return std::nullopt;
    }
    // yaml-cpp marks quoted scalars by the tag "!", plain ones by "?".
    if (node.Tag() == "!" && is_closed(node)) return node.Scalar();
    if (node.Tag() == "!") {
      error(where(node), "it is no YAML: the quotes around the value of `" + key + "` do not end", "mend it");
      return std::nullopt;
    }
    if (node.Tag() != "?" && !node.Tag().empty()) {
      error(where(node), "`" + key + "` has a value with a tag", "write it as text in quotes");
      return std::nullopt;
    }
    auto read = as_ruby_reads(node.Scalar());
    if (!read)
      error(where(node), "YAML may take the value of `" + key + "` for something else than the text that stands there",
            "put it in quotes");
    return read;
  }

  // yaml-cpp takes the end of the file for the end of quotes, which would make a torn file a good one.
  bool is_closed(const YAML::Node& node) const {
    const auto mark = node.Mark();
    const auto at = static_cast<std::size_t>(mark.pos);
    if (mark.is_null() || at >= text_.size() || (text_[at] != '\'' && text_[at] != '"')) return true;
    return text_.find(text_[at], at + 1) != text_.npos;
  }

  bool once(std::set<std::string>& seen, const std::string& name, const YAML::Node& node) {
    if (seen.insert(name).second) return true;
    error(where(node), "`" + name + "` is there twice", "keep one of them");
    return false;
  }

  std::string where(const YAML::Node& node) const {
    const auto mark = node.Mark();
    return mark.is_null() ? file_ : file_ + ":" + std::to_string(mark.line + 1);
  }
  void error(const std::string& where, std::string what, std::string fix) {
    out_.found.emplace_back(severity::error, where, std::move(what), std::move(fix));
  }

  const std::string& file_;
  std::string_view text_;
  csr_attributes out_;
};

bool is_address(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

bool is_dns_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' ||
           c == '*';
  });
}

}  // namespace

csr_attributes parse_csr_attributes(std::string_view text, const std::string& file) { return reader(file).read(text); }

std::vector<std::string> parse_alt_names(std::string_view setting, bunraku::problems& found) {
  std::vector<std::string> out;
  while (!setting.empty()) {
    const auto comma = setting.find(',');
    auto one = setting.substr(0, comma);
    setting = comma == setting.npos ? std::string_view{} : setting.substr(comma + 1);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    const bool ip = one.starts_with("IP:");
    const std::string name(one.substr(ip ? 3 : one.starts_with("DNS:") ? 4 : 0));
    if (ip ? is_address(name) : is_dns_name(name)) out.push_back((ip ? "IP:" : "DNS:") + name);
    else
      found.emplace_back(severity::error, "dns_alt_names", "`" + std::string(one) + "` is no name and no IP:address",
                         "write names such as puppet.example.com, separated by commas");
  }
  return out;
}

}  // namespace shim::enroll
