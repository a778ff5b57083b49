/* Plugins of bunraku: what one has to offer, in C. This header is all that a plugin is built against.
 *
 * A plugin is a shared object NAME.so that exports one function, bunraku_plugin_entry(), which gives a table. The table
 * has pointers to at most four further ones, each a kind of plugin:
 *   source    where the masters of a service come from
 *   policy    in which order the masters of one priority and one health are tried
 *   probe     how loaded a master is
 *   observer  sees what is done and what came of it, and may inject faults
 *
 * Sizes:   every structure begins with its size as its author's compiler knew it. Both sides use no member beyond the
 *          smaller of the two, and take what is missing for zero. Members are only ever added at the end. Whoever fills
 *          in a structure sets `size` to sizeof of it; one that is handed over for filling in has it set already.
 * Threads: the host has one thread per plugin and makes all calls of that plugin on it, one after the other (the entry
 *          alone is called elsewhere, before). No lock is needed against the host. The functions of bunraku_host may be
 *          called from any thread.
 * Time:    whoever asked waits for a call no longer than the plugin's deadline, and then goes on without it. While a
 *          call is late no further one is made. A plugin may block; it can delay what it is asked for, and no more.
 * Strings: UTF-8, pointer and length, no zero at the end; null is empty. What the host hands over lives until the
 *          function returns, what a plugin hands over until it is called the next time.
 * Errors:  int32_t results are BUNRAKU_PLUGIN_OK or another of the codes below. A C++ exception that leaves a function
 *          counts as BUNRAKU_PLUGIN_FAILED.
 * Trust:   a plugin is code of the daemon's, with its rights and the node's key in reach. A fault in it after create()
 *          is a fault of the daemon's.
 */
#ifndef BUNRAKU_PLUGIN_H
#define BUNRAKU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BUNRAKU_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define BUNRAKU_PLUGIN_EXPORT
#endif

/* Changes when something that is here changes its meaning, which additions never do. */
#define BUNRAKU_PLUGIN_ABI 1u

#define BUNRAKU_PLUGIN_OK 0
#define BUNRAKU_PLUGIN_NOTHING 1 /* nothing to say this time: the host does as if the plugin were not there */
#define BUNRAKU_PLUGIN_ASK 2     /* policy.score alone: the marked candidates are to be probed first */
#define BUNRAKU_PLUGIN_FAILED (-1)

#define BUNRAKU_LOG_DEBUG 1
#define BUNRAKU_LOG_INFO 2
#define BUNRAKU_LOG_WARNING 3
#define BUNRAKU_LOG_ERROR 4

typedef struct bunraku_text {
  const char* data;
  size_t size;
} bunraku_text;

/* Takes text, in as many pieces as come. */
typedef struct bunraku_writer {
  size_t size;
  void* to;
  void (*write)(void* to, bunraku_text piece);
} bunraku_writer;

/* What the host offers. It lives as long as the plugin does. */
typedef struct bunraku_host {
  size_t size;
  uint32_t abi;
  /* 1: the plugin is being tried out, in a process of its own that ends after create() and destroy(). Whatever crashes
   * or hangs there is refused and does no harm; what changes the world beyond the process should wait. */
  uint32_t trial;
  void* context;
  /* One line for the daemon's log; the host adds the plugin's name, and its own limits: 1000 bytes, and 64 lines until
   * they are fetched. Any level but those above is BUNRAKU_LOG_DEBUG. */
  void (*log)(void* context, int32_t level, bunraku_text line);
  /* Why the call that is under way fails, in one sentence for people, with what to do about it; 1000 bytes. The last
   * one of a call counts. */
  void (*explain)(void* context, bunraku_text why);
} bunraku_host;

/* One server of a service. `host` is a DNS name or an IP literal without brackets, at most 253 bytes: letters, digits
 * and "-_.:". The port is not 0. Priority (lower first) and weight as in SRV records. */
typedef struct bunraku_plugin_master {
  size_t size;
  bunraku_text host;
  uint16_t port;
  uint16_t priority;
  uint16_t weight;
} bunraku_plugin_master;

/* ---- source */

typedef struct bunraku_masters {
  size_t size;
  void* to;
  void (*add)(void* to, const bunraku_plugin_master* one);
} bunraku_masters;

typedef struct bunraku_source {
  size_t size;
  /* The masters of `service`, now; none, and OK: there are none. Called when somebody needs them and what was said last
   * is older than `valid_ms` (set to 1000 at the call; the host keeps to 100 ms to one day). NOTHING and FAILED: what
   * was said last goes on, if anything was, also over a reload. So it does with more than 1000 masters, and with one
   * that cannot be used. */
  int32_t (*masters)(void* self, bunraku_text service, const bunraku_masters* into, uint32_t* valid_ms);
} bunraku_source;

