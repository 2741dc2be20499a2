/*
 * test_volume.c: what a journaled volume writes to its store, and what comes back from it.
 *
 * The store is an array of records with the keys of the IndexedDB database (docs/kernel-abi.md). Random
 * operations run, flushes succeed, fail, or overlap with further changes; then the store is loaded into a
 * new system, and both trees must be the same.
 */
#include "kit.h"

/* ---- the store ---- */

struct record {
  uint32_t store;
  uint64_t ino, index; /* dirent: the parent and the child */
  char name[256];
  uint32_t name_length;
  uint8_t *bytes;
  uint32_t length;
};

struct store {
  struct record *records;
  uint32_t count, capacity;
};

static void store_free(struct store *store) {
  for (uint32_t i = 0; i < store->count; i++) free(store->records[i].bytes);
  free(store->records);
  *store = (struct store){0};
}

static void store_remove(struct store *store, uint32_t i) {
  free(store->records[i].bytes);
  store->records[i] = store->records[--store->count];
}

static bool same_key(const struct record *record, const struct nidus_flush_record *key) {
  if (record->store != key->store || record->ino != key->ino) return false;
  if (key->store == NIDUS_STORE_INODE) return true;
  if (key->store == NIDUS_STORE_CHUNK) return record->index == key->index;
  return record->name_length == key->name_length && memcmp(record->name, key->name, key->name_length) == 0;
}

static void store_delete(struct store *store, const struct nidus_flush_record *key) {
  for (uint32_t i = store->count; i-- > 0;) {
    const struct record *record = &store->records[i];
    bool gone = key->op == NIDUS_STORE_DELETE_FROM
                    ? record->store == key->store && record->ino == key->ino &&
                          (key->store == NIDUS_STORE_DIRENT || record->index >= key->index)
                    : same_key(record, key);
    if (gone) store_remove(store, i);
  }
}

static void store_put(struct store *store, const struct nidus_flush_record *put) {
  for (uint32_t i = 0; i < store->count; i++) {
    if (!same_key(&store->records[i], put)) continue;
    store_remove(store, i);
    break;
  }
  if (store->count == store->capacity) {
    store->capacity = store->capacity ? 2 * store->capacity : 64;
    store->records = realloc(store->records, store->capacity * sizeof *store->records);
    require(store->records);
  }
  struct record *record = &store->records[store->count++];
  *record = (struct record){.store = put->store, .ino = put->ino, .index = put->index, .length = put->length};
  require(put->name_length < sizeof record->name);
  if (put->name_length) memcpy(record->name, put->name, put->name_length);
  record->name_length = put->name_length;
  record->bytes = malloc(put->length ? put->length : 1);
  require(record->bytes);
  if (put->length) memcpy(record->bytes, put->bytes, put->length);
}

/* What a transaction would do; it takes its bytes in the turn of nidus_flush_begin. */
struct transaction {
  struct nidus_flush_record *records;
  uint32_t count;
};

static struct transaction begin_flush(struct guest *guest, uint32_t mount) {
  int32_t count = nidus_flush_begin(guest->system, mount);
  require(count >= 0);
  struct transaction transaction = {malloc(((size_t)count + 1) * sizeof *transaction.records), (uint32_t)count};
  require(transaction.records);
  for (uint32_t i = 0; i < transaction.count; i++) {
    struct nidus_flush_record *record = &transaction.records[i];
    require(nidus_flush_record(guest->system, mount, i));
    *record = *nidus_flush_record(guest->system, mount, i);
    char *name = malloc(record->name_length + 1), *bytes = malloc(record->length + 1);
    require(name && bytes && record->op >= NIDUS_STORE_PUT && record->op <= NIDUS_STORE_DELETE_FROM);
    require(record->op != NIDUS_STORE_DELETE_FROM || record->store != NIDUS_STORE_INODE);
    require(record->op != NIDUS_STORE_DELETE || record->store != NIDUS_STORE_CHUNK);
    if (record->name_length) memcpy(name, record->name, record->name_length);
    if (record->length) memcpy(bytes, record->bytes, record->length);
    record->name = name;
    record->bytes = bytes;
  }
  require(!nidus_flush_record(guest->system, mount, transaction.count));
  require(nidus_flush_begin(guest->system, mount) == -WASI_EBUSY);
  return transaction;
}

