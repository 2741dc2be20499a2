#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "mem.h"

#define CHUNK_DIRTY ((uintptr_t)1)

struct node {
  uintptr_t slots[MEM_FANOUT];
};

static uint32_t minimum(uint64_t a, uint64_t b) { return (uint32_t)(a < b ? a : b); }

/* How many chunk indices a tree of this height covers; saturates. */
static uint64_t tree_reach(uint32_t height) {
  return height * MEM_FANOUT_BITS >= 64 ? UINT64_MAX : (uint64_t)1 << (height * MEM_FANOUT_BITS);
}

static uint32_t slot_at(uint64_t index, uint32_t level) {
  return (uint32_t)(index >> (level * MEM_FANOUT_BITS)) & (MEM_FANOUT - 1);
}

/* The leaf slot for a chunk, or NULL when a node on the way is missing. */
static uintptr_t *slot_find(const struct file_content *file, uint64_t index) {
  if (file->height == 0 || (file->height * MEM_FANOUT_BITS < 64 && index >= tree_reach(file->height))) return NULL;
  struct node *node = file->root;
  for (uint32_t level = file->height - 1; level > 0; level--) {
    node = (struct node *)node->slots[slot_at(index, level)];
    if (!node) return NULL;
  }
  return &node->slots[slot_at(index, 0)];
}

/* The same, making the nodes that are missing; NULL when memory is short. */
static uintptr_t *slot_make(struct file_content *file, uint64_t index) {
  while (file->height == 0 || index >= tree_reach(file->height)) {
    struct node *node = calloc(1, sizeof *node);
    if (!node) return NULL;
    node->slots[0] = (uintptr_t)file->root;
    file->root = node;
    file->height++;
  }
  struct node *node = file->root;
  for (uint32_t level = file->height - 1; level > 0; level--) {
    uintptr_t *slot = &node->slots[slot_at(index, level)];
    if (!*slot) {
      *slot = (uintptr_t)calloc(1, sizeof *node);
      if (!*slot) return NULL;
    }
    node = (struct node *)*slot;
  }
  return &node->slots[slot_at(index, 0)];
}

static uint8_t *chunk_of(uintptr_t slot) { return (uint8_t *)(slot & ~CHUNK_DIRTY); }

/* Notes that the chunk in `slot` differs from the store. When memory for the note is short the
 * change is refused, so that nothing is ever forgotten. */
static bool slot_mark_dirty(struct mem_inode *inode, uintptr_t *slot, uint64_t index) {
  if (!mem_volume(inode)->journal || (*slot & CHUNK_DIRTY)) return true;
  struct chunk_list *dirty = &inode->file.dirty;
  if (dirty->count + dirty->in_flight >= dirty->capacity) {
    uint32_t capacity = dirty->capacity ? dirty->capacity * 2 : 4;
    uint64_t *indices = realloc(dirty->indices, capacity * sizeof *indices);
    if (!indices) return false;
    dirty->indices = indices;
    dirty->capacity = capacity;
  }
  dirty->indices[dirty->count++] = index;
  *slot |= CHUNK_DIRTY;
  return true;
}

/*
 * The chunk at `index` for writing; made when it is a hole. NULL when memory is short. A new chunk is
 * zeroed, unless the caller, who is going to overwrite all of it, gives `raw`, which is then set: that
 * spares large writes half of their traffic to memory.
 */
static uint8_t *chunk_for_writing(struct mem_inode *inode, uint64_t index, bool *raw) {
  uintptr_t *slot = slot_make(&inode->file, index);
  if (!slot) return NULL;
  if (*slot) return slot_mark_dirty(inode, slot, index) ? chunk_of(*slot) : NULL;
  if (!space_take(mem_volume(inode), CHUNK_SIZE)) return NULL;
  uint8_t *chunk = raw ? malloc(CHUNK_SIZE) : calloc(1, CHUNK_SIZE);
  *slot = (uintptr_t)chunk;
  if (!chunk || !slot_mark_dirty(inode, slot, index)) {
    *slot = 0;
    free(chunk);
    mem_volume(inode)->space_used -= CHUNK_SIZE;
    return NULL;
  }
  inode->file.chunks++;
  if (raw) *raw = true;
  return chunk;
}

uint8_t *content_chunk(struct mem_inode *inode, uint64_t index, bool clear_dirty) {
  uintptr_t *slot = slot_find(&inode->file, index);
  if (!slot || !*slot) return NULL;
  if (clear_dirty) *slot &= ~CHUNK_DIRTY;
  return chunk_of(*slot);
}

void content_return_dirty(struct mem_inode *inode, uint64_t index) {
  struct chunk_list *dirty = &inode->file.dirty;
  uintptr_t *slot = slot_find(&inode->file, index);
  if (slot && *slot && !(*slot & CHUNK_DIRTY)) {
    dirty->indices[dirty->count++] = index;
    *slot |= CHUNK_DIRTY;
  }
}

/* ---- the small form ---- */

