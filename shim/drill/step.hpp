#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shim::drill {

using std::chrono::milliseconds;

/// What is played to a service's masters, or to DNS.
enum class fault : std::uint8_t {
  refused,          ///< the first master refuses connections
  blackholed,       ///< no packet of the first master comes back
  hung,             ///< the first master takes requests and never answers
  full,             ///< the first master says 503 with Retry-After
  slow,             ///< the first master answers late
  reset,            ///< the first master's connections break inside its answers
  bad_certificate,  ///< the first master shows a certificate that is out of its time
  all_gone,         ///< every master refuses connections
  dns_dead,         ///< no name server answers
  dns_lies,         ///< SRV records name somebody who is no master
};

/// Who asks masters for things meanwhile.
enum class traffic : std::uint8_t {
  probes,  ///< GETs that change nothing
  agent,   ///< `puppet agent --test --noop`
};

/// What has to hold while the fault is on.
struct expectation {
  bool served = true;                          ///< each request is answered as before; false: each may fail
  milliseconds within{2000};                   ///< each answer, good or bad, is there so long after its usual time
  std::optional<bool> another = std::nullopt;  ///< true: none of the answers is the first master's
  bool operator==(const expectation&) const = default;
};

/// A row of the scenarios that are built in.
struct scenario {
  fault what;
  std::string_view name;   ///< "refused"; with its service: "catalog-refused"
  std::string_view about;  ///< "the first master refuses connections"
  std::string_view means;  ///< what a failure means to whoever runs the site
  expectation expect;
};
const std::array<scenario, 10>& scenarios() noexcept;
const scenario& row_of(fault what) noexcept;
/// Is it about DNS, so that one service shows it for all?
constexpr bool is_about_dns(fault what) noexcept { return what == fault::dns_dead || what == fault::dns_lies; }

/// One thing to play.
struct step {
  fault what = fault::refused;
  std::string service;  ///< "catalog"
  milliseconds lasts{3000};
  expectation expect;
  std::string where;  ///< file:line of a plan; empty: built in
  traffic by = traffic::probes;
  std::string file = {};  ///< what files-reset downloads: "modules/MODULE/PATH"; empty: the largest plugin of the node
  std::optional<std::chrono::sys_seconds> start = std::nullopt;  ///< not before that time
};
/// No run of an enrolled node asks the CA for anything that would come through us: probes do.
inline traffic traffic_of(const step& one, traffic wanted) { return one.service == "ca" ? traffic::probes : wanted; }
/// Does it download a file, and not ask for its metadata alone?
inline bool is_download(const step& one) {
  return one.what == fault::reset && one.service == "files" && one.by == traffic::probes;
}
/// How long a probe waits for its answer: one that is late should be told by how much.
inline milliseconds patience(const step& one) { return one.expect.within + std::chrono::seconds(60); }
/// "catalog-refused"
std::string name_of(const step& one);

/// Every scenario of these services; DNS's once, for the service `catalog` if it is among them.
std::vector<step> all_steps(const std::vector<std::string>& services);
/// Those that `wanted` names: "catalog-refused", "catalog", or "refused". Nothing wanted: all. The error is a sentence.
std::optional<std::string> choose(const std::vector<std::string>& wanted, const std::vector<std::string>& services,
                                  std::vector<step>& into);

/// One request and what came of it.
struct sample {
  milliseconds at{0};  ///< when it was sent, from the step's begin
  std::chrono::microseconds took{0};
  int status = 0;                      ///< 0: no whole answer
  std::string master;                  ///< who answered; empty: bunraku itself, or nobody
  std::string why;                     ///< what failed on the way
  bool served = false;                 ///< as good an answer as before the fault
  std::string service = {};            ///< of an agent's request; empty: the step's
  std::string continued = {};          ///< "at byte 1000 on b:8140": it broke off and was finished by others
  std::chrono::microseconds usual{0};  ///< how long such an answer took at most before the fault; 0: next to nothing
};

/// One run of the agent.
struct agent_run {
  milliseconds at{0};
  milliseconds took{0};
  int status = 0;   ///< its exit status: 0 and 2 are good; -1: a signal ended it
  std::string why;  ///< its first error; empty: none
  bool is_good() const noexcept { return (status == 0 || status == 2) && why.empty(); }
};

/// What was seen of a step.
struct observation {
  std::vector<std::string> masters;  ///< in the order of their trial before the fault
  std::vector<sample> samples;
  milliseconds fault_from{0}, fault_to{0}, total{0};
  std::uint64_t hits = 0;            ///< how often the fault was met
  std::string trouble;               ///< why it could not be played; then nothing else counts
  std::vector<agent_run> runs = {};  ///< of traffic::agent; `samples` are their requests then
  std::string asked = {};            ///< what was asked for, in words
};

enum class result : std::uint8_t {
  passed,
  failed,
  alone,  ///< there is one master only: nobody could take over
  not_played,
};
constexpr std::string_view name_of(result r) noexcept {
  switch (r) {
    case result::passed: return "passed";
    case result::failed: return "failed";
    case result::alone: return "alone";
    case result::not_played: return "not played";
  }
  return {};
}

struct verdict {
  result what = result::not_played;
  std::vector<std::string> words;          ///< sentences: what was expected, what was seen
  std::size_t requests = 0, unserved = 0;  ///< while the fault was on
  std::chrono::microseconds slowest{0};    ///< while it was on
  milliseconds gap{0};                     ///< the longest time without a good answer, from the fault's begin on
  milliseconds gap_from{0};
};
verdict judge(const step& of, const observation& seen);

/// One step with all that came of it.
struct played {
  step of;
  observation seen;
  verdict found;
};

/// What is said above all of them.
struct heading {
  std::string certname, version, began;  ///< `began`: UTC
  milliseconds took{0};
};

/// 0: all passed, or only the CA is alone; 1: not all; 2: some could not be played.
int exit_status(const std::vector<played>& all) noexcept;

std::string to_table(const std::vector<played>& all);
std::string to_line(const played& one);
std::string to_json(const heading& of, const std::vector<played>& all);
/// For pipelines: one suite, a case for each step.
std::string to_junit(const heading& of, const std::vector<played>& all);
/// One page that needs nothing from anywhere else.
std::string to_html(const heading& of, const std::vector<played>& all);

}  // namespace shim::drill
