/*
 * test_volume_faults.c: the n-th allocation, or the n-th call of a store, fails while a volume is mounted, read, written
 * and flushed, for every n: whoever is concerned gets an errno, nothing leaks, nothing that was stored is lost, and
 * once the fault is over everything is stored.
 */
#include "allocation.h"
#include "kit.h"
#include "store.h"
#include "volume.h"

enum { CHUNK = 65536, LITTLE = 1, LARGE = 5 * CHUNK + 100 };

/* ---- what the volumes hold ---- */

static uint8_t byte_at(uint64_t at) { return (uint8_t)(at * 7 + (at >> 16)); }

/* Goes on after a short write; the first errno ends it. */
static wasi_errno_t write_large(struct guest *guest, uint32_t fd) {
  static uint8_t bytes[DATA_SIZE];
  for (uint64_t at = 0; at < LARGE;) {
    uint32_t length = LARGE - at < DATA_SIZE ? (uint32_t)(LARGE - at) : DATA_SIZE, moved;
    for (uint32_t i = 0; i < length; i++) bytes[i] = byte_at(at + i);
    wasi_errno_t error = do_pwrite(guest, fd, bytes, length, at, &moved);
    if (error) return error;
    at += moved;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t check_large(struct guest *guest, uint32_t fd) {
  static uint8_t bytes[DATA_SIZE];
  for (uint64_t at = 0; at < LARGE;) {
    uint32_t moved;
    wasi_errno_t error = do_pread(guest, fd, bytes, DATA_SIZE, at, &moved);
    if (error) return error;
    require(moved > 0);
    for (uint32_t i = 0; i < moved; i++) require(bytes[i] == byte_at(at + i));
    at += moved;
  }
  return WASI_ESUCCESS;
}

static void make_tree(struct guest *guest) {
  uint32_t fd;
  OK(do_mkdir(guest, BOX, "d"));
  make_file(guest, BOX, "d/small", "small");
  make_file(guest, BOX, "gone", "gone");
  OK(do_symlink(guest, BOX, "d/small", "link"));
  OK(do_link(guest, BOX, 0, "d/small", "d/second"));
  OK(do_open(guest, BOX, "large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(write_large(guest, fd));
  OK(do_close(guest, fd));
}

/* Of every kind that a flush may have to tell of. */
static void change_tree(struct guest *guest) {
  uint32_t fd;
  OK(do_unlink(guest, BOX, "gone"));
  OK(do_rename(guest, BOX, "d/second", "moved"));
  make_file(guest, BOX, "d/new", "new");
  OK(do_open(guest, BOX, "large", 0, ALL_RIGHTS, 0, &fd));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, 2 * CHUNK + 5));
  OK(do_close(guest, fd));
}

static void preopen(struct guest *guest) { guest_preopen(guest, "/home", 0); }

static void open_store(struct guest *guest, struct store *store, uint64_t budget) {
  guest_start(guest);
  require(store_mount(guest, store, "/home", 0, budget) == 0);
  store_serves(guest, store);
  preopen(guest);
}

static uint64_t digest_of(struct guest *guest) { return guest_inspect(guest, BOX, true).digest; }

/* What a new system finds in a store. */
static uint64_t stored_digest(const struct store *store) {
  struct guest again;
  struct store copy = store_copy(store);
  open_store(&again, &copy, LITTLE);
  uint64_t digest = digest_of(&again);
  guest_stop(&again);
  store_free(&copy);
  return digest;
}

/* ---- the n-th allocation ---- */

static void mounting_without_memory(struct guest *guest) {
  (void)guest;
  struct guest first, loaded;
  struct store store = {0};
  open_store(&first, &store, UINT64_MAX);
  make_tree(&first);
  store_flush(&first, &store, true);
  change_tree(&first);
  store_flush(&first, &store, true);
  uint64_t wanted = digest_of(&first);
  guest_stop(&first);
  long n = 0;
  for (failed = true; failed; n++) {
    long before = blocks;
    guest_start(&loaded);
    failed = false;
    fail_after = n;
    int32_t mount = nidus_mount_volume(loaded.system, "/home", 5, 0, LITTLE);
    int32_t result = mount < 0 ? mount : 0;
    for (uint32_t i = 0; i < store.log_count && result == 0; i++) {
      result = nidus_load(loaded.system, (uint32_t)mount, store.log[i].bytes, store.log[i].length);
    }
    int32_t end = mount < 0 ? 0 : nidus_load_end(loaded.system, (uint32_t)mount);
    fail_after = -1;
    if (result || end) {
      require(failed);
      /* What could not be read is not written over. */
      if (mount > 0) require(nidus_flush_begin(loaded.system, (uint32_t)mount) < 0);
    } else {
      store.mount = (uint32_t)mount;
      store_serves(&loaded, &store);
      preopen(&loaded);
      require(digest_of(&loaded) == wanted);
    }
    guest_stop(&loaded);
    require(blocks == before);
  }
  require(n > 10);
  require(stored_digest(&store) == wanted);
  store_free(&store);
}

static void flushing_without_memory(struct guest *guest) {
  (void)guest;
  long n = 0;
  for (failed = true; failed; n++) {
    long before = blocks;
    struct guest own;
    struct store store = {0};
    open_store(&own, &store, UINT64_MAX);
    make_tree(&own);
    /* The first time it is a whole log, the second time only what changed. */
    for (int round = 0; round < 2; round++) {
      uint64_t stored = round ? stored_digest(&store) : 0;
      uint32_t fd;
      OK(do_open(&own, BOX, "large", 0, ALL_RIGHTS, 0, &fd));
      own.unblock = NULL;
      EXPECT(NIDUS_WOULD_BLOCK, guest_call(&own, SYS_fd_sync, fd));
      failed = false;
      fail_after = n;
      int32_t result = nidus_flush_begin(own.system, store.mount);
      fail_after = -1;
      require(result >= 0 || (failed && result == -WASI_ENOMEM));
      if (round) require(stored_digest(&store) == stored);
      if (result >= 0) nidus_flush_end(own.system, store.mount, WASI_EIO);
      /* Who waits for it hears of it, also when it could not begin. */
      EXPECT(result >= 0 ? WASI_EIO : WASI_ENOMEM, guest_call(&own, SYS_fd_sync, fd));
      store_serves(&own, &store);
      OK(do_close(&own, fd));
      store_flush(&own, &store, true);
      require(stored_digest(&store) == digest_of(&own));
      if (round == 0) change_tree(&own);
    }
    guest_stop(&own);
    store_free(&store);
    require(blocks == before);
  }
  require(n > 4);
}

static void reading_without_memory(struct guest *guest) {
  (void)guest;
  struct guest own;
  struct store store = {0};
  uint32_t fd, moved;
  char bytes[4];
  open_store(&own, &store, UINT64_MAX);
  make_tree(&own);
  store_flush(&own, &store, true);
  guest_stop(&own);
  long n = 0;
  for (failed = true; failed; n++) {
    long before = blocks;
    struct nidus_want wants[NIDUS_WANTS];
    open_store(&own, &store, LITTLE);
    OK(do_open(&own, BOX, "large", 0, ALL_RIGHTS, 0, &fd));
    own.unblock = NULL;
    EXPECT(NIDUS_WOULD_BLOCK, do_pread(&own, fd, bytes, 4, CHUNK, &moved));
    require(nidus_volume_wants(own.system, store.mount, false, wants) == 1);
    failed = false;
    fail_after = n;
    for (uint32_t i = 0; i < wants[0].count; i++) {
      for (uint32_t k = 0; k < store.chunk_count; k++) {
        const struct stored_chunk *chunk = &store.chunks[k];
        if (chunk->ino != wants[0].ino || chunk->index != wants[0].first + i) continue;
        (void)nidus_chunk(own.system, store.mount, chunk->ino, chunk->index, chunk->blob.bytes, chunk->blob.length, 0);
      }
    }
    fail_after = -1;
    store_serves(&own, &store);
    /* An error once for each chunk that found no memory; then all of it is there. */
    int errors = 0;
    while (check_large(&own, fd)) require(++errors <= 6);
    require(errors == 0 || failed);
    guest_stop(&own);
    require(blocks == before);
  }
  require(n > 1);
  store_free(&store);
}

/* ---- the n-th call of a store that answers at once ---- */

/* Over a struct store, which outlives it. */
struct direct {
  struct volume_store base;
  struct store *store;
  long *calls; /* until the one that fails */
  wasi_errno_t error;
};

static bool fails(struct direct *own) { return (*own->calls)-- == 0; }

static wasi_errno_t direct_log(struct volume_store *base, void *context,
                               wasi_errno_t (*take)(void *context, const void *bytes, uint32_t length)) {
  struct direct *own = (struct direct *)base;
  wasi_errno_t error = WASI_ESUCCESS;
  for (uint32_t i = 0; i < own->store->log_count && !error; i++) {
    error = fails(own) ? own->error : take(context, own->store->log[i].bytes, own->store->log[i].length);
  }
  return error;
}

static wasi_errno_t direct_load(struct volume_store *base, uint64_t ino, uint64_t index, void *bytes, uint32_t *length) {
  struct direct *own = (struct direct *)base;
  if (fails(own)) return own->error;
  *length = 0;
  for (uint32_t i = 0; i < own->store->chunk_count; i++) {
    const struct stored_chunk *chunk = &own->store->chunks[i];
    if (chunk->ino == ino && chunk->index == index) memcpy(bytes, chunk->blob.bytes, *length = chunk->blob.length);
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t direct_commit(struct volume_store *base, const struct volume_cut *cut) {
  struct direct *own = (struct direct *)base;
  if (fails(own)) return own->error;
  store_apply(own->store, cut);
  return WASI_ESUCCESS;
}

static void direct_close(struct volume_store *base) { free(base); }

static int32_t direct_mount(struct guest *guest, struct store *store, long *calls, wasi_errno_t error) {
  struct direct *own = calloc(1, sizeof *own);
  require(own);
  *own = (struct direct){{direct_log, direct_load, direct_commit, NULL, direct_close}, store, calls, error};
  return volume_mount(guest->system, "/home", 5, &own->base, 0, LITTLE);
}

static void errors_of_stores(wasi_errno_t error) {
  long n = 0;
  for (bool struck = true; struck; n++) {
    long before = blocks;
    long calls = -1;
    struct guest own;
    struct store store = {0};
    uint32_t fd;
    guest_start(&own);
    require(direct_mount(&own, &store, &calls, error) > 0);
    preopen(&own);
    make_tree(&own);
    OK(do_open(&own, BOX, "large", 0, ALL_RIGHTS, 0, &fd));
    OK(guest_call(&own, SYS_fd_sync, fd));
    guest_stop(&own);
    uint64_t stored = stored_digest(&store);

    calls = n;
    guest_start(&own);
    int32_t mount = direct_mount(&own, &store, &calls, error);
    struck = calls < 0;
    if (mount < 0) {
      require(struck && mount == -(int32_t)error);
      require(stored_digest(&store) == stored);
      mount = direct_mount(&own, &store, &calls, error);
    }
    require(mount > 0);
    preopen(&own);
    /* Reading, in less memory than there is to read. */
    OK(do_open(&own, BOX, "large", 0, ALL_RIGHTS, 0, &fd));
    wasi_errno_t told = check_large(&own, fd);
    require(told == WASI_ESUCCESS || (told == error && calls < 0));
    if (told) OK(check_large(&own, fd));
    change_tree(&own);
    told = guest_call(&own, SYS_fd_sync, fd);
    require(told == WASI_ESUCCESS || (told == error && calls < 0));
    if (told) require(stored_digest(&store) == stored);
    struck = calls < 0;
    calls = -1;
    uint64_t wanted = digest_of(&own);
    OK(guest_call(&own, SYS_fd_sync, fd));
    require(stored_digest(&store) == wanted);
    guest_stop(&own);
    store_free(&store);
    require(blocks == before);
  }
  require(n > 5);
}

static void stores_that_fail(struct guest *guest) {
  (void)guest;
  errors_of_stores(WASI_EIO);
  errors_of_stores(WASI_ENOMEM);
  errors_of_stores(WASI_ENOSPC);
}

static const struct test tests[] = {
    {"A volume that cannot be mounted for want of memory is not written over", mounting_without_memory},
    {"A flush that gets no memory changes nothing, and the next one stores all", flushing_without_memory},
    {"A chunk for which there is no memory is an error, and there the next time", reading_without_memory},
    {"Whichever call of a store fails, who needs it is told, and nothing is lost", stores_that_fail}};
RUN_TESTS(tests)
