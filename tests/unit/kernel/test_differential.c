/*
 * test_differential.c: 200,000 random operations on files and folders, each made in a mem volume and in a
 * folder of this machine's own file system. Errnos, results, and the trees that come out must be the same.
 *
 * The seed is printed; SEED=N repeats a run. What file systems may differ in is left out of the comparison:
 * inode and device numbers, times, and the size and link count of folders.
 */
#include <stdarg.h>
#include <unistd.h>

#include "host_posix.h"
#include "kit.h"

enum { ROUNDS = 20, OPERATIONS = 10000, OPEN = 8, CONTENT = 4096 };

enum side { MEM, HOST, SIDES };

struct pair {
  struct guest *guest;
  struct random random;
  uint32_t folder[SIDES];     /* the roots of the two trees */
  uint32_t fd[SIDES][OPEN];   /* open files and folders, alike on both sides; 0: none */
  char shown[SIDES][1 << 17]; /* what an operation gave on each side */
  size_t length[SIDES];
};

static struct pair pair;

static uint64_t below(uint64_t limit) { return random_below(&pair.random, limit); }

__attribute__((format(printf, 2, 3))) static void show(enum side side, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t room = sizeof pair.shown[side] - pair.length[side];
  int length = vsnprintf(pair.shown[side] + pair.length[side], room, format, arguments);
  va_end(arguments);
  require(length >= 0 && (size_t)length < room);
  pair.length[side] += (size_t)length;
}

static uint64_t call_of(uint32_t number, const uint64_t *arguments) {
  return guest_syscall(pair.guest, number, arguments);
}
#define CALL(number, ...) call_of(SYS_##number, (const uint64_t[]){__VA_ARGS__})

/* ---- what an operation is about ---- */

/* Few names, so that they meet; now and then one that is not well-formed. */
static uint32_t random_path(uint32_t at) {
  static const char *const names[] = {"a", "b", "c", "\xC3\xA9", "l", "d"};
  static const char *const odd[] = {".", "..", "", "/", "a/", "../x", "/a", "\xFF", "a\0b", "./a", "b//c", "l/."};
  char *out = (char *)pair.guest->memory + at;
  uint32_t length = 0;
  uint64_t depth = 1 + below(3);
  for (uint64_t i = 0; i < depth; i++) {
    const char *name = below(12) ? names[below(sizeof names / sizeof names[0])] : odd[below(12)];
    if (i > 0) out[length++] = '/';
    uint32_t size = strcmp(name, "a") == 0 && below(40) == 0 ? 3 : (uint32_t)strlen(name);
    memcpy(out + length, size == 3 && strlen(name) == 1 ? "a\0b" : name, size);
    length += size;
  }
  if (below(300) == 0) {
    memset(out, 'n', 300);
    length = 300;
  }
  return length;
}

struct paths {
  uint32_t first, second; /* lengths */
};

static struct paths random_paths(void) {
  struct paths paths = {random_path(PATH_A), random_path(PATH_B)};
  return paths;
}

/* ---- operations; each is drawn once and made on both sides ---- */

static void show_stat(enum side side, uint64_t error) {
  if (error) return;
  uint8_t type = pair.guest->memory[STATS + 16];
  bool folder = type == WASI_FILETYPE_DIRECTORY;
  show(side, " type %u links %llu size %llu", type, folder ? 0 : (unsigned long long)guest_u64(pair.guest, STATS + 24),
       folder ? 0 : (unsigned long long)guest_u64(pair.guest, STATS + 32));
}

static int compare_names(const void *a, const void *b) { return strcmp(a, b); }

