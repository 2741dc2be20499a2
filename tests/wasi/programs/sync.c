/* Storing what a descriptor has, whatever it may do besides. node:wasi refuses the second call on one that only
 * reads, as wasi-libc does not ask for the right to it. */
#include "report.h"

#include <fcntl.h>
#include <unistd.h>

int main(void) {
  int fd = open("f", O_RDWR | O_CREAT, 0644);
  REPORT(write(fd, "bytes", 5));
  REPORT(fsync(fd));
  REPORT(fdatasync(fd));
  int other = open("f", O_RDONLY);
  REPORT(fsync(other));
  REPORT(fdatasync(other));
  REPORT(close(other));
  REPORT(fsync(other));
  REPORT(fdatasync(other));
  REPORT(fsync(-1));
  return 0;
}
