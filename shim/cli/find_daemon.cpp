#include "cli/find_daemon.hpp"

#include "admin/control.hpp"

namespace shim::cli {

place_of_daemon find_daemon(const invocation& with) {
  if (!with.socket.empty()) return {with.socket, {}};
  const auto reading = daemon::read_configuration(with);
  if (reading.sketch) return {admin::socket_path(reading.sketch->admin.socket), {}};
  place_of_daemon usual{admin::socket_path("auto"), {}};
  for (const auto& p : reading.found)
    if (p.level() == bunraku::severity::error)
      usual.doubt = " It may have another socket: " + p.where() + " cannot be read (" + p.what() +
                    "), so [admin] socket is not known. Mend that, or give --socket.";
  return usual;
}

}  // namespace shim::cli
