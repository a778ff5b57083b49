#pragma once
#include <bunraku/endpoint.hpp>
#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <chrono>
#include <cstdint>

namespace bunraku {

/// Which agent run an exchange belongs to; from resolver::begin_exchange to resolver::end_exchange.
struct run_ticket {
  std::uint64_t run = 0;  ///< 0: none
  std::uint64_t moves = 0;
  std::uint64_t exchange =
      0;  ///< its own number, which no other has, nor any of another process' (as far as chance goes)
};

/// How an exchange ended, for the run it belongs to. During a run, catalog and files stay with the master that answered
/// first; when another one had to answer, the run moves there, once and as a whole.
struct exchange_end {
  const endpoint& row;
  service of;                 ///< where it was routed, by the number it has now; gone_service: a reload took that away
  const master* answered_by;  ///< null: nobody
  const master* failed_first = nullptr;  ///< the first master that was tried, when another one was tried after it
  bool lag_checked = false;  ///< it was only asked whether a 404 is to be believed: the run does not move to it
  int status = 0;
  std::uint64_t bytes_up = 0, bytes_down = 0;  ///< of bodies
  /// Spent on masters that did not answer, before the one that did was connected.
  std::chrono::microseconds lost{0};
  /// The first master that was dialled, if it stayed silent until another one was connected.
  const master* silent = nullptr;
};

}  // namespace bunraku
