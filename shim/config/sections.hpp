#pragma once
#include "config/configuration.hpp"
#include "config/document.hpp"
#include "config/table_reader.hpp"

namespace shim::config {

/// The parts of parse_configuration that need a file of their own. `root` is the whole document.

/// [[listen]], or the defaults; after the services.
void read_listens(const node& root, const std::string& file, configuration& into, bunraku::problems& found);
/// [identity]
void read_identity(table_reader& in, configuration& into);
/// The `pins` of [identity] or of a service.
std::vector<std::string> read_pins(table_reader& in);
/// [plugin.*]; before the services.
void read_plugins(const node& root, const std::string& file, configuration& into, bunraku::problems& found);
/// [service.*]
void read_services(const node& root, const std::string& file, configuration& into, bunraku::problems& found);
/// [[route]], after the services.
void read_routes(const node& root, const std::string& file, configuration& into, bunraku::problems& found);

/// The entries of [[name]]; an error if it is not an array of tables.
std::vector<const node*> entries_of(const node& root, std::string_view name, const std::string& file,
                                    bunraku::problems& found);

}  // namespace shim::config
