// Faults that a test switches on and off while a master runs.
#pragma once

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace lab {

// A fault is a list of terms, each a name with or without a number: "delay_ms:200,slow_bps:1000".
// At the connection:
//   refuse                    stop listening: connects are refused
//   reset_after_accept        accept, then RST
//   hang_after_accept         accept, never speak TLS
//   plain_text                accept, answer TLS with an HTTP line
//   hang_after_handshake      finish TLS, never read a request
//   reset_after_handshake     finish TLS, then RST
// At a request that matches:
//   delay_ms:N                before anything else
//   close_before_answer       FIN without close_notify, after the request was read
//   reset_before_answer       RST, after the request was read
//   hang_before_answer        never answer
//   die_before_answer         the whole process ends by SIGKILL, after the request was read
//   hang_after_headers        send the answer's head, then nothing
//   reset_after_bytes:N       RST after N bytes of the answer's body
//   close_after_bytes:N       FIN without close_notify after N bytes of the answer's body
//   hang_after_bytes:N        nothing more after N bytes of the answer's body
//   slow_bps:N                at most N bytes of body a second
//   status:N                  this status instead; with `body` as text
//   retry_after:N             the header, whatever the status
//   raw                       write `body` as it is, then close
//   close_after_answer        bare FIN after an answer that promised to keep the connection
//   notify_after_answer       the same with close_notify first
//   last_answer               "Connection: close" on the answer
struct fault {
  std::map<std::string, std::int64_t, std::less<>> terms;
  std::string body;
  std::optional<std::string> content_type;
  // Matching; only requests that match are counted.
  std::string method, path_prefix;
  std::uint64_t nth = 0;    // 0: each; k: the k-th match only
  std::uint64_t times = 0;  // 0: without end; else spent after so many uses
  std::uint64_t id = 0;
  std::uint64_t matched = 0, used = 0;

  bool has(std::string_view term) const { return terms.find(term) != terms.end(); }
  std::optional<std::int64_t> value(std::string_view term) const;
  bool at_connection() const;
};

// {"fault": "...", "match": {"method", "path_prefix", "nth", "times"}, "body": "...", "content_type": "..."}; throws
// lab::failure on anything unknown.
fault parse_fault(const boost::json::object& order);

class fault_table {
 public:
  std::uint64_t add(fault added);
  void clear() { faults_.clear(); }
  bool remove(std::uint64_t id);
  bool refuses() const;
  // The fault to commit, with its use counted.
  std::optional<fault> on_connection();
  std::optional<fault> on_request(std::string_view method, std::string_view target);

 private:
  std::list<fault> faults_;
  std::uint64_t last_id_ = 0;
};

}  // namespace lab
