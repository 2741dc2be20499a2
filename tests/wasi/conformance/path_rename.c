/* path_rename: a file takes the place of a file, a folder that of an empty folder. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "file");
  make_folder("d");
  make_folder("e");
  i32 sub = open_folder("d");
  i64 ino = stat_of("f").ino;
  SUCCEEDS(path_rename(dir, PATH("f"), dir, PATH("g")));
  TRUE(!exists("f"));
  EQUAL(stat_of("g").ino, ino);
  SUCCEEDS(path_rename(dir, PATH("g"), sub, PATH("h")));
  SUCCEEDS(path_rename(sub, PATH("h"), dir, PATH("d/i")));
  SUCCEEDS(path_rename(sub, PATH("i"), dir, PATH("f")));
  TRUE(strcmp(contents("f"), "file") == 0);
  SUCCEEDS(path_rename(dir, PATH("f"), dir, PATH("f")));
  TRUE(strcmp(contents("f"), "file") == 0);
  /* Over a file, which somebody reads. */
  make_file("g", "replaced");
  i32 old = open_file("g", 0, 0), moving = open_file("f", 0, 0);
  SUCCEEDS(path_rename(dir, PATH("f"), dir, PATH("g")));
  TRUE(strcmp(contents("g"), "file") == 0);
  __wasi_filestat_t stat = {0};
  must(fd_filestat_get(old, AT(&stat)), "fd_filestat_get");
  EQUAL(stat.nlink, 0);
  EQUAL(stat.size, 8);
  EQUAL(put(old, "still"), 5);
  EQUAL(put(moving, "FILE"), 4);
  TRUE(strcmp(contents("g"), "FILE") == 0);
  /* Two names of one file: nothing happens (rename(2)). */
  must(path_link(dir, 0, PATH("g"), dir, PATH("h")), "path_link");
  SUCCEEDS(path_rename(dir, PATH("g"), dir, PATH("h")));
  TRUE(exists("g") && exists("h"));
  /* Folders, with what is in them; open ones too. */
  make_file("d/x", "inner");
  SUCCEEDS(path_rename(dir, PATH("d"), dir, PATH("moved")));
  TRUE(strcmp(contents("moved/x"), "inner") == 0);
  SUCCEEDS(path_filestat_get(sub, 0, PATH("x"), IGNORED));
  SUCCEEDS(path_rename(dir, PATH("moved/"), dir, PATH("e/")));
  TRUE(exists("e/x") && !exists("moved"));
  make_folder("d");
  SUCCEEDS(path_rename(dir, PATH("d"), dir, PATH("new/")));
  SUCCEEDS(path_rename(dir, PATH("new"), dir, PATH("d")));
  SUCCEEDS(path_rename(dir, PATH("d"), dir, PATH("d")));
  FAILS(ENOTEMPTY, path_rename(dir, PATH("d"), dir, PATH("e")));
  FAILS(ENOTDIR, path_rename(dir, PATH("d"), dir, PATH("g")));
  FAILS(EISDIR, path_rename(dir, PATH("g"), dir, PATH("d")));
  FAILS(ENOTDIR, path_rename(dir, PATH("g/"), dir, PATH("x")));
  EITHER(ENOTDIR, EISDIR, path_rename(dir, PATH("g"), dir, PATH("d/")));
  FAILS(ENOTDIR, path_rename(dir, PATH("g"), dir, PATH("x/")));
  FAILS(EINVAL, path_rename(dir, PATH("d"), dir, PATH("d/y")));
  make_folder("d/deep");
  FAILS(EINVAL, path_rename(dir, PATH("d"), dir, PATH("d/deep/y")));
  FAILS(ENOTEMPTY, path_rename(dir, PATH("d/deep"), dir, PATH("d")));
  FAILS(ENOENT, path_rename(dir, PATH("none"), dir, PATH("x")));
  FAILS(ENOENT, path_rename(dir, PATH("g"), dir, PATH("none/x")));
  FAILS(ENOENT, path_rename(dir, PATH("none/x"), dir, PATH("x")));
  FAILS(ENOTDIR, path_rename(dir, PATH("g/x"), dir, PATH("x")));
  FAILS(ENOTDIR, path_rename(dir, PATH("g"), dir, PATH("h/x")));
  EITHER(EBUSY, EINVAL, path_rename(dir, PATH("."), dir, PATH("x")));
  EITHER(EBUSY, EINVAL, path_rename(dir, PATH("d"), dir, PATH(".")));
  EITHER(EBUSY, EINVAL, path_rename(dir, PATH("d/deep/.."), dir, PATH("x")));
  /* Links are renamed and replaced themselves. */
  make_link("g", "link");
  make_link("loop", "loop");
  SUCCEEDS(path_rename(dir, PATH("link"), dir, PATH("loop")));
  EQUAL(stat_of("loop").filetype, LINK);
  TRUE(strcmp(contents("loop"), "FILE") == 0);
  make_file("k", "k");
  SUCCEEDS(path_rename(dir, PATH("k"), dir, PATH("loop")));
  EQUAL(stat_of("loop").filetype, FILE_);
  TRUE(strcmp(contents("g"), "FILE") == 0);
  TRUE(!exists("x"));
  ESCAPES_BY_PATH(path_rename(dir, path, length, dir, PATH("x")));
  ESCAPES_BY_PATH(path_rename(dir, PATH("g"), dir, path, length));
  BAD_PATHS(path_rename(dir, path, length, dir, PATH("x")));
  BAD_PATHS(path_rename(dir, PATH("g"), dir, path, length));
  BAD_FOLDERS(path_rename(fd, PATH("g"), dir, PATH("x")));
  BAD_FOLDERS(path_rename(dir, PATH("g"), fd, PATH("x")));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_RENAME_SOURCE, path_rename(limited, PATH("g"), dir, PATH("x")));
  limited = open_folder(".");
  LACKS(limited, PATH_RENAME_TARGET, path_rename(dir, PATH("g"), limited, PATH("x")));
  TRUE(!exists("x") && exists("g"));
  return done();
}
