/*
 * test_tar_stream.c: a tree as a stream of bytes, and back; streams that come in any pieces, that are cut or
 * hostile, and stores that keep a reader waiting.
 */
#include "allocation.h"
#include "archive.h"
#include "path.h"
#include "tar.h"

/* ---- both ways ---- */

/* All of the archive of a folder. */
static struct archive export_of(struct guest *guest, const char *path) {
  struct archive archive = {0};
  struct tar_writer *writer;
  struct reply reply = {0};
  require(tar_write_begin(guest->system, path, (uint32_t)strlen(path), &writer, &reply) == 0);
  for (int32_t length = 1; length > 0;) {
    reply.length = 0;
    length = tar_write_next(writer, &reply);
    require(length >= 0 && (uint32_t)length == reply.length && length < 200000);
    if (archive.length + reply.length > archive.capacity) {
      archive.capacity = 2 * (archive.length + reply.length);
      archive.bytes = realloc(archive.bytes, archive.capacity);
      require(archive.bytes);
    }
    if (length > 0) memcpy(archive.bytes + archive.length, reply.bytes, reply.length);
    archive.length += reply.length;
  }
  tar_write_end(writer);
  free(reply.bytes);
  return archive;
}

static char sentence[1024];

/* Imports in pieces of that size. The errno, and its sentence. */
static wasi_errno_t import_pieces(struct guest *guest, const char *path, const struct archive *archive, size_t piece) {
  struct tar_import *import;
  struct reply reply = {0};
  int32_t result = tar_import_begin(guest->system, path, (uint32_t)strlen(path), &import, &reply);
  for (size_t at = 0; result >= 0 && at < archive->length;) {
    size_t length = archive->length - at < piece ? archive->length - at : piece;
    char *exact = malloc(length);
    require(exact);
    memcpy(exact, archive->bytes + at, length);
    result = tar_import_take(import, exact, (uint32_t)length, &reply);
    require(result != 0);
    if (result > 0) at += (size_t)result;
    free(exact);
  }
  if (result >= 0) result = tar_import_finish(import, &reply);
  snprintf(sentence, sizeof sentence, "%s", result < 0 && reply.length > 0 ? reply.bytes : "");
  tar_import_end(import);
  free(reply.bytes);
  return (wasi_errno_t)-result;
}

/* The archive is the test's no longer. */
static wasi_errno_t import_all(struct guest *guest, const char *path, struct archive *archive) {
  add_blocks(archive, 1024);
  wasi_errno_t error = import_pieces(guest, path, archive, archive->length);
  free(archive->bytes);
  *archive = (struct archive){0};
  return error;
}

static void set_times(struct guest *guest, const char *path, uint64_t atime, uint64_t mtime) {
  memcpy(guest->memory + PATH_A, path, strlen(path));
  OK(guest_call(guest, SYS_path_filestat_set_times, BOX, 0, PATH_A, strlen(path), atime, mtime,
                WASI_FSTFLAG_ATIM | WASI_FSTFLAG_MTIM));
}

static void make_tree(struct guest *guest) {
  char name[256], path[600];
  uint32_t fd, moved;
  memset(name, 'n', 255);
  name[255] = 0;
  OK(do_mkdir(guest, BOX, "empty"));
  OK(do_mkdir(guest, BOX, "d"));
  make_file(guest, BOX, "d/plain", "text");
  make_file(guest, BOX, "d/nothing", "");
  make_file(guest, BOX, "d/gr\xc3\xb6\xc3\x9f" "e \xf0\x9f\x90\xa6", "UTF-8");
  OK(do_mkdir(guest, BOX, name));
  snprintf(path, sizeof path, "%s/%s", name, name);
  make_file(guest, BOX, path, "a long name");
  OK(do_link(guest, BOX, 0, path, "d/other name"));
  OK(do_link(guest, BOX, 0, "d/plain", "second"));
  OK(do_link(guest, BOX, 0, "d/plain", "d/third"));
  OK(do_symlink(guest, BOX, "d/plain", "link"));
  OK(do_symlink(guest, BOX, path, "long link"));
  OK(do_link(guest, BOX, 0, "link", "link to link"));
  make_file(guest, BOX, "sparse", "begin");
  OK(do_open(guest, BOX, "sparse", 0, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "end", 3, 300000, &moved));
  OK(do_close(guest, fd));
  set_times(guest, "d/plain", 1, 999999999);
  set_times(guest, "sparse", (uint64_t)-1500000001, (uint64_t)-1000000000);
  set_times(guest, "d/nothing", 5000000000, 5000000000);
  set_times(guest, "link", 17000000000123456789u, 8589934592000000000u);
  set_times(guest, "empty", 77, 88);
  set_times(guest, "d", 1234567890123456789, 987654321012345678);
  require(nidus_chmod(guest->system, "/box/d/plain", 12, 06751) == 0);
  require(nidus_chmod(guest->system, "/box/empty", 10, 0) == 0);
}

