#pragma once
#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku {

/// What one source said. Model: `masters` as the source listed them, unordered for SRV. `ttl_left` is what remains of
/// the answer's life (0 for sources that have none). `error` is set when the source could not answer, and is
/// service_absent for `absent`. `stale`: DNS does not answer now, or denies what it said before, so this is its last
/// good answer, `age` old, until it is asked again after `ttl_left`.
struct source_answer {
  enum class status : std::uint8_t {
    answered,  ///< masters is not empty
    empty,     ///< the source exists and knows nobody (no such record, empty list)
    absent,    ///< DNS says "." : the service is decidedly not offered
    failed,    ///< no answer; `error` and `note` say why
  };
  source_kind kind = source_kind::srv;
  status state = status::empty;
  std::string asked;  ///< the owner name that answered, or where the list was written
  std::vector<master> masters;
  std::chrono::seconds ttl_left{0};
  std::chrono::seconds age{0};  ///< since DNS said so; 0 for sources that are not asked for over the net
  bool stale = false;
  bool from_disk = false;  ///< an earlier process learned it
  boost::system::error_code error;
  std::string note;  ///< one sentence for people: which names were asked, which name server, what was dropped and why
};

/// Everything known about who serves a service, for `bunraku resolve`, status pages and embedders.
struct resolution {
  bunraku::service service = service::catalog;
  std::string service_name;
  std::vector<source_answer> answers;  ///< in the order of the service's sources
};

/// The order in which a request of this node tries the masters of a resolution while nothing is known against any and
/// no run has chosen yet: sources in turn, SRV by priority, and within a priority by weight and the node's preference,
/// which hangs on its certname alone; lists as written. The same on every machine and in every version.
std::vector<master> order_of(const resolution& from, std::string_view certname);
/// The same for a node without a certname: within a priority the weighted draw of RFC 2782, exactly. The same seed
/// gives the same order on every machine.
std::vector<master> order_by_draw(const resolution& from, std::uint64_t seed);

}  // namespace bunraku
