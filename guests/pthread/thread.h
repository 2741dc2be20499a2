/*
 * thread.h: POSIX threads for guests, over wasi-threads: what the files of this library share.
 *
 *   malloc'd block of a thread:  | stack, downwards | thread-local storage | struct __pthread |
 *
 * Invariants: a block lives until the thread has ended and was joined, or was detached; a thread that says it has ended
 * touches neither its stack nor its storage any more. What waits does so in memory.atomic.wait, never by spinning.
 * The layout of mutexes and the like is the C library's, whose functions for attributes are used as they are.
 */
#ifndef NIDUS_THREAD_H
#define NIDUS_THREAD_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { KEYS = PTHREAD_KEYS_MAX };

struct __pthread {
  char *stack; /* its upper end; start.s reads these two */
  char *storage;
  void *block;
  void *(*routine)(void *);
  void *argument;
  void *result;
  int ended;             /* 1: as the head comment says; waited for */
  int detached;          /* DETACHED, or JOINED by somebody */
  int tid;               /* never 0, but for the first thread */
  struct __pthread *next; /* of those that were detached */
  struct __ptcb *cleanup;
  void *values[KEYS]; /* by key */
};

enum { JOINABLE = 0, DETACHED = 1, JOINED = 2 };

struct __pthread *__nidus_self(void);
/* Waits while the word is `value`. `deadline` of the clock, or NULL. 0 or ETIMEDOUT; EINVAL for no time. */
int __nidus_wait(volatile int *word, int value, clockid_t clock, const struct timespec *deadline);
/* memory.atomic.wait32 for so many nanoseconds, alone in its function: V8 11.3 (Node 20) may lose locals over it. */
int __nidus_wait_for(int *word, int value, int64_t nanoseconds);
void __nidus_wake(volatile int *word, int most);
enum { ALL = INT_MAX };

/* For what needs a word and no more: 0 free, 1 held, 2 held and waited for. */
void __nidus_lock(volatile int *word);
void __nidus_unlock(volatile int *word);

#endif