/* ---- policy */

/* A master that may be asked. Candidates of the same group may change places; groups come in ascending order whatever a
 * policy says: each health within each priority is one. Masters that are full, draining or down stay where they are.
 * While the run's own master comes first, no policy is asked. */
typedef struct bunraku_plan_candidate {
  size_t size;
  const bunraku_plugin_master* master;
  uint32_t group;
  /* As a probe judged it last; less is better. load_age_ms < 0: nothing is known. */
  double load;
  int64_t load_age_ms;
} bunraku_plan_candidate;

typedef struct bunraku_plan {
  size_t size;
  bunraku_text service;
  /* In the order in which they are tried without this policy. Within a group that is this node's preference, so that
   * each node meets warm caches. */
  const bunraku_plan_candidate* const* candidates;
  size_t count;
  /* 1: those that were asked for by BUNRAKU_PLUGIN_ASK were probed, as far as they answered; do not ask again. */
  uint32_t probed;
} bunraku_plan;

typedef struct bunraku_policy {
  size_t size;
  /* Writes one score per candidate; less is tried first, equals stay as they are. `scores` has room for `count`, all 0
   * at the call. ASK: the candidates with a score other than 0 (the host takes the first 4) are to be probed, and then
   * it is called once more; only where the service has a probe. */
  int32_t (*score)(void* self, const bunraku_plan* plan, int64_t* scores);
} bunraku_policy;

/* ---- probe: the host asks, with the node's certificate and its own limits; the plugin says what, and what it means */

typedef struct bunraku_probe {
  size_t size;
  /* What to GET of a master of `service`: path and query, beginning with a slash, at most 1024 bytes. An answer's load
   * counts for `keep_ms` (set to 10000 at the call; the host keeps to 1 s to one hour, and adds up to half as much
   * again, by chance). */
  int32_t (*question)(void* self, bunraku_text service, bunraku_writer* path, uint32_t* keep_ms);
  /* Its load by its answer, 0 or more, less is better. `status` 0: it gave no answer in time, and `body` is empty. The
   * body has no more than 256 KiB. NOTHING: nothing is known of it. */
  int32_t (*judge)(void* self, const bunraku_plugin_master* who, uint32_t status, bunraku_text body, double* load);
} bunraku_probe;

/* ---- observer */

#define BUNRAKU_MOMENT_LOOKUP 1  /* DNS is about to be asked */
#define BUNRAKU_MOMENT_CONNECT 2 /* a master is about to be dialled */
#define BUNRAKU_MOMENT_REQUEST 3 /* a request is about to be sent to it */

/* Something that is about to be done. What does not apply is empty. */
typedef struct bunraku_moment {
  size_t size;
  uint32_t what;
  /* The same in all moments of one exchange; other exchanges have other numbers, also after a restart. It may serve as
   * the seed of a chance that must not be drawn anew for each attempt. */
  uint64_t exchange;
  bunraku_text service; /* "catalog" */
  bunraku_text host;    /* the master's, or the name that DNS is asked for */
  uint16_t port;
  bunraku_text method; /* "GET"; of a lookup the record's type: "SRV", "A", "AAAA" */
  bunraku_text path;   /* without the query */
} bunraku_moment;

#define BUNRAKU_FAULT_NONE 0
/* at LOOKUP */
#define BUNRAKU_FAULT_DNS_SILENT 1 /* no name server answers */
#define BUNRAKU_FAULT_DNS_LIE 2 /* the answer is `body`: one record's data per line, as in a zone file; empty: none */
/* at CONNECT */
#define BUNRAKU_FAULT_REFUSE 10          /* connection refused */
#define BUNRAKU_FAULT_BLACKHOLE 11       /* no packet comes back */
#define BUNRAKU_FAULT_BAD_CERTIFICATE 12 /* `certificate` says what is wrong with it */
/* at REQUEST */
#define BUNRAKU_FAULT_HANG 20   /* the request is taken and never answered; the master does not see it */
#define BUNRAKU_FAULT_RESET 21  /* the connection breaks at byte `at_byte` of the answer, its head included */
#define BUNRAKU_FAULT_STATUS 22 /* answered with `status`, `headers`, `body`; the master does not see it */
/* at CONNECT or REQUEST */
#define BUNRAKU_FAULT_DELAY 30 /* all goes well, `delay_ms` later: the dial, or the answer's first byte */

