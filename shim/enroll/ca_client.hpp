#pragma once
#include "enroll/question.hpp"

#include <bunraku/enrolment.hpp>
#include <bunraku/master.hpp>
#include <bunraku/resolver.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace shim::enroll {

/// What a CA answered, and who of the ca service's masters it was. `from` is empty when nobody's answer could be used;
/// `tried` then says in one line each who was asked and why that was of no use.
struct ca_reply {
  int status = 0;
  std::string body;
  std::optional<bunraku::master> from;
  std::vector<std::string> tried;
};

/// Asks the masters of the ca service, each request on a connection of its own, as the agent does.
/// What is read may come from any of them, one after another. What is written goes to one alone, however it fares: two
/// CAs must not hold the same request (facts of Puppet's CA: its state is files). It is the first by what DNS or the
/// settings say, the same one in each process of this node, until they name another.
class ca_client {
 public:
  /// Why an answer is of no use, so that the next master is asked; empty if it is to be taken.
  using judge = std::function<std::string(const answer&)>;

  ca_client(bunraku::resolver& resolver, std::chrono::milliseconds tls_timeout)
      : resolver_(resolver), tls_timeout_(tls_timeout) {}

  /// GET. The CA that is written to is asked first.
  boost::asio::awaitable<ca_reply> read(bunraku::enrolment_tls tls, std::string target, judge usable);
  /// PUT.
  boost::asio::awaitable<ca_reply> write(bunraku::enrolment_tls tls, std::string target, std::string body);

 private:
  boost::asio::awaitable<bool> make_plan(bunraku::plan& into, ca_reply& reply);
  boost::asio::awaitable<void> choose_writer(bunraku::master planned);
  boost::asio::awaitable<answer> ask_on(bunraku::dialled to, bunraku::enrolment_tls tls, std::string_view method,
                                        std::string target, std::string body);

  bunraku::resolver& resolver_;
  std::chrono::milliseconds tls_timeout_;
  std::optional<bunraku::master> writer_;
};

}  // namespace shim::enroll
