/*
 * churn.c: changes a tree of files, one system call after the other, for the kill test.
 *
 *   churn run SEED FROM COUNT    does operations FROM to FROM + COUNT - 1 in the working folder, and prints
 *                                "S k" when the sync that operation k is has returned
 *   churn digest                 prints a digest of the working folder
 *   churn oracle SEED            reads "FROM LAST DIGEST" lines: does the operations from FROM on, in order, until
 *                                the folder has that digest at or after LAST; prints the operation, or -1 when
 *                                there is none among the next LOOK_AHEAD, and then stands there
 *
 * What operation k does depends on the seed, on k and on the tree alone, and each changes the tree by one
 * system call, so "the tree after operation k" is one tree, whoever computes it: gcc's program on Linux is
 * the oracle for the guest on a volume. Operations may fail, as they do on Linux.
 *
 * A digest covers names, types, contents, link targets, which names are one file, and modification times that
 * were set (all before EPOCH_END); those that a write gave are the clock's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  PIECE = 64 * 1024,   /* the most that one operation writes */
  REACH = 5 * PIECE,   /* writes and truncations go no further */
  PATH = 1024,
  FILES = 4096,        /* the most that a tree has */
  LOOK_AHEAD = 50000,
  PERIOD = 2000, TIDY_AFTER = 1500, /* from there to the end of each period mostly removes */
  EPOCH_END = 1000000000
};

static const char *const names[] = {
    "a", "b", "c", "f0", "f1", "f2", "f3.txt", "with space", "gr\xc3\xb6\xc3\x9f" "e", "\xe2\x98\x95\xf0\x9f\x90\xa6",
    "long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-name", "f9"};
enum { NAMES = sizeof names / sizeof *names, FOLDER_NAMES = 3 };

static void die(const char *what) {
  printf("E %s: %s\n", what, strerror(errno));
  exit(2);
}

/* ---- the numbers of an operation (splitmix64) ---- */

static uint64_t state;

static uint32_t pick(uint32_t below) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return (uint32_t)((z ^ z >> 31) >> 11) % below;
}

static const char *pick_path(char path[PATH], bool folder) {
  static const uint32_t depths[] = {0, 0, 1, 1, 1, 2};
  char *at = path;
  for (uint32_t depth = depths[pick(6)]; depth > 0; depth--) at += sprintf(at, "%s/", names[pick(FOLDER_NAMES)]);
  bool other = pick(8) == 0;
  strcpy(at, names[folder != other ? pick(FOLDER_NAMES) : pick(NAMES)]);
  return path;
}

static uint32_t pick_length(void) { return pick(4) ? 1 + pick(3000) : 1 + pick(PIECE); }

/* ---- the operations ---- */

static char bytes[PIECE];

static void fill(uint32_t length) {
  uint32_t word = pick(UINT32_MAX);
  for (uint32_t i = 0; i < length; i++) bytes[i] = (char)((word = word * 1664525u + 1013904223u) >> 24);
}

static void write_at(const char *path, int flags, off_t offset) {
  uint32_t length = pick_length();
  fill(length);
  int fd = open(path, O_WRONLY | flags);
  if (fd < 0) return;
  ssize_t done = flags & O_APPEND ? write(fd, bytes, length) : pwrite(fd, bytes, length, offset);
  /* One system call writes it all: a part would be a tree that no operation leaves. */
  if (done != (ssize_t)length) die("write");
  close(fd);
}

static void append(const char *path) {
  struct stat stat_;
  if (stat(path, &stat_) == 0 && stat_.st_size < REACH) write_at(path, O_APPEND, 0);
}

static void truncate_at(const char *path) {
  off_t size = pick(3) ? pick(PIECE) : pick(REACH);
  int fd = open(path, O_WRONLY);
  if (fd < 0) return;
  if (ftruncate(fd, size)) die("ftruncate");
  close(fd);
}

