/* The masters of a Puppet agent, for programs in C and whatever can call it: libbunraku.so.
 *
 * Errors:  functions that can fail return BUNRAKU_OK or a code; bunraku_error_text() has the sentence for people of
 *          this thread's last failure. Codes never change their meaning; new ones may come. What a failed call should
 *          have given is null, or 0. A null pointer is BUNRAKU_E_ARGUMENT, unless it is said to be allowed.
 *
 * Time:    timeout_ms bounds a call: negative: the resolver's own limits alone, and none for a stream; 0: what is there
 *          without waiting, which a new connection never is. Signals do not end a call. Files are read without a limit.
 *
 * Threads: a resolver may be used by several threads at once. It has one thread of its own, with all signals blocked.
 *          A request, a stream, a set of candidates and options by one thread at a time. Nothing is ever called back.
 *
 * Signals: none is raised, SIGPIPE neither. No function may be called by a signal's handler.
 *
 * Fork:    a child cannot use its parent's resolvers, requests and streams: each call that gives a code says
 *          BUNRAKU_E_FORKED, at once, and nothing is sent. The child makes a resolver of its own; options and
 *          candidates are good there. Freeing the parent's things is allowed there and touches no connection.
 *          Descriptors are closed by exec.
 *
 * Exit:    exit() ends all resolvers as if they were freed: nothing has to be freed before it, and other threads may
 *          still wait on them. What is called later, by destructors, fails; freeing is allowed there.
 *
 * Memory:  what a function gives belongs to the caller and has a ..._free, which takes NULL. Strings that a function
 *          returns live as long as the object they were asked of. Texts are UTF-8. A request or stream may outlive its
 *          resolver, and be used while another thread frees that: requests end with BUNRAKU_E_CANCELLED, streams go on.
 *
 * ABI:     functions are only ever added; see bunraku_abi_version(). No structure is laid open.
 */
#ifndef BUNRAKU_H
#define BUNRAKU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BUNRAKU_API __attribute__((visibility("default")))
#else
#define BUNRAKU_API
#endif

#define BUNRAKU_OK 0
#define BUNRAKU_E_ARGUMENT 1  /* a null pointer, an unknown service or key, a value that cannot be used */
#define BUNRAKU_E_FORKED 2    /* made by another process */
#define BUNRAKU_E_MEMORY 3    /* no memory, descriptor or thread to be had */
#define BUNRAKU_E_INTERNAL 4  /* a fault of this library's */
#define BUNRAKU_E_NOT_READY 5 /* the request is not finished */

#define BUNRAKU_E_SITE 100        /* puppet.conf or ssldir cannot be used */
#define BUNRAKU_E_CREDENTIALS 101 /* certificate, key, CA or CRL cannot be used */

#define BUNRAKU_E_SERVICE_ABSENT 200 /* DNS says "." for this service */
#define BUNRAKU_E_NO_MASTERS 201
#define BUNRAKU_E_DNS_TIMEOUT 202
#define BUNRAKU_E_DNS_FAILED 203
#define BUNRAKU_E_DNS_MALFORMED 204

#define BUNRAKU_E_ALL_TRIED 300  /* no master could be connected to; the text tells of each attempt */
#define BUNRAKU_E_REFUSED_US 410 /* from the first read: the master's TLS did not want our certificate */

#define BUNRAKU_E_CANCELLED 900 /* the resolver was freed meanwhile */
#define BUNRAKU_E_TIMEOUT 901   /* timeout_ms has passed */

#define BUNRAKU_E_SYSTEM 1000 /* and above: an errno plus this, such as a reset connection */

/* What a master made of a request; see bunraku_report(). */
#define BUNRAKU_ANSWERED 1        /* a whole answer, of any status but those below */
#define BUNRAKU_UNANSWERED 2      /* sent, and no answer */
#define BUNRAKU_BROKEN_ANSWER 3   /* the answer broke off, or was no HTTP */
#define BUNRAKU_SERVER_ERROR 4    /* 502, 504, or 503 without Retry-After */
#define BUNRAKU_SATURATED 5       /* 503 or 429 with Retry-After */
#define BUNRAKU_GIVEN_UP 6        /* by the caller: says nothing about the master */
#define BUNRAKU_UNREACHABLE 7     /* hosts that dial themselves: no connection, or no TLS on it */
#define BUNRAKU_BAD_CERTIFICATE 8 /* likewise: its certificate must not be accepted */

