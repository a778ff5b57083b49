// bunraku.h without its streams.
#include "capi/handles.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

using namespace bunraku;
using capi::checked;
using capi::failure;
using capi::guarded;
using capi::inside;
using capi::usable;
using capi::working;

namespace {

constexpr std::size_t longest_reason = 1000;  // as long as what plugins explain

service service_of(const char* name) {
  const std::string_view wanted = &checked(name);
  for (std::uint16_t i = 0; i != first_further_service; ++i)
    if (wanted == builtin_name(static_cast<service>(i))) return static_cast<service>(i);
  throw failure{BUNRAKU_E_ARGUMENT, "there is no service \"" + std::string(wanted) + "\"; ca, catalog, files, report"};
}

std::chrono::milliseconds limit_of(std::int32_t timeout_ms) {
  return timeout_ms < 0 ? resolver::no_limit : std::chrono::milliseconds(timeout_ms);
}

bunraku_candidates* candidates_of(capi::pending& from) {
  if (from.failed) throw *from.failed;
  if (from.found.empty()) throw failure{BUNRAKU_E_ARGUMENT, "the candidates of this request were taken"};
  return capi::given(std::make_unique<capi::candidates_handle>(capi::candidates_handle{std::exchange(from.found, {})}));
}

/// The request's, for whom it was begun and once it is finished.
capi::pending& finished(bunraku_request* request, bool connects) {
  auto& handle = usable(request);
  if (handle.connects != connects) throw failure{BUNRAKU_E_ARGUMENT, "this request has no such result"};
  if (!handle.what->is_finished()) throw failure{BUNRAKU_E_NOT_READY, {}};
  return *handle.what;
}

template <class Member>
const char* text_at(const bunraku_candidates* all, size_t index, Member member) {
  return index < bunraku_candidates_count(all) ? (inside(all)->all[index].*member).c_str() : nullptr;
}

}  // namespace

namespace bunraku::capi {

outcome outcome_of(int code, std::uint32_t retry_after_s, const char* reason) {
  using kind = outcome::kind;
  constexpr kind kinds[] = {kind::answered,  kind::unanswered, kind::broken_answer, kind::server_error,
                            kind::saturated, kind::cancelled,  kind::no_tls,        kind::bad_certificate};
  if (code < BUNRAKU_ANSWERED || code > BUNRAKU_BAD_CERTIFICATE)
    throw failure{BUNRAKU_E_ARGUMENT, "there is no outcome " + std::to_string(code)};
  outcome out(kinds[code - BUNRAKU_ANSWERED],
              reason == nullptr ? "reported by the program" : shown_text(reason, longest_reason));
  return out.set_retry_after(std::chrono::seconds(retry_after_s));
}

}  // namespace bunraku::capi

const char* bunraku_version(void) { return BUNRAKU_VERSION; }
uint32_t bunraku_abi_version(void) { return 2; }

size_t bunraku_error_text(char* text, size_t capacity) {
  const auto& whole = capi::kept_text();
  if (text != nullptr && capacity != 0) {
    const auto size = std::min(whole.size(), capacity - 1);
    std::memcpy(text, whole.data(), size);
    text[size] = '\0';
  }
  return whole.size();
}

const char* bunraku_error_name(int code) {
  switch (code) {
    case BUNRAKU_OK: return "ok";
    case BUNRAKU_E_ARGUMENT: return "an argument cannot be used";
    case BUNRAKU_E_FORKED: return "made by another process, before it forked";
    case BUNRAKU_E_MEMORY: return "no memory, descriptor or thread to be had";
    case BUNRAKU_E_INTERNAL: return "a fault of libbunraku's own";
    case BUNRAKU_E_NOT_READY: return "the request is not finished";
    case BUNRAKU_E_SITE: return "puppet.conf or ssldir cannot be used";
    case BUNRAKU_E_CREDENTIALS: return "certificate, key, CA or CRL cannot be used";
    case BUNRAKU_E_SERVICE_ABSENT: return "DNS says that this service is not offered here";
    case BUNRAKU_E_NO_MASTERS: return "no master is known for this service";
    case BUNRAKU_E_DNS_TIMEOUT: return "no name server answered in time";
    case BUNRAKU_E_DNS_FAILED: return "the name servers answered with an error, or none could be reached";
    case BUNRAKU_E_DNS_MALFORMED: return "the DNS answer was malformed";
    case BUNRAKU_E_ALL_TRIED: return "every master was tried";
    case BUNRAKU_E_REFUSED_US: return "the master refused our certificate";
    case BUNRAKU_E_CANCELLED: return "cancelled";
    case BUNRAKU_E_TIMEOUT: return "the time was over";
    default: return code > BUNRAKU_E_SYSTEM ? "an error of the operating system" : "unknown code";
  }
}

bunraku_options* bunraku_options_new(void) {
  bunraku_options* made = nullptr;
  guarded([&] {
    made = capi::given(std::make_unique<capi::settings>());
    return BUNRAKU_OK;
  });
  return made;
}
void bunraku_options_free(bunraku_options* options) { delete inside(options); }
int bunraku_options_set(bunraku_options* options, const char* key, const char* value) {
  return guarded([&] {
    checked(inside(options)).set(&checked(key), &checked(value));
    return BUNRAKU_OK;
  });
}

