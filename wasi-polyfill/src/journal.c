/*
 * journal.c: what changed in a journaled volume since the last flush, and the flush itself.
 *
 *   change ──▶ dirty list ──nidus_flush_begin──▶ records (the cut) ──nidus_flush_end(ok)──▶ stored
 *                  ▲                                 │
 *                  └────────nidus_flush_end(failed)──┘
 *
 * Everything that was dirty when a flush begins is in its cut, so a store that applies the records in
 * one transaction always holds the state of the tree at some flush. What changes while the
 * transaction runs is dirty again and belongs to the next. A failed flush returns every one of its
 * records to the dirty list; records are idempotent, so writing one twice does no harm.
 * Noting a change never needs memory, except for chunks, whose writers report its lack.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct flush_entry {
  struct nidus_flush_record record;
  struct mem_inode *inode;        /* referenced; NULL for deletes of an inode that is gone */
  struct entry_name *removed_name; /* dirent deletes: owned; NULL: all entries */
  uint8_t type;                    /* inode deletes: what it was */
};

struct journal {
  struct mem_inode *dirty; /* a ring with this as its first */
  struct mem_inode *gone;  /* stored inodes that were freed, linked by dirty_next */
  uint32_t dirty_count;
  uint32_t gone_count;
  uint64_t begun; /* number of the last flush begun */
  uint64_t completed;
  bool flushing;
  struct flush_entry *entries;
  uint32_t count;
  uint32_t capacity;
  uint8_t *inode_records; /* the bytes of all inode records of the cut */
};

struct journal *journal_create(void) { return calloc(1, sizeof(struct journal)); }

static void entries_clear(struct journal *journal) {
  for (uint32_t i = 0; i < journal->count; i++) {
    free(journal->entries[i].removed_name);
    if (journal->entries[i].inode) inode_drop(&journal->entries[i].inode->base);
  }
  journal->count = 0;
  free(journal->inode_records);
  journal->inode_records = NULL;
}

void journal_abandon(struct journal *journal) { entries_clear(journal); }

void journal_free(struct journal *journal) {
  while (journal->gone) {
    struct mem_inode *inode = journal->gone;
    journal->gone = inode->dirty_next;
    free(inode);
  }
  free(journal->inode_records);
  free(journal->entries);
  free(journal);
}

/* ---- noting changes ---- */

void journal_inode(struct mem_inode *inode) {
  struct journal *journal = mem_volume(inode)->journal;
  if (!journal || inode->dirty) return;
  inode->dirty = true;
  journal->dirty_count++;
  struct mem_inode *first = journal->dirty;
  if (!first) {
    inode->dirty_next = inode->dirty_previous = inode;
    journal->dirty = inode;
    return;
  }
  inode->dirty_next = first;
  inode->dirty_previous = first->dirty_previous;
  first->dirty_previous->dirty_next = inode;
  first->dirty_previous = inode;
}

static void dirty_take(struct journal *journal, struct mem_inode *inode) {
  if (!inode->dirty) return;
  inode->dirty = false;
  journal->dirty_count--;
  if (inode->dirty_next == inode) {
    journal->dirty = NULL;
  } else {
    inode->dirty_next->dirty_previous = inode->dirty_previous;
    inode->dirty_previous->dirty_next = inode->dirty_next;
    if (journal->dirty == inode) journal->dirty = inode->dirty_next;
  }
}

void journal_cut(struct mem_inode *inode, uint64_t from_index) {
  if (!mem_volume(inode)->journal) return;
  if (from_index < inode->cut_from) inode->cut_from = from_index;
  journal_inode(inode);
}

void journal_name_removed(struct mem_inode *directory, struct entry_name *name, bool stored) {
  if (!mem_volume(directory)->journal || !stored) {
    free(name);
    return;
  }
  name->next = directory->directory.removed;
  directory->directory.removed = name;
}

static void gone_add(struct journal *journal, struct mem_inode *inode) {
  inode->dirty_next = journal->gone;
  journal->gone = inode;
  journal->gone_count++;
}

void journal_inode_gone(struct mem_inode *inode) {
  struct journal *journal = mem_volume(inode)->journal;
  if (journal) dirty_take(journal, inode);
  if (journal && inode->stored) {
    gone_add(journal, inode);
  } else {
    free(inode);
  }
}

uint64_t journal_flush_needed(const struct mem_filesystem *fs) {
  const struct journal *journal = fs->journal;
  if (!journal) return 0;
  if (journal->dirty || journal->gone) return journal->begun + 1;
  return journal->flushing ? journal->begun : 0;
}

bool journal_flush_completed(const struct mem_filesystem *fs, uint64_t flush) {
  return !fs->journal || fs->journal->completed >= flush;
}

void journal_reset(struct mem_filesystem *fs) {
  while (fs->journal->dirty) dirty_take(fs->journal, fs->journal->dirty);
}

/* ---- the cut ---- */

