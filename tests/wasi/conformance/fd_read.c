/* fd_read: the bytes from the offset on, scattered over the buffers; nothing at the end of the file. */
#include "vectors.h"

int main(int argc, char **argv) {
  start(argc, argv);
  char a[4] = "", b[4] = "", c[16] = "";
  struct vector vectors[] = {{AT(a), 3}, {0, 0}, {AT(b), 2}, {AT(c), 16}};
  i32 length = 99;
  make_file("f", "0123456789");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(fd_read(fd, AT(vectors), 3, AT(&length)));
  EQUAL(length, 5);
  TRUE(strcmp(a, "012") == 0 && strcmp(b, "34") == 0);
  EQUAL(offset_of(fd), 5);
  SUCCEEDS(fd_read(fd, AT(vectors + 3), 1, AT(&length)));
  EQUAL(length, 5);
  TRUE(memcmp(c, "56789\0", 6) == 0);
  SUCCEEDS(fd_read(fd, AT(vectors), 4, AT(&length)));
  EQUAL(length, 0);
  go_to(fd, 1000);
  SUCCEEDS(fd_read(fd, AT(vectors), 4, AT(&length)));
  EQUAL(length, 0);
  EQUAL(offset_of(fd), 1000);
  /* No buffers, and buffers without room. */
  go_to(fd, 0);
  SUCCEEDS(fd_read(fd, 0, 0, AT(&length)));
  EQUAL(length, 0);
  SUCCEEDS(fd_read(fd, AT(vectors + 1), 1, AT(&length)));
  EQUAL(length, 0);
  EQUAL(offset_of(fd), 0);
  BAD_VECTORS(fd_read(fd, vectors, count, out));
  EQUAL(offset_of(fd), 0);
  vectors[0] = (struct vector){AT(a), 3};
  FAILS(EFAULT, fd_read(fd, AT(vectors), 1, NOWHERE));
  go_to(fd, 0);
  /* The second buffer cannot be filled: what the first one got counts. */
  struct vector faulty[] = {{AT(a), 3}, {NOWHERE, 3}};
  memset(a, 0, sizeof a);
  EITHER(OK, EFAULT, fd_read(fd, AT(faulty), 2, AT(&length)));
  /* Many buffers of one byte. */
  static struct vector bytes[1024];
  static char each[1024];
  for (int i = 0; i < 1024; i++) bytes[i] = (struct vector){AT(each + i), 1};
  go_to(fd, 0);
  SUCCEEDS(fd_read(fd, AT(bytes), 1024, AT(&length)));
  EQUAL(length, 10);
  TRUE(strcmp(each, "0123456789") == 0);
  /* A large file, in pieces that fit no boundary. */
  static uint8_t large[200003], piece[7777];
  for (i32 i = 0; i < sizeof large; i++) large[i] = (uint8_t)(i * 31 >> 3);
  i32 other = open_file("large", CREAT, 0);
  struct vector whole = {AT(large), sizeof large};
  must(fd_write(other, AT(&whole), 1, AT(&length)), "fd_write");
  go_to(other, 0);
  struct vector part = {AT(piece), sizeof piece};
  i32 at = 0, wrong = 0;
  while (fd_read(other, AT(&part), 1, AT(&length)) == OK && length > 0) {
    wrong += memcmp(piece, large + at, length) != 0;
    at += length;
  }
  EQUAL(at, sizeof large);
  EQUAL(wrong, 0);
  /* Standard input: a partial line, then its end. */
  vectors[3] = (struct vector){AT(c), 16};
  SUCCEEDS(fd_read(0, AT(vectors + 3), 1, AT(&length)));
  TRUE(length >= 1 && length <= 14 && memcmp(c, "one\nbin\0\x7f two", length) == 0);
  i32 total = length;
  while (fd_read(0, AT(vectors + 3), 1, AT(&length)) == OK && length > 0) total += length;
  EQUAL(total, 13);
  SUCCEEDS(fd_read(0, AT(vectors + 3), 1, AT(&length)));
  EQUAL(length, 0);
  EITHER(EISDIR, EBADF, fd_read(dir, AT(vectors + 3), 1, AT(&length)));
  i32 writer = open_with(dir, "f", 0, RIGHT(FD_WRITE), 0);
  EITHER(EBADF, ENOTCAPABLE, fd_read(writer, AT(vectors + 3), 1, AT(&length)));
  FAILS(EBADF, fd_read(closed(), AT(vectors + 3), 1, AT(&length)));
  FAILS(EBADF, fd_read(~0u, AT(vectors + 3), 1, AT(&length)));
  LACKS(fd, FD_READ, fd_read(fd, AT(vectors + 3), 1, AT(&length)));
  return done();
}