static void set_times(const char *path) {
  struct timespec times[2];
  for (int i = 0; i < 2; i++) {
    times[i].tv_sec = pick(EPOCH_END);
    times[i].tv_nsec = pick(1000000000);
  }
  (void)!utimensat(AT_FDCWD, path, times, 0);
}

/* A file that lives on without a name: what is written to it then must trouble nobody. */
static void unlink_open(const char *path) {
  int fd = open(path, O_RDWR);
  if (fd < 0) return;
  if (unlink(path) == 0) {
    fill(5000);
    if (pwrite(fd, bytes, 5000, pick(REACH)) != 5000 || fsync(fd)) die("writing without a name");
  }
  close(fd);
}

/* Removes the first leaf of the tree. */
static void prune(void) {
  char path[4 * PATH] = ".";
  for (;;) {
    DIR *folder = opendir(path);
    if (!folder) {
      if (errno != ENOTDIR) die(path);
      unlink(path);
      return;
    }
    char first[300] = "";
    for (struct dirent *entry; (entry = readdir(folder));) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      if (first[0] == 0 || strcmp(entry->d_name, first) < 0) strcpy(first, entry->d_name);
    }
    closedir(folder);
    if (first[0] == 0) {
      if (path[1]) rmdir(path);
      return;
    }
    if (strlen(path) + strlen(first) + 2 > sizeof path) die("too deep");
    strcat(strcat(path, "/"), first);
    struct stat stat_;
    if (lstat(path, &stat_)) die(path);
    if (!S_ISDIR(stat_.st_mode)) {
      unlink(path);
      return;
    }
  }
}

/* True when the operation was a sync. */
static bool sync_at(const char *path, bool data_only) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) fd = open(".", O_RDONLY | O_DIRECTORY);
  if (fd < 0 || (data_only ? fdatasync(fd) : fsync(fd))) die("sync");
  close(fd);
  return true;
}

/* Syncs and pauses are only done where they matter, not by the oracle. Answers whether k was a sync. */
static bool operate(uint64_t seed, uint64_t k, bool storing) {
  char path[PATH], other[PATH];
  state = seed * 0xD1342543DE82EF95u ^ k * 0x2545F4914F6CDD1Du;
  (void)pick(2);
  if (k % PERIOD >= TIDY_AFTER && pick(10) < 7) {
    prune();
    return false;
  }
  uint32_t kind = pick(100);
  if (kind < 14) {
    int exclusive = pick(2) ? O_EXCL : 0;
    int fd = open(pick_path(path, false), O_WRONLY | O_CREAT | exclusive, 0644);
    if (fd >= 0) close(fd);
  } else if (kind < 30) {
    off_t offset = pick(2) ? pick(5000) : pick(REACH);
    write_at(pick_path(path, false), 0, offset);
  } else if (kind < 44) {
    append(pick_path(path, false));
  } else if (kind < 51) {
    truncate_at(pick_path(path, false));
  } else if (kind < 62) {
    bool folder = pick(3) == 0;
    pick_path(path, folder);
    (void)!rename(path, pick_path(other, folder));
  } else if (kind < 68) {
    unlink(pick_path(path, false));
  } else if (kind < 76) {
    mkdir(pick_path(path, true), 0755);
  } else if (kind < 78) {
    rmdir(pick_path(path, true));
  } else if (kind < 83) {
    pick_path(path, false);
    (void)!link(path, pick_path(other, false));
  } else if (kind < 86) {
    const char *target = names[pick(NAMES)];
    (void)!symlink(target, pick_path(path, false));
  } else if (kind < 91) {
    set_times(pick_path(path, false));
  } else if (kind < 93) {
    unlink_open(pick_path(path, false));
  } else if (kind < 99) {
    pick_path(path, false);
    bool data_only = pick(3) == 0;
    return storing && sync_at(path, data_only);
  } else if (storing) {
    usleep(1000 * (1 + pick(20)));
  }
  return false;
}

/* ---- the digest ---- */

static uint64_t digest;
static ino_t inos[FILES];
static uint32_t files;

