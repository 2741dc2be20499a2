/* fd_pwrite: as fd_write, at an offset of its own, which append does not change (pwrite(2) of POSIX). */
#include "vectors.h"

int main(int argc, char **argv) {
  start(argc, argv);
  struct vector vectors[] = {{PATH("AB")}, {0, 0}, {PATH("C")}};
  i32 length = 99;
  make_file("f", "0123456789");
  i32 fd = open_file("f", 0, 0);
  go_to(fd, 7);
  SUCCEEDS(fd_pwrite(fd, AT(vectors), 3, 2, AT(&length)));
  EQUAL(length, 3);
  EQUAL(offset_of(fd), 7);
  TRUE(strcmp(contents("f"), "01ABC56789") == 0);
  SUCCEEDS(fd_pwrite(fd, AT(vectors), 1, 9, AT(&length)));
  TRUE(strcmp(contents("f"), "01ABC5678AB") == 0);
  SUCCEEDS(fd_pwrite(fd, AT(vectors), 1, 13, AT(&length)));
  TRUE(memcmp(contents("f"), "01ABC5678AB\0\0AB", 16) == 0);
  SUCCEEDS(fd_pwrite(fd, 0, 0, 100, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_pwrite(fd, AT(vectors + 1), 1, 100, AT(&length)));
  EQUAL(stat_of("f").size, 15);
  FAILS(EINVAL, fd_pwrite(fd, AT(vectors), 1, ~0ull, AT(&length)));
  FAILS(EINVAL, fd_pwrite(fd, AT(vectors), 1, 1ull << 63, AT(&length)));
  i32 code = fd_pwrite(fd, AT(vectors), 1, INT64_MAX, AT(&length));
  EITHER(EFBIG, ENOSPC, code);
  code = fd_pwrite(fd, AT(vectors), 1, 1ull << 60, AT(&length));
  TRUE(code == EFBIG_ || code == ENOSPC_ || code == EINVAL_ || length == 2);
  if (code == OK) must(fd_filestat_set_size(fd, 15), "fd_filestat_set_size");
  EQUAL(stat_of("f").size, 15);
  TRUE(memcmp(contents("f"), "01ABC5678AB\0\0AB", 16) == 0);
  BAD_VECTORS(fd_pwrite(fd, vectors, count, 0, out));
  EQUAL(stat_of("f").size, 15);
  FAILS(EFAULT, fd_pwrite(fd, AT(vectors), 1, 0, NOWHERE));
  EQUAL(offset_of(fd), 7);
  make_file("log", "0123");
  i32 appending = open_file("log", 0, APPEND);
  SUCCEEDS(fd_pwrite(appending, AT(vectors), 1, 1, AT(&length)));
  TRUE(strcmp(contents("log"), "0AB3") == 0);
  put(appending, "!");
  TRUE(strcmp(contents("log"), "0AB3!") == 0);
  FAILS(ESPIPE, fd_pwrite(1, AT(vectors + 1), 1, 0, AT(&length)));
  EITHER(EISDIR, EBADF, fd_pwrite(dir, AT(vectors), 1, 0, AT(&length)));
  i32 reader = open_to_read("f");
  EITHER(EBADF, ENOTCAPABLE, fd_pwrite(reader, AT(vectors), 1, 0, AT(&length)));
  FAILS(EBADF, fd_pwrite(closed(), AT(vectors), 1, 0, AT(&length)));
  FAILS(EBADF, fd_pwrite(~0u, AT(vectors), 1, 0, AT(&length)));
  LACKS(appending, FD_WRITE, fd_pwrite(appending, AT(vectors), 1, 0, AT(&length)));
  LACKS(fd, FD_SEEK, fd_pwrite(fd, AT(vectors), 1, 0, AT(&length)));
  return done();
}
