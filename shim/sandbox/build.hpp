#pragma once

namespace shim::sandbox {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHIM_SANDBOX_SANITIZED 1
#endif
#endif

/// Sanitizers look for leaks from a second process that attaches to this one: they need more than the daemon does.
#ifdef SHIM_SANDBOX_SANITIZED
inline constexpr bool sanitized = true;
#undef SHIM_SANDBOX_SANITIZED
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace shim::sandbox
