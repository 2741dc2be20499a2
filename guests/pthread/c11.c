/* c11.c: threads.h, in terms of POSIX's threads. */
#include <threads.h>

#include "thread.h"

static int answer(int error) {
  return !error ? thrd_success : error == EBUSY ? thrd_busy : error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

/* A thread of C's answers an int. */
struct start {
  thrd_start_t function;
  void *argument;
};

static void *run(void *given) {
  struct start start = *(struct start *)given;
  free(given);
  return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument) {
  struct start *start = malloc(sizeof *start);
  if (!start) return thrd_nomem;
  *start = (struct start){function, argument};
  int error = pthread_create(thread, NULL, run, start);
  if (error) free(start);
  return error == EAGAIN ? thrd_nomem : answer(error);
}

int thrd_join(thrd_t thread, int *result) {
  void *value;
  int error = pthread_join(thread, &value);
  if (!error && result) *result = (int)(intptr_t)value;
  return answer(error);
}

int thrd_detach(thrd_t thread) { return answer(pthread_detach(thread)); }
thrd_t thrd_current(void) { return pthread_self(); }
_Noreturn void thrd_exit(int result) { pthread_exit((void *)(intptr_t)result); }

void call_once(once_flag *flag, void (*function)(void)) { pthread_once(flag, function); }

int mtx_init(mtx_t *mutex, int type) {
  pthread_mutex_t *m = (pthread_mutex_t *)mutex;
  *m = (pthread_mutex_t){0};
  m->__u.__i[0] = type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL;
  return thrd_success;
}

void mtx_destroy(mtx_t *mutex) { (void)mutex; }
int mtx_lock(mtx_t *mutex) { return answer(pthread_mutex_lock((pthread_mutex_t *)mutex)); }
int mtx_trylock(mtx_t *mutex) { return answer(pthread_mutex_trylock((pthread_mutex_t *)mutex)); }
int mtx_unlock(mtx_t *mutex) { return answer(pthread_mutex_unlock((pthread_mutex_t *)mutex)); }
int mtx_timedlock(mtx_t *mutex, const struct timespec *deadline) {
  return answer(pthread_mutex_timedlock((pthread_mutex_t *)mutex, deadline));
}

int cnd_init(cnd_t *condition) { return answer(pthread_cond_init((pthread_cond_t *)condition, NULL)); }
void cnd_destroy(cnd_t *condition) { (void)condition; }
int cnd_signal(cnd_t *condition) { return answer(pthread_cond_signal((pthread_cond_t *)condition)); }
int cnd_broadcast(cnd_t *condition) { return answer(pthread_cond_broadcast((pthread_cond_t *)condition)); }
int cnd_wait(cnd_t *condition, mtx_t *mutex) {
  return answer(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}
int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *deadline) {
  return answer(pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, deadline));
}

int tss_create(tss_t *key, tss_dtor_t destructor) { return answer(pthread_key_create(key, destructor)); }
void tss_delete(tss_t key) { pthread_key_delete(key); }
int tss_set(tss_t key, void *value) { return answer(pthread_setspecific(key, value)); }
void *tss_get(tss_t key) { return pthread_getspecific(key); }
