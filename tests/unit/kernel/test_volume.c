/*
 * test_volume.c: what a persistent volume writes to its store, and what comes back from it.
 *
 * Random operations run, flushes succeed, fail, or overlap with further changes, chunks are evicted and come back late;
 * then the store is loaded into a new system, and both trees must be the same.
 */
#include "kit.h"
#include "store.h"
#include "volume_log.h"
#include "volume_salvage.h"
#include "volume_state.h"

#define ALL_IN_MEMORY UINT64_MAX
enum { LITTLE = 1 }; /* as little memory as can be */

/* ---- two trees ---- */

static void compare_files(struct guest *a, struct guest *b, uint32_t in_a, uint32_t in_b, const char *name,
                          uint64_t size) {
  static uint8_t from_a[DATA_SIZE], from_b[DATA_SIZE];
  uint32_t fd_a, fd_b, moved_a, moved_b;
  OK(do_open(a, in_a, name, 0, READ_RIGHTS, 0, &fd_a));
  OK(do_open(b, in_b, name, 0, READ_RIGHTS, 0, &fd_b));
  /* Sparse files have large holes: only the beginning of what lies beyond is read. */
  for (uint64_t offset = 0; offset < size; offset = offset > 1u << 20 ? size : offset + moved_a) {
    OK(do_pread(a, fd_a, from_a, DATA_SIZE, offset, &moved_a));
    OK(do_pread(b, fd_b, from_b, DATA_SIZE, offset, &moved_b));
    require(moved_a == moved_b && moved_a > 0 && memcmp(from_a, from_b, moved_a) == 0);
  }
  if (size > DATA_SIZE) {
    OK(do_pread(a, fd_a, from_a, DATA_SIZE, size - DATA_SIZE, &moved_a));
    OK(do_pread(b, fd_b, from_b, DATA_SIZE, size - DATA_SIZE, &moved_b));
    require(moved_a == moved_b && memcmp(from_a, from_b, moved_a) == 0);
  }
  OK(do_close(a, fd_a));
  OK(do_close(b, fd_b));
}

static uint32_t mode_of(struct guest *guest, const char *path) {
  struct nidus_stat stat;
  require(nidus_stat(guest->system, path, (uint32_t)strlen(path), false, &stat) == 0);
  return stat.mode;
}

/* All but the device, which is the mount's number. */
static void compare_stats(const struct filestat *a, const struct filestat *b) {
  require(a->ino == b->ino && a->type == b->type && a->nlink == b->nlink && a->size == b->size);
  require(a->atime == b->atime && a->mtime == b->mtime && a->ctime == b->ctime);
}

/* Both folders, whose path from the root is `path`, hold the same. Recursive, as the trees here are shallow. */
static void compare_folders(struct guest *a, struct guest *b, uint32_t in_a, uint32_t in_b, const char *path) {
  char *names = strdup(names_in(a, in_a));
  require(names && strcmp(names, names_in(b, in_b)) == 0);
  char *rest = names;
  for (char *name; (name = strtok_r(rest, " ", &rest));) {
    struct filestat stat_a, stat_b;
    char below[512], target_a[64], target_b[64];
    snprintf(below, sizeof below, "%s/%s", path, name);
    OK(do_stat(a, in_a, 0, name, &stat_a));
    OK(do_stat(b, in_b, 0, name, &stat_b));
    compare_stats(&stat_a, &stat_b);
    require(mode_of(a, below) == mode_of(b, below));
    if (stat_a.type == WASI_FILETYPE_REGULAR_FILE) {
      compare_files(a, b, in_a, in_b, name, stat_a.size);
    } else if (stat_a.type == WASI_FILETYPE_SYMBOLIC_LINK) {
      uint32_t length_a, length_b;
      OK(do_readlink(a, in_a, name, target_a, sizeof target_a, &length_a));
      OK(do_readlink(b, in_b, name, target_b, sizeof target_b, &length_b));
      require(length_a == length_b && memcmp(target_a, target_b, length_a) == 0);
    } else {
      uint32_t fd_a, fd_b;
      OK(do_open(a, in_a, name, WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd_a));
      OK(do_open(b, in_b, name, WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd_b));
      compare_folders(a, b, fd_a, fd_b, below);
      OK(do_close(a, fd_a));
      OK(do_close(b, fd_b));
    }
  }
  free(names);
}

/* A new system with the store's volume as its only preopen, at /home. */
static void open_volume(struct guest *guest, struct store *store, uint64_t budget) {
  guest_start(guest);
  require(store_mount(guest, store, "/home", 0, budget) == 0);
  store_serves(guest, store);
  guest_preopen(guest, "/home", 0);
}

static int32_t dirty(struct guest *guest, const struct store *store) {
  return nidus_volume_dirty(guest->system, store->mount);
}

/* What the volume counts is what there is. */
static void check_accounts(struct guest *guest, const struct store *store) {
  struct mem_filesystem *fs = volume_at(guest->system, store->mount);
  uint64_t in_memory = 0, clean = 0, space = 0, listed = 0;
  EACH_INODE(fs->volume, inode) {
    space += INODE_SPACE;
    if (inode->base.type != WASI_FILETYPE_REGULAR_FILE) continue;
    space += content_allocated(inode);
    uint64_t chunks = 0;
    for (uint64_t at = content_next(inode, 0); at != UINT64_MAX; at = content_next(inode, at + 1), chunks++) {
      uintptr_t slot = *content_slot(inode, at);
      if (!SLOT_IN_MEMORY(slot)) continue;
      const struct chunk *chunk = (const struct chunk *)slot;
      require(chunk->inode == inode && chunk->index == at && at << CHUNK_BITS < inode->base.size);
      uint32_t size = content_chunk_size(inode, at);
      if (!content_is_inline(inode)) in_memory += size;
      if (content_is_inline(inode)) require(chunk->state & CHUNK_DIRTY);
      if (!chunk->state) clean += size;
    }
    require(chunks == inode->file.chunks);
  }
  const struct chunk_link *list = &fs->volume->clean;
  for (const struct chunk_link *link = list->next; link != list; link = link->next) {
    const struct chunk *chunk = (const struct chunk *)link;
    require(chunk->state == 0);
    listed += content_chunk_size(chunk->inode, chunk->index);
  }
  require(in_memory == fs->volume->in_memory && clean == fs->volume->clean_size && clean == listed);
  require(space == fs->space_used);
}

/* `orphans`: files are open that have no name. */
static void compare_with_store(struct guest *guest, const struct store *store, bool orphans) {
  struct guest loaded;
  struct filestat root, loaded_root;
  struct store copy = store_copy(store);
  open_volume(&loaded, &copy, LITTLE);
  if (!orphans) require(dirty(&loaded, &copy) == (store->log_count == 0));
  OK(do_fstat(guest, BOX, &root));
  OK(do_fstat(&loaded, BOX, &loaded_root));
  if (store->log_count) compare_stats(&root, &loaded_root);
  compare_folders(guest, &loaded, BOX, BOX, "/home");
  guest_inspect(&loaded, BOX, true);
  /* Space is what it was, though contents are not in memory. */
  guest_stop(&loaded);
  store_free(&copy);
}

/* ---- random operations ---- */

enum { OPEN_FILES = 6 };

struct life {
  struct guest *guest;
  struct random random;
  uint32_t open[OPEN_FILES];
};

