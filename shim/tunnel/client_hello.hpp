#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace shim::tunnel {

/// Why bytes were refused as the beginning of TLS.
enum class hello_error : std::uint8_t {
  not_tls,        ///< no TLS record of the handshake kind
  not_hello,      ///< a handshake, but not its first message
  too_large,      ///< larger than the limit, as announced or as it came
  bad_record,     ///< a record that is empty, longer than TLS allows, or interrupted by another kind
  bad_hello,      ///< lengths inside the ClientHello contradict each other
  bad_name,       ///< a server_name that is empty, repeated, or has characters that names do not have
  trailing_bytes  ///< something follows the ClientHello in its record
};
inline constexpr std::size_t hello_error_count = static_cast<std::size_t>(hello_error::trailing_bytes) + 1;
/// One sentence, static, without any of the refused bytes in it.
std::string_view text_of(hello_error) noexcept;

/// Reads a TLS ClientHello from bytes that arrive piece by piece: one record or several, cut anywhere. It wants to know
/// two things: that this is one, whole, and which server it is for. Nothing else in it is judged: that is the master's
/// business. Each byte is looked at a fixed number of times, however it was cut. No I/O.
/// Source: RFC 8446, 4.1.2 and 5.1; RFC 6066, 3.
class hello_reader {
 public:
  /// Real ones have 200 to 2,000 bytes; with post-quantum key shares a few thousand.
  static constexpr std::size_t usual_limit = 32768;

  explicit hello_reader(std::size_t most_bytes = usual_limit) noexcept : most_(most_bytes) {}

  /// `all` is everything received since the connection began; each call repeats what the last one gave and adds to it
  /// (the buffer may move). True: the ClientHello is whole; what follows its record in `all` was not looked at.
  /// False: more bytes are needed. After an error the reader is of no use any more.
  std::expected<bool, hello_error> read(std::string_view all);

  /// Once it is whole: lower case, without a trailing dot; empty when the client names no server.
  const std::string& server_name() const noexcept { return server_name_; }

 private:
  std::expected<void, hello_error> take_record(std::string_view fragment);
  std::expected<void, hello_error> parse();

  std::size_t most_;
  std::size_t position_ = 0;  // of the first record that was not taken yet
  bool whole_ = false;
  std::string message_;  // fragments of the records taken
  std::string server_name_;
};

}  // namespace shim::tunnel