/* Names in their order, for file systems list in any order. */
static void show_listing(enum side side, uint32_t fd) {
  static char names[512][300];
  uint32_t count = 0;
  uint64_t cookie = 0;
  for (;;) {
    uint64_t error = CALL(fd_readdir, fd, DATA, 1024, cookie, OUT);
    if (error) {
      show(side, "listing %llu ", (unsigned long long)error);
      break;
    }
    uint32_t used = guest_u32(pair.guest, OUT), at = 0;
    while (used - at >= 24 && used - at - 24 >= guest_u32(pair.guest, DATA + at + 16)) {
      uint32_t length = guest_u32(pair.guest, DATA + at + 16);
      cookie = guest_u64(pair.guest, DATA + at);
      require(count < 512 && length < 256);
      snprintf(names[count++], sizeof names[0], "%.*s:%u", (int)length, pair.guest->memory + DATA + at + 24,
               pair.guest->memory[DATA + at + 20]);
      at += 24 + length;
    }
    if (used < 1024) break;
  }
  qsort(names, count, sizeof names[0], compare_names);
  for (uint32_t i = 0; i < count; i++) show(side, " %s", names[i]);
}

static void open_one(uint32_t slot, uint32_t length, uint32_t lookup, uint32_t oflags, uint64_t rights, uint32_t fdflags) {
  for (enum side side = MEM; side < SIDES; side++) {
    if (pair.fd[side][slot]) OK((wasi_errno_t)CALL(fd_close, pair.fd[side][slot]));
    pair.fd[side][slot] = 0;
    uint64_t error = CALL(path_open, pair.folder[side], lookup, PATH_A, length, oflags, rights, WASI_RIGHT_ALL, fdflags, OUT);
    show(side, "open %llu", (unsigned long long)error);
    if (!error) pair.fd[side][slot] = guest_u32(pair.guest, OUT);
  }
}

static void path_operation(uint64_t which, struct paths paths, uint32_t lookup, uint64_t time) {
  for (enum side side = MEM; side < SIDES; side++) {
    uint32_t root = pair.folder[side];
    uint64_t error = 0;
    switch (which) {
      case 0: error = CALL(path_create_directory, root, PATH_A, paths.first); break;
      case 1: error = CALL(path_remove_directory, root, PATH_A, paths.first); break;
      case 2: error = CALL(path_unlink_file, root, PATH_A, paths.first); break;
      case 3: error = CALL(path_rename, root, PATH_A, paths.first, root, PATH_B, paths.second); break;
      case 4: error = CALL(path_link, root, 0, PATH_A, paths.first, root, PATH_B, paths.second); break;
      case 5: error = CALL(path_symlink, PATH_A, paths.first, root, PATH_B, paths.second); break;
      case 6:
        error = CALL(path_readlink, root, PATH_A, paths.first, DATA, 100, OUT);
        if (!error) show(side, "%.*s ", (int)guest_u32(pair.guest, OUT), pair.guest->memory + DATA);
        break;
      case 7:
        error = CALL(path_filestat_get, root, lookup, PATH_A, paths.first, STATS);
        show_stat(side, error);
        break;
      default:
        error = CALL(path_filestat_set_times, root, lookup, PATH_A, paths.first, time, time, 5);
        if (!error && !CALL(path_filestat_get, root, lookup, PATH_A, paths.first, STATS)) {
          show(side, "%llu ", (unsigned long long)guest_u64(pair.guest, STATS + 48));
        }
        break;
    }
    show(side, "path call %llu: %llu", (unsigned long long)which, (unsigned long long)error);
  }
}

