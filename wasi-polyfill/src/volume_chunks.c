/*
 * volume_chunks.c: which chunks of a persistent volume lie in memory.
 *
 *     SLOT_STORED ──chunk_load──▶ wanted ──nidus_volume_wants──▶ asked ──nidus_chunk──▶ in memory, clean
 *         ▲                                                       │                        │
 *         ├──────────────── evicted, oldest first ────────────────│────────────────────────┤
 *         └──── the request failed: SLOT_FAILED, EIO for one ◀────┘     written: dirty, ──▶ in flight
 *
 * Only clean chunks are evicted, and none of a range that is asked for: so bytes that arrive are those of the
 * store's latest version, or find that they are not needed any more. Who waits and finds all that was asked for has its
 * turn before more is evicted, since that happens when the next are asked for; so every wait ends.
 */
#include <stdlib.h>
#include <string.h>

#include "volume_state.h"

static struct volume *volume_of(const struct mem_inode *inode) { return mem_volume(inode)->volume; }

/* ---- accounts ---- */

/* Not so the contents of a file that lies in its record; others can be there before its size says so. */
static bool counts(const struct chunk *chunk) { return chunk->index > 0 || !content_is_inline(chunk->inode); }

void chunk_placed(struct chunk *chunk, uint32_t size) {
  struct volume *volume = volume_of(chunk->inode);
  if (!volume || !counts(chunk)) return;
  volume->in_memory += size;
  if (!chunk->state && chunk->link.next != &chunk->link) volume->clean_size += size;
}

void chunk_leaves(struct chunk *chunk, uint32_t size) {
  struct volume *volume = volume_of(chunk->inode);
  if (!volume || !counts(chunk)) return;
  volume->in_memory -= size;
  if (!chunk->state && chunk->link.next != &chunk->link) volume->clean_size -= size;
}

void chunk_inlined(struct mem_inode *inode, bool is_inline, uint32_t bytes) {
  struct volume *volume = volume_of(inode);
  if (volume) volume->in_memory += is_inline ? (uint64_t)0 - bytes : bytes;
}

static uint32_t size_of(const struct chunk *chunk) { return content_chunk_size(chunk->inode, chunk->index); }

void chunk_made_dirty(struct chunk *chunk) {
  struct volume *volume = volume_of(chunk->inode);
  journal_inode(chunk->inode);
  if (!(chunk->state & CHUNK_IN_FLIGHT)) {
    if (chunk->link.next != &chunk->link) volume->clean_size -= size_of(chunk);
    chunk_move(&chunk->inode->file.dirty, &chunk->link);
  }
  chunk->state |= CHUNK_DIRTY;
}

void chunk_made_younger(struct chunk *chunk) { chunk_move(&volume_of(chunk->inode)->clean, &chunk->link); }

/* ---- wants ---- */

static bool covers(const struct want *want, const struct mem_inode *inode, uint64_t index) {
  return want->inode == inode && index >= want->first && index - want->first < want->count;
}

static struct want *want_of(struct volume *volume, const struct mem_inode *inode, uint64_t index) {
  for (struct want *want = volume->wants; want < volume->wants + WANTS; want++) {
    if (covers(want, inode, index)) return want;
  }
  return NULL;
}

static void want_drop(struct want *want) {
  struct mem_inode *inode = want->inode;
  want->inode = NULL;
  inode_drop(&inode->base);
}

void chunks_unwanted(struct mem_inode *inode) {
  struct volume *volume = volume_of(inode);
  for (struct want *want = volume->wants; want < volume->wants + WANTS; want++) {
    if (want->inode == inode) want_drop(want);
  }
}

/* How many chunks from `index` to `last` are to be asked for together, with some more for who reads on: the one
 * before is in memory, or this is the first. */
static uint32_t range_from(struct mem_inode *inode, uint64_t index, uint64_t last) {
  const uintptr_t *previous = index > 0 ? content_slot(inode, index - 1) : NULL;
  bool reads_on = last > index || index == 0 || (previous && SLOT_IN_MEMORY(*previous));
  uint64_t most = last - index + 1 < READ_CHUNKS ? last - index + 1 : READ_CHUNKS;
  if (reads_on) most += AHEAD_CHUNKS;
  uint32_t count = 1;
  for (; count < most; count++) {
    const uintptr_t *slot = content_slot(inode, index + count);
    if (!slot || *slot != SLOT_STORED || want_of(volume_of(inode), inode, index + count)) break;
  }
  return count;
}

