/* Folders: making, listing, renaming and removing them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "report.h"

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
  DIR *folder = opendir(path);
  if (!folder) {
    printf("%s: %s\n", path, errno_name());
    return;
  }
  char *names[1100];
  int count = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char line[300];
    snprintf(line, sizeof line, "%s%s", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
    names[count++] = strdup(line);
  }
  qsort(names, (size_t)count, sizeof *names, by_name);
  printf("%s: %d\n", path, count);
  for (int i = 0; i < count && count < 20; i++) printf("  %s\n", names[i]);
  rewinddir(folder);
  int again = 0;
  while (readdir(folder)) again++;
  printf("  again %d\n", again);
  closedir(folder);
}

static void touch(const char *path) { close(open(path, O_WRONLY | O_CREAT, 0644)); }

int main(void) {
  struct stat stat_;
  REPORT(mkdir("d", 0755));
  REPORT(mkdir("d", 0755));
  REPORT(mkdir("none/d", 0755));
  REPORT(mkdir("d/e", 0755));
  REPORT(mkdir("d/f/", 0755));
  touch("d/file");
  list("d");
  list("d/e");
  list("none");
  list("d/file");
  REPORT(rmdir("d"));
  REPORT(rmdir("d/file"));
  REPORT(unlink("d/e"));
  REPORT(rmdir("d/e"));
  REPORT(rmdir("none"));
  REPORT(rmdir("d/f/."));
  REPORT(rename("d/f", "d/g"));
  REPORT(rename("d", "d/g/h"));
  REPORT(rename("d/file", "d/g"));
  REPORT(rename("d/g", "d/file"));
  REPORT(mkdir("x", 0755));
  touch("x/y");
  REPORT(rename("d/g", "x"));
  REPORT(rename("x", "d/g"));
  list("d");
  list("d/g");
  REPORT(stat("d/g/../g/./y", &stat_));
  REPORT(stat("d/file/", &stat_));
  REPORT(stat("d/file/..", &stat_));
  REPORT(access("d/g/y", F_OK));
  REPORT(access("d/g/z", F_OK));
  REPORT(mkdir("many", 0755));
  for (int i = 0; i < 1000; i++) {
    char path[64];
    snprintf(path, sizeof path, "many/%0*d", 1 + i % 40, i);
    touch(path);
  }
  list("many");
  REPORT(chdir("d/g"));
  REPORT(access("y", F_OK));
  REPORT(chdir("../none"));
  return 0;
}