typedef struct bunraku_options bunraku_options;
typedef struct bunraku_resolver bunraku_resolver;
typedef struct bunraku_request bunraku_request;
typedef struct bunraku_candidates bunraku_candidates;
typedef struct bunraku_stream bunraku_stream;

/* "0.1.0" */
BUNRAKU_API const char* bunraku_version(void);
/* Grows by one with each set of functions that is added. Source: the functions marked "since". */
BUNRAKU_API uint32_t bunraku_abi_version(void);

/* Writes this thread's last error text, cut to capacity and ended by a zero (if capacity is not 0). Gives the length of
 * the whole text without that zero: 0 when nothing has failed yet. */
BUNRAKU_API size_t bunraku_error_text(char* text, size_t capacity);
/* The code's own words, for any code; never null. */
BUNRAKU_API const char* bunraku_error_name(int code);

/* ---- options: all are optional. Null when there is no memory. */
BUNRAKU_API bunraku_options* bunraku_options_new(void);
BUNRAKU_API void bunraku_options_free(bunraku_options* options);
/* The last value of a key counts, and one that is refused changes nothing. Both are copied. Lists are separated by
 * commas. Hosts are names, with or without a dot at the end, or addresses. Keys:
 *   puppet_conf, certname, ssldir      instead of what puppet would find by itself; judged by bunraku_resolver_new
 *   server, ca_server, report_server, server_list, srv_domain, serverport, ca_port, report_port
 *                                      instead of puppet.conf's, as if given on puppet's command line
 *   srv                                "auto" (as puppet.conf says), "yes", "no"
 *   name_servers                       "192.0.2.53,[2001:db8::53]:5353,fe80::53%eth0" instead of resolv.conf's
 *   hosts_file                         instead of /etc/hosts, absolute; empty: none. One that is missing names nobody
 *                                      until it is there; a directory is refused
 *   store_file                         where DNS answers are kept for the next process, in case DNS is silent then;
 *                                      absolute, in a directory that exists: else nothing is kept
 *   ca, catalog, files, report         "compile1.example.com:8140,compile2.example.com": masters of that service, in
 *                                      this order, instead of all other sources; without a port 8140
 *   master_names, within, pins         who may be a master: lists of names that its certificate must carry one of
 *                                      ("*." and a domain: one further label), of the domains that SRV records may
 *                                      lead to, of SHA-256 sums of its key; empty: whoever Puppet's CA vouches for
 *   lookup_deadline_ms                 for one name, 100 to 60000; 3000 unless given
 *   connect_timeout_ms, tls_timeout_ms for one connection, 10 to 300000; 3000 and 5000
 *   race_delay_ms                      before the next master is tried beside a silent one, 10 to 60000; 250
 * Further keys may come: a program that can do without one goes on when it is refused.
 */
BUNRAKU_API int bunraku_options_set(bunraku_options* options, const char* key, const char* value);

/* ---- resolvers */
/* Reads puppet.conf and the agent's certificate and starts a thread. `options` may be null and is not kept. Without a
 * usable certificate there is a resolver all the same, which cannot connect: BUNRAKU_E_CREDENTIALS, and why. Another
 * mistake in puppet.conf or `options` is BUNRAKU_E_SITE. */
BUNRAKU_API int bunraku_resolver_new(const bunraku_options* options, bunraku_resolver** made);
/* Ends its thread. Calls that wait on it in other threads end with BUNRAKU_E_CANCELLED; none may begin any more. */
BUNRAKU_API void bunraku_resolver_free(bunraku_resolver* resolver);
/* Reads puppet.conf and the certificate again; keeps what it had if that fails, also for want of a usable certificate.
 * What is known of masters stays. What is begun afterwards goes by what was read; what is under way goes on with the
 * masters it has, and comes to further sources as they were read. */
BUNRAKU_API int bunraku_resolver_reload(bunraku_resolver* resolver);

/* ---- candidates: a service's masters, in the order in which a request made now would try them */
/* `service`: "ca", "catalog", "files" or "report". */
BUNRAKU_API int bunraku_resolve(bunraku_resolver* resolver, const char* service, int32_t timeout_ms,
                                bunraku_candidates** found);