/* An upper bound of the records that `inode` will need. */
static uint64_t records_bound(const struct mem_inode *inode) {
  if (inode->base.type == WASI_FILETYPE_DIRECTORY) {
    uint64_t removed = 0;
    for (const struct entry_name *name = inode->directory.removed; name; name = name->next) removed++;
    return 3 + removed + inode->directory.used;
  }
  return inode->base.type == WASI_FILETYPE_REGULAR_FILE ? 4 + (uint64_t)inode->file.dirty.count : 3;
}

static bool cut_reserve(struct journal *journal) {
  uint64_t records = 2 * (uint64_t)journal->gone_count;
  uint64_t bytes = 0;
  struct mem_inode *inode = journal->dirty;
  for (uint32_t i = 0; i < journal->dirty_count; i++, inode = inode->dirty_next) {
    records += records_bound(inode);
    bytes += record_size(inode);
  }
  if (records > INT32_MAX / sizeof(struct flush_entry) || bytes > INT32_MAX) return false;
  if (records > journal->capacity) {
    struct flush_entry *entries = realloc(journal->entries, records * sizeof *entries);
    if (!entries) return false;
    journal->entries = entries;
    journal->capacity = (uint32_t)records;
  }
  journal->inode_records = malloc(bytes ? bytes : 1);
  return journal->inode_records != NULL;
}

static struct flush_entry *cut_add(struct journal *journal, struct mem_inode *inode, uint64_t ino, uint32_t store,
                                   uint32_t op) {
  struct flush_entry *entry = &journal->entries[journal->count++];
  memset(entry, 0, sizeof *entry);
  entry->record.store = store;
  entry->record.op = op;
  entry->record.ino = ino;
  if (inode) {
    inode_hold(&inode->base);
    entry->inode = inode;
  }
  return entry;
}

static void cut_directory(struct journal *journal, struct mem_inode *inode) {
  struct mem_directory *directory = &inode->directory;
  while (directory->removed) {
    struct entry_name *name = directory->removed;
    directory->removed = name->next;
    struct flush_entry *entry = cut_add(journal, inode, inode->base.ino, NIDUS_STORE_DIRENT, NIDUS_STORE_DELETE);
    entry->removed_name = name;
    entry->record.name = name->bytes;
    entry->record.name_length = name->length;
  }
  for (uint32_t i = directory->first; i < directory->used; i++) {
    struct mem_entry *child = &directory->entries[i];
    if (!child->inode || !child->dirty) continue;
    struct flush_entry *entry = cut_add(journal, inode, inode->base.ino, NIDUS_STORE_DIRENT, NIDUS_STORE_PUT);
    entry->record.index = child->inode->base.ino;
    entry->record.name = child->name->bytes;
    entry->record.name_length = child->name->length;
    child->stored = true;
    child->dirty = false;
  }
}

static void cut_chunk(struct journal *journal, struct mem_inode *inode, uint64_t index, const uint8_t *bytes) {
  uint64_t start = index << CHUNK_BITS;
  if (!bytes || start >= inode->base.size) return;
  struct flush_entry *entry = cut_add(journal, inode, inode->base.ino, NIDUS_STORE_CHUNK, NIDUS_STORE_PUT);
  entry->record.index = index;
  entry->record.bytes = bytes;
  entry->record.length = inode->base.size - start < CHUNK_SIZE ? (uint32_t)(inode->base.size - start) : CHUNK_SIZE;
  inode->chunks_stored = true;
}

static void cut_file(struct journal *journal, struct mem_inode *inode) {
  bool is_inline = record_is_inline(inode);
  uint64_t cut_from = is_inline ? 0 : inode->cut_from;
  if (inode->chunks_stored && cut_from != UINT64_MAX) {
    cut_add(journal, inode, inode->base.ino, NIDUS_STORE_CHUNK, NIDUS_STORE_DELETE_FROM)->record.index = cut_from;
    if (cut_from == 0) inode->chunks_stored = false;
  }
  inode->cut_from = UINT64_MAX;
  if (is_inline) return;
  if (!inode->file.chunked) {
    cut_chunk(journal, inode, 0, inode->file.small);
    return;
  }
  struct chunk_list *dirty = &inode->file.dirty;
  for (uint32_t i = 0; i < dirty->count; i++) {
    cut_chunk(journal, inode, dirty->indices[i], content_chunk(inode, dirty->indices[i], true));
  }
  dirty->in_flight = dirty->count;
  dirty->count = 0;
}

/* The store forgets inode `ino`, with its chunks or with all its entries. */
static void cut_deleted(struct journal *journal, struct mem_inode *holder, uint64_t ino, uint8_t type) {
  cut_add(journal, holder, ino, NIDUS_STORE_INODE, NIDUS_STORE_DELETE)->type = type;
  if (type == WASI_FILETYPE_REGULAR_FILE) cut_add(journal, holder, ino, NIDUS_STORE_CHUNK, NIDUS_STORE_DELETE_FROM);
  if (type == WASI_FILETYPE_DIRECTORY) cut_add(journal, holder, ino, NIDUS_STORE_DIRENT, NIDUS_STORE_DELETE_FROM);
}

