#pragma once
#include "capi/core.hpp"

#include <memory>
#include <string>
#include <vector>

namespace bunraku::capi {

// What the opaque types of bunraku.h stand for. They themselves are defined nowhere, so that no debug information, and
// no description of the ABI made from it, has anything of what is inside.

struct resolver_handle {
  std::shared_ptr<capi::core> core;
};

struct request_handle {
  std::shared_ptr<capi::core> core;
  std::shared_ptr<pending> what;
  bool connects;
};

struct candidates_handle {
  std::vector<candidate> all;
};

struct stream_handle {
  std::shared_ptr<capi::core> core;
  connected to;
  service of;
  int descriptor;
  short events;
  std::string tried;
  bool reported = false;
};

// What is inside of a pointer that the caller has, and back.
// NOLINTBEGIN(bugprone-macro-parentheses): there are none around types
#define BUNRAKU_HANDLE(opaque, handle)                                                                 \
  inline handle* inside(opaque* p) noexcept { return reinterpret_cast<handle*>(p); }                   \
  inline const handle* inside(const opaque* p) noexcept { return reinterpret_cast<const handle*>(p); } \
  inline opaque* given(std::unique_ptr<handle> h) noexcept { return reinterpret_cast<opaque*>(h.release()); }
// NOLINTEND(bugprone-macro-parentheses)
BUNRAKU_HANDLE(bunraku_options, settings)
BUNRAKU_HANDLE(bunraku_resolver, resolver_handle)
BUNRAKU_HANDLE(bunraku_request, request_handle)
BUNRAKU_HANDLE(bunraku_candidates, candidates_handle)
BUNRAKU_HANDLE(bunraku_stream, stream_handle)
#undef BUNRAKU_HANDLE

/// Throws failure when the pointer is null.
template <class T>
T& checked(T* p) {
  if (p == nullptr) throw failure{BUNRAKU_E_ARGUMENT, "a null pointer"};
  return *p;
}
/// Likewise when it is another process'. Streams and finished requests outlive their resolver.
auto& usable(auto* opaque) {
  auto& handle = checked(inside(opaque));
  handle.core->check_process();
  return handle;
}
/// Likewise. The caller's share of it: a call that waits must survive that another thread frees the resolver.
inline std::shared_ptr<core> working(bunraku_resolver* resolver) {
  auto share = checked(inside(resolver)).core;
  share->check_process();
  return share;
}
outcome outcome_of(int code, std::uint32_t retry_after_s, const char* reason);
std::unique_ptr<stream_handle> stream_of(const std::shared_ptr<core>& of, pending& from);

}  // namespace bunraku::capi
