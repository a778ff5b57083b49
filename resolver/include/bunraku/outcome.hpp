#pragma once
#include <bunraku/endpoint.hpp>
#include <bunraku/master.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bunraku {

/// How far an attempt came.
enum class stage {
  resolve,     ///< looking up the master's address
  connect,     ///< TCP
  tls,         ///< handshake and verification
  send,        ///< writing the request
  first_byte,  ///< waiting for the head of the answer
  body,        ///< relaying the answer
  done,        ///< complete
};
constexpr std::string_view name_of(stage s) noexcept {
  switch (s) {
    case stage::resolve: return "resolve";
    case stage::connect: return "connect";
    case stage::tls: return "tls";
    case stage::send: return "send";
    case stage::first_byte: return "first_byte";
    case stage::body: return "body";
    case stage::done: return "done";
  }
  return {};
}

/// One try at one master. `reason` is one sentence for people, empty on success. `status` is the HTTP status if an
/// answer's head came, else 0. `elapsed` counts from the start of this attempt.
class attempt {
 public:
  attempt(master who, stage reached, boost::system::error_code error, std::string reason,
          std::chrono::microseconds elapsed, int status = 0)
      : who_(std::move(who)),
        reached_(reached),
        status_(status),
        error_(error),
        reason_(std::move(reason)),
        elapsed_(elapsed) {}

  const master& who() const noexcept { return who_; }
  stage reached() const noexcept { return reached_; }
  const boost::system::error_code& error() const noexcept { return error_; }
  const std::string& reason() const noexcept { return reason_; }
  std::chrono::microseconds elapsed() const noexcept { return elapsed_; }
  int status() const noexcept { return status_; }

  /// "compile1.example.com:8140: connect: Connection refused (after 0.2 s)"
  std::string to_string() const;

 private:
  master who_;
  stage reached_;
  int status_;
  boost::system::error_code error_;
  std::string reason_;
  std::chrono::microseconds elapsed_;
};

/// What a master made of a request, told to the resolver so that it prefers the right masters from then on. Failed
/// connections need not be told: the resolver made them itself.
class outcome {
 public:
  enum class kind : std::uint8_t {
    begun,            ///< the request is about to be sent
    answered,         ///< a whole answer came, of any status but those below
    unanswered,       ///< sent, and no answer
    broken_answer,    ///< the answer broke off, or broke HTTP's rules
    server_error,     ///< 502, 504, or 503 without Retry-After
    saturated,        ///< 503 or 429 with Retry-After
    cancelled,        ///< the caller went away: says nothing about the master
    spoke_tls,        ///< dialled (async_dial), and its side of TLS began
    no_tls,           ///< dialled, and no byte of TLS came within the limit, or something else did
    bad_certificate,  ///< dialled, and it showed a certificate that must not be accepted
    refused_us,       ///< errc::refused_us from the first read: our fault, and says nothing about the master
  };
  explicit outcome(kind what, std::string reason = {}) : what_(what), reason_(std::move(reason)) {}

  kind what() const noexcept { return what_; }
  const std::string& reason() const noexcept { return reason_; }
  std::chrono::microseconds first_byte() const noexcept { return first_byte_; }
  const endpoint* row() const noexcept { return row_; }  ///< null: not told
  std::chrono::seconds retry_after() const noexcept { return retry_after_; }
  /// From the request's last byte to the answer's first. With the request's row it teaches overdue_after.
  outcome& set_first_byte(std::chrono::microseconds time) noexcept {
    first_byte_ = time;
    return *this;
  }
  outcome& set_endpoint(const endpoint& row) noexcept {
    row_ = &row;
    return *this;
  }
  outcome& set_retry_after(std::chrono::seconds time) noexcept {
    retry_after_ = time;
    return *this;
  }

 private:
  kind what_;
  std::string reason_;  ///< one sentence for people
  const endpoint* row_ = nullptr;
  std::chrono::microseconds first_byte_{0};
  std::chrono::seconds retry_after_{0};
};

}  // namespace bunraku
