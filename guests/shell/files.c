/*
 * files.c: cp mv rm mkdir rmdir ln touch.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "util.h"

enum { DEPTH_LIMIT = 256 };

static struct {
  bool recursive, force, verbose, keep, links, none_over, asks, update;
} how;

static bool is_folder(const char *path) {
  struct stat stat_;
  return stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
}

/* A path without slashes at its end, to be freed. */
static char *trimmed(const char *path) {
  char *copy = need_copy(path);
  for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/';) copy[--length] = 0;
  return copy;
}

/* A yes on standard input. */
static bool agreed(const char *question, const char *path) {
  fprintf(stderr, "%s: %s '%s'? ", command_name, question, path);
  char answer = 0, c;
  while (read(0, &c, 1) == 1 && c != '\n') answer = answer ? answer : c;
  return answer == 'y' || answer == 'Y';
}

/* ---- cp ---- */

static void keep_times(const char *path, const struct stat *from) {
  const struct timespec times[2] = {from->st_atim, from->st_mtim};
  (void)utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_contents(const char *from, const char *to) {
  int in = open(from, O_RDONLY);
  if (in < 0) return complain_errno("cannot open '%s' for reading", from);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (out < 0 && how.force && unlink(to) == 0) out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (out < 0) {
    complain_errno("cannot create regular file '%s'", to);
    close(in);
    return 1;
  }
  static char bytes[65536];
  int code = 0;
  for (ssize_t count; !code && (count = read(in, bytes, sizeof bytes)) != 0;) {
    if (count < 0) code = complain_errno("error reading '%s'", from);
    for (ssize_t at = 0, wrote; !code && at < count; at += wrote) {
      wrote = write(out, bytes + at, (size_t)(count - at));
      if (wrote <= 0) code = complain_errno("error writing '%s'", to);
    }
  }
  close(in);
  if (close(out) < 0) code = complain_errno("error writing '%s'", to);
  return code;
}

static bool same(const struct stat *a, const struct stat *b) { return a->st_dev == b->st_dev && a->st_ino == b->st_ino; }

static int copy(const char *from, const char *to, int depth) {
  struct stat source, target;
  bool top = depth == 0;
  if ((how.links || (how.recursive && !top) ? lstat : stat)(from, &source) < 0) return complain_errno("cannot stat '%s'", from);
  bool there = lstat(to, &target) == 0;
  if (there && stat(to, &target) < 0) (void)lstat(to, &target);
  if (S_ISDIR(source.st_mode)) {
    if (!how.recursive) return complain("-r not specified; omitting directory '%s'", from);
    if (depth > DEPTH_LIMIT) return complain("'%s' lies too deep", from);
    if (there && !S_ISDIR(target.st_mode)) return complain("cannot overwrite non-directory '%s' with directory '%s'", to, from);
    if (!there && mkdir(to, 0777) < 0) return complain_errno("cannot create directory '%s'", to);
    struct stat made;
    if (stat(to, &made) == 0 && same(&made, &source)) return complain("cannot copy a directory, '%s', into itself, '%s'", from, to);
    if (how.verbose && !there) printf("'%s' -> '%s'\n", from, to);
    char **names;
    int count = list_folder(from, &names), code = count < 0 ? complain_errno("cannot access '%s'", from) : 0;
    for (int i = 0; i < count; i++) {
      char *a = path_of(from, names[i]), *b = path_of(to, names[i]);
      struct stat inner;
      /* What has just been made inside of itself is not copied again. */
      if (lstat(a, &inner) == 0 && same(&inner, &made)) code |= complain("cannot copy a directory, '%s', into itself, '%s'", from, to);
      else code |= copy(a, b, depth + 1);
      free(a);
      free(b);
    }
    if (count >= 0) free_names(names, count);
    if (how.keep) keep_times(to, &source);
    return code;
  }
  if (there && same(&source, &target) && S_ISREG(source.st_mode)) return complain("'%s' and '%s' are the same file", from, to);
  if (there && S_ISDIR(target.st_mode)) return complain("cannot overwrite directory '%s' with non-directory '%s'", to, from);
  if (there && how.none_over) return 0;
  if (there && how.update && source.st_mtim.tv_sec <= target.st_mtim.tv_sec) return 0;
  if (there && how.asks && !agreed("overwrite", to)) return 0;
  int code;
  if (S_ISLNK(source.st_mode)) {
    char path[4096];
    ssize_t length = readlink(from, path, sizeof path - 1);
    if (length < 0) return complain_errno("cannot read symbolic link '%s'", from);
    path[length] = 0;
    if (there) unlink(to);
    code = symlink(path, to) < 0 ? complain_errno("cannot create symbolic link '%s'", to) : 0;
  } else {
    code = copy_contents(from, to);
  }
  if (how.verbose && !code) printf("'%s' -> '%s'\n", from, to);
  if (how.keep && !code) keep_times(to, &source);
  return code;
}

/* Each of the paths to the last one, or into the folder that it is. */
static int each_to(int count, char **paths, int (*run)(const char *, const char *, int), const char *folder, bool no_folder) {
  if (count < 1) return complain("missing file operand");
  if (count < 2 && !folder) return complain("missing destination file operand after '%s'", paths[0]);
  const char *to = folder ? folder : paths[--count];
  bool into = !no_folder && is_folder(to);
  if (!into && (count > 1 || folder)) {
    struct stat stat_;
    if (stat(to, &stat_) == 0) errno = ENOTDIR;
    return complain_errno("target '%s'", to);
  }
  int code = 0;
  for (int i = 0; i < count; i++) {
    char *from = trimmed(paths[i]), *target = into ? path_of(to, base_name(from)) : trimmed(to);
    code |= run(from, target, 0);
    free(from);
    free(target);
  }
  return code;
}

int cp_main(int argc, char **argv);
int cp_main(int argc, char **argv) {
  const char *folder = NULL;
  bool no_folder = false;
  for (int option; (option = getopt(argc, argv, "rRafinpuvdPTt:")) != -1;) {
    switch (option) {
      case 'a': how.recursive = how.keep = how.links = true; break;
      case 'r':
      case 'R': how.recursive = true; break;
      case 'f': how.force = true; break;
      case 'i': how.asks = true; break;
      case 'n': how.none_over = true; break;
      case 'p': how.keep = true; break;
      case 'u': how.update = true; break;
      case 'v': how.verbose = true; break;
      case 'd':
      case 'P': how.links = true; break;
      case 'T': no_folder = true; break;
      case 't': folder = optarg; break;
      default: return 1;
    }
  }
  return each_to(argc - optind, argv + optind, copy, folder, no_folder);
}

/* ---- rm ---- */

static int remove_path(const char *path, int depth) {
  struct stat stat_;
  if (lstat(path, &stat_) < 0) {
    if (how.force && (errno == ENOENT || errno == ENOTDIR)) return 0;
    return complain_errno("cannot remove '%s'", path);
  }
  if (!S_ISDIR(stat_.st_mode)) {
    if (how.asks && !agreed("remove file", path)) return 0;
    if (unlink(path) < 0) return complain_errno("cannot remove '%s'", path);
    if (how.verbose) printf("removed '%s'\n", path);
    return 0;
  }
  if (!how.recursive && !how.links) return complain("cannot remove '%s': Is a directory", path);
  if (depth > DEPTH_LIMIT) return complain("'%s' lies too deep", path);
  char **names = NULL;
  int count = how.recursive ? list_folder(path, &names) : 0, code = 0;
  if (count < 0) return complain_errno("cannot remove '%s'", path);
  for (int i = 0; i < count; i++) {
    char *inner = path_of(path, names[i]);
    code |= remove_path(inner, depth + 1);
    free(inner);
  }
  free_names(names, count);
  if (code) return code;
  if (how.asks && !agreed("remove directory", path)) return 0;
  if (rmdir(path) < 0) return complain_errno("cannot remove '%s'", path);
  if (how.verbose) printf("removed directory '%s'\n", path);
  return 0;
}

int rm_main(int argc, char **argv);
int rm_main(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "rRfivd")) != -1;) {
    switch (option) {
      case 'r':
      case 'R': how.recursive = true; break;
      case 'f': how.force = true, how.asks = false; break;
      case 'i': how.asks = true, how.force = false; break;
      case 'v': how.verbose = true; break;
      case 'd': how.links = true; break;
      default: return 1;
    }
  }
  if (optind == argc) return how.force ? 0 : complain("missing operand");
  int code = 0;
  for (int i = optind; i < argc; i++) {
    char *path = trimmed(argv[i]);
    const char *name = base_name(path);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
      code |= complain("refusing to remove '.' or '..' directory: skipping '%s'", argv[i]);
    } else if (strcmp(path, "/") == 0) {
      code |= complain("it is dangerous to operate recursively on '/'");
    } else code |= remove_path(path, 0);
    free(path);
  }
  return code;
}

