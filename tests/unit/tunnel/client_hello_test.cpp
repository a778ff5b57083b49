#include "tunnel/client_hello.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>

using namespace shim::tunnel;
using verdict = std::expected<bool, hello_error>;

namespace {

std::string big_endian(std::size_t n, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out += static_cast<char>(n >> (8 * i) & 0xff);
  return out;
}
std::string vector_of(const std::string& content, int width) { return big_endian(content.size(), width) + content; }
std::string extension(std::size_t type, const std::string& body) { return big_endian(type, 2) + vector_of(body, 2); }
std::string host_name(const std::string& name) { return big_endian(0, 1) + vector_of(name, 2); }
std::string server_name(const std::string& name) { return extension(0, vector_of(host_name(name), 2)); }

// The message without its head, with these extensions; "-" for none at all.
std::string body_of(const std::string& extensions) {
  std::string body = big_endian(0x0303, 2) + std::string(32, 'r') + vector_of(std::string(32, 's'), 1);
  body += vector_of(std::string("\x13\x01\x13\x02", 4), 2) + vector_of(std::string(1, '\0'), 1);
  return extensions == "-" ? body : body + vector_of(extensions, 2);
}
std::string message_of(const std::string& body) { return big_endian(1, 1) + vector_of(body, 3); }
std::string record_of(const std::string& fragment) { return big_endian(0x160301, 3) + vector_of(fragment, 2); }
std::string hello_with(const std::string& extensions) { return record_of(message_of(body_of(extensions))); }

verdict read(const std::string& bytes) { return hello_reader().read(bytes); }
std::string name_in(const std::string& bytes) {
  hello_reader reader;
  const auto whole = reader.read(bytes);
  EXPECT_EQ(whole, verdict(true));
  return reader.server_name();
}
verdict error(hello_error e) { return std::unexpected(e); }

}  // namespace

TEST(ClientHello, SaysWhichServerItIsFor) {
  EXPECT_EQ(name_in(hello_with(server_name("puppet.example.com"))), "puppet.example.com");
  EXPECT_EQ(name_in(hello_with(extension(43, "\x02\x03\x04") + server_name("p") + extension(21, "xx"))), "p");
}

TEST(ClientHello, NamesComeOutInOneForm) {
  EXPECT_EQ(name_in(hello_with(server_name("Puppet.EXAMPLE.com."))), "puppet.example.com");
  EXPECT_EQ(name_in(hello_with(server_name("AZaz-09"))), "azaz-09");
}

TEST(ClientHello, WithoutANameHasNone) {
  EXPECT_EQ(name_in(hello_with("")), "");
  EXPECT_EQ(name_in(hello_with("-")), "");
  EXPECT_EQ(name_in(hello_with(extension(16, "alpn"))), "");
  EXPECT_EQ(name_in(hello_with(extension(0, vector_of(big_endian(7, 1) + vector_of("other kind", 2), 2)))), "");
}

TEST(ClientHello, MayComeInSeveralRecordsCutAnywhere) {
  const auto message = message_of(body_of(server_name("puppet.example.com")));
  for (std::size_t cut = 1; cut < message.size(); ++cut)
    EXPECT_EQ(name_in(record_of(message.substr(0, cut)) + record_of(message.substr(cut))), "puppet.example.com");
  std::string each;
  for (const char c : message) each += record_of(std::string(1, c));
  EXPECT_EQ(name_in(each), "puppet.example.com");
}

TEST(ClientHello, MayComeByteByByte) {
  const auto bytes = hello_with(server_name("puppet.example.com"));
  hello_reader reader;
  for (std::size_t have = 1; have < bytes.size(); ++have) EXPECT_EQ(reader.read(bytes.substr(0, have)), verdict(false));
  EXPECT_EQ(reader.read(bytes), verdict(true));
  EXPECT_EQ(reader.server_name(), "puppet.example.com");
}

TEST(ClientHello, IsNotWholeWhereOneOfItsRecordsIs) {
  const auto message = message_of(body_of(server_name("puppet.example.com")));
  const auto bytes = record_of(message.substr(0, 60)) + record_of(message.substr(60));
  hello_reader reader;
  for (std::size_t have = 0; have < bytes.size(); ++have)
    EXPECT_EQ(reader.read(bytes.substr(0, have)), verdict(false)) << have;
  EXPECT_EQ(reader.read(bytes), verdict(true));
  EXPECT_EQ(reader.server_name(), "puppet.example.com");
}

TEST(ClientHello, WhatFollowsItsRecordIsNotLookedAt) {
  EXPECT_EQ(name_in(hello_with(server_name("p")) + "early data, say"), "p");
}

TEST(ClientHello, OtherProtocolsAreKnownByTheirFirstByte) {
  for (const char* other : {"G", "CONNECT a:1 HTTP/1.1\r\n", "\x15\x03\x01", "\x80\x2e\x01\x03\x01", "\x17\x03\x03"})
    EXPECT_EQ(read(other), error(hello_error::not_tls)) << other;
  EXPECT_EQ(read("\x16\x02"), error(hello_error::not_tls));
  EXPECT_EQ(read("\x16"), verdict(false));
}

TEST(ClientHello, OnlyAClientHelloMayComeFirst) {
  const auto body = body_of("");
  EXPECT_EQ(read(record_of(big_endian(2, 1) + vector_of(body, 3))), error(hello_error::not_hello));
  EXPECT_EQ(read(record_of(std::string(1, '\0'))), error(hello_error::not_hello));
}