static const char *some_path(struct life *life) {
  static const char *const folders[] = {"", "", "a/", "b/", "a/b/", "a/b/c/"};
  static char path[64];
  snprintf(path, sizeof path, "%s%c", folders[random_below(&life->random, 6)], (char)('a' + random_below(&life->random, 5)));
  return path;
}

static void change_file(struct life *life) {
  static const uint64_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 200000, 1ull << 33};
  static uint8_t bytes[DATA_SIZE];
  struct random *random = &life->random;
  uint32_t fd = life->open[random_below(random, OPEN_FILES)], moved;
  if (!fd) return;
  uint64_t at = sizes[random_below(random, 12)];
  uint32_t length = (uint32_t)random_below(random, random_below(random, 2) ? 100 : DATA_SIZE) + 1;
  switch (random_below(random, 6)) {
    case 0:
      OK(guest_call(life->guest, SYS_fd_filestat_set_size, fd, at + random_below(random, 3)));
      break;
    case 1:
      OK(guest_call(life->guest, SYS_fd_filestat_set_size, fd, 0));
      break;
    case 2:
      OK(guest_call(life->guest, SYS_fd_allocate, fd, at > 1u << 30 ? 5 : at, length));
      break;
    default:
      memset(bytes, (int)random_below(random, 256), length);
      OK(do_pwrite(life->guest, fd, bytes, length, at, &moved));
      require(moved == length);
  }
}

static void operate(struct life *life) {
  struct guest *guest = life->guest;
  struct random *random = &life->random;
  char from[64];
  struct filestat stat;
  strcpy(from, some_path(life));
  switch (random_below(random, 14)) {
    case 0: (void)do_mkdir(guest, BOX, from); break;
    case 1: (void)do_rmdir(guest, BOX, from); break;
    case 2: (void)do_unlink(guest, BOX, from); break;
    case 3: (void)do_rename(guest, BOX, from, some_path(life)); break;
    case 4: (void)do_link(guest, BOX, 0, from, some_path(life)); break;
    case 5: (void)do_symlink(guest, BOX, some_path(life), from); break;
    case 6: case 7: {
      uint32_t slot = (uint32_t)random_below(random, OPEN_FILES), fd;
      uint32_t oflags = random_below(random, 4) ? WASI_OFLAG_CREAT : WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC;
      if (do_open_at(guest, BOX, 0, from, oflags, ALL_RIGHTS, 0, &fd)) break;
      if (life->open[slot]) OK(do_close(guest, life->open[slot]));
      life->open[slot] = fd;
      break;
    }
    case 8:
      if (do_stat(guest, BOX, 0, from, &stat)) break;
      OK(guest_call(guest, SYS_path_filestat_set_times, BOX, 0, PATH_A, strlen(from), random_next(random) >> 1,
                    random_next(random) >> 1, WASI_FSTFLAG_ATIM | WASI_FSTFLAG_MTIM));
      break;
    case 9: {
      char path[80];
      snprintf(path, sizeof path, "/home/%s", from);
      (void)nidus_chmod(guest->system, path, (uint32_t)strlen(path), (uint32_t)random_below(random, 010000));
      break;
    }
    default: change_file(life); break;
  }
}

static void survives_with(uint64_t budget, uint64_t seed, int boots) {
  struct store store = {0};
  struct random random = {random_seed(seed)};
  printf("SEED=%llu\n", (unsigned long long)random.state);
  for (int boot = 0; boot < boots; boot++) {
    struct guest system;
    struct life life = {.guest = &system, .random = {random_next(&random) | 1}};
    open_volume(&system, &store, budget);
    for (int round = 0; round < 12; round++) {
      for (uint64_t k = random_below(&random, 60); k > 0; k--) {
        operate(&life);
        check_accounts(&system, &store);
      }
      if (!store.flushing) store_begin(&system, &store);
      /* The transaction takes its time, and the system goes on; so do answers for chunks. */
      (void)store_ask(&system, &store);
      for (uint64_t k = random_below(&random, 3) ? random_below(&random, 25) : 0; k > 0; k--) operate(&life);
      if (random_below(&random, 2)) store_answer(&system, &store);
      check_accounts(&system, &store);
      store_end(&system, &store, random_below(&random, 3) != 0);
      check_accounts(&system, &store);
      if (round % 4 != 3) continue;
      store_flush(&system, &store, true);
      require(dirty(&system, &store) == 0);
      compare_with_store(&system, &store, true);
      check_accounts(&system, &store);
    }
    /* Unlinked files that are still open, and a flush that never ends, go with the system. */
    if (boot % 2) {
      for (int i = 0; i < OPEN_FILES; i++) {
        if (life.open[i]) OK(do_close(&system, life.open[i]));
      }
      store_answer(&system, &store);
      store_flush(&system, &store, true);
      compare_with_store(&system, &store, false);
    } else {
      store_flush(&system, &store, true);
      operate(&life);
      store_begin(&system, &store);
    }
    guest_stop(&system);
    struct store copy = store_copy(&store);
    store_free(&store);
    store = copy;
  }
  store_free(&store);
}

static void survives(struct guest *guest) {
  (void)guest;
  survives_with(ALL_IN_MEMORY, 20240604, 40);
}

static void survives_in_little_memory(struct guest *guest) {
  (void)guest;
  survives_with(LITTLE, 20261128, 40);
}

/* ---- single cases ---- */

static void journaled(struct guest *guest, struct store *store) {
  require(store_mount(guest, store, "/home", 0, ALL_IN_MEMORY) == 0);
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/home", 0);
}

/* How many records of a type a log has. */
static uint32_t count_of(const struct store *store, enum log_type type) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < store->log_count; i++) {
    struct log_reader log;
    struct log_header header;
    require(log_open(&log, store->log[i].bytes, store->log[i].length, &header));
    while (log.at < log.end) {
      struct log_record record;
      require(log_next(&log, &record));
      count += record.type == type;
    }
  }
  return count;
}

/* Lets the log outgrow its checkpoint. */
static void make_checkpoint(struct guest *guest, struct store *store) {
  uint64_t restarts = store->restarts;
  while (store->restarts == restarts) {
    for (int i = 0; i < 100; i++) {
      char name[300];
      snprintf(name, sizeof name, "%0200d", i);
      make_file(guest, BOX, name, "x");
      OK(do_unlink(guest, BOX, name));
      make_file(guest, BOX, name, "y");
    }
    store_flush(guest, store, true);
    for (int i = 0; i < 100; i++) {
      char name[300];
      snprintf(name, sizeof name, "%0200d", i);
      OK(do_unlink(guest, BOX, name));
    }
    store_flush(guest, store, true);
  }
}

