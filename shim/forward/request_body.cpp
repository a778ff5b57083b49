#include "forward/request_body.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace shim::forward {
namespace net = boost::asio;

request_body::request_body(timed_stream& client, byte_buffer& in, const http::body_framing& framing,
                           std::size_t keep_most, std::chrono::milliseconds stall)
    : client_(client),
      in_(in),
      kind_(framing.kind),
      left_(framing.length),
      keep_most_(keep_most),
      stall_(stall),
      complete_(framing.kind == http::body_kind::none ||
                (framing.kind == http::body_kind::length && framing.length == 0)) {}

void request_body::keep(std::string_view piece) {
  bytes_ += piece.size();
  if (!replayable_) return;
  if (kept_.size() + piece.size() > keep_most_) {
    replayable_ = false;
    kept_ = {};
    return;
  }
  kept_.append(piece);
}

net::awaitable<std::expected<std::string_view, request_body::failure>> request_body::next() {
  in_.consume(handed_out_);
  handed_out_ = 0;
  for (;;) {
    if (complete_) co_return std::string_view{};
    if (in_.empty()) {
      const auto error = co_await client_.fill(in_, stall_);
      if (error) co_return std::unexpected(failure{error, {}, error == net::error::timed_out ? 408 : 400});
    }
    if (kind_ == http::body_kind::length) {
      const auto piece = in_.view().substr(0, std::min<std::uint64_t>(left_, in_.size()));
      left_ -= piece.size();
      complete_ = left_ == 0;
      handed_out_ = piece.size();
      keep(piece);
      co_return piece;
    }
    const auto step = decoder_.next_wire(in_.view());
    if (!step) co_return std::unexpected(failure{{}, http::text_of(step.error()), http::status_of(step.error())});
    complete_ = step->done;
    if (step->bytes.empty()) {
      in_.consume(step->consumed);
      continue;
    }
    handed_out_ = step->consumed;
    keep(step->bytes);
    co_return step->bytes;
  }
}

net::awaitable<bool> request_body::discard(std::uint64_t most) {
  keep_most_ = 0;
  for (std::uint64_t read = 0; !complete_;) {
    const auto piece = co_await next();
    if (!piece) co_return false;
    read += piece->size();
    if (read > most) co_return false;
  }
  in_.consume(handed_out_);
  handed_out_ = 0;
  co_return true;
}

}  // namespace shim::forward
