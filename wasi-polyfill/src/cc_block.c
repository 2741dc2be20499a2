/*
 * cc_block.c: the strings that the planner answers with, and the small matters of paths and words.
 *
 * Invariant: a block of which a part found no memory is `failed`, and is not used.
 */
#include <stdlib.h>

#include "cc_options.h"

void cc_text(struct cc_block *block, const char *text, uint32_t length) {
  if (block->failed) return;
  if (length > block->capacity - block->length) {
    uint32_t capacity = block->capacity ? block->capacity : 2048;
    while (capacity - block->length < length && capacity < UINT32_MAX / 2) capacity *= 2;
    char *bytes = capacity - block->length < length ? NULL : realloc(block->bytes, capacity);
    if (!bytes) {
      block->failed = true;
      return;
    }
    block->bytes = bytes;
    block->capacity = capacity;
  }
  memcpy(block->bytes + block->length, text, length);
  block->length += length;
}

void cc_string(struct cc_block *block, char kind, const char *a, const char *b, const char *c) {
  const char *pieces[] = {a, b, c};
  cc_text(block, &kind, 1);
  for (int i = 0; i < 3 && pieces[i]; i++) cc_text(block, pieces[i], (uint32_t)strlen(pieces[i]));
  cc_text(block, "", 1);
}

void cc_words(struct cc_block *block, const char *words) {
  while (*words) {
    uint32_t length = (uint32_t)strcspn(words, " ");
    cc_text(block, "a", 1);
    cc_text(block, words, length);
    cc_text(block, "", 1);
    words += length;
    if (*words) words++;
  }
}

void cc_hex(char digits[6], uint32_t number) {
  for (int i = 0; i < 6; i++) digits[i] = "0123456789abcdef"[number >> (20 - 4 * i) & 15];
}

void cc_temporary(struct cc_block *block, char kind, const char *stem, uint32_t length, uint32_t number,
                  const char *extension) {
  char digits[8] = "-xxxxxx.";
  cc_hex(digits + 1, number);
  cc_text(block, &kind, 1);
  cc_text(block, "/tmp/", 5);
  cc_text(block, stem, length);
  cc_text(block, digits, 8);
  cc_text(block, extension, (uint32_t)strlen(extension) + 1);
}

bool cc_one_of(const char *word, const char *list) {
  size_t length = strlen(word);
  for (;; list++) {
    size_t next = strcspn(list, " ");
    if (next == length && memcmp(list, word, length) == 0) return true;
    list += next;
    if (!*list) return false;
  }
}

const char *cc_base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

uint32_t cc_stem(const char *path) {
  const char *dot = strrchr(path, '.');
  return (uint32_t)(dot && dot > cc_base_name(path) ? (size_t)(dot - path) : strlen(path));
}