TEST(ClientHello, RecordsKeepToTheirRules) {
  EXPECT_EQ(read(record_of("")), error(hello_error::bad_record));
  EXPECT_EQ(read("\x16\x03\x01\x40\x01"), error(hello_error::bad_record));
  const auto message = message_of(body_of(server_name("p")));
  const auto first = record_of(message.substr(0, 9));
  EXPECT_EQ(read(first + "\x15\x03\x01" + vector_of("xx", 2)), error(hello_error::bad_record));
  EXPECT_EQ(read(first + "\x16\x02"), error(hello_error::bad_record));
  EXPECT_EQ(read(record_of(message + "x")), error(hello_error::trailing_bytes));
}

TEST(ClientHello, ARecordMayBeAsLongAsTlsAllows) {
  const auto message = message_of(body_of(server_name("p") + extension(21, std::string(17000, '\0'))));
  EXPECT_EQ(name_in(record_of(message.substr(0, 16384)) + record_of(message.substr(16384))), "p");
}

TEST(ClientHello, SizesAreBounded) {
  EXPECT_EQ(read(record_of(big_endian(1, 1) + big_endian(1 << 16, 3))), error(hello_error::too_large));
  // Within what the message announces, but in records so small that the wire holds more than the limit.
  const auto message = message_of(body_of(extension(21, std::string(8000, '\0'))));
  std::string each;
  for (const char c : message) each += record_of(std::string(1, c));
  EXPECT_EQ(read(each), error(hello_error::too_large));
  EXPECT_EQ(read(hello_with(extension(21, std::string(8000, '\0')))), verdict(true));
  EXPECT_EQ(hello_reader(50).read(hello_with("")), error(hello_error::too_large)) << "announced in the record";
  const auto whole = hello_with(server_name("p"));
  EXPECT_EQ(hello_reader(whole.size()).read(whole), verdict(true));
  EXPECT_EQ(hello_reader(whole.size() - 1).read(whole), error(hello_error::too_large));
}

TEST(ClientHello, LengthsMustAgree) {
  const auto good = body_of(server_name("p"));
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto cut = read(record_of(message_of(good.substr(0, length))));
    if (length == good.size() - server_name("p").size() - 2) continue;  // ends before its extensions: TLS 1.2 may
    EXPECT_EQ(cut, error(hello_error::bad_hello)) << length;
  }
  EXPECT_EQ(read(record_of(message_of(good + "x"))), error(hello_error::bad_hello));
  EXPECT_EQ(read(hello_with(extension(0, ""))), error(hello_error::bad_hello));
  EXPECT_EQ(read(hello_with(extension(0, vector_of("", 2)))), error(hello_error::bad_hello));
  EXPECT_EQ(read(hello_with(extension(0, vector_of(host_name("p"), 2) + "x"))), error(hello_error::bad_hello));
  EXPECT_EQ(read(hello_with(extension(0, vector_of(big_endian(0, 1) + big_endian(200, 2) + "p", 2)))),
            error(hello_error::bad_hello));
  EXPECT_EQ(read(hello_with(server_name("p") + big_endian(16, 2) + big_endian(200, 2) + "alpn")),
            error(hello_error::bad_hello));
}

TEST(ClientHello, WhatComesBeforeItsExtensionsKeepsToItsRules) {
  const auto with = [](std::size_t session, std::size_t suites, std::size_t compressions) {
    return read(
        record_of(message_of(big_endian(0x0303, 2) + std::string(32, 'r') + vector_of(std::string(session, 's'), 1) +
                             vector_of(std::string(suites, '\x13'), 2) + vector_of(std::string(compressions, '\0'), 1) +
                             vector_of(server_name("p"), 2))));
  };
  EXPECT_EQ(with(0, 2, 1), verdict(true));
  EXPECT_EQ(with(32, 4, 2), verdict(true));
  EXPECT_EQ(with(33, 4, 1), error(hello_error::bad_hello));
  EXPECT_EQ(with(0, 0, 1), error(hello_error::bad_hello));
  EXPECT_EQ(with(0, 3, 1), error(hello_error::bad_hello));
  EXPECT_EQ(with(0, 2, 0), error(hello_error::bad_hello));
}

TEST(ClientHello, NamesAreNames) {
  using std::string_literals::operator""s;
  for (const auto& name :
       {""s, "."s, ".a"s, "a.."s, "a b"s, "a\0b"s, "\xc3\xa4"s, "a/b"s, "a:1"s, "*"s, std::string(256, 'a')})
    EXPECT_EQ(read(hello_with(server_name(name))), error(hello_error::bad_name)) << name;
  EXPECT_EQ(read(hello_with(server_name("a") + server_name("b"))), error(hello_error::bad_name));
  EXPECT_EQ(read(hello_with(extension(0, vector_of(host_name("a") + host_name("b"), 2)))),
            error(hello_error::bad_name));
  const auto nameless = extension(0, vector_of(big_endian(7, 1) + vector_of("other kind", 2), 2));
  EXPECT_EQ(read(hello_with(nameless + server_name("b"))), error(hello_error::bad_name));
}

TEST(ClientHello, ANameMayBeAsLongAsNamesGet) {
  const std::string longest(255, 'a');
  EXPECT_EQ(name_in(hello_with(server_name(longest))), longest);
}

TEST(ClientHello, RealOnesAreRead) {
  for (const auto& [file, name] : {std::pair{"tls13", "puppet.example.com"}, std::pair{"tls12", "puppet.example.com"},
                                   std::pair{"two_records", "puppet.example.com"}, std::pair{"no_name", ""}}) {
    std::ifstream in(TEST_SOURCE_DIR "/fuzz/corpus/client_hello/" + std::string(file), std::ios::binary);
    EXPECT_EQ(name_in({std::istreambuf_iterator<char>(in), {}}), name) << file;
  }
}

TEST(ClientHello, EveryErrorHasASentence) {
  for (std::size_t i = 0; i < hello_error_count; ++i) EXPECT_GT(text_of(static_cast<hello_error>(i)).size(), 10u) << i;
}
