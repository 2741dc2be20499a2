/* fd_close: the number is free afterwards, whatever it stood for. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(fd_close(fd));
  FAILS(EBADF, fd_close(fd));
  FAILS(EBADF, fd_fdstat_get(fd, IGNORED));
  FAILS(EBADF, fd_read(fd, 0, 0, IGNORED));
  FAILS(EBADF, fd_close(~0u));
  FAILS(EBADF, fd_close(0x7FFFFFFF));
  FAILS(EBADF, fd_close(1u << 31));
  /* Other descriptors of the same file go on. */
  i32 one = open_file("f", 0, 0), other = open_file("f", 0, 0);
  TRUE(one != other);
  SUCCEEDS(fd_close(one));
  SUCCEEDS(fd_fdstat_get(other, IGNORED));
  /* An unlinked file goes with its last descriptor, no sooner. */
  must(path_unlink_file(dir, PATH("f")), "path_unlink_file");
  EQUAL(put(other, "there"), 5);
  SUCCEEDS(fd_close(other));
  /* Folders. */
  make_folder("inner");
  i32 inner = open_folder("inner");
  SUCCEEDS(fd_close(inner));
  FAILS(EBADF, path_filestat_get(inner, 0, PATH("."), IGNORED));
  SUCCEEDS(path_filestat_get(dir, 0, PATH("inner"), IGNORED));
  /* Many, so that numbers are used again. */
  i32 most = 0;
  make_file("g", "");
  for (int i = 0; i < 2000; i++) {
    i32 again = open_file("g", 0, 0);
    if (again > most) most = again;
    must(fd_close(again), "fd_close");
  }
  TRUE(most < 0x7FFFFFFF);
  /* Preopens, and what stands for standard input. */
  SUCCEEDS(fd_close(0));
  FAILS(EBADF, fd_close(0));
  SUCCEEDS(fd_close(home));
  FAILS(EBADF, fd_prestat_get(home, IGNORED));
  FAILS(EBADF, path_open(home, 0, PATH("x"), CREAT, 0, 0, 0, IGNORED));
  SUCCEEDS(path_filestat_get(dir, 0, PATH("g"), IGNORED));
  return done();
}
