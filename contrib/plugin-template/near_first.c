/* near_first: a policy that tries masters of one's own data centre before equals elsewhere.
 *
 *   [plugin.near_first]
 *   suffix = ".dc1.example.com"
 *
 *   [service.catalog]
 *   policy = "near_first"
 */
#include <bunraku/plugin.h>

#include <stdlib.h>
#include <string.h>

struct near_first {
  const bunraku_host* host;
  char suffix[256];
};

static void explain(const bunraku_host* host, const char* why) {
  const bunraku_text text = {why, strlen(why)};
  host->explain(host->context, text);
}

/* Settings are JSON. This plugin knows one object: {"suffix":"..."}, without escapes. */
static int read_suffix(bunraku_text settings, char* suffix, size_t room) {
  const char head[] = "{\"suffix\":\"", tail[] = "\"}";
  const size_t before = sizeof head - 1, after = sizeof tail - 1;
  if (settings.size <= before + after || settings.size - before - after >= room) return 0;
  if (memcmp(settings.data, head, before) != 0) return 0;
  if (memcmp(settings.data + settings.size - after, tail, after) != 0) return 0;
  const size_t size = settings.size - before - after;
  memcpy(suffix, settings.data + before, size);
  suffix[size] = 0;
  return memchr(suffix, '"', size) == NULL && memchr(suffix, '\\', size) == NULL;
}

static int32_t create(const bunraku_host* host, bunraku_text settings, void** self) {
  struct near_first* const made = calloc(1, sizeof *made);
  if (made == NULL) return BUNRAKU_PLUGIN_FAILED;
  made->host = host;
  if (!read_suffix(settings, made->suffix, sizeof made->suffix)) {
    explain(host, "it needs exactly one key, `suffix`: the end of the near masters' names");
    free(made);
    return BUNRAKU_PLUGIN_FAILED;
  }
  *self = made;
  return BUNRAKU_PLUGIN_OK;
}

static void destroy(void* self) { free(self); }

static int is_near(const struct near_first* self, bunraku_text host) {
  const size_t size = strlen(self->suffix);
  return host.size >= size && memcmp(host.data + host.size - size, self->suffix, size) == 0;
}

/* Less is tried first, and equals stay in the order they came in: each node keeps its own preference among them. */
static int32_t score(void* self, const bunraku_plan* plan, int64_t* scores) {
  for (size_t i = 0; i != plan->count; ++i) scores[i] = is_near(self, plan->candidates[i]->master->host) ? 0 : 1;
  return BUNRAKU_PLUGIN_OK;
}

static const bunraku_policy policy = {.size = sizeof policy, .score = score};

static const bunraku_plugin table = {.size = sizeof table,
                                     .abi = BUNRAKU_PLUGIN_ABI,
                                     .name = "near_first",
                                     .version = "1.0",
                                     .about = "tries masters of one's own data centre before equals elsewhere",
                                     .create = create,
                                     .destroy = destroy,
                                     .policy = &policy};

const bunraku_plugin* bunraku_plugin_entry(uint32_t host_abi) { return host_abi == BUNRAKU_PLUGIN_ABI ? &table : NULL; }
