/*
 * test_path_store.c: a volume stored by path: what a flush is told of the tree, and who waits for it.
 *
 * The notes of a store that has a record for each path are kept here as its host keeps them (web/idbfs.js):
 * paths with the inode and the number of its change. After random operations and flushes, some of which fail, the
 * paths that the numbers tell to have changed must be all whose contents, kind or place differ from the store's.
 */
#include "allocation.h"
#include "kit.h"
#include "path_store.h"

enum { ENTRY_NUMBERS = 5, MOST = 4096 };

struct entry {
  double numbers[ENTRY_NUMBERS]; /* inode, change, mtime, size, mode and type */
  char path[256];
};

struct list {
  struct entry entries[MOST];
  uint32_t count;
};

static uint32_t mount_paths(struct guest *guest) {
  int32_t mount = nidus_mount_paths(guest->system, "/box/m", 6);
  require(mount > 0);
  return (uint32_t)mount;
}

static int32_t begin(struct guest *guest, uint32_t mount, struct list *list) {
  struct reply reply = {0};
  int32_t result = nidus_paths_begin(guest->system, mount, &reply);
  list->count = 0;
  for (uint32_t at = 0; result == 0 && at < reply.length; list->count++) {
    struct entry *entry = &list->entries[list->count];
    require(list->count < MOST && reply.length - at > sizeof entry->numbers);
    memcpy(entry->numbers, reply.bytes + at, sizeof entry->numbers);
    at += sizeof entry->numbers;
    require(strlen(reply.bytes + at) < sizeof entry->path);
    strcpy(entry->path, reply.bytes + at);
    at += (uint32_t)strlen(entry->path) + 1;
  }
  free(reply.bytes);
  return result;
}

static const struct entry *listed(const struct list *list, const char *path) {
  for (uint32_t i = 0; i < list->count; i++) {
    if (strcmp(list->entries[i].path, path) == 0) return &list->entries[i];
  }
  return NULL;
}

static bool is_as_stored(const struct list *stored, const struct entry *entry) {
  const struct entry *note = listed(stored, entry->path);
  return note && note->numbers[0] == entry->numbers[0] && note->numbers[1] == entry->numbers[1];
}

/* Paths that need a new record, in the order of the list, then "-" those whose record has to go. */
static const char *changes(struct guest *guest, uint32_t mount, struct list *stored) {
  static struct list now;
  static char text[MOST * 8];
  text[0] = 0;
  require(begin(guest, mount, &now) == 0);
  for (uint32_t i = 0; i < now.count; i++) {
    if (is_as_stored(stored, &now.entries[i])) continue;
    strcat(text, now.entries[i].path);
    strcat(text, " ");
  }
  for (uint32_t i = 0; i < stored->count; i++) {
    if (listed(&now, stored->entries[i].path)) continue;
    strcat(text, "-");
    strcat(text, stored->entries[i].path);
    strcat(text, " ");
  }
  *stored = now;
  nidus_paths_end(guest->system, mount, WASI_ESUCCESS);
  return text;
}

#define CHANGED(expected)                                                     \
  do {                                                                        \
    const char *changed = changes(guest, mount, &stored);                     \
    if (strcmp(changed, expected) != 0) fprintf(stderr, "changed: %s\n", changed); \
    require(strcmp(changed, expected) == 0);                                  \
  } while (0)

static struct list stored;

