#pragma once
#include "policy/answer_book.hpp"
#include "policy/random.hpp"
#include "task.hpp"
#include "world.hpp"

#include <bunraku/options.hpp>
#include <bunraku/resolution.hpp>

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sim {

/// Asks DNS as engine/discovery and engine/dns_answers do; what to ask when, and what to believe, is the answer book's.
class names {
 public:
  names(world& of, std::vector<bunraku::service_options> services, const bunraku::policy::answer_rules& rules,
        std::uint64_t seed);

  /// What source number `index` says now.
  task<bunraku::source_answer> source(bunraku::service s, std::size_t index);
  /// The same if nobody has to be asked for it; else null. Valid until the next call.
  const bunraku::source_answer* cached_source(bunraku::service s, std::size_t index);
  std::size_t source_count(bunraku::service s) const noexcept { return services_[index_of(s)].sources.size(); }

  struct addresses {
    std::vector<std::array<std::uint8_t, 4>> found;
    boost::system::error_code error;
  };
  task<addresses> find(std::string host);

  /// A master of this service cannot be reached.
  void connect_failed(bunraku::service s, const bunraku::master& who);
  /// None of them can.
  void all_failed(bunraku::service s);

  bunraku::policy::answer_book& book() noexcept { return book_; }
  const std::vector<bunraku::service_options>& services() const noexcept { return services_; }
  std::size_t flights() const noexcept { return flights_.size(); }
  /// Questions whose records were seen by this host, so that they may serve when DNS does not.
  const std::map<bunraku::policy::dns_question, time_point>& seen() const noexcept { return seen_; }
  /// What a process that starts knows of what an earlier one saw.
  void remember(names& earlier, duration wall_error);
  bool believed_vanished() const noexcept { return believed_vanished_; }

 private:
  struct flight {
    std::optional<bunraku::policy::dns_decision> over;
    time_point patience_ends;  ///< who has an older answer waits no longer
    std::vector<sleeper*> waiting;
  };
  std::optional<bunraku::policy::dns_decision> at_once(const bunraku::policy::dns_question& question);
  task<bunraku::policy::dns_decision> wait(bunraku::policy::dns_question question);
  std::shared_ptr<flight> ask(const bunraku::policy::dns_question& question);
  detached run(bunraku::policy::dns_question question, std::shared_ptr<flight> own);

  world& world_;
  std::vector<bunraku::service_options> services_;
  bunraku::policy::answer_book book_;
  bunraku::policy::random chance_;
  std::map<bunraku::policy::dns_question, std::shared_ptr<flight>> flights_;
  std::map<bunraku::policy::dns_question, time_point> seen_;
  bunraku::source_answer known_;
  bool believed_vanished_ = false;
};

}  // namespace sim
