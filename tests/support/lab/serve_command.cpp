// `bunraku-lab serve`: masters until SIGTERM. Says on standard output, in JSON lines, where each listens.
#include "commands.hpp"
#include "control.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>

#include <iostream>
#include <iterator>
#include <memory>

namespace lab {
namespace {

void serve(const std::string& config) {
  const auto text = config == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : read_file(config);
  const auto site = parse_site(text);
  json_lines log(site.log);
  endpoints answers(site);
  boost::asio::io_context io(1);
  master_list masters;
  for (const auto& options : site.masters) {
    masters.push_back(std::make_shared<master>(io, options, site.log_headers, answers, log));
  }
  control orders(io, masters);
  for (const auto& each : masters) {
    each->start();
    std::cout << boost::json::serialize(boost::json::object{{"event", "listening"},
                                                            {"master", each->options().name},
                                                            {"address", each->options().address},
                                                            {"port", each->port()}})
              << "\n";
  }
  if (!site.control.empty()) orders.listen(site.control);
  boost::asio::signal_set ends(io, SIGTERM, SIGINT);
  ends.async_wait([&io](boost::system::error_code, int) { io.stop(); });
  io.poll();  // the control socket exists before anybody is told
  std::cout << R"({"event":"ready"})" << std::endl;
  io.run();
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto config = std::make_shared<std::string>();
  auto* command = app.add_subcommand("serve", "be one or several masters");
  command->add_option("--config", *config, "JSON file; - is standard input")->required();
  command->callback([config] { serve(*config); });
}

}  // namespace lab
