/*
 * mem.h: the in-memory volume, and what of it a persistent volume (volume_state.h) adds to it.
 *
 * A file's contents lie in chunks of CHUNK_SIZE, found through a tree of MEM_FANOUT slots a node; at height 0 the
 * tree is the one slot of chunk 0, whose buffer then is only as large as the file has needed. Invariants: bytes
 * between a file's size and the end of what is allocated are zero, so that growing needs no clearing; no chunk lies
 * wholly beyond the size; chunk 0 has room for the whole file, or is of full size.
 *
 *     height 2        root             slot = (index >> 6 * level) & 63
 *                    /    \
 *     height 1    node    node         a leaf slot holds 0 (a hole), a chunk's address, or on a persistent
 *                 / | \    |           volume SLOT_STORED: the store has the chunk, memory has not; SLOT_FAILED:
 *                chunks                the same, and when it was asked for last it could not be had
 *
 * On a persistent volume each chunk in memory is in one of three lists. `clean`: the store has the same; may be
 * evicted. `dirty`, one list a file: the store has not. `in flight`: the flush under way takes it to the store; it
 * may have changed again meanwhile. Files up to INLINE_LIMIT lie in their inode's record: their chunk 0, as chunks
 * of the store go, stays dirty for as long.
 *
 * A directory keeps its entries in the order of their cookies (the order of creation), with holes
 * where entries were removed, and a hash table from name to position. Cookies are never reused.
 */
#ifndef NIDUS_MEM_H
#define NIDUS_MEM_H

#include "system.h"

enum { CHUNK_BITS = 16, CHUNK_SIZE = 1 << CHUNK_BITS, MEM_FANOUT_BITS = 6, MEM_FANOUT = 1 << MEM_FANOUT_BITS };

/* Files up to this size lie inside their inode record when stored. */
enum { INLINE_LIMIT = 4096 };

/* The most chunks that one read or write needs in memory together. */
enum { READ_CHUNKS = 8 };

#define SLOT_STORED ((uintptr_t)1)
#define SLOT_FAILED ((uintptr_t)2)
#define SLOT_IN_MEMORY(slot) ((slot) > SLOT_FAILED)

struct chunk_link {
  struct chunk_link *previous, *next;
};

enum { CHUNK_DIRTY = 1, CHUNK_IN_FLIGHT = 2 };

struct chunk {
  struct chunk_link link; /* first */
  struct mem_inode *inode;
  uint64_t index;
  uint8_t state;
  _Alignas(8) uint8_t bytes[]; /* hosts that copy in JavaScript do so by words where both ends lie at one */
};

struct file_content {
  uintptr_t root; /* at height 0 the slot of chunk 0, else a node */
  uint32_t height;
  uint32_t first_size; /* at height 0: the bytes that chunk 0 takes, in memory or not */
  uint64_t chunks;     /* slots that are no holes */
  struct chunk_link dirty;
};

/* A name, which can outlive its entry in the list of names that are to be deleted from the store:
 * so noting a removal needs no memory and can not fail. */
struct entry_name {
  struct entry_name *next;
  uint32_t length;
  char bytes[];
};

struct mem_entry {
  struct entry_name *name;
  struct mem_inode *inode; /* NULL: removed. Referenced */
  uint64_t cookie;
  uint32_t hash;
  bool stored;    /* the last flush begun put it into the store */
  bool dirty;
  bool in_flight; /* the flush under way puts it */
};

struct mem_directory {
  struct mem_entry *entries;
  uint32_t used; /* positions in use, removed ones included */
  uint32_t live;
  uint32_t first; /* no live entry lies before this position */
  uint32_t capacity;
  uint32_t *table; /* position + 1; 0 empty, TABLE_REMOVED */
  uint32_t table_size; /* a power of two, or 0 */
  uint32_t table_used; /* entries and removed marks */
  uint64_t next_cookie;
  struct entry_name *removed; /* journaled: stored names to delete */
};

