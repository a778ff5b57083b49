#pragma once
#include "http/chunked.hpp"
#include "http/head_writer.hpp"

#include <algorithm>
#include <string>
#include <string_view>

/// What must hold for any bytes at all. Each function returns the first thing that does not, or an empty text. The fuzz
/// targets and the unit tests (over fixtures and corpora) share them.
namespace http_properties {

using namespace shim::http;

using scanned = std::expected<std::size_t, framing_error>;

/// For heads that we wrote: a field or two more than came in, and a space behind each colon.
inline constexpr limits written_limits{.head_bytes = 65536, .fields = field_list::capacity};

/// The scanner's verdict when the bytes come in pieces of `piece` bytes.
inline scanned scan_in_pieces(std::string_view data, std::size_t piece) {
  head_scanner scanner;
  for (std::size_t have = 0; have < data.size();) {
    have = std::min(data.size(), have + piece);
    const scanned found = scanner.scan(data.substr(0, have));
    if (!found || *found != 0) return found;
  }
  return 0;
}

inline bool inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

template <class Head>
std::string check_fields(const Head& head, std::string_view bytes) {
  for (const field& f : head.fields) {
    if (!inside(f.name, bytes) || !inside(f.value, bytes)) return "a field lies outside of the buffer";
    if (f.name.empty()) return "a field has no name";
    if (f.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return "a value breaks lines";
  }
  return {};
}

inline std::string check_cuts(std::string_view data, scanned whole) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, data.size() / 2 + 1}) {
    if (scan_in_pieces(data, piece) != whole) return "the scanner's verdict depends on how the bytes were cut";
  }
  return {};
}

/// One head, written anew, is read as the same one request, and writing that again changes nothing.
inline std::string check_request_head(std::string_view data) {
  const scanned end = head_scanner().scan(data);
  if (std::string why = check_cuts(data, end); !why.empty()) return why;
  const auto unscanned = parse_request(data);
  if (unscanned && end != scanned(data.size())) return "the parser takes what the scanner does not";
  if (!end || *end == 0) return {};

  const std::string_view bytes = data.substr(0, *end);
  const auto head = parse_request(bytes);
  if (!head) return text_of(head.error()).empty() || status_of(head.error()) < 400 ? "an error without words" : "";
  if (std::string why = check_fields(*head, bytes); !why.empty()) return why;
  if (!inside(head->target, bytes) || !inside(head->host, bytes)) return "the target lies outside of the buffer";

  std::string written;
  write_request_head(written, *head, "master.example.com:8140");
  if (head_scanner(written_limits).scan(written) != scanned(written.size())) return "what was written is not one head";
  const auto again = parse_request(written, written_limits);
  if (!again) return std::string("what was written is refused: ").append(text_of(again.error()));
  if (again->method != head->method || again->target != head->target) return "another request was written";
  if (again->body.kind != head->body.kind && !(head->body.kind == body_kind::none && again->body.length == 0)) {
    return "another kind of body was written";
  }
  if (again->body.length != head->body.length) return "another body length was written";
  if (again->host != "master.example.com:8140" || !again->keep_alive || again->expect_continue) {
    return "what concerns the next hop was not written as given";
  }
  for (const field& f : again->fields) {
    if (f.role == field_role::identity || f.role == field_role::hop_by_hop || f.role == field_role::connection) {
      return "a field went through that must not";
    }
  }
  std::string stable;
  write_request_head(stable, *again, "master.example.com:8140");
  return stable == written ? "" : "writing twice changes the head";
}

