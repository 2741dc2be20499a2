/* sync.c: what threads wait for: mutexes, condition variables, locks for readers and writers, barriers, semaphores. */
#include <semaphore.h>
#include <sched.h>

#include "thread.h"

/* ---- waiting ---- */

enum { SECOND = 1000000000 };

__attribute__((noinline)) int __nidus_wait_for(int *word, int value, int64_t nanoseconds) {
  return __builtin_wasm_memory_atomic_wait32(word, value, nanoseconds);
}

int __nidus_wait(volatile int *word, int value, clockid_t clock, const struct timespec *deadline) {
  int64_t left = -1;
  if (deadline) {
    struct timespec now;
    if (deadline->tv_nsec < 0 || deadline->tv_nsec >= SECOND) return EINVAL;
    clock_gettime(clock, &now);
    int64_t seconds = deadline->tv_sec - now.tv_sec;
    if (seconds > INT64_MAX / SECOND / 2) seconds = INT64_MAX / SECOND / 2;
    left = seconds < -1 ? 0 : seconds * SECOND + deadline->tv_nsec - now.tv_nsec;
    if (left <= 0) return ETIMEDOUT;
  }
  return __nidus_wait_for((int *)word, value, left) == 2 ? ETIMEDOUT : 0;
}

void __nidus_wake(volatile int *word, int most) { __builtin_wasm_memory_atomic_notify((int *)word, (unsigned)most); }

static int swap(volatile int *word, int from, int to) {
  return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* 0, or why the wait for it was given up. */
static int lock_until(volatile int *word, clockid_t clock, const struct timespec *deadline) {
  if (swap(word, 0, 1)) return 0;
  while (__atomic_exchange_n(word, 2, __ATOMIC_SEQ_CST) != 0) {
    int error = __nidus_wait(word, 2, clock, deadline);
    if (error) return error;
  }
  return 0;
}

void __nidus_lock(volatile int *word) { (void)lock_until(word, CLOCK_REALTIME, NULL); }

void __nidus_unlock(volatile int *word) {
  if (__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST) == 2) __nidus_wake(word, 1);
}

/* ---- mutexes ---- */

#define TYPE(mutex) ((mutex)->__u.__i[0] & 3)
#define WORD(mutex) ((mutex)->__u.__vi + 1)
#define OWNER(mutex) ((mutex)->__u.__vi[2])
#define COUNT(mutex) ((mutex)->__u.__i[5])
enum { NOBODY = 0 };

/* Of this thread; the first one's own is 0. */
static int me(void) { return __nidus_self()->tid + 1; }

static int mine(pthread_mutex_t *mutex) { return __atomic_load_n(&OWNER(mutex), __ATOMIC_RELAXED) == me(); }

static void own(pthread_mutex_t *mutex) {
  if (TYPE(mutex) == PTHREAD_MUTEX_NORMAL) return;
  __atomic_store_n(&OWNER(mutex), me(), __ATOMIC_RELAXED);
  COUNT(mutex) = 0;
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline) {
  if (TYPE(mutex) != PTHREAD_MUTEX_NORMAL && mine(mutex)) {
    if (TYPE(mutex) == PTHREAD_MUTEX_ERRORCHECK) return EDEADLK;
    if (COUNT(mutex) == INT_MAX) return EAGAIN;
    COUNT(mutex)++;
    return 0;
  }
  int error = lock_until(WORD(mutex), CLOCK_REALTIME, deadline);
  if (!error) own(mutex);
  return error;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) { return pthread_mutex_timedlock(mutex, NULL); }