static void deletes_leave_nothing(struct guest *guest) {
  struct store store = {0};
  uint32_t fd, folder, moved;
  journaled(guest, &store);
  OK(do_mkdir(guest, BOX, "d"));
  OK(do_mkdir(guest, BOX, "d/e"));
  make_file(guest, BOX, "d/e/small", "text");
  OK(do_open(guest, BOX, "d/e/large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 300000, &moved));
  OK(do_pwrite(guest, fd, "x", 1, 0, &moved));
  OK(do_symlink(guest, BOX, "large", "d/e/link"));
  store_flush(guest, &store, true);
  require(count_of(&store, LOG_INODE) == 6 && count_of(&store, LOG_ENTRY) == 5 && store.chunk_count == 2);
  /* Unlinked while open: what has to be read again stays, until it is closed. */
  OK(do_open(guest, BOX, "d/e", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &folder));
  OK(do_unlink(guest, BOX, "d/e/large"));
  OK(do_unlink(guest, BOX, "d/e/small"));
  OK(do_unlink(guest, BOX, "d/e/link"));
  OK(do_rmdir(guest, BOX, "d/e"));
  store_flush(guest, &store, true);
  require(store.chunk_count == 2);
  OK(do_pwrite(guest, fd, "y", 1, 70000, &moved));
  store_flush(guest, &store, true);
  require(store.chunk_count == 3);
  OK(do_close(guest, fd));
  OK(do_close(guest, folder));
  OK(do_rmdir(guest, BOX, "d"));
  store_flush(guest, &store, true);
  require(store.chunk_count == 0 && dirty(guest, &store) == 0);
  make_checkpoint(guest, &store);
  require(store.log_count == 1 && count_of(&store, LOG_ENTRY) <= 100);
  compare_with_store(guest, &store, false);
  /* What is made and deleted between two flushes never reaches the store. */
  uint32_t inodes = count_of(&store, LOG_INODE);
  make_file(guest, BOX, "brief", "x");
  OK(do_unlink(guest, BOX, "brief"));
  store_flush(guest, &store, true);
  require(count_of(&store, LOG_INODE) == inodes + 1); /* the folder's */
  store_free(&store);
}

static void orphans_go_with_the_mount(struct guest *guest) {
  struct store store = {0};
  struct guest loaded;
  uint32_t fd, moved;
  journaled(guest, &store);
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 200000, &moved));
  OK(do_unlink(guest, BOX, "f"));
  store_flush(guest, &store, true);
  require(store.chunk_count == 1);
  struct store after = store_copy(&store);
  open_volume(&loaded, &after, ALL_IN_MEMORY);
  require(strcmp(names_in(&loaded, BOX), "") == 0 && dirty(&loaded, &after) == 1);
  store_flush(&loaded, &after, true);
  require(after.chunk_count == 0 && dirty(&loaded, &after) == 0);
  guest_stop(&loaded);
  store_free(&after);
  store_free(&store);
}

static void forms_change(struct guest *guest) {
  static const uint64_t sizes[] = {0, 4096, 4097, 0, 65536, 65537, 100, 5000, 0, 70000, 131072, 65536, 4096, 1, 200000, 0, 3};
  struct store store = {0};
  uint32_t fd, moved;
  journaled(guest, &store);
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    OK(guest_call(guest, SYS_fd_filestat_set_size, fd, sizes[i]));
    if (sizes[i]) OK(do_pwrite(guest, fd, "end", 1, sizes[i] - 1, &moved));
    if (i % 3) store_flush(guest, &store, false);
    store_flush(guest, &store, true);
    compare_with_store(guest, &store, false);
    require(store.chunk_count <= (sizes[i] <= 4096 ? 0 : (sizes[i] + 65535) / 65536));
  }
  store_free(&store);
}

/* The guest's memory ends before what is to be written far behind: nothing is, and the file goes on as a small one. */
static void failed_writes_leave_files_whole(struct guest *guest) {
  enum { AT = 64 };
  struct store store = {0};
  uint32_t fd, moved;
  journaled(guest, &store);
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  guest_put_u32(guest, AT, GUEST_SIZE - 2);
  guest_put_u32(guest, AT + 4, 4);
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_pwrite, fd, AT, 1, (uint64_t)20 * 65536, AT + 8));
  OK(do_pwrite(guest, fd, "small", 5, 0, &moved));
  store_flush(guest, &store, true);
  compare_with_store(guest, &store, false);
  store_free(&store);
}

static void small_changes_write_little(struct guest *guest) {
  struct store store = {0};
  uint32_t fd, moved;
  journaled(guest, &store);
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(guest_call(guest, SYS_fd_allocate, fd, 0, 64 * 65536));
  for (int i = 0; i < 200; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    make_file(guest, BOX, name, "x");
  }
  store_flush(guest, &store, true);
  uint64_t size = store_size(&store);
  OK(do_pwrite(guest, fd, "xy", 2, 10 * 65536 - 1, &moved));
  store_begin(guest, &store);
  require(store.pending_count == 3); /* two chunks and a segment */
  store_end(guest, &store, true);
  require(store_size(&store) - size < 200);
  size = store_size(&store);
  OK(do_unlink(guest, BOX, "n7"));
  OK(do_rename(guest, BOX, "n8", "n9"));
  require(dirty(guest, &store) <= 6);
  store_begin(guest, &store);
  require(store.pending_count == 1);
  store_end(guest, &store, true);
  require(store_size(&store) - size < 500);
  store_free(&store);
}

/* However long it lives, its log stays about as large as what it tells. */
static void the_log_stays_small(struct guest *guest) {
  struct store store = {0};
  journaled(guest, &store);
  uint64_t most = 0;
  for (int i = 0; i < 3000; i++) {
    char name[32], text[200];
    snprintf(name, sizeof name, "n%d", i % 50);
    memset(text, 'a' + i % 26, sizeof text - 1);
    text[sizeof text - 1] = 0;
    make_file(guest, BOX, name, text);
    store_flush(guest, &store, i % 7 != 3);
    if (store_size(&store) > most) most = store_size(&store);
  }
  store_flush(guest, &store, true);
  require(store.restarts > 1 && store.restarts < 10 && most < 400 * 1024);
  compare_with_store(guest, &store, false);
  store_free(&store);
}

static void make_many(struct guest *guest, struct store *store, bool flushes) {
  static char text[4001];
  memset(text, 'x', 4000);
  for (int i = 0; i < 700; i++) {
    char name[32];
    snprintf(name, sizeof name, "d%d", i / 100);
    if (i % 100 == 0) OK(do_mkdir(guest, BOX, name));
    snprintf(name, sizeof name, "d%d/n%d", i / 100, i);
    make_file(guest, BOX, name, text);
    if (flushes && i % 100 == 50) store_flush(guest, store, true);
  }
}

static void large_trees_take_several_segments(struct guest *guest) {
  struct store store = {0};
  journaled(guest, &store);
  make_many(guest, &store, false);
  store_flush(guest, &store, true);
  require(store.log_count == 3);
  for (uint32_t i = 0; i < store.log_count; i++) require(store.log[i].length <= LOG_SEGMENT_SIZE);
  compare_with_store(guest, &store, false);
  store_free(&store);
}

static void sync_waits_for_its_flush(struct guest *guest) {
  struct store store = {0};
  uint32_t fd;
  journaled(guest, &store);
  make_file(guest, BOX, "f", "x");
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_FLUSH);
  store_begin(guest, &store);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  /* What changes now belongs to the next flush, which nobody waits for yet. */
  make_file(guest, BOX, "g", "x");
  store_end(guest, &store, true);
  OK(guest_call(guest, SYS_fd_sync, fd));
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_datasync, fd));
  store_flush(guest, &store, true);
  OK(guest_call(guest, SYS_fd_datasync, fd));
  OK(guest_call(guest, SYS_fd_sync, fd));
  /* One that fails is the error of who waited for it, and of nobody else. */
  make_file(guest, BOX, "h", "x");
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  store_flush(guest, &store, false);
  EXPECT(WASI_EIO, guest_call(guest, SYS_fd_sync, fd));
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  store_flush(guest, &store, true);
  OK(guest_call(guest, SYS_fd_sync, fd));
  store_free(&store);
}

