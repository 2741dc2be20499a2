/*
 * image_map.c: from a chunk's key, inode number and index, to where it lies. A skip list: found, put in and taken
 * out in logarithmic time without recursion, walked in order, and a range of keys comes out in one piece.
 */
#include <stdlib.h>

#include "image_format.h"

struct chunk_node *map_node(struct chunk_map *map) {
  uint32_t height = 1;
  /* xorshift64; nobody outside knows the salt that it starts from. */
  map->random ^= map->random << 13;
  map->random ^= map->random >> 7;
  map->random ^= map->random << 17;
  for (uint64_t bits = map->random >> 20; (bits & 3) == 0 && height < MAP_HEIGHT; bits >>= 2) height++;
  struct chunk_node *node = calloc(1, sizeof *node + height * sizeof node->next[0]);
  if (node) node->height = height;
  return node;
}

static bool is_before(const struct chunk_node *node, uint64_t ino, uint64_t index) {
  return node->ino != ino ? node->ino < ino : node->index < index;
}

/* Of each level, the pointer to the first node that is not before the key. */
static void seek(struct chunk_map *map, uint64_t ino, uint64_t index, struct chunk_node **links[MAP_HEIGHT]) {
  struct chunk_node **level = map->heads;
  for (uint32_t i = MAP_HEIGHT; i-- > 0;) {
    while (level[i] && is_before(level[i], ino, index)) level = level[i]->next;
    links[i] = &level[i];
  }
}

struct chunk_node *map_from(const struct chunk_map *map, uint64_t ino, uint64_t index) {
  struct chunk_node *const *level = map->heads;
  for (uint32_t i = MAP_HEIGHT; i-- > 0;) {
    while (level[i] && is_before(level[i], ino, index)) level = level[i]->next;
  }
  return level[0];
}

struct chunk_node *map_cut(struct chunk_map *map, uint64_t ino, uint64_t from, uint64_t last) {
  struct chunk_node **links[MAP_HEIGHT];
  seek(map, ino, from, links);
  struct chunk_node *taken = *links[0], **end = &taken;
  for (; *end && (*end)->ino == ino && (*end)->index <= last; end = &(*end)->next[0]) map->count--;
  for (uint32_t i = MAP_HEIGHT; i-- > 0;) {
    while (*links[i] && (*links[i])->ino == ino && (*links[i])->index <= last) *links[i] = (*links[i])->next[i];
  }
  *end = NULL;
  return taken;
}

struct chunk_node *map_put(struct chunk_map *map, struct chunk_node *node) {
  struct chunk_node *replaced = map_cut(map, node->ino, node->index, node->index), **links[MAP_HEIGHT];
  seek(map, node->ino, node->index, links);
  for (uint32_t i = 0; i < node->height; i++) {
    node->next[i] = *links[i];
    *links[i] = node;
  }
  map->count++;
  return replaced;
}

void map_free(struct chunk_map *map) {
  for (struct chunk_node *node = map->heads[0], *next; node; node = next) {
    next = node->next[0];
    free(node);
  }
}
