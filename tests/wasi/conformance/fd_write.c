/* fd_write: the bytes of the buffers at the offset, or with append at the end. */
#include "vectors.h"

int main(int argc, char **argv) {
  start(argc, argv);
  struct vector vectors[] = {{PATH("012")}, {0, 0}, {PATH("34")}, {PATH("56789")}};
  i32 length = 99;
  i32 fd = open_file("f", CREAT, 0);
  SUCCEEDS(fd_write(fd, AT(vectors), 4, AT(&length)));
  EQUAL(length, 10);
  EQUAL(offset_of(fd), 10);
  TRUE(strcmp(contents("f"), "0123456789") == 0);
  go_to(fd, 2);
  SUCCEEDS(fd_write(fd, AT(vectors + 2), 1, AT(&length)));
  EQUAL(length, 2);
  TRUE(strcmp(contents("f"), "0134456789") == 0);
  go_to(fd, 12);
  SUCCEEDS(fd_write(fd, AT(vectors), 1, AT(&length)));
  TRUE(memcmp(contents("f"), "0134456789\0\0" "012", 16) == 0);
  /* Nothing. */
  SUCCEEDS(fd_write(fd, 0, 0, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_write(fd, AT(vectors + 1), 1, AT(&length)));
  EQUAL(length, 0);
  EQUAL(offset_of(fd), 15);
  BAD_VECTORS(fd_write(fd, vectors, count, out));
  EQUAL(offset_of(fd), 15);
  EQUAL(stat_of("f").size, 15);
  FAILS(EFAULT, fd_write(fd, AT(vectors), 1, NOWHERE));
  /* Appending, wherever the offset is, and with two who do. */
  make_file("log", "a");
  i32 one = open_file("log", 0, APPEND), other = open_file("log", 0, APPEND);
  put(one, "b");
  EQUAL(offset_of(one), 2);
  put(other, "c");
  put(one, "d");
  go_to(one, 0);
  put(one, "e");
  EQUAL(offset_of(one), 5);
  TRUE(strcmp(contents("log"), "abcde") == 0);
  must(fd_filestat_set_size(other, 1), "fd_filestat_set_size");
  put(one, "f");
  TRUE(strcmp(contents("log"), "af") == 0);
  /* Two descriptors of one open each have an offset. */
  i32 first = open_file("f", 0, 0), second = open_file("f", 0, 0);
  put(first, "AB");
  put(second, "xy");
  TRUE(memcmp(contents("f"), "xy34", 4) == 0);
  /* A file without a name. */
  must(path_unlink_file(dir, PATH("f")), "path_unlink_file");
  EQUAL(put(first, "still"), 5);
  /* More than any buffer of the host's. */
  static uint8_t large[1 << 20];
  memset(large, 'x', sizeof large);
  struct vector whole[] = {{AT(large), sizeof large}, {AT(large), sizeof large - 1}};
  i32 big = open_file("large", CREAT, 0);
  SUCCEEDS(fd_write(big, AT(whole), 2, AT(&length)));
  EQUAL(length, 2 * sizeof large - 1);
  EQUAL(stat_of("large").size, 2 * sizeof large - 1);
  /* The end of what a file can be. */
  i32 code = fd_seek(big, INT64_MAX, __WASI_WHENCE_SET, IGNORED);
  if (code == OK) {
    code = fd_write(big, AT(vectors), 1, AT(&length));
    TRUE(code == EFBIG_ || code == ENOSPC_ || code == EINVAL_);
  }
  EQUAL(stat_of("large").size, 2 * sizeof large - 1);
  SUCCEEDS(fd_write(2, AT(vectors + 1), 1, AT(&length)));
  EITHER(EISDIR, EBADF, fd_write(dir, AT(vectors), 1, AT(&length)));
  i32 reader = open_to_read("log");
  EITHER(EBADF, ENOTCAPABLE, fd_write(reader, AT(vectors), 1, AT(&length)));
  FAILS(EBADF, fd_write(0x7FFFFFFF, AT(vectors), 1, AT(&length)));
  FAILS(EBADF, fd_write(closed(), AT(vectors), 1, AT(&length)));
  FAILS(EBADF, fd_write(~0u, AT(vectors), 1, AT(&length)));
  LACKS(one, FD_WRITE, fd_write(one, AT(vectors), 1, AT(&length)));
  /* To be stored when the call answers: written once, wherever the host has to wait for that. */
  for (i32 flags = DSYNC; flags <= SYNC; flags *= 8) {
    make_file("kept", "");
    i32 kept = ~0u, code = path_open(dir, 0, PATH("kept"), 0, RIGHT(FD_WRITE) | RIGHT(FD_SEEK), 0, flags, AT(&kept));
    EITHER(OK, ENOTSUP, code);
    if (code != OK) continue;
    struct vector part = {PATH("stored")};
    EQUAL(put(kept, "is "), 3);
    SUCCEEDS(fd_pwrite(kept, AT(&part), 1, 3, AT(&length)));
    EQUAL(length, 6);
    TRUE(strcmp(contents("kept"), "is stored") == 0);
    fd_close(kept);
  }
  return done();
}
