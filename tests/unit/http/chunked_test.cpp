#include "fuzz/http_properties.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace shim::http {
namespace {

using http_properties::decode;
using http_properties::decoded;

const std::string two_chunks = "4\r\nWiki\r\nB\r\npedia in ch\r\n0\r\n\r\n";

TEST(ChunkedDecoder, GivesContentAndStopsAtTheEnd) {
  const std::string stream = two_chunks + "HTTP/1.1 200 OK\r\n";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const decoded out = decode(stream, piece, &chunked_decoder::next_data);
    EXPECT_EQ(out.bytes, "Wikipedia in ch");
    EXPECT_TRUE(out.done);
    EXPECT_EQ(out.consumed, two_chunks.size());
  }
}

TEST(ChunkedDecoder, ForwardsACleanBodyAsOnePiece) {
  chunked_decoder decoder;
  const auto step = decoder.next_wire(two_chunks + "X");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->consumed, two_chunks.size());
  EXPECT_EQ(step->bytes.size(), two_chunks.size());
  EXPECT_TRUE(step->done);
  EXPECT_EQ(decoder.content_bytes(), 15U);
}

TEST(ChunkedDecoder, TakesEveryHexadecimalDigit) {
  for (const std::string digits : {"0123456789abcdef", "0123456789ABCDEF"}) {
    for (std::size_t i = 1; i < digits.size(); ++i) {
      const std::string content(i, 'x');
      const decoded out =
          decode(digits.substr(i, 1) + "\r\n" + content + "\r\n0\r\n\r\n", 64, &chunked_decoder::next_data);
      EXPECT_TRUE(out.done) << digits[i];
      EXPECT_EQ(out.bytes, content) << digits[i];
    }
  }
}

TEST(ChunkedDecoder, IsReadyForTheNextBodyAfterReset) {
  chunked_decoder decoder;
  ASSERT_TRUE(decoder.next_wire(two_chunks));
  ASSERT_TRUE(decoder.done());
  decoder.reset();
  EXPECT_FALSE(decoder.done());
  EXPECT_EQ(decoder.content_bytes(), 0U);
  EXPECT_TRUE(decoder.next_wire(two_chunks)->done);
}

TEST(ChunkedDecoder, DropsExtensionsAndTrailersWhereverTheyAreCut) {
  const std::string stream =
      "4;name=\"va;lue\";x\r\nWiki\r\n0005;\r\npedia\r\n0;last\r\nContent-Length: 7\r\nX-Sum:\tab\xff\r\n\r\n";
  const std::string clean = "4\r\nWiki\r\n0005\r\npedia\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const decoded wire = decode(stream, piece, &chunked_decoder::next_wire);
    EXPECT_EQ(wire.bytes, clean) << piece;
    EXPECT_TRUE(wire.done);
    EXPECT_EQ(decode(stream, piece, &chunked_decoder::next_data).bytes, "Wikipedia");
  }
}

TEST(ChunkedDecoder, GivesNothingOutThatFollowsABodyOfWhichSomethingWasDropped) {
  for (const std::string body : {"1;x\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"}) {
    const decoded out = decode(body + "HTTP/1.1 200 OK\r\n", 64, &chunked_decoder::next_wire);
    EXPECT_TRUE(out.done);
    EXPECT_EQ(out.consumed, body.size());
    EXPECT_EQ(out.bytes, "1\r\na\r\n0\r\n\r\n");
  }
}

TEST(ChunkedDecoder, PassesOverAllThatIsDroppedInOneStep) {
  chunked_decoder decoder;
  const std::string_view wire = "1;name=value\r\na\r\n";
  const auto first = decoder.next_wire(wire);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bytes, "1");
  const auto second = decoder.next_wire(wire.substr(first->consumed));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->bytes, "\r\na\r\n");
}

TEST(ChunkedDecoder, EndsAnEmptyBody) {
  const decoded out = decode("0\r\n\r\n", 64, &chunked_decoder::next_data);
  EXPECT_TRUE(out.done);
  EXPECT_EQ(out.bytes, "");
  EXPECT_FALSE(decode("0\r\n\r", 64, &chunked_decoder::next_data).done);
}

TEST(ChunkedDecoder, StaysRefusing) {
  chunked_decoder decoder;
  EXPECT_FALSE(decoder.next_wire("x"));
  EXPECT_FALSE(decoder.next_wire(two_chunks));
  EXPECT_FALSE(decoder.next_data(two_chunks));
}

TEST(ChunkedDecoder, TakesTheLargestChunk) {
  chunked_decoder decoder;
  const auto step = decoder.next_wire("7fffffff\r\nab");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->consumed, 12U);
  EXPECT_EQ(decoder.content_bytes(), 2U);
}

TEST(ChunkedDecoder, BoundsExtensionsPerChunkAndTrailersTogether) {
  const std::string extension = ";" + std::string(chunked_decoder::max_extension_bytes, 'x');
  EXPECT_TRUE(
      decode("1" + extension + "\r\na\r\n1" + extension + "\r\nb\r\n0\r\n\r\n", 99, &chunked_decoder::next_wire).done);
  std::string trailers;
  const std::string line = "X: " + std::string(59, 'y') + "\r\n";  // 64 bytes
  while (trailers.size() < chunked_decoder::max_trailer_bytes) trailers += line;
  EXPECT_TRUE(decode("0\r\n" + trailers + "\r\n", 99, &chunked_decoder::next_wire).done);
  EXPECT_TRUE(decode("0\r\n" + trailers + "X: y\r\n\r\n", 99, &chunked_decoder::next_wire).refused);
}

TEST(ChunkEncoder, WritesWhatTheDecoderReads) {
  std::array<char, 10> buffer{};
  EXPECT_EQ(chunk_start(buffer, 1), "1\r\n");
  EXPECT_EQ(chunk_start(buffer, 16384), "4000\r\n");
  EXPECT_EQ(chunk_start(buffer, 0x7fffffff), "7fffffff\r\n");
  std::string stream;
  for (const std::string& data : {std::string("a"), std::string(70000, 'b')}) {
    stream.append(chunk_start(buffer, static_cast<std::uint32_t>(data.size()))).append(data).append(chunk_end);
  }
  stream.append(last_chunk);
  const decoded out = decode(stream, 16384, &chunked_decoder::next_data);
  EXPECT_TRUE(out.done);
  EXPECT_EQ(out.bytes, "a" + std::string(70000, 'b'));
}

}  // namespace
}  // namespace shim::http
