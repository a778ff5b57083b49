#pragma once
#include "drill/step.hpp"
#include "rehearsal/private_daemon.hpp"
#include "rehearsal/puppet_agent.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace shim::rehearsal {

/// Who asks masters for things while a step is played.
class traffic {
 public:
  using clock = std::chrono::steady_clock;
  virtual ~traffic() = default;

  /// Before the first go(). The error is a sentence: then the step cannot be played.
  virtual std::optional<std::string> prepare(drill::observation&) { return std::nullopt; }
  /// One request, or one run, and what came of it. `origin` is the step's begin.
  virtual void go(drill::observation& into, clock::time_point origin) = 0;
  /// How many there are before the fault, and after it at least.
  virtual int before() const = 0;
  virtual int after() const = 0;
  /// Where in the first master's answers a reset is played, as a byte of the whole answer: in their heads, and in the
  /// middle of what was seen before the fault where another master has the same bytes and can go on. Node objects have
  /// what each master knows of the node's facts, and catalogs their own time.
  virtual std::uint64_t reset_at() const = 0;
};

struct circumstances {
  const drill::step& of;
  const private_daemon& on;
  const bunraku::site& site;
  const std::function<bool()>& interrupted;
};
std::unique_ptr<traffic> make_probes(const circumstances& in);
/// `agent` outlives it.
std::unique_ptr<traffic> make_agent_runs(const circumstances& in, const puppet_agent& agent);

/// A byte within any answer's head.
constexpr std::uint64_t inside_a_head = 100;
/// The middle of a body, as a byte of the whole answer. A master's head is not quite what arrives here: of an answer
/// that is too short for that it is a byte within any head.
std::uint64_t middle_of(std::uint64_t head_bytes, std::uint64_t body_bytes);

/// What probes ask of a service's masters, but for downloads.
std::string target_for(const std::string& service, const std::string& certname, const std::string& environment);
/// What files-reset downloads if nobody says so: the largest file among the plugins that this node has synced, up to 4
/// MiB; as "plugins/PATH". Empty: there is none. Blocking.
std::string largest_plugin(const bunraku::site& site);

}  // namespace shim::rehearsal