static void tells_what_changed(struct guest *guest) {
  uint32_t mount = mount_paths(guest), fd, moved;
  stored.count = 0;
  require(!nidus_paths_dirty(guest->system, mount));
  OK(do_mkdir(guest, BOX, "m/d"));
  OK(do_mkdir(guest, BOX, "m/d/e"));
  make_file(guest, BOX, "m/d/e/f", "one");
  make_file(guest, BOX, "m/a", "two");
  OK(do_symlink(guest, BOX, "d/e", "m/l"));
  require(nidus_paths_dirty(guest->system, mount));
  CHANGED("d d/e d/e/f a l ");
  require(!nidus_paths_dirty(guest->system, mount));
  CHANGED("");
  const struct entry *entry = listed(&stored, "a");
  require(entry->numbers[3] == 3 && (uint32_t)entry->numbers[4] == (WASI_FILETYPE_REGULAR_FILE << 16 | 0644));
  require((uint32_t)listed(&stored, "l")->numbers[4] >> 16 == WASI_FILETYPE_SYMBOLIC_LINK);
  OK(do_open(guest, BOX, "m/a", 0, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 70000, &moved));
  OK(guest_call(guest, SYS_fd_filestat_set_times, fd, 0, 1234567891, WASI_FSTFLAG_MTIM));
  OK(do_close(guest, fd));
  CHANGED("a ");
  require(listed(&stored, "a")->numbers[2] == 1234 && listed(&stored, "a")->numbers[3] == 70001);
  /* A folder of another name is all that is in it; a hard link changes under each of its names. */
  OK(do_rename(guest, BOX, "m/d", "m/n"));
  CHANGED("n n/e n/e/f -d -d/e -d/e/f ");
  OK(do_link(guest, BOX, 0, "m/a", "m/n/b"));
  CHANGED("a n n/b ");
  OK(nidus_chmod(guest->system, "/box/m/n/b", 10, 0600));
  CHANGED("a n/b ");
  /* The same name, but another file. */
  OK(do_unlink(guest, BOX, "m/a"));
  make_file(guest, BOX, "m/a", "new");
  CHANGED("n/b a ");
  int32_t inner = nidus_mount_mem(guest->system, "/box/m/n/e", 10);
  require(inner > 0);
  make_file(guest, BOX, "m/n/e/elsewhere", "on the other mount");
  CHANGED("");
  require((uint32_t)listed(&stored, "n/e")->numbers[4] >> 24 == 1);
}

static void tells_who_waits(struct guest *guest) {
  static struct list list;
  uint32_t mount = mount_paths(guest), fd;
  make_file(guest, BOX, "m/a", "1");
  OK(do_open(guest, BOX, "m/a", 0, ALL_RIGHTS, 0, &fd));
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  require(begin(guest, mount, &list) == 0);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  nidus_paths_end(guest->system, mount, WASI_ENOSPC);
  EXPECT(WASI_ENOSPC, guest_call(guest, SYS_fd_sync, fd));
  require(nidus_paths_dirty(guest->system, mount));
  /* Asked anew, it waits for the next; one that fails before it has begun counts as well. */
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  nidus_paths_end(guest->system, mount, WASI_EIO);
  EXPECT(WASI_EIO, guest_call(guest, SYS_fd_sync, fd));
  /* A change during a flush is not in it. */
  require(begin(guest, mount, &list) == 0);
  make_file(guest, BOX, "m/b", "2");
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  nidus_paths_end(guest->system, mount, WASI_ESUCCESS);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  require(begin(guest, mount, &list) == 0);
  nidus_paths_end(guest->system, mount, WASI_ESUCCESS);
  OK(guest_call(guest, SYS_fd_sync, fd));
  OK(guest_call(guest, SYS_fd_sync, fd));
  struct reply reply = {0};
  require(nidus_paths_begin(guest->system, 0, &reply) == -WASI_EINVAL);
  require(nidus_paths_begin(guest->system, 999, &reply) == -WASI_EINVAL);
}

