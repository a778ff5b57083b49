#pragma once
#include <bunraku/master.hpp>

#include <boost/system/error_code.hpp>
#include <chrono>
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
      : who_(std::move(who)), reached_(reached), status_(status), error_(error), reason_(std::move(reason)),
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

}  // namespace bunraku
