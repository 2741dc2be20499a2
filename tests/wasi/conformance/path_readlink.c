/* path_readlink: what a link says, cut off where the buffer ends. */
#include "check.h"

static char text[5000];

static i32 reads(const char *path, i32 size) {
  i32 length = 0;
  memset(text, '?', sizeof text);
  must(path_readlink(dir, PATH(path), AT(text), size, AT(&length)), path);
  return length;
}

int main(int argc, char **argv) {
  start(argc, argv);
  i32 length = 99;
  make_file("f", "");
  make_folder("d");
  make_link("f", "link");
  make_link("d", "to-d");
  make_link("some/where/else", "dangling");
  make_link("loop", "loop");
  make_link("../h\xc3\xa9llo \xf0\x9f\x98\x80/./", "d/odd");
  SUCCEEDS(path_readlink(dir, PATH("link"), AT(text), sizeof text, AT(&length)));
  EQUAL(length, 1);
  EQUAL(text[0], 'f');
  EQUAL(reads("dangling", sizeof text), 15);
  TRUE(memcmp(text, "some/where/else?", 16) == 0);
  EQUAL(reads("dangling", 4), 4);
  TRUE(memcmp(text, "some????", 8) == 0);
  EQUAL(reads("dangling", 15), 15);
  EQUAL(reads("dangling", 0), 0);
  EQUAL(reads("loop", 100), 4);
  EQUAL(reads("d/odd", 100), 17);
  TRUE(memcmp(text, "../h\xc3\xa9llo \xf0\x9f\x98\x80/./", 17) == 0);
  EQUAL(reads("to-d/odd", 100), 17);
  /* A long one. */
  char *target = long_path(2000);
  make_link(target, "long");
  EQUAL(reads("long", sizeof text), 2000);
  TRUE(memcmp(text, target, 2000) == 0);
  FAILS(EINVAL, path_readlink(dir, PATH("f"), AT(text), 100, AT(&length)));
  FAILS(EINVAL, path_readlink(dir, PATH("d"), AT(text), 100, AT(&length)));
  FAILS(EINVAL, path_readlink(dir, PATH("."), AT(text), 100, AT(&length)));
  FAILS(EINVAL, path_readlink(dir, PATH("to-d/"), AT(text), 100, AT(&length)));
  FAILS(ENOENT, path_readlink(dir, PATH("none"), AT(text), 100, AT(&length)));
  FAILS(ENOENT, path_readlink(dir, PATH("dangling/x"), AT(text), 100, AT(&length)));
  FAILS(ENOTDIR, path_readlink(dir, PATH("f/x"), AT(text), 100, AT(&length)));
  FAILS(ELOOP, path_readlink(dir, PATH("loop/x"), AT(text), 100, AT(&length)));
  ESCAPES_BY_PATH(path_readlink(dir, path, length, IGNORED, 64, AT(text)));
  BAD_PATHS(path_readlink(dir, path, length, IGNORED, 64, AT(text)));
  BAD_FOLDERS(path_readlink(fd, PATH("link"), IGNORED, 64, AT(text)));
  FAILS(EFAULT, path_readlink(dir, PATH("dangling"), NOWHERE, 100, AT(&length)));
  FAILS(EFAULT, path_readlink(dir, PATH("dangling"), last_byte(), 100, AT(&length)));
  FAILS(EFAULT, path_readlink(dir, PATH("dangling"), AT(text), 100, NOWHERE));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_READLINK, path_readlink(limited, PATH("link"), IGNORED, 64, AT(text)));
  return done();
}