static wasi_errno_t block(struct mem_inode *inode, uint32_t kind) {
  inode->base.fs->blocked = kind;
  return NIDUS_WOULD_BLOCK;
}

static wasi_errno_t load_now(struct mem_inode *inode, uint64_t index) {
  struct volume *volume = volume_of(inode);
  uint8_t *bytes = malloc(CHUNK_SIZE);
  if (!bytes) return WASI_ENOMEM;
  uint32_t length = 0;
  wasi_errno_t error = volume->store->load(volume->store, inode->base.ino, index, bytes, &length);
  if (!error) {
    chunks_evict(volume, CHUNK_SIZE);
    error = chunk_arrived(inode, index, bytes, length);
  }
  free(bytes);
  return error;
}

/* Where there are too many wants already, they are to be asked for when these have come. */
static void want_add(struct mem_inode *inode, uint64_t index, uint64_t last) {
  struct volume *volume = volume_of(inode);
  if (want_of(volume, inode, index)) return;
  for (struct want *want = volume->wants; want < volume->wants + WANTS; want++) {
    if (want->inode) continue;
    *want = (struct want){.first = index, .count = range_from(inode, index, last)};
    want->inode = mem_of(inode_hold(&inode->base));
    return;
  }
}

wasi_errno_t chunk_load(struct mem_inode *inode, uint64_t index, uint64_t last) {
  struct volume *volume = volume_of(inode);
  uintptr_t *slot = content_slot(inode, index);
  if (volume_store_here(volume)) return load_now(inode, index);
  if (!inode->known) return WASI_ESTALE; /* on a view: the writer has deleted it */
  if (*slot == SLOT_FAILED) {
    *slot = SLOT_STORED;
    return WASI_EIO;
  }
  want_add(inode, index, last);
  return block(inode, NIDUS_WAIT_CHUNK);
}

wasi_errno_t chunk_arrived(struct mem_inode *inode, uint64_t index, const void *bytes, uint32_t length) {
  uint64_t left = inode->base.size - (index << CHUNK_BITS);
  if (length == 0 || length > CHUNK_SIZE || length > left) return WASI_EIO;
  struct chunk *chunk = content_chunk(inode, index, false);
  if (!chunk) return WASI_ENOMEM;
  memcpy(chunk->bytes, bytes, length);
  struct volume *volume = volume_of(inode);
  chunk_append(&volume->clean, &chunk->link);
  volume->clean_size += size_of(chunk);
  return WASI_ESUCCESS;
}

/* ---- eviction ---- */

void chunks_evict(struct volume *volume, uint64_t more) {
  struct chunk_link *link = volume->clean.next;
  while (link != &volume->clean && (volume->in_memory > volume->budget || volume->budget - volume->in_memory < more)) {
    struct chunk *chunk = (struct chunk *)link;
    link = link->next;
    if (want_of(volume, chunk->inode, chunk->index)) continue;
    uintptr_t *slot = content_slot(chunk->inode, chunk->index);
    uint32_t size = size_of(chunk);
    chunk_leaves(chunk, size);
    chunk_unlink(&chunk->link);
    *slot = SLOT_STORED;
    free(chunk);
  }
}

wasi_errno_t chunk_room(struct mem_inode *inode, uint32_t bytes) {
  struct mem_filesystem *fs = mem_volume(inode);
  struct volume *volume = fs->volume;
  if (!volume || volume->budget == UINT64_MAX) return WASI_ESUCCESS;
  if (volume_store_here(volume)) volume_store_tick(fs);
  for (int tries = 0;; tries++) {
    uint64_t kept = volume->in_memory - volume->clean_size;
    if (kept == 0 || kept + bytes <= volume->budget / 2) break;
    if (volume_store_here(volume)) {
      wasi_errno_t error = tries == 0 ? volume_store_flush(fs) : WASI_ENOSPC;
      if (error) return error;
    } else if (volume->room_awaited > 0 && volume->failed >= volume->room_awaited) {
      volume->room_awaited = 0;
      return volume->failure;
    } else {
      volume->room_awaited = flush_needed(volume);
      return block(inode, NIDUS_WAIT_FLUSH);
    }
  }
  volume->room_awaited = 0;
  chunks_evict(volume, bytes);
  return WASI_ESUCCESS;
}

