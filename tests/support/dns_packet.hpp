#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::test {

using octets = std::vector<std::uint8_t>;

inline void put16(octets& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(octets& to, std::uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}
inline void put(octets& to, const octets& more) { to.insert(to.end(), more.begin(), more.end()); }

/// "a.b" uncompressed; "." or "" is the root.
inline octets wire_name(std::string_view text) {
  octets wire;
  while (!text.empty() && text != ".") {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    wire.push_back(static_cast<std::uint8_t>(label.size()));
    wire.insert(wire.end(), label.begin(), label.end());
    text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
  }
  wire.push_back(0);
  return wire;
}

inline octets srv_data(unsigned priority, unsigned weight, unsigned port, std::string_view target) {
  octets data;
  put16(data, priority);
  put16(data, weight);
  put16(data, port);
  put(data, wire_name(target));
  return data;
}

inline octets soa_data(std::uint32_t minimum) {
  octets data = wire_name("ns.example.com");
  put(data, wire_name("hostmaster.example.com"));
  for (const std::uint32_t number : {1u, 3600u, 600u, 86400u, minimum}) put32(data, number);
  return data;
}

namespace rr {
constexpr unsigned a = 1, ns = 2, cname = 5, soa = 6, txt = 16, aaaa = 28, srv = 33;
}

/// Builds a DNS response octet by octet, so that a test can also build a broken one.
class dns_packet {
 public:
  /// An authoritative-looking answer of a recursive server (QR, RD, RA) with the question in it.
  dns_packet(std::string_view name, unsigned type, unsigned id = 0) {
    put16(wire_, id);
    put16(wire_, 0x8180);
    for (const unsigned count : {1u, 0u, 0u, 0u}) put16(wire_, count);
    put(wire_, wire_name(name));
    put16(wire_, type);
    put16(wire_, 1);
  }

  dns_packet& answer(std::string_view owner, unsigned type, std::uint32_t ttl, const octets& data) {
    return record(6, wire_name(owner), type, ttl, data, data.size());
  }
  dns_packet& authority(std::string_view owner, unsigned type, std::uint32_t ttl, const octets& data) {
    return record(8, wire_name(owner), type, ttl, data, data.size());
  }
  /// An answer whose owner name and length field are given as they are to be.
  dns_packet& raw_answer(const octets& owner, unsigned type, std::uint32_t ttl, const octets& data,
                         std::size_t length) {
    return record(6, owner, type, ttl, data, length);
  }
  dns_packet& srv(std::string_view owner, unsigned priority, unsigned weight, unsigned port, std::string_view target,
                  std::uint32_t ttl = 300) {
    return answer(owner, rr::srv, ttl, srv_data(priority, weight, port, target));
  }
  dns_packet& rcode(unsigned code) { return flags((flags() & 0xfff0u) | code); }
  dns_packet& flags(unsigned value) { return set16(2, value); }
  unsigned flags() const { return static_cast<unsigned>(wire_[2] << 8 | wire_[3]); }
  dns_packet& set16(std::size_t at, unsigned value) {
    wire_.at(at) = static_cast<std::uint8_t>(value >> 8);
    wire_.at(at + 1) = static_cast<std::uint8_t>(value);
    return *this;
  }
  std::size_t size() const { return wire_.size(); }
  octets& wire() { return wire_; }
  operator octets() const { return wire_; }  // NOLINT: a packet is its octets

 private:
  dns_packet& record(std::size_t count_at, const octets& owner, unsigned type, std::uint32_t ttl, const octets& data,
                     std::size_t length) {
    put(wire_, owner);
    put16(wire_, type);
    put16(wire_, 1);
    put32(wire_, ttl);
    put16(wire_, static_cast<unsigned>(length));
    put(wire_, data);
    const unsigned count = static_cast<unsigned>(wire_[count_at] << 8 | wire_[count_at + 1]) + 1;
    return set16(count_at, count);
  }

  octets wire_;
};

}  // namespace bunraku::test