static void a_tree_comes_back(struct guest *guest) {
  make_tree(guest);
  set_times(guest, ".", 3, 4);
  struct archive archive = export_of(guest, "/box");
  require(archive.length % 512 == 0);
  static const size_t pieces[] = {1, 7, 511, 512, 513, 1000000};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    OK(import_pieces(guest, "/tmp/copy", &archive, pieces[i]));
    /* The second time it replaces what is there. */
    OK(import_pieces(guest, "/tmp/copy", &archive, pieces[i]));
    struct archive again = export_of(guest, "/tmp/copy");
    require(again.length == archive.length && memcmp(again.bytes, archive.bytes, again.length) == 0);
    free(again.bytes);
  }
  free(archive.bytes);
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/tmp/copy", 0);
  struct filestat stat, other;
  OK(do_stat(guest, BOX, 0, "d/plain", &stat));
  OK(do_stat(guest, BOX, 0, "second", &other));
  require(stat.nlink == 3 && stat.ino == other.ino && stat.atime == 1 && stat.mtime == 999999999);
  OK(do_stat(guest, BOX, 0, "sparse", &stat));
  require(stat.size == 300003 && stat.atime == (uint64_t)-1500000001 && stat.mtime == (uint64_t)-1000000000);
  OK(do_stat(guest, BOX, 0, "link", &stat));
  OK(do_stat(guest, BOX, 0, "link to link", &other));
  require(stat.type == WASI_FILETYPE_SYMBOLIC_LINK && stat.ino == other.ino && stat.mtime == 8589934592000000000u);
  OK(do_stat(guest, BOX, 0, "d", &stat));
  require(stat.mtime == 987654321012345678);
  struct nidus_stat full;
  require(nidus_stat(guest->system, "/tmp/copy/d/plain", 17, false, &full) == 0 && full.mode == 06751);
  require(nidus_stat(guest->system, "/tmp/copy/empty", 15, false, &full) == 0 && full.mode == 0);
  guest_inspect(guest, BOX, true);
}

static void sizes_beyond_8_gib_are_told(struct guest *guest) {
  uint32_t fd;
  const uint64_t size = 9ull << 30;
  OK(do_open(guest, BOX, "huge", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, size));
  struct tar_writer *writer;
  struct reply reply = {0};
  require(tar_write_begin(guest->system, "/box", 4, &writer, &reply) == 0);
  require(tar_write_next(writer, &reply) > 2048);
  tar_write_end(writer);
  /* Of the folder, then of the file: the records before its header. */
  const char *records = NULL;
  for (uint32_t at = 0; at + 512 <= reply.length && !records; at++) {
    if (memcmp(reply.bytes + at, "19 size=9663676416\n", 19) == 0) records = reply.bytes + at;
  }
  require(records);
  free(reply.bytes);
}

/* ---- what waits ---- */

static struct inode_ops waiting_ops;
static const struct inode_ops *real_ops;
static bool waits;

static wasi_errno_t waiting_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  waits = !waits;
  return waits ? NIDUS_WOULD_BLOCK : real_ops->read(description, transfer, offset);
}

static wasi_errno_t waiting_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  waits = !waits;
  return waits ? NIDUS_WOULD_BLOCK : real_ops->write(description, transfer, offset);
}

