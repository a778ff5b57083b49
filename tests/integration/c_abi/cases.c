/* What bunraku.h promises, tried in C99: c_abi_cases CASE PUPPET_CONF NAME_SERVER. Prints what it found; ends with 1
 * and file:line at the first broken promise. lifetimes.c has those about threads, processes and ends. */
#define _POSIX_C_SOURCE 200809L
#include "cases.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void broken(const char* file, int line, const char* what) {
  char text[2000];
  bunraku_error_text(text, sizeof text);
  fprintf(stderr, "%s:%d: %s; last error: %s\n", file, line, what, text);
  _exit(1);
}

bunraku_options* options(char** site) {
  bunraku_options* made = bunraku_options_new();
  CHECK(made != NULL);
  CHECK(bunraku_options_set(made, "puppet_conf", site[0]) == BUNRAKU_OK);
  CHECK(bunraku_options_set(made, "name_servers", site[1]) == BUNRAKU_OK);
  CHECK(bunraku_options_set(made, "hosts_file", "") == BUNRAKU_OK);
  CHECK(bunraku_options_set(made, "tls_timeout_ms", "60000") == BUNRAKU_OK);
  return made;
}

bunraku_resolver* resolver(char** site) {
  bunraku_options* with = options(site);
  bunraku_resolver* made = NULL;
  CHECK(bunraku_resolver_new(with, &made) == BUNRAKU_OK);
  bunraku_options_free(with);
  return made;
}

static void send_request(bunraku_stream* to) {
  char request[500];
  size_t put = 0;
  const size_t size =
      (size_t)snprintf(request, sizeof request, "GET /status/v1/simple/server HTTP/1.1\r\nHost: %s:%u\r\n\r\n",
                       bunraku_stream_host(to), (unsigned)bunraku_stream_port(to));
  CHECK(bunraku_stream_write(to, request, size, patient, &put) == BUNRAKU_OK);
  CHECK(put == size);
}

/* By its length or by its last chunk; then it is the answer that a master in good health gives. */
static int is_whole(const char* answer) {
  const char* body = strstr(answer, "\r\n\r\n");
  if (body == NULL) return 0;
  const int chunked = strstr(answer, "chunked") != NULL;
  if (strstr(body, chunked ? "\r\n0\r\n\r\n" : "running") == NULL) return 0;
  if (strstr(body, "running") == NULL) fprintf(stderr, "%s\n", answer);
  CHECK(strstr(body, "running") != NULL);
  return 1;
}

void get(bunraku_stream* to) {
  char answer[4096];
  size_t size = 0, got = 0;
  send_request(to);
  do {
    CHECK(bunraku_stream_read(to, answer + size, sizeof answer - 1 - size, patient, &got) == BUNRAKU_OK);
    CHECK(got != 0);
    size += got;
    answer[size] = '\0';
  } while (!is_whole(answer));
}

static void case_candidates(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_candidates* found = NULL;
  CHECK(bunraku_resolve(r, "catalog", patient, &found) == BUNRAKU_OK);
  for (size_t i = 0; i < bunraku_candidates_count(found); ++i)
    printf("%s:%u %s %s %s\n", bunraku_candidate_host(found, i), (unsigned)bunraku_candidate_port(found, i),
           bunraku_candidate_source(found, i), bunraku_candidate_health(found, i), bunraku_candidate_why(found, i));
  CHECK(bunraku_candidate_host(found, bunraku_candidates_count(found)) == NULL);
  CHECK(bunraku_candidate_port(found, (size_t)-1) == 0);
  bunraku_candidates_free(found);
  bunraku_resolver_free(r);
}

/* Reports decide who comes first. */
static void case_reports(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_candidates *before = NULL, *after = NULL;
  CHECK(bunraku_resolve(r, "catalog", patient, &before) == BUNRAKU_OK);
  CHECK(bunraku_candidates_count(before) == 2);
  const char* first = bunraku_candidate_host(before, 0);
  for (int i = 0; i != 3; ++i)
    CHECK(bunraku_report(r, "catalog", first, bunraku_candidate_port(before, 0), BUNRAKU_UNREACHABLE, 0, "tried") ==
          BUNRAKU_OK);
  CHECK(bunraku_resolve(r, "catalog", patient, &after) == BUNRAKU_OK);
  CHECK(bunraku_candidates_count(after) == 2);
  CHECK(strcmp(bunraku_candidate_host(after, 1), first) == 0);
  CHECK(strcmp(bunraku_candidate_health(after, 0), "up") == 0);
  CHECK(strcmp(bunraku_candidate_health(after, 1), "down") == 0);
  CHECK(strstr(bunraku_candidate_why(after, 1), ": tried") != NULL);
  bunraku_candidates_free(before);
  bunraku_candidates_free(after);
  bunraku_resolver_free(r);
}