struct mem_inode {
  struct inode base;
  union {
    struct file_content file;
    struct mem_directory directory;
    struct {
      char *bytes;
      uint32_t length;
    } target;
  };
  uint64_t change; /* volumes stored by path: the number of the last one */
  /* Persistent volumes. */
  struct mem_inode *by_ino;     /* the next in its place of the volume's table */
  struct mem_inode *dirty_next; /* also links the inodes that are gone, and those held while a log is taken in */
  struct mem_inode *dirty_previous;
  uint64_t cut_from; /* stored chunks from this index on are to be deleted; UINT64_MAX: none */
  uint32_t links;    /* counted while a log is taken in */
  bool dirty;        /* in the volume's list */
  bool stored;
  bool chunks_stored;
  bool known; /* in the volume's table */
  bool held;  /* while a log is taken in */
  bool seen;
};

struct volume;
struct path_store;

struct mem_filesystem {
  struct filesystem base;
  uint64_t next_ino;
  uint64_t space_used; /* content_allocated of all files, and INODE_SPACE for each inode */
  uint64_t space_limit;
  struct volume *volume;    /* NULL: not persistent, or */
  struct path_store *paths; /* stored by path (path_store.h) */
};

static inline struct mem_inode *mem_of(struct inode *inode) { return (struct mem_inode *)inode; }
static inline struct mem_filesystem *mem_volume(const struct mem_inode *inode) {
  return (struct mem_filesystem *)inode->base.fs;
}

bool mem_is(const struct filesystem *fs);

/* What an inode counts for, contents aside: about what it and its name take. */
enum { INODE_SPACE = 256 };

/* Accounts for `bytes` more; false when the volume may not hold them. */
static inline bool space_take(struct mem_filesystem *fs, uint64_t bytes) {
  if (fs->space_used + bytes > fs->space_limit) return false;
  fs->space_used += bytes;
  return true;
}

/* A new inode with one reference and no link; `ino` 0: the next free number. NULL when memory is short. */
struct mem_inode *mem_inode_create(struct mem_filesystem *fs, uint8_t type, uint32_t mode, uint64_t ino);

/* ---- mem_content.c ---- */
wasi_errno_t content_read(struct mem_inode *inode, struct transfer *transfer, uint64_t offset);
wasi_errno_t content_write(struct mem_inode *inode, struct transfer *transfer, uint64_t offset);
wasi_errno_t content_resize(struct mem_inode *inode, uint64_t size);
/* Fills the holes of the range and grows the file to its end. */
wasi_errno_t content_reserve(struct mem_inode *inode, uint64_t offset, uint64_t length);
void content_free(struct mem_inode *inode);
uint64_t content_allocated(const struct mem_inode *inode);
/* The leaf slot of a chunk, or NULL when a node on the way is missing. */
uintptr_t *content_slot(struct mem_inode *inode, uint64_t index);
/* The first index from `from` on whose slot is no hole; UINT64_MAX when there is none. */
uint64_t content_next(const struct mem_inode *inode, uint64_t from);
/* Memory for the chunk of a slot, all zeros but for `raw`; NULL when memory is short. */
struct chunk *content_chunk(struct mem_inode *inode, uint64_t index, bool raw);
/* How many bytes the buffer of a chunk has. */
uint32_t content_chunk_size(const struct mem_inode *inode, uint64_t index);
/* For taking in a log: the size is this, what lies beyond is dropped; a chunk that the store has; inline bytes. */
MUST_CHECK wasi_errno_t content_load_size(struct mem_inode *inode, uint64_t size);
MUST_CHECK wasi_errno_t content_load_stored(struct mem_inode *inode, uint64_t index);
MUST_CHECK wasi_errno_t content_load_inline(struct mem_inode *inode, const uint8_t *bytes, uint32_t length);
void content_cut(struct mem_inode *inode, uint64_t from);
/* A chunk that is not in memory is a hole from now on. */
void content_lose(struct mem_inode *inode, uint64_t index);

static inline bool content_is_inline(const struct mem_inode *inode) { return inode->base.size <= INLINE_LIMIT; }

