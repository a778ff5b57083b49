// Who compiles this node's catalogs, and how is it? usage: catalog_master [PUPPET_CONF [NAME_SERVER]]
#include <bunraku/resolver.hpp>
#include <bunraku/site.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <iostream>

namespace net = boost::asio;
namespace http = boost::beast::http;

net::awaitable<void> ask(bunraku::resolver& resolver) {
  const auto token = net::as_tuple(net::use_awaitable);
  const auto limit = std::chrono::seconds(30);
  auto [error, to] = co_await resolver.async_connect(bunraku::service::catalog, limit, token);
  for (const auto& failed : to.tried()) std::cerr << failed.to_string() << '\n';
  if (error) throw boost::system::system_error(error);

  // An AsyncStream: TLS with the agent's certificate, to a master whose certificate was verified.
  auto& stream = to.stream();
  http::request<http::empty_body> request(http::verb::get, "/status/v1/simple/server", 11);
  request.set(http::field::host, to.who().to_string());
  http::response<http::string_body> answer;
  boost::beast::flat_buffer buffer;
  co_await http::async_write(stream, request, net::use_awaitable);
  co_await http::async_read(stream, buffer, answer, net::use_awaitable);

  resolver.report(to.who(), bunraku::service::catalog, bunraku::outcome(bunraku::outcome::kind::answered));
  std::cout << to.who().to_string() << ' ' << answer.body() << '\n';
}

int main(int count, char** arguments) {
  bunraku::site_options where;
  if (count > 1) where.config_file = arguments[1];
  const auto site = bunraku::read_site(where);
  for (const auto& p : site.found) std::cerr << p.where() << ": " << p.what() << '\n';
  if (!site.value) return 2;
  const auto own = bunraku::identity::load(site.value->credentials);
  for (const auto& p : own.found) std::cerr << p.where() << ": " << p.what() << '\n';

  bunraku::resolver_options options;
  options.services = bunraku::services_of(*site.value);
  options.affinity = site.value->certname;
  if (count > 2) options.dns.nameservers = {arguments[2]};

  net::io_context loop(1);
  bunraku::resolver resolver(loop.get_executor(), options, own.value);
  int status = 0;
  net::co_spawn(loop, ask(resolver), [&status](std::exception_ptr failed) {
    if (!failed) return;
    status = 1;
    try {
      std::rethrow_exception(failed);
    } catch (const std::exception& e) {
      std::cerr << e.what() << '\n';
    }
  });
  loop.run();
  return status;
}
