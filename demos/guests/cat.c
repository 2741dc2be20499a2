// cat [FILE...]: copies the files, or standard input, to standard output. "-" is standard input.
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int copy(FILE *from, const char *name) {
  char buffer[16384];
  size_t length;
  while ((length = fread(buffer, 1, sizeof buffer, from)) > 0)
    if (fwrite(buffer, 1, length, stdout) != length) {
      fprintf(stderr, "cat: cannot write: %s\n", strerror(errno));
      return 1;
    }
  if (ferror(from)) {
    fprintf(stderr, "cat: cannot read %s: %s\n", name, strerror(errno));
    return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  int status = argc < 2 ? copy(stdin, "standard input") : 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-") == 0) {
      status |= copy(stdin, "standard input");
      continue;
    }
    FILE *file = fopen(argv[i], "rb");
    if (!file) {
      fprintf(stderr, "cat: cannot open %s: %s\n", argv[i], strerror(errno));
      status = 1;
      continue;
    }
    status |= copy(file, argv[i]);
    fclose(file);
  }
  if (fflush(stdout) != 0) status = 1;
  return status;
}