/* ---- volume_chunks.c: which chunks lie in memory. Without effect on volumes that are not persistent ---- */
/* A chunk has got memory, with `size` bytes, or loses it. */
void chunk_placed(struct chunk *chunk, uint32_t size);
void chunk_leaves(struct chunk *chunk, uint32_t size);
/* The chunk differs from the store from now on. */
void chunk_made_dirty(struct chunk *chunk);
static inline void chunk_changed(struct chunk *chunk) {
  if (mem_volume(chunk->inode)->volume && !(chunk->state & CHUNK_DIRTY)) chunk_made_dirty(chunk);
}
/* It is used: it will be evicted later than others. */
void chunk_made_younger(struct chunk *chunk);
static inline void chunk_used(struct chunk *chunk) {
  if (mem_volume(chunk->inode)->volume && !chunk->state) chunk_made_younger(chunk);
}
/* The file is, or is no longer, one that lies in its record; `bytes` of its chunk 0 are in memory. */
void chunk_inlined(struct mem_inode *inode, bool is_inline, uint32_t bytes);
/* Has the chunk of a slot loaded, with some after it, up to `last`: would-block until it is there, EIO when it can
 * not be had. */
MUST_CHECK wasi_errno_t chunk_load(struct mem_inode *inode, uint64_t index, uint64_t last);
/* Makes room for `bytes` that are going to be dirty; would-block until a flush has made some. */
MUST_CHECK wasi_errno_t chunk_room(struct mem_inode *inode, uint32_t bytes);
/* The same for all of a range that is not dirty yet, as far as it may be dirty together. */
MUST_CHECK wasi_errno_t chunks_room(struct mem_inode *inode, uint64_t first, uint64_t last);
/* The writer that waited has written a part, and does not wait: the failure of that flush is not to be told to
 * the next one. */
void chunk_room_unwanted(struct mem_inode *inode);
/* Nobody waits for chunks of the inode any more. */
void chunks_unwanted(struct mem_inode *inode);

/* ---- mem_directory.c ---- */
struct mem_entry *directory_find(struct mem_inode *directory, struct name name);
/* Adds an entry for a name that is not there; takes its own reference to `child`. */
MUST_CHECK wasi_errno_t directory_add(struct mem_inode *directory, struct name name, struct mem_inode *child);
/* Makes room so that the next directory_add can not fail for lack of it. */
MUST_CHECK wasi_errno_t directory_reserve(struct mem_inode *directory);
void directory_remove(struct mem_inode *directory, struct mem_entry *entry);
struct mem_entry *directory_from(struct mem_inode *directory, uint64_t cookie);
void directory_free(struct mem_inode *directory);

/* ---- journal.c: without effect on volumes that are not persistent ---- */
void journal_note(struct mem_inode *inode);
/* Attributes, contents, or entries changed. */
static inline void journal_inode(struct mem_inode *inode) {
  if (mem_volume(inode)->volume || mem_volume(inode)->paths) journal_note(inode);
}
void journal_cut(struct mem_inode *inode, uint64_t from_index);
void journal_name_removed(struct mem_inode *directory, struct entry_name *name, bool stored); /* takes the name */
void journal_inode_gone(struct mem_inode *inode); /* takes the memory of an inode that has been emptied */
/* What fd_sync answers; *awaited is the flush that it waits for, 0 at first. */
wasi_errno_t journal_sync(struct mem_filesystem *fs, uint64_t *awaited);

/* ---- volume.c ---- */
struct volume *volume_create(void);
/* The volume goes: a flush under way lets go of its inodes, and nothing is noted any more. */
void volume_abandon(struct mem_filesystem *fs);
void volume_free(struct volume *volume);
/* The inode can be found by its number until it goes. */
void volume_add_inode(struct volume *volume, struct mem_inode *inode);

/* ---- volume_record.c: the stored form of an inode ---- */
enum { RECORD_SIZE = 64, RECORD_VERSION = 1 };
/* How many bytes of contents follow the record: of a small file, or a link's target. */
uint32_t record_inline_length(const struct mem_inode *inode);
void record_encode(const struct mem_inode *inode, uint8_t *bytes);
/* It does not contradict itself. */
bool record_plausible(const uint8_t *bytes, uint32_t length);
/* Takes over what a record and the bytes that follow it say of `inode`; a NULL inode is made first. EIO when they are
 * no record, or one of something else. */
MUST_CHECK wasi_errno_t record_decode(struct mem_filesystem *fs, uint64_t ino, const uint8_t *bytes, uint32_t length,
                                      struct mem_inode **inode);

#endif
