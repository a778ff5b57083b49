#pragma once
#include <boost/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shim::cli {

/// Reads what another process said: a field that is missing, or of another type, is empty. Texts are made fit for a
/// terminal.
class json_view {
 public:
  explicit json_view(const boost::json::object& o) : object_(&o) {}

  std::string text(std::string_view key) const {
    const auto* found = find(key);
    return found == nullptr ? std::string() : text_in(*found);
  }
  /// Those of an array's values that are texts.
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> out;
    for (const auto& one : array(key))
      if (one.is_string()) out.push_back(text_in(one));
    return out;
  }
  /// An object as one line of JSON.
  std::string text_of_object(std::string_view key) const {
    auto out = boost::json::serialize(object(key).whole());
    for (auto& c : out)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
  }
  const boost::json::object& whole() const noexcept { return *object_; }
  double number(std::string_view key) const {
    const auto* found = find(key);
    if (found == nullptr || !found->is_number()) return 0;
    return found->to_number<double>();
  }
  std::uint64_t count(std::string_view key) const {
    const double value = number(key);
    constexpr double most = 1e18;  // beyond what a counter reaches; the conversion of more is undefined
    return value > 0 ? static_cast<std::uint64_t>(std::min(value, most)) : 0;
  }
  bool flag(std::string_view key) const {
    const auto* found = find(key);
    return found != nullptr && found->is_bool() && found->get_bool();
  }
  bool has(std::string_view key) const {
    const auto* found = find(key);
    return found != nullptr && !found->is_null();
  }
  json_view object(std::string_view key) const {
    const auto* found = find(key);
    return json_view(found != nullptr && found->is_object() ? found->get_object() : empty_object());
  }
  const boost::json::array& array(std::string_view key) const {
    static const boost::json::array none;
    const auto* found = find(key);
    return found != nullptr && found->is_array() ? found->get_array() : none;
  }
  /// The objects of an array.
  template <class Each>
  void for_each(std::string_view key, Each each) const {
    for (const auto& one : array(key))
      if (one.is_object()) each(json_view(one.get_object()));
  }

 private:
  static std::string text_in(const boost::json::value& value) {
    if (!value.is_string()) return {};
    std::string out(value.get_string());
    for (auto& c : out)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
  }
  static const boost::json::object& empty_object() {
    static const boost::json::object none;
    return none;
  }
  const boost::json::value* find(std::string_view key) const { return object_->if_contains(key); }
  const boost::json::object* object_;
};

}  // namespace shim::cli
