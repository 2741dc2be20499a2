/* Everything that threads wait for. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

enum { THREADS = 4 };

static pthread_t threads[THREADS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void start(void *(*function)(void *), int count) {
  for (int i = 0; i < count; i++) assert(pthread_create(&threads[i], NULL, function, &threads[i]) == 0);
}
static void join(int count) {
  for (int i = 0; i < count; i++) assert(pthread_join(threads[i], NULL) == 0);
}
static struct timespec soon(void) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_nsec += 5000000;
  if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
  return at;
}

/* One producer and three consumers, over a queue of eight. */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int queue[8], queued, sum, over;
static void *consume(void *unused) {
  (void)unused;
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (queued == 0 && !over) pthread_cond_wait(&changed, &mutex);
    int last = queued == 0;
    if (!last) sum += queue[--queued];
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    if (last) return NULL;
  }
}
static void queues(void) {
  start(consume, 3);
  for (int i = 1; i <= 300; i++) {
    pthread_mutex_lock(&mutex);
    while (queued == 8) pthread_cond_wait(&changed, &mutex);
    queue[queued++] = i;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
  }
  pthread_mutex_lock(&mutex);
  over = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  join(3);
  printf("consumed %d\n", sum);
}

static sem_t filled, emptied;
static int box;
static void *fill(void *unused) {
  (void)unused;
  for (int i = 1; i <= 200; i++) {
    sem_wait(&emptied);
    box = i;
    sem_post(&filled);
  }
  return NULL;
}
static void semaphores(void) {
  int total = 0;
  sem_init(&emptied, 0, 1);
  sem_init(&filled, 0, 0);
  start(fill, 1);
  for (int i = 0; i < 200; i++) {
    sem_wait(&filled);
    total += box;
    sem_post(&emptied);
  }
  join(1);
  struct timespec at = soon();
  assert(sem_timedwait(&filled, &at) == -1 && errno == ETIMEDOUT);
  assert(sem_trywait(&filled) == -1 && errno == EAGAIN);
  printf("passed on %d\n", total);
}

static pthread_barrier_t barrier;
static int leaders, round_of[THREADS];
static void *meet(void *thread) {
  int me = (int)((pthread_t *)thread - threads);
  for (int i = 0; i < 20; i++) {
    round_of[me] = i;
    if (pthread_barrier_wait(&barrier)) __atomic_add_fetch(&leaders, 1, __ATOMIC_SEQ_CST);
    for (int other = 0; other < THREADS; other++) assert(round_of[other] == i);
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int left, right;
static void *read_or_write(void *thread) {
  for (int i = 0; i < 200; i++) {
    if ((pthread_t *)thread == threads) {
      pthread_rwlock_wrlock(&lock);
      left++;
      sched_yield();
      right++;
    } else {
      pthread_rwlock_rdlock(&lock);
      assert(left == right);
    }
    pthread_rwlock_unlock(&lock);
  }
  return NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int onces;
static void count_once(void) {
  sched_yield();
  onces++;
}
static void *call_it_once(void *unused) {
  pthread_once(&once, count_once);
  assert(onces == 1);
  return unused;
}

static void *try_mutex(void *given) {
  return (void *)(long)(pthread_mutex_trylock(given) * 1000 + pthread_mutex_unlock(given));
}
static void kinds_of_mutexes(void) {
  pthread_mutexattr_t attr;
  pthread_mutex_t checked, again;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&checked, &attr);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&again, &attr);
  assert(pthread_mutex_unlock(&checked) == EPERM);
  assert(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == EDEADLK);
  for (int i = 0; i < 3; i++) assert(pthread_mutex_lock(&again) == 0);
  void *result;
  for (int i = 0; i < 3; i++) {
    pthread_create(&threads[0], NULL, try_mutex, &again);
    pthread_join(threads[0], &result);
    assert((long)result == EBUSY * 1000 + EPERM);
    assert(pthread_mutex_unlock(&again) == 0);
  }
  pthread_create(&threads[0], NULL, try_mutex, &again);
  pthread_join(threads[0], &result);
  assert(result == NULL);
  struct timespec at = soon();
  pthread_mutex_lock(&mutex);
  assert(pthread_cond_timedwait(&changed, &mutex, &at) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
}

static mtx_t c11_mutex;
static int c11(void *number) {
  mtx_lock(&c11_mutex);
  mtx_unlock(&c11_mutex);
  thrd_exit(*(int *)number + 1);
}

int main(void) {
  queues();
  semaphores();
  pthread_barrier_init(&barrier, NULL, THREADS);
  start(meet, THREADS);
  join(THREADS);
  printf("%d leaders\n", leaders);
  start(read_or_write, THREADS);
  join(THREADS);
  printf("%d written\n", left);
  start(call_it_once, THREADS);
  join(THREADS);
  kinds_of_mutexes();
  thrd_t thread;
  int number = 41;
  mtx_init(&c11_mutex, mtx_plain);
  thrd_create(&thread, c11, &number);
  thrd_join(thread, &number);
  printf("C11 says %d\n", number);
}
