/* The heap: growing, shrinking, giving back, and running out. */
#include <stdint.h>
#include <stdlib.h>
#include "report.h"

int main(void) {
  unsigned long sum = 0;
  char *blocks[200] = {0};
  for (int round = 0; round < 2000; round++) {
    int i = round * 7919 % 200;
    size_t size = (size_t)(round * 104729 % 70000) + 1;
    char *bigger = realloc(blocks[i], size);
    if (!bigger) return 1;
    blocks[i] = bigger;
    memset(bigger, round, size);
    sum += (unsigned char)bigger[size / 2];
  }
  for (int i = 0; i < 200; i++) free(blocks[i]);
  printf("%lu\n", sum);
  char *large = malloc(300u << 20);
  if (!large) return 2;
  large[0] = 1;
  large[(300u << 20) - 1] = 2;
  printf("%d\n", large[0] + large[(300u << 20) - 1]);
  free(large);
  int *zeroed = calloc(1 << 20, sizeof *zeroed);
  for (int i = 0; i < 1 << 20; i++) sum += (unsigned)zeroed[i];
  printf("%lu\n", sum);
  volatile size_t too_much = SIZE_MAX - 4096;
  char *volatile more = malloc(too_much); /* volatile: else the compiler takes it for granted */
  printf("%s\n", more ? "had" : "not had");
  return 0;
}
