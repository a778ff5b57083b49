#pragma once
#include "daemon.hpp"
#include "invariants.hpp"
#include "policy/random.hpp"
#include "site.hpp"
#include "task.hpp"

#include <cstdint>
#include <string>

namespace sim {

/// One agent with its runs, one request after the other, in the order of lib/puppet/configurer.rb.
class agent {
 public:
  agent(world& of, const site& about, daemon& through, invariants& judge, std::uint64_t seed);
  /// All its runs.
  detached live();
  bool is_done() const noexcept { return done_; }

 private:
  task<nothing> run(std::uint64_t number);
  task<nothing> pluginsync(std::uint64_t number);
  task<nothing> apply(std::uint64_t number);
  task<nothing> ask_ca(std::uint64_t number);
  detached beside(std::uint64_t number);
  /// The status; 0: nothing that an agent can use.
  task<int> ask(std::string method, std::string target, std::uint64_t body);
  task<nothing> pause(duration least, duration most);

  world& world_;
  const site& site_;
  daemon& through_;
  invariants& judge_;
  bunraku::policy::random chance_;
  bool done_ = false;
  int others_ = 0;     // agents beside it
  bool died_ = false;  // the last run may still be on
};

}  // namespace sim
