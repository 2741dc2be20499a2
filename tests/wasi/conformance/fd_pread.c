/* fd_pread: as fd_read, at an offset of its own. */
#include "vectors.h"

int main(int argc, char **argv) {
  start(argc, argv);
  char a[4] = "", b[4] = "", c[16] = "";
  struct vector vectors[] = {{AT(a), 3}, {0, 0}, {AT(b), 2}, {AT(c), 16}};
  i32 length = 99;
  make_file("f", "0123456789");
  i32 fd = open_file("f", 0, 0);
  go_to(fd, 7);
  SUCCEEDS(fd_pread(fd, AT(vectors), 3, 1, AT(&length)));
  EQUAL(length, 5);
  TRUE(strcmp(a, "123") == 0 && strcmp(b, "45") == 0);
  EQUAL(offset_of(fd), 7);
  SUCCEEDS(fd_pread(fd, AT(vectors + 3), 1, 8, AT(&length)));
  EQUAL(length, 2);
  TRUE(strcmp(c, "89") == 0);
  SUCCEEDS(fd_pread(fd, AT(vectors), 1, 10, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_pread(fd, AT(vectors), 1, 1ull << 40, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_pread(fd, AT(vectors), 3, INT64_MAX - 2, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_pread(fd, AT(vectors), 3, INT64_MAX, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_pread(fd, 0, 0, 0, AT(&length)));
  EQUAL(length, 0);
  FAILS(EINVAL, fd_pread(fd, AT(vectors), 1, ~0ull, AT(&length)));
  FAILS(EINVAL, fd_pread(fd, AT(vectors), 1, 1ull << 63, AT(&length)));
  BAD_VECTORS(fd_pread(fd, vectors, count, 0, out));
  FAILS(EFAULT, fd_pread(fd, AT(vectors), 1, 0, NOWHERE));
  EQUAL(offset_of(fd), 7);
  /* With append, reading is as ever. */
  i32 appending = open_file("f", 0, APPEND);
  SUCCEEDS(fd_pread(appending, AT(vectors), 1, 4, AT(&length)));
  TRUE(strcmp(a, "456") == 0);
  FAILS(ESPIPE, fd_pread(0, AT(vectors), 1, 0, AT(&length)));
  EITHER(EISDIR, EBADF, fd_pread(dir, AT(vectors), 1, 0, AT(&length)));
  i32 writer = open_with(dir, "f", 0, RIGHT(FD_WRITE) | RIGHT(FD_SEEK), 0);
  EITHER(EBADF, ENOTCAPABLE, fd_pread(writer, AT(vectors), 1, 0, AT(&length)));
  FAILS(EBADF, fd_pread(closed(), AT(vectors), 1, 0, AT(&length)));
  FAILS(EBADF, fd_pread(~0u, AT(vectors), 1, 0, AT(&length)));
  LACKS(appending, FD_READ, fd_pread(appending, AT(vectors), 1, 0, AT(&length)));
  LACKS(fd, FD_SEEK, fd_pread(fd, AT(vectors), 1, 0, AT(&length)));
  return done();
}
