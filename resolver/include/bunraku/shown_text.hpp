#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace bunraku {

/// Somebody else's text, for people: well-formed UTF-8 in one line, at most `most` bytes of it and no part of a
/// character. Control characters are spaces, bytes that are no UTF-8 question marks. Any thread.
std::string shown_text(std::string_view text, std::size_t most = std::string_view::npos);

}  // namespace bunraku