/* However the name is written and whatever the reason holds. */
static void case_spelling(char** site) {
  bunraku_options* o = options(site);
  bunraku_resolver* r = NULL;
  bunraku_candidates* found = NULL;
  char text[200];
  CHECK(bunraku_options_set(o, "catalog", "A.test.:1,0:0::1,::ffff:192.0.2.1") == BUNRAKU_OK);
  CHECK(bunraku_options_set(o, "catalog", "\xff\n") == BUNRAKU_E_ARGUMENT);
  bunraku_error_text(text, sizeof text);
  CHECK(strncmp(text, "catalog = \"? \"", 14) == 0);
  CHECK(bunraku_resolver_new(o, &r) == BUNRAKU_OK);
  bunraku_options_free(o);
  for (int i = 0; i != 3; ++i) {
    CHECK(bunraku_report(r, "catalog", "A.TEST.", 1, BUNRAKU_UNREACHABLE, 0, "no\xff\033[31m\n!") == BUNRAKU_OK);
    CHECK(bunraku_report(r, "catalog", "[0::0:1]", 8140, BUNRAKU_UNREACHABLE, 0, NULL) == BUNRAKU_OK);
  }
  CHECK(bunraku_resolve(r, "catalog", patient, &found) == BUNRAKU_OK);
  for (size_t i = 0; i != bunraku_candidates_count(found); ++i)
    printf("%s %s %s\n", bunraku_candidate_host(found, i), bunraku_candidate_health(found, i),
           bunraku_candidate_why(found, i));
  bunraku_candidates_free(found);
  bunraku_resolver_free(r);
}

/* Writing to a master that ended the stream is an error of the system's, not of the library's. */
static void case_goodbye(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  char answer[4096];
  size_t n = 0;
  int code = BUNRAKU_OK;
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  static const char request[] = "GET /status/v1/simple/server HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
  CHECK(bunraku_stream_write(s, request, sizeof request - 1, patient, &n) == BUNRAKU_OK);
  do CHECK(bunraku_stream_read(s, answer, sizeof answer, patient, &n) == BUNRAKU_OK);
  while (n != 0);
  CHECK(bunraku_stream_read(s, answer, sizeof answer, patient, &n) == BUNRAKU_OK && n == 0);
  for (int i = 0; i != 1000 && code == BUNRAKU_OK; ++i) {
    const struct timespec a_moment = {0, 1000000};
    code = bunraku_stream_write(s, request, sizeof request - 1, patient, &n);
    nanosleep(&a_moment, NULL);
  }
  CHECK(code > BUNRAKU_E_SYSTEM);
  bunraku_stream_free(s);
  bunraku_resolver_free(r);
}

