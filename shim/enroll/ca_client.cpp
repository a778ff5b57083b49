#include "enroll/ca_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace shim::enroll {
namespace net = boost::asio;

namespace {

constexpr std::chrono::seconds answer_limit{60};  // a CA signs at once or not at all; policy executables take a while
constexpr std::size_t most_masters = 32;

}  // namespace

net::awaitable<bool> ca_client::make_plan(bunraku::plan& into, ca_reply& reply) {
  auto [error, made] = co_await resolver_.async_plan(bunraku::service::ca, net::as_tuple(net::use_awaitable));
  if (error) {
    reply.tried.push_back("no CA is known: " + error.message());
    co_return false;
  }
  co_await choose_writer(*made.front());
  into = bunraku::plan(bunraku::service::ca);
  into.append({*writer_});  // the resolver adds the others when this one fails
  co_return true;
}

net::awaitable<void> ca_client::choose_writer(bunraku::master planned) {
  auto [error, said] = co_await resolver_.async_resolve(bunraku::service::ca, net::as_tuple(net::use_awaitable));
  const auto order = bunraku::order_of(said, resolver_.options().affinity);
  // That DNS fails just now is no word about who the CA is.
  const bool silent = error || order.empty() || said.answers.front().state == bunraku::source_answer::status::failed;
  if (!silent) writer_ = order.front();
  else if (!writer_) writer_ = std::move(planned);
}

net::awaitable<answer> ca_client::ask_on(bunraku::dialled to, bunraku::enrolment_tls tls, std::string_view method,
                                         std::string target, std::string body) {
  answer out;
  const std::string host = to.who().to_string();
  auto [error, reason, stream] =
      co_await tls.async_connect(std::move(to), tls_timeout_, net::as_tuple(net::use_awaitable));
  if (error) {
    out.error = "tls: " + reason;
    co_return out;
  }
  out = co_await ask(stream, method, std::move(target), host, std::move(body), answer_limit);
  co_return out;
}

net::awaitable<ca_reply> ca_client::read(bunraku::enrolment_tls tls, std::string target, judge usable) {
  ca_reply reply;
  bunraku::plan plan;
  const bool planned = co_await make_plan(plan, reply);
  if (!planned) co_return reply;
  for (std::size_t i = 0; i < most_masters; ++i) {
    auto [error, dialled] = co_await resolver_.async_dial(plan, net::as_tuple(net::use_awaitable));
    if (error || !dialled) break;
    const bunraku::master who = dialled->who();
    auto said = co_await ask_on(std::move(*dialled), tls, "GET", target, {});
    const std::string reason = said.error.empty() ? usable(said) : said.error;
    if (reason.empty()) {
      reply.status = said.status;
      reply.body = std::move(said.body);
      reply.from = who;
      co_return reply;
    }
    reply.tried.push_back(who.to_string() + " " + reason);
  }
  for (const auto& one : plan.attempts()) reply.tried.push_back(one.to_string());
  co_return reply;
}

net::awaitable<ca_reply> ca_client::write(bunraku::enrolment_tls tls, std::string target, std::string body) {
  ca_reply reply;
  bunraku::plan plan;
  const bool planned = co_await make_plan(plan, reply);
  if (!planned) co_return reply;
  plan.narrow_to(*writer_);
  auto [error, dialled] = co_await resolver_.async_dial(plan, net::as_tuple(net::use_awaitable));
  if (error || !dialled) {
    for (const auto& one : plan.attempts()) reply.tried.push_back(one.to_string());
    co_return reply;
  }
  auto said = co_await ask_on(std::move(*dialled), std::move(tls), "PUT", std::move(target), std::move(body));
  if (!said.error.empty()) {
    reply.tried.push_back(writer_->to_string() + " " + said.error);
    co_return reply;
  }
  reply.status = said.status;
  reply.body = std::move(said.body);
  reply.from = *writer_;
  co_return reply;
}

}  // namespace shim::enroll
