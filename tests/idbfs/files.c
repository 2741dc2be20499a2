/*
 * files.c: a program that makes, changes and shows files, one command a run. It is both sides of the idbfs
 * tests and of the volumes bench: a WASI guest of Nidus, and the same source built by `emcc -lidbfs.js`, whose
 * two further commands mount IDBFS and start a sync, of which Module.synced tells the end.
 *
 *   fill DIR COUNT SIZE     files of SIZE bytes, 100 to a folder      mkdir, rmdir, unlink PATH
 *   append FILE SIZE COUNT  COUNT writes of SIZE bytes at its end     rename, link FROM TO; symlink TARGET PATH
 *   write FILE TEXT         anew                                      chmod OCTAL PATH; truncate SIZE FILE
 *   check DIR COUNT SIZE    what fill made is there                   tree DIR  each path, its kind and contents
 *
 * fill and append print the milliseconds they took.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __EMSCRIPTEN__
#include <emscripten.h>
EM_JS(void, mount_idbfs, (const char *path), {
  const at = UTF8ToString(path);
  FS.mkdirTree(at);
  FS.mount(IDBFS, {}, at);
});
EM_JS(void, sync_idbfs, (int populate), {
  FS.syncfs(populate, (error) => Module["synced"](error));
});
#endif

enum { PER_FOLDER = 100, PATH_SIZE = 4096 };

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int failed(const char *what, const char *path) {
  fprintf(stderr, "%s: ", what);
  perror(path);
  return 1;
}

static void path_of(char *path, const char *folder, long i) {
  snprintf(path, PATH_SIZE, "%s/d%03ld/f%05ld", folder, i / PER_FOLDER, i);
}

static int write_all(const char *path, int flags, const char *bytes, size_t length) {
  int file = open(path, flags | O_WRONLY | O_CREAT, 0666);
  if (file < 0) return failed("open", path);
  ssize_t wrote = write(file, bytes, length);
  if (close(file) != 0 || wrote != (ssize_t)length) return failed("write", path);
  return 0;
}

static int fill(const char *folder, long count, size_t size) {
  char path[PATH_SIZE];
  char *bytes = malloc(size + 1);
  if (!bytes) return failed("malloc", folder);
  if (mkdir(folder, 0777) != 0 && access(folder, F_OK) != 0) return failed("mkdir", folder);
  double begin = now_ms();
  for (long i = 0; i < count; i++) {
    if (i % PER_FOLDER == 0) {
      snprintf(path, sizeof path, "%s/d%03ld", folder, i / PER_FOLDER);
      if (mkdir(path, 0777) != 0) return failed("mkdir", path);
    }
    path_of(path, folder, i);
    memset(bytes, (int)('a' + i % 26), size);
    if (write_all(path, O_EXCL, bytes, size) != 0) return 1;
  }
  printf("%.3f\n", now_ms() - begin);
  free(bytes);
  return 0;
}

static int check(const char *folder, long count, size_t size) {
  char path[PATH_SIZE];
  for (long i = 0; i < count; i++) {
    struct stat stat_of;
    path_of(path, folder, i);
    if (stat(path, &stat_of) != 0) return failed("stat", path);
    if ((size_t)stat_of.st_size != size) return failed("size", path);
    char byte = 0;
    int file = open(path, O_RDONLY);
    if (file < 0 || pread(file, &byte, 1, (off_t)size - 1) != 1 || byte != 'a' + i % 26) return failed("read", path);
    close(file);
  }
  return 0;
}

static int append(const char *path, size_t size, long count) {
  char *bytes = malloc(size + 1);
  if (!bytes) return failed("malloc", path);
  memset(bytes, 'x', size);
  double begin = now_ms();
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (file < 0) return failed("open", path);
  for (long i = 0; i < count; i++) {
    if (write(file, bytes, size) != (ssize_t)size) return failed("write", path);
  }
  if (close(file) != 0) return failed("close", path);
  printf("%.3f\n", now_ms() - begin);
  free(bytes);
  return 0;
}

/* Up to 60 bytes of a file, so that lines stay short; the rest counts in a sum. */
static int show_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return failed("fopen", path);
  unsigned long sum = 5381, length = 0;
  for (int c; (c = getc(file)) != EOF; length++) {
    sum = (sum * 33 + (unsigned long)c) & 0xFFFFFFFF;
    if (length < 60) putchar(c >= ' ' && c < 127 ? c : '.');
  }
  fclose(file);
  printf(" %lu %08lx\n", length, sum);
  return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int tree(const char *folder) {
  DIR *directory = opendir(folder);
  if (!directory) return failed("opendir", folder);
  char **names = NULL;
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    names = realloc(names, (count + 1) * sizeof *names);
    if (!names) return failed("realloc", folder);
    names[count++] = strdup(entry->d_name);
  }
  closedir(directory);
  if (count) qsort(names, count, sizeof *names, by_name);
  int result = 0;
  for (size_t i = 0; i < count; i++) {
    char path[PATH_SIZE], target[PATH_SIZE];
    struct stat stat_of;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    free(names[i]);
    if (lstat(path, &stat_of) != 0) {
      result = failed("lstat", path);
    } else if (S_ISDIR(stat_of.st_mode)) {
      printf("%s/\n", path);
      result |= tree(path);
    } else if (S_ISLNK(stat_of.st_mode)) {
      ssize_t length = readlink(path, target, sizeof target - 1);
      target[length < 0 ? 0 : length] = 0;
      printf("%s -> %s\n", path, target);
    } else {
      printf("%s: ", path);
      result |= show_file(path);
    }
  }
  free(names);
  return result;
}

