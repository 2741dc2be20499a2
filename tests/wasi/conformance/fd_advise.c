/* fd_advise: every advice, on ranges within and beyond the file; it changes nothing that a program sees. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  for (i32 advice = 0; advice < 6; advice++) SUCCEEDS(fd_advise(fd, 0, 8, advice));
  SUCCEEDS(fd_advise(fd, 0, 0, __WASI_ADVICE_NORMAL));
  SUCCEEDS(fd_advise(fd, 4, 0, __WASI_ADVICE_DONTNEED));
  SUCCEEDS(fd_advise(fd, 1ull << 40, 1ull << 40, __WASI_ADVICE_WILLNEED));
  EQUAL(stat_of("f").size, 8);
  TRUE(strcmp(contents("f"), "contents") == 0);
  FAILS(EINVAL, fd_advise(fd, 0, 8, 6));
  FAILS(EINVAL, fd_advise(fd, 0, 8, 255));
  FAILS(EINVAL, fd_advise(fd, ~0ull, 8, __WASI_ADVICE_NORMAL));
  FAILS(EINVAL, fd_advise(fd, 1ull << 62, 1ull << 62, __WASI_ADVICE_NORMAL));
  i32 reader = open_with(dir, "f", 0, RIGHT(FD_READ) | RIGHT(FD_ADVISE), 0);
  SUCCEEDS(fd_advise(reader, 0, 8, __WASI_ADVICE_SEQUENTIAL));
  FAILS(EBADF, fd_advise(dir, 0, 8, __WASI_ADVICE_NORMAL));
  FAILS(ESPIPE, fd_advise(0, 0, 8, __WASI_ADVICE_NORMAL));
  FAILS(EBADF, fd_advise(closed(), 0, 8, __WASI_ADVICE_NORMAL));
  FAILS(EBADF, fd_advise(~0u, 0, 8, __WASI_ADVICE_NORMAL));
  i32 limited = open_file("f", 0, 0);
  LACKS(limited, FD_ADVISE, fd_advise(limited, 0, 8, __WASI_ADVICE_NORMAL));
  return done();
}
