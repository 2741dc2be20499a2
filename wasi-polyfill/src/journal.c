/*
 * journal.c: what changed in a persistent volume since the last flush, and the flush itself.
 *
 *   change ──▶ dirty list ──flush_begin──▶ in flight: a cut (volume.h) ──flush_end(0)──▶ stored
 *                  ▲                             │
 *                  └───────flush_end(error)──────┘
 *
 * Everything that was dirty when a flush begins is in its cut, so a store that applies it in
 * one transaction always holds the state of the tree at some flush. What changes while the
 * transaction runs is dirty again and belongs to the next. A failed flush returns all that it took to the dirty
 * list; records are idempotent, so writing one twice does no harm. Noting a change never needs memory.
 *
 * Now and then a cut tells the whole tree instead of what changed, as a checkpoint that takes the place of the log
 * (volume_log.h); what is in flight, and given back, is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "path_store.h"
#include "volume_log.h"
#include "volume_state.h"

/* ---- noting changes ---- */

static struct volume *noting(const struct mem_inode *inode) {
  struct volume *volume = mem_volume(inode)->volume;
  return volume && !volume->loading && !volume->view ? volume : NULL;
}

void journal_note(struct mem_inode *inode) {
  path_store_changed(inode);
  struct volume *volume = noting(inode);
  if (!volume || inode->dirty) return;
  inode->dirty = true;
  volume->dirty_count++;
  struct mem_inode *first = volume->dirty;
  if (!first) {
    inode->dirty_next = inode->dirty_previous = inode;
    volume->dirty = inode;
    return;
  }
  inode->dirty_next = first;
  inode->dirty_previous = first->dirty_previous;
  first->dirty_previous->dirty_next = inode;
  first->dirty_previous = inode;
}

void journal_clean(struct volume *volume, struct mem_inode *inode) {
  if (!inode->dirty) return;
  inode->dirty = false;
  volume->dirty_count--;
  if (inode->dirty_next == inode) {
    volume->dirty = NULL;
  } else {
    inode->dirty_next->dirty_previous = inode->dirty_previous;
    inode->dirty_previous->dirty_next = inode->dirty_next;
    if (volume->dirty == inode) volume->dirty = inode->dirty_next;
  }
}

void journal_cut(struct mem_inode *inode, uint64_t from_index) {
  if (!noting(inode)) return;
  if (from_index < inode->cut_from) inode->cut_from = from_index;
  journal_inode(inode);
}

void journal_name_removed(struct mem_inode *directory, struct entry_name *name, bool stored) {
  if (!noting(directory) || !stored) {
    free(name);
    return;
  }
  name->next = directory->directory.removed;
  directory->directory.removed = name;
}

static void gone_add(struct volume *volume, struct mem_inode *inode) {
  inode->dirty_next = volume->gone;
  volume->gone = inode;
  volume->gone_count++;
}

void journal_inode_gone(struct mem_inode *inode) {
  struct volume *volume = mem_volume(inode)->volume;
  if (volume) {
    journal_clean(volume, inode);
    volume_forget_inode(volume, inode);
  }
  if (inode->stored && noting(inode)) {
    gone_add(volume, inode);
  } else {
    free(inode);
  }
}

uint64_t flush_needed(const struct volume *volume) {
  if (volume->dirty || volume->gone) return volume->begun + 1;
  return volume->flushing ? volume->begun : 0;
}

wasi_errno_t journal_sync(struct mem_filesystem *fs, uint64_t *awaited) {
  struct volume *volume = fs->volume;
  if (!volume || volume->view) return WASI_ESUCCESS;
  if (volume_store_here(volume)) return flush_needed(volume) ? volume_store_flush(fs) : WASI_ESUCCESS;
  if (*awaited == 0) *awaited = flush_needed(volume);
  wasi_errno_t error = *awaited <= volume->completed ? WASI_ESUCCESS
                       : *awaited <= volume->failed  ? volume->failure
                                                     : NIDUS_WOULD_BLOCK;
  if (error != NIDUS_WOULD_BLOCK) *awaited = 0;
  return error;
}

/* ---- the log of a cut ---- */

/* Unlinked, and still open somewhere: its chunks must be in the store to be evicted; the rest nobody will ask for. */
static bool is_stored(const struct mem_inode *inode) {
  if (inode->base.nlink > 0 || inode->stored) return true;
  return inode->base.type == WASI_FILETYPE_REGULAR_FILE && !content_is_inline(inode);
}

