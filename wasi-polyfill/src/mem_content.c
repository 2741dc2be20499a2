/*
 * mem_content.c: contents of files (mem.h has the drawing).
 *
 * What would block has changed nothing, but for content_reserve, which goes on where it was when it is called again.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "mem.h"

struct node {
  uintptr_t slots[MEM_FANOUT];
};

static uint32_t minimum(uint64_t a, uint64_t b) { return (uint32_t)(a < b ? a : b); }

static struct chunk *chunk_of(uintptr_t slot) { return (struct chunk *)slot; }

/* How many chunk indices a tree of this height covers; saturates. */
static uint64_t tree_reach(uint32_t height) {
  return height * MEM_FANOUT_BITS >= 64 ? UINT64_MAX : (uint64_t)1 << (height * MEM_FANOUT_BITS);
}

static uint32_t slot_at(uint64_t index, uint32_t level) {
  return (uint32_t)(index >> (level * MEM_FANOUT_BITS)) & (MEM_FANOUT - 1);
}

static bool tree_covers(const struct file_content *file, uint64_t index) {
  return file->height * MEM_FANOUT_BITS >= 64 || index < tree_reach(file->height);
}

uintptr_t *content_slot(struct mem_inode *inode, uint64_t index) {
  struct file_content *file = &inode->file;
  if (!tree_covers(file, index)) return NULL;
  uintptr_t *slot = &file->root;
  for (uint32_t level = file->height; level > 0; level--) {
    if (!*slot) return NULL;
    slot = &((struct node *)*slot)->slots[slot_at(index, level - 1)];
  }
  return slot;
}

/* The same, making the nodes that are missing; NULL when memory is short. */
static uintptr_t *slot_make(struct file_content *file, uint64_t index) {
  while (!tree_covers(file, index)) {
    struct node *node = calloc(1, sizeof *node);
    if (!node) return NULL;
    node->slots[0] = file->root;
    file->root = (uintptr_t)node;
    file->height++;
  }
  uintptr_t *slot = &file->root;
  for (uint32_t level = file->height; level > 0; level--) {
    if (!*slot) *slot = (uintptr_t)calloc(1, sizeof(struct node));
    if (!*slot) return NULL;
    slot = &((struct node *)*slot)->slots[slot_at(index, level - 1)];
  }
  return slot;
}

uint64_t content_next(const struct mem_inode *inode, uint64_t from) {
  const struct file_content *file = &inode->file;
  while (tree_covers(file, from)) {
    uintptr_t slot = file->root;
    uint32_t level = file->height;
    for (; level > 0 && slot; level--) slot = ((struct node *)slot)->slots[slot_at(from, level - 1)];
    if (slot) return from;
    /* On behind all that the missing node would cover. */
    uint64_t step = tree_reach(level);
    if (step == UINT64_MAX || from > UINT64_MAX - step) break;
    from = (from & ~(step - 1)) + step;
  }
  return UINT64_MAX;
}

uint32_t content_chunk_size(const struct mem_inode *inode, uint64_t index) {
  (void)index;
  return inode->file.height == 0 ? inode->file.first_size : CHUNK_SIZE;
}

uint64_t content_allocated(const struct mem_inode *inode) {
  const struct file_content *file = &inode->file;
  if (file->height > 0) return file->chunks << CHUNK_BITS;
  return file->root ? file->first_size : 0;
}

static void set_size(struct mem_inode *inode, uint64_t size) {
  bool before = content_is_inline(inode);
  inode->base.size = size;
  if (before == content_is_inline(inode)) return;
  const uintptr_t *slot = content_slot(inode, 0);
  if (slot && SLOT_IN_MEMORY(*slot)) chunk_inlined(inode, !before, content_chunk_size(inode, 0));
}

/* ---- chunks ---- */

/* Memory for the chunk of `slot`, of which `size` bytes are accounted for. Zeroed, unless the caller is going to
 * overwrite all of it: that spares large writes half of their traffic to memory. */
static struct chunk *chunk_make(struct mem_inode *inode, uintptr_t *slot, uint64_t index, uint32_t size, bool raw) {
  struct chunk *chunk = raw ? malloc(sizeof *chunk + size) : calloc(1, sizeof *chunk + size);
  if (!chunk) return NULL;
  chunk->link = (struct chunk_link){&chunk->link, &chunk->link};
  chunk->inode = inode;
  chunk->index = index;
  chunk->state = 0;
  if (!*slot) inode->file.chunks++;
  *slot = (uintptr_t)chunk;
  chunk_placed(chunk, size);
  return chunk;
}

