/* File times to the nanosecond: as set, beside each other, and left alone. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "report.h"

static void show(const char *path) {
  struct stat stat;
  if (lstat(path, &stat)) printf("%s: %s\n", path, errno_name());
  else
    printf("%s: %lld.%09ld %lld.%09ld\n", path, (long long)stat.st_atim.tv_sec, stat.st_atim.tv_nsec,
           (long long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
}

int main(void) {
  const struct timespec both[2] = {{1500000000, 123456789}, {1600000000, 987654321}};
  const struct timespec last[2] = {{0, UTIME_OMIT}, {1, 1}};
  const struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  int fd = open("f", O_WRONLY | O_CREAT, 0644);
  REPORT(futimens(fd, both));
  show("f");
  REPORT(utimensat(AT_FDCWD, "f", last, 0));
  show("f");
  REPORT(utimensat(AT_FDCWD, "f", none, 0));
  show("f");
  close(fd);
  REPORT(symlink("f", "link"));
  REPORT(utimensat(AT_FDCWD, "link", both, AT_SYMLINK_NOFOLLOW));
  show("link");
  show("f");
  REPORT(utimensat(AT_FDCWD, "link", both, 0));
  show("f");
  REPORT(rename("f", "moved"));
  show("moved");
  REPORT(mkdir("folder", 0755));
  REPORT(utimensat(AT_FDCWD, "folder", both, 0));
  show("folder");
  REPORT(utimensat(AT_FDCWD, "none", both, 0));
  struct stat changed;
  const struct timespec now[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  REPORT(utimensat(AT_FDCWD, "moved", now, 0));
  stat("moved", &changed);
  printf("%d %ld\n", changed.st_mtim.tv_sec > 1600000000, changed.st_atim.tv_nsec);
  return 0;
}
