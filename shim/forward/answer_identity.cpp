#include "forward/answer_identity.hpp"

#include <array>
#include <string_view>

namespace shim::forward {
namespace {

std::optional<std::string> value_of(const http::response_head& answer, std::string_view name) {
  if (const auto found = answer.fields.find(name)) return std::string(*found);
  return std::nullopt;
}

}  // namespace

answer_identity::answer_identity(const http::response_head& of)
    : status_(of.status),
      body_(of.body),
      type_(value_of(of, "Content-Type")),
      coding_(value_of(of, "Content-Encoding")),
      tag_(value_of(of, "ETag")),
      modified_(value_of(of, "Last-Modified")) {}

bool answer_identity::can_go_on(const http::response_head& answer) noexcept {
  return answer.status == 200 &&
         (answer.body.kind == http::body_kind::length || answer.body.kind == http::body_kind::chunked);
}

std::string answer_identity::difference(const http::response_head& other) const {
  if (other.status != status_) return "its status is " + std::to_string(other.status);
  if (!can_go_on(other)) return "its body has no length";
  if (body_.kind == http::body_kind::length && other.body != body_) {
    const auto theirs = other.body.kind == http::body_kind::length ? std::to_string(other.body.length) : "not given";
    return "its Content-Length is " + theirs + ", not " + std::to_string(body_.length);
  }
  struct compared {
    std::string_view name;
    const std::optional<std::string>& ours;
    bool optional;
  };
  const std::array fields{compared{"Content-Type", type_, false}, compared{"Content-Encoding", coding_, false},
                          compared{"ETag", tag_, true}, compared{"Last-Modified", modified_, true}};
  for (const auto& f : fields) {
    const auto theirs = other.fields.find(f.name);
    if (f.optional && (!theirs || !f.ours)) continue;
    if (theirs.has_value() != f.ours.has_value() || (theirs && *theirs != *f.ours))
      return "its " + std::string(f.name) + " differs";
  }
  return {};
}

}  // namespace shim::forward
