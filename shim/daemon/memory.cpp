#include "daemon/memory.hpp"

#include <malloc.h>

namespace shim::daemon {

void give_back_memory() noexcept { ::malloc_trim(0); }

}  // namespace shim::daemon