static void goes_deep(struct guest *guest) {
  uint32_t mount = mount_paths(guest), fd, below;
  struct reply reply = {0};
  OK(do_open(guest, BOX, "m", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  for (uint32_t depth = 0; depth < 3000; depth++) {
    OK(do_mkdir(guest, fd, "deep"));
    OK(do_open(guest, fd, "deep", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &below));
    OK(do_close(guest, fd));
    fd = below;
  }
  OK(do_close(guest, fd));
  require(nidus_paths_begin(guest->system, mount, &reply) == 0 && !reply.failed);
  uint32_t last = ENTRY_NUMBERS * 8 + 3000 * 5;
  require(strlen(reply.bytes + reply.length - last + ENTRY_NUMBERS * 8) == 3000 * 5 - 1);
  free(reply.bytes);
  nidus_paths_end(guest->system, mount, WASI_ESUCCESS);
}

static void survives_short_memory(struct guest *guest) {
  static struct list list;
  uint32_t mount = mount_paths(guest), fd;
  OK(do_mkdir(guest, BOX, "m/d"));
  make_file(guest, BOX, "m/d/f", "one");
  OK(do_open(guest, BOX, "m/d/f", 0, ALL_RIGHTS, 0, &fd));
  long failures = 0;
  for (;; failures++) {
    EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
    struct reply reply = {0};
    fail_after = failures;
    int32_t result = nidus_paths_begin(guest->system, mount, &reply);
    fail_after = -1;
    free(reply.bytes);
    if (result == 0) break;
    require(result == -WASI_ENOMEM);
    EXPECT(WASI_ENOMEM, guest_call(guest, SYS_fd_sync, fd));
  }
  require(failures >= 2);
  require(begin(guest, mount, &list) == 0 && list.count == 2);
  nidus_paths_end(guest->system, mount, WASI_ESUCCESS);
  OK(guest_call(guest, SYS_fd_sync, fd));
}

/* ---- at random ---- */

static const char *some_path(struct random *random) {
  static const char *const folders[] = {"m/", "m/", "m/a/", "m/b/", "m/a/b/", "m/a/b/c/"};
  static char path[64];
  snprintf(path, sizeof path, "%s%c", folders[random_below(random, 6)], (char)('a' + random_below(random, 4)));
  return path;
}

static void operate(struct guest *guest, struct random *random) {
  char from[64], byte = (char)random_below(random, 256);
  uint32_t fd, moved;
  strcpy(from, some_path(random));
  switch (random_below(random, 9)) {
    case 0: case 1: (void)do_mkdir(guest, BOX, from); break;
    case 2: (void)do_rmdir(guest, BOX, from); break;
    case 3: (void)do_unlink(guest, BOX, from); break;
    case 4: (void)do_rename(guest, BOX, from, some_path(random)); break;
    case 5: (void)do_link(guest, BOX, 0, from, some_path(random)); break;
    case 6: (void)do_symlink(guest, BOX, "some/where", from); break;
    default:
      if (do_open_at(guest, BOX, 0, from, WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd)) break;
      (void)do_pwrite(guest, fd, &byte, 1, random_below(random, 3), &moved);
      OK(do_close(guest, fd));
  }
}

/* What a record would say: contents stand for all. */
static void describe(struct guest *guest, const struct entry *entry, char *text) {
  char path[300];
  uint32_t fd, moved;
  snprintf(path, sizeof path, "m/%s", entry->path);
  int length = sprintf(text, "%.0f %.0f ", entry->numbers[3], entry->numbers[4]);
  if ((uint32_t)entry->numbers[4] >> 16 != WASI_FILETYPE_REGULAR_FILE) return;
  OK(do_open(guest, BOX, path, 0, READ_RIGHTS, 0, &fd));
  OK(do_read(guest, fd, text + length, 8, &moved));
  OK(do_close(guest, fd));
  for (uint32_t i = 0; i < moved; i++) text[length + (int)i] |= 1; /* no NUL */
  text[length + (int)moved] = 0;
}

static void misses_nothing(struct guest *guest) {
  static struct list now, kept;
  static char records[MOST][64], before[MOST][64];
  struct random random = {random_seed(20241128)};
  printf("SEED=%llu\n", (unsigned long long)random.state);
  uint32_t mount = mount_paths(guest);
  kept.count = 0;
  for (int round = 0; round < 2000; round++) {
    for (uint64_t i = random_below(&random, 6); i-- > 0;) operate(guest, &random);
    bool dirty = nidus_paths_dirty(guest->system, mount) > 0, changed = false;
    require(begin(guest, mount, &now) == 0);
    bool ok = random_below(&random, 4) > 0;
    for (uint32_t i = 0; i < now.count; i++) {
      const struct entry *entry = &now.entries[i], *note = listed(&kept, entry->path);
      describe(guest, entry, records[i]);
      if (!is_as_stored(&kept, entry)) changed = true;
      /* What is said to be as stored is so. */
      if (is_as_stored(&kept, entry)) require(strcmp(records[i], before[note - kept.entries]) == 0);
    }
    for (uint32_t i = 0; i < kept.count; i++) changed |= !listed(&now, kept.entries[i].path);
    require(dirty || !changed);
    nidus_paths_end(guest->system, mount, ok ? WASI_ESUCCESS : WASI_EIO);
    if (!ok) continue;
    kept = now;
    memcpy(before, records, sizeof before);
    require(!nidus_paths_dirty(guest->system, mount));
  }
}

static const struct test tests[] = {
    {"a flush is told of the paths that changed, and of no others", tells_what_changed},
    {"fd_sync waits for the flush that has its change, and tells when it failed", tells_who_waits},
    {"a tree deeper than any stack is listed", goes_deep},
    {"where memory is short, the flush fails and the next one has all of it", survives_short_memory},
    {"after random operations and failed flushes, what is told to be as stored is so", misses_nothing},
};
RUN_TESTS(tests)
