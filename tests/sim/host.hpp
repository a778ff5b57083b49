#pragma once
#include "content.hpp"
#include "fault.hpp"
#include "timeline.hpp"

#include <bunraku/endpoint.hpp>
#include <bunraku/master.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sim {

/// A request as it is on the wire.
struct request {
  std::uint64_t exchange = 0;
  const bunraku::endpoint* row = nullptr;
  std::string method, target;
  bunraku::service of = bunraku::service::catalog;
  std::uint64_t body = 0;
};

/// It is for a file that the first version of the code does not have: such masters answer 404.
bool needs_new_code(const request& what) noexcept;

/// How a connection comes about, known as soon as it is begun.
struct connecting {
  enum class end : std::uint8_t { ready, refused, reset, bad_certificate, refuses_us, nothing };
  time_point tcp = never;    ///< connected; never: not before anybody's patience ends
  time_point ended = never;  ///< of `how`
  end how = end::nothing;
};

/// Everything that a master will do about a request, known as soon as it is sent. Times are those at which it is seen
/// on our side; `never` is later than anybody waits.
struct reply {
  time_point taken = never;   ///< the master (its kernel) has the whole request
  time_point head = never;    ///< of the answer
  time_point broken = never;  ///< the connection ends or breaks: nothing comes after it
  bool readable = true;       ///< what comes is HTTP
  bool may_have_processed = false;
  int status = 200;
  std::optional<std::chrono::seconds> retry_after;
  std::optional<std::uint64_t> declared;  ///< Content-Length; nothing: chunked
  content body;
  struct piece {
    time_point at;
    std::uint64_t until;  ///< bytes of the body that are there then
  };
  std::vector<piece> pieces;  ///< the last one that counts comes before `broken`
  bool keeps = true;          ///< the connection may carry another request
};

/// One master's host: what it does with connections and requests, as its fault schedule says.
struct host {
  bunraku::master who{"", 0, bunraku::source_kind::srv};
  windows faults;  ///< of the whole host: sorted, and not two at a time
  windows request_faults;
  duration round_trip = 1ms;
  std::uint32_t speed = 1;  ///< how many times slower than the fastest
  /// When its code becomes a newer version (0 before the first). Masters get the same versions at different times.
  std::vector<time_point> deployments;

  std::uint32_t version(time_point t) const noexcept;
  const window* host_fault(time_point t) const noexcept;
  const window* request_fault(time_point t, bunraku::service of) const noexcept;
  /// Something that takes it so long, begun at `t`, is done when? `never` if it is killed meanwhile.
  time_point work(time_point t, duration takes) const noexcept;
  /// A connection that stood at `since` is dead from when on; never if nobody kills it.
  time_point dies_after(time_point since) const noexcept;

  connecting connect(time_point now) const;
  /// `since`: when the connection was made. `kept`: it was idle before. `again` counts requests of this simulation, so
  /// that what differs by chance differs by request.
  reply serve(const request& what, time_point now, time_point since, bool kept, std::uint64_t salt) const;
  /// Would it serve each request of this service that comes between both times, well within the deadline?
  bool able(bunraku::service of, time_point from, time_point to) const noexcept;

 private:
  void answer_with(reply& r, const request& what, time_point started, std::uint64_t salt, std::uint32_t factor) const;
};

}  // namespace sim