static void add(const void *from, size_t length) {
  const unsigned char *at = from;
  for (size_t i = 0; i < length; i++) digest = (digest ^ at[i]) * 0x100000001B3u;
}

static void add_number(uint64_t number) { add(&number, sizeof number); }

static void add_file(const char *path, const struct stat *stat_) {
  uint32_t i = 0;
  while (i < files && inos[i] != stat_->st_ino) i++;
  add_number(i);
  if (i < files) return;
  if (files == FILES) die("too many files");
  inos[files++] = stat_->st_ino;
  add_number((uint64_t)stat_->st_nlink);
  bool set = stat_->st_mtim.tv_sec < EPOCH_END;
  add_number(set ? (uint64_t)stat_->st_mtim.tv_sec * 1000000000u + (uint64_t)stat_->st_mtim.tv_nsec : 0);
  int fd = open(path, O_RDONLY);
  if (fd < 0) die(path);
  off_t size = 0;
  for (ssize_t got; (got = read(fd, bytes, sizeof bytes)) != 0; size += got) {
    if (got < 0) die(path);
    add(bytes, (size_t)got);
  }
  if (size != stat_->st_size) die("a file has not the length it says");
  add_number((uint64_t)size);
  close(fd);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Trees here are some dozen folders deep at most. */
static void add_folder(const char *path) {
  DIR *folder = opendir(path);
  if (!folder) die(path);
  char **list = NULL;
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    list = realloc(list, (count + 1) * sizeof *list);
    if (!list || !(list[count++] = strdup(entry->d_name))) die("memory");
  }
  closedir(folder);
  if (count > 1) qsort(list, count, sizeof *list, by_name);
  add_number(count);
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(path) + strlen(list[i]) + 2;
    char *below = malloc(size), target[PATH];
    struct stat stat_;
    if (!below) die("memory");
    snprintf(below, size, "%s/%s", path, list[i]);
    if (lstat(below, &stat_)) die(below);
    add(list[i], strlen(list[i]) + 1);
    add_number(S_ISDIR(stat_.st_mode) ? 1 : S_ISLNK(stat_.st_mode) ? 2 : 3);
    if (S_ISDIR(stat_.st_mode)) {
      add_folder(below);
    } else if (S_ISLNK(stat_.st_mode)) {
      ssize_t length = readlink(below, target, sizeof target);
      if (length < 0) die(below);
      add(target, (size_t)length);
    } else {
      add_file(below, &stat_);
    }
    free(below);
    free(list[i]);
  }
  free(list);
}

static uint64_t digest_now(void) {
  digest = 0xCBF29CE484222325u;
  files = 0;
  add_folder(".");
  return digest;
}

/* ---- the commands ---- */

static void run(uint64_t seed, uint64_t from, uint64_t count) {
  for (uint64_t k = from; k < from + count; k++) {
    if (operate(seed, k, true)) printf("S %" PRIu64 "\n", k);
  }
}

static void oracle(uint64_t seed) {
  uint64_t at = 0, from, last, wanted;
  while (scanf("%" SCNu64 " %" SCNu64 " %" SCNx64, &from, &last, &wanted) == 3) {
    if (from > at) die("the oracle has not come so far");
    while (at < last) operate(seed, ++at, false);
    uint64_t stop = at + LOOK_AHEAD;
    while (digest_now() != wanted && at < stop) operate(seed, ++at, false);
    if (at < stop) printf("%" PRIu64 "\n", at);
    else puts("-1");
  }
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t number[3] = {0};
  for (int i = 2; i < argc && i < 5; i++) number[i - 2] = strtoull(argv[i], NULL, 10);
  if (argc == 5 && strcmp(argv[1], "run") == 0) run(number[0], number[1], number[2]);
  else if (argc == 2 && strcmp(argv[1], "digest") == 0) printf("D %016" PRIx64 "\n", digest_now());
  else if (argc == 3 && strcmp(argv[1], "oracle") == 0) oracle(number[0]);
  else return puts("E usage: churn run SEED FROM COUNT | digest | oracle SEED"), 2;
  return 0;
}
