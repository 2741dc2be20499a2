/*
 * test_directories.c: folders of the mem volume against a plain list of names, and what a reader sees of a
 * folder that changes while it reads.
 */
#include "kit.h"

enum { UNIVERSE = 5000, STEPS = 40000 };

struct model {
  bool present[UNIVERSE];
  uint32_t count;
};

static const char *name_of(uint32_t i) {
  static char name[64];
  /* Short and long names, and some that differ only at their end. */
  snprintf(name, sizeof name, i % 3 ? "n%u" : "a-long-common-beginning-of-the-name-%u", i);
  return name;
}

static void change(struct guest *guest, struct model *model, uint32_t i) {
  if (model->present[i]) {
    OK(do_unlink(guest, BOX, name_of(i)));
    EXPECT(WASI_ENOENT, do_unlink(guest, BOX, name_of(i)));
    model->count--;
  } else {
    OK(do_link(guest, BOX, 0, "file", name_of(i)));
    EXPECT(WASI_EEXIST, do_link(guest, BOX, 0, "file", name_of(i)));
    model->count++;
  }
  model->present[i] = !model->present[i];
}

/* One call with a buffer of `size`: handles the entries that came whole. False at the end. */
static bool list(struct guest *guest, uint32_t fd, uint32_t size, uint64_t *cookie,
                 void (*each)(void *context, const char *name, uint32_t length, uint64_t cookie), void *context) {
  OK(guest_call(guest, SYS_fd_readdir, fd, DATA, size, *cookie, OUT));
  uint32_t used = guest_u32(guest, OUT), at = 0;
  require(used <= size);
  while (used - at >= 24) {
    uint32_t length = guest_u32(guest, DATA + at + 16);
    if (length > used - at - 24) break;
    *cookie = guest_u64(guest, DATA + at);
    const char *name = (const char *)guest->memory + DATA + at + 24;
    bool dots = (length == 1 && name[0] == '.') || (length == 2 && memcmp(name, "..", 2) == 0);
    if (!dots) each(context, name, length, *cookie);
    at += 24 + length;
  }
  return used == size;
}

struct sight {
  uint8_t times[UNIVERSE + 1]; /* the last: "file" */
  uint32_t count;
};

static void see(void *context, const char *name, uint32_t length, uint64_t cookie) {
  struct sight *sight = context;
  uint32_t i = UNIVERSE;
  (void)cookie;
  if (length != 4 || memcmp(name, "file", 4)) {
    uint32_t digits = length;
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') digits--;
    i = 0;
    for (uint32_t k = digits; k < length; k++) i = i * 10 + (uint32_t)(name[k] - '0');
    require(i < UNIVERSE && strlen(name_of(i)) == length && memcmp(name_of(i), name, length) == 0);
  }
  require(++sight->times[i] == 1);
  sight->count++;
}

static void compare_listing(struct guest *guest, const struct model *model, uint32_t size) {
  static struct sight sight;
  uint64_t cookie = 0;
  memset(&sight, 0, sizeof sight);
  while (list(guest, BOX, size, &cookie, see, &sight)) continue;
  require(sight.count == model->count + 1);
  for (uint32_t i = 0; i < UNIVERSE; i++) require(sight.times[i] == model->present[i]);
}

static void matches_list(struct guest *guest) {
  static struct model model;
  struct random random = {random_seed(20240602)};
  printf("SEED=%llu\n", (unsigned long long)random.state);
  make_file(guest, BOX, "file", "x");
  for (uint32_t step = 0; step < STEPS; step++) {
    /* The folder grows to thousands, shrinks to few, and so on. */
    bool growing = step / 8000 % 2 == 0;
    uint32_t i = (uint32_t)random_below(&random, UNIVERSE);
    if (model.present[i] == growing && random_below(&random, 4)) continue;
    change(guest, &model, i);
    if (step % 4000 == 0) compare_listing(guest, &model, 4096);
  }
  compare_listing(guest, &model, 32768);
  compare_listing(guest, &model, 100);
  struct filestat stat;
  OK(do_stat(guest, BOX, 0, "file", &stat));
  require(stat.nlink == model.count + 1);
  for (uint32_t i = 0; i < UNIVERSE; i++) require(exists(guest, BOX, name_of(i)) == model.present[i]);
}

/* A reader with a small buffer goes on while names come and go. */
static void stays_stable(struct guest *guest) {
  static struct model model;
  static struct sight sight;
  static bool always[UNIVERSE];
  struct random random = {random_seed(20240603)};
  printf("SEED=%llu\n", (unsigned long long)random.state);
  make_file(guest, BOX, "file", "x");
  for (uint32_t i = 0; i < 800; i++) change(guest, &model, i);
  for (uint32_t i = 0; i < UNIVERSE; i++) always[i] = model.present[i];
  uint64_t cookie = 0;
  /* Names below 400 stay for all the time, 400 to 799 are removed and made again, 800 to 999 come and go. */
  while (list(guest, BOX, 200, &cookie, see, &sight)) {
    for (int k = 0; k < 7; k++) {
      uint32_t i = 400 + (uint32_t)random_below(&random, 600);
      /* A name that was seen and is made again would rightly be seen again, so those are not. */
      if (!model.present[i] && sight.times[i]) continue;
      change(guest, &model, i);
      if (!model.present[i]) always[i] = false;
    }
  }
  for (uint32_t i = 0; i < UNIVERSE; i++) require(!always[i] || sight.times[i] == 1);
}

