#include "forward/body_relay.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shim::forward {
namespace {

using http::body_framing;
using http::body_kind;

std::string content_of(std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<char>('!' + (i * 31 + i / 90) % 90);
  return out;
}

/// A body as a master would send it; `chunk` 0: with a length.
struct sent {
  body_framing framing;
  std::string wire;
};
sent body(const std::string& content, std::size_t chunk) {
  if (chunk == 0) return {{.kind = body_kind::length, .length = content.size()}, content};
  sent out{{.kind = body_kind::chunked}, {}};
  std::array<char, 10> line;
  for (std::size_t at = 0; at < content.size(); at += chunk) {
    const auto part = content.substr(at, chunk);
    out.wire += http::chunk_start(line, static_cast<std::uint32_t>(part.size()));
    out.wire += part + "\r\n";
  }
  out.wire += "0\r\n\r\n";
  return out;
}

enum class end { whole, more, malformed, cut };
/// Relays what came of a master, in reads of `step` bytes, to the client's wire.
end relay(body_relay& with, std::string_view in, std::string& client, std::size_t step) {
  while (!in.empty() || with.is_empty()) {
    const auto piece = with.read(in.substr(0, step));
    if (!piece) return end::malformed;
    std::string out;
    const auto direct = with.write(*piece, out);
    client += out;
    if (!direct) return end::cut;
    client += *direct;
    with.given(*piece);
    in.remove_prefix(piece->consumed);
    if (piece->last) return end::whole;
  }
  return end::more;
}

/// Skips what the client has; what is left of `in` is to be relayed.
bool skip(body_relay& with, std::string_view& in, std::size_t step) {
  while (!with.caught_up()) {
    const auto n = with.skip(in.substr(0, step));
    if (!n || *n == 0) return false;
    in.remove_prefix(*n);
  }
  return with.is_same();
}

std::string decoded(body_kind kind, const std::string& client) {
  if (kind != body_kind::chunked) return client;
  http::chunked_decoder decoder;
  std::string out;
  for (std::string_view rest = client; !decoder.done();) {
    if (rest.empty()) return out + " (no end)";
    const auto step = decoder.next_data(rest);
    if (!step) return out + " (malformed)";
    out += step->bytes;
    rest.remove_prefix(step->consumed);
  }
  return out;
}

TEST(BodyRelay, PassesBodiesOnInEveryFraming) {
  const auto content = content_of(1000);
  for (const std::size_t chunk : {0U, 1U, 300U, 1000U})
    for (const auto to : {body_kind::length, body_kind::chunked, body_kind::until_close}) {
      if (to == body_kind::length && chunk != 0) continue;  // its length would have to be known
      const auto from = body(content, chunk);
      body_relay one(from.framing, to);
      std::string client;
      EXPECT_EQ(relay(one, from.wire, client, 64), end::whole);
      EXPECT_EQ(decoded(to, client), content);
    }
}

TEST(BodyRelay, ABodyUntilCloseEndsWhenItsMasterCloses) {
  for (const auto to : {body_kind::chunked, body_kind::until_close}) {
    body_relay one({.kind = body_kind::until_close}, to);
    EXPECT_TRUE(one.ends_by_close());
    std::string client;
    EXPECT_EQ(relay(one, "some bytes", client, 4), end::more);
    std::string out;
    EXPECT_TRUE(one.write({.bytes = {}, .consumed = 0, .last = true}, out));
    EXPECT_EQ(decoded(to, client + out), "some bytes");
  }
}

TEST(BodyRelay, AnEmptyBodyIsWholeWithoutAByte) {
  body_relay one({.kind = body_kind::length, .length = 0}, body_kind::length);
  EXPECT_TRUE(one.is_empty());
  std::string client;
  EXPECT_EQ(relay(one, "", client, 1), end::whole);
}

TEST(BodyRelay, AMalformedChunkIsRefused) {
  for (const auto to : {body_kind::chunked, body_kind::until_close}) {
    body_relay one({.kind = body_kind::chunked}, to);
    std::string client;
    EXPECT_EQ(relay(one, "2\r\nab\r\nx\r\n", client, 64), end::malformed);
  }
}

class Continuation : public testing::Test {
 protected:
  const proof_key key_;
};

TEST_F(Continuation, ReplacesAMasterAtAnyByteWhateverTheTwoFramings) {
  const auto content = content_of(120);
  for (const std::size_t chunk : {0U, 1U, 7U, 50U, 500U})
    for (const std::size_t other : {0U, 3U, 50U, 64U, 500U})
      for (const auto to : {body_kind::length, body_kind::chunked, body_kind::until_close}) {
        if (to == body_kind::length && (chunk != 0 || other != 0)) continue;
        const auto first = body(content, chunk), second = body(content, other);
        for (std::size_t cut = 0; cut < first.wire.size(); ++cut) {
          body_relay one(first.framing, to);
          one.watch(key_);
          std::string client;
          ASSERT_EQ(relay(one, std::string_view(first.wire).substr(0, cut), client, 16), end::more);
          if (one.content_ended()) {
            one.finish(client);
          } else {
            one.start_over(second.framing, key_);
            std::string_view rest = second.wire;
            ASSERT_TRUE(skip(one, rest, 11)) << chunk << ' ' << other << ' ' << cut;
            ASSERT_EQ(relay(one, rest, client, 13), end::whole);
          }
          ASSERT_EQ(decoded(to, client), content) << chunk << ' ' << other << ' ' << cut;
        }
      }
}

TEST_F(Continuation, SeveralMastersMayDie) {
  const auto content = content_of(1000);
  const auto first = body(content, 100), second = body(content, 33), third = body(content, 64);
  body_relay one(first.framing, body_kind::chunked);
  one.watch(key_);
  std::string client;
  ASSERT_EQ(relay(one, std::string_view(first.wire).substr(0, 250), client, 64), end::more);
  one.start_over(second.framing, key_);
  std::string_view rest = std::string_view(second.wire).substr(0, 700);
  ASSERT_TRUE(skip(one, rest, 64));
  ASSERT_EQ(relay(one, rest, client, 64), end::more);
  one.start_over(third.framing, key_);
  rest = third.wire;
  ASSERT_TRUE(skip(one, rest, 64));
  ASSERT_EQ(relay(one, rest, client, 64), end::whole);
  EXPECT_EQ(decoded(body_kind::chunked, client), content);
}

TEST_F(Continuation, NoticesEveryByteThatDiffers) {
  const auto content = content_of(100);
  const auto first = body(content, 0);
  for (std::size_t wrong = 0; wrong < 60; ++wrong) {
    body_relay one(first.framing, body_kind::length);
    one.watch(key_);
    std::string client;
    relay(one, std::string_view(content).substr(0, 60), client, 16);
    auto other = content;
    other[wrong] = '\0';
    one.start_over(first.framing, key_);
    std::string_view rest = other;
    EXPECT_FALSE(skip(one, rest, 16)) << wrong;
    one.start_over(first.framing, key_);  // the next one has it
    rest = content;
    EXPECT_TRUE(skip(one, rest, 16));
    EXPECT_EQ(relay(one, rest, client, 16), end::whole);
    EXPECT_EQ(client, content);
  }
}

TEST_F(Continuation, AShorterAnswerIsNotTheSame) {
  const auto content = content_of(100);
  const auto first = body(content, 40), second = body(content.substr(0, 30), 30);
  body_relay one(first.framing, body_kind::chunked);
  one.watch(key_);
  std::string client;
  relay(one, std::string_view(first.wire).substr(0, 60), client, 16);
  one.start_over(second.framing, key_);
  std::string_view rest = second.wire;
  EXPECT_FALSE(skip(one, rest, 16));
}

TEST_F(Continuation, AChunkThatAnnouncedMoreThanTheOtherHasIsCut) {
  const auto content = content_of(100);
  const auto first = body(content, 100), second = body(content.substr(0, 80), 80);
  body_relay one(first.framing, body_kind::chunked);
  one.watch(key_);
  std::string client;
  relay(one, std::string_view(first.wire).substr(0, 50), client, 16);
  one.start_over(second.framing, key_);
  std::string_view rest = second.wire;
  ASSERT_TRUE(skip(one, rest, 16));  // so far it is
  EXPECT_EQ(relay(one, rest, client, 16), end::cut);
  EXPECT_EQ(decoded(body_kind::chunked, client), content.substr(0, 80) + " (no end)");
}

TEST_F(Continuation, AMalformedAnswerIsNotSkipped) {
  const auto first = body(content_of(100), 100);
  body_relay one(first.framing, body_kind::chunked);
  one.watch(key_);
  std::string client;
  relay(one, std::string_view(first.wire).substr(0, 50), client, 16);
  one.start_over(first.framing, key_);
  const std::string_view malformed = "4\r\nabcd!";
  const auto taken = one.skip(malformed);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(one.skip(malformed.substr(*taken)));
}

TEST_F(Continuation, OfAnAnswerThatIsTooShortNothingIsLeftForTheNextOne) {
  const auto content = content_of(100);
  const auto first = body(content, 100), shorter = body(content.substr(0, 80), 0);
  body_relay one(first.framing, body_kind::chunked);
  one.watch(key_);
  std::string client;
  relay(one, std::string_view(first.wire).substr(0, 50), client, 16);
  one.start_over(shorter.framing, key_);
  std::string_view rest = shorter.wire;
  ASSERT_TRUE(skip(one, rest, 16));
  EXPECT_EQ(relay(one, rest, client, 100), end::cut) << "its last bytes and its end are one piece";
  one.start_over(first.framing, key_);
  rest = first.wire;
  ASSERT_TRUE(skip(one, rest, 16));
  EXPECT_EQ(relay(one, rest, client, 100), end::whole);
  EXPECT_EQ(decoded(body_kind::chunked, client), content);
}

TEST_F(Continuation, WithoutWatchingNothingIsProven) {
  const auto first = body(content_of(100), 0);
  body_relay one(first.framing, body_kind::length);
  std::string client;
  relay(one, std::string_view(first.wire).substr(0, 50), client, 16);
  EXPECT_FALSE(one.watched());
  one.start_over(first.framing, key_);
  EXPECT_FALSE(one.is_same());
}

}  // namespace
}  // namespace shim::forward
