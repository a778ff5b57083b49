// What observers inject instead of a question to DNS.
#include "engine/dns_answers.hpp"
#include "policy/dns_lie.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bunraku::engine {
namespace net = boost::asio;
using failure = policy::dns_outcome::failure;

/// True: the question is over, and nobody was asked.
net::awaitable<bool> dns_answers::play(std::shared_ptr<dns_answers> self, key question, std::shared_ptr<flight> own) {
  moment when;
  when.what = moment::kind::lookup;
  when.host = question.first;
  when.method = std::string(policy::name_of(question.second));
  const auto by = self->watched_by_;
  const auto injected = co_await by->ask(std::move(when));
  const auto words = " (injected by " + injected.by + ")";
  if (injected.what == fault::kind::dns_silent) {
    const auto place = self->silences_.emplace(self->silences_.end(), self->executor_, self->deadline());
    if (self->closed_) place->cancel();
    boost::system::error_code ended;
    co_await place->async_wait(net::redirect_error(net::use_awaitable, ended));
    self->silences_.erase(place);
    const bool cancelled = static_cast<bool>(ended) || self->closed_;
    self->finish(question, *own,
                 {{}, cancelled ? failure::cancelled : failure::silence, "no name server answered" + words});
    co_return true;
  }
  if (injected.what == fault::kind::dns_lie) {
    auto lie = policy::answer_of(injected.body, question.second);
    if (!lie) co_return false;
    lie->note = "not what DNS says" + words;
    auto note = lie->note;
    self->finish(question, *own, {std::move(*lie), failure::none, std::move(note), true});
    co_return true;
  }
  co_return false;
}

}  // namespace bunraku::engine