static bool small_reserve(struct mem_inode *inode, uint32_t size) {
  struct file_content *file = &inode->file;
  if (size <= file->small_capacity) return true;
  uint32_t capacity = file->small_capacity ? file->small_capacity : 64;
  while (capacity < size) capacity *= 2;
  uint32_t more = capacity - file->small_capacity;
  if (!space_take(mem_volume(inode), more)) return false;
  uint8_t *small = realloc(file->small, capacity);
  if (!small) {
    mem_volume(inode)->space_used -= more;
    return false;
  }
  memset(small + file->small_capacity, 0, more);
  file->small = small;
  file->small_capacity = capacity;
  return true;
}

/* From one buffer to chunks: the buffer becomes chunk 0. */
static bool small_to_chunks(struct mem_inode *inode) {
  struct file_content *file = &inode->file;
  if (file->chunked) return true;
  if (inode->base.size > 0) {
    if (!small_reserve(inode, CHUNK_SIZE)) return false;
    uintptr_t *slot = slot_make(file, 0);
    if (!slot) return false;
    *slot = (uintptr_t)file->small;
    if (!slot_mark_dirty(inode, slot, 0)) {
      *slot = 0;
      return false;
    }
    file->chunks = 1;
  } else {
    free(file->small);
  }
  mem_volume(inode)->space_used += (file->chunks << CHUNK_BITS) - file->small_capacity;
  file->small = NULL;
  file->small_capacity = 0;
  file->chunked = true;
  return true;
}

/* ---- cutting ---- */

static void tree_free(struct node *root, uint32_t height) {
  /* Depth is at most eleven (64 bits of index, six a level) and does not depend on a guest. */
  for (uint32_t i = 0; i < MEM_FANOUT; i++) {
    if (!root->slots[i]) continue;
    if (height > 1) {
      tree_free((struct node *)root->slots[i], height - 1);
    } else {
      free(chunk_of(root->slots[i]));
    }
  }
  free(root);
}

/* Frees the chunks with index >= from below `node`. */
static void tree_cut(struct file_content *file, struct node *node, uint32_t height, uint64_t base, uint64_t from) {
  uint64_t step = tree_reach(height - 1);
  for (uint32_t i = 0; i < MEM_FANOUT; i++) {
    uint64_t first = base + i * step;
    if (!node->slots[i] || (first < from && from - first >= step)) continue;
    if (height > 1) {
      tree_cut(file, (struct node *)node->slots[i], height - 1, first, from);
      if (first >= from) {
        free((void *)node->slots[i]);
        node->slots[i] = 0;
      }
    } else {
      free(chunk_of(node->slots[i]));
      node->slots[i] = 0;
      file->chunks--;
    }
  }
}

static void forget_dirty_from(struct chunk_list *dirty, uint64_t from) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < dirty->count; i++) {
    if (dirty->indices[i] < from) dirty->indices[kept++] = dirty->indices[i];
  }
  dirty->count = kept;
}

/* Frees the chunks from index `from` on. */
static void cut_chunks(struct mem_inode *inode, uint64_t from) {
  struct file_content *file = &inode->file;
  uint64_t before = file->chunks;
  if (file->height > 0) tree_cut(file, file->root, file->height, 0, from);
  forget_dirty_from(&file->dirty, from);
  mem_volume(inode)->space_used -= (before - file->chunks) << CHUNK_BITS;
}

void content_free(struct mem_inode *inode) {
  struct file_content *file = &inode->file;
  mem_volume(inode)->space_used -= content_allocated(inode);
  if (file->root) tree_free(file->root, file->height);
  free(file->small);
  free(file->dirty.indices);
  memset(file, 0, sizeof *file);
}

wasi_errno_t content_resize(struct mem_inode *inode, uint64_t size) {
  struct file_content *file = &inode->file;
  uint64_t old_size = inode->base.size;
  if (size > INT64_MAX) return WASI_EFBIG;
  if (size > old_size) {
    if (!file->chunked && size > CHUNK_SIZE && !small_to_chunks(inode)) return WASI_ENOSPC;
    if (!file->chunked && !small_reserve(inode, (uint32_t)size)) return WASI_ENOSPC;
  } else if (size == 0) {
    /* Also for the small form, which is stored as chunk 0 when it is too long to be inline. */
    journal_cut(inode, 0);
    content_free(inode);
  } else if (!file->chunked) {
    memset(file->small + size, 0, old_size - size);
  } else {
    uint64_t from = (size + CHUNK_SIZE - 1) >> CHUNK_BITS;
    uint32_t tail = (uint32_t)(size & (CHUNK_SIZE - 1));
    uintptr_t *slot = tail ? slot_find(file, size >> CHUNK_BITS) : NULL;
    if (slot && *slot) {
      if (!slot_mark_dirty(inode, slot, size >> CHUNK_BITS)) return WASI_ENOSPC;
      memset(chunk_of(*slot) + tail, 0, CHUNK_SIZE - tail);
    }
    cut_chunks(inode, from);
    journal_cut(inode, from);
  }
  inode->base.size = size;
  journal_inode(inode);
  return WASI_ESUCCESS;
}