static void end_flush(struct guest *guest, uint32_t mount, struct transaction *transaction, struct store *store,
                      bool ok) {
  for (uint32_t i = 0; i < transaction->count; i++) {
    struct nidus_flush_record *record = &transaction->records[i];
    if (ok && record->op == NIDUS_STORE_PUT) store_put(store, record);
    if (ok && record->op != NIDUS_STORE_PUT) store_delete(store, record);
    free((void *)(uintptr_t)record->name);
    free((void *)(uintptr_t)record->bytes);
  }
  free(transaction->records);
  nidus_flush_end(guest->system, mount, ok);
}

static void flush(struct guest *guest, uint32_t mount, struct store *store, bool ok) {
  struct transaction transaction = begin_flush(guest, mount);
  end_flush(guest, mount, &transaction, store, ok);
}

/* Loads in an order of its own: inodes first, then the rest shuffled. */
static int32_t load(struct guest *guest, uint32_t mount, const struct store *store, struct random *random) {
  uint32_t *order = malloc((store->count + 1) * sizeof *order);
  require(order);
  for (uint32_t i = 0; i < store->count; i++) {
    uint32_t k = (uint32_t)random_below(random, i + 1);
    order[i] = order[k];
    order[k] = i;
  }
  int32_t result = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < store->count && result == 0; i++) {
      const struct record *record = &store->records[order[i]];
      bool inode = record->store == NIDUS_STORE_INODE;
      if (inode != (pass == 0)) continue;
      if (inode) {
        result = nidus_load_inode(guest->system, mount, record->ino, record->bytes, record->length);
      } else if (record->store == NIDUS_STORE_DIRENT) {
        result = nidus_load_dirent(guest->system, mount, record->ino, record->name, record->name_length, record->index);
      } else {
        result = nidus_load_chunk(guest->system, mount, record->ino, record->index, record->bytes, record->length);
      }
    }
  }
  free(order);
  int32_t end = nidus_load_end(guest->system, mount);
  return result ? result : end;
}

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

/* A new system with the store's volume as its only preopen, at /home. Returns the mount. */
static uint32_t open_volume(struct guest *guest, struct store *store, struct random *random) {
  guest_start(guest);
  int32_t mount = nidus_mount_mem(guest->system, "/home", 5, NIDUS_MOUNT_JOURNALED);
  require(mount > 0);
  require(load(guest, (uint32_t)mount, store, random) == 0);
  guest_preopen(guest, "/home", 0);
  return (uint32_t)mount;
}

static void compare_with_store(struct guest *guest, struct store *store, struct random *random) {
  struct guest loaded;
  struct filestat root, loaded_root;
  uint32_t mount = open_volume(&loaded, store, random);
  require(nidus_volume_dirty(loaded.system, mount) == (store->count == 0));
  OK(do_fstat(guest, BOX, &root));
  OK(do_fstat(&loaded, BOX, &loaded_root));
  if (store->count) compare_stats(&root, &loaded_root);
  compare_folders(guest, &loaded, BOX, BOX, "/home");
  guest_inspect(&loaded, BOX, true);
  /* Everything in the store is used: whatever else lay there would stay for ever. */
  uint32_t inodes = 0;
  for (uint32_t i = 0; i < store->count; i++) inodes += store->records[i].store == NIDUS_STORE_INODE;
  require(inodes >= 1 || store->count == 0);
  guest_stop(&loaded);
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

static void survives(struct guest *guest) {
  (void)guest;
  struct store store = {0};
  struct random random = {random_seed(20240604)};
  printf("SEED=%llu\n", (unsigned long long)random.state);
  for (int boot = 0; boot < 40; boot++) {
    struct guest system;
    struct life life = {.guest = &system, .random = {random_next(&random) | 1}};
    uint32_t mount = open_volume(&system, &store, &random);
    for (int round = 0; round < 12; round++) {
      for (uint64_t k = random_below(&random, 60); k > 0; k--) operate(&life);
      struct transaction transaction = begin_flush(&system, mount);
      /* The transaction takes its time, and the system goes on. */
      for (uint64_t k = random_below(&random, 3) ? random_below(&random, 25) : 0; k > 0; k--) operate(&life);
      end_flush(&system, mount, &transaction, &store, random_below(&random, 3) != 0);
      if (round % 4 != 3) continue;
      flush(&system, mount, &store, true);
      require(nidus_volume_dirty(system.system, mount) == 0);
      compare_with_store(&system, &store, &random);
    }
    /* Unlinked files that are still open, and a flush that never ends, go with the system. */
    if (boot % 2) {
      for (int i = 0; i < OPEN_FILES; i++) {
        if (life.open[i]) OK(do_close(&system, life.open[i]));
      }
      flush(&system, mount, &store, true);
    } else {
      flush(&system, mount, &store, true);
      operate(&life);
      struct transaction unfinished = begin_flush(&system, mount);
      for (uint32_t i = 0; i < unfinished.count; i++) {
        free((void *)(uintptr_t)unfinished.records[i].name);
        free((void *)(uintptr_t)unfinished.records[i].bytes);
      }
      free(unfinished.records);
    }
    guest_stop(&system);
  }
  store_free(&store);
}

/* ---- single cases ---- */

static uint32_t count_of(const struct store *store, uint32_t kind) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < store->count; i++) count += store->records[i].store == kind;
  return count;
}

