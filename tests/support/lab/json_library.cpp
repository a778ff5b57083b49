// Boost.JSON's own sources, compiled once here: Debian's header packages come without its library.
#include <boost/json/src.hpp>