static void what_waits_goes_on_where_it_was(struct guest *guest) {
  struct path_walk walk;
  struct reply reply = {0};
  struct tar_writer *writer;
  struct tar_import *import;
  make_tree(guest);
  struct archive whole = export_of(guest, "/box");
  OK(path_walk_host(&walk, guest->system, "/box/sparse", 11, 0));
  real_ops = walk.inode->ops;
  waiting_ops = *real_ops;
  waiting_ops.read = waiting_read;
  walk.inode->ops = &waiting_ops;
  require(tar_write_begin(guest->system, "/box", 4, &writer, &reply) == 0);
  size_t at = 0;
  int again = 0;
  for (int32_t length = 1; length != 0;) {
    reply.length = 0;
    length = tar_write_next(writer, &reply);
    if (length == -(int32_t)WASI_EAGAIN) {
      again++;
      continue;
    }
    require(length >= 0 && at + reply.length <= whole.length);
    require(length == 0 || memcmp(whole.bytes + at, reply.bytes, reply.length) == 0);
    at += reply.length;
  }
  require(at == whole.length && again > 3);
  tar_write_end(writer);
  walk.inode->ops = real_ops;
  path_walk_end(&walk);

  /* A file that is there already under that name, so that its operations can be others. */
  require(tar_import_begin(guest->system, "/tmp/copy", 9, &import, &reply) == 0);
  again = 0;
  for (at = 0; at < whole.length;) {
    uint32_t piece = whole.length - at < 70000 ? (uint32_t)(whole.length - at) : 70000;
    if (!path_walk_host(&walk, guest->system, "/tmp/copy/sparse", 16, 0)) {
      if (walk.inode) walk.inode->ops = &waiting_ops;
      path_walk_end(&walk);
    }
    waiting_ops.write = waiting_write;
    int32_t taken = tar_import_take(import, whole.bytes + at, piece, &reply);
    require(taken > 0 || taken == -(int32_t)WASI_EAGAIN);
    if (taken > 0) at += (uint32_t)taken;
    else again++;
  }
  require(tar_import_finish(import, &reply) == 0 && again > 2);
  tar_import_end(import);
  OK(path_walk_host(&walk, guest->system, "/tmp/copy/sparse", 16, 0));
  walk.inode->ops = real_ops;
  path_walk_end(&walk);
  struct archive copy = export_of(guest, "/tmp/copy");
  /* All but the folder itself, which had no times of its own in /box. */
  require(copy.length == whole.length);
  free(copy.bytes);
  free(whole.bytes);
  free(reply.bytes);
}

static void a_file_that_changes_has_the_size_that_was_told(struct guest *guest) {
  struct tar_writer *writer;
  struct reply reply = {0};
  uint32_t fd;
  make_file(guest, BOX, "shrinks", "");
  OK(do_open(guest, BOX, "shrinks", 0, ALL_RIGHTS, 0, &fd));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, 200000));
  require(tar_write_begin(guest->system, "/box", 4, &writer, &reply) == 0);
  size_t length = 0;
  for (int32_t got = 1; got > 0; length += reply.length) {
    reply.length = 0;
    got = tar_write_next(writer, &reply);
    require(got >= 0);
    OK(guest_call(guest, SYS_fd_filestat_set_size, fd, 1000));
    (void)do_unlink(guest, BOX, "shrinks");
  }
  require(length >= 200000 + 2048 && length < 200000 + 10 * 512);
  tar_write_end(writer);
  free(reply.bytes);
}

/* ---- hostile archives ---- */

static void expect_refusal(struct guest *guest, struct archive *archive, wasi_errno_t error, const char *said) {
  EXPECT(error, import_all(guest, "/box/in", archive));
  if (strcmp(sentence, said) != 0) fprintf(stderr, "said: %s\nnot:  %s\n", sentence, said);
  require(strcmp(sentence, said) == 0);
}

