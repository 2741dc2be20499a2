/*
 * mem.h: the in-memory volume, and the part of it that notes what changed for a persistent one.
 *
 * A file of at most CHUNK_SIZE bytes whose life began small lies in one growing buffer; a larger one in
 * chunks of CHUNK_SIZE, found through a tree of MEM_FANOUT pointers a node. A missing chunk is a
 * hole. Invariants: bytes between a file's size and the end of what is allocated are zero, so that
 * growing needs no clearing; no chunk lies wholly beyond the size.
 *
 *     height 2        root
 *                    /    \            slot = (index >> 6 * level) & 63
 *     height 1    node    node         leaf slots hold a chunk's address; bit 0 set: changed since
 *                 / | \    |           the last flush (journaled volumes only)
 *               64 KiB chunks
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

/* There is always room to take back the `in_flight` that the flush under way has taken out. */
struct chunk_list {
  uint64_t *indices;
  uint32_t count;
  uint32_t in_flight;
  uint32_t capacity;
};

struct file_content {
  uint8_t *small; /* one buffer, when the file is not in chunks */
  uint32_t small_capacity;
  bool chunked;
  uint32_t height; /* of the chunk tree; 0: no chunk */
  void *root;      /* a node, or at height 0 nothing */
  uint64_t chunks; /* present */
  struct chunk_list dirty; /* journaled: each present chunk with its bit set, once */
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
  bool stored; /* the last flush begun put it into the store */
  bool dirty;
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
  /* Journaled volumes. */
  struct mem_inode *dirty_next; /* also links the inodes that are gone */
  struct mem_inode *dirty_previous;
  uint64_t cut_from; /* stored chunks from this index on are to be deleted; UINT64_MAX: none */
  bool dirty;        /* in the volume's list */
  bool stored;
  bool chunks_stored;
};

struct journal;
struct loader;

struct mem_filesystem {
  struct filesystem base;
  uint64_t next_ino;
  uint64_t space_used; /* content_allocated of all files, and INODE_SPACE for each inode */
  uint64_t space_limit;
  struct journal *journal; /* NULL: not journaled */
  struct loader *loader;   /* while the volume is being loaded */
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
/* Puts a whole stored chunk in place; the file's size is set already. */
wasi_errno_t content_load_chunk(struct mem_inode *inode, uint64_t index, const void *bytes, uint32_t length);
void content_free(struct mem_inode *inode);
uint64_t content_allocated(const struct mem_inode *inode);
/* The chunk at `index`, clearing its changed mark when asked; NULL for a hole. */
uint8_t *content_chunk(struct mem_inode *inode, uint64_t index, bool clear_dirty);
/* A chunk that the flush under way took out of the dirty list comes back. */
void content_return_dirty(struct mem_inode *inode, uint64_t index);

/* ---- mem_directory.c ---- */
struct mem_entry *directory_find(struct mem_inode *directory, struct name name);
/* Adds an entry for a name that is not there; takes its own reference to `child`. */
MUST_CHECK wasi_errno_t directory_add(struct mem_inode *directory, struct name name, struct mem_inode *child);
/* Makes room so that the next directory_add can not fail for lack of it. */
MUST_CHECK wasi_errno_t directory_reserve(struct mem_inode *directory);
void directory_remove(struct mem_inode *directory, struct mem_entry *entry);
struct mem_entry *directory_from(struct mem_inode *directory, uint64_t cookie);
void directory_free(struct mem_inode *directory);

/* ---- journal.c: without effect on volumes that are not journaled ---- */
struct journal *journal_create(void);
void journal_free(struct journal *journal);
/* The volume goes: a flush under way lets go of its inodes. */
void journal_abandon(struct journal *journal);
void journal_inode(struct mem_inode *inode); /* attributes, small content, or entries changed */
void journal_cut(struct mem_inode *inode, uint64_t from_index);
void journal_name_removed(struct mem_inode *directory, struct entry_name *name, bool stored); /* takes the name */
void journal_inode_gone(struct mem_inode *inode); /* takes the memory of an inode that has been emptied */
/* The number of the flush that will have stored all that has changed until now; 0 when all is stored. */
uint64_t journal_flush_needed(const struct mem_filesystem *fs);
bool journal_flush_completed(const struct mem_filesystem *fs, uint64_t flush);
/* All that was loaded is as stored: nothing is dirty. */
void journal_reset(struct mem_filesystem *fs);

/* ---- volume_record.c: the stored form of an inode ---- */
enum { RECORD_HEADER_SIZE = 64, RECORD_VERSION = 1 };
bool record_is_inline(const struct mem_inode *inode);
uint32_t record_size(const struct mem_inode *inode);
void record_encode(const struct mem_inode *inode, uint8_t *bytes);
/* Makes the inode that a record describes; EIO when it is not one. */
MUST_CHECK wasi_errno_t record_decode(struct mem_filesystem *fs, uint64_t ino, const uint8_t *bytes, uint32_t length,
                                      struct mem_inode **made);

#endif
