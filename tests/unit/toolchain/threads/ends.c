/* How threads and their process end, and what they find out about each other: the first argument says what. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;
static volatile int flag;
static const char *what;

static void cleanup(void *text) { puts(text); }
static void leave(void) {
  pthread_cleanup_push(cleanup, "cleaned up");
  pthread_exit("left");
  pthread_cleanup_pop(0);
}

static void *thread(void *argument) {
  char text[16];
  if (!strcmp(what, "exit")) exit(7);
  if (!strcmp(what, "trap")) __builtin_trap();
  if (!strcmp(what, "leave")) leave();
  if (!strcmp(what, "main-leaves")) usleep(2000), puts("the last one");
  if (!strcmp(what, "wait")) pthread_mutex_lock(&never);
  if (!strcmp(what, "detach")) __atomic_add_fetch(&flag, 1, __ATOMIC_SEQ_CST);
  if (!strcmp(what, "read")) {
    long length = read(0, text, sizeof text);
    printf("read %.*s\n", (int)length, text);
    fflush(stdout);
    __atomic_store_n(&flag, 1, __ATOMIC_SEQ_CST);
  }
  if (!strcmp(what, "race"))
    for (int i = 0; i < 1000; i++) flag++;
  if (!strcmp(what, "print"))
    for (int i = 0; i < 200; i++) printf("%s %d of a line that is printed whole\n", (char *)argument, i);
  return argument;
}

int main(int argc, char **argv) {
  pthread_t threads[100];
  void *result = NULL;
  what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "wait")) pthread_mutex_lock(&never);
  if (!strcmp(what, "limit")) {
    int made = 0, error = 0;
    what = "wait";
    pthread_mutex_lock(&never);
    while (made < 100 && !(error = pthread_create(&threads[made], NULL, thread, NULL))) made++;
    printf("%d %d\n", made, error == EAGAIN);
    pthread_mutex_unlock(&never);
    return 0;
  }
  if (!strcmp(what, "stack")) {
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)1023 << 20);
    printf("%d\n", pthread_create(&threads[0], &attr, thread, NULL) == EAGAIN);
    return 0;
  }
  if (!strcmp(what, "detach")) {
    for (int i = 0; i < 500; i++) {
      if (pthread_create(&threads[0], NULL, thread, NULL)) return 1;
      if (pthread_detach(threads[0])) return 2;
      while (__atomic_load_n(&flag, __ATOMIC_SEQ_CST) <= i) usleep(100);
    }
    puts("500 detached");
    return 0;
  }
  if (pthread_create(&threads[0], NULL, thread, "a") || pthread_create(&threads[1], NULL, thread, "b")) return 1;
  if (!strcmp(what, "main-leaves")) pthread_exit(NULL);
  if (!strcmp(what, "return")) return 3;
  if (!strcmp(what, "read")) {
    puts("computing");
    fflush(stdout);
    for (unsigned n = 1; !__atomic_load_n(&flag, __ATOMIC_SEQ_CST); n++) __asm__ volatile("" : "+r"(n));
    return 0;
  }
  pthread_join(threads[0], &result);
  pthread_join(threads[1], NULL);
  if (!strcmp(what, "leave")) puts(result);
  if (!strcmp(what, "race")) printf("%d\n", flag);
  return 0;
}
