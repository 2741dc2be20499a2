/* fd_readdir: ".", ".." and the entries, each once; a cookie goes on where it was, while the folder changes. */
#include "check.h"

enum { HEADER = 24 };

static uint8_t buffer[65536];
static i32 used;

struct entry {
  i64 next, ino;
  i32 length;
  uint8_t type;
  char name[256];
};

/* Takes the entry at *at; false at the end of what is whole. */
static bool take(i32 *at, struct entry *entry) {
  if (used - *at < HEADER) return false;
  memcpy(&entry->next, buffer + *at, 8);
  memcpy(&entry->ino, buffer + *at + 8, 8);
  memcpy(&entry->length, buffer + *at + 16, 4);
  entry->type = buffer[*at + 20];
  if (entry->length > 255 || used - *at - HEADER < entry->length) return false;
  memcpy(entry->name, buffer + *at + HEADER, entry->length);
  entry->name[entry->length] = 0;
  *at += HEADER + entry->length;
  return true;
}

/* How often the folder has `name`, read with buffers of `size` bytes. */
static int times(i32 fd, const char *name, i32 size, struct entry *found) {
  int count = 0;
  for (i64 cookie = 0;;) {
    must(fd_readdir(fd, AT(buffer), size, cookie, AT(&used)), "fd_readdir");
    struct entry entry;
    i32 at = 0;
    while (take(&at, &entry)) {
      cookie = entry.next;
      if (strcmp(entry.name, name)) continue;
      count++;
      if (found) *found = entry;
    }
    if (used < size) return count;
    if (at == 0) return -1; /* nothing fits */
  }
}

static int count_all(i32 fd, i32 size) {
  int count = 0;
  for (i64 cookie = 0;;) {
    must(fd_readdir(fd, AT(buffer), size, cookie, AT(&used)), "fd_readdir");
    struct entry entry;
    i32 at = 0;
    for (; take(&at, &entry); count++) cookie = entry.next;
    if (used < size || at == 0) return count;
  }
}

static const char *numbered(int i) {
  static char name[16];
  snprintf(name, sizeof name, "many/%03d", i);
  return name;
}

static void contents_of_a_folder(void) {
  make_folder("d");
  make_file("d/file", "");
  make_folder("d/folder");
  make_link("file", "d/link");
  make_file("d/h\xc3\xa9llo", "");
  i32 fd = open_folder("d");
  struct entry entry;
  SUCCEEDS(fd_readdir(fd, AT(buffer), sizeof buffer, 0, AT(&used)));
  EQUAL(used, 6 * HEADER + 1 + 2 + 4 + 6 + 4 + 6);
  EQUAL(count_all(fd, sizeof buffer), 6);
  EQUAL(times(fd, ".", sizeof buffer, &entry), 1);
  EQUAL(entry.type, FOLDER);
  EQUAL(entry.ino, stat_of("d").ino);
  EQUAL(times(fd, "..", sizeof buffer, &entry), 1);
  EQUAL(entry.type, FOLDER);
  EQUAL(times(fd, "file", sizeof buffer, &entry), 1);
  EQUAL(entry.type, FILE_);
  EQUAL(entry.ino, stat_of("d/file").ino);
  EQUAL(times(fd, "folder", sizeof buffer, &entry), 1);
  EQUAL(entry.type, FOLDER);
  EQUAL(times(fd, "link", sizeof buffer, &entry), 1);
  EQUAL(entry.type, LINK);
  EQUAL(times(fd, "h\xc3\xa9llo", sizeof buffer, &entry), 1);
  /* Again from the beginning: what has changed meanwhile is there. */
  make_file("d/new", "");
  must(path_unlink_file(dir, PATH("d/file")), "path_unlink_file");
  EQUAL(times(fd, "new", sizeof buffer, NULL), 1);
  EQUAL(times(fd, "file", sizeof buffer, NULL), 0);
  fd_close(fd);
}

static void small_buffers(void) {
  i32 fd = open_folder("d");
  for (i32 size = 32; size < 200; size += 13) EQUAL(count_all(fd, size), 6);
  /* An entry that does not fit is cut off, and the buffer is full. */
  for (i32 size = 0; size < HEADER + 1; size++) {
    must(fd_readdir(fd, AT(buffer), size, 0, AT(&used)), "fd_readdir");
    if (used != size) EQUAL(used, size);
  }
  SUCCEEDS(fd_readdir(fd, AT(buffer), 30, 0, AT(&used)));
  EQUAL(used, 30);
  SUCCEEDS(fd_readdir(fd, 0, 0, 0, AT(&used)));
  EQUAL(used, 0);
  fd_close(fd);
}

