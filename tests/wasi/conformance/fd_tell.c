/* fd_tell: where the next read or write is. */
#include "vectors.h"

int main(int argc, char **argv) {
  start(argc, argv);
  i32 fd = open_file("f", CREAT, 0);
  i64 offset = 99;
  SUCCEEDS(fd_tell(fd, AT(&offset)));
  EQUAL(offset, 0);
  put(fd, "0123456789");
  SUCCEEDS(fd_tell(fd, AT(&offset)));
  EQUAL(offset, 10);
  go_to(fd, 1ull << 33);
  SUCCEEDS(fd_tell(fd, AT(&offset)));
  EQUAL(offset, 1ll << 33);
  i32 appending = open_file("f", 0, APPEND);
  SUCCEEDS(fd_tell(appending, AT(&offset)));
  EQUAL(offset, 0);
  put(appending, "x");
  SUCCEEDS(fd_tell(appending, AT(&offset)));
  EQUAL(offset, 11);
  FAILS(EFAULT, fd_tell(fd, NOWHERE));
  FAILS(EFAULT, fd_tell(fd, last_byte() - 6));
  EITHER(EBADF, EINVAL, fd_tell(dir, AT(&offset)));
  FAILS(ESPIPE, fd_tell(0, AT(&offset)));
  FAILS(EBADF, fd_tell(closed(), AT(&offset)));
  FAILS(EBADF, fd_tell(~0u, AT(&offset)));
  LACKS(fd, FD_TELL, fd_tell(fd, AT(&offset)));
  return done();
}
