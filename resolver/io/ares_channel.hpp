#pragma once
#include "policy/dns_message.hpp"

#include <bunraku/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bunraku::io {

/// Asks name servers through c-ares, without ever blocking the loop.
/// Model:   each query has a c-ares channel of its own, so that it can be cancelled alone and nothing stays open, armed
///          or remembered between queries; only which server answered last is kept, and asked first the next time: a
///          dead first name server then costs its timeout once. Several servers are tried, a truncated answer is asked
///          for again over TCP, and all of it ends at dns_options::lookup_deadline. The time for one try is shortened
///          where that is needed to reach every server before the deadline. When none can even be reached, which shows
///          at once, they are asked once more after 50 ms. Who answers what is not believed, a referral for instance,
///          is passed over for the others.
/// Threads: the executor's one thread only.
/// Owns:    queries under way may outlive this object, whose end closes it.
class ares_channel {
 public:
  /// dns_timeout, dns_failed or cancelled; the note is one sentence that names servers and name.
  struct failure {
    boost::system::error_code code;
    std::string note;
    bool no_socket = false;  ///< this host had none to ask with
  };

  /// Reads a reply, the message as it came, of which id and question are checked. False: it is not believed.
  using judge = std::function<bool(std::span<const std::uint8_t> wire)>;

  ares_channel(boost::asio::any_io_executor executor, const dns_options& dns);
  ~ares_channel();
  ares_channel(const ares_channel&) = delete;
  ares_channel& operator=(const ares_channel&) = delete;

  /// dns_options::lookup_deadline and try_timeout within their bounds.
  std::chrono::milliseconds deadline() const noexcept;
  std::chrono::milliseconds try_timeout() const noexcept;

  /// Whether resolv.conf names other servers by now than those that the last query went to. Costs a stat.
  bool has_other_servers();

  /// Ends every query under way, and every later one, with errc::cancelled.
  void close();

  /// `name` is absolute, without escapes; no search list is applied. NXDOMAIN and empty answers are replies.
  /// Cancels: terminal; then the failure is errc::cancelled.
  /// `is_believed` is given each reply until it believes one, or no other server is left to ask. Who sent the last one
  /// is what is returned, as "address:port".
  boost::asio::awaitable<std::expected<std::string, failure>> query(std::string name, policy::dns_type type,
                                                                    judge is_believed);

 private:
  struct state;
  static boost::asio::awaitable<std::expected<std::string, failure>> run(std::shared_ptr<state> shared,
                                                                         std::string name, policy::dns_type type,
                                                                         judge is_believed);
  std::shared_ptr<state> state_;
};

}  // namespace bunraku::io
