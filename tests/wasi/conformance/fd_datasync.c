/* fd_datasync: comes back when the store has what was written. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(fd_datasync(fd));
  put(fd, "written");
  SUCCEEDS(fd_datasync(fd));
  SUCCEEDS(fd_datasync(fd));
  TRUE(strcmp(contents("f"), "written") == 0);
  must(path_unlink_file(dir, PATH("f")), "path_unlink_file");
  put(fd, " more");
  SUCCEEDS(fd_datasync(fd));
  FAILS(EBADF, fd_datasync(closed()));
  FAILS(EBADF, fd_datasync(~0u));
  i32 limited = without(open_file("closed", 0, 0), RIGHT(FD_DATASYNC));
  SUCCEEDS(fd_datasync(limited));
  must(fd_close(limited), "fd_close");
  limited = without(open_file("closed", 0, 0), RIGHT(FD_SYNC));
  LACKS(limited, FD_DATASYNC, fd_datasync(limited));
  return done();
}