static uint32_t journaled(struct guest *guest) {
  int32_t mount = nidus_mount_mem(guest->system, "/home", 5, NIDUS_MOUNT_JOURNALED);
  require(mount > 0);
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/home", 0);
  return (uint32_t)mount;
}

static void deletes_leave_nothing(struct guest *guest) {
  struct store store = {0};
  uint32_t mount = journaled(guest), fd, folder, moved;
  OK(do_mkdir(guest, BOX, "d"));
  OK(do_mkdir(guest, BOX, "d/e"));
  make_file(guest, BOX, "d/e/small", "text");
  OK(do_open(guest, BOX, "d/e/large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 300000, &moved));
  OK(do_pwrite(guest, fd, "x", 1, 0, &moved));
  OK(do_symlink(guest, BOX, "large", "d/e/link"));
  flush(guest, mount, &store, true);
  require(count_of(&store, NIDUS_STORE_INODE) == 6 && count_of(&store, NIDUS_STORE_DIRENT) == 5);
  require(count_of(&store, NIDUS_STORE_CHUNK) == 2);
  /* Unlinked while open: the store forgets it although the guest still has it. */
  OK(do_open(guest, BOX, "d/e", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &folder));
  OK(do_unlink(guest, BOX, "d/e/large"));
  OK(do_unlink(guest, BOX, "d/e/small"));
  OK(do_unlink(guest, BOX, "d/e/link"));
  OK(do_rmdir(guest, BOX, "d/e"));
  flush(guest, mount, &store, true);
  require(store.count == 3 && count_of(&store, NIDUS_STORE_CHUNK) == 0);
  OK(do_pwrite(guest, fd, "y", 1, 70000, &moved));
  flush(guest, mount, &store, true);
  require(store.count == 3);
  OK(do_close(guest, fd));
  OK(do_close(guest, folder));
  OK(do_rmdir(guest, BOX, "d"));
  flush(guest, mount, &store, true);
  require(store.count == 1 && nidus_volume_dirty(guest->system, mount) == 0);
  /* What is made and deleted between two flushes never reaches the store. */
  make_file(guest, BOX, "brief", "x");
  OK(do_unlink(guest, BOX, "brief"));
  flush(guest, mount, &store, true);
  require(store.count == 1);
  store_free(&store);
}

static void forms_change(struct guest *guest) {
  static const uint64_t sizes[] = {0, 4096, 4097, 0, 65536, 65537, 100, 5000, 0, 70000, 131072, 65536, 4096, 1, 200000, 0, 3};
  struct store store = {0};
  struct random random = {7};
  uint32_t mount = journaled(guest), fd, moved;
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    OK(guest_call(guest, SYS_fd_filestat_set_size, fd, sizes[i]));
    if (sizes[i]) OK(do_pwrite(guest, fd, "end", 1, sizes[i] - 1, &moved));
    if (i % 3) flush(guest, mount, &store, false);
    flush(guest, mount, &store, true);
    compare_with_store(guest, &store, &random);
    require(count_of(&store, NIDUS_STORE_CHUNK) <= (sizes[i] + 65535) / 65536);
  }
  /* After a reload the file is in chunks whatever its size; emptied, it is small again. */
  struct guest loaded;
  mount = open_volume(&loaded, &store, &random);
  OK(do_open(&loaded, BOX, "f", WASI_OFLAG_TRUNC, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(&loaded, fd, "new", 3, 0, &moved));
  flush(&loaded, mount, &store, true);
  require(count_of(&store, NIDUS_STORE_CHUNK) == 0);
  guest_stop(&loaded);
  store_free(&store);
}

static void small_changes_write_little(struct guest *guest) {
  struct store store = {0};
  uint32_t mount = journaled(guest), fd, moved;
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(guest_call(guest, SYS_fd_allocate, fd, 0, 64 * 65536));
  for (int i = 0; i < 200; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    make_file(guest, BOX, name, "x");
  }
  flush(guest, mount, &store, true);
  OK(do_pwrite(guest, fd, "xy", 2, 10 * 65536 - 1, &moved));
  struct transaction transaction = begin_flush(guest, mount);
  require(transaction.count == 3); /* two chunks and the inode */
  end_flush(guest, mount, &transaction, &store, true);
  OK(do_unlink(guest, BOX, "n7"));
  OK(do_rename(guest, BOX, "n8", "n9"));
  require(nidus_volume_dirty(guest->system, mount) <= 6);
  transaction = begin_flush(guest, mount);
  require(transaction.count <= 10);
  end_flush(guest, mount, &transaction, &store, true);
  store_free(&store);
}

static void sync_waits_for_its_flush(struct guest *guest) {
  struct store store = {0};
  uint32_t mount = journaled(guest), fd;
  make_file(guest, BOX, "f", "x");
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_FLUSH);
  flush(guest, mount, &store, false);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  struct transaction transaction = begin_flush(guest, mount);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_sync, fd));
  /* What changes now belongs to the next flush, which nobody waits for yet. */
  make_file(guest, BOX, "g", "x");
  end_flush(guest, mount, &transaction, &store, true);
  OK(guest_call(guest, SYS_fd_sync, fd));
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_datasync, fd));
  flush(guest, mount, &store, true);
  OK(guest_call(guest, SYS_fd_datasync, fd));
  OK(guest_call(guest, SYS_fd_sync, fd));
  store_free(&store);
}

