#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/error.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace bunraku {

/// Something that is about to be done, and that an observer may interfere with. What does not apply is empty.
struct moment {
  enum class kind : std::uint8_t {
    lookup,   ///< DNS is about to be asked for `host`; `method` is the record's type
    connect,  ///< the master is about to be dialled
    request,  ///< a request is about to be sent to it
  };
  kind what = kind::connect;
  std::uint64_t exchange = 0;  ///< the same in all moments of one exchange
  std::string service;         ///< its name
  std::string host;
  std::uint16_t port = 0;
  std::string method, path;  ///< of the request that it is for, without the query
};

/// A fault that is injected: what is played instead of what would have happened.
struct fault {
  enum class kind : std::uint8_t {
    none,
    dns_silent,       ///< lookup: no name server answers
    dns_lie,          ///< lookup: `body` is the answer, one record's data per line; empty: no such name
    refuse,           ///< connect: connection refused
    blackhole,        ///< connect: no packet comes back
    bad_certificate,  ///< connect: `certificate` says what is wrong with it
    hang,             ///< request: taken and never answered; the master does not see it
    reset,            ///< request: the connection breaks at byte `at_byte` of the answer, its head included
    status,           ///< request: answered with `status`, `headers`, `body`; the master does not see it
    delay,            ///< connect, request: all goes well, `delay` later
  };
  kind what = kind::none;
  std::chrono::milliseconds delay{0};
  std::uint64_t at_byte = 0;
  int status = 0;
  errc certificate = errc::certificate_expired;
  std::string headers;  ///< lines, each ended by CR LF
  std::string body;
  std::string by;  ///< "fault plugin, rule NAME": stands in every error that comes of it

  explicit operator bool() const noexcept { return what != kind::none; }
};

/// Does this fault fit that moment? Others are ignored.
bool fits(fault::kind what, moment::kind when) noexcept;

/// What is to be used instead of `real`: a stream that behaves as the fault of a request says (hang, reset, status,
/// delay), and `real` otherwise, unchanged. The request that is written to it reaches the master only with `reset` and
/// `delay`. Its break is told by a plain end of the stream, as a master that was killed would tell it.
/// Errors:  none; when no socket pair can be had, `real` is what comes back.
connection interfere(connection real, const fault& with);

}  // namespace bunraku
