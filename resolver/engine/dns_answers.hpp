#pragma once
#include "engine/kept_answers.hpp"
#include "engine/observers.hpp"
#include "io/ares_channel.hpp"
#include "policy/answer_book.hpp"

#include <bunraku/log.hpp>
#include <bunraku/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bunraku::engine {

/// The answers of DNS: each name and type is asked for once at a time, and policy::answer_book decides when, and what
/// is served meanwhile. This class joins it to the name servers and to the file that keeps it. Threads: the executor's
/// one thread. Always held by shared_ptr: questions under way keep it alive.
class dns_answers : public std::enable_shared_from_this<dns_answers> {
 public:
  using key = policy::dns_question;
  using decision = policy::dns_decision;
  using clock = std::chrono::steady_clock;

  /// A question under way; `said` is set when it is over, and then every timer in `waiting` is cancelled.
  struct flight {
    std::optional<decision> said;
    clock::time_point patience_ends;  ///< whoever has an older answer uses that from now on
    std::vector<std::weak_ptr<boost::asio::steady_timer>> waiting;
  };

  /// A question that somebody has.
  class inquiry {
   public:
    /// What to use: null while it is worth waiting. Valid as long as this object.
    const decision* said(clock::time_point now) const {
      if (!flight_) return &known_;
      if (flight_->said) return &*flight_->said;
      return known_.outcome && now >= flight_->patience_ends ? &known_ : nullptr;
    }
    /// When `said` is set at the latest even if the question is not over then; max() if it is not.
    clock::time_point patience_ends() const {
      return flight_ && known_.outcome ? flight_->patience_ends : clock::time_point::max();
    }
    bool is_over() const { return !flight_ || flight_->said; }
    /// `timer` is cancelled when the question is over.
    void wake(const std::shared_ptr<boost::asio::steady_timer>& timer) const {
      if (!is_over()) flight_->waiting.push_back(timer);
    }

   private:
    friend class dns_answers;
    inquiry(decision known, std::shared_ptr<flight> under_way)
        : known_(std::move(known)), flight_(std::move(under_way)) {}
    decision known_;
    std::shared_ptr<flight> flight_;
  };

  dns_answers(boost::asio::any_io_executor executor, const dns_options& dns, std::shared_ptr<log_sink> log);

  /// What is served now without waiting, if anything is; DNS is asked in the background when that is due.
  std::optional<decision> at_once(const key& question);

  /// For onlookers: see policy::answer_book. Asks nobody.
  std::optional<decision> look(const key& question) const { return book_->look(question, clock::now()); }

  /// As `at_once`, or the question under way, a new one if there is none.
  inquiry ask(const key& question);

  /// As `ask`, and waits. When the waiting coroutine is cancelled the outcome is `cancelled`, and the question goes on
  /// for the others.
  static boost::asio::awaitable<decision> wait(std::shared_ptr<dns_answers> self, key question);

  /// Somebody waited until the patience of a question ended.
  void waited_in_vain() { book_->waited_in_vain(clock::now()); }

  /// See policy::answer_book.
  void doubt(const key& question) { book_->doubt(question); }
  void believe_vanished(const key& question) { book_->believe_vanished(question); }
  /// Changes whenever an answer may have become another one before its time.
  std::uint64_t revision() const noexcept { return book_->revision(); }

  /// Other options from now on. Failures are forgotten, and so are answers that `keep` does not want; questions under
  /// way that fail are asked once more, as the options are then.
  void replace(const dns_options& dns, const std::function<bool(const key&)>& keep);

  /// Ends every question as cancelled, and writes what is to be kept.
  void close() noexcept;

  void set_observers(std::shared_ptr<const observers> who) { watched_by_ = std::move(who); }

  /// How long one question may take.
  std::chrono::milliseconds deadline() const noexcept { return channel_->deadline(); }

  const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<dns_answers> self, key question, std::shared_ptr<flight> own);
  static boost::asio::awaitable<bool> play(std::shared_ptr<dns_answers> self, key question,
                                           std::shared_ptr<flight> own);
  decision decide(const key& question);
  std::shared_ptr<flight> begin(const key& question);
  void finish(const key& question, flight& own, policy::dns_outcome outcome);
  void log_change(const key& question, const policy::dns_outcome* before, const decision& served) const;
  void open_store(const dns_options& dns);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<log_sink> log_;
  std::shared_ptr<policy::answer_book> book_;
  policy::random chance_;
  std::shared_ptr<io::ares_channel> channel_;
  std::vector<std::weak_ptr<io::ares_channel>> channels_;  ///< this one, and older ones with questions under way
  std::shared_ptr<kept_answers> kept_;                     ///< null: nowhere
  std::chrono::milliseconds patience_;
  std::shared_ptr<const observers> watched_by_;
  std::list<boost::asio::steady_timer> silences_;  ///< of faults
  bool closed_ = false;
  std::map<key, std::shared_ptr<flight>> flights_;
};

boost::system::error_code error_of(policy::dns_outcome::failure how) noexcept;

/// For people: policy::note_about with this host's clock; empty for an answer that is fresh.
std::string note_about(const policy::dns_decision& served);

}  // namespace bunraku::engine