/* ---- mv ---- */

static int move(const char *from, const char *to, int depth) {
  struct stat source, target;
  if (lstat(from, &source) < 0) return complain_errno("cannot stat '%s'", from);
  bool there = lstat(to, &target) == 0;
  if (there && same(&source, &target)) return complain("'%s' and '%s' are the same file", from, to);
  if (there && how.none_over) return 0;
  if (there && S_ISDIR(target.st_mode) && !S_ISDIR(source.st_mode)) {
    return complain("cannot overwrite directory '%s' with non-directory", to);
  }
  if (there && !S_ISDIR(target.st_mode) && S_ISDIR(source.st_mode)) {
    return complain("cannot overwrite non-directory '%s' with directory '%s'", to, from);
  }
  if (there && how.asks && !agreed("overwrite", to)) return 0;
  if (rename(from, to) < 0) {
    if (errno == EINVAL) return complain("cannot move '%s' to a subdirectory of itself, '%s'", from, to);
    if (errno != EXDEV) return complain_errno("cannot move '%s' to '%s'", from, to);
    /* Between volumes. */
    bool verbose = how.verbose;
    how.recursive = how.keep = how.links = true;
    how.verbose = false;
    int code = copy(from, to, depth);
    if (!code) code = remove_path(from, depth);
    how.verbose = verbose;
    if (code) return code;
  }
  if (how.verbose) printf("renamed '%s' -> '%s'\n", from, to);
  return 0;
}

