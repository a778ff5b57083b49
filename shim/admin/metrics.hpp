#pragma once
#include "admin/history.hpp"
#include "admin/status_document.hpp"

#include <bunraku/snapshot.hpp>

#include <chrono>
#include <string>

namespace shim::admin {

/// Everything of it as Prometheus' text (version 0.0.4): what masters are and did, exchanges, runs, DNS, and until when
/// certificates and CRLs hold. Names, units and suffixes are Prometheus' conventions.
/// Labels are of bounded number: services, masters, statuses; never a path or a client.
std::string metrics_text(const bunraku::snapshot& from, const daemon_facts& facts, const history& so_far,
                         std::chrono::system_clock::time_point wall);

/// Puts it where node_exporter's textfile collector looks: the file is always whole (written beside, then renamed), and
/// everybody may read it. Blocking. Says what went wrong, or nothing.
std::string write_textfile(const std::string& path, const std::string& text);

}  // namespace shim::admin
