/* A plugin of all kinds that does what its settings say, and what it should not: {"create": "crash"}. Settings are
 * looked for as text: {"KEY": "VALUE"} holds when "KEY": "VALUE" stands in them. Built in variants; see CMakeLists.txt.
 */
#include <bunraku/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TRICKSTER_NAME
#define TRICKSTER_NAME "trickster"
#endif
#ifdef TRICKSTER_SCRIBBLES
#define TRICKSTER_ABOUT "caf\xc3\xa9 \xff\xc3-\033[31m\nv\xc2\x85w"
#else
#define TRICKSTER_ABOUT "for tests"
#endif
#ifndef TRICKSTER_ABI
#define TRICKSTER_ABI BUNRAKU_PLUGIN_ABI
#endif

struct trickster {
  const bunraku_host* host;
  char settings[4096];
  int calls;
};

static int has(const struct trickster* self, const char* word) { return strstr(self->settings, word) != NULL; }
static bunraku_text text(const char* from) {
  const bunraku_text out = {from, strlen(from)};
  return out;
}

/* The path after `key`, {"key":"PATH"}: 0 if there is none. */
static int path_of(const struct trickster* self, const char* key, char path[1024]) {
  const char* const begin = strstr(self->settings, key);
  size_t i = 0;
  if (begin == NULL) return 0;
  for (const char* c = begin + strlen(key); *c != 0 && *c != '"' && i + 1 < 1024; ++c) path[i++] = *c;
  path[i] = 0;
  return 1;
}

#ifndef TRICKSTER_KINDLESS
/* {"wait":"PATH"}: waits until PATH is there. */
static void wait_for_file(const struct trickster* self) {
  char path[1024];
  if (!path_of(self, "\"wait\":\"", path)) return;
  while (access(path, F_OK) != 0) usleep(1000);
}

#endif

static int32_t create(const bunraku_host* host, bunraku_text settings, void** made) {
  struct trickster* const self = calloc(1, sizeof *self);
  if (self == NULL || settings.size >= sizeof self->settings) {
    free(self);
    return BUNRAKU_PLUGIN_FAILED;
  }
  self->host = host;
  memcpy(self->settings, settings.data, settings.size);
  if (has(self, "\"create\":\"crash\"")) raise(SIGSEGV);
  if (has(self, "\"create\":\"exit\"")) exit(3);
  while (has(self, "\"create\":\"hang\"")) pause();
  if (has(self, "\"create\":\"fail\"")) {
    host->explain(host->context, text("it does not like `create`"));
    free(self);
    return BUNRAKU_PLUGIN_FAILED;
  }
  host->log(host->context, BUNRAKU_LOG_INFO, text("trickster.made"));
  *made = self;
  return BUNRAKU_PLUGIN_OK;
}

/* {"gone":"PATH"}: PATH comes into being. */
static void destroy(void* made) {
  struct trickster* const self = made;
  char path[1024];
  const int to_tell = path_of(self, "\"gone\":\"", path);
  free(self);
  if (to_tell) close(creat(path, 0644));
}

static int32_t status(void* self, bunraku_writer* json) {
  char out[64];
  snprintf(out, sizeof out, "{\"calls\": %d}", ((struct trickster*)self)->calls);
  json->write(json->to, text(out));
  return BUNRAKU_PLUGIN_OK;
}

static int32_t control(void* made, bunraku_text json, bunraku_writer* answer) {
  struct trickster* const self = made;
  if (json.size > 2) {
    self->host->explain(self->host->context, text("it takes no orders but {}"));
    return BUNRAKU_PLUGIN_FAILED;
  }
  answer->write(answer->to, text("{\"did\": "));
  answer->write(answer->to, text("\"nothing\"}"));
  return BUNRAKU_PLUGIN_OK;
}