/* With dsync or sync, a write answers when it is stored; it waits without writing twice. */
static void synchronous_writes_wait(struct guest *guest) {
  static const uint16_t ways[] = {WASI_FDFLAG_DSYNC, WASI_FDFLAG_SYNC, WASI_FDFLAG_SYNC | WASI_FDFLAG_APPEND};
  struct store store = {0};
  uint32_t fd, plain, moved;
  journaled(guest, &store);
  for (uint32_t i = 0; i < 3; i++) {
    make_file(guest, BOX, "f", "");
    store_flush(guest, &store, true);
    OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, ways[i], &fd));
    OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &plain));
    EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, fd, "abc", 3, &moved));
    require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_FLUSH);
    store_begin(guest, &store);
    EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, fd, "abc", 3, &moved));
    store_end(guest, &store, true);
    OK(do_write(guest, fd, "abc", 3, &moved));
    require(moved == 3 && strcmp(text_of(guest, BOX, "f"), "abc") == 0);
    EXPECT(NIDUS_WOULD_BLOCK, do_pwrite(guest, fd, "xy", 2, 1, &moved));
    store_flush(guest, &store, true);
    OK(do_pwrite(guest, fd, "xy", 2, 1, &moved));
    require(moved == 2 && strcmp(text_of(guest, BOX, "f"), "axy") == 0);
    compare_with_store(guest, &store, false);
    /* What cannot be stored is its error, and of no other write. */
    EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, fd, "d", 1, &moved));
    store_flush(guest, &store, false);
    EXPECT(WASI_EIO, do_write(guest, fd, "d", 1, &moved));
    store_flush(guest, &store, true);
    OK(do_write(guest, plain, "A", 1, &moved));
    require(strcmp(text_of(guest, BOX, "f"), "Axyd") == 0);
    /* Nothing is waited for where nothing is written, and for streams. */
    store_flush(guest, &store, true);
    OK(do_write(guest, fd, "", 0, &moved));
    /* Closed by another thread while one waits: its next write is its own. */
    EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, fd, "e", 1, &moved));
    OK(do_close(guest, fd));
    EXPECT(WASI_EBADF, do_write(guest, fd, "e", 1, &moved));
    OK(do_pwrite(guest, plain, "BCDEF", 5, 0, &moved));
    require(moved == 5 && strcmp(text_of(guest, BOX, "f"), "BCDEF") == 0);
    OK(do_close(guest, plain));
    OK(do_unlink(guest, BOX, "f"));
  }
  store_free(&store);
}

/* ---- stores that are not whole ---- */

/* A log as its records, of which any can be spoiled. */
struct records {
  struct log_record *items;
  uint32_t count;
};

static struct records records_of(const struct store *store) {
  struct records records = {0};
  for (uint32_t i = 0; i < store->log_count; i++) {
    struct log_reader log;
    struct log_header header;
    require(log_open(&log, store->log[i].bytes, store->log[i].length, &header));
    while (log.at < log.end) {
      records.items = realloc(records.items, (records.count + 1) * sizeof *records.items);
      require(records.items && log_next(&log, &records.items[records.count]));
      struct log_record *record = &records.items[records.count++];
      uint8_t *copy = calloc(1, record->length + 1);
      require(copy);
      memcpy(copy, record->bytes, record->length);
      record->bytes = copy;
    }
  }
  return records;
}

static void records_free(struct records *records) {
  for (uint32_t i = 0; i < records->count; i++) free((void *)(uintptr_t)records->items[i].bytes);
  free(records->items);
}

/* The store with a log of these. */
static struct store written(const struct store *store, const struct records *records) {
  static const uint8_t numbers[] = {[LOG_ENTRY] = 8, [LOG_CHUNKS] = 12, [LOG_CUT] = 8, [LOG_NEXT_INO] = 0};
  struct store copy = store_copy(store);
  uint8_t *bytes = malloc(1 << 16);
  struct volume_segment segment;
  struct log_writer log = {.bytes = bytes, .segments = &segment, .transaction = 1, .flags = LOG_CHECKPOINT};
  for (uint32_t i = 0; i < records->count; i++) {
    const struct log_record *record = &records->items[i];
    uint32_t extra = record->type < sizeof numbers ? numbers[record->type] : 0;
    uint8_t *at = log_put(&log, record->type, record->ino, record->length + extra);
    require(at && log.at < 60000);
    if (extra >= 8) memcpy(at, &record->value, 8);
    if (extra == 12) memcpy(at + 8, &record->count, 4);
    memcpy(at + extra, record->bytes, record->length);
  }
  log_end(&log);
  for (uint32_t i = 1; i < copy.log_count; i++) free(copy.log[i].bytes);
  free(copy.log[0].bytes);
  copy.log[0] = (struct blob){bytes, segment.length};
  copy.log_count = 1;
  return copy;
}

/* What is loaded is a tree, or refused, empty, and not written to. */
static int32_t load_and_use(struct store *store) {
  struct guest guest;
  guest_start(&guest);
  store->invents = true;
  int32_t result = store_mount(&guest, store, "/home", 0, LITTLE);
  store_serves(&guest, store);
  guest_preopen(&guest, "/home", 0);
  if (result == 0) {
    guest_inspect(&guest, BOX, true);
    make_file(&guest, BOX, "usable", "x");
    store_flush(&guest, store, true);
  } else {
    require(result == -WASI_EIO && strcmp(names_in(&guest, BOX), "") == 0);
    make_file(&guest, BOX, "usable", "x");
    require(nidus_flush_begin(guest.system, store->mount) == -WASI_EIO);
  }
  guest_stop(&guest);
  return result;
}

/* What can be read of it is a tree; answers how many records could not be used. */
static uint32_t salvage_and_use(const struct store *store, uint32_t *moved, uint64_t *digest) {
  struct volume_segment segments[16];
  struct volume_salvaged salvaged;
  require(store->log_count <= 16);
  for (uint32_t i = 0; i < store->log_count; i++) {
    segments[i] = (struct volume_segment){store->log[i].bytes, store->log[i].length};
  }
  require(volume_salvage(segments, store->log_count, &salvaged) == WASI_ESUCCESS);
  struct store copy = store_copy(store);
  store_apply(&copy, &(struct volume_cut){.restart = true, .segments = salvaged.segments, .segment_count = salvaged.segment_count});
  uint32_t unusable = salvaged.unusable;
  *moved = salvaged.moved;
  volume_salvaged_free(&salvaged);
  struct guest guest;
  copy.invents = true;
  guest_start(&guest);
  require(store_mount(&guest, &copy, "/home", 0, LITTLE) == 0);
  store_serves(&guest, &copy);
  guest_preopen(&guest, "/home", 0);
  *digest = guest_inspect(&guest, BOX, true).digest;
  make_file(&guest, BOX, "usable", "x");
  store_flush(&guest, &copy, true);
  guest_stop(&guest);
  store_free(&copy);
  return unusable;
}

static void spoil_nothing(struct records *records, uint32_t i) { (void)records, (void)i; }

static int32_t load_spoiled(const struct store *store, uint32_t i, void (*spoil)(struct records *, uint32_t)) {
  struct records records = records_of(store);
  spoil(&records, i);
  struct store copy = written(store, &records);
  records_free(&records);
  uint32_t moved, unusable;
  uint64_t digest;
  unusable = salvage_and_use(&copy, &moved, &digest);
  if (spoil == spoil_nothing) require(unusable == 0 && moved == 0);
  int32_t result = load_and_use(&copy);
  store_free(&copy);
  return result;
}

