/* Symbolic and hard links. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "report.h"

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) printf("%s: %s\n", path, errno_name());
  if (write(fd, text, strlen(text)) < 0) printf("%s: %s\n", path, errno_name());
  close(fd);
}

static void show(const char *path) {
  char bytes[64];
  int fd = open(path, O_RDONLY);
  long got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
  if (got < 0) printf("%s: %s\n", path, errno_name());
  else printf("%s: %.*s\n", path, (int)got, bytes);
  if (fd >= 0) close(fd);
}

static void kind(const char *path) {
  struct stat stat;
  if (lstat(path, &stat)) printf("%s: %s\n", path, errno_name());
  else printf("%s: link %d folder %d size %ld\n", path, S_ISLNK(stat.st_mode), S_ISDIR(stat.st_mode), S_ISDIR(stat.st_mode) ? 0L : (long)stat.st_size);
}

int main(void) {
  struct stat stat_;
  char target[64] = {0};
  mkdir("d", 0755);
  write_file("d/f", "contents");
  REPORT(symlink("d/f", "to-file"));
  REPORT(symlink("d", "to-folder"));
  REPORT(symlink("none", "dangling"));
  REPORT(symlink("b", "a"));
  REPORT(symlink("a", "b"));
  REPORT(symlink("to-folder/f", "twice"));
  REPORT(symlink("x", "to-file"));
  REPORT(symlink("", "empty"));
  kind("to-file");
  kind("to-folder");
  kind("to-folder/");
  show("to-file");
  show("to-folder/f");
  show("twice");
  show("dangling");
  show("a");
  show("to-file/");
  REPORT(readlink("twice", target, sizeof target));
  printf("%s\n", target);
  REPORT(readlink("twice", target, 4));
  REPORT(readlink("d/f", target, sizeof target));
  REPORT(stat("dangling", &stat_));
  REPORT(open("to-file", O_RDONLY | O_NOFOLLOW));
  REPORT(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644));
  write_file("dangling", "made");
  show("none");
  REPORT(rename("to-file", "renamed"));
  kind("renamed");
  REPORT(unlink("to-folder"));
  REPORT(access("d/f", F_OK));
  REPORT(rmdir("twice"));

  REPORT(link("d/f", "hard"));
  REPORT(link("d", "hard-folder"));
  REPORT(link("none-at-all", "hard2"));
  REPORT(link("d/f", "hard"));
  stat("hard", &stat_);
  REPORT(stat_.st_nlink);
  write_file("hard", "through");
  show("d/f");
  REPORT(unlink("d/f"));
  show("hard");
  REPORT(rename("hard", "hard"));
  write_file("one", "1");
  REPORT(link("one", "same"));
  REPORT(rename("one", "same"));
  REPORT(access("one", F_OK));
  REPORT(symlink("../d", "d/up"));
  REPORT(access("d/up/up/up", F_OK));
  return 0;
}
