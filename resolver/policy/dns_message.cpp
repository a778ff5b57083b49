#include "policy/dns_message.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace bunraku::policy {
namespace {

constexpr std::uint16_t class_in = 1;
constexpr std::uint16_t type_ns = 2;
constexpr std::size_t header_size = 12;
constexpr std::size_t max_aliases = 8;

/// The only way to touch the octets. The first read beyond the end makes it fail for good: reads then give zeros, so a
/// caller may read a whole structure and ask once.
class reader {
 public:
  explicit reader(std::span<const std::uint8_t> wire, std::size_t at = 0) : wire_(wire), at_(at) {}

  bool failed() const noexcept { return failed_; }
  std::size_t at() const noexcept { return at_; }

  std::uint8_t u8() noexcept {
    const auto octets = take(1);
    return failed_ ? std::uint8_t{0} : octets[0];
  }
  std::uint16_t u16() noexcept {
    const auto octets = take(2);
    return failed_ ? std::uint16_t{0} : static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  std::span<const std::uint8_t> take(std::size_t count) noexcept {
    if (failed_ || count > wire_.size() - at_) {
      failed_ = true;
      return {};
    }
    const auto octets = wire_.subspan(at_, count);
    at_ += count;
    return octets;
  }

  /// A name, perhaps compressed (RFC 1035, 4.1.4). A pointer must lead to before everything read of this name so far:
  /// that is what honest compression does, and it leaves no room for a loop.
  dns_name name() {
    dns_name result;
    reader from(wire_, at_);
    std::size_t lowest = at_;
    bool jumped = false;
    for (;;) {
      const std::uint8_t length = from.u8();
      if (from.failed_) break;
      if (length >= 0xc0) {
        const std::size_t target = static_cast<std::size_t>(length & 0x3f) << 8 | from.u8();
        if (from.failed_ || target >= lowest || target < header_size) break;
        if (!jumped) at_ = from.at_;
        jumped = true;
        lowest = target;
        from.at_ = target;
        continue;
      }
      if (length == 0) {
        if (!jumped) at_ = from.at_;
        return result;
      }
      const auto label = from.take(length);  // empty if it is cut
      if (!result.append({reinterpret_cast<const char*>(label.data()), label.size()})) break;
    }
    failed_ = true;
    return {};
  }

 private:
  std::span<const std::uint8_t> wire_;
  std::size_t at_;
  bool failed_ = false;
};

struct header {
  std::uint16_t flags = 0, questions = 0, answers = 0, authorities = 0;
  bool is_response() const noexcept { return (flags & 0x8000) != 0; }
  unsigned opcode() const noexcept { return flags >> 11 & 0xf; }
  bool authoritative() const noexcept { return (flags & 0x0400) != 0; }
  bool truncated() const noexcept { return (flags & 0x0200) != 0; }
  bool recursive() const noexcept { return (flags & 0x0080) != 0; }
  unsigned response_code() const noexcept { return flags & 0xf; }
};

struct record {
  dns_name owner;
  std::uint16_t type = 0, klass = 0;
  std::chrono::seconds ttl{0};
  std::size_t data = 0, size = 0;  ///< where its RDATA lies in the message
};

record read_record(reader& from) {
  record r;
  r.owner = from.name();
  r.type = from.u16();
  r.klass = from.u16();
  const std::uint32_t ttl = from.u32();
  r.ttl = std::chrono::seconds(ttl & 0x80000000u ? 0 : ttl);  // RFC 2181, 8
  r.size = from.u16();
  r.data = from.at();
  from.take(r.size);
  return r;
}

/// Reads one message. The sections are walked more than once and never copied.
class message {
 public:
  message(std::span<const std::uint8_t> wire, const dns_name& name, dns_type type)
      : wire_(wire), asked_(name), type_(type), owner_(name) {}

  std::expected<dns_answer, dns_refusal> read() {
    reader from(wire_);
    from.u16();  // the identifier is the transport's business
    header_ = {from.u16(), from.u16(), from.u16(), from.u16()};
    from.u16();
    if (from.failed()) return malformed("it is shorter than a header");
    if (auto no = check_question(from); !no.what.empty()) return std::unexpected(std::move(no));
    answers_at_ = from.at();

    if (!collect_aliases(from)) return malformed("a record runs past the end or has a broken name or alias");
    if (!follow_aliases()) return malformed("its aliases loop or are more than " + std::to_string(max_aliases));
    if (!read_authority(from)) return malformed("an authority record is broken");
    if (!collect_records()) return malformed("a record's data does not fit its type");
    return conclude();
  }

