/* What bunraku.h promises, tried in C99: c_abi_cases CASE PUPPET_CONF NAME_SERVER. Prints what it found; ends with 1
 * and file:line at the first broken promise. */
#define _POSIX_C_SOURCE 200809L
#include <bunraku/bunraku.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int32_t patient = 60000;

static void broken(const char* file, int line, const char* what) {
  char text[2000];
  bunraku_error_text(text, sizeof text);
  fprintf(stderr, "%s:%d: %s; last error: %s\n", file, line, what, text);
  _exit(1);
}
#define CHECK(condition) ((condition) ? (void)0 : broken(__FILE__, __LINE__, #condition))

static bunraku_options* options(char** site) {
  bunraku_options* made = bunraku_options_new();
  CHECK(made != NULL);
  CHECK(bunraku_options_set(made, "puppet_conf", site[0]) == BUNRAKU_OK);
  CHECK(bunraku_options_set(made, "name_servers", site[1]) == BUNRAKU_OK);
  CHECK(bunraku_options_set(made, "hosts_file", "") == BUNRAKU_OK);
  CHECK(bunraku_options_set(made, "tls_timeout_ms", "60000") == BUNRAKU_OK);
  return made;
}

static bunraku_resolver* resolver(char** site) {
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

static void get(bunraku_stream* to) {
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

static void in_child(bunraku_resolver* r, bunraku_stream* s, bunraku_request* q, char** site) {
  bunraku_candidates* found = NULL;
  bunraku_stream* other = NULL;
  bunraku_request* request = NULL;
  char byte;
  size_t n = 0;
  CHECK(bunraku_resolve(r, "catalog", -1, &found) == BUNRAKU_E_FORKED);
  CHECK(bunraku_connect(r, "catalog", -1, &other) == BUNRAKU_E_FORKED);
  CHECK(bunraku_resolve_start(r, "catalog", -1, &request) == BUNRAKU_E_FORKED);
  CHECK(bunraku_connect_start(r, "catalog", -1, &request) == BUNRAKU_E_FORKED);
  CHECK(bunraku_report(r, "catalog", "a.test", 1, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_E_FORKED);
  CHECK(bunraku_resolver_reload(r) == BUNRAKU_E_FORKED);
  CHECK(bunraku_stream_read(s, &byte, 1, -1, &n) == BUNRAKU_E_FORKED);
  CHECK(bunraku_stream_write(s, "x", 1, -1, &n) == BUNRAKU_E_FORKED);
  CHECK(bunraku_stream_report(s, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_E_FORKED);
  CHECK(bunraku_request_candidates(q, &found) == BUNRAKU_E_FORKED);
  char text[200];
  CHECK(bunraku_error_text(text, sizeof text) > 0 && strstr(text, "fork") != NULL);
  bunraku_request_free(q);
  bunraku_stream_free(s);
  bunraku_resolver_free(r);
  /* What it makes itself works. */
  bunraku_resolver* own = resolver(site);
  CHECK(bunraku_connect(own, "catalog", patient, &other) == BUNRAKU_OK);
  get(other);
  bunraku_stream_free(other);
  bunraku_resolver_free(own);
  _exit(0);
}

/* As the agent's daemon does it: one fork for each run. */
static void case_fork(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  bunraku_request* q = NULL;
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  get(s);
  CHECK(bunraku_resolve_start(r, "catalog", patient, &q) == BUNRAKU_OK);
  for (int run = 0; run != 2; ++run) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) in_child(r, s, q, site);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* Nothing of the parent's was harmed. */
    get(s);
  }
  bunraku_request_free(q);
  bunraku_stream_free(s);
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  get(s);
  bunraku_stream_free(s);
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
                                           {"store_file", "answers"}};
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
  CHECK(bunraku_report(r, "catalog", "", 8140, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_E_ARGUMENT);
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

static void* one_of_many(void* shared) {
  bunraku_resolver* r = shared;
  for (int i = 0; i != 5; ++i) {
    bunraku_candidates* found = NULL;
    bunraku_stream* s = NULL;
    CHECK(bunraku_resolve(r, "catalog", patient, &found) == BUNRAKU_OK);
    bunraku_candidates_free(found);
    CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
    get(s);
    CHECK(bunraku_stream_report(s, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_OK);
    bunraku_stream_free(s);
    CHECK(bunraku_connect(r, "nobody", patient, &s) == BUNRAKU_E_ARGUMENT);
  }
  return NULL;
}

/* Threads that share a resolver, and a signal handler of the host's that only its own threads may run. */
static pthread_t hosts[4];
static void in_host(int number) {
  (void)number;
  for (int i = 0; i != 4; ++i)
    if (pthread_equal(hosts[i], pthread_self())) return;
  static const char text[] = "a signal was handled on the library's thread\n";
  if (write(2, text, sizeof text - 1) < 0) _exit(2);
  _exit(1);
}
static void case_threads(char** site) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = in_host;
  hosts[3] = pthread_self();
  bunraku_resolver* r = resolver(site);
  for (int i = 0; i != 3; ++i) hosts[i] = hosts[3];
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  for (int i = 0; i != 3; ++i) CHECK(pthread_create(&hosts[i], NULL, one_of_many, r) == 0);
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0); /* only the library's thread could take it, or a host's */
  for (int i = 0; i != 20; ++i) CHECK(kill(getpid(), SIGUSR1) == 0);
  for (int i = 0; i != 3; ++i) CHECK(pthread_join(hosts[i], NULL) == 0);
  bunraku_resolver_free(r);
}

static int reporting[2];
static void* reports(void* shared) {
  for (int i = 0; i != 2000; ++i) {
    CHECK(bunraku_stream_report(shared, BUNRAKU_ANSWERED, 0, NULL) == BUNRAKU_OK);
    if (i == 10) CHECK(write(reporting[1], "!", 1) == 1);
  }
  return NULL;
}

/* A stream is its own thread's, and may be reported on while another one frees the resolver. */
static void case_report_while_freed(char** site) {
  CHECK(pipe(reporting) == 0);
  for (int i = 0; i != 100; ++i) {
    bunraku_resolver* r = resolver(site);
    bunraku_stream* s = NULL;
    pthread_t other;
    char said;
    CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
    CHECK(pthread_create(&other, NULL, reports, s) == 0);
    CHECK(read(reporting[0], &said, 1) == 1);
    bunraku_resolver_free(r);
    CHECK(pthread_join(other, NULL) == 0);
    bunraku_stream_free(s);
  }
}

static int open_descriptors(void) {
  int open = 0;
  for (int fd = 0; fd != 1024; ++fd) open += fcntl(fd, F_GETFD) != -1;
  return open;
}

/* A connection that was never taken ends with its request, also when its resolver is gone and a stream goes on. */
static void case_left_over(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  bunraku_request* q = NULL;
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  CHECK(bunraku_connect_start(r, "catalog", patient, &q) == BUNRAKU_OK);
  struct pollfd done = {bunraku_request_fd(q), POLLIN, 0};
  CHECK(poll(&done, 1, patient) == 1);
  bunraku_resolver_free(r);
  const int before = open_descriptors();
  bunraku_request_free(q);
  CHECK(open_descriptors() == before - 2); /* its eventfd, its connection */
  get(s);
  bunraku_stream_free(s);
}

static void* waits(void* shared) {
  bunraku_candidates* found = NULL;
  CHECK(bunraku_resolve(shared, "catalog", patient, &found) == BUNRAKU_E_CANCELLED);
  return NULL;
}
/* Whatever a request has come to just then. */
static void case_freed_meanwhile(char** site) {
  for (long i = 0; i != 150; ++i) {
    bunraku_resolver* r = resolver(site);
    bunraku_request* q[4] = {NULL};
    for (int k = 0; k != 4; ++k)
      CHECK((k % 2 ? bunraku_connect_start : bunraku_resolve_start)(r, "catalog", patient, &q[k]) == BUNRAKU_OK);
    const struct timespec a_moment = {0, i * 100000};
    nanosleep(&a_moment, NULL);
    bunraku_resolver_free(r);
    for (int k = 0; k != 4; ++k) {
      bunraku_candidates* found = NULL;
      bunraku_stream* s = NULL;
      const int code = k % 2 ? bunraku_request_stream(q[k], &s) : bunraku_request_candidates(q[k], &found);
      CHECK(code == BUNRAKU_OK || code == BUNRAKU_E_CANCELLED);
      bunraku_candidates_free(found);
      bunraku_stream_free(s);
      bunraku_request_free(q[k]);
    }
  }
  /* Who waits, too. Nobody answers at this name server. */
  const int silent = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof at;
  CHECK(bind(silent, (struct sockaddr*)&at, size) == 0 && getsockname(silent, (struct sockaddr*)&at, &size) == 0);
  char where[40];
  snprintf(where, sizeof where, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
  char* nobody[] = {site[0], where};
  bunraku_options* with = options(nobody);
  CHECK(bunraku_options_set(with, "lookup_deadline_ms", "60000") == BUNRAKU_OK);
  bunraku_resolver* r = NULL;
  CHECK(bunraku_resolver_new(with, &r) == BUNRAKU_OK);
  bunraku_options_free(with);
  pthread_t waiting;
  CHECK(pthread_create(&waiting, NULL, waits, r) == 0);
  sleep(1);
  bunraku_resolver_free(r);
  CHECK(pthread_join(waiting, NULL) == 0);
  close(silent);
}

/* With connections half made, in TLS too. */
static void case_exit(char** site) {
  for (long i = 0; i != 200; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      bunraku_resolver* r = resolver(site);
      static bunraku_request* q[8]; /* as any host's own: a leak checker must still find them */
      for (int k = 0; k != 8; ++k) CHECK(bunraku_connect_start(r, "catalog", patient, &q[k]) == BUNRAKU_OK);
      const struct timespec a_moment = {0, 8000000 + i % 100 * 200000};
      nanosleep(&a_moment, NULL);
      exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}

int main(int count, char** arguments) {
  static const struct {
    const char* name;
    void (*run)(char** site);
  } cases[] = {{"candidates", case_candidates},
               {"reports", case_reports},
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