int bunraku_resolver_new(const bunraku_options* options, bunraku_resolver** made) {
  return guarded([&] {
    checked(made) = nullptr;
    auto core = capi::core::make(options == nullptr ? capi::settings() : *inside(options));
    *made = capi::given(std::make_unique<capi::resolver_handle>(capi::resolver_handle{std::move(core)}));
    return BUNRAKU_OK;
  });
}
void bunraku_resolver_free(bunraku_resolver* resolver) {
  // In a child of fork its memory is given up: there is no thread to end, and the rest is the parent's.
  auto* handle = inside(resolver);
  if (handle == nullptr || !handle->core->is_ours()) return;
  handle->core->shut_down();
  delete handle;
}
int bunraku_resolver_reload(bunraku_resolver* resolver) {
  return guarded([&] {
    working(resolver)->reload();
    return BUNRAKU_OK;
  });
}

int bunraku_resolve(bunraku_resolver* resolver, const char* service, int32_t timeout_ms, bunraku_candidates** found) {
  return guarded([&] {
    checked(found) = nullptr;
    const auto core = working(resolver);
    const auto request = core->resolve(service_of(service), limit_of(timeout_ms));
    request->wait();
    *found = candidates_of(*request);
    return BUNRAKU_OK;
  });
}
void bunraku_candidates_free(bunraku_candidates* candidates) { delete inside(candidates); }
size_t bunraku_candidates_count(const bunraku_candidates* candidates) {
  return candidates == nullptr ? 0 : inside(candidates)->all.size();
}
const char* bunraku_candidate_host(const bunraku_candidates* candidates, size_t index) {
  return text_at(candidates, index, &capi::candidate::host);
}
const char* bunraku_candidate_source(const bunraku_candidates* candidates, size_t index) {
  return text_at(candidates, index, &capi::candidate::source);
}
const char* bunraku_candidate_health(const bunraku_candidates* candidates, size_t index) {
  return text_at(candidates, index, &capi::candidate::health);
}
const char* bunraku_candidate_why(const bunraku_candidates* candidates, size_t index) {
  return text_at(candidates, index, &capi::candidate::why);
}
uint16_t bunraku_candidate_port(const bunraku_candidates* candidates, size_t index) {
  return index < bunraku_candidates_count(candidates) ? inside(candidates)->all[index].port : std::uint16_t{0};
}

int bunraku_report(bunraku_resolver* resolver, const char* service, const char* host, uint16_t port, int outcome,
                   uint32_t retry_after_s, const char* reason) {
  return guarded([&] {
    const auto of = service_of(service);
    auto who = capi::master_at(&checked(host), port);
    working(resolver)->report(of, std::move(who), capi::outcome_of(outcome, retry_after_s, reason));
    return BUNRAKU_OK;
  });
}

int bunraku_connect(bunraku_resolver* resolver, const char* service, int32_t timeout_ms, bunraku_stream** made) {
  return guarded([&] {
    checked(made) = nullptr;
    const auto core = working(resolver);
    const auto request = core->connect(service_of(service), limit_of(timeout_ms));
    request->wait();
    *made = capi::given(capi::stream_of(core, *request));
    return BUNRAKU_OK;
  });
}

int bunraku_resolve_start(bunraku_resolver* resolver, const char* service, int32_t timeout_ms,
                          bunraku_request** begun) {
  return guarded([&] {
    checked(begun) = nullptr;
    const auto core = working(resolver);
    auto request = std::make_unique<capi::request_handle>(capi::request_handle{core, {}, false});
    request->what = core->resolve(service_of(service), limit_of(timeout_ms));
    *begun = capi::given(std::move(request));
    return BUNRAKU_OK;
  });
}
int bunraku_connect_start(bunraku_resolver* resolver, const char* service, int32_t timeout_ms,
                          bunraku_request** begun) {
  return guarded([&] {
    checked(begun) = nullptr;
    const auto core = working(resolver);
    auto request = std::make_unique<capi::request_handle>(capi::request_handle{core, {}, true});
    request->what = core->connect(service_of(service), limit_of(timeout_ms));
    *begun = capi::given(std::move(request));
    return BUNRAKU_OK;
  });
}
int bunraku_request_fd(const bunraku_request* request) {
  return request != nullptr ? inside(request)->what->event : -1;
}
int bunraku_request_candidates(bunraku_request* request, bunraku_candidates** found) {
  return guarded([&] {
    checked(found) = nullptr;
    *found = candidates_of(finished(request, false));
    return BUNRAKU_OK;
  });
}
int bunraku_request_stream(bunraku_request* request, bunraku_stream** made) {
  return guarded([&] {
    checked(made) = nullptr;
    auto& result = finished(request, true);
    *made = capi::given(capi::stream_of(inside(request)->core, result));
    return BUNRAKU_OK;
  });
}
void bunraku_request_free(bunraku_request* request) {
  auto* handle = inside(request);
  if (handle == nullptr || !handle->core->is_ours()) return;
  guarded([&] {
    handle->core->abandon(std::move(handle->what));
    return BUNRAKU_OK;
  });
  delete handle;
}