int mv_main(int argc, char **argv);
int mv_main(int argc, char **argv) {
  const char *folder = NULL;
  bool no_folder = false;
  for (int option; (option = getopt(argc, argv, "finvTt:")) != -1;) {
    switch (option) {
      case 'f': break;
      case 'i': how.asks = true; break;
      case 'n': how.none_over = true; break;
      case 'v': how.verbose = true; break;
      case 'T': no_folder = true; break;
      case 't': folder = optarg; break;
      default: return 1;
    }
  }
  return each_to(argc - optind, argv + optind, move, folder, no_folder);
}

/* ---- mkdir and rmdir ---- */

int mkdir_main(int argc, char **argv);
int mkdir_main(int argc, char **argv) {
  bool parents = false;
  for (int option; (option = getopt(argc, argv, "pvm:")) != -1;) {
    if (option == 'p') parents = true;
    else if (option == 'v') how.verbose = true;
    else if (option != 'm') return 1; /* -m: WASI has no modes */
  }
  if (optind == argc) return complain("missing operand");
  int code = 0;
  for (int i = optind; i < argc; i++) {
    char *path = need_copy(argv[i]);
    for (char *at = path + 1; parents && *at; at++) {
      if (*at != '/' || at[-1] == '/') continue;
      *at = 0;
      if (mkdir(path, 0777) == 0 && how.verbose) printf("mkdir: created directory '%s'\n", path);
      *at = '/';
    }
    if (mkdir(path, 0777) == 0) {
      if (how.verbose) printf("mkdir: created directory '%s'\n", path);
    } else if (!parents || errno != EEXIST || !is_folder(path)) {
      code = complain_errno("cannot create directory '%s'", argv[i]);
    }
    free(path);
  }
  return code;
}