static void lose(struct records *records, uint32_t i) {
  free((void *)(uintptr_t)records->items[i].bytes);
  memmove(&records->items[i], &records->items[i + 1], (--records->count - i) * sizeof *records->items);
}
static void shorten(struct records *records, uint32_t i) {
  struct log_record *record = &records->items[i % records->count];
  if (record->length) record->length--;
}
static void renumber(struct records *records, uint32_t i) { records->items[i % records->count].ino += 1 + i / records->count; }
static void redirect(struct records *records, uint32_t i) {
  struct log_record *record = &records->items[i % records->count];
  record->value += 1 + i / records->count;
  record->count += i / records->count % 3;
}
static void swap(struct records *records, uint32_t i) {
  struct log_record *a = &records->items[i % records->count], *b = &records->items[i / records->count % records->count];
  struct log_record record = *a;
  *a = *b;
  *b = record;
}
static void retype(struct records *records, uint32_t i) {
  struct log_record *record = &records->items[i % records->count];
  record->type = (enum log_type)(1 + (record->type + i / records->count) % 7);
}
static void rename_entry(struct records *records, uint32_t i) {
  struct log_record *record = &records->items[i % records->count];
  static const char *const bad[] = {"", ".", "..", "a/b", "a\xff"};
  const char *name = bad[i / records->count % 5];
  if (record->type != LOG_ENTRY) return;
  free((void *)(uintptr_t)record->bytes);
  record->bytes = (uint8_t *)strdup(name);
  record->length = (uint32_t)strlen(name);
}
static void flip(struct records *records, uint32_t i) {
  struct log_record *record = &records->items[i % records->count];
  if (record->length) ((uint8_t *)(uintptr_t)record->bytes)[i / records->count % record->length] ^= 1u << i % 8;
}
/* Two folders that hold each other, far from the root. */
static void tie_a_knot(struct records *records, uint32_t i) {
  for (uint32_t k = 0; k < records->count; k++) {
    struct log_record *record = &records->items[k];
    if (record->type != LOG_ENTRY || record->bytes[0] != 'a') continue;
    record->ino = record->value + i % 3; /* itself, or one of the folders below it */
    return;
  }
  require(!"there is no folder a");
}

/* The same, and then the folder goes: nothing of it may stay, which the sanitiser sees. */
static void bury_a_knot(struct records *records, uint32_t i) {
  tie_a_knot(records, i);
  uint64_t ino = 0;
  for (uint32_t k = 0; k < records->count; k++) {
    if (records->items[k].type == LOG_ENTRY && records->items[k].bytes[0] == 'a') ino = records->items[k].value;
  }
  records->items = realloc(records->items, (records->count + 3) * sizeof *records->items);
  require(records->items);
  for (uint64_t below = 0; below < 3; below++) {
    records->items[records->count++] = (struct log_record){.type = LOG_GONE, .ino = ino + below, .bytes = calloc(1, 1)};
  }
}

