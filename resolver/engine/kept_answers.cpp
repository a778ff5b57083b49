#include "engine/kept_answers.hpp"

#include "io/end_wait.hpp"
#include "policy/answer_file.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

namespace bunraku::engine {
namespace {

using wall = std::chrono::system_clock;

}  // namespace

kept_answers::kept_answers(const boost::asio::any_io_executor& executor, std::string path, bool read_only,
                           std::shared_ptr<log_sink> log)
    : store_(std::move(path), policy::max_answer_file_bytes),
      made_read_only_(read_only),
      read_only_(read_only),
      log_(std::move(log)),
      pace_(clock::now()),
      timer_(executor) {}

void kept_answers::say(log_level level, const std::string& what) const {
  if (log_ && level >= log_->level()) log_->write(level, "dns.store path=\"" + path() + "\" " + what);
}

void kept_answers::load_into(policy::answer_book& book) {
  const auto text = store_.read();
  if (!text) return say(log_level::warning, "ignored=\"it " + text.error() + "\"");
  if (!*text || (*text)->empty()) return;
  auto answers = policy::read_answer_file(**text);
  if (!answers) {
    // Somebody's own file, if the path is mistaken: it must not be lost.
    const bool foreign = answers.error().why == policy::answer_file_refusal::reason::foreign;
    read_only_ = read_only_ || foreign;
    return say(log_level::warning,
               "ignored=\"it " + answers.error().what + "\" then=\"" +
                   (foreign ? "it is left as it is; give another path in dns.store" : "the next answers replace it") +
                   "\"");
  }
  const auto now = clock::now();
  const auto today = std::chrono::floor<std::chrono::seconds>(wall::now());
  auto youngest = std::chrono::seconds::max();
  for (auto& each : *answers) {
    auto outcome = std::make_shared<policy::dns_outcome>();
    outcome->answer = std::move(each.answer);
    const auto age = today - std::min(each.learned, today);  // from the future: learned now, by a clock that was wrong
    youngest = std::min(youngest, age);
    book.restore(each.question, std::move(outcome), now - age, now);
  }
  if (!answers->empty()) pace_ = policy::store_pace(now - youngest);
  say(log_level::info, "read=" + std::to_string(answers->size()));
}

void kept_answers::noticed(const std::shared_ptr<policy::answer_book>& book) {
  if (read_only_) return;
  const auto now = clock::now();
  if (std::exchange(seen_, book->changes()) != book->changes()) pace_.changed(now);
  else pace_.confirmed(now);
  if (!pace_.due() || std::exchange(timer_set_, true)) return;
  timer_.expires_at(*pace_.due());
  timer_.async_wait([weak = weak_from_this(), book](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self) return;
    self->timer_set_ = false;
    self->write(*book);
  });
}

void kept_answers::write(const policy::answer_book& book) {
  const auto now = clock::now();
  const auto today = wall::now();
  std::vector<policy::stored_answer> answers;
  for (auto& each : book.worth_keeping(now)) {
    const auto learned = std::chrono::floor<std::chrono::seconds>(
        today - std::chrono::duration_cast<wall::duration>(now - each.learned));
    answers.push_back({std::move(each.question), each.outcome->answer, learned});
  }
  const auto written = store_.write(policy::write_answer_file(answers));
  pace_.wrote(now, written.has_value());
  if (!written) {
    say(std::exchange(failing_, true) ? log_level::debug : log_level::warning,
        "error=\"" + written.error() + "\" then=\"after a restart without DNS, masters may not be found\"");
  } else {
    if (std::exchange(failing_, false)) say(log_level::info, "works again");
    say(log_level::debug, "wrote=" + std::to_string(answers.size()));
  }
}

void kept_answers::close(const policy::answer_book& book) noexcept {
  io::end_wait(timer_);
  try {
    if (pace_.due() && !read_only_) write(book);
  } catch (const std::exception&) {
    failing_ = true;  // no memory: the file keeps what it has
  }
  read_only_ = true;
}

}  // namespace bunraku::engine
