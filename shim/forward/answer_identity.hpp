#pragma once
#include "http/head.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace shim::forward {

/// What must be the same in two masters' answers so that the body of one can go on where the other's broke off.
class answer_identity {
 public:
  explicit answer_identity(const http::response_head& of);

  /// Can an answer like this be gone on with at all? It must have an end that can be told from breaking off, and be
  /// whole (200, not a part of something), so that the bytes given out say where the rest begins.
  static bool can_go_on(const http::response_head& answer) noexcept;

  /// How `other` differs, as the end of a sentence ("its Content-Length is 4, not 7"); empty if it does not.
  /// Compared: status, the length if there is one, Content-Type and Content-Encoding; ETag and Last-Modified if both
  /// answers have them.
  std::string difference(const http::response_head& other) const;

 private:
  int status_;
  http::body_framing body_;
  std::optional<std::string> type_, coding_, tag_, modified_;
};

}  // namespace shim::forward
