/*
 * ls.c: ls, du and stat.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

struct file {
  char *name;
  char *path;
  struct stat stat;
  char *target; /* of a link, with -l */
};

static struct {
  bool all, almost, lengthy, reverse, by_time, by_size, recursive, folders, classify, slash, human, one, inode, unsorted;
  bool columns;
} ls;

static char type_mark(uint32_t mode) { return S_ISDIR(mode) ? '/' : S_ISLNK(mode) ? '@' : S_ISSOCK(mode) ? '=' : 0; }

static int compare_files(const void *a, const void *b) {
  const struct file *one = a, *other = b;
  int order = 0;
  if (ls.by_time) {
    int64_t x = one->stat.st_mtim.tv_sec, y = other->stat.st_mtim.tv_sec;
    if (x == y) x = one->stat.st_mtim.tv_nsec, y = other->stat.st_mtim.tv_nsec;
    order = x > y ? -1 : x < y;
  } else if (ls.by_size) {
    order = one->stat.st_size > other->stat.st_size ? -1 : one->stat.st_size < other->stat.st_size;
  }
  if (order == 0) order = strcmp(one->name, other->name);
  return ls.reverse ? -order : order;
}

static size_t display_width(const char *text) {
  size_t width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static void put_name(const struct file *file) {
  fputs(file->name, stdout);
  char mark = ls.classify || ls.slash ? type_mark(file->stat.st_mode) : 0;
  if (mark && (ls.classify || mark == '/') && !(ls.lengthy && mark == '@')) putchar(mark);
}

static void size_text(uint64_t size, char text[24]) {
  if (ls.human) human_size(size, text);
  else snprintf(text, 24, "%llu", (unsigned long long)size);
}

static int digits_of(uint64_t number) {
  int digits = 1;
  for (; number >= 10; number /= 10) digits++;
  return digits;
}

static void put_long(const struct file *files, int count) {
  int links = 1, size = 1;
  char text[24], mode[11];
  for (int i = 0; i < count; i++) {
    int digits = digits_of(files[i].stat.st_nlink);
    if (digits > links) links = digits;
    size_text((uint64_t)files[i].stat.st_size, text);
    if ((int)strlen(text) > size) size = (int)strlen(text);
  }
  time_t now = time(NULL);
  for (int i = 0; i < count; i++) {
    const struct stat *stat_ = &files[i].stat;
    mode_text(stat_->st_mode, mode);
    size_text((uint64_t)stat_->st_size, text);
    struct tm *when = localtime(&stat_->st_mtim.tv_sec);
    char date[32] = "?";
    /* What is older than half a year, or is to come, has its year. */
    bool near = stat_->st_mtim.tv_sec <= now && stat_->st_mtim.tv_sec > now - 15778476;
    if (when) strftime(date, sizeof date, near ? "%b %e %H:%M" : "%b %e  %Y", when);
    if (ls.inode) printf("%llu ", (unsigned long long)stat_->st_ino);
    printf("%s %*llu %*s %s ", mode, links, (unsigned long long)stat_->st_nlink, size, text, date);
    put_name(&files[i]);
    if (files[i].target) printf(" -> %s", files[i].target);
    putchar('\n');
  }
}

/* As many columns as fit, filled downwards. */
static void put_columns(const struct file *files, int count) {
  const char *given = getenv("COLUMNS");
  size_t width = given && atoi(given) > 0 ? (size_t)atoi(given) : 80;
  int rows = 1;
  for (;; rows++) {
    size_t total = 0;
    for (int from = 0; from < count; from += rows) {
      size_t widest = 0;
      for (int i = from; i < from + rows && i < count; i++) {
        size_t each = display_width(files[i].name) + (ls.classify || ls.slash ? type_mark(files[i].stat.st_mode) != 0 : 0);
        if (each > widest) widest = each;
      }
      total += widest + 2;
    }
    if (total <= width + 2 || rows >= count) break;
  }
  for (int row = 0; row < rows; row++) {
    for (int i = row; i < count; i += rows) {
      put_name(&files[i]);
      if (i + rows >= count) break;
      size_t widest = 0;
      int from = i - row;
      for (int k = from; k < from + rows && k < count; k++) {
        size_t each = display_width(files[k].name) + (ls.classify || ls.slash ? type_mark(files[k].stat.st_mode) != 0 : 0);
        if (each > widest) widest = each;
      }
      size_t own = display_width(files[i].name) + (ls.classify || ls.slash ? type_mark(files[i].stat.st_mode) != 0 : 0);
      printf("%*s", (int)(widest - own + 2), "");
    }
    putchar('\n');
  }
}

static void put_files(struct file *files, int count) {
  if (count == 0) return;
  if (!ls.unsorted) qsort(files, (size_t)count, sizeof *files, compare_files);
  if (ls.lengthy) put_long(files, count);
  else if (ls.columns) put_columns(files, count);
  else {
    for (int i = 0; i < count; i++) {
      if (ls.inode) printf("%llu ", (unsigned long long)files[i].stat.st_ino);
      put_name(&files[i]);
      putchar('\n');
    }
  }
}

static bool take_file(struct file *file, const char *name, char *path) {
  *file = (struct file){.name = need_copy(name), .path = path};
  if (lstat(path, &file->stat) < 0) return false;
  char target[4096];
  ssize_t length = ls.lengthy && S_ISLNK(file->stat.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
  if (length >= 0) {
    target[length] = 0;
    file->target = need_copy(target);
  }
  return true;
}

static void free_files(struct file *files, int count) {
  for (int i = 0; i < count; i++) {
    free(files[i].name);
    free(files[i].path);
    free(files[i].target);
  }
  free(files);
}

static int list(const char *path, bool titled, int depth) {
  char **names;
  int count = list_folder(path, &names), used = 0, code = 0;
  if (count < 0) {
    complain_errno("cannot open directory '%s'", path);
    return 2;
  }
  if (titled) printf("%s:\n", path);
  struct file *files = need((size_t)(count + 2) * sizeof *files);
  for (int dots = 1; ls.all && dots <= 2; dots++) {
    const char *name = dots == 1 ? "." : "..";
    used += take_file(&files[used], name, path_of(path, name));
  }
  uint64_t blocks = 0;
  for (int i = 0; i < count; i++) {
    if (names[i][0] == '.' && !ls.all && !ls.almost) continue;
    char *inner = path_of(path, names[i]);
    if (take_file(&files[used], names[i], inner)) blocks += (uint64_t)files[used++].stat.st_blocks;
    else code = complain_errno("cannot access '%s'", inner);
  }
  if (ls.lengthy) {
    char text[24];
    if (ls.human) human_size(blocks * 512, text);
    else snprintf(text, sizeof text, "%llu", (unsigned long long)(blocks + 1) / 2);
    printf("total %s\n", text);
  }
  put_files(files, used);
  for (int i = 0; ls.recursive && i < used && depth < 256; i++) {
    bool dots = strcmp(files[i].name, ".") == 0 || strcmp(files[i].name, "..") == 0;
    if (dots || !S_ISDIR(files[i].stat.st_mode)) continue;
    putchar('\n');
    code |= list(files[i].path, true, depth + 1);
  }
  free_files(files, used);
  free_names(names, count);
  return code;
}

int ls_main(int argc, char **argv);
int ls_main(int argc, char **argv) {
  ls.columns = isatty(1);
  for (int option; (option = getopt(argc, argv, "aAlrtSRdFph1iUC")) != -1;) {
    switch (option) {
      case 'a': ls.all = true; break;
      case 'A': ls.almost = true; break;
      case 'l': ls.lengthy = true; break;
      case 'r': ls.reverse = true; break;
      case 't': ls.by_time = true; break;
      case 'S': ls.by_size = true; break;
      case 'R': ls.recursive = true; break;
      case 'd': ls.folders = true; break;
      case 'F': ls.classify = true; break;
      case 'p': ls.slash = true; break;
      case 'h': ls.human = true; break;
      case '1': ls.columns = false; break;
      case 'C': ls.columns = true; break;
      case 'i': ls.inode = true; break;
      case 'U': ls.unsorted = true; break;
      default: return 2;
    }
  }
  static char here[] = ".";
  char *one[] = {here};
  int count = argc > optind ? argc - optind : 1, used = 0, folder_count = 0, code = 0;
  char **paths = argc > optind ? argv + optind : one;
  struct file *files = need((size_t)count * sizeof *files), *folders = need((size_t)count * sizeof *folders);
  for (int i = 0; i < count; i++) {
    struct file file;
    struct stat stat_;
    if (!take_file(&file, paths[i], need_copy(paths[i]))) {
      complain_errno("cannot access '%s'", paths[i]);
      code = 2;
      continue;
    }
    /* A link to a folder is listed as it, but with -l and the like. */
    bool follows = !ls.lengthy && !ls.classify && !ls.folders && stat(paths[i], &stat_) == 0;
    if (S_ISDIR((follows ? &stat_ : &file.stat)->st_mode) && !ls.folders) folders[folder_count++] = file;
    else files[used++] = file;
  }
  put_files(files, used);
  qsort(folders, (size_t)folder_count, sizeof *folders, compare_files);
  for (int i = 0; i < folder_count; i++) {
    if (i > 0 || used > 0) putchar('\n');
    code |= list(folders[i].path, count > 1 || ls.recursive, 0);
  }
  free_files(files, used);
  free_files(folders, folder_count);
  return code;
}

/* ---- du ---- */

static struct {
  bool all, summary, human, bytes, total, mega;
  int depth;
  int code;
} du;

static void put_usage(uint64_t bytes, const char *path) {
  char text[24];
  if (du.human) human_size(bytes, text);
  else {
    uint64_t unit = du.bytes ? 1 : du.mega ? 1024 * 1024 : 1024;
    snprintf(text, sizeof text, "%llu", (unsigned long long)((bytes + unit - 1) / unit));
  }
  printf("%s\t%s\n", text, path);
}

static uint64_t usage_of(const char *path, int depth) {
  struct stat stat_;
  if (lstat(path, &stat_) < 0) {
    du.code = complain_errno("cannot access '%s'", path);
    return 0;
  }
  uint64_t sum = du.bytes ? (uint64_t)stat_.st_size : (uint64_t)stat_.st_blocks * 512;
  bool folder = S_ISDIR(stat_.st_mode);
  char **names = NULL;
  int count = folder && depth < 256 ? list_folder(path, &names) : 0;
  if (count < 0) du.code = complain_errno("cannot read directory '%s'", path);
  for (int i = 0; i < count; i++) {
    char *inner = path_of(path, names[i]);
    sum += usage_of(inner, depth + 1);
    free(inner);
  }
  if (count > 0) free_names(names, count);
  bool shown = depth == 0 || (!du.summary && (folder || du.all) && depth <= du.depth);
  if (shown) put_usage(sum, path);
  return sum;
}

int du_main(int argc, char **argv);
int du_main(int argc, char **argv) {
  du.depth = 1 << 20;
  for (int option; (option = getopt(argc, argv, "ashbckmd:")) != -1;) {
    switch (option) {
      case 'a': du.all = true; break;
      case 's': du.summary = true; break;
      case 'h': du.human = true; break;
      case 'b': du.bytes = true; break;
      case 'c': du.total = true; break;
      case 'k': break;
      case 'm': du.mega = true; break;
      case 'd': du.depth = atoi(optarg); break;
      default: return 1;
    }
  }
  static char *here[] = {".", NULL};
  uint64_t total = 0;
  for (char **path = optind < argc ? argv + optind : here; *path; path++) total += usage_of(*path, 0);
  if (du.total) put_usage(total, "total");
  return du.code;
}

/* ---- stat ---- */

static const char *kind_of(const struct stat *stat_) {
  uint32_t mode = stat_->st_mode;
  return S_ISDIR(mode)   ? "directory"
         : S_ISLNK(mode) ? "symbolic link"
         : S_ISCHR(mode) ? "character special file"
         : S_ISSOCK(mode) ? "socket"
         : S_ISREG(mode) ? stat_->st_size ? "regular file" : "regular empty file"
                         : "fifo";
}

static void put_time(const char *title, const struct timespec *time) {
  char text[32] = "?";
  struct tm *when = gmtime(&time->tv_sec);
  if (when) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", when);
  printf("%s%s.%09ld +0000\n", title, text, time->tv_nsec);
}

static void put_format(const char *format, const char *path, const struct stat *stat_) {
  for (; *format; format++) {
    if (*format == '\\' && format[1]) {
      format++;
      putchar(*format == 'n' ? '\n' : *format == 't' ? '\t' : *format);
    } else if (*format != '%' || !format[1]) {
      putchar(*format);
    } else {
      switch (*++format) {
        case 'n': fputs(path, stdout); break;
        case 's': printf("%lld", (long long)stat_->st_size); break;
        case 'b': printf("%lld", (long long)stat_->st_blocks); break;
        case 'i': printf("%llu", (unsigned long long)stat_->st_ino); break;
        case 'h': printf("%llu", (unsigned long long)stat_->st_nlink); break;
        case 'F': fputs(kind_of(stat_), stdout); break;
        case 'X': printf("%lld", (long long)stat_->st_atim.tv_sec); break;
        case 'Y': printf("%lld", (long long)stat_->st_mtim.tv_sec); break;
        case 'Z': printf("%lld", (long long)stat_->st_ctim.tv_sec); break;
        case 'y': put_time("", &stat_->st_mtim); break;
        case '%': putchar('%'); break;
        default: printf("?");
      }
    }
  }
}

int stat_main(int argc, char **argv);
int stat_main(int argc, char **argv) {
  const char *format = NULL;
  bool follow = false;
  for (int option; (option = getopt(argc, argv, "Lc:")) != -1;) {
    if (option == 'L') follow = true;
    else if (option == 'c') format = optarg;
    else return 1;
  }
  if (optind == argc) return complain("missing operand");
  int code = 0;
  for (int i = optind; i < argc; i++) {
    struct stat stat_;
    if ((follow ? stat : lstat)(argv[i], &stat_) < 0) {
      code = complain_errno("cannot statx '%s'", argv[i]);
      continue;
    }
    if (format) {
      put_format(format, argv[i], &stat_);
      putchar('\n');
      continue;
    }
    printf("  File: %s\n  Size: %-10lld\tBlocks: %-10lld %s\nDevice: %llu\tInode: %-11llu Links: %llu\n", argv[i],
           (long long)stat_.st_size, (long long)stat_.st_blocks, kind_of(&stat_), (unsigned long long)stat_.st_dev,
           (unsigned long long)stat_.st_ino, (unsigned long long)stat_.st_nlink);
    put_time("Access: ", &stat_.st_atim);
    put_time("Modify: ", &stat_.st_mtim);
    put_time("Change: ", &stat_.st_ctim);
  }
  return code;
}
