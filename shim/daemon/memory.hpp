#pragma once

namespace shim::daemon {

/// What was freed goes back to the kernel. malloc keeps the pages between what is still in use, and reading the
/// configuration, keys and certificates leaves more free than it leaves in use. About 0.1 ms: for when there is nothing
/// else to do.
void give_back_memory() noexcept;

}  // namespace shim::daemon