/* ---- reading and writing ---- */

wasi_errno_t content_read(struct mem_inode *inode, struct transfer *transfer, uint64_t offset) {
  uint64_t size = inode->base.size;
  struct file_content *file = &inode->file;
  while (offset < size) {
    uint32_t run = transfer_run(transfer);
    if (run == 0) break;
    uint32_t length = minimum(run, size - offset);
    bool moved;
    if (!file->chunked) {
      moved = transfer_to_guest(transfer, file->small + offset, length);
    } else {
      uint32_t within = (uint32_t)(offset & (CHUNK_SIZE - 1));
      length = minimum(length, CHUNK_SIZE - within);
      uintptr_t *slot = slot_find(file, offset >> CHUNK_BITS);
      moved = slot && *slot ? transfer_to_guest(transfer, chunk_of(*slot) + within, length)
                            : transfer_zeros_to_guest(transfer, length);
    }
    if (!moved) break;
    offset += length;
  }
  return WASI_ESUCCESS;
}

/* Where the next bytes at `offset` go, and in *room how many fit there. With *raw set, they fill a new
 * chunk whose bytes are undefined. NULL when memory is short. */
static uint8_t *write_window(struct mem_inode *inode, uint64_t offset, uint32_t wanted, uint32_t *room, bool *raw) {
  struct file_content *file = &inode->file;
  if (!file->chunked) {
    if (offset <= CHUNK_SIZE && wanted <= CHUNK_SIZE - offset) {
      *room = wanted;
      return small_reserve(inode, (uint32_t)offset + wanted) ? file->small + offset : NULL;
    }
    if (!small_to_chunks(inode)) return NULL;
  }
  uint32_t within = (uint32_t)(offset & (CHUNK_SIZE - 1));
  *room = minimum(wanted, CHUNK_SIZE - within);
  uint8_t *chunk = chunk_for_writing(inode, offset >> CHUNK_BITS, *room == CHUNK_SIZE ? raw : NULL);
  return chunk ? chunk + within : NULL;
}

wasi_errno_t content_write(struct mem_inode *inode, struct transfer *transfer, uint64_t offset) {
  for (;;) {
    uint32_t run = transfer_run(transfer);
    if (run == 0) break;
    if (offset >= INT64_MAX) return transfer->done ? WASI_ESUCCESS : WASI_EFBIG;
    uint32_t length = minimum(run, INT64_MAX - offset);
    bool raw = false;
    uint8_t *window = write_window(inode, offset, length, &length, &raw);
    if (!window) return transfer->done ? WASI_ESUCCESS : WASI_ENOSPC;
    if (!transfer_from_guest(transfer, window, length)) {
      if (raw) memset(window, 0, CHUNK_SIZE);
      break;
    }
    offset += length;
    if (offset > inode->base.size) inode->base.size = offset;
  }
  return WASI_ESUCCESS;
}

wasi_errno_t content_reserve(struct mem_inode *inode, uint64_t offset, uint64_t length) {
  uint64_t end = offset + length, old_size = inode->base.size;
  if (end > old_size) {
    wasi_errno_t error = content_resize(inode, end);
    if (error) return error;
  }
  if (!inode->file.chunked) return WASI_ESUCCESS;
  for (uint64_t index = offset >> CHUNK_BITS; index << CHUNK_BITS < end; index++) {
    if (chunk_for_writing(inode, index, NULL)) continue;
    /* What was added is given back, without any need for memory: it is all zeros. Holes that have been
     * filled stay so, which nobody can see. */
    uint64_t from = (old_size + CHUNK_SIZE - 1) >> CHUNK_BITS;
    if (end > old_size) cut_chunks(inode, from);
    inode->base.size = old_size;
    return WASI_ENOSPC;
  }
  return WASI_ESUCCESS;
}

wasi_errno_t content_load_chunk(struct mem_inode *inode, uint64_t index, const void *bytes, uint32_t length) {
  uint64_t size = inode->base.size;
  if (length == 0 || length > CHUNK_SIZE || index > (uint64_t)INT64_MAX >> CHUNK_BITS ||
      (index << CHUNK_BITS) >= size || inode->file.small || length > size - (index << CHUNK_BITS)) {
    return WASI_EIO;
  }
  struct file_content *file = &inode->file;
  uintptr_t *slot = slot_make(file, index);
  if (!slot) return WASI_ENOMEM;
  if (!*slot) {
    uint8_t *chunk = calloc(1, CHUNK_SIZE);
    if (!chunk) return WASI_ENOMEM;
    *slot = (uintptr_t)chunk;
    file->chunks++;
    mem_volume(inode)->space_used += CHUNK_SIZE; /* what is stored is loaded, whatever the limit */
  }
  file->chunked = true;
  memcpy(chunk_of(*slot), bytes, length);
  return WASI_ESUCCESS;
}

uint64_t content_allocated(const struct mem_inode *inode) {
  return inode->file.chunked ? inode->file.chunks << CHUNK_BITS : inode->file.small_capacity;
}
