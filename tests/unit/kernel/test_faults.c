/*
 * test_faults.c: the n-th allocation fails, for every n, in every call: the answer is an errno, nothing
 * leaks, the tree is as it was, and the same call succeeds when there is memory again.
 */
#include "allocation.h"
#include "kit.h"
#include "volume_log.h"

struct step {
  const char *name;
  /* Brings about what the call needs; memory is there. */
  void (*prepare)(struct guest *guest);
  wasi_errno_t (*call)(struct guest *guest);
};

static uint32_t file; /* a descriptor that prepare opened */

static void with_file(struct guest *guest) {
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &file));
}
static void with_data(struct guest *guest) {
  uint32_t moved;
  with_file(guest);
  OK(do_write(guest, file, "some text", 9, &moved));
}
static void with_chunks(struct guest *guest) {
  uint32_t moved;
  with_file(guest);
  OK(do_pwrite(guest, file, "x", 1, 300000, &moved));
}
static void with_tree(struct guest *guest) {
  with_data(guest);
  OK(do_mkdir(guest, BOX, "d"));
  make_file(guest, BOX, "d/g", "g");
}
/* A table of descriptors and a folder without a free place: the next needs a larger one. */
static void with_full_tables(struct guest *guest) {
  for (uint32_t fd = 4; fd < 8; fd++) OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &file));
  char name[8] = "n0";
  for (; name[1] < '0' + 7; name[1]++) make_file(guest, BOX, "tmp", ""), OK(do_rename(guest, BOX, "tmp", name));
}

static wasi_errno_t call_mkdir(struct guest *guest) { return do_mkdir(guest, BOX, "new"); }
static wasi_errno_t call_symlink(struct guest *guest) { return do_symlink(guest, BOX, "target", "new"); }
static wasi_errno_t call_link(struct guest *guest) { return do_link(guest, BOX, 0, "f", "new"); }
static wasi_errno_t call_rename(struct guest *guest) { return do_rename(guest, BOX, "f", "d/new"); }
static wasi_errno_t call_rename_over(struct guest *guest) { return do_rename(guest, BOX, "f", "d/g"); }
static wasi_errno_t call_rename_folder(struct guest *guest) { return do_rename(guest, BOX, "d", "new"); }
static wasi_errno_t call_unlink(struct guest *guest) { return do_unlink(guest, BOX, "f"); }
static wasi_errno_t call_open(struct guest *guest) {
  uint32_t fd;
  return do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd);
}
static wasi_errno_t call_create(struct guest *guest) {
  uint32_t fd;
  return do_open(guest, BOX, "new", WASI_OFLAG_CREAT | WASI_OFLAG_EXCL, ALL_RIGHTS, 0, &fd);
}
static wasi_errno_t call_truncate_open(struct guest *guest) {
  uint32_t fd;
  return do_open(guest, BOX, "f", WASI_OFLAG_TRUNC, ALL_RIGHTS, 0, &fd);
}
static wasi_errno_t write_at(struct guest *guest, uint32_t length, uint64_t offset) {
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, length);
  /* When there is room for a part, that is written: a short count is no failure. */
  return guest_call(guest, SYS_fd_pwrite, file, IOVS, 1, offset, OUT);
}
static wasi_errno_t call_write_small(struct guest *guest) { return write_at(guest, 100, 0); }
static wasi_errno_t call_write_into_chunks(struct guest *guest) { return write_at(guest, 10, 65530); }
static wasi_errno_t call_write_far(struct guest *guest) { return write_at(guest, 10, 1ull << 40); }
static wasi_errno_t call_write_middle(struct guest *guest) { return write_at(guest, 10, 100000); }
static wasi_errno_t call_grow(struct guest *guest) { return guest_call(guest, SYS_fd_filestat_set_size, file, 100000); }
static wasi_errno_t call_grow_small(struct guest *guest) { return guest_call(guest, SYS_fd_filestat_set_size, file, 9000); }
static wasi_errno_t call_shrink(struct guest *guest) { return guest_call(guest, SYS_fd_filestat_set_size, file, 262145); }
static wasi_errno_t call_allocate(struct guest *guest) { return guest_call(guest, SYS_fd_allocate, file, 5, 400000); }
static wasi_errno_t call_readdir(struct guest *guest) { return guest_call(guest, SYS_fd_readdir, BOX, DATA, 100, 0, OUT); }

