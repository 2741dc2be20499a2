/* fd_renumber: the descriptor moves over another one, which is closed; preopens and streams too. */
#include "vectors.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "0123456789");
  make_file("g", "");
  i32 from = open_file("f", 0, APPEND), to = open_file("g", 0, 0);
  go_to(from, 4);
  __wasi_fdstat_t before = {0}, after = {0};
  must(fd_fdstat_get(from, AT(&before)), "fd_fdstat_get");
  SUCCEEDS(fd_renumber(from, to));
  FAILS(EBADF, fd_tell(from, IGNORED));
  FAILS(EBADF, fd_close(from));
  EQUAL(offset_of(to), 4);
  must(fd_fdstat_get(to, AT(&after)), "fd_fdstat_get");
  TRUE(memcmp(&before, &after, sizeof before) == 0);
  put(to, "x");
  TRUE(strcmp(contents("f"), "0123456789x") == 0);
  EQUAL(stat_of("g").size, 0);
  /* Onto itself: nothing. */
  SUCCEEDS(fd_renumber(to, to));
  EQUAL(offset_of(to), 11);
  /* Rights go along. */
  i32 limited = without(open_file("f", 0, 0), RIGHT(FD_WRITE));
  SUCCEEDS(fd_renumber(limited, to));
  FAILS(ENOTCAPABLE, fd_write(to, 0, 0, IGNORED));
  /* A folder over a file and back. */
  make_folder("inner");
  make_file("inner/x", "");
  i32 inner = open_folder("inner");
  SUCCEEDS(fd_renumber(inner, to));
  SUCCEEDS(path_filestat_get(to, 0, PATH("x"), IGNORED));
  i32 file = open_file("f", 0, 0);
  SUCCEEDS(fd_renumber(file, to));
  FAILS(ENOTDIR, path_filestat_get(to, 0, PATH("x"), IGNORED));
  /* Numbers that are not open. */
  FAILS(EBADF, fd_renumber(closed(), to));
  FAILS(EBADF, fd_renumber(~0u, to));
  FAILS(EBADF, fd_renumber(to, closed()));
  FAILS(EBADF, fd_renumber(to, 1000000));
  FAILS(EBADF, fd_renumber(to, ~0u));
  i32 none = closed();
  FAILS(EBADF, fd_renumber(none, none));
  EQUAL(offset_of(to), 0);
  /* Over standard input, which is then the file. */
  char bytes[4] = "";
  struct vector vector = {AT(bytes), 3};
  i32 length = 0;
  SUCCEEDS(fd_renumber(to, 0));
  SUCCEEDS(fd_read(0, AT(&vector), 1, AT(&length)));
  TRUE(strcmp(bytes, "012") == 0);
  /* Over a preopen, which is none any more; and of one, which stays what it is. */
  i32 folder = open_folder("inner"), spare = open_file("g", 0, 0);
  SUCCEEDS(fd_renumber(home, spare));
  FAILS(EBADF, fd_prestat_get(home, IGNORED));
  SUCCEEDS(path_filestat_get(spare, 0, PATH(argv[2]), IGNORED));
  SUCCEEDS(fd_renumber(folder, spare));
  FAILS(EBADF, fd_prestat_get(spare, IGNORED));
  SUCCEEDS(path_filestat_get(spare, 0, PATH("x"), IGNORED));
  SUCCEEDS(fd_close(spare));
  /* The numbers that became free are used again. */
  EQUAL(open_file("g", 0, 0) <= spare, 1);
  return done();
}