/* Loading from a store in which one thing is wrong. */
static int32_t load_spoiled(const struct store *store, uint32_t i, void (*spoil)(struct store *, uint32_t)) {
  struct store copy = {.count = store->count, .capacity = store->count};
  struct random random = {i + 1};
  struct guest guest;
  copy.records = malloc((store->count + 1) * sizeof *copy.records);
  require(copy.records);
  for (uint32_t k = 0; k < store->count; k++) {
    copy.records[k] = store->records[k];
    copy.records[k].bytes = malloc(store->records[k].length + 1);
    require(copy.records[k].bytes);
    if (store->records[k].length) memcpy(copy.records[k].bytes, store->records[k].bytes, store->records[k].length);
  }
  spoil(&copy, i);
  guest_start(&guest);
  int32_t mount = nidus_mount_mem(guest.system, "/home", 5, NIDUS_MOUNT_JOURNALED);
  int32_t result = load(&guest, (uint32_t)mount, &copy, &random);
  guest_preopen(&guest, "/home", 0);
  if (result == 0) {
    guest_inspect(&guest, BOX, true);
  } else {
    require(result == -WASI_EIO && strcmp(names_in(&guest, BOX), "") == 0);
    make_file(&guest, BOX, "usable", "x");
  }
  guest_stop(&guest);
  store_free(&copy);
  return result;
}

static void lose(struct store *store, uint32_t i) { store_remove(store, i % store->count); }
static void shorten(struct store *store, uint32_t i) {
  struct record *record = &store->records[i % store->count];
  if (record->length) record->length--;
}
static void renumber(struct store *store, uint32_t i) { store->records[i % store->count].ino += 1 + i / store->count; }
static void redirect(struct store *store, uint32_t i) { store->records[i % store->count].index += 1 + i / store->count; }
static void rename_entry(struct store *store, uint32_t i) {
  struct record *record = &store->records[i % store->count];
  static const char *const bad[] = {"", ".", "..", "a/b", "a\xff"};
  strcpy(record->name, bad[i / store->count % 5]);
  record->name_length = (uint32_t)strlen(record->name);
}
static void flip(struct store *store, uint32_t i) {
  struct record *record = &store->records[i % store->count];
  if (record->store == NIDUS_STORE_INODE) record->bytes[i / store->count % record->length] ^= 1u << i % 8;
}
/* Two folders that hold each other, far from the root. */
static void tie_a_knot(struct store *store, uint32_t i) {
  uint64_t a = 0;
  for (uint32_t k = 0; k < store->count; k++) {
    struct record *record = &store->records[k];
    if (record->store != NIDUS_STORE_DIRENT || record->name[0] != 'a') continue;
    a = record->index;
    record->ino = a + i % 3; /* itself, or one of the folders below it */
  }
  require(a);
}