struct chunk *content_chunk(struct mem_inode *inode, uint64_t index, bool raw) {
  return chunk_make(inode, content_slot(inode, index), index, content_chunk_size(inode, index), raw);
}

static uint32_t capacity_for(uint32_t least, uint32_t size) {
  uint32_t capacity = least > 64 ? least : 64;
  while (capacity < size) capacity *= 2;
  return capacity < CHUNK_SIZE ? capacity : CHUNK_SIZE;
}

/* At height 0, lets chunk 0, if it is no hole, have `size` bytes at least. */
static wasi_errno_t first_grow(struct mem_inode *inode, uint32_t size) {
  struct file_content *file = &inode->file;
  if (!file->root || size <= file->first_size) return WASI_ESUCCESS;
  uint32_t capacity = capacity_for(file->first_size, size);
  uint32_t more = capacity - file->first_size;
  if (!space_take(mem_volume(inode), more)) return WASI_ENOSPC;
  if (SLOT_IN_MEMORY(file->root)) {
    struct chunk *old = chunk_of(file->root);
    bool alone = old->link.next == &old->link;
    chunk_leaves(old, file->first_size);
    struct chunk *chunk = realloc(old, sizeof *chunk + capacity);
    if (!chunk) {
      chunk_placed(chunk_of(file->root), file->first_size);
      mem_volume(inode)->space_used -= more;
      return WASI_ENOSPC;
    }
    memset(chunk->bytes + file->first_size, 0, more);
    if (alone) {
      chunk->link.previous = chunk->link.next = &chunk->link;
    } else {
      chunk->link.previous->next = chunk->link.next->previous = &chunk->link;
    }
    file->root = (uintptr_t)chunk;
    chunk_placed(chunk, capacity);
  }
  file->first_size = capacity;
  return WASI_ESUCCESS;
}

static void chunk_free(struct mem_inode *inode, uintptr_t slot) {
  if (!SLOT_IN_MEMORY(slot)) return;
  struct chunk *chunk = chunk_of(slot);
  chunk_leaves(chunk, content_chunk_size(inode, chunk->index));
  chunk->link.previous->next = chunk->link.next;
  chunk->link.next->previous = chunk->link.previous;
  free(chunk);
}

/*
 * The chunk at `index`, for writing up to `end` in it; `whole`: all of it. *before is what its slot held. What this
 * makes and the caller then leaves alone is to be given to chunk_undo.
 */
static wasi_errno_t chunk_for_writing(struct mem_inode *inode, uint64_t index, uint32_t end, bool whole,
                                      struct chunk **found, uintptr_t *before) {
  struct file_content *file = &inode->file;
  if (file->height == 0) {
    wasi_errno_t error = first_grow(inode, index > 0 ? CHUNK_SIZE : end);
    if (error) return error;
  }
  uintptr_t *slot = slot_make(file, index);
  if (!slot) return WASI_ENOSPC;
  *before = *slot;
  if (*slot && !SLOT_IN_MEMORY(*slot) && !whole) {
    wasi_errno_t error = chunk_load(inode, index, index);
    if (error) return error;
    *before = *slot;
  }
  uint32_t size = CHUNK_SIZE;
  if (file->height == 0) {
    size = *slot ? file->first_size : capacity_for(0, end > inode->base.size ? end : minimum(inode->base.size, CHUNK_SIZE));
  }
  if (SLOT_IN_MEMORY(*slot)) {
    *found = chunk_of(*slot);
    chunk_used(*found);
    return (*found)->state & CHUNK_DIRTY ? WASI_ESUCCESS : chunk_room(inode, size);
  }
  /* What lies in its record is never crowded out. */
  wasi_errno_t error = index > 0 || end > INLINE_LIMIT || !content_is_inline(inode) ? chunk_room(inode, size) : WASI_ESUCCESS;
  if (error) return error;
  if (!*slot && !space_take(mem_volume(inode), size)) return WASI_ENOSPC;
  if (file->height == 0) file->first_size = size;
  *found = chunk_make(inode, slot, index, size, whole);
  if (*found) return WASI_ESUCCESS;
  if (!*slot) mem_volume(inode)->space_used -= size;
  return WASI_ENOSPC;
}