static void small_buffers_cut_entries(struct guest *guest) {
  make_file(guest, BOX, "abcdef", "");
  for (uint32_t size = 0; size < 200; size++) {
    memset(guest->memory + DATA, 0xEE, 256);
    OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, size, 0, OUT));
    uint32_t whole = 24 + 1 + 24 + 2 + 24 + 6;
    require(guest_u32(guest, OUT) == (size < whole ? size : whole));
    for (uint32_t i = size; i < 256; i++) require(i < whole || guest->memory[DATA + i] == 0xEE);
  }
  /* From each cookie on, what follows. */
  static const char *const first[] = {".", "..", "abcdef"};
  uint64_t cookie = 0;
  for (int i = 0; i < 3; i++) {
    OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, 256, cookie, OUT));
    require(guest_u32(guest, DATA + 16) == strlen(first[i]));
    require(memcmp(guest->memory + DATA + 24, first[i], strlen(first[i])) == 0);
    cookie = guest_u64(guest, DATA);
  }
  for (uint64_t beyond = cookie; beyond; beyond *= 2) {
    OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, 256, beyond, OUT));
    require(guest_u32(guest, OUT) == 0);
  }
  OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, 256, UINT64_MAX, OUT));
  require(guest_u32(guest, OUT) == 0);
}

static void link_counts(struct guest *guest) {
  struct filestat stat;
  OK(do_mkdir(guest, BOX, "d"));
  OK(do_mkdir(guest, BOX, "d/a"));
  OK(do_mkdir(guest, BOX, "d/b"));
  OK(do_stat(guest, BOX, 0, "d", &stat));
  require(stat.nlink == 4 && stat.type == WASI_FILETYPE_DIRECTORY);
  OK(do_rename(guest, BOX, "d/a", "a"));
  OK(do_stat(guest, BOX, 0, "d", &stat));
  require(stat.nlink == 3);
  OK(do_rename(guest, BOX, "a", "d/b"));
  OK(do_stat(guest, BOX, 0, "d", &stat));
  require(stat.nlink == 3);
  OK(do_rmdir(guest, BOX, "d/b"));
  OK(do_stat(guest, BOX, 0, "d", &stat));
  require(stat.nlink == 2);
}

/* Each folder holds the one above it; the last descriptor lets go of all of them. */
static void deep_chain_goes(struct guest *guest) {
  enum { DEPTH = 30000 };
  uint32_t fd, next;
  OK(do_open(guest, BOX, ".", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  for (int i = 0; i < DEPTH; i++) {
    OK(do_mkdir(guest, fd, "d"));
    OK(do_open(guest, fd, "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &next));
    OK(do_close(guest, fd));
    fd = next;
  }
  /* From the deepest up: the folder is removed through a climbing preopen of the one above. */
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/box", NIDUS_PREOPEN_CLIMB);
  uint32_t above;
  OK(do_open(guest, BOX, ".", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &above));
  uint32_t *chain = malloc((DEPTH + 1) * sizeof *chain);
  require(chain);
  chain[0] = above;
  for (int i = 0; i < DEPTH; i++) OK(do_open(guest, chain[i], "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &chain[i + 1]));
  for (int i = DEPTH; i-- > 0;) OK(do_rmdir(guest, chain[i], "d"));
  for (int i = 0; i <= DEPTH; i++) OK(do_close(guest, chain[i]));
  free(chain);
  EXPECT(WASI_ENOENT, do_mkdir(guest, fd, "late"));
  OK(do_close(guest, fd));
}

/* A tree deeper than any C stack is left to the system's end. */
static void deep_tree_is_destroyed(struct guest *guest) {
  uint32_t fd, next;
  OK(do_open(guest, BOX, ".", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  for (int i = 0; i < 200000; i++) {
    OK(do_mkdir(guest, fd, "d"));
    OK(do_open(guest, fd, "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &next));
    OK(do_close(guest, fd));
    fd = next;
  }
}

static void removed_folder_is_usable(struct guest *guest) {
  uint32_t fd, opened;
  OK(do_mkdir(guest, BOX, "d"));
  OK(do_open(guest, BOX, "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  OK(do_rmdir(guest, BOX, "d"));
  require(strcmp(names_in(guest, fd), "") == 0);
  EXPECT(WASI_ENOENT, do_mkdir(guest, fd, "x"));
  EXPECT(WASI_ENOENT, do_open(guest, fd, "x", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &opened));
  EXPECT(WASI_ENOENT, do_symlink(guest, fd, "t", "x"));
  struct filestat stat;
  OK(do_fstat(guest, fd, &stat));
  require(stat.nlink == 0);
  OK(do_mkdir(guest, BOX, "d"));
  require(strcmp(names_in(guest, fd), "") == 0);
}

static const struct test tests[] = {
    {"Thousands of names added and removed at random agree with a list", matches_list},
    {"A reader sees what stays exactly once, while names come and go", stays_stable},
    {"A small buffer is filled to its end, and each cookie resumes after its entry", small_buffers_cut_entries},
    {"A folder's link count is two and its folders", link_counts},
    {"A chain of removed folders is let go without recursion", deep_chain_goes},
    {"A tree deeper than the C stack is destroyed without recursion", deep_tree_is_destroyed},
    {"A folder that was removed while open is empty and stays so", removed_folder_is_usable}};
RUN_TESTS(tests)
