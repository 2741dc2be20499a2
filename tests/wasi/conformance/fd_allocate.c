/* fd_allocate: the file reaches the end of the range, keeping what it holds; where a store cannot promise the
 * space, as in folders of most hosts, ENOTSUP and nothing has changed. */
#include "check.h"

static i32 fd;
static bool none;

/* What allocating answers where it is possible at all. */
#define ALLOCATES(call)                   \
  do {                                    \
    if (none) FAILS(ENOTSUP, call);       \
    else SUCCEEDS(call);                  \
  } while (0)
#define HAS(allocated, otherwise) EQUAL(stat_of("f").size, none ? otherwise : allocated)

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  fd = open_file("f", 0, 0);
  EITHER(OK, ENOTSUP, fd_allocate(fd, 0, 4));
  none = fd_allocate(fd, 0, 4) == ENOTSUP_;
  HAS(8, 8);
  ALLOCATES(fd_allocate(fd, 0, 8));
  HAS(8, 8);
  ALLOCATES(fd_allocate(fd, 4, 16));
  HAS(20, 8);
  ALLOCATES(fd_allocate(fd, 100, 28));
  HAS(128, 8);
  TRUE(strcmp(contents("f"), "contents") == 0);
  i64 zeros[2] = {1, 1};
  struct { i32 at, length; } vector = {AT(zeros), sizeof zeros};
  i32 length = 0;
  must(fd_pread(fd, AT(&vector), 1, 100, AT(&length)), "fd_pread");
  EQUAL(length, none ? 0 : 16);
  if (!none) TRUE(zeros[0] == 0 && zeros[1] == 0);
  /* It is about the file, not about the descriptor's offset. */
  i64 offset = 1;
  must(fd_tell(fd, AT(&offset)), "fd_tell");
  EQUAL(offset, 0);
  i64 size = stat_of("f").size;
  EITHER(EINVAL, ENOTSUP, fd_allocate(fd, 0, 0));
  EITHER(EINVAL, ENOTSUP, fd_allocate(fd, ~0ull, 1));
  EITHER(EFBIG, ENOTSUP, fd_allocate(fd, 1ull << 62, 1ull << 62));
  EITHER(EFBIG, ENOTSUP, fd_allocate(fd, 1, (1ull << 63) - 1));
  /* More than any store has. */
  i32 code = fd_allocate(fd, 0, 1ull << 60);
  TRUE(code == ENOSPC_ || code == EFBIG_ || code == ENOTSUP_);
  EQUAL(stat_of("f").size, size);
  i32 reader = open_to_read("f");
  EITHER(EBADF, ENOTCAPABLE, fd_allocate(reader, 0, 8));
  FAILS(EBADF, fd_allocate(dir, 0, 8));
  FAILS(ESPIPE, fd_allocate(1, 0, 8));
  FAILS(EBADF, fd_allocate(closed(), 0, 8));
  FAILS(EBADF, fd_allocate(~0u, 0, 8));
  i32 limited = open_file("f", 0, 0);
  LACKS(limited, FD_ALLOCATE, fd_allocate(limited, 0, 8));
  return done();
}
