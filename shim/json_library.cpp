// Boost.JSON, compiled once: no library more in each daemon.
#include <boost/json/src.hpp>
