// wc [FILE...]: counts lines, words and bytes.
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct counts {
  unsigned long lines, words, bytes;
};

static struct counts count(FILE *from) {
  struct counts counts = {0};
  bool in_word = false;
  for (int c; (c = getc(from)) != EOF;) {
    counts.bytes++;
    if (c == '\n') counts.lines++;
    if (isspace(c)) {
      in_word = false;
    } else if (!in_word) {
      in_word = true;
      counts.words++;
    }
  }
  return counts;
}

static void print(struct counts counts, const char *name) {
  printf("%7lu %7lu %7lu %s\n", counts.lines, counts.words, counts.bytes, name);
}

int main(int argc, char **argv) {
  struct counts total = {0};
  int status = 0;
  if (argc < 2) print(count(stdin), "");
  for (int i = 1; i < argc; i++) {
    FILE *file = fopen(argv[i], "rb");
    if (!file) {
      fprintf(stderr, "wc: cannot open %s: %s\n", argv[i], strerror(errno));
      status = 1;
      continue;
    }
    struct counts counts = count(file);
    fclose(file);
    print(counts, argv[i]);
    total.lines += counts.lines, total.words += counts.words, total.bytes += counts.bytes;
  }
  if (argc > 2) print(total, "total");
  return status;
}