#ifndef TRICKSTER_KINDLESS
static int32_t masters(void* made, bunraku_text service, const bunraku_masters* into, uint32_t* valid_ms) {
  struct trickster* const self = made;
  bunraku_plugin_master one;
  (void)service;
  ++self->calls;
  wait_for_file(self);
  if (has(self, "\"masters\":\"fail\"")) return BUNRAKU_PLUGIN_FAILED;
  memset(&one, 0, sizeof one);
  one.size = sizeof one;
  one.host = text(has(self, "\"masters\":\"nonsense\"") ? "not a host/" : "Compile1.Example.com.");
  one.port = 8140;
  one.priority = 10;
  one.weight = 5;
  into->add(into->to, &one);
  *valid_ms = 60000;
  return BUNRAKU_PLUGIN_OK;
}

static int32_t score(void* made, const bunraku_plan* plan, int64_t* scores) {
  struct trickster* const self = made;
  ++self->calls;
  wait_for_file(self);
  for (size_t i = 0; i != plan->count; ++i) scores[i] = -(int64_t)i; /* the other way round */
  return BUNRAKU_PLUGIN_OK;
}

static int32_t question(void* made, bunraku_text service, bunraku_writer* path, uint32_t* keep_ms) {
  (void)service;
  (void)keep_ms;
  path->write(path->to, text(has(made, "\"path\":\"bad\"") ? "no path" : "/status/v1/load"));
  return BUNRAKU_PLUGIN_OK;
}

static int32_t judge(void* made, const bunraku_plugin_master* who, uint32_t status_code, bunraku_text body,
                     double* load) {
  (void)who;
  if (status_code == 0) return BUNRAKU_PLUGIN_NOTHING;
  *load = has(made, "\"load\":\"negative\"") ? -1 : (double)body.size;
  return BUNRAKU_PLUGIN_OK;
}

static int32_t interfere(void* made, const bunraku_moment* moment, bunraku_fault* fault) {
  struct trickster* const self = made;
  ++self->calls;
  wait_for_file(self);
  if (has(self, "\"interfere\":\"misfit\"")) fault->kind = BUNRAKU_FAULT_DNS_SILENT;
  else if (has(self, "\"interfere\":\"headers\"")) {
    fault->kind = BUNRAKU_FAULT_STATUS;
    fault->status = 503;
    fault->headers = text("Retry-After: 5\n\nsmuggled");
  } else if (moment->what == BUNRAKU_MOMENT_CONNECT) fault->kind = BUNRAKU_FAULT_REFUSE;
  else return BUNRAKU_PLUGIN_NOTHING;
  fault->name = text("trickster");
  return BUNRAKU_PLUGIN_OK;
}

static void see(void* made, const bunraku_seen* event) {
  struct trickster* const self = made;
  (void)event;
  ++self->calls;
  wait_for_file(self);
}

static const bunraku_source as_source = {sizeof(bunraku_source), masters};
static const bunraku_policy as_policy = {sizeof(bunraku_policy), score};
static const bunraku_probe as_probe = {sizeof(bunraku_probe), question, judge};
static const bunraku_observer as_observer = {sizeof(bunraku_observer), interfere, see};
#endif

static const bunraku_plugin table = {
#ifdef TRICKSTER_SIZELESS
    0,
#elif defined(TRICKSTER_SMALL)
    sizeof(uint32_t) + sizeof(size_t),
#else
    sizeof(bunraku_plugin),
#endif
    TRICKSTER_ABI,
    TRICKSTER_NAME,
    "1.0",
    TRICKSTER_ABOUT,
    create,
    destroy,
    status,
    control,
#ifdef TRICKSTER_KINDLESS
    NULL,
    NULL,
    NULL,
    NULL
#else
    &as_source,
    &as_policy,
    &as_probe,
    &as_observer
#endif
};

#ifndef TRICKSTER_DUMB
BUNRAKU_PLUGIN_EXPORT const bunraku_plugin* bunraku_plugin_entry(uint32_t host_abi) {
  (void)host_abi;
  return &table;
}
#else
BUNRAKU_PLUGIN_EXPORT const bunraku_plugin* some_other_function(void) { return &table; }
#endif