static void case_get(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  get(s);
  get(s);
  CHECK(bunraku_stream_report(s, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_OK);
  printf("%s:%u\n", bunraku_stream_host(s), (unsigned)bunraku_stream_port(s));
  /* A stream goes on without its resolver. */
  bunraku_resolver_free(r);
  get(s);
  bunraku_stream_free(s);
}

/* An event loop: nothing blocks but poll(). */
static void case_event_loop(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_request *asks = NULL, *connects = NULL;
  bunraku_candidates *found = NULL, *none = NULL;
  bunraku_stream *s = NULL, *again = NULL;
  CHECK(bunraku_resolve_start(r, "catalog", patient, &asks) == BUNRAKU_OK);
  CHECK(bunraku_connect_start(r, "catalog", patient, &connects) == BUNRAKU_OK);
  struct pollfd both[2] = {{bunraku_request_fd(asks), POLLIN, 0}, {bunraku_request_fd(connects), POLLIN, 0}};
  for (int i = 0; i != 2; ++i) CHECK(poll(&both[i], 1, patient) == 1);
  CHECK(bunraku_request_candidates(connects, &none) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_request_candidates(asks, &found) == BUNRAKU_OK);
  CHECK(bunraku_candidates_count(found) == 2);
  CHECK(bunraku_request_candidates(asks, &none) == BUNRAKU_E_ARGUMENT && none == NULL);
  CHECK(bunraku_request_stream(connects, &s) == BUNRAKU_OK);
  CHECK(bunraku_request_stream(connects, &again) == BUNRAKU_E_ARGUMENT && again == NULL);
  bunraku_stream_free(s);
  bunraku_request_free(connects);
  bunraku_request_free(asks);
  bunraku_candidates_free(found);

  CHECK(bunraku_connect_start(r, "catalog", patient, &connects) == BUNRAKU_OK);
  struct pollfd one = {bunraku_request_fd(connects), POLLIN, 0};
  CHECK(poll(&one, 1, patient) == 1);
  CHECK(bunraku_request_stream(connects, &s) == BUNRAKU_OK);
  bunraku_request_free(connects);
  char answer[4096] = "";
  size_t size = 0, got = 0;
  send_request(s);
  while (!is_whole(answer)) {
    int code = bunraku_stream_read(s, answer + size, sizeof answer - 1 - size, 0, &got);
    if (code == BUNRAKU_E_TIMEOUT) {
      struct pollfd ready = {bunraku_stream_fd(s), (short)bunraku_stream_events(s), 0};
      CHECK(poll(&ready, 1, patient) == 1);
      continue;
    }
    CHECK(code == BUNRAKU_OK && got != 0);
    size += got;
    answer[size] = '\0';
  }
  bunraku_stream_free(s);
  /* One that nobody waits for any more. */
  CHECK(bunraku_connect_start(r, "catalog", patient, &connects) == BUNRAKU_OK);
  bunraku_request_free(connects);
  bunraku_resolver_free(r);
}

/* All masters are silent. */
static void case_silence(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  bunraku_request* q = NULL;
  char text[2000];
  CHECK(bunraku_connect(r, "catalog", 300, &s) == BUNRAKU_E_TIMEOUT);
  CHECK(bunraku_error_text(text, sizeof text) < sizeof text);
  printf("%s\n", text);
  CHECK(bunraku_connect_start(r, "catalog", -1, &q) == BUNRAKU_OK);
  CHECK(bunraku_request_stream(q, &s) == BUNRAKU_E_NOT_READY);
  bunraku_resolver_free(r);
  char first[2000];
  CHECK(bunraku_request_stream(q, &s) == BUNRAKU_E_CANCELLED);
  bunraku_error_text(first, sizeof first);
  CHECK(bunraku_request_stream(q, &s) == BUNRAKU_E_CANCELLED);
  bunraku_error_text(text, sizeof text);
  CHECK(strcmp(first, text) == 0);
  bunraku_request_free(q);
}

/* The first master is gone: who was tried before the one that is there. */
static void case_tried(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  printf("%s\n", bunraku_stream_tried(s));
  bunraku_stream_free(s);
  CHECK(bunraku_connect(r, "files", patient, &s) == BUNRAKU_OK);
  CHECK(strcmp(bunraku_stream_tried(s), "") == 0);
  bunraku_stream_free(s);
  bunraku_resolver_free(r);
}

/* What puppet's command line would say wins over puppet.conf, here one that sets nothing of it. */
static void case_settings(char** site) {
  static const char* const given[][2] = {{"srv", "no"},           {"server_list", "a.test, b.test:1"},
                                         {"server", "c.test"},    {"ca_server", "d.test"},
                                         {"ca_port", "2"},        {"serverport", "3"},
                                         {"srv_domain", "x.test"}};
  static const char* const services[] = {"ca", "catalog", "report"};
  bunraku_options* o = options(site);
  bunraku_resolver* r = NULL;
  bunraku_candidates* found = NULL;
  for (size_t i = 0; i != sizeof given / sizeof *given; ++i)
    CHECK(bunraku_options_set(o, given[i][0], given[i][1]) == BUNRAKU_OK);
  CHECK(bunraku_resolver_new(o, &r) == BUNRAKU_OK);
  for (size_t i = 0; i != 3; ++i) {
    CHECK(bunraku_resolve(r, services[i], patient, &found) == BUNRAKU_OK);
    printf("%s", services[i]);
    for (size_t n = 0; n != bunraku_candidates_count(found); ++n)
      printf(" %s:%u", bunraku_candidate_host(found, n), (unsigned)bunraku_candidate_port(found, n));
    printf("\n");
    bunraku_candidates_free(found);
  }
  bunraku_resolver_free(r);
  bunraku_options_free(o);
}

/* Masters without the name that is demanded, or whose key is not the pinned one, or whom SRV may not name. */
static void case_demands(char** site) {
  static const char* const demands[][2] = {
      {"master_names", "nobody.test, *.nobody.test"},
      {"within", "elsewhere.test"},
      {"pins", "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"}};
  for (size_t i = 0; i != 3; ++i) {
    bunraku_options* o = options(site);
    bunraku_resolver* r = NULL;
    bunraku_stream* s = NULL;
    char text[4000];
    CHECK(bunraku_options_set(o, demands[i][0], demands[i][1]) == BUNRAKU_OK);
    CHECK(bunraku_resolver_new(o, &r) == BUNRAKU_OK);
    CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_E_ALL_TRIED);
    bunraku_error_text(text, sizeof text);
    printf("%s\n", text);
    bunraku_resolver_free(r);
    bunraku_options_free(o);
  }
}

