/* fd_filestat_set_times: each of the two times is given, is now, or stays. */
#include "check.h"

enum { ATIM = 1, ATIM_NOW = 2, MTIM = 4, MTIM_NOW = 8 };

static __wasi_filestat_t of(i32 fd) {
  __wasi_filestat_t stat = {0};
  must(fd_filestat_get(fd, AT(&stat)), "fd_filestat_get");
  return stat;
}

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(fd_filestat_set_times(fd, 1000000000, 2000000000, ATIM | MTIM));
  EQUAL(of(fd).atim, 1000000000);
  EQUAL(of(fd).mtim, 2000000000);
  SUCCEEDS(fd_filestat_set_times(fd, 3000000000, 4000000000, ATIM));
  EQUAL(of(fd).atim, 3000000000);
  EQUAL(of(fd).mtim, 2000000000);
  SUCCEEDS(fd_filestat_set_times(fd, 5000000000, 6000000000, MTIM));
  EQUAL(of(fd).atim, 3000000000);
  EQUAL(of(fd).mtim, 6000000000);
  SUCCEEDS(fd_filestat_set_times(fd, 1, 1, 0));
  EQUAL(of(fd).atim, 3000000000);
  EQUAL(of(fd).mtim, 6000000000);
  /* Nanoseconds. */
  SUCCEEDS(fd_filestat_set_times(fd, 1234567890123456789, 987654321, ATIM | MTIM));
  EQUAL(of(fd).atim, 1234567890123456789);
  EQUAL(of(fd).mtim, 987654321);
  SUCCEEDS(fd_filestat_set_times(fd, 0, 0, ATIM | MTIM));
  EQUAL(of(fd).atim, 0);
  EQUAL(of(fd).mtim, 0);
  const i64 minute = 60000000000;
  i64 now = 0;
  must(clock_time_get(__WASI_CLOCKID_REALTIME, 1, AT(&now)), "clock_time_get");
  SUCCEEDS(fd_filestat_set_times(fd, 7, 7, ATIM_NOW));
  TRUE(of(fd).atim > now - minute && of(fd).atim < now + minute);
  EQUAL(of(fd).mtim, 0);
  SUCCEEDS(fd_filestat_set_times(fd, 7, 7, ATIM | MTIM_NOW));
  EQUAL(of(fd).atim, 7);
  TRUE(of(fd).mtim > now - minute && of(fd).mtim < now + minute);
  FAILS(EINVAL, fd_filestat_set_times(fd, 9, 9, ATIM | ATIM_NOW));
  FAILS(EINVAL, fd_filestat_set_times(fd, 9, 9, MTIM | MTIM_NOW));
  FAILS(EINVAL, fd_filestat_set_times(fd, 9, 9, ATIM | MTIM | MTIM_NOW));
  FAILS(EINVAL, fd_filestat_set_times(fd, 9, 9, 16));
  EQUAL(of(fd).atim, 7);
  SUCCEEDS(fd_filestat_set_times(dir, 11000000000, 12000000000, ATIM | MTIM));
  EQUAL(of(dir).mtim, 12000000000);
  /* A descriptor that only reads will do. */
  i32 reader = open_with(dir, "f", 0, RIGHT(FD_READ) | RIGHT(FD_FILESTAT_SET_TIMES) | RIGHT(FD_FILESTAT_GET), 0);
  SUCCEEDS(fd_filestat_set_times(reader, 13000000000, 14000000000, ATIM | MTIM));
  EQUAL(of(fd).mtim, 14000000000);
  /* What is open is meant, whatever has become of its name. */
  must(path_rename(dir, PATH("f"), dir, PATH("renamed")), "path_rename");
  make_file("f", "another");
  SUCCEEDS(fd_filestat_set_times(fd, 15000000000, 16000000000, ATIM | MTIM));
  EQUAL(stat_of("renamed").mtim, 16000000000);
  TRUE(stat_of("f").mtim != 16000000000);
  must(path_link(dir, 0, PATH("renamed"), dir, PATH("second")), "path_link");
  must(path_rename(dir, PATH("f"), dir, PATH("renamed")), "path_rename");
  SUCCEEDS(fd_filestat_set_times(fd, 17000000000, 18000000000, ATIM | MTIM));
  EQUAL(stat_of("second").mtim, 18000000000);
  TRUE(stat_of("renamed").mtim != 18000000000);
  must(path_unlink_file(dir, PATH("second")), "path_unlink_file");
  SUCCEEDS(fd_filestat_set_times(reader, 19000000000, 20000000000, ATIM | MTIM));
  EQUAL(of(fd).atim, 19000000000);
  EQUAL(of(fd).mtim, 20000000000);
  make_folder("gone");
  i32 gone = open_folder("gone");
  must(path_remove_directory(dir, PATH("gone")), "path_remove_directory");
  SUCCEEDS(fd_filestat_set_times(gone, 21000000000, 22000000000, ATIM | MTIM));
  EQUAL(of(gone).mtim, 22000000000);
  make_file("f", "");
  FAILS(EBADF, fd_filestat_set_times(closed(), 1, 1, ATIM));
  FAILS(EBADF, fd_filestat_set_times(~0u, 1, 1, ATIM));
  i32 limited = open_file("f", 0, 0);
  LACKS(limited, FD_FILESTAT_SET_TIMES, fd_filestat_set_times(limited, 1, 1, ATIM));
  return done();
}
