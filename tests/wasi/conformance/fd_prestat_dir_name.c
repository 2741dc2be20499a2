/* fd_prestat_dir_name: a preopen's name, without a NUL. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  char name[64];
  i32 length = (i32)strlen(argv[1]);
  memset(name, '?', sizeof name);
  SUCCEEDS(fd_prestat_dir_name(home, AT(name), length));
  TRUE(memcmp(name, argv[1], length) == 0);
  EQUAL(name[length], '?');
  memset(name, '?', sizeof name);
  SUCCEEDS(fd_prestat_dir_name(home, AT(name), length + 3));
  TRUE(memcmp(name, argv[1], length) == 0);
  EQUAL(name[length], '?');
  memset(name, '?', sizeof name);
  FAILS(ENAMETOOLONG, fd_prestat_dir_name(home, AT(name), length - 1));
  FAILS(ENAMETOOLONG, fd_prestat_dir_name(home, AT(name), 0));
  EQUAL(name[0], '?');
  EITHER(EBADF, ENOTSUP, fd_prestat_dir_name(0, AT(name), length));
  FAILS(EBADF, fd_prestat_dir_name(dir, AT(name), length));
  FAILS(EBADF, fd_prestat_dir_name(1000, AT(name), length));
  FAILS(EBADF, fd_prestat_dir_name(~0u, AT(name), length));
  FAILS(EFAULT, fd_prestat_dir_name(home, NOWHERE, 64));
  FAILS(EFAULT, fd_prestat_dir_name(home, last_byte(), length));
  SUCCEEDS(fd_prestat_dir_name(home, last_byte() + 1 - length, length));
  must(fd_close(home), "fd_close");
  FAILS(EBADF, fd_prestat_dir_name(home, AT(name), length));
  return done();
}