 private:
  static std::unexpected<dns_refusal> malformed(std::string what) {
    return std::unexpected(dns_refusal{dns_refusal::reason::malformed, "the answer is malformed: " + std::move(what)});
  }

  /// An empty `what` means that all is well.
  dns_refusal check_question(reader& from) const {
    using reason = dns_refusal::reason;
    if (!header_.is_response() || header_.opcode() != 0) return {reason::malformed, "this is no answer to a query"};
    if (header_.questions != 1) return {reason::malformed, "the answer does not repeat the question"};
    const dns_name name = from.name();
    const std::uint16_t type = from.u16();
    const std::uint16_t klass = from.u16();
    if (from.failed()) return {reason::malformed, "the answer is malformed: its question is broken"};
    if (name != asked_ || type != static_cast<std::uint16_t>(type_) || klass != class_in)
      return {reason::malformed, "the answer is to another question"};
    if (header_.truncated()) return {reason::truncated, "the answer is truncated"};
    if (const unsigned code = header_.response_code(); code != 0 && code != 3) {
      return {reason::server_error, "the name server said " + response_code_text(code)};
    }
    return {};
  }

  bool wanted(const record& r, dns_type type) const noexcept {
    return r.klass == class_in && r.type == static_cast<std::uint16_t>(type);
  }

  /// Walks the whole answer section once, so that every record's frame is known to be sound. Only as many aliases are
  /// kept as a chain may have links.
  bool collect_aliases(reader& from) {
    for (unsigned i = 0; i < header_.answers; ++i) {
      const record r = read_record(from);
      if (from.failed()) return false;
      if (!wanted(r, dns_type::cname) || aliases_.size() > max_aliases) continue;
      reader data(wire_, r.data);
      dns_name target = data.name();
      if (data.failed() || data.at() != r.data + r.size) return false;
      aliases_.push_back({r.owner, std::move(target), r.ttl});
    }
    return true;
  }

  bool follow_aliases() {
    for (std::size_t links = 0;; ++links) {
      const auto next = std::ranges::find(aliases_, owner_, &alias::owner);
      if (next == aliases_.end()) return true;
      if (links == max_aliases) return false;
      lower_ttl(next->ttl);
      owner_ = next->target;
    }
  }

  bool read_authority(reader& from) {
    for (unsigned i = 0; i < header_.authorities; ++i) {
      const record r = read_record(from);
      if (from.failed()) return false;
      if (r.klass == class_in && r.type == type_ns) referral_ = true;
      if (!wanted(r, dns_type::soa) || negative_ttl_) continue;
      reader data(wire_, r.data);
      data.name();
      data.name();
      data.take(16);  // serial, refresh, retry, expire
      const std::uint32_t minimum = data.u32();
      if (data.failed() || data.at() != r.data + r.size) return false;
      negative_ttl_ = std::min(r.ttl, std::chrono::seconds(minimum & 0x80000000u ? 0 : minimum));
    }
    return true;
  }

  bool collect_records() {
    reader from(wire_, answers_at_);
    for (unsigned i = 0; i < header_.answers; ++i) {
      const record r = read_record(from);
      if (!wanted(r, type_) || r.owner != owner_) continue;
      if (kept_ == dns_answer::max_records) {
        ++cut_;
        continue;
      }
      ++kept_;
      lower_ttl(r.ttl);
      if (!keep(r)) return false;
    }
    return true;
  }

  bool keep(const record& r) {
    const auto data = wire_.subspan(r.data, r.size);
    switch (type_) {
      case dns_type::srv: return keep_srv(r);
      case dns_type::a: return keep_address(result_.a, data);
      case dns_type::aaaa: return keep_address(result_.aaaa, data);
      case dns_type::cname:
      case dns_type::soa: break;
    }
    return true;
  }

  template <class Address>
  bool keep_address(std::vector<Address>& into, std::span<const std::uint8_t> data) {
    Address octets;
    if (data.size() != octets.size()) return false;
    std::ranges::copy(data, octets.begin());
    if (std::ranges::find(into, octets) == into.end()) into.push_back(octets);
    return true;
  }

