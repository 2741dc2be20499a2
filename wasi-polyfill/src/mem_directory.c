#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define TABLE_REMOVED UINT32_MAX
enum { FIRST_COOKIE = 3 }; /* 0 to 2 are the start, "." and ".." */

/* FNV-1a: short names, no need to resist an adversary who can only slow down himself. */
static uint32_t name_hash(struct name name) {
  uint32_t hash = 2166136261u;
  for (uint32_t i = 0; i < name.length; i++) hash = (hash ^ (uint8_t)name.bytes[i]) * 16777619u;
  return hash;
}

static uint32_t *table_slot(const struct mem_directory *directory, struct name name, uint32_t hash) {
  uint32_t mask = directory->table_size - 1;
  for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
    uint32_t position = directory->table[i];
    if (position == 0) return NULL;
    if (position == TABLE_REMOVED) continue;
    const struct mem_entry *entry = &directory->entries[position - 1];
    if (entry->hash == hash && entry->name->length == name.length &&
        memcmp(entry->name->bytes, name.bytes, name.length) == 0) {
      return &directory->table[i];
    }
  }
}

static void table_insert(struct mem_directory *directory, uint32_t hash, uint32_t position) {
  uint32_t mask = directory->table_size - 1;
  uint32_t i = hash & mask;
  while (directory->table[i] != 0 && directory->table[i] != TABLE_REMOVED) i = (i + 1) & mask;
  if (directory->table[i] == 0) directory->table_used++;
  directory->table[i] = position + 1;
}

/* Rebuilds the table, and closes the holes among the entries, which keep their order. */
static wasi_errno_t directory_rebuild(struct mem_directory *directory) {
  uint32_t capacity = directory->live + directory->live / 2 + 8;
  uint32_t table_size = 16;
  while (table_size < capacity * 2) table_size *= 2;
  struct mem_entry *entries = malloc(capacity * sizeof *entries);
  uint32_t *table = calloc(table_size, sizeof *table);
  if (!entries || !table) {
    free(entries);
    free(table);
    return WASI_ENOMEM;
  }
  uint32_t used = 0;
  for (uint32_t i = 0; i < directory->used; i++) {
    if (directory->entries[i].inode) entries[used++] = directory->entries[i];
  }
  free(directory->entries);
  free(directory->table);
  directory->entries = entries;
  directory->capacity = capacity;
  directory->used = used;
  directory->first = 0;
  directory->table = table;
  directory->table_size = table_size;
  directory->table_used = 0;
  for (uint32_t i = 0; i < used; i++) table_insert(directory, entries[i].hash, i);
  return WASI_ESUCCESS;
}

wasi_errno_t directory_reserve(struct mem_inode *inode) {
  struct mem_directory *directory = &inode->directory;
  if (directory->used < directory->capacity && directory->table_used < directory->table_size / 4 * 3) {
    return WASI_ESUCCESS;
  }
  if (directory->live >= INT32_MAX / 4) return WASI_ENOSPC;
  return directory_rebuild(directory);
}

struct mem_entry *directory_find(struct mem_inode *inode, struct name name) {
  struct mem_directory *directory = &inode->directory;
  if (directory->live == 0) return NULL;
  uint32_t *slot = table_slot(directory, name, name_hash(name));
  return slot ? &directory->entries[*slot - 1] : NULL;
}

wasi_errno_t directory_add(struct mem_inode *inode, struct name name, struct mem_inode *child) {
  struct mem_directory *directory = &inode->directory;
  wasi_errno_t error = directory_reserve(inode);
  if (error) return error;
  struct entry_name *copy = malloc(sizeof *copy + name.length);
  if (!copy) return WASI_ENOMEM;
  copy->next = NULL;
  copy->length = name.length;
  memcpy(copy->bytes, name.bytes, name.length);
  if (directory->next_cookie < FIRST_COOKIE) directory->next_cookie = FIRST_COOKIE;
  inode_hold(&child->base);
  struct mem_entry entry = {.name = copy,
                            .inode = child,
                            .cookie = directory->next_cookie++,
                            .hash = name_hash(name),
                            .dirty = true};
  directory->entries[directory->used] = entry;
  table_insert(directory, entry.hash, directory->used);
  directory->used++;
  directory->live++;
  inode->base.size = directory->live;
  journal_inode(inode);
  return WASI_ESUCCESS;
}

void directory_remove(struct mem_inode *inode, struct mem_entry *entry) {
  struct mem_directory *directory = &inode->directory;
  uint32_t *slot = table_slot(directory, (struct name){entry->name->bytes, entry->name->length}, entry->hash);
  struct mem_inode *child = entry->inode;
  *slot = TABLE_REMOVED;
  journal_name_removed(inode, entry->name, entry->stored);
  entry->name = NULL;
  entry->inode = NULL;
  directory->live--;
  while (directory->first < directory->used && !directory->entries[directory->first].inode) directory->first++;
  inode->base.size = directory->live;
  journal_inode(inode);
  inode_drop(&child->base);
}

struct mem_entry *directory_from(struct mem_inode *inode, uint64_t cookie) {
  struct mem_directory *directory = &inode->directory;
  uint32_t low = directory->first, high = directory->used;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (directory->entries[middle].cookie < cookie) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  while (low < directory->used && !directory->entries[low].inode) low++;
  return low < directory->used ? &directory->entries[low] : NULL;
}

void directory_free(struct mem_inode *inode) {
  struct mem_directory *directory = &inode->directory;
  for (uint32_t i = 0; i < directory->used; i++) {
    if (!directory->entries[i].inode) continue;
    free(directory->entries[i].name);
    inode_drop(&directory->entries[i].inode->base);
  }
  while (directory->removed) {
    struct entry_name *name = directory->removed;
    directory->removed = name->next;
    free(name);
  }
  free(directory->entries);
  free(directory->table);
  memset(directory, 0, sizeof *directory);
}
