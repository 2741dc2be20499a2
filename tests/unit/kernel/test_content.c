/*
 * test_content.c: the contents of files against a plain array of bytes, with random operations around the
 * borders at which a file changes its form, and far beyond them.
 */
#include "kit.h"

enum { MODEL_SIZE = 6 * 65536 + 4096, OPERATIONS = 6000 };

/* What the file should hold: the first MODEL_SIZE bytes, and a few ranges far away. */
struct model {
  uint8_t bytes[MODEL_SIZE];
  uint64_t size;
};

static uint64_t interesting_offset(struct random *random) {
  static const uint64_t borders[] = {0, 1, 64, 4096, 65536, 2 * 65536, 4 * 65536};
  uint64_t border = borders[random_below(random, sizeof borders / sizeof borders[0])];
  uint64_t jitter = random_below(random, 5) ? random_below(random, 9) : random_below(random, 40000);
  return random_below(random, 2) || jitter > border ? border + jitter : border - jitter;
}

static uint32_t interesting_length(struct random *random) {
  static const uint32_t lengths[] = {0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 32767, 32768};
  return random_below(random, 3) ? lengths[random_below(random, sizeof lengths / sizeof lengths[0])]
                                 : (uint32_t)random_below(random, DATA_SIZE + 1);
}

static void grow_to(struct model *model, uint64_t end) {
  if (end > model->size) model->size = end;
}

static void write_both(struct guest *guest, struct random *random, struct model *model, uint32_t fd) {
  static uint8_t bytes[DATA_SIZE];
  uint64_t offset = interesting_offset(random);
  uint32_t length = interesting_length(random), moved = 77;
  uint64_t seed = random_next(random), position;
  for (uint32_t i = 0; i < length; i++) bytes[i] = (uint8_t)(seed >> (i & 31)) | 1;
  if (random_below(random, 2)) {
    OK(do_pwrite(guest, fd, bytes, length, offset, &moved));
  } else {
    OK(do_seek(guest, fd, (int64_t)offset, WASI_WHENCE_SET, &position));
    require(position == offset);
    OK(do_write(guest, fd, bytes, length, &moved));
    OK(do_seek(guest, fd, 0, WASI_WHENCE_CUR, &position));
    require(position == offset + length);
  }
  require(moved == length);
  memcpy(model->bytes + offset, bytes, length);
  if (length) grow_to(model, offset + length);
}

static void resize_both(struct guest *guest, struct random *random, struct model *model, uint32_t fd) {
  uint64_t size = random_below(random, 8) ? interesting_offset(random) : 0;
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, size));
  if (size < model->size) memset(model->bytes + size, 0, model->size - size);
  model->size = size;
}

static void allocate_both(struct guest *guest, struct random *random, struct model *model, uint32_t fd) {
  uint64_t offset = interesting_offset(random), length = 1 + interesting_length(random);
  OK(guest_call(guest, SYS_fd_allocate, fd, offset, length));
  grow_to(model, offset + length);
}

static void read_both(struct guest *guest, struct random *random, struct model *model, uint32_t fd) {
  static uint8_t bytes[DATA_SIZE];
  uint64_t offset = interesting_offset(random), left = model->size > offset ? model->size - offset : 0;
  uint32_t length = interesting_length(random), moved;
  OK(do_pread(guest, fd, bytes, length, offset, &moved));
  require(moved == (left < length ? left : length));
  require(memcmp(bytes, model->bytes + offset, moved) == 0);
}

static void compare_whole(struct guest *guest, const struct model *model, uint32_t fd) {
  static uint8_t bytes[DATA_SIZE];
  struct filestat stat;
  OK(do_fstat(guest, fd, &stat));
  require(stat.size == model->size);
  for (uint64_t offset = 0; offset < model->size;) {
    uint32_t moved;
    OK(do_pread(guest, fd, bytes, DATA_SIZE, offset, &moved));
    require(moved > 0 && memcmp(bytes, model->bytes + offset, moved) == 0);
    offset += moved;
  }
}

static void matches_bytes(struct guest *guest) {
  static struct model model;
  struct random random = {random_seed(20240601)};
  printf("SEED=%llu\n", (unsigned long long)random.state);
  uint32_t fd;
  for (int life = 0; life < 8; life++) {
    memset(&model, 0, sizeof model);
    OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC, ALL_RIGHTS, 0, &fd));
    for (int i = 0; i < OPERATIONS / 8; i++) {
      switch (random_below(&random, 8)) {
        case 0: resize_both(guest, &random, &model, fd); break;
        case 1: allocate_both(guest, &random, &model, fd); break;
        case 2: case 3: case 4: read_both(guest, &random, &model, fd); break;
        default: write_both(guest, &random, &model, fd); break;
      }
      if (i % 64 == 0) compare_whole(guest, &model, fd);
    }
    compare_whole(guest, &model, fd);
    OK(do_close(guest, fd));
  }
}