static void chunk_undo(struct mem_inode *inode, struct chunk *chunk, uintptr_t before) {
  uintptr_t *slot = content_slot(inode, chunk->index);
  uint64_t allocated = content_allocated(inode);
  chunk_free(inode, *slot);
  *slot = before;
  if (before) return;
  inode->file.chunks--;
  mem_volume(inode)->space_used -= allocated - content_allocated(inode);
}

/* ---- cutting ---- */

/* Frees the chunks with index >= `from` below a slot at `height` that begins with `base`. */
static void tree_cut(struct mem_inode *inode, uintptr_t *slot, uint32_t height, uint64_t base, uint64_t from) {
  /* Depth is at most eleven (64 bits of index, six a level) and does not depend on a guest. */
  if (!*slot) return;
  if (height == 0) {
    inode->file.chunks--;
    chunk_free(inode, *slot);
    *slot = 0;
    return;
  }
  uint64_t step = tree_reach(height - 1);
  struct node *node = (struct node *)*slot;
  for (uint32_t i = 0; i < MEM_FANOUT; i++) {
    uint64_t first = base + i * step;
    if (first >= from || from - first < step) tree_cut(inode, &node->slots[i], height - 1, first, from);
  }
  if (base < from) return;
  free(node);
  *slot = 0;
}

void content_cut(struct mem_inode *inode, uint64_t from) {
  struct file_content *file = &inode->file;
  uint64_t before = content_allocated(inode);
  if (tree_covers(file, from)) tree_cut(inode, &file->root, file->height, 0, from);
  if (from <= 1) {
    /* What is left is chunk 0: back to height 0. */
    bool was_tree = file->height > 0;
    for (; file->height > 0; file->height--) {
      struct node *node = (struct node *)file->root;
      file->root = node ? node->slots[0] : 0;
      free(node);
    }
    if (was_tree) file->first_size = CHUNK_SIZE;
  }
  mem_volume(inode)->space_used -= before - content_allocated(inode);
}

void content_free(struct mem_inode *inode) { content_cut(inode, 0); }

static wasi_errno_t cut_to(struct mem_inode *inode, uint64_t size) {
  uint64_t from = (size + CHUNK_SIZE - 1) >> CHUNK_BITS;
  uint32_t tail = (uint32_t)(size & (CHUNK_SIZE - 1));
  uintptr_t *slot = tail ? content_slot(inode, size >> CHUNK_BITS) : NULL;
  if (slot && *slot) {
    if (!SLOT_IN_MEMORY(*slot)) {
      wasi_errno_t error = chunk_load(inode, size >> CHUNK_BITS, size >> CHUNK_BITS);
      if (error) return error;
    }
    struct chunk *chunk = chunk_of(*slot);
    if (!(chunk->state & CHUNK_DIRTY)) {
      chunk_used(chunk);
      wasi_errno_t error = chunk_room(inode, content_chunk_size(inode, chunk->index));
      if (error) return error;
    }
    memset(chunk->bytes + tail, 0, content_chunk_size(inode, chunk->index) - tail);
    chunk_changed(chunk);
  }
  content_cut(inode, from);
  journal_cut(inode, from);
  return WASI_ESUCCESS;
}

wasi_errno_t content_resize(struct mem_inode *inode, uint64_t size) {
  wasi_errno_t error = WASI_ESUCCESS;
  if (size > INT64_MAX) return WASI_EFBIG;
  if (size < inode->base.size) {
    error = cut_to(inode, size);
  } else if (inode->file.height == 0) {
    error = first_grow(inode, minimum(size, CHUNK_SIZE));
  }
  if (error) return error;
  set_size(inode, size);
  journal_inode(inode);
  return WASI_ESUCCESS;
}

/* ---- reading and writing ---- */

/* How many bytes the vectors at hand have in all. */
static uint32_t transfer_at_hand(struct transfer *transfer) {
  uint64_t total = 0;
  (void)transfer_run(transfer);
  for (uint32_t i = transfer->current; i < transfer->fetched; i++) total += transfer->batch[i][1];
  return minimum(total, transfer->most - transfer->done);
}