static void refuses_corrupt_stores(struct guest *guest) {
  struct store store = {0};
  uint32_t fd, moved;
  journaled(guest, &store);
  OK(do_mkdir(guest, BOX, "a"));
  OK(do_mkdir(guest, BOX, "a/b"));
  OK(do_mkdir(guest, BOX, "a/b/c"));
  make_file(guest, BOX, "a/b/f", "text");
  OK(do_link(guest, BOX, 0, "a/b/f", "f"));
  OK(do_symlink(guest, BOX, "f", "link"));
  OK(do_open(guest, BOX, "large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 100000, &moved));
  store_flush(guest, &store, true);
  require(load_spoiled(&store, 0, spoil_nothing) == 0);
  struct records records = records_of(&store);
  uint32_t refused = 0, loads = 0, count = records.count;
  for (uint32_t i = 0; i < count; i++) {
    /* Chunks may be missing: they are a hole. A hard link may, too, and the highest number. Any other loss is not. */
    const struct log_record *record = &records.items[i];
    bool spare = record->type == LOG_CHUNKS || record->type == LOG_NEXT_INO || record->ino == 1 ||
                 (record->type == LOG_ENTRY && record->bytes[0] == 'f');
    if (record->type == LOG_ENTRY && record->bytes[0] != 'f') spare = false;
    int32_t result = load_spoiled(&store, i, lose);
    require(result == (spare ? 0 : -WASI_EIO));
  }
  for (uint32_t i = 0; i < 80 * count; i++) {
    static void (*const ways[])(struct records *, uint32_t) = {renumber, redirect, rename_entry, flip, shorten, swap, retype};
    for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++, loads++) refused += load_spoiled(&store, i, ways[k]) != 0;
  }
  printf("%u spoiled stores, %u refused\n", loads, refused);
  require(refused > loads / 4);
  for (uint32_t i = 0; i < 3; i++) require(load_spoiled(&store, i, tie_a_knot) == -WASI_EIO);
  for (uint32_t i = 0; i < 3; i++) (void)load_spoiled(&store, i, bury_a_knot);
  records_free(&records);
  store_free(&store);
}

/* What is salvaged is what there was, but for what was spoiled. */
static void salvages_what_can_be_read(struct guest *guest) {
  struct store store = {0};
  uint32_t fd, moved, found;
  uint64_t digest, whole;
  journaled(guest, &store);
  OK(do_mkdir(guest, BOX, "a"));
  OK(do_mkdir(guest, BOX, "a/b"));
  make_file(guest, BOX, "a/b/f", "text");
  OK(do_open(guest, BOX, "large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 100000, &moved));
  make_file(guest, BOX, "gone", "x");
  store_flush(guest, &store, true);
  OK(do_unlink(guest, BOX, "gone"));
  OK(do_rename(guest, BOX, "a/b", "c"));
  OK(do_link(guest, BOX, 0, "c/f", "f"));
  store_flush(guest, &store, true);
  require(store.log_count == 2);
  store.invents = true;
  require(salvage_and_use(&store, &found, &digest) == 0 && found == 0);
  struct guest loaded;
  struct store copy = store_copy(&store);
  copy.invents = true;
  open_volume(&loaded, &copy, LITTLE);
  whole = guest_inspect(&loaded, BOX, true).digest;
  guest_stop(&loaded);
  store_free(&copy);
  require(digest == whole);

  /* Without the entries of the root, everything has a number for its name. */
  struct records records = records_of(&store);
  for (uint32_t i = 0; i < records.count;) {
    if (records.items[i].type == LOG_ENTRY && records.items[i].ino == 1) lose(&records, i);
    else i++;
  }
  copy = written(&store, &records);
  records_free(&records);
  require(load_and_use(&copy) == -WASI_EIO);
  require(salvage_and_use(&copy, &found, &digest) == 0 && found == 3);
  struct volume_salvaged salvaged;
  struct volume_segment segment = {copy.log[0].bytes, copy.log[0].length};
  require(volume_salvage(&segment, 1, &salvaged) == WASI_ESUCCESS);
  store_apply(&copy, &(struct volume_cut){.restart = true, .segments = salvaged.segments, .segment_count = salvaged.segment_count});
  volume_salvaged_free(&salvaged);
  open_volume(&loaded, &copy, LITTLE);
  require(strcmp(names_in(&loaded, BOX), "lost+found ") == 0);
  struct filestat stat;
  char path[64];
  OK(do_fstat(guest, fd, &stat));
  snprintf(path, sizeof path, "lost+found/#%u", (unsigned)stat.ino);
  OK(do_stat(&loaded, BOX, 0, path, &stat));
  require(stat.size == 100001);
  OK(do_stat(guest, BOX, 0, "c", &stat));
  snprintf(path, sizeof path, "lost+found/#%u/f", (unsigned)stat.ino);
  require(strcmp(text_of(&loaded, BOX, path), "text") == 0);
  guest_stop(&loaded);
  store_free(&copy);
  store_free(&store);
}

/* A log of which a part is missing, twice there, or cut short. */
static void refuses_incomplete_logs(struct guest *guest) {
  struct store store = {0};
  journaled(guest, &store);
  make_many(guest, &store, true);
  store_flush(guest, &store, true);
  require(store.log_count > 5);
  for (uint32_t i = 0; i < store.log_count; i++) {
    for (int way = 0; way < 3; way++) {
      struct store copy = store_copy(&store);
      if (way == 0) {
        free(copy.log[i].bytes);
        memmove(&copy.log[i], &copy.log[i + 1], (--copy.log_count - i) * sizeof *copy.log);
      } else if (way == 1) {
        copy.log[i].length -= 1 + i;
      } else {
        struct blob other = copy.log[i];
        copy.log[i] = copy.log[(i + 1) % copy.log_count];
        copy.log[(i + 1) % copy.log_count] = other;
      }
      /* Without its last flush it is as it was before that one. */
      bool spare = way == 0 && i == store.log_count - 1;
      require(load_and_use(&copy) == (spare ? 0 : -WASI_EIO));
      store_free(&copy);
    }
  }
  /* A writer that never learnt that its flush was stored writes it again. */
  make_file(guest, BOX, "twice", "x");
  store_begin(guest, &store);
  store_end(guest, &store, true);
  struct store copy = store_copy(&store);
  require(load_and_use(&copy) == 0);
  store_free(&copy);
  store_free(&store);
}

static void uncertain_flushes_are_repeated(struct guest *guest) {
  struct store store = {0};
  journaled(guest, &store);
  make_file(guest, BOX, "a", "1");
  store_flush(guest, &store, true);
  for (int i = 0; i < 4; i++) {
    char name[2] = {(char)('b' + i), 0};
    make_file(guest, BOX, name, "2");
    if (i == 2) OK(do_unlink(guest, BOX, "b"));
    /* It is stored, but its writer is told that it failed. */
    store_begin(guest, &store);
    struct nidus_flush_record *records = store.pending;
    store.pending = calloc(store.pending_count + 1, sizeof *records);
    for (uint32_t k = 0; k < store.pending_count; k++) {
      store.pending[k] = records[k];
      uint8_t *copy = malloc(records[k].length + 1);
      memcpy(copy, records[k].bytes, records[k].length);
      store.pending[k].bytes = copy;
      free((void *)(uintptr_t)records[k].bytes);
    }
    free(records);
    uint32_t mount = store.mount;
    store.mount = 999;
    store_end(guest, &store, true);
    store.mount = mount;
    nidus_flush_end(guest->system, mount, WASI_EIO);
    compare_with_store(guest, &store, false);
  }
  store_flush(guest, &store, true);
  compare_with_store(guest, &store, false);
  store_free(&store);
}

static void misuse_is_refused(struct guest *guest) {
  struct store store = {0};
  struct nidus_flush_record record;
  struct nidus_want wants[NIDUS_WANTS];
  journaled(guest, &store);
  require(nidus_volume_dirty(guest->system, 0) == -WASI_EINVAL);
  require(nidus_flush_begin(guest->system, 0) == -WASI_EINVAL);
  require(nidus_flush_begin(guest->system, 999) == -WASI_EINVAL);
  require(!nidus_flush_record(guest->system, store.mount, 0, &record));
  require(!nidus_flush_record(guest->system, 0, 0, &record));
  nidus_flush_end(guest->system, store.mount, WASI_ESUCCESS);
  require(nidus_load(guest->system, 0, "", 0) == -WASI_EINVAL && nidus_load_end(guest->system, 0) == -WASI_EINVAL);
  require(nidus_volume_wants(guest->system, 0, true, wants) == 0);
  require(nidus_chunk(guest->system, 0, 1, 0, "x", 1, 0) == 0 && nidus_chunk(guest->system, store.mount, 77, 0, "x", 1, 0) == 0);
  make_file(guest, BOX, "f", "x");
  store_flush(guest, &store, true);
  require(nidus_load(guest->system, store.mount, store.log[0].bytes, store.log[0].length) == -WASI_EBUSY);
  require(nidus_load_end(guest->system, store.mount) == 0);
  store_free(&store);
}

/* ---- memory ---- */

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 7 + (offset >> 13) + 1); }

static void fill(struct guest *guest, uint32_t fd, uint64_t from, uint64_t to) {
  static uint8_t bytes[DATA_SIZE];
  uint32_t moved;
  for (uint64_t at = from; at < to; at += moved) {
    uint32_t length = to - at < DATA_SIZE ? (uint32_t)(to - at) : DATA_SIZE;
    for (uint32_t i = 0; i < length; i++) bytes[i] = byte_at(at + i);
    OK(do_pwrite(guest, fd, bytes, length, at, &moved));
    require(moved > 0);
  }
}

static void check_filled(struct guest *guest, uint32_t fd, uint64_t from, uint64_t to) {
  static uint8_t bytes[DATA_SIZE];
  uint32_t moved;
  for (uint64_t at = from; at < to; at += moved) {
    uint32_t length = to - at < DATA_SIZE ? (uint32_t)(to - at) : DATA_SIZE;
    OK(do_pread(guest, fd, bytes, length, at, &moved));
    require(moved == length);
    for (uint32_t i = 0; i < moved; i++) require(bytes[i] == byte_at(at + i));
  }
}

/* Mounts an empty volume of which as little as can be may lie in memory; answers a new file on it, open. */
static uint32_t little_volume(struct guest *guest, struct store *store) {
  uint32_t fd;
  OK(do_close(guest, BOX));
  require(store_mount(guest, store, "/home", 0, LITTLE) == 0);
  guest_preopen(guest, "/home", 0);
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  return fd;
}

/* 16 MiB in a volume that may have 1 MiB in memory: written, read, and changed at random. */
static void larger_than_memory(struct guest *guest) {
  enum { SIZE = 16 << 20 };
  struct store store = {0};
  struct random random = {99};
  uint32_t fd, moved;
  fd = little_volume(guest, &store);
  store_serves(guest, &store);
  fill(guest, fd, 0, SIZE);
  store_flush(guest, &store, true);
  require(store.chunk_count == SIZE / 65536);
  check_filled(guest, fd, 0, SIZE);
  require(store.loads >= SIZE / 65536 - 16 && store.loads <= SIZE / 65536 + 16);
  for (int i = 0; i < 500; i++) {
    uint64_t at = random_below(&random, SIZE - 70000);
    if (i % 3) {
      fill(guest, fd, at, at + random_below(&random, 70000));
    } else {
      check_filled(guest, fd, at, at + random_below(&random, 70000));
    }
  }
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, SIZE / 2 + 1000));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, SIZE));
  check_filled(guest, fd, 0, SIZE / 2 + 1000);
  char bytes[4];
  OK(do_pread(guest, fd, bytes, 4, SIZE / 2 + 1000, &moved));
  require(moved == 4 && memcmp(bytes, "\0\0\0\0", 4) == 0);
  /* Its chunks are needed as long as it is open, though it has no name. */
  OK(do_unlink(guest, BOX, "f"));
  store_flush(guest, &store, true);
  check_filled(guest, fd, 0, SIZE / 2 + 1000);
  OK(do_close(guest, fd));
  store_flush(guest, &store, true);
  require(store.chunk_count == 0);
  store_free(&store);
}

