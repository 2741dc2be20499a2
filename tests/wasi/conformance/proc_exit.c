/* proc_exit: ends the program from whatever depth, with its status; nothing behind it happens. The exit status is
 * the number of failures and 33. */
#include "check.h"

static void leave(void) { proc_exit(33 + (i32)failures); }

static int compare(const void *one, const void *other) {
  (void)one, (void)other;
  leave();
  verdict(false, __LINE__, "proc_exit", "no return", "one");
  return 0;
}

static int depth(int left) {
  volatile int pad[8] = {left};
  if (left > 0) return depth(left - 1) + pad[0];
  int numbers[] = {2, 1, 3};
  qsort(numbers, 3, sizeof *numbers, compare);
  verdict(false, __LINE__, "proc_exit", "no return", "one");
  return pad[0];
}

static void behind(void) { verdict(false, __LINE__, "proc_exit", "no exit handlers", "one"); }

int main(int argc, char **argv) {
  start(argc, argv);
  atexit(behind);
  printf("never flushed: this is the C library's buffer");
  make_file("kept", "written before the end");
  TRUE(strcmp(contents("kept"), "written before the end") == 0);
  return depth(500);
}