int pthread_mutex_trylock(pthread_mutex_t *mutex) {
  if (TYPE(mutex) == PTHREAD_MUTEX_RECURSIVE && mine(mutex)) return pthread_mutex_timedlock(mutex, NULL);
  if (!swap(WORD(mutex), 0, 1)) return EBUSY;
  own(mutex);
  return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (TYPE(mutex) != PTHREAD_MUTEX_NORMAL) {
    if (!mine(mutex)) return EPERM;
    if (COUNT(mutex) > 0) {
      COUNT(mutex)--;
      return 0;
    }
    __atomic_store_n(&OWNER(mutex), NOBODY, __ATOMIC_RELAXED);
  }
  __nidus_unlock(WORD(mutex));
  return 0;
}

/* ---- condition variables ---- */

/* A number that changes with each signal: who saw it before waits no longer. */
#define TURN(condition) ((condition)->__u.__vi + 2)
#define CLOCK(condition) ((condition)->__u.__i[4])

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
  if (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= SECOND)) return EINVAL;
  if (TYPE(mutex) != PTHREAD_MUTEX_NORMAL && !mine(mutex)) return EPERM;
  int turn = __atomic_load_n(TURN(condition), __ATOMIC_SEQ_CST);
  int count = TYPE(mutex) == PTHREAD_MUTEX_NORMAL ? 0 : COUNT(mutex);
  if (count) COUNT(mutex) = 0;
  pthread_mutex_unlock(mutex);
  int error = __nidus_wait(TURN(condition), turn, CLOCK(condition) ? CLOCK_MONOTONIC : CLOCK_REALTIME, deadline);
  pthread_mutex_lock(mutex);
  if (count) COUNT(mutex) = count;
  return error;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
  return pthread_cond_timedwait(condition, mutex, NULL);
}

static int signal(pthread_cond_t *condition, int most) {
  __atomic_add_fetch(TURN(condition), 1, __ATOMIC_SEQ_CST);
  __nidus_wake(TURN(condition), most);
  return 0;
}

int pthread_cond_signal(pthread_cond_t *condition) { return signal(condition, 1); }
int pthread_cond_broadcast(pthread_cond_t *condition) { return signal(condition, ALL); }

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attr) {
  *condition = (pthread_cond_t){0};
  clockid_t clock = CLOCK_REALTIME;
  if (attr) pthread_condattr_getclock(attr, &clock);
  CLOCK(condition) = clock == CLOCK_MONOTONIC;
  return 0;
}

int pthread_cond_destroy(pthread_cond_t *condition) {
  (void)condition;
  return 0;
}

/* ---- locks for readers and writers: how many read, or WRITES ---- */

#define READERS(lock) ((lock)->__u.__vi)
enum { WRITES = INT_MAX };

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr) {
  (void)attr;
  *lock = (pthread_rwlock_t){0};
  return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock) {
  (void)lock;
  return 0;
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock) {
  for (;;) {
    int readers = __atomic_load_n(READERS(lock), __ATOMIC_SEQ_CST);
    if (readers == WRITES) return EBUSY;
    if (readers == WRITES - 1) return EAGAIN;
    if (swap(READERS(lock), readers, readers + 1)) return 0;
  }
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *deadline) {
  int error;
  while ((error = pthread_rwlock_tryrdlock(lock)) == EBUSY) {
    error = __nidus_wait(READERS(lock), WRITES, CLOCK_REALTIME, deadline);
    if (error) return error;
  }
  return error;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock) { return swap(READERS(lock), 0, WRITES) ? 0 : EBUSY; }

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *deadline) {
  while (pthread_rwlock_trywrlock(lock)) {
    int readers = __atomic_load_n(READERS(lock), __ATOMIC_SEQ_CST);
    int error = readers ? __nidus_wait(READERS(lock), readers, CLOCK_REALTIME, deadline) : 0;
    if (error) return error;
  }
  return 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock) { return pthread_rwlock_timedrdlock(lock, NULL); }
int pthread_rwlock_wrlock(pthread_rwlock_t *lock) { return pthread_rwlock_timedwrlock(lock, NULL); }