static void nothing_leaves_the_folder(struct guest *guest) {
  struct archive archive = {0};
  make_file(guest, BOX, "outside", "safe");
  OK(do_mkdir(guest, BOX, "elsewhere"));
  static const char *const names[] = {"../outside", "a/../../outside", "a/..", ".."};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char said[200];
    snprintf(said, sizeof said, "Cannot import %s: it would lie outside of the folder, where nothing is made.", names[i]);
    add_file(&archive, names[i], "evil");
    expect_refusal(guest, &archive, WASI_EPERM, said);
    add_header(&archive, names[i], '5', 0, "");
    expect_refusal(guest, &archive, WASI_EPERM, said);
    add_pax(&archive, "path", names[i]);
    add_file(&archive, "harmless", "evil");
    expect_refusal(guest, &archive, WASI_EPERM, said);
    snprintf(said, sizeof said, "Cannot import h: it would lie outside of the folder, where nothing is made.");
    add_header(&archive, "h", '1', 0, names[i]);
    expect_refusal(guest, &archive, WASI_EPERM, said);
  }
  add_file(&archive, "/box/outside", "evil");
  expect_refusal(guest, &archive, WASI_EPERM,
                 "Cannot import /box/outside: it would lie outside of the folder, where nothing is made.");
  static const char *const links[] = {"/box", "..", "../elsewhere", "."};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    add_header(&archive, "way", '2', 0, links[i]);
    add_file(&archive, "way/outside", "evil");
    expect_refusal(guest, &archive, WASI_ENOTDIR,
                   "Cannot import way/outside: its path goes through a symbolic link, which may lead anywhere.");
    /* At its end a link is replaced, never followed. */
    add_header(&archive, "way", '2', 0, "../outside");
    add_file(&archive, "way", "text");
    OK(import_all(guest, "/box/in", &archive));
    require(strcmp(text_of(guest, BOX, "in/way"), "text") == 0);
  }
  require(strcmp(text_of(guest, BOX, "outside"), "safe") == 0);
  require(strcmp(names_in(guest, BOX), "elsewhere in outside ") == 0);
}

static void later_entries_replace(struct guest *guest) {
  struct archive archive = {0};
  struct filestat a, b;
  add_file(&archive, "f", "old");
  add_header(&archive, "h", '1', 0, "./f");
  add_file(&archive, "f", "newer");
  add_header(&archive, "h", '1', 0, "h");
  add_header(&archive, "fifo", '6', 0, "");
  add_file(&archive, "was/../file", ""); /* refused below, and all before it is there */
  expect_refusal(guest, &archive, WASI_EPERM,
                 "Cannot import was/../file: it would lie outside of the folder, where nothing is made.");
  require(strcmp(names_in(guest, BOX), "in ") == 0);
  require(strcmp(text_of(guest, BOX, "in/f"), "newer") == 0);
  require(strcmp(text_of(guest, BOX, "in/h"), "old") == 0);
  add_file(&archive, "x", "a file");
  add_header(&archive, "x", '5', 0, "");
  add_file(&archive, "x/y", "in a folder");
  add_header(&archive, "x", '5', 0, "");
  OK(import_all(guest, "/box/in", &archive));
  require(strcmp(text_of(guest, BOX, "in/x/y"), "in a folder") == 0);
  add_file(&archive, "x", "not a file again");
  expect_refusal(guest, &archive, WASI_EISDIR, "");
  add_header(&archive, "h", '1', 0, "none");
  expect_refusal(guest, &archive, WASI_ENOENT, "Cannot import h: it is a link to a file that is not there.");
  add_file(&archive, "f", "same");
  add_header(&archive, "h", '1', 0, "f");
  add_header(&archive, "f", '1', 0, "h");
  OK(import_all(guest, "/box/in", &archive));
  OK(do_stat(guest, BOX, 0, "in/f", &a));
  OK(do_stat(guest, BOX, 0, "in/h", &b));
  require(a.ino == b.ino && a.nlink == 2);
  add_file(&archive, ".", "a file that is the folder");
  expect_refusal(guest, &archive, WASI_EISDIR, "");
  add_header(&archive, "s", 'S', 0, "");
  expect_refusal(guest, &archive, WASI_ENOTSUP,
                 "Cannot import s: it is of a kind that cannot be imported, such as a sparse file.");
  add_pax(&archive, "GNU.sparse.major", "1");
  add_file(&archive, "s", "map");
  expect_refusal(guest, &archive, WASI_ENOTSUP,
                 "Cannot import s: it is of a kind that cannot be imported, such as a sparse file.");
  add_file(&archive, "bad\xff", "x");
  expect_refusal(guest, &archive, WASI_EILSEQ, "");
  guest_inspect(guest, BOX, true);
}

