/*
 * libc.c: what makes a C library that was built for one thread fit for many. The linker puts the functions here
 * in front of the library's own, for everybody who calls them, the library too (link.txt).
 *
 * Allocation has one lock. Each stream has one, which its thread may take again, so that a thread that waits for input
 * holds up nobody who prints. errno: the library sets one word for all; a thread takes what it finds there
 * over into its own when it asks. On the interpreter that word is each thread's own (core/wasm/guest.c); elsewhere
 * a thread that asks late may find that another one has taken its error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

#include "thread.h"

/* ---- errno ---- */

extern volatile int library_errno __asm__("errno");
static _Thread_local int own_errno;

int *__errno_location(void) {
  int set = library_errno;
  if (set) {
    library_errno = 0;
    own_errno = set;
  }
  return &own_errno;
}

/* For what of the library reads it. */
static int lend_errno(void) { return library_errno = *__errno_location(); }
static void take_errno_back(int lent) {
  if (library_errno == lent) library_errno = 0;
}

/* ---- allocation ---- */

static volatile int heap_lock;

#define ALLOCATES(type, name, parameters, arguments)                                \
  type __real_##name parameters;                                                    \
  type __wrap_##name parameters {                                                   \
    __nidus_lock(&heap_lock);                                                       \
    type result = __real_##name arguments;                                          \
    if (!result) __errno_location();                                                \
    __nidus_unlock(&heap_lock);                                                     \
    return result;                                                                  \
  }

ALLOCATES(void *, malloc, (size_t size), (size))
ALLOCATES(void *, calloc, (size_t count, size_t size), (count, size))
ALLOCATES(void *, realloc, (void *block, size_t size), (block, size))
ALLOCATES(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
ALLOCATES(int, posix_memalign, (void **block, size_t alignment, size_t size), (block, alignment, size))
ALLOCATES(void *, __libc_malloc, (size_t size), (size))
ALLOCATES(void *, __libc_calloc, (size_t count, size_t size), (count, size))

#define FREES(name)                \
  void __real_##name(void *block); \
  void __wrap_##name(void *block) { \
    __nidus_lock(&heap_lock);      \
    __real_##name(block);          \
    __nidus_unlock(&heap_lock);    \
  }

FREES(free)
FREES(__libc_free)

/* ---- locks of streams ---- */

struct lock {
  volatile int word;
  struct __pthread *owner;
  int depth; /* how often its owner has taken it */
  FILE *stream;
  struct lock *next;
};

static struct lock standard[3];
static struct lock others; /* the head of the list; and for all streams for whose locks there is no memory */
static volatile int list_lock;

static void take(struct lock *lock) {
  struct __pthread *self = __nidus_self();
  if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != self) {
    __nidus_lock(&lock->word);
    __atomic_store_n(&lock->owner, self, __ATOMIC_RELAXED);
  }
  lock->depth++;
}

static void give(struct lock *lock) {
  if (--lock->depth > 0) return;
  __atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
  __nidus_unlock(&lock->word);
}

static struct lock *find(FILE *stream) {
  struct lock *lock = others.next;
  while (lock && lock->stream != stream) lock = lock->next;
  return lock;
}

static struct lock *lock_of(FILE *stream) {
  if (stream == stdout) return &standard[1];
  if (stream == stdin) return &standard[0];
  if (stream == stderr) return &standard[2];
  __nidus_lock(&list_lock);
  struct lock *lock = find(stream);
  if (!lock && (lock = calloc(1, sizeof *lock))) {
    lock->stream = stream;
    lock->next = others.next;
    others.next = lock;
  }
  __nidus_unlock(&list_lock);
  return lock ? lock : &others;
}

static struct lock *locked(FILE *stream) {
  struct lock *lock = lock_of(stream);
  take(lock);
  return lock;
}

void flockfile(FILE *stream) { locked(stream); }
void funlockfile(FILE *stream) { give(lock_of(stream)); }

int ftrylockfile(FILE *stream) {
  struct lock *lock = lock_of(stream);
  int free = 0;
  if (lock->owner != __nidus_self() &&
      !__atomic_compare_exchange_n(&lock->word, &free, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return -1;
  __atomic_store_n(&lock->owner, __nidus_self(), __ATOMIC_RELAXED);
  lock->depth++;
  return 0;
}

/* The stream is going to be gone. */
static void forget(FILE *stream) {
  __nidus_lock(&list_lock);
  for (struct lock **at = &others.next; *at; at = &(*at)->next) {
    if ((*at)->stream != stream) continue;
    struct lock *lock = *at;
    *at = lock->next;
    free(lock);
    break;
  }
  __nidus_unlock(&list_lock);
}

/* ---- streams ---- */

#define STREAM(type, name, parameters, arguments, stream) \
  type __real_##name parameters;                          \
  type __wrap_##name parameters {                         \
    struct lock *lock = locked(stream);                   \
    type result = __real_##name arguments;                \
    give(lock);                                           \
    return result;                                        \
  }

#define STREAM_VOID(name, parameters, arguments, stream) \
  void __real_##name parameters;                         \
  void __wrap_##name parameters {                        \
    struct lock *lock = locked(stream);                  \
    __real_##name arguments;                             \
    give(lock);                                          \
  }