static const struct step steps[] = {{"mkdir", with_data, call_mkdir},
                                    {"symlink", with_data, call_symlink},
                                    {"link", with_data, call_link},
                                    {"mkdir in a full folder", with_full_tables, call_mkdir},
                                    {"link in a full folder", with_full_tables, call_link},
                                    {"rename into another folder", with_tree, call_rename},
                                    {"rename over a file", with_tree, call_rename_over},
                                    {"rename of a folder", with_tree, call_rename_folder},
                                    {"unlink", with_data, call_unlink},
                                    {"open", with_data, call_open},
                                    {"open with a full table", with_full_tables, call_open},
                                    {"create", with_data, call_create},
                                    {"create with full tables", with_full_tables, call_create},
                                    {"open and empty", with_data, call_truncate_open},
                                    {"first write", with_file, call_write_small},
                                    {"write that makes chunks", with_data, call_write_into_chunks},
                                    {"write far away", with_data, call_write_far},
                                    {"write into a hole", with_chunks, call_write_middle},
                                    {"grow a small file", with_data, call_grow_small},
                                    {"grow into chunks", with_data, call_grow},
                                    {"shrink", with_chunks, call_shrink},
                                    {"allocate", with_data, call_allocate},
                                    {"allocate over holes", with_chunks, call_allocate},
                                    {"readdir", with_tree, call_readdir}};

/* Names, sizes and link counts of all that a step may touch, as text. */
static void describe(struct guest *guest, char *out, size_t size) {
  static const char *const names[] = {".", "f", "d", "d/g", "d/new", "new", "new/g", "target"};
  size_t end = (size_t)snprintf(out, size, "%s", names_in(guest, BOX));
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct filestat stat;
    if (do_stat(guest, BOX, 0, names[i], &stat)) continue;
    end += (size_t)snprintf(out + end, size - end, "\n%s %u %llu %llu %llu", names[i], stat.type,
                            (unsigned long long)stat.ino, (unsigned long long)stat.nlink, (unsigned long long)stat.size);
  }
}

/* Flushes a journaled volume, so that afterwards each change has to be noted anew. */
static void settle(struct guest *guest, int32_t mount) {
  if (nidus_flush_begin(guest->system, (uint32_t)mount) >= 0) nidus_flush_end(guest->system, (uint32_t)mount, 0);
}

static void try_step(const struct step *step, bool journaled) {
  for (long n = 0;; n++) {
    static char before[8192], after[8192];
    struct guest guest;
    long blocks_before = blocks;
    guest_start(&guest);
    int32_t mount = journaled ? nidus_mount_volume(guest.system, "/box", 4, 0, UINT64_MAX)
                              : nidus_mount_mem(guest.system, "/box", 4);
    require(mount > 0);
    guest_preopen(&guest, "/box", 0);
    step->prepare(&guest);
    settle(&guest, mount);
    describe(&guest, before, sizeof before);
    failed = false;
    fail_after = n;
    wasi_errno_t error = step->call(&guest);
    fail_after = -1;
    if (failed) {
      require(error == WASI_ENOMEM || error == WASI_ENOSPC || error == WASI_ESUCCESS);
      describe(&guest, after, sizeof after);
      if (error && strcmp(before, after)) {
        fprintf(stderr, "%s, allocation %ld: before\n%s\nafter\n%s\n", step->name, n, before, after);
        require(!"a call that failed has changed something");
      }
      guest_inspect(&guest, BOX, true);
      if (error) OK(step->call(&guest));
    } else {
      OK(error);
    }
    guest_inspect(&guest, BOX, true);
    guest_stop(&guest);
    require(blocks == blocks_before);
    if (!failed) return;
  }
}

static void every_call(struct guest *guest) {
  (void)guest;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) try_step(&steps[i], false);
}

static void every_call_journaled(struct guest *guest) {
  (void)guest;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) try_step(&steps[i], true);
}

/* The log of a volume with a folder "d" in its root. */
static int32_t load_a_folder(struct guest *guest, uint32_t mount) {
  uint8_t bytes[256];
  struct volume_segment segment;
  struct log_writer log = {.bytes = bytes, .segments = &segment, .transaction = 1, .flags = LOG_CHECKPOINT};
  uint8_t *record = log_put(&log, LOG_INODE, 2, 64);
  memset(record, 0, 64);
  record[0] = 1;
  record[1] = WASI_FILETYPE_DIRECTORY;
  record[8] = 2;
  memcpy(log_put(&log, LOG_ENTRY, 1, 9), "\2\0\0\0\0\0\0\0d", 9);
  log_end(&log);
  return nidus_load(guest->system, mount, segment.bytes, segment.length);
}

