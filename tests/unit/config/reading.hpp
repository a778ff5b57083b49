#pragma once
#include "config/configuration.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace reading {

/// All problems as lines, for messages and for looking into.
inline std::string lines(const bunraku::problems& found) {
  std::string out;
  for (const auto& p : found)
    out += p.where() + (p.level() == bunraku::severity::error ? ": error: " : ": warning: ") + p.what() + " " +
           p.fix() + "\n";
  return out;
}

/// The configuration of a text that must be right.
inline shim::config::configuration good(std::string_view text) {
  auto made = shim::config::parse_configuration(text, "b.toml");
  EXPECT_EQ(lines(made.found), "");
  if (!made.value) throw std::runtime_error("the configuration was refused");
  return *made.value;
}

/// The problems of a text that must be wrong.
inline std::string bad(std::string_view text) {
  const auto made = shim::config::parse_configuration(text, "b.toml");
  EXPECT_TRUE(has_error(made.found)) << text;
  EXPECT_FALSE(made.value.has_value()) << text;
  return lines(made.found);
}

}  // namespace reading