static void file_operation(uint64_t which, uint32_t slot, uint64_t offset, uint32_t length, uint8_t fill) {
  for (enum side side = MEM; side < SIDES; side++) {
    uint32_t fd = pair.fd[side][slot];
    if (!fd) return;
    guest_put_u32(pair.guest, IOVS, DATA);
    guest_put_u32(pair.guest, IOVS + 4, length / 2);
    guest_put_u32(pair.guest, IOVS + 8, DATA + length / 2);
    guest_put_u32(pair.guest, IOVS + 12, length - length / 2);
    memset(pair.guest->memory + DATA, fill, length);
    guest_put_u32(pair.guest, OUT, 0);
    guest_put_u32(pair.guest, OUT + 4, 0);
    uint64_t error = 0;
    switch (which) {
      case 0: error = CALL(fd_write, fd, IOVS, 2, OUT); break;
      case 1: error = CALL(fd_pwrite, fd, IOVS, 2, offset, OUT); break;
      case 2: error = CALL(fd_read, fd, IOVS, 2, OUT); break;
      case 3: error = CALL(fd_pread, fd, IOVS, 2, offset, OUT); break;
      case 4: error = CALL(fd_seek, fd, offset - 100, fill % 4, OUT); break;
      case 5: error = CALL(fd_filestat_set_size, fd, offset); break;
      case 6: error = CALL(fd_filestat_get, fd, STATS); break;
      case 7: error = CALL(fd_fdstat_set_flags, fd, fill & 5); break;
      case 8: error = CALL(fd_sync, fd); break;
      case 9: error = CALL(fd_tell, fd, OUT); break;
      default: show_listing(side, fd); break;
    }
    show(side, "file call %llu: %llu result %llu", (unsigned long long)which, (unsigned long long)error,
         (unsigned long long)guest_u64(pair.guest, OUT));
    if (which == 6) show_stat(side, error);
    if (!error && (which == 2 || which == 3)) {
      for (uint32_t i = 0; i < guest_u32(pair.guest, OUT); i++) show(side, "%02x", pair.guest->memory[DATA + i]);
    }
  }
}

/* One operation on both sides, whose outcomes must agree. */
static void operate(uint64_t seed, uint32_t round, uint32_t number) {
  pair.length[MEM] = pair.length[HOST] = 0;
  pair.shown[MEM][0] = pair.shown[HOST][0] = 0;
  uint64_t kind = below(10);
  uint32_t slot = (uint32_t)below(OPEN), lookup = (uint32_t)below(2);
  struct paths paths = random_paths();
  uint64_t which = below(9), time = below(1ull << 60);
  if (kind < 2) {
    static const uint32_t oflags[] = {0, 0, WASI_OFLAG_CREAT, WASI_OFLAG_CREAT, WASI_OFLAG_CREAT | WASI_OFLAG_EXCL,
                                      WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC, WASI_OFLAG_TRUNC, WASI_OFLAG_DIRECTORY};
    uint32_t flags = oflags[below(8)];
    uint64_t rights = WASI_RIGHT_ALL;
    if (flags == WASI_OFLAG_DIRECTORY || below(4) == 0) rights = READ_RIGHTS & ~WASI_RIGHT_FD_WRITE;
    /* Emptying a file that is not opened for writing is not specified. */
    if (!(rights & WASI_RIGHT_FD_WRITE)) flags &= ~(uint32_t)WASI_OFLAG_TRUNC;
    open_one(slot, paths.first, lookup, flags, rights, below(4) ? 0 : WASI_FDFLAG_APPEND);
  } else if (kind < 7) {
    path_operation(which, paths, lookup, time);
  } else {
    uint64_t offset = below(8) ? below(10000) : 60000 + below(20000);
    file_operation(below(11), slot, offset, (uint32_t)below(CONTENT), (uint8_t)below(256));
  }
  if (strcmp(pair.shown[MEM], pair.shown[HOST]) == 0) return;
  fprintf(stderr, "SEED=%llu, round %u, operation %u (\"%.*s\", \"%.*s\", lookup %u):\n  mem:  %.300s\n  host: %.300s\n",
          (unsigned long long)seed, round, number, (int)paths.first, pair.guest->memory + PATH_A, (int)paths.second,
          pair.guest->memory + PATH_B, lookup, pair.shown[MEM], pair.shown[HOST]);
  abort();
}

