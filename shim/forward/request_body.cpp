#include "forward/request_body.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace shim::forward {
namespace net = boost::asio;

request_body::request_body(timed_stream& client, byte_buffer& in, const http::body_framing& framing,
                           const replay_terms& keep, std::chrono::milliseconds stall)
    : client_(client),
      in_(in),
      kind_(framing.kind),
      length_(framing.length),
      left_(framing.length),
      stall_(stall),
      store_(keep),
      complete_(framing.kind == http::body_kind::none ||
                (framing.kind == http::body_kind::length && framing.length == 0)) {}

bool request_body::is_keepable() const noexcept {
  return kind_ == http::body_kind::none || (kind_ == http::body_kind::length && store_.has_room_for(length_));
}

std::string_view request_body::handed_out(std::string_view piece, std::size_t consumed) {
  handed_out_ = consumed;
  bytes_ += piece.size();
  given_ += piece.size();
  store_.keep(piece);
  return piece;
}

void request_body::rewind() noexcept {
  in_.consume(handed_out_);
  handed_out_ = 0;
  given_ = 0;
}

net::awaitable<std::expected<std::string_view, request_body::failure>> request_body::next() {
  in_.consume(handed_out_);
  handed_out_ = 0;
  if (given_ < bytes_) {
    const auto piece = store_.piece_at(given_);
    if (!piece) co_return std::unexpected(failure{{}, "the request's body could not be read back from its file", 500});
    given_ += piece->size();
    co_return *piece;
  }
  for (;;) {
    if (complete_) co_return std::string_view{};
    if (in_.empty()) {
      const auto error =
          co_await client_.fill_body(in_, kind_ == http::body_kind::length ? left_ : timed_stream::unknown, stall_);
      if (error) co_return std::unexpected(failure{error, {}, error == net::error::timed_out ? 408 : 400});
    }
    if (kind_ == http::body_kind::length) {
      const auto piece = in_.view().substr(0, std::min<std::uint64_t>(left_, in_.size()));
      left_ -= piece.size();
      complete_ = left_ == 0;
      co_return handed_out(piece, piece.size());
    }
    const auto step = decoder_.next_wire(in_.view());
    if (!step) co_return std::unexpected(failure{{}, http::text_of(step.error()), http::status_of(step.error())});
    complete_ = step->done;
    if (!step->bytes.empty()) co_return handed_out(step->bytes, step->consumed);
    in_.consume(step->consumed);
  }
}

net::awaitable<bool> request_body::discard(std::uint64_t most) {
  store_.forget();
  given_ = bytes_;
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
