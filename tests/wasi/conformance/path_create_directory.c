/* path_create_directory: makes an empty folder. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  SUCCEEDS(path_create_directory(dir, PATH("d")));
  EQUAL(stat_of("d").filetype, FOLDER);
  SUCCEEDS(path_create_directory(dir, PATH("d/e")));
  SUCCEEDS(path_create_directory(dir, PATH("d/slash/")));
  SUCCEEDS(path_create_directory(dir, PATH("d/slashes///")));
  SUCCEEDS(path_create_directory(dir, PATH("./d//./e/../f")));
  TRUE(exists("d/f") && exists("d/slash") && exists("d/slashes"));
  SUCCEEDS(path_create_directory(dir, PATH("h\xc3\xa9llo \xf0\x9f\x98\x80")));
  TRUE(exists("h\xc3\xa9llo \xf0\x9f\x98\x80"));
  char name[256];
  memset(name, 'n', 255);
  name[255] = 0;
  SUCCEEDS(path_create_directory(dir, PATH(name)));
  FAILS(EEXIST, path_create_directory(dir, PATH("d")));
  FAILS(EEXIST, path_create_directory(dir, PATH("d/")));
  FAILS(EEXIST, path_create_directory(dir, PATH(".")));
  FAILS(EEXIST, path_create_directory(dir, PATH("d/..")));
  make_file("f", "");
  FAILS(EEXIST, path_create_directory(dir, PATH("f")));
  FAILS(ENOTDIR, path_create_directory(dir, PATH("f/x")));
  FAILS(ENOENT, path_create_directory(dir, PATH("none/x")));
  /* Links: within the path they are followed, at its end they are in the way. */
  make_link("d", "link");
  make_link("nowhere", "dangling");
  make_link("loop", "loop");
  SUCCEEDS(path_create_directory(dir, PATH("link/g")));
  TRUE(exists("d/g"));
  FAILS(EEXIST, path_create_directory(dir, PATH("link")));
  FAILS(EEXIST, path_create_directory(dir, PATH("dangling")));
  FAILS(EEXIST, path_create_directory(dir, PATH("loop")));
  FAILS(ENOENT, path_create_directory(dir, PATH("dangling/x")));
  FAILS(ELOOP, path_create_directory(dir, PATH("loop/x")));
  /* In a folder that is not there any more. */
  make_folder("gone");
  i32 gone = open_folder("gone");
  must(path_remove_directory(dir, PATH("gone")), "path_remove_directory");
  FAILS(ENOENT, path_create_directory(gone, PATH("x")));
  ESCAPES_BY_PATH(path_create_directory(dir, path, length));
  BAD_PATHS(path_create_directory(dir, path, length));
  BAD_FOLDERS(path_create_directory(fd, PATH("x")));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_CREATE_DIRECTORY, path_create_directory(limited, PATH("x")));
  TRUE(!exists("x"));
  return done();
}