static void cut_inode(struct journal *journal, struct mem_inode *inode, uint8_t **bytes) {
  if (inode->base.nlink == 0) {
    /* Unlinked, but still open somewhere: the store forgets it now. */
    if (inode->stored) cut_deleted(journal, inode, inode->base.ino, inode->base.type);
    inode->stored = inode->chunks_stored = false;
    inode->cut_from = UINT64_MAX;
    return;
  }
  if (inode->base.type == WASI_FILETYPE_DIRECTORY) cut_directory(journal, inode);
  if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) cut_file(journal, inode);
  struct flush_entry *entry = cut_add(journal, inode, inode->base.ino, NIDUS_STORE_INODE, NIDUS_STORE_PUT);
  entry->record.bytes = *bytes;
  entry->record.length = record_size(inode);
  record_encode(inode, *bytes);
  *bytes += entry->record.length;
  inode->stored = true;
}

static struct journal *journal_of(struct nidus_system *system, uint32_t mount) {
  struct filesystem *fs = system_mount(system, mount);
  return fs && mem_is(fs) ? ((struct mem_filesystem *)fs)->journal : NULL;
}

int32_t nidus_volume_dirty(struct nidus_system *system, uint32_t mount) {
  struct journal *journal = journal_of(system, mount);
  if (!journal) return -WASI_EINVAL;
  return (int32_t)(journal->dirty_count + journal->gone_count);
}

int32_t nidus_flush_begin(struct nidus_system *system, uint32_t mount) {
  struct journal *journal = journal_of(system, mount);
  if (!journal) return -WASI_EINVAL;
  if (journal->flushing) return -WASI_EBUSY;
  if (!cut_reserve(journal)) return -WASI_ENOMEM;
  journal->flushing = true;
  journal->begun++;
  while (journal->gone) {
    struct mem_inode *inode = journal->gone;
    journal->gone = inode->dirty_next;
    cut_deleted(journal, NULL, inode->base.ino, inode->base.type);
    free(inode);
  }
  journal->gone_count = 0;
  uint8_t *bytes = journal->inode_records;
  while (journal->dirty) {
    struct mem_inode *inode = journal->dirty;
    dirty_take(journal, inode);
    cut_inode(journal, inode, &bytes);
  }
  return (int32_t)journal->count;
}

const struct nidus_flush_record *nidus_flush_record(struct nidus_system *system, uint32_t mount, uint32_t i) {
  struct journal *journal = journal_of(system, mount);
  return journal && i < journal->count ? &journal->entries[i].record : NULL;
}

/* ---- a failed flush ---- */

static void dirent_restore(struct mem_inode *directory, struct flush_entry *entry) {
  if (entry->removed_name) {
    entry->removed_name->next = directory->directory.removed;
    directory->directory.removed = entry->removed_name;
    entry->removed_name = NULL;
  } else if (entry->record.op == NIDUS_STORE_PUT) {
    /* The name may have gone and its bytes with it, so all entries are written again. */
    for (uint32_t i = 0; i < directory->directory.used; i++) directory->directory.entries[i].dirty = true;
  }
  journal_inode(directory);
}

static void entry_restore(struct flush_entry *entry) {
  struct mem_inode *inode = entry->inode;
  if (!inode) return;
  switch (entry->record.store) {
    case NIDUS_STORE_DIRENT:
      dirent_restore(inode, entry);
      break;
    case NIDUS_STORE_CHUNK:
      /* Whether the store holds chunks is not known now: a delete too many does no harm. */
      inode->chunks_stored = true;
      if (entry->record.op == NIDUS_STORE_DELETE_FROM) {
        journal_cut(inode, entry->record.index);
      } else {
        content_return_dirty(inode, entry->record.index);
        journal_inode(inode);
      }
      break;
    default:
      inode->stored = true;
      journal_inode(inode);
  }
}

/* Deletes of inodes that are gone come back as inodes that are gone. */
static bool gone_restore(struct journal *journal, const struct flush_entry *entry) {
  struct mem_inode *inode = calloc(1, sizeof *inode);
  if (!inode) return false;
  inode->base.ino = entry->record.ino;
  inode->base.type = entry->type;
  gone_add(journal, inode);
  return true;
}

void nidus_flush_end(struct nidus_system *system, uint32_t mount, bool ok) {
  struct journal *journal = journal_of(system, mount);
  if (!journal || !journal->flushing) return;
  journal->flushing = false;
  if (ok) {
    journal->completed = journal->begun;
  } else {
    for (uint32_t i = 0; i < journal->count; i++) {
      struct flush_entry *entry = &journal->entries[i];
      entry_restore(entry);
      /* Without memory an unreachable record stays in the store until the next check of the volume. */
      if (!entry->inode && entry->record.store == NIDUS_STORE_INODE) (void)gone_restore(journal, entry);
    }
  }
  for (uint32_t i = 0; i < journal->count; i++) {
    struct mem_inode *inode = journal->entries[i].inode;
    if (inode && journal->entries[i].record.store == NIDUS_STORE_CHUNK) inode->file.dirty.in_flight = 0;
  }
  entries_clear(journal);
}