/* What one process learned of DNS serves the next. */
static void case_store(char** site) {
  bunraku_options* o = options(site);
  bunraku_resolver* r = NULL;
  bunraku_candidates* found = NULL;
  char* path = malloc(strlen(site[0]) + 10);
  CHECK(path != NULL);
  sprintf(path, "%s.answers", site[0]);
  CHECK(bunraku_options_set(o, "store_file", path) == BUNRAKU_OK);
  CHECK(bunraku_resolver_new(o, &r) == BUNRAKU_OK);
  CHECK(bunraku_resolve(r, "catalog", patient, &found) == BUNRAKU_OK);
  bunraku_candidates_free(found);
  bunraku_resolver_free(r);
  CHECK(bunraku_options_set(o, "name_servers", "127.0.0.1:1") == BUNRAKU_OK);
  CHECK(bunraku_resolver_new(o, &r) == BUNRAKU_OK);
  CHECK(bunraku_resolve(r, "catalog", patient, &found) == BUNRAKU_OK);
  CHECK(bunraku_candidates_count(found) == 2);
  bunraku_candidates_free(found);
  bunraku_resolver_free(r);
  bunraku_options_free(o);
  free(path);
}

/* All masters are gone. */
static void case_refusal(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  char text[2000], few[8];
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_E_ALL_TRIED && s == NULL);
  const size_t length = bunraku_error_text(text, sizeof text);
  CHECK(length == strlen(text));
  CHECK(bunraku_error_text(few, sizeof few) == length && strlen(few) == sizeof few - 1);
  CHECK(bunraku_error_text(NULL, 0) == length);
  printf("%s\n", text);
  bunraku_resolver_free(r);
}

