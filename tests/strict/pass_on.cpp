// What the shim makes of a master's bytes, for the differential test of answers: reads inputs, each the request's
// method, a space, a decimal length, a line feed and so many bytes, behind which the master closes. Writes for each a
// line of JSON: {"refused": "why"} when nothing of it is passed on (a 502), or else {"status", "fields": [[name,
// value]], "body": what was read of it, "written": what the client gets, "whole", "reused": is the master's connection
// kept}. Values, bodies and what is written are in hexadecimal. The steps are those of exchange::relay.
#include "forward/body_relay.hpp"
#include "http/head_writer.hpp"

#include <boost/json.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace shim::http;
using shim::forward::body_relay;
namespace json = boost::json;

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

json::object refused(std::string_view why) { return {{"refused", why}}; }

/// The head of the answer proper, cut off `stream`; interim ones are behind it then. Nothing if `why` says why.
std::optional<response_head> read_head(std::string_view method, std::string_view& stream, std::string& why) {
  for (;;) {
    const auto end = head_scanner().scan(stream);
    if (!end || *end == 0) {
      why = end ? "closed inside the head" : text_of(end.error());
      return std::nullopt;
    }
    const auto head = parse_response(stream.substr(0, *end), {}, method);
    if (!head) {
      why = text_of(head.error());
      return std::nullopt;
    }
    stream.remove_prefix(*end);
    if (head->status >= 200) return *head;
  }
}

struct relayed {
  std::string written, content;
  bool whole = false;
  std::string why{};
};

relayed relay(const response_head& head, std::string_view stream, std::string_view& rest) {
  auto framing = head.body;
  if (framing.kind == body_kind::until_close) framing.kind = body_kind::chunked;
  relayed out;
  write_response_head(out.written, head, false, framing);
  rest = stream;
  if (framing.kind == body_kind::none) {
    out.whole = true;
    return out;
  }
  body_relay body(head.body, framing.kind);
  chunked_decoder content;
  while (!out.whole) {
    body_relay::piece last{.bytes = {}, .consumed = 0, .last = true};
    std::expected<body_relay::piece, framing_error> piece = last;
    if (!rest.empty() || body.is_empty()) piece = body.read(rest);
    else if (!body.ends_by_close()) {
      out.why = "closed inside the body";
      return out;
    }
    if (!piece) {
      out.why = text_of(piece.error());
      return out;
    }
    const auto direct = body.write(*piece, out.written);
    out.written += *direct;
    if (head.body.kind == body_kind::chunked) {
      for (auto wire = piece->bytes; !wire.empty();) {
        const auto step = content.next_data(wire);
        out.content += step->bytes;
        wire.remove_prefix(step->consumed);
      }
    } else {
      out.content += piece->bytes;
    }
    rest.remove_prefix(piece->consumed);
    out.whole = piece->last;
  }
  return out;
}

json::object pass_on(std::string_view method, std::string_view stream) {
  std::string why;
  const auto head = read_head(method, stream, why);
  if (!head) return refused(why);
  std::string_view rest;
  const auto out = relay(*head, stream, rest);
  // Nothing had been given out when the master broke off: the next one is asked, or the client told.
  if (!out.whole && out.content.empty()) return refused(out.why);
  json::array fields;
  for (const field& f : head->fields) fields.push_back(json::array{json::value(f.name), json::value(hex(f.value))});
  const bool reused = out.whole && head->keep_alive && head->body.kind != body_kind::until_close && rest.empty();
  return {{"status", head->status},      {"fields", std::move(fields)}, {"body", hex(out.content)},
          {"written", hex(out.written)}, {"whole", out.whole},          {"reused", reused}};
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string method;
  std::size_t length = 0;
  while (std::cin >> method >> length) {
    std::cin.get();
    std::string input(length, '\0');
    if (!std::cin.read(input.data(), static_cast<std::streamsize>(length))) return 1;
    std::cout << pass_on(method, input) << '\n';
  }
  return 0;
}