/* Has all chunks in memory that the read needs, up to a number of them: beyond it the read is a short one. */
static wasi_errno_t ready_to_read(struct mem_inode *inode, struct transfer *transfer, uint64_t offset) {
  uint64_t left = inode->base.size > offset ? inode->base.size - offset : 0;
  uint32_t length = minimum(transfer_at_hand(transfer), left);
  if (length == 0) return WASI_ESUCCESS;
  uint64_t first = offset >> CHUNK_BITS, last = (offset + length - 1) >> CHUNK_BITS;
  for (uint64_t index = first; index <= last; index++) {
    const uintptr_t *slot = content_slot(inode, index);
    if (!slot || !*slot) continue;
    if (SLOT_IN_MEMORY(*slot)) {
      chunk_used(chunk_of(*slot));
      continue;
    }
    if (index - first >= READ_CHUNKS || (index > first && *slot == SLOT_FAILED)) break;
    wasi_errno_t error = chunk_load(inode, index, last);
    if (error) return index > first && error != NIDUS_WOULD_BLOCK ? WASI_ESUCCESS : error;
  }
  return WASI_ESUCCESS;
}

wasi_errno_t content_read(struct mem_inode *inode, struct transfer *transfer, uint64_t offset) {
  uint64_t size = inode->base.size;
  if (mem_volume(inode)->volume) {
    wasi_errno_t error = ready_to_read(inode, transfer, offset);
    if (error) return error;
  }
  while (offset < size) {
    uint32_t run = transfer_run(transfer);
    if (run == 0) break;
    uint32_t within = (uint32_t)(offset & (CHUNK_SIZE - 1));
    uint32_t length = minimum(minimum(run, size - offset), CHUNK_SIZE - within);
    uintptr_t *slot = content_slot(inode, offset >> CHUNK_BITS);
    if (slot && *slot && !SLOT_IN_MEMORY(*slot)) {
      /* Asked for already, for the next read. */
      if (transfer->done && *slot == SLOT_FAILED) break;
      wasi_errno_t error = chunk_load(inode, offset >> CHUNK_BITS, offset >> CHUNK_BITS);
      if (error) return transfer->done ? WASI_ESUCCESS : error;
    }
    bool moved = slot && *slot ? transfer_to_guest(transfer, chunk_of(*slot)->bytes + within, length)
                               : transfer_zeros_to_guest(transfer, length);
    if (!moved) break;
    offset += length;
  }
  return WASI_ESUCCESS;
}

/* Has room for what the vectors at hand write, so that it is written whole, and the chunks in memory that they
 * overwrite only partly. */
static wasi_errno_t ready_to_write(struct mem_inode *inode, struct transfer *transfer, uint64_t offset) {
  uint32_t left = transfer_at_hand(transfer);
  if (left == 0) return WASI_ESUCCESS;
  wasi_errno_t result = chunks_room(inode, offset >> CHUNK_BITS, (offset + left - 1) >> CHUNK_BITS);
  if (result) return result;
  uint64_t least = offset >> CHUNK_BITS;
  for (uint32_t i = transfer->current; i < transfer->fetched && left > 0; i++) {
    uint32_t length = minimum(transfer->batch[i][1], left);
    if (length == 0) continue;
    uint64_t ends[2] = {offset, offset + length};
    left -= length;
    offset += length;
    for (int k = 0; k < 2; k++) {
      uint64_t index = ends[k] >> CHUNK_BITS;
      if ((ends[k] & (CHUNK_SIZE - 1)) == 0 || index - least >= READ_CHUNKS) continue;
      const uintptr_t *slot = content_slot(inode, index);
      if (!slot || !*slot) continue;
      wasi_errno_t error = WASI_ESUCCESS;
      if (SLOT_IN_MEMORY(*slot)) {
        chunk_used(chunk_of(*slot));
      } else {
        error = chunk_load(inode, index, index);
      }
      if (error && result != WASI_EIO) result = error;
    }
  }
  return result;
}

wasi_errno_t content_write(struct mem_inode *inode, struct transfer *transfer, uint64_t offset) {
  if (mem_volume(inode)->volume) {
    wasi_errno_t error = ready_to_write(inode, transfer, offset);
    if (error) return error;
  }
  for (;;) {
    uint32_t run = transfer_run(transfer);
    if (run == 0) break;
    if (offset >= INT64_MAX) return transfer->done ? WASI_ESUCCESS : WASI_EFBIG;
    uint32_t within = (uint32_t)(offset & (CHUNK_SIZE - 1));
    uint32_t length = minimum(minimum(run, INT64_MAX - offset), CHUNK_SIZE - within);
    struct chunk *chunk;
    uintptr_t before;
    wasi_errno_t error = chunk_for_writing(inode, offset >> CHUNK_BITS, within + length, length == CHUNK_SIZE, &chunk, &before);
    if (error && transfer->done) {
      chunk_room_unwanted(inode);
      return WASI_ESUCCESS;
    }
    if (error) return error;
    bool moved = transfer_from_guest(transfer, chunk->bytes + within, length);
    if (!moved && !SLOT_IN_MEMORY(before)) {
      chunk_undo(inode, chunk, before);
      break;
    }
    chunk_changed(chunk);
    if (!moved) break;
    offset += length;
    if (offset > inode->base.size) set_size(inode, offset);
  }
  return WASI_ESUCCESS;
}

