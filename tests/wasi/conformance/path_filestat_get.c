/* path_filestat_get: what is known of a name, or of what its link leads to. */
#include "check.h"

static __wasi_filestat_t followed(const char *path) {
  __wasi_filestat_t stat = {0};
  must(path_filestat_get(dir, FOLLOW, PATH(path), AT(&stat)), path);
  return stat;
}

int main(int argc, char **argv) {
  start(argc, argv);
  __wasi_filestat_t stat;
  make_file("f", "contents");
  make_folder("d");
  make_file("d/x", "");
  make_link("f", "link");
  make_link("d", "to-d");
  make_link("to-d/x", "through");
  make_link("link", "link-to-link");
  make_link("nowhere", "dangling");
  make_link("two", "one");
  make_link("one", "two");
  SUCCEEDS(path_filestat_get(dir, 0, PATH("f"), AT(&stat)));
  EQUAL(stat.filetype, FILE_);
  EQUAL(stat.size, 8);
  EQUAL(stat.nlink, 1);
  EQUAL(stat_of("d").filetype, FOLDER);
  EQUAL(stat_of("link").filetype, LINK);
  EQUAL(stat_of("link").size, 1);
  EQUAL(followed("link").filetype, FILE_);
  EQUAL(followed("link").ino, stat.ino);
  EQUAL(followed("link-to-link").ino, stat.ino);
  EQUAL(followed("through").ino, stat_of("d/x").ino);
  EQUAL(stat_of("to-d/x").ino, stat_of("d/x").ino);
  TRUE(stat_of("link").ino != stat.ino);
  EQUAL(stat_of("dangling").filetype, LINK);
  FAILS(ENOENT, path_filestat_get(dir, FOLLOW, PATH("dangling"), AT(&stat)));
  SUCCEEDS(path_filestat_get(dir, 0, PATH("one"), AT(&stat)));
  FAILS(ELOOP, path_filestat_get(dir, FOLLOW, PATH("one"), AT(&stat)));
  FAILS(ELOOP, path_filestat_get(dir, 0, PATH("one/x"), AT(&stat)));
  /* Slashes and dots. */
  SUCCEEDS(path_filestat_get(dir, 0, PATH("."), AT(&stat)));
  EQUAL(stat.filetype, FOLDER);
  SUCCEEDS(path_filestat_get(dir, 0, PATH("d/"), AT(&stat)));
  SUCCEEDS(path_filestat_get(dir, 0, PATH("d/.."), AT(&stat)));
  EQUAL(stat.ino, stat_of(".").ino);
  SUCCEEDS(path_filestat_get(dir, 0, PATH(".//d/./../d///x"), AT(&stat)));
  SUCCEEDS(path_filestat_get(dir, 0, PATH("to-d/"), AT(&stat)));
  EQUAL(stat.filetype, FOLDER); /* a slash follows */
  FAILS(ENOTDIR, path_filestat_get(dir, 0, PATH("f/"), AT(&stat)));
  FAILS(ENOTDIR, path_filestat_get(dir, 0, PATH("f/."), AT(&stat)));
  FAILS(ENOTDIR, path_filestat_get(dir, 0, PATH("f/.."), AT(&stat)));
  FAILS(ENOTDIR, path_filestat_get(dir, 0, PATH("link/"), AT(&stat)));
  FAILS(ENOENT, path_filestat_get(dir, 0, PATH("none"), AT(&stat)));
  FAILS(ENOENT, path_filestat_get(dir, 0, PATH("none/.."), AT(&stat)));
  /* 40 links in a row are followed, as by Linux; more than that are a loop. */
  make_file("0", "");
  for (int i = 1; i <= 60; i++) {
    char from[8], to[8];
    snprintf(to, sizeof to, "%d", i - 1);
    snprintf(from, sizeof from, "%d", i);
    make_link(to, from);
  }
  SUCCEEDS(path_filestat_get(dir, FOLLOW, PATH("30"), AT(&stat)));
  FAILS(ELOOP, path_filestat_get(dir, FOLLOW, PATH("60"), AT(&stat)));
  make_link("../../x", "d/outside");
  ESCAPES(path_filestat_get(dir, FOLLOW, PATH("d/outside"), AT(&stat)));
  SUCCEEDS(path_filestat_get(dir, 0, PATH("d/outside"), AT(&stat)));
  ESCAPES_BY_PATH(path_filestat_get(dir, 0, path, length, IGNORED));
  BAD_PATHS(path_filestat_get(dir, 0, path, length, IGNORED));
  BAD_FOLDERS(path_filestat_get(fd, 0, PATH("f"), IGNORED));
  FAILS(EINVAL, path_filestat_get(dir, 2, PATH("f"), AT(&stat)));
  FAILS(EINVAL, path_filestat_get(dir, ~0u, PATH("f"), AT(&stat)));
  FAILS(EFAULT, path_filestat_get(dir, 0, PATH("f"), NOWHERE));
  FAILS(EFAULT, path_filestat_get(dir, 0, PATH("f"), last_byte() - 62));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_FILESTAT_GET, path_filestat_get(limited, 0, PATH("f"), IGNORED));
  return done();
}
