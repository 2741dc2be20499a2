// Writes so many megabytes of lines as its argument says, line by line, as programs at a terminal do; for ever without.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  static const char line[] = "the quick brown fox jumps over the lazy dog, again and again";
  long lines = argc > 1 ? atol(argv[1]) * 1000000 / (long)sizeof line : -1;
  for (long i = 0; i != lines; i++) puts(line);
  return 0;
}
