/* fd_fdstat_set_rights: rights are given up one by one and never gained; each right is kept from its calls.
 * (That every other function checks its right is in that function's program.) */
#include "check.h"

static __wasi_fdstat_t of(i32 fd) {
  __wasi_fdstat_t stat = {0};
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  return stat;
}

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  i64 all = of(fd).fs_rights_base;
  SUCCEEDS(fd_fdstat_set_rights(fd, all, of(fd).fs_rights_inheriting));
  TRUE(of(fd).fs_rights_base == all);
  SUCCEEDS(fd_fdstat_set_rights(fd, all & ~RIGHT(FD_WRITE), 0));
  TRUE(of(fd).fs_rights_base == (all & ~RIGHT(FD_WRITE)));
  FAILS(ENOTCAPABLE, fd_write(fd, 0, 0, IGNORED));
  FAILS(ENOTCAPABLE, fd_fdstat_set_rights(fd, all, 0));
  FAILS(ENOTCAPABLE, fd_fdstat_set_rights(fd, of(fd).fs_rights_base | 1ull << 40, 0));
  FAILS(ENOTCAPABLE, fd_fdstat_set_rights(fd, ~0ull, ~0ull));
  FAILS(ENOTCAPABLE, fd_fdstat_set_rights(fd, RIGHT(FD_READ), RIGHT(FD_READ))); /* nothing to inherit */
  TRUE(of(fd).fs_rights_base == (all & ~RIGHT(FD_WRITE)));
  /* One after the other, down to none. */
  for (i64 left = of(fd).fs_rights_base; left; left &= left - 1) {
    must(fd_fdstat_set_rights(fd, left & (left - 1), 0), "fd_fdstat_set_rights");
  }
  TRUE(of(fd).fs_rights_base == 0);
  FAILS(ENOTCAPABLE, fd_read(fd, 0, 0, IGNORED));
  FAILS(ENOTCAPABLE, fd_seek(fd, 1, __WASI_WHENCE_SET, IGNORED));
  SUCCEEDS(fd_fdstat_set_rights(fd, 0, 0));
  SUCCEEDS(fd_fdstat_get(fd, IGNORED));
  SUCCEEDS(fd_close(fd)); /* needs no right */
  /* Other descriptors of the same file keep theirs. */
  i32 other = open_file("f", 0, 0);
  TRUE(of(other).fs_rights_base == all);

  /* What a folder does not let inherit, nothing below it has. */
  i32 folder = open_folder(".");
  __wasi_fdstat_t before = of(folder);
  i64 fewer = before.fs_rights_inheriting & ~RIGHT(FD_WRITE);
  SUCCEEDS(fd_fdstat_set_rights(folder, before.fs_rights_base, fewer));
  TRUE(of(folder).fs_rights_inheriting == fewer);
  FAILS(ENOTCAPABLE, path_open(folder, 0, PATH("f"), 0, RIGHT(FD_WRITE), 0, 0, IGNORED));
  FAILS(ENOTCAPABLE, path_open(folder, 0, PATH("."), DIRECTORY, RIGHT(FD_READDIR), RIGHT(FD_WRITE), 0, IGNORED));
  i32 reader = 0;
  SUCCEEDS(path_open(folder, 0, PATH("f"), 0, RIGHT(FD_READ), 0, 0, AT(&reader)));
  FAILS(ENOTCAPABLE, fd_fdstat_set_rights(folder, before.fs_rights_base, before.fs_rights_inheriting));
  /* Both halves or none. */
  FAILS(ENOTCAPABLE, fd_fdstat_set_rights(folder, 0, before.fs_rights_inheriting));
  TRUE(of(folder).fs_rights_base == before.fs_rights_base);
  SUCCEEDS(fd_fdstat_set_rights(folder, 0, 0));
  FAILS(ENOTCAPABLE, path_open(folder, 0, PATH("f"), 0, 0, 0, 0, IGNORED));

  FAILS(EBADF, fd_fdstat_set_rights(closed(), 0, 0));
  FAILS(EBADF, fd_fdstat_set_rights(~0u, 0, 0));
  return done();
}
