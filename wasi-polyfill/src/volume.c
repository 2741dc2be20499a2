/*
 * volume.c: persistent volumes from their mount to their end, and the calls of the host that serves one.
 */
#include "volume.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "volume_state.h"

/* ---- inodes by number ---- */

static struct mem_inode **place_of(const struct volume *volume, uint64_t ino) {
  return &volume->places[(uint32_t)((ino * 0x9E3779B97F4A7C15ull) >> 32) & (volume->place_count - 1)];
}

struct mem_inode *volume_find(const struct volume *volume, uint64_t ino) {
  struct mem_inode *inode = *place_of(volume, ino);
  while (inode && inode->base.ino != ino) inode = inode->by_ino;
  return inode;
}

static void places_grow(struct volume *volume) {
  if (volume->inode_count < volume->place_count || volume->place_count > INT32_MAX / 2) return;
  struct volume larger = {.place_count = volume->place_count * 2};
  larger.places = calloc(larger.place_count, sizeof *larger.places);
  if (!larger.places) return;
  for (uint32_t i = 0; i < volume->place_count; i++) {
    for (struct mem_inode *inode = volume->places[i], *next; inode; inode = next) {
      next = inode->by_ino;
      struct mem_inode **place = place_of(&larger, inode->base.ino);
      inode->by_ino = *place;
      *place = inode;
    }
  }
  free(volume->places);
  volume->places = larger.places;
  volume->place_count = larger.place_count;
}

void volume_add_inode(struct volume *volume, struct mem_inode *inode) {
  places_grow(volume);
  struct mem_inode **place = place_of(volume, inode->base.ino);
  inode->by_ino = *place;
  *place = inode;
  inode->known = true;
  volume->inode_count++;
}

void volume_forget_inode(struct volume *volume, struct mem_inode *inode) {
  if (!inode->known) return;
  struct mem_inode **place = place_of(volume, inode->base.ino);
  while (*place != inode) place = &(*place)->by_ino;
  *place = inode->by_ino;
  inode->known = false;
  volume->inode_count--;
}

/* ---- beginning and end ---- */

struct volume *volume_create(void) {
  struct volume *volume = calloc(1, sizeof *volume);
  if (!volume) return NULL;
  volume->place_count = INODE_PLACES;
  volume->places = calloc(INODE_PLACES, sizeof *volume->places);
  volume->budget = UINT64_MAX;
  chunk_list_start(&volume->clean);
  chunk_list_start(&volume->in_flight);
  if (volume->places) return volume;
  free(volume);
  return NULL;
}

void volume_abandon(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  volume->loading = true;
  for (struct want *want = volume->wants; want < volume->wants + WANTS; want++) {
    if (want->inode) chunks_unwanted(want->inode);
  }
  journal_abandon(volume);
  if (volume->held) volume_discard(fs);
}

void volume_free(struct volume *volume) {
  if (volume->store) volume->store->close(volume->store);
  free(volume->places);
  free(volume);
}

/* ---- volumes with a store ---- */

static wasi_errno_t take(void *context, const void *bytes, uint32_t length) {
  return volume_take_segment(context, bytes, length);
}

static int32_t mount(struct nidus_system *system, const char *path, uint32_t length, struct volume *volume,
                     uint32_t flags, uint64_t budget) {
  volume->view = flags & NIDUS_VOLUME_VIEW;
  volume->budget = budget < LEAST_BUDGET ? LEAST_BUDGET : budget;
  struct filesystem *fs = mem_filesystem_create(system, volume);
  if (!fs) return -WASI_ENOMEM;
  fs->read_only = volume->view;
  struct volume_store *store = volume->store;
  wasi_errno_t error = store ? store->log(store, fs, take) : WASI_ESUCCESS;
  if (store && !error) error = volume_take_end((struct mem_filesystem *)fs);
  if (!error) return system_add_mount(system, path, length, fs);
  fs->destroy(fs);
  return -(int32_t)error;
}

int32_t volume_mount(struct nidus_system *system, const char *path, uint32_t length, struct volume_store *store,
                     uint32_t flags, uint64_t budget) {
  struct volume *volume = volume_create();
  if (!volume) {
    store->close(store);
    return -WASI_ENOMEM;
  }
  volume->store = store;
  return mount(system, path, length, volume, flags, budget);
}

static wasi_errno_t flush_once(struct mem_filesystem *fs) {
  wasi_errno_t error = flush_begin(fs);
  if (error) return error;
  struct volume *volume = fs->volume;
  error = volume->store->commit(volume->store, &volume->cut);
  flush_end(fs, error);
  return error;
}

wasi_errno_t volume_store_flush(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  volume->stored_at = host_now(fs->base.system);
  wasi_errno_t error = flush_once(fs);
  if (error != WASI_ENOSPC || !volume->has_log) return error;
  /* Where a store is full there may yet be room for a new log, which gives back the place of the old one. */
  volume->has_log = false;
  return flush_once(fs);
}

void volume_store_tick(struct mem_filesystem *fs) {
  const double write_behind = 500; /* ms */
  struct volume *volume = fs->volume;
  double now = host_now(fs->base.system);
  /* The clock may have been set back. */
  if (now - volume->stored_at >= 0 && now - volume->stored_at < write_behind) return;
  volume->stored_at = now;
  /* What fails is tried again, and told to who syncs. */
  if (volume->dirty_count + volume->gone_count > 0) (void)!volume_store_flush(fs);
}