static void refuses_corrupt_stores(struct guest *guest) {
  struct store store = {0};
  uint32_t mount = journaled(guest), fd, moved;
  OK(do_mkdir(guest, BOX, "a"));
  OK(do_mkdir(guest, BOX, "a/b"));
  OK(do_mkdir(guest, BOX, "a/b/c"));
  make_file(guest, BOX, "a/b/f", "text");
  OK(do_link(guest, BOX, 0, "a/b/f", "f"));
  OK(do_symlink(guest, BOX, "f", "link"));
  OK(do_open(guest, BOX, "large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "x", 1, 100000, &moved));
  flush(guest, mount, &store, true);
  uint32_t refused = 0, loads = 0;
  for (uint32_t i = 0; i < store.count; i++) {
    /* A chunk may be missing: it is a hole. A hard link may, too. Any other loss is not. */
    int32_t result = load_spoiled(&store, i, lose);
    bool spare = store.records[i].store == NIDUS_STORE_CHUNK ||
                 (store.records[i].store == NIDUS_STORE_DIRENT && store.records[i].name[0] == 'f');
    require(result == (spare ? 0 : -WASI_EIO));
  }
  for (uint32_t i = 0; i < 80 * store.count; i++) {
    loads += 5;
    refused += load_spoiled(&store, i, renumber) != 0;
    refused += load_spoiled(&store, i, redirect) != 0;
    refused += load_spoiled(&store, i, rename_entry) != 0;
    refused += load_spoiled(&store, i, flip) != 0;
    refused += load_spoiled(&store, i, shorten) != 0;
  }
  printf("%u spoiled stores, %u refused\n", loads, refused);
  require(refused > loads / 4);
  for (uint32_t i = 0; i < 3; i++) require(load_spoiled(&store, i, tie_a_knot) == -WASI_EIO);
  store_free(&store);
}

static void misuse_is_refused(struct guest *guest) {
  uint32_t mount = journaled(guest);
  uint8_t bytes[64] = {1, WASI_FILETYPE_DIRECTORY};
  require(nidus_volume_dirty(guest->system, 0) == -WASI_EINVAL);
  require(nidus_flush_begin(guest->system, 0) == -WASI_EINVAL);
  require(nidus_flush_begin(guest->system, 999) == -WASI_EINVAL);
  require(!nidus_flush_record(guest->system, mount, 0) && !nidus_flush_record(guest->system, 0, 0));
  nidus_flush_end(guest->system, mount, true);
  require(nidus_load_inode(guest->system, 0, 1, bytes, 64) == -WASI_EINVAL);
  require(nidus_load_chunk(guest->system, mount, 5, 0, bytes, 64) == -WASI_EIO);
  require(nidus_load_dirent(guest->system, mount, 1, "x", 1, 2) == -WASI_EIO);
  make_file(guest, BOX, "f", "x");
  require(nidus_load_inode(guest->system, mount, 2, bytes, 64) == -WASI_EBUSY);
  require(nidus_load_end(guest->system, mount) == 0);
}

static const struct test tests[] = {
    {"What random operations made is loaded again, whichever flushes failed", survives},
    {"The store forgets what is deleted, also while it is open", deletes_leave_nothing},
    {"A file that changes its form is stored whole and leaves no chunk behind", forms_change},
    {"A small change writes few records", small_changes_write_little},
    {"fd_sync waits for the flush that holds what was written before", sync_waits_for_its_flush},
    {"A store that is not whole is refused and leaves an empty volume", refuses_corrupt_stores},
    {"Calls on volumes that are not journaled, or not being flushed, are refused", misuse_is_refused}};
RUN_TESTS(tests)
