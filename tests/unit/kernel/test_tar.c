/*
 * test_tar.c: archives of every dialect that is understood, written here byte by byte, and broken ones.
 */
#include "allocation.h"
#include "archive.h"

/* Mounts it at /usr and makes that the preopen; the archive belongs to the mount, and is of exact length. */
static int32_t mount_at(struct guest *guest, struct archive *archive, bool ended) {
  if (ended) add_blocks(archive, 1024);
  char *exact = malloc(archive->length ? archive->length : 1);
  require(exact);
  if (archive->length) memcpy(exact, archive->bytes, archive->length);
  int32_t mount = nidus_mount_tar(guest->system, "/usr", 4, exact, (uint32_t)archive->length);
  free(archive->bytes);
  *archive = (struct archive){0};
  if (mount < 0) return mount;
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/usr", 0);
  guest_inspect(guest, BOX, true);
  return mount;
}

static void ustar_is_read(struct guest *guest) {
  struct archive archive = {0};
  struct filestat stat;
  uint32_t length;
  char target[100];
  add_header(&archive, "./", '5', 0, "");
  add_header(&archive, "./include/", '5', 0, "");
  add_file(&archive, "./include/stdio.h", "int puts();");
  add_file(&archive, "deep/in/no/folder", "made on the way");
  add_header(&archive, "link", '2', 0, "include/stdio.h");
  add_header(&archive, "hard", '1', 0, "./include/stdio.h");
  add_file(&archive, "empty", "");
  size_t at = add_header(&archive, "name", '0', 4, "");
  memcpy(archive.bytes + at + 345, "prefix/of/it", 12);
  seal(archive.bytes + at);
  memcpy(add_blocks(&archive, 4), "text", 4);
  at = add_header(&archive, "old", '0', 0, ""); /* before ustar: type NUL, no magic */
  archive.bytes[at + 156] = 0;
  memset(archive.bytes + at + 257, 0, 8);
  seal(archive.bytes + at);
  add_header(&archive, "fifo", '6', 0, "");
  require(mount_at(guest, &archive, true) > 0);
  require(strcmp(names_in(guest, BOX), "deep empty hard include link old prefix ") == 0);
  require(strcmp(text_of(guest, BOX, "include/stdio.h"), "int puts();") == 0);
  require(strcmp(text_of(guest, BOX, "link"), "int puts();") == 0);
  require(strcmp(text_of(guest, BOX, "hard"), "int puts();") == 0);
  require(strcmp(text_of(guest, BOX, "deep/in/no/folder"), "made on the way") == 0);
  require(strcmp(text_of(guest, BOX, "prefix/of/it/name"), "text") == 0);
  require(strcmp(text_of(guest, BOX, "empty"), "") == 0);
  OK(do_readlink(guest, BOX, "link", target, 100, &length));
  require(length == 15 && memcmp(target, "include/stdio.h", 15) == 0);
  OK(do_stat(guest, BOX, 0, "hard", &stat));
  uint64_t ino = stat.ino;
  require(stat.nlink == 2 && stat.size == 11 && stat.mtime == 100000000000);
  OK(do_stat(guest, BOX, 0, "include/stdio.h", &stat));
  require(stat.ino == ino && stat.nlink == 2);
  OK(do_stat(guest, BOX, 0, ".", &stat));
  require(stat.nlink == 5 && stat.type == WASI_FILETYPE_DIRECTORY);
  struct nidus_stat full;
  require(nidus_stat(guest->system, "/usr/empty", 10, true, &full) == 0 && full.mode == 0640);
}