static void log_entries(struct log_writer *log, const struct mem_inode *inode, bool all) {
  if (inode->base.type != WASI_FILETYPE_DIRECTORY || !is_stored(inode)) return;
  const struct mem_directory *directory = &inode->directory;
  for (const struct entry_name *name = all ? NULL : directory->removed; name; name = name->next) {
    uint8_t *at = log_put(log, LOG_NO_ENTRY, inode->base.ino, name->length);
    if (at) memcpy(at, name->bytes, name->length);
  }
  for (uint32_t i = directory->first; i < directory->used; i++) {
    const struct mem_entry *entry = &directory->entries[i];
    if (!entry->inode || !(all || entry->dirty)) continue;
    uint8_t *at = log_put(log, LOG_ENTRY, inode->base.ino, 8 + entry->name->length);
    if (!at) continue;
    memcpy(at, &entry->inode->base.ino, 8);
    memcpy(at + 8, entry->name->bytes, entry->name->length);
  }
}

/* Chunks that follow each other, in one record. */
struct run {
  struct log_writer *log;
  uint64_t ino, first;
  uint32_t count;
};

static void run_end(struct run *run) {
  if (run->count == 0) return;
  uint8_t *at = log_put(run->log, LOG_CHUNKS, run->ino, 12);
  if (!at) return;
  memcpy(at, &run->first, 8);
  memcpy(at + 8, &run->count, 4);
}

static void run_add(struct run *run, uint64_t index) {
  if (run->count > 0 && run->count < INT32_MAX && index == run->first + run->count) {
    run->count++;
    return;
  }
  run_end(run);
  run->first = index;
  run->count = 1;
}

static uint64_t cut_of(const struct mem_inode *inode) {
  return inode->chunks_stored ? content_is_inline(inode) ? 0 : inode->cut_from : UINT64_MAX;
}

static void log_file(struct log_writer *log, struct mem_inode *inode, bool all) {
  if (content_is_inline(inode)) return;
  uint64_t from = all ? UINT64_MAX : cut_of(inode);
  if (from != UINT64_MAX) {
    uint8_t *at = log_put(log, LOG_CUT, inode->base.ino, 8);
    if (at) memcpy(at, &from, 8);
  }
  struct run run = {log, inode->base.ino, 0, 0};
  if (all) {
    for (uint64_t i = content_next(inode, 0); i != UINT64_MAX; i = content_next(inode, i + 1)) run_add(&run, i);
  } else {
    const struct chunk_link *dirty = &inode->file.dirty;
    for (const struct chunk_link *link = dirty->next; link != dirty; link = link->next) {
      run_add(&run, ((const struct chunk *)link)->index);
    }
  }
  run_end(&run);
}

static void log_inode(struct log_writer *log, struct mem_inode *inode, bool all) {
  if (!is_stored(inode)) return;
  uint8_t *at = log_put(log, LOG_INODE, inode->base.ino, RECORD_SIZE + record_inline_length(inode));
  if (at) record_encode(inode, at);
  if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) log_file(log, inode, all);
}

/* All inodes come before the entries that name them. */
static void log_write(struct log_writer *log, struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  if (log->flags & LOG_CHECKPOINT) {
    (void)log_put(log, LOG_NEXT_INO, fs->next_ino, 0);
    EACH_INODE(volume, inode) log_inode(log, inode, true);
    EACH_INODE(volume, inode) log_entries(log, inode, true);
  } else {
    for (struct mem_inode *inode = volume->gone; inode; inode = inode->dirty_next) {
      (void)log_put(log, LOG_GONE, inode->base.ino, 0);
    }
    struct mem_inode *inode = volume->dirty;
    for (uint32_t i = 0; i < volume->dirty_count; i++, inode = inode->dirty_next) log_inode(log, inode, false);
    for (uint32_t i = 0; i < volume->dirty_count; i++, inode = inode->dirty_next) log_entries(log, inode, false);
  }
  if (log->at > 0) log_end(log);
}

/* ---- the cut ---- */

static uint64_t count_dirty_chunks(const struct volume *volume) {
  uint64_t count = 0;
  const struct mem_inode *inode = volume->dirty;
  for (uint32_t i = 0; i < volume->dirty_count; i++, inode = inode->dirty_next) {
    if (inode->base.type != WASI_FILETYPE_REGULAR_FILE || content_is_inline(inode)) continue;
    const struct chunk_link *dirty = &inode->file.dirty;
    for (const struct chunk_link *link = dirty->next; link != dirty; link = link->next) count++;
  }
  return count;
}