/* These know %m. */
#define FORMATS(type, name, parameters, arguments)          \
  int __real_##name parameters;                             \
  int __wrap_##name parameters {                            \
    struct lock *lock = locked(stream);                     \
    int lent = lend_errno();                                \
    int result = __real_##name arguments;                   \
    take_errno_back(lent);                                  \
    give(lock);                                             \
    return result;                                          \
  }

FORMATS(int, vfprintf, (FILE * stream, const char *format, va_list list), (stream, format, list))
FORMATS(int, vfwprintf, (FILE * stream, const wchar_t *format, va_list list), (stream, format, list))
STREAM(int, vfscanf, (FILE * stream, const char *format, va_list list), (stream, format, list), stream)
STREAM(int, vfwscanf, (FILE * stream, const wchar_t *format, va_list list), (stream, format, list), stream)
STREAM(size_t, fwrite, (const void *from, size_t size, size_t count, FILE *stream), (from, size, count, stream), stream)
STREAM(size_t, fread, (void *to, size_t size, size_t count, FILE *stream), (to, size, count, stream), stream)
STREAM(int, fputs, (const char *text, FILE *stream), (text, stream), stream)
STREAM(int, puts, (const char *text), (text), stdout)
STREAM(int, fputc, (int byte, FILE *stream), (byte, stream), stream)
STREAM(int, putc, (int byte, FILE *stream), (byte, stream), stream)
STREAM(int, putchar, (int byte), (byte), stdout)
STREAM(int, fgetc, (FILE * stream), (stream), stream)
STREAM(int, getc, (FILE * stream), (stream), stream)
STREAM(int, getchar, (void), (), stdin)
STREAM(int, ungetc, (int byte, FILE *stream), (byte, stream), stream)
STREAM(char *, fgets, (char *to, int size, FILE *stream), (to, size, stream), stream)
STREAM(ssize_t, getdelim, (char **line, size_t *room, int end, FILE *stream), (line, room, end, stream), stream)
STREAM(int, fseek, (FILE * stream, long offset, int from), (stream, offset, from), stream)
STREAM(int, fseeko, (FILE * stream, off_t offset, int from), (stream, offset, from), stream)
STREAM(long, ftell, (FILE * stream), (stream), stream)
STREAM(off_t, ftello, (FILE * stream), (stream), stream)
STREAM_VOID(rewind, (FILE * stream), (stream), stream)
STREAM(int, feof, (FILE * stream), (stream), stream)
STREAM(int, ferror, (FILE * stream), (stream), stream)
STREAM_VOID(clearerr, (FILE * stream), (stream), stream)
STREAM(int, setvbuf, (FILE * stream, char *buffer, int mode, size_t size), (stream, buffer, mode, size), stream)
STREAM(wint_t, fputwc, (wchar_t wide, FILE *stream), (wide, stream), stream)
STREAM(int, fputws, (const wchar_t *text, FILE *stream), (text, stream), stream)
STREAM(wint_t, fgetwc, (FILE * stream), (stream), stream)
STREAM(wchar_t *, fgetws, (wchar_t *to, int size, FILE *stream), (to, size, stream), stream)
STREAM(wint_t, ungetwc, (wint_t wide, FILE *stream), (wide, stream), stream)
STREAM(FILE *, freopen, (const char *path, const char *mode, FILE *stream), (path, mode, stream), stream)

void __real_perror(const char *text);
void __wrap_perror(const char *text) {
  struct lock *lock = locked(stderr);
  int lent = lend_errno();
  __real_perror(text);
  take_errno_back(lent);
  give(lock);
}

int __real_fflush(FILE *stream);
int __wrap_fflush(FILE *stream) {
  if (!stream) return __real_fflush(NULL); /* as good as at exit, which takes no locks either */
  struct lock *lock = locked(stream);
  int result = __real_fflush(stream);
  give(lock);
  return result;
}

int __real_fclose(FILE *stream);
int __wrap_fclose(FILE *stream) {
  struct lock *lock = locked(stream);
  int result = __real_fclose(stream);
  give(lock);
  forget(stream);
  return result;
}

/* The list of open streams. */
static volatile int open_lock;
FILE **__real___ofl_lock(void);
FILE **__wrap___ofl_lock(void) {
  __nidus_lock(&open_lock);
  return __real___ofl_lock();
}

void __real___ofl_unlock(void);
void __wrap___ofl_unlock(void) {
  __real___ofl_unlock();
  __nidus_unlock(&open_lock);
}

/* ---- the rest ---- */

static volatile int exit_lock;
int __real___cxa_atexit(void (*function)(void *), void *argument, void *library);
int __wrap___cxa_atexit(void (*function)(void *), void *argument, void *library) {
  __nidus_lock(&exit_lock);
  int result = __real___cxa_atexit(function, argument, library);
  __nidus_unlock(&exit_lock);
  return result;
}

/* What the library makes when it is first asked for is made before there is a second thread. */
__attribute__((weak)) void __wasilibc_populate_preopens(void);
__attribute__((weak)) void __wasilibc_ensure_environ(void);

__attribute__((constructor)) static void make_early(void) {
  if (__wasilibc_populate_preopens) __wasilibc_populate_preopens();
  if (__wasilibc_ensure_environ) __wasilibc_ensure_environ();
}