BUNRAKU_API void bunraku_candidates_free(bunraku_candidates* candidates);
BUNRAKU_API size_t bunraku_candidates_count(const bunraku_candidates* candidates);
/* Beyond the count: null, or 0. */
BUNRAKU_API const char* bunraku_candidate_host(const bunraku_candidates* candidates, size_t index);
BUNRAKU_API uint16_t bunraku_candidate_port(const bunraku_candidates* candidates, size_t index);
BUNRAKU_API const char* bunraku_candidate_source(const bunraku_candidates* candidates, size_t index); /* "srv", ... */
BUNRAKU_API const char* bunraku_candidate_health(const bunraku_candidates* candidates, size_t index); /* "up", ... */
BUNRAKU_API const char* bunraku_candidate_why(const bunraku_candidates* candidates, size_t index);    /* why there */

/* Tells what became of a request, so that the right masters come first from then on. Exactly one report for each stream
 * that a request was sent on; else freeing the stream counts as BUNRAKU_GIVEN_UP. `host` as in the options, known or
 * not. `retry_after_s` is the answer's, with BUNRAKU_SATURATED; 1 to 300 count. `reason`, a sentence, may be null; no
 * more than 1000 bytes of it are kept. Does not wait. */
BUNRAKU_API int bunraku_report(bunraku_resolver* resolver, const char* service, const char* host, uint16_t port,
                               int outcome, uint32_t retry_after_s, const char* reason);

/* ---- streams: TLS with the agent's certificate, to a master whose certificate was verified */
BUNRAKU_API int bunraku_connect(bunraku_resolver* resolver, const char* service, int32_t timeout_ms,
                                bunraku_stream** made);
/* Says goodbye and closes, without waiting. */
BUNRAKU_API void bunraku_stream_free(bunraku_stream* stream);
BUNRAKU_API const char* bunraku_stream_host(const bunraku_stream* stream);
BUNRAKU_API uint16_t bunraku_stream_port(const bunraku_stream* stream);
/* The masters that were tried before this one and in vain, in a line each, "HOST:PORT: STAGE: WHY (after 0.2 s)";
 * without any, "". Since 2. */
BUNRAKU_API const char* bunraku_stream_tried(const bunraku_stream* stream);
/* Reads 1 to `size` bytes, of which there must be room for one at least; `got` of 0 and BUNRAKU_OK: the master ended
 * the stream in order, now and from now on. A master that left without a goodbye is an error, connection reset. */
BUNRAKU_API int bunraku_stream_read(bunraku_stream* stream, void* data, size_t size, int32_t timeout_ms, size_t* got);
/* Writes all; `put` says how many were taken, also when it fails. After a timeout go on with the bytes that follow, no
 * fewer than were left (they may have moved): some may be on their way. After another error only free the stream. */
BUNRAKU_API int bunraku_stream_write(bunraku_stream* stream, const void* data, size_t size, int32_t timeout_ms,
                                     size_t* put);
/* The same as one call, for bunraku_stream's own master and service. */
BUNRAKU_API int bunraku_stream_report(bunraku_stream* stream, int outcome, uint32_t retry_after_s, const char* reason);
/* For event loops: after a read or write (with timeout_ms 0) that said BUNRAKU_E_TIMEOUT, wait until this descriptor is
 * ready for these events of poll(2), and call it again. The descriptor remains the stream's. -1 and 0 for null. */
BUNRAKU_API int bunraku_stream_fd(const bunraku_stream* stream);
BUNRAKU_API int bunraku_stream_events(const bunraku_stream* stream);

/* ---- requests: the same without blocking */
BUNRAKU_API int bunraku_resolve_start(bunraku_resolver* resolver, const char* service, int32_t timeout_ms,
                                      bunraku_request** begun);
BUNRAKU_API int bunraku_connect_start(bunraku_resolver* resolver, const char* service, int32_t timeout_ms,
                                      bunraku_request** begun);
/* An eventfd of the request's: readable as soon as it is finished, and from then on; not to be read. -1 for null. */
BUNRAKU_API int bunraku_request_fd(const bunraku_request* request);
/* Its result, once; BUNRAKU_E_NOT_READY before it is finished, BUNRAKU_E_ARGUMENT when it was taken, or is of the other
 * kind. An error is told again. */
BUNRAKU_API int bunraku_request_candidates(bunraku_request* request, bunraku_candidates** found);
BUNRAKU_API int bunraku_request_stream(bunraku_request* request, bunraku_stream** made);
/* Cancels it if it is under way. */
BUNRAKU_API void bunraku_request_free(bunraku_request* request);

#ifdef __cplusplus
}
#endif
#endif
