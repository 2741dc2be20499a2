/*
 * volume_state.h: what a persistent volume knows beyond its tree; the common ground of journal.c, volume_chunks.c,
 * volume_load.c and volume.c, which are the only ones to look into it.
 */
#ifndef NIDUS_VOLUME_STATE_H
#define NIDUS_VOLUME_STATE_H

#include "mem.h"
#include "volume.h"

enum {
  INODE_PLACES = 256,       /* of the table at first; a power of two */
  WANTS = NIDUS_WANTS,
  AHEAD_CHUNKS = 8,         /* loaded beyond these for who reads on */
  LEAST_BUDGET = 1024 * 1024,
  CHECKPOINT_SLACK = 256 * 1024 /* the log may outgrow its checkpoint by so much */
};

/* What a log may say that a file holds. */
#define VOLUME_LIMIT ((uint64_t)1 << 40)

/* A range of chunks that somebody waits for. */
struct want {
  struct mem_inode *inode; /* referenced; NULL: free */
  uint64_t first;
  uint32_t count;
  bool asked; /* the host knows of it */
};

/* What an inode brought into the flush under way, to be given back when that fails. */
struct flight {
  struct mem_inode *inode; /* referenced */
  struct entry_name *removed;
  uint64_t cut_from;
};

struct volume {
  /* All inodes, by number; chained. Never shrinks, and works, slowly, when it cannot grow. */
  struct mem_inode **places;
  uint32_t place_count;
  uint32_t inode_count;

  /* Changes (journal.c). */
  struct mem_inode *dirty; /* a ring with this as its first */
  struct mem_inode *gone;  /* stored inodes that were freed, linked by dirty_next */
  uint32_t dirty_count;
  uint32_t gone_count;
  uint64_t begun; /* number of the last flush begun */
  uint64_t completed;
  uint64_t failed; /* number of the last flush that failed, and why */
  wasi_errno_t failure;
  uint64_t room_awaited; /* the flush that a writer without room waits for; 0: none does */
  bool flushing;
  /* The flush under way. */
  struct flight *flights;
  uint32_t flight_count;
  struct mem_inode *gone_in_flight;
  struct chunk_link in_flight;
  struct volume_cut cut;
  uint8_t *log_bytes; /* of all its segments */

  /* The log. */
  uint64_t transaction; /* the last one that is in the store, for all that is known */
  uint64_t numbered;    /* the last one that was tried */
  uint64_t log_size;    /* bytes since the last checkpoint */
  uint64_t checkpoint_size;
  uint64_t cut_size; /* bytes of the flush under way */
  bool has_log;      /* else the next flush begins one */

  /* Chunks in memory (volume_chunks.c): bytes of all that count, and of those in `clean`, oldest first. */
  uint64_t budget;
  uint64_t in_memory;
  uint64_t clean_size;
  struct chunk_link clean;
  struct want wants[WANTS];

  /* Taking in a log (volume_load.c). */
  bool loading;  /* from the mount, or the beginning of a refresh, to nidus_load_end */
  bool loaded;   /* nidus_load_end has accepted it once */
  wasi_errno_t refused; /* EIO, it contradicts itself, or ENOMEM; 0: it does not */
  bool view;     /* somebody else writes; refreshed by more segments */
  bool within;   /* a transaction of which more segments are to come */
  bool restarted; /* what is not seen in this log is gone */
  uint32_t part; /* the segments of it so far */
  uint64_t taking; /* its number */
  struct mem_inode *held; /* linked by dirty_next, each referenced */

  struct volume_store *store; /* NULL: the host serves it */
  double stored_at; /* ms since 1970: when it was tried last */
};

#ifdef NIDUS_SHARED
/* Whether this is the thread that has the host's stores (wasm_exports.c). */
bool thread_is_host(void);
#else
static inline bool thread_is_host(void) { return true; }
#endif
/* It has a store that answers in the same call. In other threads than the host's it is waited for as for the host. */
static inline bool volume_store_here(const struct volume *volume) { return volume->store && thread_is_host(); }

struct mem_inode *volume_find(const struct volume *volume, uint64_t ino);
/* The volume mounted there, or NULL. */
struct mem_filesystem *volume_at(struct nidus_system *system, uint32_t mount);
/* The inode is no longer found by its number. */
void volume_forget_inode(struct volume *volume, struct mem_inode *inode);
/* A flush, by way of the store. */
MUST_CHECK wasi_errno_t volume_store_flush(struct mem_filesystem *fs);
/* The same, if what changed has not been stored for a while: for programs that keep the host's clock from it. */
void volume_store_tick(struct mem_filesystem *fs);
/* Takes in one segment. */
MUST_CHECK wasi_errno_t volume_take_segment(struct mem_filesystem *fs, const void *bytes, uint32_t length);
MUST_CHECK wasi_errno_t volume_take_end(struct mem_filesystem *fs);
/* Takes everything apart, down to an empty root. */
void volume_discard(struct mem_filesystem *fs);
/* journal.c: a flush; an inode that is not dirty after all; letting go of everything. */
/* The number of the flush that will have stored all that has changed until now; 0 when all is stored. */
uint64_t flush_needed(const struct volume *volume);
MUST_CHECK wasi_errno_t flush_begin(struct mem_filesystem *fs);
void flush_end(struct mem_filesystem *fs, wasi_errno_t error);
void journal_clean(struct volume *volume, struct mem_inode *inode);
void journal_abandon(struct volume *volume);
/* volume_chunks.c: a chunk of the store, wherever it came from; evicting what is too much. */
MUST_CHECK wasi_errno_t chunk_arrived(struct mem_inode *inode, uint64_t index, const void *bytes, uint32_t length);
void chunks_evict(struct volume *volume, uint64_t more);

#define EACH_INODE(volume, inode)                            \
  for (uint32_t place_ = 0; place_ < (volume)->place_count; place_++) \
    for (struct mem_inode *inode = (volume)->places[place_]; inode; inode = inode->by_ino)

/* ---- lists of chunks ---- */

static inline void chunk_list_start(struct chunk_link *list) { list->previous = list->next = list; }
static inline bool chunk_list_empty(const struct chunk_link *list) { return list->next == list; }
static inline void chunk_unlink(struct chunk_link *link) {
  link->previous->next = link->next;
  link->next->previous = link->previous;
  link->previous = link->next = link;
}
/* At the end. */
static inline void chunk_append(struct chunk_link *list, struct chunk_link *link) {
  link->next = list;
  link->previous = list->previous;
  list->previous->next = link;
  list->previous = link;
}
static inline void chunk_move(struct chunk_link *list, struct chunk_link *link) {
  chunk_unlink(link);
  chunk_append(list, link);
}

#endif
