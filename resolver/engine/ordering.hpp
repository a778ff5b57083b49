#pragma once
#include "engine/status_questions.hpp"
#include "policy/knowledge.hpp"

#include <bunraku/extensions.hpp>
#include <bunraku/options.hpp>
#include <bunraku/resolution.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bunraku::engine {

/// What policies and probes that are not built in make of a service's masters.
/// Model:   a plan for a service with a policy asks it to score the candidates, unless the run has its master. If the
///          policy wants to know loads first, the service's probe says what to ask, and the masters are asked at the
///          same time, for as long as one is dialled and `patience` at most: then their silence is the answer. Nothing
///          is asked at any other time.
/// Threads: the loop's only. Kept by shared_ptr: questions under way hold a share.
class ordering : public std::enable_shared_from_this<ordering> {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds patience{2000};
  static constexpr std::size_t most_probed = 4;

  ordering(boost::asio::any_io_executor executor, std::shared_ptr<policy::knowledge> learned,
           std::shared_ptr<status_questions> questions, const resolver_options& options);
  void replace(const resolver_options& options);

  /// Has this service a policy of that kind?
  bool concerns(service s) const noexcept {
    return who_ != nullptr && index_of(s) < services_.size() && !services_[index_of(s)].policy.empty();
  }
  /// Is there anything to decide between these, or does the run have its master?
  bool has_a_choice(service s, const std::vector<master>& masters) const;
  /// One score per master of `from`, less is better; empty: no opinion.
  static boost::asio::awaitable<std::vector<std::int64_t>> scores(std::shared_ptr<ordering> self, service s,
                                                                  std::vector<master> masters);

  /// For onlookers: as they were scored last, if these masters were.
  std::vector<std::int64_t> last_scores(service s, const std::vector<master>& masters) const;
  std::optional<double> load_of(service s, const master& who, clock::time_point now) const;

 private:
  struct named {
    std::string name, policy, probe;
    bool operator==(const named&) const = default;
  };
  struct known_load {
    double load = 0;
    clock::time_point learned, until;
  };
  struct round {
    explicit round(const boost::asio::any_io_executor& executor) : over(executor) {}
    std::size_t left = 0;
    boost::asio::steady_timer over;
  };
  using key = std::pair<std::uint16_t, master>;

  plan_question question_for(service s, const std::vector<policy::pick>& picks,
                             const std::vector<master>& masters) const;
  /// `who` and `by`: as they were when its caller began, for a reload may have taken the service away since.
  static boost::asio::awaitable<void> probe(std::shared_ptr<ordering> self, std::shared_ptr<extensions> who, named by,
                                            service s, std::vector<master> whom);
  static boost::asio::awaitable<void> probe_one(std::shared_ptr<ordering> self, named by, service s, master who,
                                                probe_question what, std::shared_ptr<round> of);
  /// A reload may have given the number to another one, or this one other plugins.
  bool is_still(service s, const named& by) const;
  void learn(service s, const master& who, double load, std::chrono::milliseconds keep);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<policy::knowledge> learned_;
  std::shared_ptr<status_questions> questions_;
  std::shared_ptr<extensions> who_;
  std::vector<named> services_;
  std::map<key, known_load> loads_;
  std::map<std::uint16_t, std::vector<std::pair<master, std::int64_t>>> last_;
};

}  // namespace bunraku::engine