#define BUNRAKU_CERTIFICATE_EXPIRED 0
#define BUNRAKU_CERTIFICATE_UNTRUSTED 1
#define BUNRAKU_CERTIFICATE_REVOKED 2
#define BUNRAKU_CERTIFICATE_WRONG_NAME 3

typedef struct bunraku_fault {
  size_t size;
  uint32_t kind;
  uint32_t delay_ms; /* at most one hour */
  uint64_t at_byte;
  uint32_t status; /* 200 to 599 */
  uint32_t certificate;
  bunraku_text headers; /* "Retry-After: 5\r\n", lines, each ended; at most 4096 bytes in all */
  bunraku_text body;    /* at most 65536 bytes */
  bunraku_text name;    /* for logs and error messages: which rule of the plugin's */
} bunraku_fault;

#define BUNRAKU_SEEN_OUTCOME 1  /* what a master made of a request */
#define BUNRAKU_SEEN_EXCHANGE 2 /* an exchange is over: `host` is who answered, empty if nobody did */

/* Numbers of outcomes; those of bunraku.h, and one more. */
#define BUNRAKU_OUTCOME_ANSWERED 1
#define BUNRAKU_OUTCOME_UNANSWERED 2
#define BUNRAKU_OUTCOME_BROKEN_ANSWER 3
#define BUNRAKU_OUTCOME_SERVER_ERROR 4
#define BUNRAKU_OUTCOME_SATURATED 5
#define BUNRAKU_OUTCOME_GIVEN_UP 6
#define BUNRAKU_OUTCOME_UNREACHABLE 7
#define BUNRAKU_OUTCOME_BAD_CERTIFICATE 8
#define BUNRAKU_OUTCOME_BEGUN 9 /* the request is about to be sent; another outcome follows */

typedef struct bunraku_seen {
  size_t size;
  uint32_t what;
  uint32_t outcome;      /* of SEEN_OUTCOME */
  bunraku_text service;  /* "catalog" */
  bunraku_text endpoint; /* kind of request: "catalog", "file_metadata", ...; may be empty */
  bunraku_text host;
  uint16_t port;
  uint32_t status;        /* of SEEN_EXCHANGE: of the answer, 0 if there was none */
  uint64_t first_byte_us; /* of ANSWERED: from the request's last byte to the answer's first; 0: not told */
  uint64_t bytes_up;      /* of SEEN_EXCHANGE, bodies */
  uint64_t bytes_down;
} bunraku_seen;

typedef struct bunraku_observer {
  size_t size;
  /* May be null. Whoever is about to do it waits. OK with a fault of a kind that fits the moment injects it; NOTHING
   * does not. */
  int32_t (*interfere)(void* self, const bunraku_moment* moment, bunraku_fault* fault);
  /* May be null. Nobody waits; events are dropped, and counted, while more than 1024 are waiting. */
  void (*see)(void* self, const bunraku_seen* event);
} bunraku_observer;

/* ---- the table */

typedef struct bunraku_plugin {
  size_t size;
  uint32_t abi;        /* BUNRAKU_PLUGIN_ABI */
  const char* name;    /* ended by a zero, as the next two; the file's name without .so */
  const char* version; /* "1.0" */
  const char* about;   /* one line */
  /* Makes one. `settings` is a JSON object: the plugin's table in bunraku.toml. OK sets `self`. Settings that are
   * unknown or wrong are to be refused, with explain(). */
  int32_t (*create)(const bunraku_host* host, bunraku_text settings, void** self);
  void (*destroy)(void* self);
  /* May be null. A JSON object for `bunraku status`, at most 65536 bytes: no secrets. */
  int32_t (*status)(void* self, bunraku_writer* json);
  /* May be null. Something that root says to the running plugin (`bunraku plugin NAME JSON`): a JSON object, and one is
   * the answer, of at most 65536 bytes. FAILED with explain() refuses it. */
  int32_t (*control)(void* self, bunraku_text json, bunraku_writer* answer);
  /* At least one is not null. They live as long as the plugin. */
  const bunraku_source* source;
  const bunraku_policy* policy;
  const bunraku_probe* probe;
  const bunraku_observer* observer;
} bunraku_plugin;

/* Exported by every plugin, under this name. The table is the plugin's and lives as long as the process. Called before
 * anything else, perhaps more than once; it does nothing but give the table. Null: not with a host of this ABI. */
BUNRAKU_PLUGIN_EXPORT const bunraku_plugin* bunraku_plugin_entry(uint32_t host_abi);

#ifdef __cplusplus
}
#endif
#endif