static void long_names_are_read(struct guest *guest) {
  struct archive archive = {0};
  static char name[255], path[600], long_link[400];
  struct filestat stat;
  memset(name, 'n', 254);
  snprintf(path, sizeof path, "%s/%s", name, name);
  memset(long_link, 'l', 300);
  add_special(&archive, 'L', path, strlen(path) + 1);
  add_file(&archive, "cut", "GNU");
  add_special(&archive, 'K', long_link, 301);
  add_header(&archive, "link", '2', 0, "cut");
  add_pax(&archive, "path", "pax/\xc3\xa9t\xc3\xa9");
  add_file(&archive, "cut", "POSIX");
  add_special(&archive, 'g', "19 comment=ignored\n", 19);
  add_pax(&archive, "linkpath", "pax");
  add_header(&archive, "paxlink", '2', 0, "cut");
  add_pax(&archive, "size", "6");
  add_header(&archive, "sized", '0', 0, "");
  memcpy(add_blocks(&archive, 6), "sixsix", 6);
  size_t at = add_header(&archive, "base256", '0', 0, "");
  memset(archive.bytes + at + 124, 0, 12);
  archive.bytes[at + 124] = (char)0x80;
  archive.bytes[at + 135] = 3;
  seal(archive.bytes + at);
  memcpy(add_blocks(&archive, 3), "256", 3);
  at = add_header(&archive, "folder", '5', 5, ""); /* a size that means nothing: no contents follow */
  add_file(&archive, "last", "is found");
  require(mount_at(guest, &archive, true) > 0);
  require(strcmp(text_of(guest, BOX, path), "GNU") == 0);
  require(strcmp(text_of(guest, BOX, "pax/\xc3\xa9t\xc3\xa9"), "POSIX") == 0);
  OK(do_stat(guest, BOX, 0, "link", &stat));
  require(stat.size == 300);
  OK(do_stat(guest, BOX, FOLLOW, "paxlink", &stat));
  require(stat.type == WASI_FILETYPE_DIRECTORY);
  require(strcmp(text_of(guest, BOX, "sized"), "sixsix") == 0);
  require(strcmp(text_of(guest, BOX, "base256"), "256") == 0);
  require(strcmp(text_of(guest, BOX, "last"), "is found") == 0);
}

static void later_entries_replace(struct guest *guest) {
  struct archive archive = {0};
  struct filestat a, b;
  add_file(&archive, "f", "old");
  add_header(&archive, "h", '1', 0, "f");
  add_file(&archive, "f", "newer");
  add_file(&archive, "becomes", "a file");
  add_file(&archive, "becomes/folder", "x");
  add_file(&archive, "becomes", "not a file again");
  add_header(&archive, "lost", '1', 0, "nowhere");
  add_header(&archive, "self", '1', 0, "self");
  add_header(&archive, "h", '1', 0, "h");
  add_file(&archive, "../outside", "x");
  add_file(&archive, "/absolute", "kept below");
  add_file(&archive, "bad\xff", "x");
  require(mount_at(guest, &archive, true) > 0);
  require(strcmp(names_in(guest, BOX), "absolute becomes f h ") == 0);
  require(strcmp(text_of(guest, BOX, "f"), "newer") == 0);
  require(strcmp(text_of(guest, BOX, "h"), "old") == 0);
  OK(do_stat(guest, BOX, 0, "f", &a));
  OK(do_stat(guest, BOX, 0, "h", &b));
  require(a.ino != b.ino && a.nlink == 1 && b.nlink == 1);
  OK(do_stat(guest, BOX, 0, "becomes", &a));
  require(a.type == WASI_FILETYPE_DIRECTORY);
}