/* The chunk at `index`, if it is in memory. */
static const struct chunk *chunk_here(struct mem_inode *inode, uint64_t index) {
  const uintptr_t *slot = content_slot(inode, index);
  return slot && SLOT_IN_MEMORY(*slot) ? (const struct chunk *)*slot : NULL;
}

/* What of a whole chunk the account does not have yet: a small file's may be a part of one, or lie in its record. */
static uint32_t not_counted(const struct chunk *chunk) { return CHUNK_SIZE - (counts(chunk) ? size_of(chunk) : 0); }

wasi_errno_t chunks_room(struct mem_inode *inode, uint64_t first, uint64_t last) {
  enum { MOST = 1 << 30 };
  const struct volume *volume = volume_of(inode);
  if (first == last || volume->budget == UINT64_MAX) return WASI_ESUCCESS;
  /* Half of what may be dirty: small writers cannot keep a large one waiting for ever. */
  uint32_t bytes = 0, most = volume->budget / 4 < MOST ? (uint32_t)(volume->budget / 4) : MOST;
  for (uint64_t index = first; index <= last && bytes + CHUNK_SIZE <= most; index++) {
    const struct chunk *chunk = chunk_here(inode, index);
    bytes += chunk && chunk->state & CHUNK_DIRTY ? not_counted(chunk) : CHUNK_SIZE;
  }
  /* Chunk 0 grows with what is written behind it. */
  const struct chunk *start = first > 0 ? chunk_here(inode, 0) : NULL;
  if (start && (start->state || !counts(start))) bytes += not_counted(start);
  return bytes > 0 ? chunk_room(inode, bytes) : WASI_ESUCCESS;
}

void chunk_room_unwanted(struct mem_inode *inode) {
  struct volume *volume = volume_of(inode);
  if (volume) volume->room_awaited = 0;
}

/* ---- the host's side ---- */

uint32_t nidus_volume_wants(struct nidus_system *system, uint32_t mount, bool all, struct nidus_want wants[NIDUS_WANTS]) {
  struct mem_filesystem *fs = volume_at(system, mount);
  uint32_t count = 0;
  if (!fs) return 0;
  struct volume *volume = fs->volume;
  chunks_evict(volume, 0);
  if (all) {
    EACH_INODE(volume, inode) {
      if (inode->base.type != WASI_FILETYPE_REGULAR_FILE) continue;
      for (uint64_t at = content_next(inode, 0); at != UINT64_MAX; at = content_next(inode, at + 1)) {
        if (*content_slot(inode, at) == SLOT_STORED) want_add(inode, at, at + READ_CHUNKS - 1);
      }
    }
  }
  for (struct want *want = volume->wants; want < volume->wants + WANTS; want++) {
    if (!want->inode || want->asked) continue;
    want->asked = true;
    wants[count++] = (struct nidus_want){want->inode->base.ino, want->first, want->count};
  }
  return count;
}

int32_t nidus_chunk(struct nidus_system *system, uint32_t mount, uint64_t ino, uint64_t index, const void *bytes,
                    uint32_t length, wasi_errno_t error) {
  struct mem_filesystem *fs = volume_at(system, mount);
  struct mem_inode *inode = fs ? volume_find(fs->volume, ino) : NULL;
  if (!inode || inode->base.type != WASI_FILETYPE_REGULAR_FILE) return 0;
  struct want *want = want_of(fs->volume, inode, index);
  /* Nobody needs it any more. To a view come chunks of the state that it shows, though it has forgotten, taking that
   * in, who waits for them: so who reads what is always written anew has it at last. */
  if (!want && !fs->volume->view) return 0;
  uintptr_t *slot = content_slot(inode, index);
  if (slot && *slot == SLOT_STORED) {
    if (!error) error = chunk_arrived(inode, index, bytes, length);
    if (error && want) *slot = SLOT_FAILED;
  }
  if (!want) return 0;
  /* They are given in order. */
  uint32_t done = (uint32_t)(index - want->first) + 1;
  want->first += done;
  want->count -= done;
  if (want->count == 0) want_drop(want);
  return 0;
}

bool nidus_volume_crowded(struct nidus_system *system, uint32_t mount) {
  const struct mem_filesystem *fs = volume_at(system, mount);
  return fs && fs->volume->room_awaited > 0;
}
