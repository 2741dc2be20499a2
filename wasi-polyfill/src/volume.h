/*
 * volume.h: what a persistent volume asks of the store that keeps it, and how such a volume is mounted.
 *
 * A store holds a log and chunks. The log is a list of segments, opaque bytes of about 1 MiB at most, which say
 * all there is to know of the tree (volume_log.h); a chunk is up to 64 KiB of a file's contents, found by inode
 * number and index. Whatever changes, changes by cuts: one cut is applied whole or not at all, whatever fails or
 * ends meanwhile, and what has been committed stays. So a store always holds the state of the tree at some flush.
 *
 * A store is the only owner of its struct, which it embeds as it likes; the volume calls `close` once, last of
 * all. Stores that answer in the same call (a volume image, a file of the browser's) are given to
 * volume_mount; those that cannot (IndexedDB) are served through the calls of kernel.h, where the host
 * carries the same cuts and chunks.
 */
#ifndef NIDUS_VOLUME_H
#define NIDUS_VOLUME_H

#include "reply.h"
#include "system.h"

struct volume_segment {
  const uint8_t *bytes;
  uint32_t length;
};

/* Put in the place of what the store has for that number and index. 1 to CHUNK_SIZE bytes. */
struct volume_chunk {
  uint64_t ino;
  uint64_t index;
  const uint8_t *bytes;
  uint32_t length;
};

/* The chunks of `ino` from index `from` on are deleted, as many of them as there are. */
struct volume_chunk_cut {
  uint64_t ino;
  uint64_t from;
};

/* To be applied in this order: the log restarts, segments are appended, chunks are deleted, chunks are put. All of it
 * is the volume's and valid for the call of `commit` only. */
struct volume_cut {
  bool restart; /* the segments of the cut take the place of the whole log */
  const struct volume_segment *segments;
  uint32_t segment_count;
  const struct volume_chunk_cut *cuts;
  uint32_t cut_count;
  const struct volume_chunk *chunks;
  uint32_t chunk_count;
};

struct volume_store {
  /* Gives each segment of the log to `take`, in order; ends with the first errno that `take` answers. */
  wasi_errno_t (*log)(struct volume_store *store, void *context,
                      wasi_errno_t (*take)(void *context, const void *bytes, uint32_t length));
  /* Fills `bytes`, with room for CHUNK_SIZE, and says the length: 0 where there is no such chunk. */
  wasi_errno_t (*load)(struct volume_store *store, uint64_t ino, uint64_t index, void *bytes, uint32_t *length);
  /* Returns when the cut outlives the machine; an errno means that nothing of it is there. */
  wasi_errno_t (*commit)(struct volume_store *store, const struct volume_cut *cut);
  /* Names each chunk there is to `take`, in any order, for the check of a volume. */
  wasi_errno_t (*keys)(struct volume_store *store, void *context,
                       wasi_errno_t (*take)(void *context, uint64_t ino, uint64_t index));
  void (*close)(struct volume_store *store);
};

/* Mounts what the store holds; an empty log is a new volume. `budget`: how many bytes of contents may lie in memory.
 * `flags`: NIDUS_VOLUME_…. The store is closed when the mount goes, also when mounting fails. Returns the number of
 * the mount, or a negated errno: EIO for a log that contradicts itself. */
int32_t volume_mount(struct nidus_system *system, const char *path, uint32_t length, struct volume_store *store,
                     uint32_t flags, uint64_t budget);

/* Compares the tree's chunks with those that a store lists, in ascending order. Those that are lost become holes
 * (VOLUME_REPAIR), or everything is stored anew (VOLUME_REWRITE). Replies with the findings as JSON, [{"kind": "missing" or "stray", "ino", "index"}, …], and returns their
 * number or a negated errno (volume_check.c). */
enum { VOLUME_REPAIR = 1, VOLUME_REWRITE = 2 };
struct nidus_chunk_key {
  uint64_t ino;
  uint64_t index;
};
int32_t volume_check(struct nidus_system *system, uint32_t mount, const struct nidus_chunk_key *keys, uint32_t count,
                     uint32_t repair, struct reply *reply);

/* One flush, now, of a volume with a store: 0 or a negated errno; then nothing is lost, and all is tried again by the
 * next. fd_sync does the same. */
int32_t volume_flush(struct nidus_system *system, uint32_t mount);
/* Gets the chunks that processes in other threads than the host's wait for (shared build). */
void volume_serve(struct nidus_system *system, uint32_t mount);

#endif
