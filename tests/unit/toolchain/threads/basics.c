/* What each thread has for itself, and what they share under a mutex. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 10, TIMES = 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static _Thread_local int own = 7;
static _Thread_local char zeros[100];
static pthread_key_t key;
static int destroyed;

static void destroy(void *value) {
  __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
  free(value);
}

static void use_memory(void) {
  char *blocks[20];
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 20; i++) {
      size_t size = (size_t)(10 + i * 37 + round);
      blocks[i] = i % 2 ? malloc(size) : calloc(1, size);
      memset(blocks[i], own + i, size);
    }
    for (int i = 0; i < 20; i++) {
      blocks[i] = realloc(blocks[i], (size_t)(5 + i * 50));
      assert(blocks[i][4] == (char)(own + i));
      free(blocks[i]);
    }
  }
}

static void *work(void *number) {
  assert(own == 7 && zeros[50] == 0 && pthread_getspecific(key) == NULL);
  own = (int)(long)number;
  zeros[50] = 1;
  pthread_setspecific(key, malloc(10));
  for (int i = 0; i < TIMES; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  use_memory();
  errno = own;
  assert(open("/nowhere", O_RDONLY) < 0 && errno == ENOENT);
  errno = own;
  for (int i = 0; i < 20; i++) sched_yield();
  assert(errno == own && own == (int)(long)number);
  return (void *)(long)(own * 2);
}

static void *same(void *argument) { return argument; }

/* How many threads there are to be one after the other, if not a thousand. */
int main(int argc, char **argv) {
  int many = argc > 1 ? atoi(argv[1]) : 1000;
  pthread_t threads[THREADS];
  void *result;
  pthread_key_create(&key, destroy);
  for (long i = 0; i < THREADS; i++) assert(pthread_create(&threads[i], NULL, work, (void *)(i + 100)) == 0);
  for (long i = 0; i < THREADS; i++) {
    assert(pthread_join(threads[i], &result) == 0);
    assert((long)result == 2 * (i + 100));
  }
  printf("%ld counted, %d destroyed, %d mine\n", counter, destroyed, own);
  for (int i = 0; i < many; i++) {
    assert(pthread_create(&threads[0], NULL, same, &threads[i % THREADS]) == 0);
    assert(pthread_join(threads[0], &result) == 0 && result == &threads[i % THREADS]);
  }
  assert(pthread_join(pthread_self(), NULL) == EDEADLK && pthread_equal(pthread_self(), pthread_self()));
  printf("%d joined\n", many);
}