/* Bytes written at chosen places of an otherwise empty file. */
static void is_sparse(struct guest *guest) {
  static const uint64_t places[] = {INT64_MAX - 10, 1ull << 62, 1ull << 48, (1ull << 32) + 9, 1ull << 32, 1u << 22, 7};
  enum { COUNT = sizeof places / sizeof places[0] };
  uint32_t fd, moved;
  struct nidus_stat stat;
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  for (int i = 0; i < COUNT; i++) OK(do_pwrite(guest, fd, "here", 4, places[i], &moved));
  for (int i = 0; i < COUNT; i++) {
    char bytes[12];
    OK(do_pread(guest, fd, bytes, 12, places[i] - (places[i] > 4 ? 4 : 0), &moved));
    require(moved >= 8 && memcmp(bytes, "\0\0\0\0here", 8) == 0);
  }
  require(nidus_stat(guest->system, "/box/f", 6, true, &stat) == 0);
  require(stat.size == places[0] + 4 && stat.allocated <= (COUNT + 1) * 65536);
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, (1ull << 32) + 11));
  require(nidus_stat(guest->system, "/box/f", 6, true, &stat) == 0);
  require(stat.size == (1ull << 32) + 11 && stat.allocated <= 4 * 65536);
  char bytes[8];
  OK(do_pread(guest, fd, bytes, 8, (1ull << 32) + 8, &moved));
  require(moved == 3 && memcmp(bytes, "\0he", 3) == 0);
  /* Growing again shows none of what was cut off. */
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, INT64_MAX));
  OK(do_pread(guest, fd, bytes, 8, (1ull << 32) + 8, &moved));
  require(moved == 8 && memcmp(bytes, "\0he\0\0\0\0\0", 8) == 0);
  OK(do_pread(guest, fd, bytes, 8, places[0], &moved));
  require(moved == 8 && memcmp(bytes, "\0\0\0\0\0\0\0\0", 8) == 0);
  OK(do_pread(guest, fd, bytes, 8, INT64_MAX - 3, &moved));
  require(moved == 3);
}

static void size_is_limited(struct guest *guest) {
  uint32_t fd, moved;
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_pwrite(guest, fd, "abcdefgh", 8, INT64_MAX - 3, &moved));
  require(moved == 3);
  EXPECT(WASI_EFBIG, do_pwrite(guest, fd, "abc", 3, INT64_MAX, &moved));
  EXPECT(WASI_EINVAL, do_pwrite(guest, fd, "abc", 3, (uint64_t)INT64_MAX + 1, &moved));
  EXPECT(WASI_EINVAL, do_pread(guest, fd, "", 1, UINT64_MAX, &moved));
  EXPECT(WASI_EFBIG, guest_call(guest, SYS_fd_filestat_set_size, fd, (uint64_t)INT64_MAX + 1));
  EXPECT(WASI_EFBIG, guest_call(guest, SYS_fd_allocate, fd, INT64_MAX, 1));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_allocate, fd, UINT64_MAX, 1));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_allocate, fd, 0, 0));
  struct filestat stat;
  OK(do_fstat(guest, fd, &stat));
  require(stat.size == INT64_MAX);
}

static void times_follow_changes(struct guest *guest) {
  struct filestat before, after;
  uint32_t fd, moved;
  char bytes[4];
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_fstat(guest, fd, &before));
  OK(do_write(guest, fd, "", 0, &moved));
  OK(do_fstat(guest, fd, &after));
  require(after.mtime == before.mtime);
  OK(do_write(guest, fd, "x", 1, &moved));
  OK(do_fstat(guest, fd, &after));
  require(after.mtime > before.mtime && after.ctime == after.mtime);
  before = after;
  OK(do_pread(guest, fd, bytes, 4, 0, &moved));
  OK(do_fstat(guest, fd, &after));
  require(after.mtime == before.mtime && after.ctime == before.ctime);
  OK(guest_call(guest, SYS_fd_filestat_set_times, fd, 5, 6, WASI_FSTFLAG_ATIM | WASI_FSTFLAG_MTIM));
  OK(do_fstat(guest, fd, &after));
  require(after.atime == 5 && after.mtime == 6 && after.ctime > before.ctime);
  OK(guest_call(guest, SYS_fd_filestat_set_times, fd, 9, 9, WASI_FSTFLAG_ATIM_NOW));
  OK(do_fstat(guest, fd, &after));
  require(after.atime > 6 && after.mtime == 6);
  for (uint32_t flags = 0; flags < 32; flags++) {
    bool wrong = flags > 15 || (flags & 3) == 3 || (flags & 12) == 12;
    EXPECT(wrong ? WASI_EINVAL : WASI_ESUCCESS, guest_call(guest, SYS_fd_filestat_set_times, fd, 1, 1, flags));
  }
}

static const struct test tests[] = {{"Random writes, resizes and reads agree with an array of bytes", matches_bytes},
                                    {"A file holds memory only where something was written", is_sparse},
                                    {"Nothing reaches beyond the greatest offset", size_is_limited},
                                    {"Time stamps follow changes, and can be set", times_follow_changes}};
RUN_TESTS(tests)
