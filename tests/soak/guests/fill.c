/*
 * fill.c: fills the folder it runs in with files, syncing each, until there is no room. Prints "F n ERRNO" for what
 * failed with the n-th; then, for each line of its input, tries again to sync, and prints that or "S n".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 8 * 1024 * 1024, MOST = 1000 };

static char bytes[SIZE];

/* The n-th file: other bytes in each, which do not compress. */
static void fill(unsigned n) {
  unsigned word = n;
  for (unsigned i = 0; i < SIZE; i++) bytes[i] = (char)((word = word * 1664525u + 1013904223u) >> 24);
}

static int tell(int n, int failed) {
  if (failed) printf("F %d %s\n", n, errno == ENOSPC ? "ENOSPC" : strerror(errno));
  else printf("S %d\n", n);
  return failed;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  int fd = -1, n = 0, failed = 0;
  while (!failed && n < MOST) {
    char name[20];
    snprintf(name, sizeof name, "%d", ++n);
    fill((unsigned)n);
    fd = open(name, O_WRONLY | O_CREAT, 0644);
    failed = fd < 0 || write(fd, bytes, SIZE) != SIZE || fsync(fd) != 0;
    if (!failed) close(fd);
  }
  tell(n, failed);
  char line[20];
  while (fgets(line, sizeof line, stdin)) {
    failed = fsync(fd) != 0;
    tell(n, failed);
  }
  return 0;
}