/* A file without a name is too large for memory, and so it is stored although nobody will find it. */
static void temporary_files_may_be_large(struct guest *guest) {
  struct store store = {0};
  uint32_t fd;
  fd = little_volume(guest, &store);
  store_serves(guest, &store);
  OK(do_unlink(guest, BOX, "f"));
  fill(guest, fd, 0, 5 << 20);
  check_filled(guest, fd, 0, 5 << 20);
  compare_with_store(guest, &store, true);
  OK(do_close(guest, fd));
  store_flush(guest, &store, true);
  require(store.chunk_count == 0);
  store_free(&store);
}

/* Opens a volume with a file of ten chunks, none of them in memory. */
static uint32_t open_evicted(struct guest *loaded, struct store *store) {
  struct guest guest;
  uint32_t fd;
  *store = (struct store){0};
  open_volume(&guest, store, ALL_IN_MEMORY);
  OK(do_open(&guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  fill(&guest, fd, 0, 10 * 65536);
  store_flush(&guest, store, true);
  guest_stop(&guest);
  open_volume(loaded, store, ALL_IN_MEMORY);
  loaded->unblock = NULL;
  OK(do_open(loaded, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  return fd;
}

static void blocked_on_chunk(struct guest *guest, wasi_errno_t error) {
  require(error == NIDUS_WOULD_BLOCK && nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_CHUNK);
}

/* Whatever happens to a chunk that is on its way, the bytes that come are never put over newer ones. */
static void late_answers_change_nothing(struct guest *guest) {
  (void)guest;
  static uint8_t whole[65536];
  for (int way = 0; way < 5; way++) {
    struct guest loaded;
    struct store store;
    uint32_t fd = open_evicted(&loaded, &store), moved;
    char bytes[4];
    blocked_on_chunk(&loaded, do_pread(&loaded, fd, bytes, 4, 3 * 65536, &moved));
    require(store_ask(&loaded, &store) == 1);
    memset(whole, 0xAB, sizeof whole);
    switch (way) {
      case 0: /* overwritten */
        memcpy(loaded.memory + 65536, whole, 65536);
        guest_put_u32(&loaded, IOVS, 65536);
        guest_put_u32(&loaded, IOVS + 4, 65536);
        OK(guest_call(&loaded, SYS_fd_pwrite, fd, IOVS, 1, 3 * 65536, OUT));
        break;
      case 1: /* overwritten and stored */
        memcpy(loaded.memory + 65536, whole, 65536);
        guest_put_u32(&loaded, IOVS, 65536);
        guest_put_u32(&loaded, IOVS + 4, 65536);
        OK(guest_call(&loaded, SYS_fd_pwrite, fd, IOVS, 1, 3 * 65536, OUT));
        store_flush(&loaded, &store, true);
        break;
      case 2: /* cut off */
        OK(guest_call(&loaded, SYS_fd_filestat_set_size, fd, 2 * 65536));
        break;
      case 3: /* cut off, and grown again */
        OK(guest_call(&loaded, SYS_fd_filestat_set_size, fd, 0));
        OK(guest_call(&loaded, SYS_fd_filestat_set_size, fd, 10 * 65536));
        store_flush(&loaded, &store, true);
        break;
      default: /* deleted, and closed */
        OK(do_unlink(&loaded, BOX, "f"));
        OK(do_close(&loaded, fd));
    }
    require(store_answer(&loaded, &store) > 0);
    if (way < 2) {
      OK(do_pread(&loaded, fd, bytes, 4, 3 * 65536, &moved));
      require(moved == 4 && memcmp(bytes, whole, 4) == 0);
    } else if (way == 2) {
      OK(do_pread(&loaded, fd, bytes, 4, 3 * 65536, &moved));
      require(moved == 0);
    } else if (way == 3) {
      OK(do_pread(&loaded, fd, bytes, 4, 3 * 65536, &moved));
      require(moved == 4 && memcmp(bytes, "\0\0\0\0", 4) == 0);
    } else {
      store_flush(&loaded, &store, true);
      require(store.chunk_count == 0 && dirty(&loaded, &store) == 0);
    }
    guest_stop(&loaded);
    store_free(&store);
  }
}

static void lost_chunks_are_errors(struct guest *guest) {
  (void)guest;
  struct guest loaded;
  struct store store;
  char bytes[4];
  uint32_t fd = open_evicted(&loaded, &store), moved;
  store_serves(&loaded, &store);
  store.fails = true;
  EXPECT(WASI_EIO, do_pread(&loaded, fd, bytes, 4, 5 * 65536, &moved));
  store.fails = false;
  OK(do_pread(&loaded, fd, bytes, 4, 5 * 65536, &moved));
  for (uint32_t i = 0; i < store.chunk_count; i++) {
    if (store.chunks[i].index != 8) continue;
    free(store.chunks[i].blob.bytes);
    store.chunks[i] = store.chunks[--store.chunk_count];
  }
  EXPECT(WASI_EIO, do_pread(&loaded, fd, bytes, 4, 8 * 65536, &moved));
  EXPECT(WASI_EIO, do_pwrite(&loaded, fd, "x", 1, 8 * 65536, &moved));
  EXPECT(WASI_EIO, guest_call(&loaded, SYS_fd_filestat_set_size, fd, 8 * 65536 + 1));
  /* Before it everything can be read, and what is cut off is not needed. */
  OK(do_pread(&loaded, fd, bytes, 4, 8 * 65536 - 2, &moved));
  require(moved == 2);
  OK(guest_call(&loaded, SYS_fd_filestat_set_size, fd, 8 * 65536));
  check_filled(&loaded, fd, 0, 8 * 65536);
  guest_stop(&loaded);
  store_free(&store);
}

/* The store does not take anything: a program is told instead of growing for ever, and goes on when it does again. */
static void full_stores_stop_writers(struct guest *guest) {
  struct store store = {0};
  static uint8_t bytes[DATA_SIZE];
  uint32_t fd, moved;
  fd = little_volume(guest, &store);
  store_serves(guest, &store);
  store.fails = true;
  uint64_t at = 0;
  wasi_errno_t error;
  for (; !(error = do_pwrite(guest, fd, bytes, DATA_SIZE, at, &moved)); at += moved) require(at < 2 << 20);
  EXPECT(WASI_EIO, error);
  require(at > 1 << 18);
  store.fails = false;
  OK(do_pwrite(guest, fd, bytes, DATA_SIZE, at, &moved));
  fill(guest, fd, 0, 3 << 20);
  store_flush(guest, &store, true);
  compare_with_store(guest, &store, false);
  store_free(&store);
}

/* A large write that finds no room for all has written a part, and its writer goes on to something else: the flush that
 * then fails was none that it, or the next one, waits for. */
static void short_writes_wait_for_nothing(struct guest *guest) {
  enum { VECTORS = 32 };
  struct store store = {0};
  uint32_t fd, moved;
  fd = little_volume(guest, &store);
  for (uint32_t i = 0; i < VECTORS; i++) {
    guest_put_u32(guest, IOVS + 8 * i, DATA);
    guest_put_u32(guest, IOVS + 8 * i + 4, DATA_SIZE);
  }
  OK(guest_call(guest, SYS_fd_write, fd, IOVS, VECTORS, OUT));
  moved = guest_u32(guest, OUT);
  require(moved > 0 && moved < VECTORS * DATA_SIZE);
  require(!nidus_volume_crowded(guest->system, store.mount));
  store_flush(guest, &store, false);
  static uint8_t bytes[DATA_SIZE];
  EXPECT(NIDUS_WOULD_BLOCK, do_pwrite(guest, fd, bytes, DATA_SIZE, moved, &moved));
  require(nidus_volume_crowded(guest->system, store.mount));
  store_flush(guest, &store, true);
  OK(do_pwrite(guest, fd, bytes, DATA_SIZE, moved, &moved));
  store_free(&store);
}

/* A write over two chunks waits until there is room for both, so that it is whole: many programs expect that of files. */
static void writes_wait_for_all_their_room(struct guest *guest) {
  struct store store = {0};
  static uint8_t bytes[DATA_SIZE];
  uint32_t fd, moved;
  fd = little_volume(guest, &store);
  for (uint64_t i = 3; i < 10; i++) OK(do_pwrite(guest, fd, bytes, DATA_SIZE, i * CHUNK_SIZE, &moved));
  EXPECT(NIDUS_WOULD_BLOCK, do_pwrite(guest, fd, bytes, DATA_SIZE, 2 * CHUNK_SIZE - DATA_SIZE / 2, &moved));
  require(nidus_volume_crowded(guest->system, store.mount));
  /* What is dirty already needs no more. */
  OK(do_pwrite(guest, fd, bytes, DATA_SIZE, 4 * CHUNK_SIZE - DATA_SIZE / 2, &moved));
  require(moved == DATA_SIZE);
  store_flush(guest, &store, true);
  OK(do_pwrite(guest, fd, bytes, DATA_SIZE, 2 * CHUNK_SIZE - DATA_SIZE / 2, &moved));
  require(moved == DATA_SIZE);
  /* So it does when what is dirty grows with it: that of a small file becomes a chunk of its own. */
  for (uint32_t i = 0; i < 3; i++) {
    static const char *const names[] = {"dirty", "dirty-before", "stored-before"};
    uint32_t small, chunk = i > 0;
    store_flush(guest, &store, true);
    OK(do_open(guest, BOX, names[i], WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &small));
    OK(do_pwrite(guest, small, bytes, 100, 0, &moved));
    if (i == 2) store_flush(guest, &store, true);
    for (uint64_t k = chunk; k < 7; k++) OK(do_pwrite(guest, fd, bytes, DATA_SIZE, k * CHUNK_SIZE, &moved));
    uint64_t at = (chunk + 1) * CHUNK_SIZE - DATA_SIZE / 2;
    EXPECT(NIDUS_WOULD_BLOCK, do_pwrite(guest, small, bytes, DATA_SIZE, at, &moved));
    store_flush(guest, &store, true);
    OK(do_pwrite(guest, small, bytes, DATA_SIZE, at, &moved));
    require(moved == DATA_SIZE);
  }
  store_free(&store);
}

/* The store has lost its log, and the chunks from `left` on. */
static void forget(struct store *store, uint64_t left) {
  for (uint32_t i = 0; i < store->log_count; i++) free(store->log[i].bytes);
  store->log_count = 0;
  for (uint32_t i = store->chunk_count; i-- > 0;) {
    if (store->chunks[i].index < left) continue;
    free(store->chunks[i].blob.bytes);
    store->chunks[i] = store->chunks[--store->chunk_count];
  }
}

/* In the order of a file's chunks. */
static int32_t rewrite(struct guest *guest, struct store *store, uint64_t ino) {
  struct nidus_chunk_key keys[16];
  struct reply reply = {0};
  for (uint32_t i = 0; i < store->chunk_count; i++) keys[i] = (struct nidus_chunk_key){ino, i};
  int32_t lost = volume_check(guest->system, store->mount, keys, store->chunk_count, VOLUME_REWRITE, &reply);
  free(reply.bytes);
  return lost;
}

static void lost_stores_are_written_anew(struct guest *guest) {
  struct guest loaded;
  struct store store;
  struct filestat stat;
  uint32_t fd = open_evicted(&loaded, &store), moved;
  char bytes[4];
  OK(do_fstat(&loaded, fd, &stat));
  make_file(&loaded, BOX, "g", "small");
  store_flush(&loaded, &store, true);
  store_serves(&loaded, &store);
  /* What is read is in memory, with some more ahead of it: what is behind that is nowhere. */
  OK(do_pread(&loaded, fd, bytes, 4, 0, &moved));
  forget(&store, 0);
  require(rewrite(&loaded, &store, stat.ino) == 1);
  store_flush(&loaded, &store, true);
  require(store.restarts > 0 && dirty(&loaded, &store) == 0);
  guest_stop(&loaded);
  open_volume(&loaded, &store, LITTLE);
  OK(do_open(&loaded, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  check_filled(&loaded, fd, 0, 9 * 65536);
  EXPECT(WASI_EIO, do_pread(&loaded, fd, bytes, 4, 9 * 65536, &moved));
  require(strcmp(text_of(&loaded, BOX, "g"), "small") == 0);
  guest_stop(&loaded);
  store_free(&store);

  /* Where nothing was evicted, nothing is lost. */
  struct store whole = {0};
  journaled(guest, &whole);
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  fill(guest, fd, 0, 10 * 65536);
  OK(do_mkdir(guest, BOX, "d"));
  store_flush(guest, &whole, true);
  OK(do_fstat(guest, fd, &stat));
  forget(&whole, 3);
  require(rewrite(guest, &whole, stat.ino) == 0);
  store_flush(guest, &whole, true);
  compare_with_store(guest, &whole, false);
  store_free(&whole);
}

static const struct test tests[] = {
    {"A store that has lost what it had is given all there is; what is nowhere is an error", lost_stores_are_written_anew},
    {"A write of files waits until there is room for all of it", writes_wait_for_all_their_room},
    {"Who could write a part is told of no failure to make room for the rest", short_writes_wait_for_nothing},
    {"What random operations made is loaded again, whichever flushes failed", survives},
    {"So it is when little of it may lie in memory", survives_in_little_memory},
    {"The store forgets what is deleted, when it is closed", deletes_leave_nothing},
    {"What was open without a name goes with the next mount", orphans_go_with_the_mount},
    {"A file that changes its form is stored whole and leaves no chunk behind", forms_change},
    {"A write that fails leaves the file as it was, also in the store", failed_writes_leave_files_whole},
    {"A small change writes little", small_changes_write_little},
    {"The log stays about as large as what it tells", the_log_stays_small},
    {"A large tree takes several segments", large_trees_take_several_segments},
    {"fd_sync waits for the flush that holds what was written before", sync_waits_for_its_flush},
    {"A write with dsync or sync answers when it is stored, and writes once", synchronous_writes_wait},
    {"A store that contradicts itself is refused, and leaves an empty volume that is not written", refuses_corrupt_stores},
    {"What can be read of such a store is salvaged, with what has no name in lost+found", salvages_what_can_be_read},
    {"A log of which a part is missing or out of order is refused", refuses_incomplete_logs},
    {"A flush of which nobody knows whether it was stored is repeated", uncertain_flushes_are_repeated},
    {"Calls on what is no volume, or not being flushed, are refused", misuse_is_refused},
    {"A file may be larger than the memory of its volume", larger_than_memory},
    {"So may one that has no name", temporary_files_may_be_large},
    {"Bytes that come late are never put over newer ones", late_answers_change_nothing},
    {"A chunk that cannot be had is an error of who needs it", lost_chunks_are_errors},
    {"Where the store takes nothing, writers are told", full_stores_stop_writers}};
RUN_TESTS(tests)
