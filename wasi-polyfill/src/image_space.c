/*
 * image_space.c: which blocks are free. First fit, from the lowest free one, so that an image stays short.
 */
#include <stdlib.h>

#include "image_format.h"

enum { WORD_BITS = 64 };

bool blocks_plausible(uint64_t at, uint64_t length, uint64_t size) {
  return at >= 2 * BLOCK && at % BLOCK == 0 && length > 0 && length <= UINT32_MAX && at <= size && length <= size - at;
}

static bool in_use(const struct space *space, uint64_t block) {
  return block < space->blocks && (space->words[block / WORD_BITS] >> block % WORD_BITS & 1);
}

static bool has_room(struct space *space, uint64_t blocks) {
  uint64_t words = blocks / WORD_BITS + 1;
  if (words <= space->capacity) return true;
  words += words / 2;
  if (words > SIZE_MAX / sizeof *space->words) return false;
  uint64_t *grown = realloc(space->words, (size_t)words * sizeof *grown);
  if (!grown) return false;
  memset(grown + space->capacity, 0, (size_t)(words - space->capacity) * sizeof *grown);
  space->words = grown;
  space->capacity = words;
  return true;
}

bool blocks_start(struct space *space, uint64_t blocks) {
  *space = (struct space){.blocks = blocks};
  return has_room(space, blocks);
}

bool blocks_claim(struct space *space, uint64_t at, uint64_t length) {
  uint64_t end = whole_blocks(at + length) / BLOCK;
  for (uint64_t block = at / BLOCK; block < end; block++) {
    if (in_use(space, block)) return false;
    space->words[block / WORD_BITS] |= 1ull << block % WORD_BITS;
  }
  return true;
}

void blocks_free(struct space *space, uint64_t at, uint64_t length) {
  uint64_t block = at / BLOCK, end = whole_blocks(at + length) / BLOCK;
  if (block < space->first) space->first = block;
  for (; block < end; block++) space->words[block / WORD_BITS] &= ~(1ull << block % WORD_BITS);
}

/* The first block from `block` on that is free. */
static uint64_t next_free(const struct space *space, uint64_t block) {
  while (block < space->blocks) {
    uint64_t free_ones = ~space->words[block / WORD_BITS] >> block % WORD_BITS;
    if (free_ones) return block + (uint64_t)__builtin_ctzll(free_ones);
    block = (block / WORD_BITS + 1) * WORD_BITS;
  }
  return block;
}

bool blocks_take(struct space *space, uint64_t length, uint64_t *at) {
  uint64_t count = whole_blocks(length) / BLOCK, start = next_free(space, space->first), end = start;
  space->first = start;
  while (end - start < count && end < space->blocks) {
    if (in_use(space, end)) start = end = next_free(space, end);
    else end++;
  }
  end = start + count;
  if (end > space->blocks) {
    if (!has_room(space, end)) return false;
    space->blocks = end;
  }
  *at = start * BLOCK;
  return blocks_claim(space, *at, length);
}

uint64_t blocks_used(const struct space *space) {
  uint64_t count = 0;
  for (uint64_t i = 0; i < space->capacity; i++) count += (uint64_t)__builtin_popcountll(space->words[i]);
  return count * BLOCK;
}

uint64_t blocks_end(struct space *space) {
  while (space->blocks > 0 && !in_use(space, space->blocks - 1)) space->blocks--;
  return space->blocks * BLOCK;
}
