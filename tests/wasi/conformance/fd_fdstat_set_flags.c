/* fd_fdstat_set_flags: append and nonblock can be set and taken back at any time. */
#include "check.h"

static i32 flags_of(i32 fd) {
  __wasi_fdstat_t stat = {0};
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  return stat.fs_flags;
}

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  put(fd, "C");
  SUCCEEDS(fd_fdstat_set_flags(fd, APPEND));
  EQUAL(flags_of(fd), APPEND);
  put(fd, "+");
  TRUE(strcmp(contents("f"), "Contents+") == 0);
  SUCCEEDS(fd_fdstat_set_flags(fd, 0));
  EQUAL(flags_of(fd), 0);
  i64 offset = 0;
  must(fd_seek(fd, 1, __WASI_WHENCE_SET, AT(&offset)), "fd_seek");
  put(fd, "O");
  TRUE(strcmp(contents("f"), "COntents+") == 0);
  SUCCEEDS(fd_fdstat_set_flags(fd, NONBLOCK));
  EQUAL(flags_of(fd), NONBLOCK);
  SUCCEEDS(fd_fdstat_set_flags(fd, NONBLOCK | APPEND));
  EQUAL(flags_of(fd), NONBLOCK | APPEND);
  /* Each open has its own. */
  i32 other = open_file("f", 0, 0);
  EQUAL(flags_of(other), 0);
  /* Synchronous writing is chosen when opening, if at all. */
  EITHER(ENOTSUP, EINVAL, fd_fdstat_set_flags(fd, SYNC));
  EITHER(ENOTSUP, EINVAL, fd_fdstat_set_flags(fd, DSYNC));
  EITHER(ENOTSUP, EINVAL, fd_fdstat_set_flags(fd, RSYNC | APPEND));
  FAILS(EINVAL, fd_fdstat_set_flags(fd, 32));
  FAILS(EINVAL, fd_fdstat_set_flags(fd, 0x8000));
  EQUAL(flags_of(fd), NONBLOCK | APPEND);
  FAILS(EBADF, fd_fdstat_set_flags(closed(), 0));
  FAILS(EBADF, fd_fdstat_set_flags(~0u, 0));
  LACKS(other, FD_FDSTAT_SET_FLAGS, fd_fdstat_set_flags(other, 0));
  return done();
}
