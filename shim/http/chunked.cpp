#include "http/chunked.hpp"

#include "http/characters.hpp"

#include <algorithm>
#include <charconv>

namespace shim::http {
namespace {

constexpr std::uint32_t max_size_digits = 8;

int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

chunked_decoder::fate chunked_decoder::refuse(framing_error why) noexcept {
  state_ = state::failed;
  why_ = why;
  return fate::refuse;
}

chunked_decoder::fate chunked_decoder::take_size(char c) noexcept {
  if (const int digit = hex_value(c); digit >= 0) {
    if (++counted_ > max_size_digits) return refuse(framing_error::chunk_too_large);
    left_ = left_ * 16 + static_cast<std::uint32_t>(digit);  // 8 digits fill it exactly
    state_ = state::size;
    return fate::keep;
  }
  if (state_ == state::size_start) return refuse(framing_error::bad_chunk_size);
  if (left_ > max_chunk) return refuse(framing_error::chunk_too_large);
  counted_ = 0;
  if (c == '\r') {
    state_ = state::size_lf;
    return fate::keep;
  }
  if (c != ';') return refuse(framing_error::bad_chunk_size);
  state_ = state::extension;
  return fate::drop;
}

chunked_decoder::fate chunked_decoder::take_trailer(char c) noexcept {
  if (++counted_ > max_trailer_bytes) return refuse(framing_error::trailers_too_large);
  switch (state_) {
    case state::trailer_start:
      if (!is(c, token_char)) return refuse(framing_error::bad_trailer);
      state_ = state::trailer_name;
      return fate::drop;
    case state::trailer_name:
      if (c == ':') {
        state_ = state::trailer_value;
      } else if (!is(c, token_char)) {
        return refuse(framing_error::bad_trailer);
      }
      return fate::drop;
    case state::trailer_value:
      if (c == '\r') {
        state_ = state::trailer_lf;
      } else if (is_control(c) && c != '\t') {
        return refuse(framing_error::bad_trailer);
      }
      return fate::drop;
    default:
      if (c != '\n') return refuse(framing_error::bad_trailer);
      state_ = state::trailer_start;
      return fate::drop;
  }
}

// One byte outside of chunk data.
chunked_decoder::fate chunked_decoder::take(char c) noexcept {
  switch (state_) {
    case state::size_start:
    case state::size: return take_size(c);
    case state::extension:
      if (c == '\r') {
        state_ = state::size_lf;
        return fate::keep;
      }
      if (is_control(c) && c != '\t') return refuse(framing_error::bad_chunk_size);
      return ++counted_ > max_extension_bytes ? refuse(framing_error::chunk_extension_too_long) : fate::drop;
    case state::size_lf:
      if (c != '\n') return refuse(framing_error::bad_chunk_size);
      counted_ = 0;
      state_ = left_ == 0 ? state::trailer_start : state::data;
      return fate::keep;
    case state::data_cr:
      if (c != '\r') return refuse(framing_error::bad_chunk_end);
      state_ = state::data_lf;
      return fate::keep;
    case state::data_lf:
      if (c != '\n') return refuse(framing_error::bad_chunk_end);
      state_ = state::size_start;
      return fate::keep;
    case state::final_lf:
      if (c != '\n') return refuse(framing_error::bad_trailer);
      state_ = state::done;
      return fate::keep;
    case state::trailer_start:
      if (c != '\r') return take_trailer(c);
      state_ = state::final_lf;
      return fate::keep;
    case state::trailer_name:
    case state::trailer_value:
    case state::trailer_lf: return take_trailer(c);
    case state::data:
    case state::done:
    case state::failed: break;
  }
  return refuse(why_);
}

std::size_t chunked_decoder::take_data(std::size_t available) noexcept {
  const std::uint32_t taken = static_cast<std::uint32_t>(std::min<std::size_t>(left_, available));
  left_ -= taken;
  content_bytes_ += taken;
  if (left_ == 0) state_ = state::data_cr;
  return taken;
}

std::expected<chunked_decoder::step, framing_error> chunked_decoder::next_data(std::string_view in) noexcept {
  std::size_t at = 0;
  while (at < in.size() && state_ != state::done) {
    if (state_ == state::data) {
      const std::size_t taken = take_data(in.size() - at);
      return step{at + taken, in.substr(at, taken), false};
    }
    if (take(in[at]) == fate::refuse) return std::unexpected(why_);
    ++at;
  }
  return step{at, {}, done()};
}

std::expected<chunked_decoder::step, framing_error> chunked_decoder::next_wire(std::string_view in) noexcept {
  std::size_t at = 0;
  std::size_t start = 0;  // of what is kept, behind what is dropped
  while (at < in.size() && state_ != state::done) {
    if (state_ == state::data) {
      at += take_data(in.size() - at);
      continue;
    }
    const fate what = take(in[at]);
    if (what == fate::refuse) return std::unexpected(why_);
    ++at;
    if (what != fate::drop) continue;
    if (at - 1 != start) return step{at, in.substr(start, at - 1 - start), false};
    start = at;
  }
  return step{at, in.substr(start, at - start), done()};
}

std::string_view chunk_start(std::array<char, 10>& buffer, std::uint32_t size) noexcept {
  char* end = std::to_chars(buffer.data(), buffer.data() + 8, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

}  // namespace shim::http