struct mem_filesystem *volume_at(struct nidus_system *system, uint32_t number) {
  struct filesystem *fs = system_mount(system, number);
  return fs && mem_is(fs) && ((struct mem_filesystem *)fs)->volume ? (struct mem_filesystem *)fs : NULL;
}

int32_t volume_flush(struct nidus_system *system, uint32_t number) {
  struct mem_filesystem *fs = volume_at(system, number);
  if (!fs || !fs->volume->store) return -WASI_EINVAL;
  return nidus_volume_dirty(system, number) > 0 ? -(int32_t)volume_store_flush(fs) : 0;
}

#ifdef NIDUS_SHARED
void volume_serve(struct nidus_system *system, uint32_t number) {
  struct mem_filesystem *fs = volume_at(system, number);
  struct nidus_want wants[NIDUS_WANTS];
  if (!fs || !fs->volume->store) return;
  struct volume_store *store = fs->volume->store;
  uint32_t count = nidus_volume_wants(system, number, false, wants);
  uint8_t *bytes = count > 0 ? malloc(CHUNK_SIZE) : NULL;
  for (struct nidus_want *want = wants; want < wants + count; want++) {
    for (uint64_t index = want->first; index < want->first + want->count; index++) {
      uint32_t length = 0;
      wasi_errno_t error = bytes ? store->load(store, want->ino, index, bytes, &length) : WASI_ENOMEM;
      (void)nidus_chunk(system, number, want->ino, index, bytes, length, error);
    }
  }
  free(bytes);
}
#endif

/* ---- volumes that the host serves ---- */

int32_t nidus_mount_volume(struct nidus_system *system, const char *path, uint32_t length, uint32_t flags,
                           uint64_t budget) {
  struct volume *volume = volume_create();
  return volume ? mount(system, path, length, volume, flags, budget) : -WASI_ENOMEM;
}

int32_t nidus_volume_dirty(struct nidus_system *system, uint32_t number) {
  struct mem_filesystem *fs = volume_at(system, number);
  return fs ? (int32_t)(fs->volume->dirty_count + fs->volume->gone_count) : -WASI_EINVAL;
}

int32_t nidus_flush_begin(struct nidus_system *system, uint32_t number) {
  struct mem_filesystem *fs = volume_at(system, number);
  if (!fs || fs->volume->store) return -WASI_EINVAL;
  wasi_errno_t error = flush_begin(fs);
  const struct volume_cut *cut = &fs->volume->cut;
  return error ? -(int32_t)error : (int32_t)(cut->restart + cut->segment_count + cut->cut_count + cut->chunk_count);
}

bool nidus_flush_record(struct nidus_system *system, uint32_t number, uint32_t i, struct nidus_flush_record *record) {
  struct mem_filesystem *fs = volume_at(system, number);
  if (!fs) return false;
  const struct volume_cut *cut = &fs->volume->cut;
  memset(record, 0, sizeof *record);
  if (cut->restart && i-- == 0) {
    record->kind = NIDUS_FLUSH_RESTART;
    return true;
  }
  if (i < cut->segment_count) {
    *record = (struct nidus_flush_record){
        NIDUS_FLUSH_SEGMENT, 0, 0, cut->segments[i].bytes, cut->segments[i].length};
    return true;
  }
  i -= cut->segment_count;
  if (i < cut->cut_count) {
    *record = (struct nidus_flush_record){NIDUS_FLUSH_CUT, cut->cuts[i].ino, cut->cuts[i].from, NULL, 0};
    return true;
  }
  i -= cut->cut_count;
  if (i >= cut->chunk_count) return false;
  const struct volume_chunk *chunk = &cut->chunks[i];
  *record = (struct nidus_flush_record){NIDUS_FLUSH_CHUNK, chunk->ino, chunk->index, chunk->bytes, chunk->length};
  return true;
}

void nidus_flush_end(struct nidus_system *system, uint32_t number, wasi_errno_t error) {
  struct mem_filesystem *fs = volume_at(system, number);
  /* The host's other reasons are no errno of fd_sync's. */
  if (error && error != WASI_ENOSPC) error = WASI_EIO;
  if (fs && fs->volume->flushing) flush_end(fs, error);
}

int32_t nidus_load(struct nidus_system *system, uint32_t number, const void *bytes, uint32_t length) {
  struct mem_filesystem *fs = volume_at(system, number);
  return fs ? -(int32_t)volume_take_segment(fs, bytes, length) : -WASI_EINVAL;
}

void nidus_volume_writable(struct nidus_system *system, uint32_t number) {
  struct mem_filesystem *fs = volume_at(system, number);
  if (!fs || fs->volume->refused) return;
  fs->volume->view = false;
  fs->base.read_only = false;
}

int32_t nidus_load_end(struct nidus_system *system, uint32_t number) {
  struct mem_filesystem *fs = volume_at(system, number);
  return fs ? -(int32_t)volume_take_end(fs) : -WASI_EINVAL;
}
