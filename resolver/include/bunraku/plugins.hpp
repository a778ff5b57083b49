#pragma once
#include <bunraku/extensions.hpp>
#include <bunraku/log.hpp>
#include <bunraku/problem.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bunraku {

/// One plugin that is to be loaded.
struct plugin_choice {
  std::string name{};           ///< by which services speak of it: 1 to 32 of a-z, 0-9 and _; no two alike
  std::string file{};           ///< its file's name without ".so", of the same letters; empty: `name`
  std::string settings = "{}";  ///< a JSON object, handed to it as it is: nobody else looks whether it is one
  std::chrono::milliseconds deadline{1000};  ///< how long anybody waits for one of its answers; 1 ms to 1 min
  std::string where{};                       ///< file:line of its configuration, for problems

  friend bool operator==(const plugin_choice&, const plugin_choice&) = default;
};

struct plugin_options {
  std::string directory;  ///< absolute
  std::vector<plugin_choice> load;
  std::shared_ptr<log_sink> log{};  ///< may be null; called on the thread of the calls below
};

/// What there is to know of a plugin. Texts of its own are UTF-8 in one line and bounded.
struct plugin_facts {
  enum class state : std::uint8_t {
    running,
    late,     ///< a call has not come back within its deadline; it is passed over until it does
    refused,  ///< not loaded; `reason` says why
  };
  std::string name, file, version, about;
  std::vector<std::string> kinds;  ///< "source", "policy", "probe", "observer"
  state now = state::refused;
  std::string reason;
  std::uint64_t calls = 0, late = 0, failed = 0, dropped = 0;  ///< `dropped`: events that nobody waited for
  std::chrono::microseconds longest{0};                        ///< of all calls that came back
  std::string last_failure;                                    ///< empty: none
};

/// Loaded plugins, each with a thread of its own. A plugin that is late or failing is passed over and told of in the
/// log; it ends nothing.
/// Threads: as resolver: one, the executor's. Several resolvers on it may share one object.
/// Ends:    the destructor gives every plugin a second to end its work. One that hangs is left behind with its thread,
///          and touches nothing of the host's any more.
class plugins : public extensions {
 public:
  using error_text = std::string;
  /// In the order of plugin_options::load, refused ones among them.
  virtual std::vector<plugin_facts> facts() const = 0;
  /// What a plugin says of itself, JSON; empty if it says nothing.
  virtual void status(executor_type executor, const std::string& name, handler<std::string> reply) = 0;
  struct control_reply {
    bool done = false;
    std::string text;  ///< JSON, or why not
  };
  /// Hands a JSON object to a plugin, as it is. One that is not there, or takes none, replies so.
  virtual void control(executor_type executor, const std::string& name, std::string json,
                       handler<control_reply> reply) = 0;
  /// From now on no plugin is asked: who waits is forgotten without a reply, who asks later is replied to with nothing.
  virtual void stop() noexcept = 0;
};

/// `value` is always there. What was refused is in `found`, as warnings: the rest runs.
struct plugins_reading {
  std::shared_ptr<plugins> value;
  problems found;
};

/// Loads plugins. Blocking, usually milliseconds: the directory, all that lead to it and the file must belong to root
/// and be writable for root alone, and the file must be no symbolic link; then each plugin is made in a process of its
/// own first, so that one that crashes or hangs there (5 s are the limit; after 10 s of all, half a second) is refused;
/// then here. Code that was loaded stays in the process, so that a file that changed is used from the next process on.
/// Those of `before` whose choice is the same are taken over as they are. If `before` is given, a plugin that runs and
/// would be refused now is an error in `found`: then use `before`, and drop `value`.
plugins_reading load_plugins(const plugin_options& options, const std::shared_ptr<plugins>& before = nullptr);

/// The same checks, without loading anything into this process. Blocking likewise.
std::vector<plugin_facts> check_plugins(const plugin_options& options, problems& found);

}  // namespace bunraku
