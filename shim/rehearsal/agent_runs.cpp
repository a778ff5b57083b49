#include "rehearsal/access_lines.hpp"
#include "rehearsal/traffic.hpp"

#include <algorithm>
#include <map>

namespace shim::rehearsal {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class agent_runs : public traffic {
 public:
  agent_runs(const circumstances& in, const puppet_agent& agent) : in_(in), agent_(agent) {}

  int before() const override { return 1; }
  int after() const override { return 1; }
  /// Of files, in the longest answer. The heads of masters' answers have some 200 bytes.
  std::uint64_t reset_at() const override {
    return in_.of.service == "files" ? middle_of(200, longest_) : inside_a_head;
  }

  std::optional<std::string> prepare(drill::observation& into) override {
    into.asked = "puppet agent --test --noop";
    port_ = in_.on.proxy_port();
    if (port_ == 0) return "the drill's own daemon has no way in for the agent.";
    agent_.furnish(in_.on.directory());
    return std::nullopt;
  }

  void go(drill::observation& into, clock::time_point origin) override {
    const auto began = clock::now();
    const auto origin_by_wall = std::chrono::system_clock::now() - (began - origin);
    const auto how = agent_.run(in_.on.directory(), port_, in_.of.service, in_.interrupted);
    const bool is_before = into.fault_from == 0ms;
    for (auto& line : lines_.read_more()) {
      drill::sample one;
      one.took = line.took;
      one.at = std::max(0ms, std::chrono::duration_cast<milliseconds>(line.ended - line.took - origin_by_wall));
      one.status = line.status;
      one.served = line.status < 500 && !line.cut;
      one.master = std::move(line.master);
      one.why = std::move(line.why);
      one.service = std::move(line.service);
      one.continued = std::move(line.continued);
      auto& usual = usual_[one.service];
      if (is_before) {
        usual = std::max(usual, one.took);
        if (one.service == in_.of.service) longest_ = std::max(longest_, line.bytes);
      }
      one.usual = usual;
      into.samples.push_back(std::move(one));
    }
    std::ranges::sort(into.samples, {}, &drill::sample::at);
    into.runs.push_back({.at = std::chrono::duration_cast<milliseconds>(began - origin),
                         .took = std::chrono::duration_cast<milliseconds>(clock::now() - began),
                         .status = how.status,
                         .why = how.why});
  }

 private:
  const circumstances in_;
  const puppet_agent& agent_;
  access_lines lines_{in_.on.directory() + "/log"};
  std::uint16_t port_ = 0;
  std::uint64_t longest_ = 0;
  std::map<std::string, std::chrono::microseconds> usual_;
};

}  // namespace

std::unique_ptr<traffic> make_agent_runs(const circumstances& in, const puppet_agent& agent) {
  return std::make_unique<agent_runs>(in, agent);
}

}  // namespace shim::rehearsal