int pthread_rwlock_unlock(pthread_rwlock_t *lock) {
  int readers = __atomic_load_n(READERS(lock), __ATOMIC_SEQ_CST);
  if (readers == 0) return EPERM;
  if (readers == WRITES) __atomic_store_n(READERS(lock), 0, __ATOMIC_SEQ_CST);
  /* Also when others go on reading: a writer waits for the very number. */
  else __atomic_sub_fetch(READERS(lock), 1, __ATOMIC_SEQ_CST);
  __nidus_wake(READERS(lock), ALL);
  return 0;
}

/* ---- barriers ---- */

#define WANTED(barrier) ((barrier)->__u.__i[0])
#define ARRIVED(barrier) ((barrier)->__u.__vi + 1)
#define ROUND(barrier) ((barrier)->__u.__vi + 2)

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count) {
  (void)attr;
  if (count == 0 || count > INT_MAX) return EINVAL;
  *barrier = (pthread_barrier_t){0};
  WANTED(barrier) = (int)count;
  return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier) {
  (void)barrier;
  return 0;
}

int pthread_barrier_wait(pthread_barrier_t *barrier) {
  int round = __atomic_load_n(ROUND(barrier), __ATOMIC_SEQ_CST);
  if (__atomic_add_fetch(ARRIVED(barrier), 1, __ATOMIC_SEQ_CST) == WANTED(barrier)) {
    __atomic_store_n(ARRIVED(barrier), 0, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(ROUND(barrier), 1, __ATOMIC_SEQ_CST);
    __nidus_wake(ROUND(barrier), ALL);
    return PTHREAD_BARRIER_SERIAL_THREAD;
  }
  while (__atomic_load_n(ROUND(barrier), __ATOMIC_SEQ_CST) == round)
    __nidus_wait(ROUND(barrier), round, CLOCK_REALTIME, NULL);
  return 0;
}

/* ---- spin locks: who does not get one lets others have their turn ---- */

int pthread_spin_trylock(pthread_spinlock_t *lock) { return swap((volatile int *)lock, 0, 1) ? 0 : EBUSY; }

int pthread_spin_lock(pthread_spinlock_t *lock) {
  while (pthread_spin_trylock(lock)) sched_yield();
  return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *lock) {
  __atomic_store_n((volatile int *)lock, 0, __ATOMIC_RELEASE);
  return 0;
}

/* ---- semaphores ---- */

static int refuse(int error) {
  errno = error;
  return -1;
}

int sem_init(sem_t *semaphore, int shared, unsigned value) {
  (void)shared;
  if (value > SEM_VALUE_MAX) return refuse(EINVAL);
  semaphore->__val[0] = (int)value;
  return 0;
}

int sem_destroy(sem_t *semaphore) {
  (void)semaphore;
  return 0;
}

int sem_getvalue(sem_t *semaphore, int *value) {
  *value = __atomic_load_n(&semaphore->__val[0], __ATOMIC_SEQ_CST);
  return 0;
}

int sem_post(sem_t *semaphore) {
  int value;
  do {
    value = __atomic_load_n(&semaphore->__val[0], __ATOMIC_SEQ_CST);
    if (value == SEM_VALUE_MAX) return refuse(EOVERFLOW);
  } while (!swap(&semaphore->__val[0], value, value + 1));
  __nidus_wake(&semaphore->__val[0], 1);
  return 0;
}

int sem_trywait(sem_t *semaphore) {
  int value;
  while ((value = __atomic_load_n(&semaphore->__val[0], __ATOMIC_SEQ_CST)) > 0) {
    if (swap(&semaphore->__val[0], value, value - 1)) return 0;
  }
  return refuse(EAGAIN);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
  while (sem_trywait(semaphore)) {
    int error = __nidus_wait(&semaphore->__val[0], 0, CLOCK_REALTIME, deadline);
    if (error) return refuse(error);
  }
  return 0;
}

int sem_wait(sem_t *semaphore) { return sem_timedwait(semaphore, NULL); }