/* Types, sizes, link counts, targets and contents of both trees, by path. */
static void show_tree(enum side side, uint32_t folder, const char *prefix, int depth) {
  char name[300], path[1200], target[300];
  static char listing[16][1 << 15];
  require(depth < 16);
  snprintf(listing[depth], sizeof listing[depth], "%s", names_in(pair.guest, folder));
  char *rest = listing[depth];
  for (char *token; (token = strsep(&rest, " ")) && *token;) {
    struct filestat stat;
    uint32_t fd, length = 0;
    snprintf(name, sizeof name, "%s", token);
    snprintf(path, sizeof path, "%s/%s", prefix, name);
    OK(do_stat(pair.guest, folder, 0, name, &stat));
    bool is_folder = stat.type == WASI_FILETYPE_DIRECTORY;
    show(side, "%s %u %llu %llu", path, stat.type, is_folder ? 0 : (unsigned long long)stat.nlink,
         is_folder ? 0 : (unsigned long long)stat.size);
    if (stat.type == WASI_FILETYPE_SYMBOLIC_LINK) {
      OK(do_readlink(pair.guest, folder, name, target, sizeof target, &length));
      show(side, " -> %.*s", (int)length, target);
    } else {
      OK(do_open(pair.guest, folder, name, is_folder ? WASI_OFLAG_DIRECTORY : 0, READ_RIGHTS & ~WASI_RIGHT_FD_WRITE, 0, &fd));
      uint64_t sum = 0;
      static uint8_t bytes[DATA_SIZE];
      while (!is_folder && (do_read(pair.guest, fd, bytes, sizeof bytes, &length), length > 0)) {
        for (uint32_t i = 0; i < length; i++) sum = sum * 31 + bytes[i];
      }
      if (!is_folder) show(side, " sum %llu", (unsigned long long)sum);
      show(side, "\n");
      if (is_folder) show_tree(side, fd, path, depth + 1);
      OK(do_close(pair.guest, fd));
      continue;
    }
    show(side, "\n");
  }
}

static void agree(struct guest *guest) {
  uint64_t seed = random_seed(20261122);
  struct posix_host posix;
  printf("SEED=%llu: %d operations\n", (unsigned long long)seed, ROUNDS * OPERATIONS);
  for (uint32_t round = 0; round < ROUNDS; round++) {
    char path[] = "/tmp/nidus-differential-XXXXXX", shared[] = "/dev/shm/nidus-differential-XXXXXX";
    char *scratch = access("/dev/shm", W_OK) == 0 ? shared : path;
    require(mkdtemp(scratch));
    posix_host_init(&posix);
    int32_t folder = posix_host_add_folder(&posix, scratch);
    require(folder >= 0);
    guest->host = posix.host;
    int32_t mounts[SIDES] = {nidus_mount_mem(guest->system, "/mem", 4),
                             nidus_mount_host(guest->system, "/host", 5, (uint32_t)folder, 0)};
    require(mounts[MEM] > 0 && mounts[HOST] > 0);
    memset(&pair, 0, sizeof pair);
    pair.guest = guest;
    pair.random.state = seed + round;
    int32_t mem = nidus_fd_preopen(guest->system, guest->pid, "/mem", 4, "m", 1, 0);
    int32_t host = nidus_fd_preopen(guest->system, guest->pid, "/host", 5, "h", 1, 0);
    require(mem > 0 && host > 0);
    pair.folder[MEM] = (uint32_t)mem;
    pair.folder[HOST] = (uint32_t)host;
    for (uint32_t i = 0; i < OPERATIONS; i++) operate(seed, round, i);
    for (enum side side = MEM; side < SIDES; side++) {
      for (uint32_t slot = 0; slot < OPEN; slot++) {
        if (pair.fd[side][slot]) OK(do_close(guest, pair.fd[side][slot]));
      }
      pair.length[side] = 0;
      show_tree(side, pair.folder[side], "", 0);
      OK(do_close(guest, pair.folder[side]));
      require(nidus_unmount(guest->system, (uint32_t)mounts[side]) == 0);
    }
    if (strcmp(pair.shown[MEM], pair.shown[HOST])) {
      fprintf(stderr, "SEED=%llu, round %u: the trees differ\nmem:\n%s\nhost:\n%s\n", (unsigned long long)seed, round,
              pair.shown[MEM], pair.shown[HOST]);
      abort();
    }
    posix_host_close(&posix);
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    require(system(command) == 0);
  }
}

static const struct test tests[] = {{"A mem volume and this machine's file system agree in everything", agree}};

RUN_TESTS(tests)