static void cookies(void) {
  make_folder("many");
  for (int i = 0; i < 100; i++) make_file(numbered(i), "");
  i32 fd = open_folder("many");
  EQUAL(count_all(fd, 512), 102);
  /* Each cookie leads to the entry behind it, in whatever order they are used. */
  static i64 after[102];
  static char names[102][16];
  must(fd_readdir(fd, AT(buffer), sizeof buffer, 0, AT(&used)), "fd_readdir");
  struct entry entry;
  int count = 0, wrong = 0;
  for (i32 at = 0; take(&at, &entry) && count < 102; count++) {
    after[count] = entry.next;
    memcpy(names[count], entry.name, 16);
  }
  EQUAL(count, 102);
  for (int i = 100; i >= 0; i--) {
    i32 at = 0;
    must(fd_readdir(fd, AT(buffer), 64, after[i], AT(&used)), "fd_readdir");
    wrong += !take(&at, &entry) || strcmp(entry.name, names[i + 1]);
  }
  EQUAL(wrong, 0);
  SUCCEEDS(fd_readdir(fd, AT(buffer), sizeof buffer, after[101], AT(&used)));
  EQUAL(used, 0);

  /* Half is read, each entry that has been read is removed: the others come, each once (rm -r). */
  int seen[100] = {0};
  i64 cookie = 0;
  for (bool more = true; more;) {
    must(fd_readdir(fd, AT(buffer), 300, cookie, AT(&used)), "fd_readdir");
    more = used == 300;
    i32 at = 0;
    while (take(&at, &entry)) {
      cookie = entry.next;
      if (entry.name[0] == '.') continue;
      int i = atoi(entry.name);
      seen[i]++;
      must(path_unlink_file(fd, PATH(entry.name)), "path_unlink_file");
    }
  }
  for (int i = 0; i < 100; i++) wrong += seen[i] != 1;
  EQUAL(wrong, 0);
  EQUAL(count_all(fd, 512), 2);

  /* Files are made and removed while it is read: those that stay are seen once. */
  for (int i = 0; i < 100; i++) make_file(numbered(i), "");
  memset(seen, 0, sizeof seen);
  cookie = 0;
  int turn = 0;
  for (bool more = true; more && turn < 1000; turn++) {
    must(fd_readdir(fd, AT(buffer), 150, cookie, AT(&used)), "fd_readdir");
    more = used == 150;
    i32 at = 0;
    while (take(&at, &entry)) {
      cookie = entry.next;
      if (entry.name[0] != '.' && strlen(entry.name) == 3) seen[atoi(entry.name)]++;
    }
    char name[24];
    snprintf(name, sizeof name, "many/new%d", turn);
    if (turn < 20) make_file(name, "");
    if (turn < 10) must(path_unlink_file(dir, PATH(numbered(turn * 7 + 1))), "path_unlink_file");
  }
  for (int i = 0; i < 100; i++) {
    bool removed = i % 7 == 1 && i < 70;
    wrong += removed ? seen[i] > 1 : seen[i] != 1;
  }
  EQUAL(wrong, 0);
  fd_close(fd);
}

static void renamed_and_removed(void) {
  make_folder("gone");
  make_file("gone/x", "");
  i32 fd = open_folder("gone");
  must(path_rename(dir, PATH("gone"), dir, PATH("moved")), "path_rename");
  EQUAL(times(fd, "x", sizeof buffer, NULL), 1);
  must(path_unlink_file(dir, PATH("moved/x")), "path_unlink_file");
  must(path_remove_directory(dir, PATH("moved")), "path_remove_directory");
  EITHER(OK, ENOENT, fd_readdir(fd, AT(buffer), sizeof buffer, 0, AT(&used)));
  fd_close(fd);
}

int main(int argc, char **argv) {
  start(argc, argv);
  contents_of_a_folder();
  small_buffers();
  cookies();
  renamed_and_removed();
  /* A cookie that never was. */
  i32 fd = open_folder("d");
  i32 code = fd_readdir(fd, AT(buffer), sizeof buffer, 1ull << 50, AT(&used));
  TRUE(code == EINVAL_ || code == ENOENT_ || (code == OK && used == 0));
  FAILS(EFAULT, fd_readdir(fd, NOWHERE, 4096, 0, AT(&used)));
  FAILS(EFAULT, fd_readdir(fd, last_byte(), 4096, 0, AT(&used)));
  FAILS(EFAULT, fd_readdir(fd, AT(buffer), sizeof buffer, 0, NOWHERE));
  FAILS(ENOTDIR, fd_readdir(open_file("d/new", 0, 0), AT(buffer), sizeof buffer, 0, AT(&used)));
  EITHER(ENOTDIR, EBADF, fd_readdir(0, AT(buffer), sizeof buffer, 0, AT(&used)));
  FAILS(EBADF, fd_readdir(closed(), AT(buffer), sizeof buffer, 0, AT(&used)));
  FAILS(EBADF, fd_readdir(~0u, AT(buffer), sizeof buffer, 0, AT(&used)));
  LACKS(fd, FD_READDIR, fd_readdir(fd, AT(buffer), sizeof buffer, 0, AT(&used)));
  return done();
}