/* What the embedder calls, each with the n-th allocation failing. */
static int32_t embedder_call(struct guest *guest, int which, uint32_t mount) {
  switch (which) {
    case 0: return nidus_mount_mem(guest->system, "/a/b", 4);
    case 1: return nidus_mount_volume(guest->system, "/a/b", 4, 0, UINT64_MAX);
    case 2: {
      int32_t pid = nidus_process_create(guest->system, "a\0b\0", 4, 2, "E=1\0", 4, 1);
      if (pid > 0) nidus_process_end(guest->system, (uint32_t)pid, 0);
      if (pid > 0) require(nidus_process_reap(guest->system, (uint32_t)pid) == 0);
      return pid;
    }
    case 3: return nidus_fd_stream(guest->system, guest->pid, 100, 1, 3);
    case 4: return nidus_fd_preopen(guest->system, guest->pid, "/tmp", 4, "t", 1, 0);
    case 5: return nidus_fd_open(guest->system, guest->pid, 100, "/box/f", 6, WASI_OFLAG_CREAT, 0, 3);
    case 6: return nidus_fd_share(guest->system, guest->pid, 200, guest->pid, 1);
    case 7: {
      int32_t count = nidus_flush_begin(guest->system, mount);
      if (count >= 0) nidus_flush_end(guest->system, mount, 0);
      return count;
    }
    default: {
      int32_t made = nidus_mount_volume(guest->system, "/loaded", 7, 0, UINT64_MAX);
      if (made < 0) return made;
      int32_t error = load_a_folder(guest, (uint32_t)made);
      int32_t end = nidus_load_end(guest->system, (uint32_t)made);
      require(nidus_unmount(guest->system, (uint32_t)made) == 0);
      return error ? error : end;
    }
  }
}

static void embedder_calls(struct guest *guest) {
  (void)guest;
  for (int which = 0; which < 9; which++) {
    for (long n = 0;; n++) {
      struct guest system;
      long blocks_before = blocks;
      guest_start(&system);
      int32_t mount = nidus_mount_volume(system.system, "/box", 4, 0, UINT64_MAX);
      guest_preopen(&system, "/box", 0);
      make_file(&system, BOX, "g", "text");
      failed = false;
      fail_after = n;
      int32_t result = embedder_call(&system, which, (uint32_t)mount);
      fail_after = -1;
      if (failed) {
        require(result >= 0 || result == -WASI_ENOMEM || result == -WASI_ENOSPC);
        if (result < 0) require(embedder_call(&system, which, (uint32_t)mount) >= 0);
      } else {
        require(result >= 0 && n > 0);
      }
      guest_inspect(&system, BOX, true);
      guest_stop(&system);
      require(blocks == blocks_before);
      if (!failed) break;
    }
  }
}

static void booting(struct guest *guest) {
  for (long n = 0;; n++) {
    long blocks_before = blocks;
    failed = false;
    fail_after = n;
    struct nidus_system *system = nidus_system_create(&guest->host);
    fail_after = -1;
    require(!system == failed);
    nidus_system_destroy(system);
    require(blocks == blocks_before);
    if (!failed) return;
  }
}

/* A flush that fails must be able to return all that it took when there is no memory at all. */
static void failed_flush_needs_no_memory(struct guest *guest) {
  int32_t mount = nidus_mount_volume(guest->system, "/home", 5, 0, UINT64_MAX);
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/home", 0);
  uint32_t moved;
  with_file(guest);
  for (uint64_t i = 0; i < 4; i++) OK(do_pwrite(guest, file, "x", 1, i << 16, &moved));
  int32_t count = nidus_flush_begin(guest->system, (uint32_t)mount);
  /* As many other chunks change meanwhile. */
  for (uint64_t i = 4; i < 8; i++) OK(do_pwrite(guest, file, "x", 1, i << 16, &moved));
  fail_after = 0;
  nidus_flush_end(guest->system, (uint32_t)mount, WASI_EIO);
  fail_after = -1;
  require(nidus_flush_begin(guest->system, (uint32_t)mount) == count + 4);
  nidus_flush_end(guest->system, (uint32_t)mount, 0);
}

static void generated_modules(struct guest *guest) {
  (void)guest;
  for (long n = 0;; n++) {
    uint32_t length;
    long blocks_before = blocks;
    failed = false;
    fail_after = n;
    uint8_t *gate = nidus_gate_module(&length), *bridge = nidus_bridge_module(0, &length);
    fail_after = -1;
    free(gate);
    free(bridge);
    require(blocks == blocks_before && (failed || (gate && bridge)));
    if (!failed) return;
  }
}

static const struct test tests[] = {
    {"A call that lacks memory changes nothing and can be made again", every_call},
    {"So it is on a journaled volume, whose changes are noted", every_call_journaled},
    {"Calls of the embedder fail whole", embedder_calls},
    {"A system that lacks memory at boot is not there at all", booting},
    {"A failed flush returns its records without needing memory", failed_flush_needs_no_memory},
    {"Generated modules are whole or not there", generated_modules}};
RUN_TESTS(tests)