/* Chunks that one call fills at most, 1 GiB: a volume that stores what has no room in memory would else go on until
 * the disk is full. */
enum { RESERVE_LIMIT = 1 << 14 };

wasi_errno_t content_reserve(struct mem_inode *inode, uint64_t offset, uint64_t length) {
  uint64_t end = offset + length, old_size = inode->base.size;
  if (((end - 1) >> CHUNK_BITS) - (offset >> CHUNK_BITS) > inode->file.chunks + RESERVE_LIMIT) return WASI_ENOSPC;
  if (end > old_size) {
    wasi_errno_t error = content_resize(inode, end);
    if (error) return error;
  }
  for (uint64_t index = offset >> CHUNK_BITS; index << CHUNK_BITS < end; index++) {
    const uintptr_t *slot = content_slot(inode, index);
    if (slot && *slot) continue;
    struct chunk *chunk;
    uintptr_t before;
    wasi_errno_t error =
        chunk_for_writing(inode, index, minimum(end - (index << CHUNK_BITS), CHUNK_SIZE), false, &chunk, &before);
    if (!error) {
      chunk_changed(chunk);
      continue;
    }
    if (error == NIDUS_WOULD_BLOCK) return error;
    /* What was added is given back, without any need for memory: it is all zeros. Holes that have been
     * filled stay so, which nobody can see. */
    if (end > old_size) content_cut(inode, (old_size + CHUNK_SIZE - 1) >> CHUNK_BITS);
    set_size(inode, old_size);
    return error;
  }
  return WASI_ESUCCESS;
}

void content_lose(struct mem_inode *inode, uint64_t index) {
  uint64_t before = content_allocated(inode);
  *content_slot(inode, index) = 0;
  inode->file.chunks--;
  mem_volume(inode)->space_used -= before - content_allocated(inode);
  journal_inode(inode);
}

/* ---- from a log ---- */

wasi_errno_t content_load_size(struct mem_inode *inode, uint64_t size) {
  struct file_content *file = &inode->file;
  uint64_t old_size = inode->base.size;
  if (content_is_inline(inode)) content_cut(inode, 0);
  if (size < old_size) content_cut(inode, (size + CHUNK_SIZE - 1) >> CHUNK_BITS);
  if (file->height == 0 && file->root) {
    wasi_errno_t error = first_grow(inode, minimum(size, CHUNK_SIZE));
    if (error) return error;
  }
  set_size(inode, size);
  return WASI_ESUCCESS;
}

wasi_errno_t content_load_stored(struct mem_inode *inode, uint64_t index) {
  struct file_content *file = &inode->file;
  struct mem_filesystem *fs = mem_volume(inode);
  uint64_t before = content_allocated(inode);
  if (file->height == 0 && index > 0) {
    wasi_errno_t error = first_grow(inode, CHUNK_SIZE);
    if (error) return error;
    before = content_allocated(inode);
  }
  uintptr_t *slot = slot_make(file, index);
  if (!slot) return WASI_ENOMEM;
  chunk_free(inode, *slot);
  if (!*slot) file->chunks++;
  *slot = SLOT_STORED;
  if (file->height == 0) {
    /* What of it is stored may be less, or on a view that is behind, more. */
    file->first_size = minimum(inode->base.size, CHUNK_SIZE);
  }
  fs->space_used += content_allocated(inode) - before; /* what is stored is there, whatever the limit */
  return WASI_ESUCCESS;
}

wasi_errno_t content_load_inline(struct mem_inode *inode, const uint8_t *bytes, uint32_t length) {
  content_cut(inode, 0);
  set_size(inode, length);
  if (length == 0) return WASI_ESUCCESS;
  inode->file.first_size = length;
  struct chunk *chunk = chunk_make(inode, &inode->file.root, 0, length, true);
  if (!chunk) return WASI_ENOMEM;
  mem_volume(inode)->space_used += length;
  memcpy(chunk->bytes, bytes, length);
  chunk_changed(chunk);
  return WASI_ESUCCESS;
}
