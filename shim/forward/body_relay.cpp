#include "forward/body_relay.hpp"

#include <algorithm>

namespace shim::forward {
using http::body_kind;

body_relay::body_relay(const http::body_framing& from, body_kind to) noexcept
    : from_(from), left_(from.length), through_(from.kind == body_kind::chunked && to == body_kind::chunked) {
  if (to == body_kind::chunked && !through_) joint_.emplace();
}

std::expected<body_relay::piece, http::framing_error> body_relay::content(std::string_view in) noexcept {
  switch (from_.kind) {
    case body_kind::length: {
      const auto bytes = in.substr(0, std::min<std::uint64_t>(left_, in.size()));
      left_ -= bytes.size();
      return piece{bytes, bytes.size(), left_ == 0};
    }
    case body_kind::chunked: {
      const auto step = decoder_.next_data(in);
      if (!step) return std::unexpected(step.error());
      return piece{step->bytes, step->consumed, step->done};
    }
    case body_kind::until_close:
    case body_kind::none: break;
  }
  return piece{in, in.size(), false};
}

std::expected<body_relay::piece, http::framing_error> body_relay::read(std::string_view in) noexcept {
  if (!through_) return content(in);
  const auto step = decoder_.next_wire(in);
  if (!step) return std::unexpected(step.error());
  return piece{step->bytes, step->consumed, step->done};
}

std::optional<std::string_view> body_relay::write(const piece& p, std::string& out) {
  if (!joint_) return p.bytes;
  auto after = *joint_;
  const auto before = out.size();
  after.write(out, p.bytes);
  if (p.last && !after.finish(out)) {
    out.resize(before);
    return std::nullopt;
  }
  joint_ = after;
  return std::string_view{};
}

void body_relay::given(const piece& p) noexcept {
  if (!watched()) return;
  if (!through_) {
    given_proof_.add(p.bytes);
    return;
  }
  for (auto wire = p.bytes; !wire.empty();) {
    const auto step = received_.next_data(wire);
    if (!step || step->consumed == 0) return;  // cannot be: the other decoder has passed it
    given_proof_.add(step->bytes);
    wire.remove_prefix(step->consumed);
  }
}

void body_relay::take_over_chunks() noexcept {
  if (!through_) return;
  joint_.emplace(received_);
  through_ = false;
}

void body_relay::finish(std::string& out) {
  take_over_chunks();
  joint_->finish(out);
}

void body_relay::start_over(const http::body_framing& from, const proof_key& key) noexcept {
  take_over_chunks();
  from_ = from;
  left_ = from.length;
  decoder_.reset();
  skipped_ = prefix_proof(key);
}

std::expected<std::size_t, http::framing_error> body_relay::skip(std::string_view in) noexcept {
  // The coding only adds bytes: so many of it hold at most so much content.
  const auto wanted = given_bytes() - skipped_.bytes();
  const auto step = content(in.substr(0, std::min<std::uint64_t>(wanted, in.size())));
  if (!step) return std::unexpected(step.error());
  skipped_.add(step->bytes);
  if (step->last && !caught_up()) return 0;
  return step->consumed;
}

bool body_relay::is_same() const noexcept {
  const auto given = given_proof_.tag_so_far(), skipped = skipped_.tag_so_far();
  return caught_up() && given && skipped && *given == *skipped;
}

}  // namespace shim::forward
