/* Faults from inside a process, by LD_PRELOAD:
 *
 * TORTURE_ALLOCATION=N  the N-th allocation of the process fails, as malloc, calloc, realloc and their like do. 0:
 * none. TORTURE_COUNT=FILE    how many there were goes there when the process ends. TORTURE_CLOCK=FILE    holds a
 * 64-bit number in the host's order: so many seconds are added to the clock on the wall. It may change at any moment.
 * Time that only goes on (CLOCK_MONOTONIC) is as it is. */
#define _GNU_SOURCE
#include <errno.h>
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
  atomic_store(&count, 0); /* what the loader did before does not count */
  if (nth != NULL) fails_at = atol(nth);
}

__attribute__((destructor)) static void end(void) { number_to("TORTURE_COUNT", atomic_load(&count)); }

static int fails(void) {
  const long mine = atomic_fetch_add(&count, 1) + 1;
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
