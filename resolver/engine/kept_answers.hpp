#pragma once
#include "io/answer_store.hpp"
#include "policy/answer_book.hpp"
#include "policy/store_pace.hpp"

#include <bunraku/log.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace bunraku::engine {

/// Keeps the last good answers of DNS in a file for the next process.
/// Model:   read once; written a moment after an answer changed, or was confirmed that is old on disk, as
///          policy::store_pace says, and at the end. A file that cannot be used costs one warning and is replaced by
///          the next answers, unless bunraku did not write it: that one is left alone. Of writes that fail in a row the
///          first is a warning.
/// Threads: the executor's one thread; reading and writing block it as local files do (with an fsync).
/// Idle:    a timer only while an answer waits to be written.
class kept_answers : public std::enable_shared_from_this<kept_answers> {
 public:
  using clock = std::chrono::steady_clock;

  kept_answers(const boost::asio::any_io_executor& executor, std::string path, bool read_only,
               std::shared_ptr<log_sink> log);

  const std::string& path() const noexcept { return store_.path(); }
  bool was_made_read_only() const noexcept { return made_read_only_; }

  void load_into(policy::answer_book& book);
  /// After each lesson of the book.
  void noticed(const std::shared_ptr<policy::answer_book>& book);
  /// Writes what still waits; nothing is written afterwards.
  void close(const policy::answer_book& book) noexcept;

 private:
  void write(const policy::answer_book& book);
  void say(log_level level, const std::string& what) const;

  io::answer_store store_;
  bool made_read_only_, read_only_;
  std::shared_ptr<log_sink> log_;
  policy::store_pace pace_;
  boost::asio::steady_timer timer_;
  std::uint64_t seen_ = 0;  ///< policy::answer_book::changes() that are on disk or due
  bool failing_ = false, timer_set_ = false;
};

}  // namespace bunraku::engine