int rmdir_main(int argc, char **argv);
int rmdir_main(int argc, char **argv) {
  bool parents = false;
  for (int option; (option = getopt(argc, argv, "pv")) != -1;) {
    if (option == 'p') parents = true;
    else if (option == 'v') how.verbose = true;
    else return 1;
  }
  if (optind == argc) return complain("missing operand");
  int code = 0;
  for (int i = optind; i < argc; i++) {
    char *path = trimmed(argv[i]), *slash;
    for (;;) {
      if (how.verbose) printf("rmdir: removing directory, '%s'\n", path);
      if (rmdir(path) < 0) {
        code = complain_errno("failed to remove '%s'", path);
        break;
      }
      slash = strrchr(path, '/');
      if (!parents || !slash || slash == path) break;
      *slash = 0;
    }
    free(path);
  }
  return code;
}

/* ---- ln ---- */

static int link_to(const char *from, const char *to, int depth) {
  (void)depth;
  if (how.force) unlink(to);
  if ((how.links ? symlink : link)(from, to) == 0) return 0;
  if (how.links || errno == EEXIST) return complain_errno("failed to create %s link '%s'", how.links ? "symbolic" : "hard", to);
  return complain_errno("failed to access '%s'", from);
}

int ln_main(int argc, char **argv);
int ln_main(int argc, char **argv) {
  bool no_folder = false;
  for (int option; (option = getopt(argc, argv, "sfnTv")) != -1;) {
    if (option == 's') how.links = true;
    else if (option == 'f') how.force = true;
    else if (option == 'n' || option == 'T') no_folder = true;
    else if (option != 'v') return 1;
  }
  static char here[] = ".";
  char *one[] = {optind < argc ? argv[optind] : NULL, here};
  bool alone = argc - optind == 1;
  return each_to(alone ? 2 : argc - optind, alone ? one : argv + optind, link_to, NULL, no_folder);
}

/* ---- touch ---- */

int touch_main(int argc, char **argv);
int touch_main(int argc, char **argv) {
  bool make = true, access = false, modify = false;
  struct stat reference;
  bool referred = false;
  for (int option; (option = getopt(argc, argv, "acmr:")) != -1;) {
    if (option == 'c') make = false;
    else if (option == 'a') access = true;
    else if (option == 'm') modify = true;
    else if (option == 'r') {
      if (stat(optarg, &reference) < 0) return complain_errno("failed to get attributes of '%s'", optarg);
      referred = true;
    } else return 1;
  }
  if (optind == argc) return complain("missing file operand");
  int code = 0;
  for (int i = optind; i < argc; i++) {
    const struct timespec now = {0, UTIME_NOW}, keep = {0, UTIME_OMIT};
    struct timespec times[2] = {referred ? reference.st_atim : now, referred ? reference.st_mtim : now};
    if (access && !modify) times[1] = keep;
    if (modify && !access) times[0] = keep;
    if (utimensat(AT_FDCWD, argv[i], times, 0) == 0) continue;
    if (errno == ENOENT && !make) continue;
    int fd = errno == ENOENT ? open(argv[i], O_WRONLY | O_CREAT, 0666) : -1;
    if (fd < 0) {
      code = complain_errno("cannot touch '%s'", argv[i]);
      continue;
    }
    close(fd);
    if (referred) (void)utimensat(AT_FDCWD, argv[i], times, 0);
  }
  return code;
}