  bool keep_srv(const record& r) {
    reader data(wire_, r.data);
    srv_record srv{data.u16(), data.u16(), data.u16(), {}};
    const dns_name target = data.name();  // some servers compress it, though RFC 2782 forbids that
    if (data.failed() || data.at() != r.data + r.size) return false;
    if (target.is_root()) {
      ++roots_;
      return true;
    }
    auto host = target.to_host();
    if (!host) {
      remark("dropped the target '" + shown(target) + "', which is not a host name");
    } else if (srv.port == 0) {
      remark("dropped " + *host + ", whose port is 0");
    } else {
      srv.target = std::move(*host);
      result_.srv.push_back(std::move(srv));
    }
    return true;
  }

  std::expected<dns_answer, dns_refusal> conclude() {
    using enum dns_answer::status;
    const bool usable = !result_.srv.empty() || !result_.a.empty() || !result_.aaaa.empty();
    if (kept_ == 0 && header_.response_code() == 0 && !negative_ttl_ && !header_.authoritative() &&
        (referral_ || !header_.recursive()) && aliases_.empty()) {
      return std::unexpected(dns_refusal{dns_refusal::reason::server_error,
                                         "the name server does not resolve this name for us (it sent a referral)"});
    }
    if (cut_ != 0)
      remark("kept " + std::to_string(dns_answer::max_records) + " records and cut " + std::to_string(cut_));
    if (roots_ != 0 && usable) remark("passed over a target of \".\" beside real ones");
    if (owner_ != asked_) remark(shown(asked_) + " is an alias of " + shown(owner_));

    if (usable) result_.state = found;
    else if (roots_ != 0 && roots_ == kept_) result_.state = absent;
    else if (kept_ != 0) result_.state = unusable;
    else result_.state = header_.response_code() == 3 ? no_such_name : no_data;
    if (kept_ == 0 && negative_ttl_) lower_ttl(*negative_ttl_);
    if (kept_ != 0 || negative_ttl_) result_.ttl = ttl_;
    return std::move(result_);
  }

  void lower_ttl(std::chrono::seconds ttl) { ttl_ = ttl_ ? std::min(*ttl_, ttl) : ttl; }

  /// As long as a host's name may be. Odd octets make a name four times as long.
  static std::string shown(const dns_name& name) { return name.to_text().substr(0, 253); }

  /// At most eight remarks: a hostile answer must not fill a log line.
  void remark(std::string text) {
    if (++remarks_ > 8) return;
    if (!result_.note.empty()) result_.note += "; ";
    result_.note += remarks_ == 8 ? "and more" : text;
  }

  struct alias {
    dns_name owner, target;
    std::chrono::seconds ttl;
  };

  std::span<const std::uint8_t> wire_;
  const dns_name& asked_;
  dns_type type_;
  dns_name owner_;  ///< whose records count: `asked_`, or where its aliases end
  header header_;
  std::size_t answers_at_ = 0;
  std::vector<alias> aliases_;
  bool referral_ = false;
  std::size_t kept_ = 0, cut_ = 0, roots_ = 0, remarks_ = 0;
  std::optional<std::chrono::seconds> ttl_, negative_ttl_;
  dns_answer result_;
};

}  // namespace

std::string_view name_of(dns_type type) noexcept {
  switch (type) {
    case dns_type::a: return "A";
    case dns_type::cname: return "CNAME";
    case dns_type::soa: return "SOA";
    case dns_type::aaaa: return "AAAA";
    case dns_type::srv: return "SRV";
  }
  return "?";
}

std::string response_code_text(unsigned code) {
  static constexpr std::array<std::string_view, 6> names{"NOERROR",  "FORMERR", "SERVFAIL",
                                                         "NXDOMAIN", "NOTIMP",  "REFUSED"};
  return (code < names.size() ? std::string(names[code]) : "response code") + " (" + std::to_string(code) + ")";
}

std::expected<dns_answer, dns_refusal> read_dns_answer(std::span<const std::uint8_t> wire, const dns_name& name,
                                                       dns_type type) {
  return message(wire, name, type).read();
}

}  // namespace bunraku::policy
