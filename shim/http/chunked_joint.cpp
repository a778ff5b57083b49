#include "http/chunked_joint.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shim::http {

void chunked_decoder::describe(chunked_joint& to) const noexcept {
  const auto size_line_ends = [&](std::string_view with) {
    to.line_end_ = with;
    to.last_ = left_ == 0;
    to.chunk_open_ = left_ != 0;
    to.data_ = left_;
  };
  switch (state_) {
    case state::size_start: break;
    case state::size:
      // What was to be 4000 may have come as far as 40. That is a size too, and its chunk can be filled.
      if (left_ == 0) to.zeros_ = true;
      else size_line_ends("\r\n");
      break;
    case state::extension: size_line_ends("\r\n"); break;
    case state::size_lf: size_line_ends("\n"); break;
    case state::data:
      to.chunk_open_ = true;
      to.data_ = left_;
      break;
    case state::data_cr: to.line_end_ = "\r\n"; break;
    case state::data_lf: to.line_end_ = "\n"; break;
    case state::trailer_start:
    case state::trailer_name:
    case state::trailer_value:
    case state::trailer_lf: to.last_ = true; break;  // next_wire gives out nothing of trailers
    case state::final_lf:
      to.last_ = to.ended_ = true;
      to.line_end_ = "\n";
      break;
    case state::done:
    case state::failed: to.last_ = to.ended_ = true; break;
  }
}

void chunked_joint::write(std::string& out, std::string_view content) {
  if (content.empty()) return;
  out += std::exchange(line_end_, {});
  if (chunk_open_) {
    const auto part = content.substr(0, std::min<std::size_t>(data_, content.size()));
    out += part;
    data_ -= static_cast<std::uint32_t>(part.size());
    content.remove_prefix(part.size());
    if (data_ != 0) return;
    chunk_open_ = false;
    out += chunk_end;
  }
  zeros_ = false;
  std::array<char, 10> line;
  while (!content.empty()) {
    const auto part = content.substr(0, chunked_decoder::max_chunk);
    out += chunk_start(line, static_cast<std::uint32_t>(part.size()));
    out += part;
    out += chunk_end;
    content.remove_prefix(part.size());
  }
}

bool chunked_joint::finish(std::string& out) {
  if (chunk_open_) return false;
  out += std::exchange(line_end_, {});
  if (!ended_) out += zeros_ ? last_chunk.substr(1) : last_ ? last_chunk.substr(3) : last_chunk;
  last_ = ended_ = true;
  return true;
}

}  // namespace shim::http
