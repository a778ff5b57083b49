// What the shim makes of a client's bytes, for the differential test: reads inputs, each a decimal length, a line feed
// and so many bytes, and writes for each a line of JSON: {"requests": [{"method", "target", "body", "written"}],
// "refused": "why"}. Bodies and written requests are in hexadecimal. Only requests that are whole are listed.
#include "http/chunked.hpp"
#include "http/head_writer.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using namespace shim::http;
namespace json = boost::json;

constexpr std::string_view master = "master.example.com:8140";

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

struct body_read {
  std::string content, wire;
  bool whole = false;
};

/// The body at the front of `stream`, cut off it; as the exchange reads and forwards it.
std::expected<body_read, framing_error> read_body(const body_framing& framing, std::string_view& stream) {
  body_read out;
  if (framing.kind == body_kind::none) {
    out.whole = true;
  } else if (framing.kind == body_kind::length) {
    out.content = stream.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(framing.length, stream.size())));
    out.wire = out.content;
    out.whole = out.content.size() == framing.length;
    stream.remove_prefix(out.content.size());
  } else {
    chunked_decoder wire, content;
    while (!stream.empty() && !wire.done()) {
      const auto step = wire.next_wire(stream);
      if (!step) return std::unexpected(step.error());
      out.wire += step->bytes;
      stream.remove_prefix(step->consumed);
    }
    out.whole = wire.done();
    for (std::string_view left = out.wire; !left.empty();) {
      const auto step = content.next_data(left);
      if (!step) return std::unexpected(step.error());
      out.content += step->bytes;
      left.remove_prefix(step->consumed);
    }
  }
  return out;
}

json::object read_stream(std::string_view stream) {
  json::array requests;
  json::object out;
  while (!stream.empty()) {
    const auto end = head_scanner().scan(stream);
    if (!end) {
      out["refused"] = text_of(end.error());
      break;
    }
    if (*end == 0) break;
    const auto head = parse_request(stream.substr(0, *end));
    if (!head) {
      out["refused"] = text_of(head.error());
      break;
    }
    std::string written;
    write_request_head(written, *head, master);
    stream.remove_prefix(*end);
    const auto body = read_body(head->body, stream);
    if (!body) {
      out["refused"] = text_of(body.error());
      break;
    }
    if (!body->whole) break;
    requests.push_back(json::object{{"method", head->method},
                                    {"target", head->target},
                                    {"body", hex(body->content)},
                                    {"written", hex(written + body->wire)}});
    if (!head->keep_alive) break;
  }
  out["requests"] = std::move(requests);
  return out;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::size_t length = 0;
  while (std::cin >> length) {
    std::cin.get();
    std::string input(length, '\0');
    if (!std::cin.read(input.data(), static_cast<std::streamsize>(length))) return 1;
    std::cout << read_stream(input) << '\n';
  }
  return 0;
}