static void nothing_can_be_changed(struct guest *guest) {
  struct archive archive = {0};
  uint32_t fd;
  add_file(&archive, "f", "text");
  add_header(&archive, "d", '5', 0, "");
  int32_t mount = mount_at(guest, &archive, true);
  require(mount > 0);
  EXPECT(WASI_EROFS, do_mkdir(guest, BOX, "x"));
  EXPECT(WASI_EROFS, do_unlink(guest, BOX, "f"));
  EXPECT(WASI_EROFS, do_rmdir(guest, BOX, "d"));
  EXPECT(WASI_EROFS, do_rename(guest, BOX, "f", "g"));
  EXPECT(WASI_EROFS, do_link(guest, BOX, 0, "f", "g"));
  EXPECT(WASI_EROFS, do_symlink(guest, BOX, "f", "g"));
  EXPECT(WASI_EROFS, do_open(guest, BOX, "new", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  EXPECT(WASI_EROFS, do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  EXPECT(WASI_EROFS, do_open(guest, BOX, "f", WASI_OFLAG_TRUNC, READ_RIGHTS, 0, &fd));
  memcpy(guest->memory + PATH_A, "f", 1);
  EXPECT(WASI_EROFS, guest_call(guest, SYS_path_filestat_set_times, BOX, 0, PATH_A, 1, 1, 1, 5));
  require(nidus_chmod(guest->system, "/usr/f", 6, 0) == -WASI_EROFS);
  require(nidus_mount_mem(guest->system, "/usr/new", 8) == -WASI_EROFS);
  OK(do_open(guest, BOX, "f", 0, READ_RIGHTS, 0, &fd));
  EXPECT(WASI_EROFS, guest_call(guest, SYS_fd_filestat_set_times, fd, 1, 1, 5));
  OK(guest_call(guest, SYS_fd_sync, fd));
  require(strcmp(text_of(guest, BOX, "f"), "text") == 0);
  require(nidus_unmount(guest->system, (uint32_t)mount) == -WASI_EBUSY);
}

static void broken_archives_are_refused(struct guest *guest) {
  struct archive archive = {0};
  require(mount_at(guest, &archive, false) == -WASI_EINVAL);
  add_file(&archive, "f", "text");
  require(mount_at(guest, &archive, false) == -WASI_EINVAL); /* no end */
  for (size_t i = 0; i < 512; i++) {
    if (i >= 148 && i < 156) continue;
    add_file(&archive, "f", "text");
    archive.bytes[i] ^= 0x20;
    require(mount_at(guest, &archive, true) == -WASI_EINVAL);
  }
  /* Cut anywhere before its end. */
  for (size_t length = 0; length < 2048 + 1; length += 128) {
    add_file(&archive, "f", "text");
    add_file(&archive, "g", "text");
    add_blocks(&archive, 1024);
    archive.length = length;
    require(mount_at(guest, &archive, false) == -WASI_EINVAL);
  }
  static const char *const sizes[] = {"77777777777", "00000002000", "0000000x004", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                      "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    add_file(&archive, "f", "text");
    memcpy(archive.bytes + 124, sizes[i], 11);
    seal(archive.bytes);
    require(mount_at(guest, &archive, false) == -WASI_EINVAL);
  }
  static const char *const records[] = {"", "9", "x path=a\n", "99 path=a\n", "10 path=ab", "3 =", "9 path:a\n", "4 a\n", "12 size=12x\n",
                                        "99999999999999999999 path=a\n", "24 size=99999999999999\n"};
  for (size_t i = 1; i < sizeof records / sizeof records[0]; i++) {
    add_special(&archive, 'x', records[i], strlen(records[i]));
    add_file(&archive, "f", "text");
    require(mount_at(guest, &archive, true) == -WASI_EINVAL);
  }
}

static void contents_stay_in_place(struct guest *guest) {
  enum { FILES = 1500, SIZE = 20480 };
  struct archive archive = {0};
  char name[64];
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "lib/clang/include/header-%d.h", i);
    add_header(&archive, name, '0', SIZE, "");
    memset(add_blocks(&archive, SIZE), 'a' + i % 26, SIZE);
  }
  add_blocks(&archive, 1024);
  char *bytes = malloc(archive.length);
  require(bytes && archive.length > 30u << 20);
  memcpy(bytes, archive.bytes, archive.length);
  free(archive.bytes);
  size_t before = bytes_held;
  bytes_peak = before;
  int32_t mount = nidus_mount_tar(guest->system, "/usr", 4, bytes, (uint32_t)archive.length);
  require(mount > 0);
  printf("an archive of %zu bytes takes %zu more, %zu while it is mounted\n", archive.length, bytes_held - before,
         bytes_peak - before);
  require(bytes_peak - before < archive.length / 50);
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/usr", 0);
  char text[4];
  uint32_t fd, moved;
  size_t open_before = bytes_held;
  OK(do_open(guest, BOX, "lib/clang/include/header-700.h", 0, READ_RIGHTS, 0, &fd));
  OK(do_pread(guest, fd, text, 4, SIZE - 2, &moved));
  require(moved == 2 && text[0] == 'a' + 700 % 26 && bytes_held - open_before < 1024);
}

static void lack_of_memory_is_an_error(struct guest *guest) {
  for (long n = 0;; n++) {
    struct archive archive = {0};
    add_pax(&archive, "path", "a/b/c");
    add_file(&archive, "x", "text");
    add_header(&archive, "h", '1', 0, "a/b/c");
    add_blocks(&archive, 1024);
    char *bytes = malloc(archive.length);
    require(bytes);
    memcpy(bytes, archive.bytes, archive.length);
    free(archive.bytes);
    long before = blocks - 1; /* the archive belongs to the mount, whatever happens */
    failed = false;
    fail_after = n;
    int32_t mount = nidus_mount_tar(guest->system, "/tmp", 4, bytes, (uint32_t)archive.length);
    fail_after = -1;
    if (!failed) {
      require(n > 5 && mount > 0);
      return;
    }
    require(mount == -WASI_ENOMEM && blocks == before);
  }
}

static const struct test tests[] = {
    {"An archive of POSIX ustar is a tree", ustar_is_read},
    {"Long names and large numbers of GNU and pax are understood", long_names_are_read},
    {"A later entry replaces an earlier one, and none lies outside", later_entries_replace},
    {"Nothing in an archive can be changed", nothing_can_be_changed},
    {"A broken or cut archive is refused", broken_archives_are_refused},
    {"Mounting a large archive copies none of its contents", contents_stay_in_place},
    {"Mounting without memory fails and leaks nothing", lack_of_memory_is_an_error}};
RUN_TESTS(tests)