static void cut_free(struct volume *volume) {
  struct volume_cut *cut = &volume->cut;
  free(volume->log_bytes);
  free((void *)(uintptr_t)cut->segments);
  free((void *)(uintptr_t)cut->cuts);
  free((void *)(uintptr_t)cut->chunks);
  free(volume->flights);
  volume->log_bytes = NULL;
  volume->flights = NULL;
  volume->flight_count = 0;
  memset(cut, 0, sizeof *cut);
}

/* Memory for all of it: afterwards nothing can fail. */
static bool cut_reserve(struct volume *volume, const struct log_writer *log) {
  uint64_t chunks = count_dirty_chunks(volume);
  if (log->at > INT32_MAX || chunks > INT32_MAX / sizeof(struct volume_chunk)) return false;
  struct volume_cut *cut = &volume->cut;
  volume->log_bytes = malloc(log->at + 1);
  cut->segments = calloc(log->segment_count + 1, sizeof *cut->segments);
  cut->cuts = calloc((size_t)volume->dirty_count + volume->gone_count + 1, sizeof *cut->cuts);
  cut->chunks = calloc((size_t)chunks + 1, sizeof *cut->chunks);
  volume->flights = calloc((size_t)volume->dirty_count + 1, sizeof *volume->flights);
  if (volume->log_bytes && cut->segments && cut->cuts && cut->chunks && volume->flights) return true;
  cut_free(volume);
  return false;
}

static void take_cut(struct volume *volume, uint64_t ino, uint64_t from) {
  struct volume_chunk_cut *cuts = (struct volume_chunk_cut *)(uintptr_t)volume->cut.cuts;
  cuts[volume->cut.cut_count++] = (struct volume_chunk_cut){ino, from};
}

static void take_file(struct volume *volume, struct mem_inode *inode) {
  uint64_t from = cut_of(inode);
  if (from != UINT64_MAX) take_cut(volume, inode->base.ino, from);
  if (from == 0) inode->chunks_stored = false;
  inode->cut_from = UINT64_MAX;
  if (content_is_inline(inode)) return;
  struct volume_chunk *chunks = (struct volume_chunk *)(uintptr_t)volume->cut.chunks;
  struct chunk_link *dirty = &inode->file.dirty;
  while (!chunk_list_empty(dirty)) {
    struct chunk *chunk = (struct chunk *)dirty->next;
    uint64_t left = inode->base.size - (chunk->index << CHUNK_BITS);
    chunks[volume->cut.chunk_count++] =
        (struct volume_chunk){inode->base.ino, chunk->index, chunk->bytes, left < CHUNK_SIZE ? (uint32_t)left : CHUNK_SIZE};
    chunk->state = CHUNK_IN_FLIGHT;
    chunk_move(&volume->in_flight, &chunk->link);
    inode->chunks_stored = true;
  }
}

static void take_inode(struct volume *volume, struct mem_inode *inode) {
  journal_clean(volume, inode);
  if (!is_stored(inode)) return;
  struct flight *flight = &volume->flights[volume->flight_count++];
  flight->inode = mem_of(inode_hold(&inode->base));
  flight->cut_from = inode->cut_from;
  if (inode->base.type == WASI_FILETYPE_DIRECTORY) {
    struct mem_directory *directory = &inode->directory;
    flight->removed = directory->removed;
    directory->removed = NULL;
    for (uint32_t i = directory->first; i < directory->used; i++) {
      struct mem_entry *entry = &directory->entries[i];
      if (!entry->inode || !entry->dirty) continue;
      entry->stored = entry->in_flight = true;
      entry->dirty = false;
    }
  }
  if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) take_file(volume, inode);
  inode->stored = true;
}

