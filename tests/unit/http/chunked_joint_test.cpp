#include "http/chunked_joint.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shim::http {
namespace {

struct reading {
  std::string content;
  bool done = false, refused = false;
  std::size_t behind = 0;  // bytes that the next answer would begin with
};

reading read_all(std::string_view wire) {
  chunked_decoder decoder;
  reading out;
  while (!wire.empty() && !out.done) {
    const auto step = decoder.next_data(wire);
    if (!step) {
      out.refused = true;
      return out;
    }
    out.content += step->bytes;
    out.done = step->done;
    wire.remove_prefix(step->consumed);
  }
  out.behind = wire.size();
  return out;
}

/// What next_wire gives out of the first `cut` bytes, and the decoder of a receiver that has got it.
std::string given_out(std::string_view wire, chunked_decoder& receiver) {
  chunked_decoder decoder;
  std::string out;
  while (!wire.empty()) {
    const auto step = decoder.next_wire(wire);
    EXPECT_TRUE(step);
    out += step->bytes;
    wire.remove_prefix(step->consumed);
  }
  for (std::string_view rest = out; !rest.empty();) {
    const auto step = receiver.next_data(rest);
    EXPECT_TRUE(step);
    rest.remove_prefix(step->consumed);
  }
  return out;
}

TEST(ChunkedJoint, BeginsABody) {
  chunked_joint joint;
  std::string out;
  joint.write(out, "Wiki");
  joint.write(out, "");
  joint.write(out, "pedia in ch");
  EXPECT_FALSE(joint.content_ended());
  EXPECT_TRUE(joint.finish(out));
  EXPECT_TRUE(joint.content_ended());
  EXPECT_EQ(out, "4\r\nWiki\r\nb\r\npedia in ch\r\n0\r\n\r\n");
}

TEST(ChunkedJoint, GoesOnWhereverABodyWasCut) {
  const std::string content = "Wikipedia in chunks, cut anywhere.......";
  const std::string wire =
      "4;name=value\r\nWiki\r\n010\r\npedia in chunks,\r\n14;x\r\n cut anywhere.......\r\n0;last\r\nTrailer: x\r\n\r\n";
  ASSERT_EQ(read_all(wire).content, content);
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    for (const std::size_t piece : {1U, 3U, 100U}) {
      chunked_decoder receiver;
      std::string out = given_out(std::string_view(wire).substr(0, cut), receiver);
      chunked_joint joint(receiver);
      std::string_view rest = std::string_view(content).substr(receiver.content_bytes());
      if (joint.content_ended()) {
        EXPECT_TRUE(rest.empty()) << cut;
      }
      for (; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) joint.write(out, rest.substr(0, piece));
      ASSERT_TRUE(joint.finish(out)) << cut;
      const auto got = read_all(out);
      EXPECT_EQ(got.content, content) << cut << ' ' << out;
      EXPECT_TRUE(got.done) << cut << ' ' << out;
      EXPECT_EQ(got.behind, 0U) << cut << ' ' << out;
    }
  }
}

TEST(ChunkedJoint, CannotEndABodyThatAnnouncedMoreThanCame) {
  for (const std::string_view part : {"40", "40\r", "40\r\n", "40\r\nabc"}) {
    chunked_decoder receiver;
    std::string out = given_out(part, receiver);
    chunked_joint joint(receiver);
    joint.write(out, "less than that");
    EXPECT_FALSE(joint.finish(out)) << part;
    EXPECT_FALSE(read_all(out).done) << part;
  }
}

TEST(ChunkedJoint, ALoneZeroMayBeAnEndOrTheBeginOfASize) {
  for (const std::string_view content : {"", "more"}) {
    chunked_decoder receiver;
    std::string out = given_out("2\r\nab\r\n0", receiver);
    chunked_joint joint(receiver);
    EXPECT_FALSE(joint.content_ended());
    joint.write(out, content);
    EXPECT_TRUE(joint.finish(out));
    const auto got = read_all(out);
    EXPECT_TRUE(got.done) << out;
    EXPECT_EQ(got.content, "ab" + std::string(content));
  }
}

TEST(ChunkedJoint, MakesASizeOfZerosNoLonger) {
  chunked_decoder receiver;
  std::string out = given_out("2\r\nab\r\n00000000", receiver);  // as many digits as a size may have
  EXPECT_TRUE(chunked_joint(receiver).finish(out));
  EXPECT_TRUE(read_all(out).done) << out;
}

TEST(ChunkedJoint, KnowsThatTheContentIsWholeAfterTheLastChunk) {
  for (const std::string_view end : {"0\r", "0\r\n", "0\r\n\r", "0\r\n\r\n"}) {
    chunked_decoder receiver;
    std::string out = given_out("2\r\nab\r\n" + std::string(end), receiver);
    chunked_joint joint(receiver);
    EXPECT_TRUE(joint.content_ended());
    EXPECT_TRUE(joint.finish(out));
    EXPECT_EQ(out, "2\r\nab\r\n0\r\n\r\n");
  }
}

}  // namespace
}  // namespace shim::http