static void case_misuse(char** site) {
  bunraku_resolver *r = resolver(site), *no_r = NULL;
  bunraku_options* o = options(site);
  bunraku_candidates* found = NULL;
  bunraku_stream* s = NULL;
  static const char* const refused[][2] = {{"no_such_key", "1"},
                                           {"srv", "perhaps"},
                                           {"catalog", ""},
                                           {"catalog", "host:0"},
                                           {"catalog", "host:65536"},
                                           {"catalog", "ho st"},
                                           {"catalog", "[::1"},
                                           {"catalog", "[::1]8140"},
                                           {"name_servers", "a.test"},
                                           {"lookup_deadline_ms", "-1"},
                                           {"race_delay_ms", "1e3"},
                                           {"puppet_conf", "a\nb"},
                                           {"catalog", "a.test,,b"},
                                           {"tls_timeout_ms", ""},
                                           {"server", "a.test:1"},
                                           {"ca_port", "0"},
                                           {"server_list", ","},
                                           {"master_names", "*.test"},
                                           {"master_names", "::1"},
                                           {"within", "192.0.2.1"},
                                           {"pins", "abc"},
                                           {"store_file", "answers"},
                                           {"store_file", "/tmp"},
                                           {"hosts_file", "/tmp"},
                                           {"hosts_file", "hosts"},
                                           {"server", "a..b"},
                                           {"server", "999.1.1.1"},
                                           {"catalog", "a.test,.b.test"},
                                           {"catalog", "10.0.1"},
                                           {"catalog", "[a.test]:8140"},
                                           {"server_list", "a..b"},
                                           {"srv_domain", "10.0.0.1"},
                                           {"within", ".example.com"},
                                           {"master_names", "*.a..b"}};
  for (size_t i = 0; i != sizeof refused / sizeof *refused; ++i)
    CHECK(bunraku_options_set(o, refused[i][0], refused[i][1]) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_options_set(o, NULL, "1") == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_options_set(o, "srv", NULL) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_options_set(NULL, "srv", "no") == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_options_set(o, "puppet_conf", "/nonexistent/puppet.conf") == BUNRAKU_OK);
  CHECK(bunraku_resolver_new(o, &no_r) == BUNRAKU_E_SITE && no_r == NULL);
  CHECK(bunraku_resolver_new(o, NULL) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_resolve(r, "compiler", patient, &found) == BUNRAKU_E_ARGUMENT && found == NULL);
  CHECK(bunraku_resolve(r, NULL, patient, &found) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_resolve(NULL, "catalog", patient, &found) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_resolve(r, "catalog", patient, NULL) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_connect(r, "", patient, &s) == BUNRAKU_E_ARGUMENT && s == NULL);
  CHECK(bunraku_report(r, "catalog", "a.test", 8140, 0, 0, NULL) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_report(r, "catalog", "a.test", 8140, 99, 0, NULL) == BUNRAKU_E_ARGUMENT);
  static const char* const nobody[] = {"", "a b", "a..b", "999.1.1.1", "[a.test]"};
  for (size_t i = 0; i != sizeof nobody / sizeof *nobody; ++i)
    CHECK(bunraku_report(r, "catalog", nobody[i], 8140, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_E_ARGUMENT);
  CHECK(bunraku_report(r, "catalog", "a.test", 0, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_E_ARGUMENT);
  /* The blame is the option's, not puppet.conf's. */
  char text[2000];
  CHECK(bunraku_options_set(o, "ssldir", "ssl") == BUNRAKU_OK);
  CHECK(bunraku_resolver_new(o, &no_r) == BUNRAKU_E_SITE && no_r == NULL);
  bunraku_error_text(text, sizeof text);
  CHECK(strstr(text, "; ssldir: ") != NULL);
  CHECK(bunraku_candidates_count(NULL) == 0 && bunraku_stream_fd(NULL) == -1 && bunraku_request_fd(NULL) == -1);
  bunraku_candidates_free(NULL);
  bunraku_stream_free(NULL);
  bunraku_request_free(NULL);
  bunraku_resolver_free(NULL);
  for (int code = -1; code != 1200; ++code) CHECK(strlen(bunraku_error_name(code)) > 1);
  CHECK(bunraku_abi_version() >= 2 && strchr(bunraku_version(), '.') != NULL);
  /* A reload that fails keeps what there was. */
  CHECK(bunraku_resolver_reload(r) == BUNRAKU_OK);
  char* saved = malloc(strlen(site[0]) + 5);
  CHECK(saved != NULL);
  sprintf(saved, "%s.off", site[0]);
  CHECK(rename(site[0], saved) == 0);
  CHECK(bunraku_resolver_reload(r) == BUNRAKU_E_SITE);
  CHECK(rename(saved, site[0]) == 0);
  free(saved);
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  get(s);
  bunraku_stream_free(s);
  bunraku_options_free(o);
  bunraku_resolver_free(r);
}

int main(int count, char** arguments) {
  static const struct {
    const char* name;
    void (*run)(char** site);
  } cases[] = {{"candidates", case_candidates},
               {"reports", case_reports},
               {"spelling", case_spelling},
               {"goodbye", case_goodbye},
               {"exec", case_exec},
               {"get", case_get},
               {"event_loop", case_event_loop},
               {"fork", case_fork},
               {"silence", case_silence},
               {"refusal", case_refusal},
               {"misuse", case_misuse},
               {"threads", case_threads},
               {"report_while_freed", case_report_while_freed},
               {"freed_meanwhile", case_freed_meanwhile},
               {"exit", case_exit},
               {"left_over", case_left_over},
               {"tried", case_tried},
               {"settings", case_settings},
               {"demands", case_demands},
               {"store", case_store}};
  for (size_t i = 0; count == 4 && i != sizeof cases / sizeof *cases; ++i)
    if (strcmp(cases[i].name, arguments[1]) == 0) {
      cases[i].run(arguments + 2);
      return 0;
    }
  fprintf(stderr, "usage: %s CASE PUPPET_CONF NAME_SERVER\n", arguments[0]);
  return 2;
}