wasi_errno_t flush_begin(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  if (volume->view) return WASI_EROFS;
  if (volume->refused || volume->loading) return WASI_EIO; /* what could not be read is not overwritten */
  if (volume->flushing) return WASI_EBUSY;
  bool checkpoint = !volume->has_log || volume->log_size > volume->checkpoint_size + CHECKPOINT_SLACK;
  struct log_writer log = {.transaction = volume->numbered + 1, .after = volume->transaction};
  log.flags = checkpoint ? LOG_CHECKPOINT : 0;
  if (!volume->dirty && !volume->gone) log.flags = 0;
  struct log_writer measure = log;
  log_write(&measure, fs);
  if (!cut_reserve(volume, &measure)) {
    /* Who waits for this flush is told, as if it had begun. */
    volume->failed = ++volume->begun;
    return volume->failure = WASI_ENOMEM;
  }
  log.bytes = volume->log_bytes;
  log.segments = (struct volume_segment *)(uintptr_t)volume->cut.segments;
  log_write(&log, fs);
  volume->cut.restart = log.flags & LOG_CHECKPOINT;
  volume->cut.segment_count = log.segment_count;
  volume->cut_size = log.at;
  volume->numbered++;
  volume->begun++;
  volume->flushing = true;
  for (struct mem_inode *inode = volume->gone; inode; inode = inode->dirty_next) {
    if (inode->chunks_stored) take_cut(volume, inode->base.ino, 0);
  }
  volume->gone_in_flight = volume->gone;
  volume->gone = NULL;
  volume->gone_count = 0;
  while (volume->dirty) take_inode(volume, volume->dirty);
  return WASI_ESUCCESS;
}

/* ---- its end ---- */

static void directory_landed(struct flight *flight, bool stored) {
  struct mem_directory *directory = &flight->inode->directory;
  for (uint32_t i = 0; i < directory->used; i++) {
    struct mem_entry *entry = &directory->entries[i];
    if (entry->in_flight && !stored) entry->dirty = true;
    entry->in_flight = false;
  }
  while (flight->removed) {
    struct entry_name *name = flight->removed;
    flight->removed = name->next;
    if (stored) {
      free(name);
    } else {
      name->next = directory->removed;
      directory->removed = name;
    }
  }
}

static void flight_landed(struct flight *flight, bool stored) {
  struct mem_inode *inode = flight->inode;
  if (inode->base.type == WASI_FILETYPE_DIRECTORY) directory_landed(flight, stored);
  if (!stored) {
    if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) {
      /* Whether the store holds chunks is not known now: a cut too many does no harm. */
      inode->chunks_stored = true;
      if (flight->cut_from < inode->cut_from) inode->cut_from = flight->cut_from;
    }
    journal_inode(inode);
  }
  inode_drop(&inode->base);
}

void flush_end(struct mem_filesystem *fs, wasi_errno_t error) {
  struct volume *volume = fs->volume;
  volume->flushing = false;
  while (!chunk_list_empty(&volume->in_flight)) {
    struct chunk *chunk = (struct chunk *)volume->in_flight.next;
    chunk->state = error ? CHUNK_DIRTY : chunk->state & CHUNK_DIRTY;
    chunk_move(chunk->state ? &chunk->inode->file.dirty : &volume->clean, &chunk->link);
    if (!chunk->state) volume->clean_size += content_chunk_size(chunk->inode, chunk->index);
  }
  if (error) {
    volume->failed = volume->begun;
    volume->failure = error;
  } else {
    volume->completed = volume->begun;
    if (volume->cut_size > 0) volume->transaction = volume->numbered;
    if (volume->cut.restart) {
      volume->checkpoint_size = volume->cut_size;
      volume->log_size = 0;
      volume->has_log = true;
    } else {
      volume->log_size += volume->cut_size;
    }
  }
  while (volume->gone_in_flight) {
    struct mem_inode *inode = volume->gone_in_flight;
    volume->gone_in_flight = inode->dirty_next;
    if (error) {
      gone_add(volume, inode);
    } else {
      free(inode);
    }
  }
  for (uint32_t i = 0; i < volume->flight_count; i++) flight_landed(&volume->flights[i], !error);
  cut_free(volume);
}

void journal_abandon(struct volume *volume) {
  for (uint32_t i = 0; i < volume->flight_count; i++) {
    struct flight *flight = &volume->flights[i];
    while (flight->removed) {
      struct entry_name *name = flight->removed;
      flight->removed = name->next;
      free(name);
    }
    inode_drop(&flight->inode->base);
  }
  cut_free(volume);
  while (volume->gone_in_flight) {
    struct mem_inode *inode = volume->gone_in_flight;
    volume->gone_in_flight = inode->dirty_next;
    free(inode);
  }
  while (volume->gone) {
    struct mem_inode *inode = volume->gone;
    volume->gone = inode->dirty_next;
    free(inode);
  }
}
