#pragma once
#include "policy/answer_book.hpp"
#include "policy/random.hpp"
#include "policy/store_pace.hpp"
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

/// The file of answers that one process leaves to the next.
struct answer_disk {
  std::string text;
};

/// Asks DNS as engine/discovery, engine/dns_answers and engine/kept_answers do; what to ask when, what to believe and
/// when to write it down is policy's.
class names {
 public:
  names(world& of, std::vector<bunraku::service_options> services, const bunraku::policy::answer_rules& rules,
        answer_disk& disk, std::uint64_t seed);

  /// What source number `index` says now.
  task<bunraku::source_answer> source(bunraku::service s, std::size_t index);
  /// The same if nobody has to be asked for it; else null. Valid until the next call.
  const bunraku::source_answer* cached_source(bunraku::service s, std::size_t index);
  std::size_t source_count(bunraku::service s) const noexcept { return (*services_)[index_of(s)].sources.size(); }

  struct addresses {
    std::vector<std::array<std::uint8_t, 4>> found;
    boost::system::error_code error;
  };
  task<addresses> find(std::string host);

  /// Nobody waits.
  void prepare_addresses(const bunraku::master& who);

  /// A master of this service cannot be reached.
  void connect_failed(bunraku::service s, const bunraku::master& who);
  /// None of them can.
  void all_failed(bunraku::service s);

  /// Other sources from now on. Failures are forgotten.
  void replace(std::vector<bunraku::service_options> services);

  bunraku::policy::answer_book& book() noexcept { return book_; }
  /// Questions whose answer this host has seen and may still use when DNS is silent; since when.
  const std::map<bunraku::policy::dns_question, time_point>& seen() const noexcept { return seen_; }

  /// The process ends: what waits goes on, with an error. One that is killed writes nothing any more.
  void close(bool killed);
  bool is_closed() const noexcept { return closed_; }
  bool is_quiet() const noexcept { return flights_.empty(); }

 private:
  struct flight {
    std::optional<bunraku::policy::dns_decision> over;
    time_point patience_ends;  ///< who has an older answer waits no longer
    std::vector<sleeper*> waiting;
    sleeper* packet = nullptr;  ///< under way
  };
  class keeper final : public timeline::alarm {
   public:
    explicit keeper(names& own) noexcept : alarm(own.world_.time), own_(own) {}
    ~keeper() override = default;

   private:
    void wake() override { own_.write(); }
    names& own_;
  };
  void load();
  void noticed();
  void write();
  std::optional<bunraku::policy::dns_decision> at_once(const bunraku::policy::dns_question& question);
  task<bunraku::policy::dns_decision> wait(bunraku::policy::dns_question question);
  std::shared_ptr<flight> ask(const bunraku::policy::dns_question& question);
  detached run(bunraku::policy::dns_question question, std::shared_ptr<flight> own);

  world& world_;
  /// Replaced as a whole: who began with an older one still reads it.
  std::shared_ptr<const std::vector<bunraku::service_options>> services_;
  bunraku::policy::answer_book book_;
  bunraku::policy::random chance_;
  std::map<bunraku::policy::dns_question, std::shared_ptr<flight>> flights_;
  std::map<bunraku::policy::dns_question, time_point> seen_;
  bunraku::source_answer known_;
  answer_disk& disk_;
  bunraku::policy::store_pace pace_;
  keeper keep_;
  std::uint64_t changes_ = 0;  // of the book, that were noticed
  bool closed_ = false;
};

}  // namespace sim