inline std::string check_response_head(std::string_view data, std::string_view method) {
  const scanned end = head_scanner().scan(data);
  if (std::string why = check_cuts(data, end); !why.empty()) return why;
  const auto unscanned = parse_response(data, {}, method);
  if (unscanned && end != scanned(data.size())) return "the parser takes what the scanner does not";
  if (!end || *end == 0) return {};

  const std::string_view bytes = data.substr(0, *end);
  const auto head = parse_response(bytes, {}, method);
  if (!head) return text_of(head.error()).empty() ? "an error without words" : "";
  if (std::string why = check_fields(*head, bytes); !why.empty()) return why;
  const bool bodiless = method == "HEAD" || head->status < 200 || head->status == 204 || head->status == 304;
  if (bodiless != (head->body.kind == body_kind::none)) return "wrong about whether there is a body";
  if (head->body.kind == body_kind::until_close && head->keep_alive) return "reuse after a body that ends by close";

  std::string written;
  write_response_head(written, *head, !head->keep_alive);
  if (head_scanner(written_limits).scan(written) != scanned(written.size())) return "what was written is not one head";
  const auto again = parse_response(written, written_limits, method);
  if (!again) return std::string("what was written is refused: ").append(text_of(again.error()));
  if (again->status != head->status || again->body != head->body) return "another answer was written";
  if (again->announced_length != head->announced_length) return "another length was announced";
  if (again->keep_alive != head->keep_alive) return "the end of the connection was not written as given";
  for (const field& f : again->fields) {
    if (f.role == field_role::retry_after || f.role == field_role::hop_by_hop)
      return "a field went through that must not";
  }
  std::string stable;
  write_response_head(stable, *again, !again->keep_alive);
  return stable == written ? "" : "writing twice changes the head";
}

struct decoded {
  std::string bytes;
  std::size_t consumed = 0;
  bool done = false;
  bool refused = false;
  framing_error why{};
  bool stuck = false;
};

using reader = std::expected<chunked_decoder::step, framing_error> (chunked_decoder::*)(std::string_view) noexcept;

inline decoded decode(std::string_view data, std::size_t piece, reader next) {
  chunked_decoder decoder;
  decoded out;
  while (out.consumed < data.size() && !out.done) {
    std::string_view in = data.substr(out.consumed, piece);
    while (!in.empty() && !out.done) {
      const auto step = (decoder.*next)(in);
      if (!step) {
        out.refused = true;
        out.why = step.error();
        return out;
      }
      if (step->consumed == 0 || step->consumed > in.size() || !inside(step->bytes, in)) {
        out.stuck = true;
        return out;
      }
      out.bytes.append(step->bytes);
      out.consumed += step->consumed;
      out.done = step->done;
      in.remove_prefix(step->consumed);
    }
  }
  return out;
}

/// Content and end do not depend on the cuts, and what next_wire gives out is again the same body, whole and canonical.
inline std::string check_chunked(std::string_view data) {
  const decoded whole = decode(data, data.size() + 1, &chunked_decoder::next_data);
  const decoded bytewise = decode(data, 1, &chunked_decoder::next_data);
  if (whole.stuck || bytewise.stuck) return "the decoder makes no progress or leaves its input";
  if (whole.bytes != bytewise.bytes || whole.done != bytewise.done || whole.refused != bytewise.refused) {
    return "the content depends on how the bytes were cut";
  }
  if (whole.refused && whole.why != bytewise.why) return "the reason depends on how the bytes were cut";
  if (whole.done && whole.consumed != bytewise.consumed) return "the end depends on how the bytes were cut";

  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, data.size() + 1}) {
    const decoded wire = decode(data, piece, &chunked_decoder::next_wire);
    if (wire.stuck) return "the wire reader makes no progress or leaves its input";
    if (wire.done != whole.done || wire.refused != whole.refused) return "the two readers disagree";
    const decoded again = decode(wire.bytes, wire.bytes.size() + 1, &chunked_decoder::next_data);
    if (again.refused) return "what was forwarded is refused by the next reader";
    if (!wire.refused && again.bytes != whole.bytes) return "other content was forwarded";
    if (again.done != wire.done || again.consumed != wire.bytes.size()) return "the forwarded body ends elsewhere";
    if (decode(wire.bytes, wire.bytes.size() + 1, &chunked_decoder::next_wire).bytes != wire.bytes) {
      return "what was forwarded holds something to drop";
    }
  }
  return {};
}

}  // namespace http_properties
