/* thread.c: threads, from their creation to their end; keys, cleanup handlers, once. */
#include "thread.h"

#include <sched.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

IMPORT("wasi", "thread-spawn") int thread_spawn(struct __pthread *thread);
/* Ends this thread, wherever it is. */
IMPORT("nidus_process", "thread_exit") _Noreturn void thread_exit(void);

enum {
  STACK = 256 * 1024, /* where no size is asked for */
  ALIGN = 16,
  MOST = 1 << 30, /* bytes of a stack */
  TRIES = 50,     /* of a millisecond: a thread that has been joined may be about to return */
};

static struct __pthread first;
static _Thread_local struct __pthread *self = &first;

/* Threads that run, but for the first one, and those of them that were detached. */
static volatile int running;
static volatile int list_lock;
static struct __pthread *detached;

struct __pthread *__nidus_self(void) { return self; }
pthread_t pthread_self(void) { return self; }

static void free_ended(void) {
  __nidus_lock(&list_lock);
  for (struct __pthread **at = &detached; *at;) {
    struct __pthread *thread = *at;
    if (__atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE)) {
      *at = thread->next;
      free(thread->block);
    } else {
      at = &thread->next;
    }
  }
  __nidus_unlock(&list_lock);
}

static void add_detached(struct __pthread *thread) {
  __nidus_lock(&list_lock);
  thread->next = detached;
  detached = thread;
  __nidus_unlock(&list_lock);
}

