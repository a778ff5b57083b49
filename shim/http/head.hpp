#pragma once
#include "http/framing_error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <new>
#include <optional>
#include <string_view>

namespace shim::http {

/// What a header field is to a proxy, by its name alone.
enum class field_role : std::uint8_t {
  ordinary,  ///< goes through as it came
  host,
  content_length,
  transfer_encoding,
  connection,
  expect,
  hop_by_hop,   ///< for the next hop only, or an imitation of a framing field's name ("Content_Length")
  identity,     ///< tells a master who the client is, which only TLS may: X-Client-DN, X-Forwarded-For, ...
  retry_after,  ///< written anew: see agent_manners.hpp
};
field_role role_of(std::string_view name) noexcept;

/// One header field. Views into the buffer that was parsed; `value` has no white space at its ends. A value may hold
/// HTAB and 8-bit bytes (RFC 9110, 5.5: opaque), never other control characters.
struct field {
  std::string_view name, value;
  field_role role = field_role::ordinary;
};

/// The fields of one head, in order. No allocation; copying costs what is in use, not the capacity.
class field_list {
 public:
  /// A little over the usual limit, so that a head we wrote (with Host, a length, Connection added) can be read again.
  static constexpr std::size_t capacity = 104;

  field_list() noexcept {}  // NOLINT: storage_ is uninitialised on purpose
  field_list(const field_list& other) noexcept { assign(other); }
  field_list& operator=(const field_list& other) noexcept {
    if (this != &other) assign(other);
    return *this;
  }
  ~field_list() = default;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const field* begin() const noexcept { return std::launder(reinterpret_cast<const field*>(storage_)); }
  const field* end() const noexcept { return begin() + size_; }
  const field& operator[](std::size_t i) const noexcept { return begin()[i]; }

  /// False if it is full.
  bool push_back(const field& f) noexcept {
    if (size_ == capacity) return false;
    std::construct_at(reinterpret_cast<field*>(storage_) + size_, f);
    ++size_;
    return true;
  }
  void clear() noexcept { size_ = 0; }

  /// Value of the first field of this name (case does not matter).
  std::optional<std::string_view> find(std::string_view name) const noexcept;

 private:
  static_assert(std::is_trivially_copyable_v<field> && std::is_trivially_destructible_v<field>);
  void assign(const field_list& other) noexcept {
    std::memcpy(storage_, other.storage_, other.size_ * sizeof(field));
    size_ = other.size_;
  }
  std::size_t size_ = 0;
  alignas(field) std::byte storage_[capacity * sizeof(field)];
};

enum class body_kind : std::uint8_t {
  none,
  length,      ///< exactly `length` bytes, 0 included
  chunked,     ///< chunked_decoder knows where it ends
  until_close  ///< responses only
};

struct body_framing {
  body_kind kind = body_kind::none;
  std::uint64_t length = 0;  ///< bytes, for body_kind::length
  bool operator==(const body_framing&) const = default;
};

/// Bounds on one head. All of them apply at once.
struct limits {
  std::size_t head_bytes = 32768;  ///< start line, fields and the empty line
  std::size_t fields = 100;        ///< at most field_list::capacity
  std::size_t target_bytes = 16384;
};

/// A request that is safe to pass on: views into the parsed buffer, which must outlive it.
struct request_head {
  std::string_view method;       ///< GET, HEAD, POST, PUT or DELETE
  std::string_view target;       ///< origin-form, byte for byte
  std::string_view host;         ///< as sent, with port if it has one; empty only with HTTP/1.0
  int minor = 1;                 ///< HTTP/1.minor
  body_framing body;             ///< none, length or chunked
  bool keep_alive = true;        ///< false: this is the last request of its connection (HTTP/1.0 always)
  bool expect_continue = false;  ///< the client waits for 100 before it sends its body
  bool is_head = false;
  bool names_hop_fields = false;  ///< Connection names fields besides close and keep-alive
  field_list fields;
};

struct response_head {
  int status = 0;           ///< 100 to 599, never 101
  std::string_view reason;  ///< may be empty, may hold HTAB and 8-bit bytes
  int minor = 1;
  body_framing body;  ///< of what follows: none for HEAD, 1xx, 204, 304 whatever the fields say
  std::optional<std::uint64_t> announced_length;  ///< Content-Length of a HEAD or 304 answer, which has no body
  bool keep_alive = true;                         ///< the connection may carry another request after this answer
  bool names_hop_fields = false;
  field_list fields;
};

/// Finds the end of a head in bytes that arrive piece by piece, and refuses what no head may hold as soon as it is
/// seen. Each byte is looked at once, however it was cut.
class head_scanner {
 public:
  explicit head_scanner(const limits& bounds = {}) noexcept : limits_(bounds) {}

  /// `all` is everything received since the head began; each call repeats what the last one gave and adds to it (the
  /// buffer may move). Returns the length of the head with its empty line, or 0 for "more bytes are needed".
  std::expected<std::size_t, framing_error> scan(std::string_view all) noexcept;

  /// For the next head on the same connection.
  void reset() noexcept { position_ = line_start_ = 0; }

 private:
  limits limits_;
  std::size_t position_ = 0;    // everything before it was found harmless
  std::size_t line_start_ = 0;  // of the line in which position_ is
};

/// Takes exactly one head, as head_scanner delimits it. Checks everything itself: bytes that were not scanned are not
/// trusted more. No allocation.
/// Source: RFC 9112, narrowed as contrib/adr/0002 says.
std::expected<request_head, framing_error> parse_request(std::string_view head, const limits& bounds = {}) noexcept;

/// `request_method` is the method this answers: to HEAD there is never a body.
std::expected<response_head, framing_error> parse_response(std::string_view head, const limits& bounds,
                                                           std::string_view request_method) noexcept;

}  // namespace shim::http
