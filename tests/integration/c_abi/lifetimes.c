/* What bunraku.h promises of threads, processes, and of the ends of things. */
#define _POSIX_C_SOURCE 200809L
#include "cases.h"

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

static void in_child(bunraku_resolver* r, bunraku_stream* s, bunraku_request* q, bunraku_candidates* known,
                     char** site) {
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
  CHECK(bunraku_candidate_host(known, 0) != NULL);
  bunraku_candidates_free(known);
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
void case_fork(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  bunraku_request* q = NULL;
  bunraku_candidates* known = NULL;
  CHECK(bunraku_resolve(r, "catalog", patient, &known) == BUNRAKU_OK);
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  get(s);
  CHECK(bunraku_resolve_start(r, "catalog", patient, &q) == BUNRAKU_OK);
  for (int run = 0; run != 2; ++run) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) in_child(r, s, q, known, site);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* Nothing of the parent's was harmed. */
    get(s);
  }
  bunraku_request_free(q);
  bunraku_candidates_free(known);
  bunraku_stream_free(s);
  CHECK(bunraku_connect(r, "catalog", patient, &s) == BUNRAKU_OK);
  get(s);
  bunraku_stream_free(s);
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
void case_threads(char** site) {
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
void case_report_while_freed(char** site) {
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

/* A connection in use, and one that nobody has taken yet. */
static void connect_two(bunraku_resolver* r, bunraku_stream** s, bunraku_request** q) {
  CHECK(bunraku_connect(r, "catalog", patient, s) == BUNRAKU_OK);
  CHECK(bunraku_connect_start(r, "catalog", patient, q) == BUNRAKU_OK);
  struct pollfd done = {bunraku_request_fd(*q), POLLIN, 0};
  CHECK(poll(&done, 1, patient) == 1);
}

/* Programs that the host starts get none of the library's descriptors. */
void case_exec(char** site) {
  int before[1024];
  for (int fd = 0; fd != 1024; ++fd) before[fd] = fcntl(fd, F_GETFD) != -1;
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  bunraku_request* q = NULL;
  connect_two(r, &s, &q);
  for (int fd = 0; fd != 1024; ++fd) {
    const int flags = before[fd] ? -1 : fcntl(fd, F_GETFD);
    CHECK(flags == -1 || (flags & FD_CLOEXEC) != 0);
  }
  bunraku_request_free(q);
  bunraku_stream_free(s);
  bunraku_resolver_free(r);
}

/* A connection that was never taken ends with its request, also when its resolver is gone and a stream goes on. */
void case_left_over(char** site) {
  bunraku_resolver* r = resolver(site);
  bunraku_stream* s = NULL;
  bunraku_request* q = NULL;
  connect_two(r, &s, &q);
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
void case_freed_meanwhile(char** site) {
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
void case_exit(char** site) {
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
