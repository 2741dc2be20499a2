/* path_filestat_set_times: as fd_filestat_set_times, of a name or of what its link leads to. */
#include "check.h"

enum { ATIM = 1, ATIM_NOW = 2, MTIM = 4, MTIM_NOW = 8 };

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "");
  make_folder("d");
  make_link("f", "link");
  make_link("nowhere", "dangling");
  make_link("loop", "loop");
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("f"), 1000000001, 2000000002, ATIM | MTIM));
  EQUAL(stat_of("f").atim, 1000000001);
  EQUAL(stat_of("f").mtim, 2000000002);
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("f"), 3, 3, ATIM));
  EQUAL(stat_of("f").atim, 3);
  EQUAL(stat_of("f").mtim, 2000000002);
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("f"), 4, 4, 0));
  EQUAL(stat_of("f").mtim, 2000000002);
  i64 now = 0;
  const i64 minute = 60000000000;
  must(clock_time_get(__WASI_CLOCKID_REALTIME, 1, AT(&now)), "clock_time_get");
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("f"), 5, 5, ATIM | MTIM_NOW));
  EQUAL(stat_of("f").atim, 5);
  TRUE(stat_of("f").mtim > now - minute && stat_of("f").mtim < now + minute);
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("d"), 6000000000, 7000000000, ATIM | MTIM));
  EQUAL(stat_of("d").mtim, 7000000000);
  /* A link itself, and what it leads to. */
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("link"), 8000000000, 9000000000, ATIM | MTIM));
  EQUAL(stat_of("link").mtim, 9000000000);
  TRUE(stat_of("f").mtim > now - minute);
  SUCCEEDS(path_filestat_set_times(dir, FOLLOW, PATH("link"), 10000000000, 11000000000, ATIM | MTIM));
  EQUAL(stat_of("f").mtim, 11000000000);
  EQUAL(stat_of("link").mtim, 9000000000);
  SUCCEEDS(path_filestat_set_times(dir, 0, PATH("dangling"), 1, 12000000000, MTIM));
  EQUAL(stat_of("dangling").mtim, 12000000000);
  FAILS(ENOENT, path_filestat_set_times(dir, FOLLOW, PATH("dangling"), 1, 1, MTIM));
  FAILS(ELOOP, path_filestat_set_times(dir, FOLLOW, PATH("loop"), 1, 1, MTIM));
  FAILS(ENOENT, path_filestat_set_times(dir, 0, PATH("none"), 1, 1, MTIM));
  FAILS(ENOTDIR, path_filestat_set_times(dir, 0, PATH("f/"), 1, 1, MTIM));
  FAILS(ENOTDIR, path_filestat_set_times(dir, 0, PATH("f/x"), 1, 1, MTIM));
  FAILS(EINVAL, path_filestat_set_times(dir, 0, PATH("f"), 1, 1, ATIM | ATIM_NOW));
  FAILS(EINVAL, path_filestat_set_times(dir, 0, PATH("f"), 1, 1, MTIM | MTIM_NOW));
  FAILS(EINVAL, path_filestat_set_times(dir, 0, PATH("f"), 1, 1, 16));
  FAILS(EINVAL, path_filestat_set_times(dir, 2, PATH("f"), 1, 1, MTIM));
  EQUAL(stat_of("f").mtim, 11000000000);
  ESCAPES_BY_PATH(path_filestat_set_times(dir, 0, path, length, 1, 1, MTIM));
  BAD_PATHS(path_filestat_set_times(dir, 0, path, length, 1, 1, MTIM));
  BAD_FOLDERS(path_filestat_set_times(fd, 0, PATH("f"), 1, 1, MTIM));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_FILESTAT_SET_TIMES, path_filestat_set_times(limited, 0, PATH("f"), 1, 1, MTIM));
  return done();
}
