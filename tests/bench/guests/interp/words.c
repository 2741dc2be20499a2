// What students' programs do: split text into words, count them in a hash table with chains, print numbers.
#include <stddef.h>

#include "bench.h"

enum { TEXT = 16384, BUCKETS = 512, WORDS = 4096 };
struct word {
  struct word *next;
  const char *start;
  uint32_t length, count;
};
static char text[TEXT + 1];
static struct word words[WORDS], *buckets[BUCKETS];
static uint32_t used;

static void write_text(uint32_t seed) {
  for (int i = 0; i < TEXT; i++) {
    uint32_t r = next_random(&seed) >> 7;
    text[i] = r % 6 == 0 ? ' ' : (char)('a' + r / 6 % 5);
  }
}

static int same(const char *a, const char *b, uint32_t length) {
  while (length--)
    if (*a++ != *b++) return 0;
  return 1;
}

static void count(const char *start, uint32_t length) {
  uint32_t hash = 5381;
  for (uint32_t i = 0; i < length; i++) hash = hash * 33 + (uint8_t)start[i];
  struct word **bucket = &buckets[hash % BUCKETS];
  for (struct word *word = *bucket; word; word = word->next)
    if (word->length == length && same(word->start, start, length)) {
      word->count++;
      return;
    }
  if (used == WORDS) return;
  words[used] = (struct word){*bucket, start, length, 1};
  *bucket = &words[used++];
}

static uint32_t print_number(char *out, uint32_t value) {
  char digits[10];
  uint32_t length = 0;
  do digits[length++] = (char)('0' + value % 10);
  while (value /= 10);
  for (uint32_t i = 0; i < length; i++) out[i] = digits[length - 1 - i];
  return length;
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1;
  for (uint32_t i = 0; i < n; i++) {
    write_text(i + 1);
    used = 0;
    for (int b = 0; b < BUCKETS; b++) buckets[b] = NULL;
    for (const char *at = text; *at;) {
      while (*at == ' ') at++;
      const char *start = at;
      while (*at && *at != ' ') at++;
      if (at > start) count(start, (uint32_t)(at - start));
    }
    for (uint32_t w = 0; w < used; w++) {
      char line[10];
      uint32_t length = print_number(line, words[w].count * 1000003u);
      sum = mix(sum, (uint32_t)line[length - 1] + length * words[w].length);
    }
  }
  return sum;
}
