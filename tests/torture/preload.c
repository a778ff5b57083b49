/* Faults from inside a process, by LD_PRELOAD:
 *
 * TORTURE_ALLOCATION=N  the N-th allocation of the process fails, as malloc, calloc, realloc and their like do. 0:
 * none. TORTURE_COUNT=FILE    how many there were goes there when the process ends. TORTURE_PLACES=FILE    for each
 * place in the program that allocates (the innermost calls), the number of its first allocation goes there then.
 * TORTURE_CLOCK=FILE holds a 64-bit number in the host's order: so many seconds are added to the clock on the wall. It
 * may change at any moment. Time that only goes on (CLOCK_MONOTONIC) is as it is. */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#pragma GCC visibility push(default) /* what follows is to be found by everybody */

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

static atomic_long count;
static long fails_at = -1;
static const volatile int64_t* jump;

enum { deepest = 8, most_places = 1 << 16 };
struct place {
  uint64_t calls; /* hash of the return addresses; 0: free */
  long first;
};
static struct place places[most_places];
static int notes_places;
static _Thread_local int noting;

static void note_place(long number) {
  if (!notes_places || noting) return;
  noting = 1;
  void* calls[deepest];
  const int depth = backtrace(calls, deepest);
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (int i = 0; i < depth; ++i) hash = (hash ^ (uintptr_t)calls[i]) * 1099511628211u;
  if (hash == 0) hash = 1;
  size_t at = hash % most_places;
  for (int tries = 0; places[at].calls != 0 && places[at].calls != hash; at = (at + 1) % most_places)
    if (++tries == most_places) abort();
  if (places[at].calls == 0) places[at] = (struct place){hash, number};
  noting = 0;
}

static void places_to(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  for (size_t i = 0; i < most_places; ++i)
    if (places[i].calls != 0 && dprintf(fd, "%ld\n", places[i].first) < 0) abort();
  close(fd);
}

static void number_to(const char* name, long value) {
  const char* const path = getenv(name);
  if (path == NULL) return;
  char text[32];
  const int length = snprintf(text, sizeof text, "%ld\n", value);
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write(fd, text, (size_t)length) != length) abort();
  close(fd);
}

__attribute__((constructor)) static void begin(void) {
  const char* const nth = getenv("TORTURE_ALLOCATION");
  const char* const clock_file = getenv("TORTURE_CLOCK");
  if (clock_file != NULL) {
    const int fd = open(clock_file, O_RDONLY | O_CLOEXEC);
    void* const seen = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *jump, PROT_READ, MAP_SHARED, fd, 0);
    if (seen == MAP_FAILED) abort();
    close(fd);
    jump = seen;
  }
  if (getenv("TORTURE_PLACES") != NULL) {
    void* here[1];
    backtrace(here, 1); /* it loads what it needs the first time, and that allocates */
    notes_places = 1;
  }
  atomic_store(&count, 0); /* what the loader did before does not count */
  if (nth != NULL) fails_at = atol(nth);
}

__attribute__((destructor)) static void end(void) {
  number_to("TORTURE_COUNT", atomic_load(&count));
  if (!notes_places) return;
  notes_places = 0;
  places_to(getenv("TORTURE_PLACES"));
}

static int fails(void) {
  const long mine = atomic_fetch_add(&count, 1) + 1;
  note_place(mine);
  if (fails_at <= 0 || mine != fails_at) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void* calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void* realloc(void* old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
int posix_memalign(void** to, size_t alignment, size_t size) {
  void* const got = fails() ? NULL : __libc_memalign(alignment, size);
  if (got == NULL) return ENOMEM;
  *to = got;
  return 0;
}

static int64_t ahead(void) { return jump == NULL ? 0 : *jump; }

int clock_gettime(clockid_t which, struct timespec* to) {
  const long result = syscall(SYS_clock_gettime, which, to);
  if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) to->tv_sec += ahead();
  return (int)result;
}

int gettimeofday(struct timeval* restrict to, void* restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  to->tv_sec = now.tv_sec;
  to->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* to) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (to != NULL) *to = now.tv_sec;
  return now.tv_sec;
}
