#pragma once
#include <bunraku/plugin.h>

#include <boost/json.hpp>

#include <algorithm>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>

namespace plugin {

/// JSON and plugin.h's texts, for all plugins here.

inline std::string_view view(bunraku_text text) noexcept { return {text.data, text.data == nullptr ? 0 : text.size}; }
inline bunraku_text text(std::string_view from) noexcept { return {from.data(), from.size()}; }

inline void explain(const bunraku_host& host, std::string_view why) { host.explain(host.context, text(why)); }
inline void log(const bunraku_host& host, std::int32_t level, std::string_view line) {
  host.log(host.context, level, text(line));
}
inline void write(const bunraku_writer& to, std::string_view what) { to.write(to.to, text(what)); }

/// A JSON object, or why not.
inline std::expected<boost::json::object, std::string> object_in(std::string_view from) {
  boost::system::error_code error;
  auto value = boost::json::parse(from, error);
  if (error) return std::unexpected("it is not JSON: " + error.message());
  if (!value.is_object()) return std::unexpected("it is no JSON object");
  return std::move(value.as_object());
}

/// The first key that is none of these; empty: there is none.
inline std::string unknown_key(const boost::json::object& in, std::initializer_list<std::string_view> known) {
  for (const auto& member : in)
    if (std::ranges::find(known, std::string_view(member.key())) == known.end()) return std::string(member.key());
  return {};
}

}  // namespace plugin
