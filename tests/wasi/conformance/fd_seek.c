/* fd_seek: from the beginning, from here, from the end; also beyond the end, never before the beginning. */
#include "vectors.h"

enum { SET, CUR, END };

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "0123456789");
  i32 fd = open_file("f", 0, 0);
  i64 offset = 99;
  SUCCEEDS(fd_seek(fd, 0, CUR, AT(&offset)));
  EQUAL(offset, 0);
  SUCCEEDS(fd_seek(fd, 4, SET, AT(&offset)));
  EQUAL(offset, 4);
  SUCCEEDS(fd_seek(fd, 3, CUR, AT(&offset)));
  EQUAL(offset, 7);
  SUCCEEDS(fd_seek(fd, (i64)-5, CUR, AT(&offset)));
  EQUAL(offset, 2);
  SUCCEEDS(fd_seek(fd, (i64)-1, END, AT(&offset)));
  EQUAL(offset, 9);
  SUCCEEDS(fd_seek(fd, 0, END, AT(&offset)));
  EQUAL(offset, 10);
  SUCCEEDS(fd_seek(fd, 1000, END, AT(&offset)));
  EQUAL(offset, 1010);
  EQUAL(stat_of("f").size, 10);
  SUCCEEDS(fd_seek(fd, (i64)-1010, CUR, AT(&offset)));
  EQUAL(offset, 0);
  SUCCEEDS(fd_seek(fd, (i64)-10, END, AT(&offset)));
  EQUAL(offset, 0);
  SUCCEEDS(fd_seek(fd, 1ull << 40, SET, AT(&offset)));
  EQUAL(offset, 1ll << 40);
  must(fd_seek(fd, 6, SET, AT(&offset)), "fd_seek");
  FAILS(EINVAL, fd_seek(fd, (i64)-1, SET, AT(&offset)));
  FAILS(EINVAL, fd_seek(fd, (i64)-7, CUR, AT(&offset)));
  FAILS(EINVAL, fd_seek(fd, (i64)-11, END, AT(&offset)));
  FAILS(EINVAL, fd_seek(fd, (i64)INT64_MIN, SET, AT(&offset)));
  FAILS(EINVAL, fd_seek(fd, (i64)INT64_MIN, CUR, AT(&offset)));
  EITHER(EINVAL, EFBIG, fd_seek(fd, (i64)INT64_MAX, CUR, AT(&offset)));
  EITHER(EINVAL, EFBIG, fd_seek(fd, (i64)INT64_MAX, END, AT(&offset)));
  FAILS(EINVAL, fd_seek(fd, 0, 3, AT(&offset)));
  FAILS(EINVAL, fd_seek(fd, 0, 255, AT(&offset)));
  FAILS(EFAULT, fd_seek(fd, 1, SET, NOWHERE));
  FAILS(EFAULT, fd_seek(fd, 1, SET, last_byte() - 6));
  EQUAL(offset_of(fd), 6);
  /* What another descriptor writes moves the end. */
  i32 other = open_file("f", 0, APPEND);
  put(other, "abc");
  SUCCEEDS(fd_seek(fd, 0, END, AT(&offset)));
  EQUAL(offset, 13);
  EITHER(EBADF, EINVAL, fd_seek(dir, 0, SET, AT(&offset)));
  FAILS(ESPIPE, fd_seek(0, 0, SET, AT(&offset)));
  FAILS(ESPIPE, fd_seek(1, 0, CUR, AT(&offset)));
  FAILS(EBADF, fd_seek(closed(), 0, SET, AT(&offset)));
  FAILS(EBADF, fd_seek(~0u, 0, SET, AT(&offset)));
  /* The right to tell is enough to ask where one is, and for nothing else. */
  without(fd, RIGHT(FD_SEEK));
  SUCCEEDS(fd_seek(fd, 0, CUR, AT(&offset)));
  EQUAL(offset, 13);
  FAILS(ENOTCAPABLE, fd_seek(fd, 1, CUR, AT(&offset)));
  FAILS(ENOTCAPABLE, fd_seek(fd, 0, SET, AT(&offset)));
  FAILS(ENOTCAPABLE, fd_seek(fd, 0, END, AT(&offset)));
  LACKS(fd, FD_TELL, fd_seek(fd, 0, CUR, AT(&offset)));
  return done();
}
