/* fd_filestat_get: what is known of every kind of descriptor. */
#include "check.h"

static __wasi_filestat_t of(i32 fd) {
  __wasi_filestat_t stat;
  memset(&stat, 0xAA, sizeof stat);
  must(fd_filestat_get(fd, AT(&stat)), "fd_filestat_get");
  return stat;
}

int main(int argc, char **argv) {
  start(argc, argv);
  i64 now = 0;
  must(clock_time_get(__WASI_CLOCKID_REALTIME, 1, AT(&now)), "clock_time_get");
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(fd_filestat_get(fd, IGNORED));
  EQUAL(of(fd).filetype, FILE_);
  EQUAL(of(fd).size, 8);
  EQUAL(of(fd).nlink, 1);
  const i64 minute = 60000000000;
  TRUE(of(fd).mtim > now - minute && of(fd).mtim < now + minute);
  TRUE(of(fd).ctim > now - minute && of(fd).ctim < now + minute);
  TRUE(of(fd).atim > now - minute && of(fd).atim < now + minute);
  /* The same file by whatever descriptor and name. */
  i32 other = open_to_read("f");
  EQUAL(of(other).ino, of(fd).ino);
  EQUAL(of(other).dev, of(fd).dev);
  EQUAL(stat_of("f").ino, of(fd).ino);
  make_file("g", "");
  i32 another = open_file("g", 0, 0);
  TRUE(of(another).ino != of(fd).ino);
  /* It is always what the file is now. */
  put(fd, "longer than it was");
  EQUAL(of(other).size, 18);
  must(path_link(dir, 0, PATH("f"), dir, PATH("h")), "path_link");
  EQUAL(of(fd).nlink, 2);
  must(path_unlink_file(dir, PATH("f")), "path_unlink_file");
  must(path_unlink_file(dir, PATH("h")), "path_unlink_file");
  EQUAL(of(fd).nlink, 0);
  EQUAL(of(fd).size, 18);
  EQUAL(of(dir).filetype, FOLDER);
  EQUAL(of(home).filetype, FOLDER);
  TRUE(of(dir).ino != of(home).ino);
  i32 same = open_folder(".");
  EQUAL(of(same).ino, of(dir).ino);
  for (i32 stream = 0; stream < 3; stream++) {
    SUCCEEDS(fd_filestat_get(stream, IGNORED));
    TRUE(of(stream).filetype != FOLDER);
  }
  /* All 64 bytes are written, none behind. */
  uint8_t bytes[65];
  memset(bytes, 0xAA, sizeof bytes);
  must(fd_filestat_get(fd, AT(bytes)), "fd_filestat_get");
  EQUAL(bytes[64], 0xAA);
  FAILS(EBADF, fd_filestat_get(closed(), IGNORED));
  FAILS(EBADF, fd_filestat_get(~0u, IGNORED));
  FAILS(EFAULT, fd_filestat_get(fd, NOWHERE));
  FAILS(EFAULT, fd_filestat_get(fd, last_byte() - 62));
  LACKS(another, FD_FILESTAT_GET, fd_filestat_get(another, IGNORED));
  return done();
}