static int perform(const char *command, const char *a, const char *b, const char *c) {
  if (strcmp(command, "fill") == 0) return fill(a, atol(b), (size_t)atol(c));
  if (strcmp(command, "check") == 0) return check(a, atol(b), (size_t)atol(c));
  if (strcmp(command, "append") == 0) return append(a, (size_t)atol(b), atol(c));
  if (strcmp(command, "write") == 0) return write_all(a, O_TRUNC, b, strlen(b));
  if (strcmp(command, "tree") == 0) return tree(a);
  if (strcmp(command, "mkdir") == 0) return mkdir(a, 0777) ? failed("mkdir", a) : 0;
  if (strcmp(command, "rmdir") == 0) return rmdir(a) ? failed("rmdir", a) : 0;
  if (strcmp(command, "unlink") == 0) return unlink(a) ? failed("unlink", a) : 0;
  if (strcmp(command, "rename") == 0) return rename(a, b) ? failed("rename", a) : 0;
  if (strcmp(command, "link") == 0) return link(a, b) ? failed("link", b) : 0;
  if (strcmp(command, "symlink") == 0) return symlink(a, b) ? failed("symlink", b) : 0;
  if (strcmp(command, "truncate") == 0) return truncate(b, atol(a)) ? failed("truncate", b) : 0;
#ifdef __EMSCRIPTEN__
  if (strcmp(command, "chmod") == 0) return chmod(b, (mode_t)strtol(a, NULL, 8)) ? failed("chmod", b) : 0;
  if (strcmp(command, "mount") == 0) return mount_idbfs(a), 0;
  if (strcmp(command, "load") == 0) return sync_idbfs(1), 0;
  if (strcmp(command, "save") == 0) return sync_idbfs(0), 0;
#endif
  fprintf(stderr, "there is no command %s\n", command);
  return 2;
}

int main(int argc, char **argv) {
  const char *values[4] = {"", "", "", ""};
  for (int i = 0; i < 4 && i + 1 < argc; i++) values[i] = argv[i + 1];
  int result = perform(values[0], values[1], values[2], values[3]);
  fflush(stdout);
  return result;
}