static char *aligned(char *at, size_t alignment) {
  return (char *)(((uintptr_t)at + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

static struct __pthread *make(size_t stack) {
  size_t alignment = __builtin_wasm_tls_align(), size = __builtin_wasm_tls_size();
  if (alignment < ALIGN) alignment = ALIGN;
  if (stack > MOST) return NULL;
  char *block = malloc(stack + size + sizeof(struct __pthread) + 2 * alignment + ALIGN);
  if (!block) return NULL;
  char *storage = aligned(block + stack, alignment);
  struct __pthread *thread = (struct __pthread *)aligned(storage + size, ALIGN);
  *thread = (struct __pthread){.stack = (char *)((uintptr_t)storage & ~(uintptr_t)(ALIGN - 1)), .storage = storage, .block = block};
  return thread;
}

int pthread_create(pthread_t *made, const pthread_attr_t *attr, void *(*routine)(void *), void *argument) {
  size_t stack = STACK;
  int detach = 0;
  if (attr) {
    pthread_attr_getstacksize(attr, &stack);
    pthread_attr_getdetachstate(attr, &detach);
  }
  free_ended();
  struct __pthread *thread = make(stack);
  if (!thread) return EAGAIN;
  thread->routine = routine;
  thread->argument = argument;
  thread->detached = detach ? DETACHED : JOINABLE;
  *made = thread;
  __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
  int tid = thread_spawn(thread);
  for (int i = 0; tid < 0 && i < TRIES; i++) {
    int word = 0;
    __nidus_wait_for(&word, 0, 1000000);
    tid = thread_spawn(thread);
  }
  if (tid < 0) {
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    free(thread->block);
    return EAGAIN;
  }
  if (detach) add_detached(thread);
  return 0;
}

int pthread_join(pthread_t thread, void **result) {
  int expected = JOINABLE;
  if (thread == self) return EDEADLK;
  if (!__atomic_compare_exchange_n(&thread->detached, &expected, JOINED, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return EINVAL;
  while (!__atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE)) __nidus_wait(&thread->ended, 0, CLOCK_REALTIME, NULL);
  if (result) *result = thread->result;
  free(thread->block);
  return 0;
}

int pthread_detach(pthread_t thread) {
  int expected = JOINABLE;
  if (!__atomic_compare_exchange_n(&thread->detached, &expected, DETACHED, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return EINVAL;
  if (thread != &first) add_detached(thread);
  return 0;
}

/* ---- keys ---- */

static void (*destructors[KEYS])(void *);
static volatile int key_lock;
static void no_destructor(void *value) { (void)value; }

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  __nidus_lock(&key_lock);
  unsigned at = 0;
  while (at < KEYS && destructors[at]) at++;
  if (at < KEYS) destructors[at] = destructor ? destructor : no_destructor;
  __nidus_unlock(&key_lock);
  if (at == KEYS) return EAGAIN;
  /* Other threads that had a value under this number have it still: POSIX leaves to them who deletes keys. */
  self->values[at] = NULL;
  *key = at;
  return 0;
}

int pthread_key_delete(pthread_key_t key) {
  if (key >= KEYS) return EINVAL;
  __nidus_lock(&key_lock);
  destructors[key] = NULL;
  __nidus_unlock(&key_lock);
  return 0;
}

void *pthread_getspecific(pthread_key_t key) { return key < KEYS ? self->values[key] : NULL; }

int pthread_setspecific(pthread_key_t key, const void *value) {
  if (key >= KEYS) return EINVAL;
  self->values[key] = (void *)value;
  return 0;
}

static void destroy_values(void) {
  int more = 1;
  for (int round = 0; more && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
    more = 0;
    for (unsigned key = 0; key < KEYS; key++) {
      void *value = self->values[key];
      void (*destructor)(void *) = destructors[key];
      self->values[key] = NULL;
      if (!value || !destructor) continue;
      destructor(value);
      more = 1;
    }
  }
}

/* ---- cleanup handlers ---- */

void _pthread_cleanup_push(struct __ptcb *handler, void (*function)(void *), void *argument) {
  handler->__f = function;
  handler->__x = argument;
  handler->__next = self->cleanup;
  self->cleanup = handler;
}

void _pthread_cleanup_pop(struct __ptcb *handler, int run) {
  self->cleanup = handler->__next;
  if (run) handler->__f(handler->__x);
}

/* ---- the end ---- */

static void finish(void *result) {
  self->result = result;
  while (self->cleanup) _pthread_cleanup_pop(self->cleanup, 1);
  destroy_values();
}

/* Called by start.s; answers where the end is to be told. */
int *__nidus_thread_run(int tid, struct __pthread *thread) {
  self = thread;
  thread->tid = tid;
  finish(thread->routine(thread->argument));
  return &thread->ended;
}

/* Uses no stack, which may be freed as soon as the word is written. */
__attribute__((noinline)) void __nidus_thread_ended(int *ended) {
  int left = __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(ended, 1, __ATOMIC_RELEASE);
  __builtin_wasm_memory_atomic_notify(ended, ALL);
  if (left == 0) __builtin_wasm_memory_atomic_notify((int *)&running, ALL);
}

__attribute__((noinline)) static _Noreturn void leave(int *ended) {
  __nidus_thread_ended(ended);
  thread_exit();
}

_Noreturn void pthread_exit(void *result) {
  finish(result);
  if (self != &first) leave(&self->ended);
  /* The process ends with its last thread. */
  for (int left; (left = __atomic_load_n(&running, __ATOMIC_SEQ_CST)) > 0;) {
    __nidus_wait(&running, left, CLOCK_REALTIME, NULL);
  }
  exit(0);
}

/* ---- once ---- */

enum { ONCE_RUNS = 1, ONCE_DONE = 2 };

int pthread_once(pthread_once_t *once, void (*function)(void)) {
  volatile int *word = once;
  for (;;) {
    int expected = 0;
    if (__atomic_compare_exchange_n(word, &expected, ONCE_RUNS, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
      function();
      __atomic_store_n(word, ONCE_DONE, __ATOMIC_RELEASE);
      __nidus_wake(word, ALL);
      return 0;
    }
    if (expected == ONCE_DONE) return 0;
    __nidus_wait(word, ONCE_RUNS, CLOCK_REALTIME, NULL);
  }
}