static void broken_archives_are_refused(struct guest *guest) {
  struct archive archive = {0};
  /* Cut anywhere but in what follows its end. */
  add_file(&archive, "f", "text");
  add_pax(&archive, "path", "pax");
  add_file(&archive, "g", "text");
  add_blocks(&archive, 1024);
  size_t end = archive.length - 512;
  for (size_t length = 0; length < end; length += length % 512 ? 509 : 3) {
    archive.length = length;
    EXPECT(WASI_EINVAL, import_pieces(guest, "/box/in", &archive, 100));
    if (length == 600) require(strcmp(sentence, "Cannot import f: the archive was cut off in the middle of it.") == 0);
    if (length == 1024) {
      require(strcmp(sentence, "Cannot import f: the archive ends after it without saying that this is its end: it was cut off.") == 0);
    }
  }
  archive.length = end;
  OK(import_pieces(guest, "/box/in", &archive, 100));
  for (size_t i = 0; i < 512; i++) {
    if (i >= 148 && i < 156) continue;
    archive.bytes[1024 + i] ^= 0x20;
    EXPECT(WASI_EINVAL, import_pieces(guest, "/box/in", &archive, 512));
    require(strcmp(sentence, "Cannot import f: the header after it is damaged, or this is no tar archive.") == 0);
    archive.bytes[1024 + i] ^= 0x20;
  }
  archive.length = 0;
  static const char *const records[] = {"9", "x path=a\n", "99 path=a\n", "10 path=ab", "3 =", "9 path:a\n", "12 size=12x\n",
                                        "99999999999999999999 path=a\n", "30 size=99999999999999999999\n"};
  for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
    add_special(&archive, 'x', records[i], strlen(records[i]));
    add_file(&archive, "f", "text");
    EXPECT(WASI_EINVAL, import_all(guest, "/box/in", &archive));
    require(strcmp(sentence, "Cannot import the beginning of the archive: the header after it is damaged, or this is no tar archive.") == 0);
  }
  add_header(&archive, "long", 'L', 2 << 20, "");
  EXPECT(WASI_EINVAL, import_all(guest, "/box/in", &archive));
}

static void dialects_are_read(struct guest *guest) {
  struct archive archive = {0};
  struct filestat stat;
  char path[600];
  memset(path, 'p', 509);
  path[255] = '/';
  path[509] = 0;
  add_special(&archive, 'L', path, strlen(path) + 1);
  add_special(&archive, 'K', path, strlen(path) + 1);
  add_header(&archive, "cut", '2', 0, "cut");
  add_special(&archive, 'g', "19 comment=ignored\n", 19);
  add_pax(&archive, "mtime", "1350244992.023960108");
  add_pax(&archive, "atime", "-0.5");
  add_pax(&archive, "path", "pax");
  add_file(&archive, "x", "POSIX");
  size_t at = add_header(&archive, "base256", '0', 0, "");
  memset(archive.bytes + at + 124, 0, 12);
  archive.bytes[at + 124] = (char)0x80;
  archive.bytes[at + 135] = 3;
  seal(archive.bytes + at);
  memcpy(add_blocks(&archive, 3), "256", 3);
  at = add_header(&archive, "name", '0', 4, "");
  memcpy(archive.bytes + at + 345, "prefix/of/it", 12);
  seal(archive.bytes + at);
  memcpy(add_blocks(&archive, 4), "text", 4);
  at = add_header(&archive, "old/", '0', 0, ""); /* before ustar: a folder by its slash */
  archive.bytes[at + 156] = 0;
  memset(archive.bytes + at + 257, 0, 8);
  seal(archive.bytes + at);
  OK(import_all(guest, "/box", &archive));
  OK(do_stat(guest, BOX, 0, path, &stat));
  require(stat.type == WASI_FILETYPE_SYMBOLIC_LINK && stat.size == 509);
  OK(do_stat(guest, BOX, 0, "pax", &stat));
  require(stat.mtime == 1350244992023960108 && stat.atime == (uint64_t)-500000000);
  require(strcmp(text_of(guest, BOX, "pax"), "POSIX") == 0);
  require(strcmp(text_of(guest, BOX, "base256"), "256") == 0);
  require(strcmp(text_of(guest, BOX, "prefix/of/it/name"), "text") == 0);
  OK(do_stat(guest, BOX, 0, "old", &stat));
  require(stat.type == WASI_FILETYPE_DIRECTORY && stat.mtime == 100000000000);
}

