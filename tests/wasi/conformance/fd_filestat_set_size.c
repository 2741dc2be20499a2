/* fd_filestat_set_size: cuts and grows; what is new is zero. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(fd_filestat_set_size(fd, 3));
  EQUAL(stat_of("f").size, 3);
  TRUE(strcmp(contents("f"), "con") == 0);
  SUCCEEDS(fd_filestat_set_size(fd, 8));
  EQUAL(stat_of("f").size, 8);
  TRUE(memcmp(contents("f"), "con\0\0\0\0\0", 9) == 0);
  SUCCEEDS(fd_filestat_set_size(fd, 8));
  SUCCEEDS(fd_filestat_set_size(fd, 0));
  EQUAL(stat_of("f").size, 0);
  /* A hole costs nothing. */
  SUCCEEDS(fd_filestat_set_size(fd, 1ull << 32 | 5));
  EQUAL(stat_of("f").size, 1ll << 32 | 5);
  SUCCEEDS(fd_filestat_set_size(fd, 0));
  /* The offset stays, beyond the end too. */
  put(fd, "0123456789");
  SUCCEEDS(fd_filestat_set_size(fd, 2));
  i64 offset = 0;
  must(fd_tell(fd, AT(&offset)), "fd_tell");
  EQUAL(offset, 10);
  put(fd, "x");
  EQUAL(stat_of("f").size, 11);
  TRUE(memcmp(contents("f"), "01\0\0\0\0\0\0\0\0x", 12) == 0);
  /* Through one descriptor, seen by another; on a file without a name. */
  i32 reader = open_to_read("f");
  must(path_unlink_file(dir, PATH("f")), "path_unlink_file");
  SUCCEEDS(fd_filestat_set_size(fd, 7));
  __wasi_filestat_t stat = {0};
  must(fd_filestat_get(reader, AT(&stat)), "fd_filestat_get");
  EQUAL(stat.size, 7);
  EITHER(EINVAL, EFBIG, fd_filestat_set_size(fd, ~0ull));
  EITHER(EINVAL, EFBIG, fd_filestat_set_size(fd, 1ull << 63));
  must(fd_filestat_get(fd, AT(&stat)), "fd_filestat_get");
  EQUAL(stat.size, 7);
  EITHER(EINVAL, ENOTCAPABLE, fd_filestat_set_size(reader, 1));
  EITHER(EBADF, EISDIR, fd_filestat_set_size(dir, 1));
  FAILS(EINVAL, fd_filestat_set_size(1, 1));
  FAILS(EBADF, fd_filestat_set_size(closed(), 1));
  FAILS(EBADF, fd_filestat_set_size(~0u, 1));
  i32 limited = open_file("closed", 0, 0);
  LACKS(limited, FD_FILESTAT_SET_SIZE, fd_filestat_set_size(limited, 1));
  return done();
}
