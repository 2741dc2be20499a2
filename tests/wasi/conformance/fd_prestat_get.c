/* fd_prestat_get: which descriptors are preopens, and how long their names are. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  __wasi_prestat_t prestat;
  memset(&prestat, 0xAA, sizeof prestat);
  EQUAL(home, 3);
  SUCCEEDS(fd_prestat_get(home, AT(&prestat)));
  EQUAL(prestat.tag, __WASI_PREOPENTYPE_DIR);
  EQUAL(prestat.u.dir.pr_name_len, strlen(argv[1]));
  EITHER(EBADF, ENOTSUP, fd_prestat_get(0, AT(&prestat)));
  EITHER(EBADF, ENOTSUP, fd_prestat_get(1, AT(&prestat)));
  EITHER(EBADF, ENOTSUP, fd_prestat_get(2, AT(&prestat)));
  /* Folders that the program has opened are none; wasi-libc stops at EBADF. */
  FAILS(EBADF, fd_prestat_get(dir, AT(&prestat)));
  i32 same = ~0u;
  must(path_open(home, 0, PATH("."), DIRECTORY, RIGHT(FD_READDIR), 0, 0, AT(&same)), "path_open");
  FAILS(EBADF, fd_prestat_get(same, AT(&prestat)));
  make_file("f", "");
  FAILS(EBADF, fd_prestat_get(open_file("f", 0, 0), AT(&prestat)));
  FAILS(EBADF, fd_prestat_get(1000, AT(&prestat)));
  FAILS(EBADF, fd_prestat_get(~0u, AT(&prestat)));
  FAILS(EFAULT, fd_prestat_get(home, NOWHERE));
  FAILS(EFAULT, fd_prestat_get(home, last_byte() - 6));
  must(fd_close(home), "fd_close");
  FAILS(EBADF, fd_prestat_get(home, AT(&prestat)));
  return done();
}