static void no_room_is_an_error(struct guest *guest) {
  struct archive archive = {0};
  int32_t mount = nidus_mount_mem(guest->system, "/box/in", 7);
  require(mount > 0 && nidus_mount_limit(guest->system, (uint32_t)mount, 100000) == 0);
  add_header(&archive, "big", '0', 200000, "");
  add_blocks(&archive, 200000);
  for (size_t i = 512; i < archive.length; i++) archive.bytes[i] = 'x';
  expect_refusal(guest, &archive, WASI_ENOSPC, "");
  struct archive tree = {0};
  struct tar_import *import;
  struct reply reply = {0};
  add_header(&tree, "folder", '5', 0, "");
  require(tar_import_begin(guest->system, "/box/in", 7, &import, &reply) == 0);
  require(tar_import_take(import, tree.bytes, (uint32_t)tree.length, &reply) > 0);
  /* Its filesystem stays while an import has folders of it. */
  require(nidus_unmount(guest->system, (uint32_t)mount) == -WASI_EBUSY);
  tar_import_end(import);
  require(nidus_unmount(guest->system, (uint32_t)mount) == 0);
  require(tar_import_begin(guest->system, "/dev/null", 9, &import, &reply) < 0 && !import);
  struct tar_writer *writer;
  require(tar_write_begin(guest->system, "/box/none", 9, &writer, &reply) == -WASI_ENOENT && !writer);
  require(tar_write_begin(guest->system, "/dev/null", 9, &writer, &reply) == -WASI_ENOTDIR && !writer);
  free(tree.bytes);
  free(reply.bytes);
}

static void lack_of_memory_is_an_error(struct guest *guest) {
  make_tree(guest);
  struct archive archive = export_of(guest, "/box");
  for (long n = 0;; n++) {
    struct tar_writer *writer;
    struct reply reply = {0};
    long before = blocks;
    failed = false;
    fail_after = n;
    int32_t result = tar_write_begin(guest->system, "/box", 4, &writer, &reply);
    while (result >= 0 && (result = tar_write_next(writer, &reply)) > 0) reply.length = 0;
    tar_write_end(writer);
    fail_after = -1;
    free(reply.bytes);
    require(blocks == before);
    if (!failed) {
      require(result == 0 && n > 20);
      break;
    }
    require(result == -WASI_ENOMEM);
  }
  for (long n = 0;; n += 1 + n / 20) {
    struct tar_import *import;
    struct reply reply = {0};
    failed = false;
    fail_after = n;
    int32_t result = tar_import_begin(guest->system, "/tmp/copy", 9, &import, &reply);
    if (result >= 0) result = tar_import_take(import, archive.bytes, (uint32_t)archive.length, &reply);
    if (result >= 0) result = tar_import_finish(import, &reply);
    tar_import_end(import);
    fail_after = -1;
    free(reply.bytes);
    if (!failed) {
      require(result == 0 && n > 20);
      break;
    }
    require(result == -WASI_ENOMEM || result == -WASI_ENOSPC);
    guest_inspect(guest, BOX, true);
  }
  free(archive.bytes);
}

static const struct test tests[] = {
    {"A tree that was exported comes back as it was, in pieces of any size", a_tree_comes_back},
    {"Sizes beyond 8 GiB are told in pax records", sizes_beyond_8_gib_are_told},
    {"What has to wait goes on where it was", what_waits_goes_on_where_it_was},
    {"A file that changes meanwhile has the size that was told", a_file_that_changes_has_the_size_that_was_told},
    {"Nothing is made outside of the folder, whatever the archive says", nothing_leaves_the_folder},
    {"A later entry replaces an earlier one, and what cannot be made is refused by name", later_entries_replace},
    {"A broken or cut archive is refused, and after what", broken_archives_are_refused},
    {"The dialects of GNU, POSIX and old archives are read", dialects_are_read},
    {"No room, no folder and a file in its place are errors", no_room_is_an_error},
    {"Without memory both fail and leak nothing", lack_of_memory_is_an_error}};
RUN_TESTS(tests)
