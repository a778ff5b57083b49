/* Faults from inside a process, by LD_PRELOAD:
 *
 * TORTURE_ALLOCATION=N  the N-th allocation of the process fails, as malloc, calloc, realloc and their like do.
 * TORTURE_PLACE=HASH    the first allocation of that place in the program fails. A place is who asks, by the innermost
 * calls; its hash is the same in each process only where addresses are not random (setarch -R).
 * TORTURE_DEPTH=CALLS   how many calls make a place: 8, up to 16.
 * TORTURE_PLACES=FILE   each place that allocated goes there when the process ends: its hash, the number of its first
 * allocation, and its calls, as addresses in the program's own file (beyond it: in a library).
 * TORTURE_COUNT=FILE    how many allocations there were goes there then.
 * TORTURE_TELL=1        who asked for what fails goes to stderr: addresses for addr2line.
 * TORTURE_CLOCK=FILE    holds a 64-bit number in the host's order: so many seconds are added to the clock on the wall.
 * It may change at any moment. Time that only goes on (CLOCK_MONOTONIC) is as it is. */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
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

enum { deepest = 16, usual_depth = 8, most_places = 1 << 16 };
struct place {
  uint64_t hash; /* of the calls; 0: free */
  long first;
  int depth;
  void* calls[deepest];
};
static struct place places[most_places];
static int notes_places, tells, depth = usual_depth;
static uint64_t fails_in;
static _Thread_local int noting;

/* Is it the first time of a place that is to fail? */
static int note_place(long number) {
  if ((!notes_places && fails_in == 0) || noting) return 0;
  noting = 1;
  struct place here = {.hash = 14695981039346656037u /* FNV-1a */, .first = number};
  here.depth = backtrace(here.calls, depth);
  for (int i = 0; i < here.depth; ++i) here.hash = (here.hash ^ (uintptr_t)here.calls[i]) * 1099511628211u;
  if (here.hash == 0) here.hash = 1;
  size_t at = here.hash % most_places;
  for (int tries = 0; places[at].hash != 0 && places[at].hash != here.hash; at = (at + 1) % most_places)
    if (++tries == most_places) abort();
  const int is_new = places[at].hash == 0;
  if (is_new) places[at] = here;
  noting = 0;
  return is_new && here.hash == fails_in;
}

static int base_of_program(struct dl_phdr_info* info, size_t size, void* to) {
  (void)size;
  *(uintptr_t*)to = info->dlpi_addr;
  return 1; /* it comes first */
}

static void places_to(const char* path) {
  uintptr_t base = 0;
  dl_iterate_phdr(base_of_program, &base);
  FILE* const out = fopen(path, "we");
  if (out == NULL) return;
  for (size_t i = 0; i < most_places; ++i) {
    if (places[i].hash == 0) continue;
    fprintf(out, "%" PRIx64 " %ld", places[i].hash, places[i].first);
    for (int each = 0; each < places[i].depth; ++each)
      fprintf(out, " %" PRIxPTR, (uintptr_t)places[i].calls[each] - base);
    fprintf(out, "\n");
  }
  if (fclose(out) != 0) abort();
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
  const char* const place = getenv("TORTURE_PLACE");
  if (place != NULL) fails_in = strtoull(place, NULL, 16);
  const char* const deep = getenv("TORTURE_DEPTH");
  if (deep != NULL && atoi(deep) > 0 && atoi(deep) <= deepest) depth = atoi(deep);
  notes_places = getenv("TORTURE_PLACES") != NULL;
  tells = getenv("TORTURE_TELL") != NULL;
  if (notes_places || tells || place != NULL) {
    void* here[1];
    backtrace(here, 1); /* it loads what it needs the first time, and that allocates */
  }
  atomic_store(&count, 0); /* what the loader did before does not count */
  if (nth != NULL) fails_at = atol(nth);
}

__attribute__((destructor)) static void end(void) {
  number_to("TORTURE_COUNT", atomic_load(&count));
  if (!notes_places) return;
  notes_places = 0;
  fails_in = 0;
  places_to(getenv("TORTURE_PLACES"));
}

static void tell(void) {
  void* calls[64];
  noting = 1;
  backtrace_symbols_fd(calls, backtrace(calls, 64), STDERR_FILENO);
  noting = 0;
}

static int fails(void) {
  const long mine = atomic_fetch_add(&count, 1) + 1;
  if (!note_place(mine) && (fails_at <= 0 || mine != fails_at)) return 0;
  if (tells) tell();
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
