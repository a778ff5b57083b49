#include "sandbox/capabilities.hpp"

#include "sandbox/build.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <type_traits>
#include <vector>

namespace shim::sandbox {
namespace {

struct freed {
  void operator()(cap_t set) const noexcept { cap_free(set); }
};
using capability_set = std::unique_ptr<std::remove_pointer_t<cap_t>, freed>;

std::string failed(const std::string& what) { return what + ": " + std::strerror(errno); }

bool holds(const capability_set& set, cap_value_t one) {
  cap_flag_value_t is = CAP_CLEAR;
  return cap_get_flag(set.get(), one, CAP_PERMITTED, &is) == 0 && is == CAP_SET;
}

}  // namespace

std::string give_up_capabilities(bool keep_low_ports) {
  const capability_set now(cap_get_proc());
  const capability_set rest(cap_init());
  if (!now || !rest) return failed("capabilities cannot be read");
  std::vector<cap_value_t> kept;
  if (holds(now, CAP_DAC_READ_SEARCH)) kept.push_back(CAP_DAC_READ_SEARCH);
  if (keep_low_ports && holds(now, CAP_NET_BIND_SERVICE)) kept.push_back(CAP_NET_BIND_SERVICE);
  // The bounding set first: changing it needs a capability. Who has none to give up has nothing that it could bound.
  if (holds(now, CAP_SETPCAP))
    for (cap_value_t one = 0; one < cap_max_bits(); ++one)
      if (std::ranges::find(kept, one) == kept.end() && cap_get_bound(one) == 1 && cap_drop_bound(one) != 0)
        return failed("the capability bounding set cannot be reduced");
  if (cap_reset_ambient() != 0 && errno != EINVAL) return failed("ambient capabilities cannot be given up");
  const auto count = static_cast<int>(kept.size());
  if (count != 0 && (cap_set_flag(rest.get(), CAP_PERMITTED, count, kept.data(), CAP_SET) != 0 ||
                     cap_set_flag(rest.get(), CAP_EFFECTIVE, count, kept.data(), CAP_SET) != 0))
    return failed("capabilities cannot be named");
  if (cap_set_proc(rest.get()) != 0) return failed("capabilities cannot be given up");
  return {};
}

std::string give_up_new_privileges() {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? std::string() : failed("no_new_privs cannot be set");
}

void hide_memory() {
  if (!sanitized) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace shim::sandbox
