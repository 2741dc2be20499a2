/*
 * volume_load.c: taking in the log of a volume: all of it at the mount, and on a view whatever its writer adds later.
 *
 * Records change the tree as they come. Every inode that a record makes, or takes out of a folder, is held until the
 * end, since a later record may put it elsewhere; then volume_take_end accepts the tree, if it is one, or leaves
 * an empty root. What comes from the store is not trusted: a record that contradicts another is EIO, never a
 * broken tree. Inodes without a name go at the end: on a volume, their last closing was not stored any more.
 */
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "volume_log.h"
#include "volume_state.h"

static void hold(struct volume *volume, struct mem_inode *inode) {
  if (inode->held) return;
  inode->held = true;
  inode->dirty_next = volume->held;
  volume->held = mem_of(inode_hold(&inode->base));
}

static void let_go_of_held(struct volume *volume) {
  /* Folders that are in none any more may hold each other by what was above them. */
  for (struct mem_inode *inode = volume->held; inode; inode = inode->dirty_next) {
    if (inode->base.type != WASI_FILETYPE_DIRECTORY || !inode->base.parent) continue;
    if (inode->known && inode->base.nlink > 0) continue;
    inode_drop(inode->base.parent);
    inode->base.parent = NULL;
  }
  while (volume->held) {
    struct mem_inode *inode = volume->held;
    volume->held = inode->dirty_next;
    inode->held = false;
    inode_drop(&inode->base);
  }
}

/* ---- records ---- */

static struct mem_inode *find(const struct volume *volume, uint64_t ino, uint8_t type) {
  struct mem_inode *inode = volume_find(volume, ino);
  return inode && inode->base.type == type ? inode : NULL;
}

static wasi_errno_t take_inode(struct mem_filesystem *fs, const struct log_record *record) {
  struct volume *volume = fs->volume;
  struct mem_inode *inode = volume_find(volume, record->ino);
  bool made = !inode;
  if (inode && inode->base.type == WASI_FILETYPE_REGULAR_FILE) {
    chunks_unwanted(inode);
    /* A checkpoint tells anew which chunks there are; of a file that it does not tell of, take_gone keeps them. */
    if (volume->restarted && !inode->seen && !content_is_inline(inode)) content_cut(inode, 0);
  }
  wasi_errno_t error = record_decode(fs, record->ino, record->bytes, record->length, &inode);
  if (error) return error;
  inode->seen = inode->stored = true;
  hold(volume, inode);
  if (made) inode->base.references--; /* the maker's */
  return WASI_ESUCCESS;
}

static void remove_entry(struct volume *volume, struct mem_inode *directory, struct mem_entry *entry) {
  hold(volume, entry->inode);
  directory_remove(directory, entry);
}

static wasi_errno_t take_entry(struct mem_filesystem *fs, const struct log_record *record) {
  struct volume *volume = fs->volume;
  struct name name = {(const char *)record->bytes, record->length};
  struct mem_inode *directory = find(volume, record->ino, WASI_FILETYPE_DIRECTORY);
  struct mem_inode *child = volume_find(volume, record->value);
  if (!directory || !child || &child->base == fs->base.root || !name_is_valid(name)) return WASI_EIO;
  struct mem_entry *entry = directory_find(directory, name);
  if (entry && entry->inode != child) {
    remove_entry(volume, directory, entry);
    entry = NULL;
  }
  if (!entry) {
    wasi_errno_t error = directory_add(directory, name, child);
    if (error) return error;
    entry = directory_find(directory, name);
  }
  entry->stored = true;
  entry->dirty = false;
  if (child->base.type == WASI_FILETYPE_DIRECTORY && child->base.parent != &directory->base) {
    struct inode *before = child->base.parent;
    child->base.parent = inode_hold(&directory->base);
    if (before) {
      hold(volume, mem_of(before));
      inode_drop(before);
    }
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t take_no_entry(struct volume *volume, const struct log_record *record) {
  struct mem_inode *directory = find(volume, record->ino, WASI_FILETYPE_DIRECTORY);
  if (!directory) return WASI_EIO;
  struct mem_entry *entry = directory_find(directory, (struct name){(const char *)record->bytes, record->length});
  if (entry) remove_entry(volume, directory, entry);
  return WASI_ESUCCESS;
}

/* The inode is in no folder any more; whoever has it open keeps what of it is in memory. */
static void take_gone(struct volume *volume, struct mem_inode *inode) {
  hold(volume, inode);
  volume_forget_inode(volume, inode);
  inode->stored = false;
  inode->base.nlink = 0;
  if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) chunks_unwanted(inode);
  if (inode->base.type != WASI_FILETYPE_DIRECTORY) return;
  for (struct mem_entry *entry; (entry = directory_from(inode, 0)) != NULL;) remove_entry(volume, inode, entry);
}

static wasi_errno_t take_chunks(struct volume *volume, const struct log_record *record) {
  struct mem_inode *inode = find(volume, record->ino, WASI_FILETYPE_REGULAR_FILE);
  if (!inode || content_is_inline(inode) || record->count == 0) return WASI_EIO;
  uint64_t end = (inode->base.size - 1) / CHUNK_SIZE + 1;
  if (record->value >= end || record->count > end - record->value) return WASI_EIO;
  chunks_unwanted(inode);
  inode->chunks_stored = true;
  for (uint64_t i = 0; i < record->count; i++) {
    if (content_allocated(inode) >= VOLUME_LIMIT) return WASI_EIO;
    wasi_errno_t error = content_load_stored(inode, record->value + i);
    if (error) return error;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t take_cut(struct volume *volume, const struct log_record *record) {
  struct mem_inode *inode = find(volume, record->ino, WASI_FILETYPE_REGULAR_FILE);
  if (!inode) return WASI_EIO;
  chunks_unwanted(inode);
  if (!content_is_inline(inode)) content_cut(inode, record->value);
  return WASI_ESUCCESS;
}

static wasi_errno_t take_record(struct mem_filesystem *fs, const struct log_record *record) {
  struct volume *volume = fs->volume;
  struct mem_inode *inode;
  switch (record->type) {
    case LOG_INODE:
      return take_inode(fs, record);
    case LOG_ENTRY:
      return take_entry(fs, record);
    case LOG_NO_ENTRY:
      return take_no_entry(volume, record);
    case LOG_GONE:
      inode = volume_find(volume, record->ino);
      if (inode && &inode->base == fs->base.root) return WASI_EIO;
      if (inode) take_gone(volume, inode);
      return WASI_ESUCCESS;
    case LOG_CHUNKS:
      return take_chunks(volume, record);
    case LOG_CUT:
      return take_cut(volume, record);
    case LOG_NEXT_INO:
      if (record->ino > fs->next_ino) fs->next_ino = record->ino;
      return WASI_ESUCCESS;
  }
  return WASI_EIO;
}

/* ---- checkpoints ---- */

/* Nothing of what is there has been seen in the log yet. */
static void restart(struct volume *volume) {
  volume->restarted = true;
  EACH_INODE(volume, inode) {
    inode->seen = false;
    if (inode->base.type != WASI_FILETYPE_DIRECTORY) continue;
    for (uint32_t i = 0; i < inode->directory.used; i++) inode->directory.entries[i].stored = false;
  }
}

/* What was not seen is gone. */
static void drop_unseen(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  volume->restarted = false;
  for (uint32_t place = 0; place < volume->place_count; place++) {
    for (struct mem_inode *inode = volume->places[place], *next; inode; inode = next) {
      next = inode->by_ino;
      if (inode->base.type == WASI_FILETYPE_DIRECTORY) {
        for (uint32_t i = 0; i < inode->directory.used; i++) {
          struct mem_entry *entry = &inode->directory.entries[i];
          if (entry->inode && !entry->stored) remove_entry(volume, inode, entry);
        }
      }
      if (!inode->seen && &inode->base != fs->base.root) take_gone(volume, inode);
    }
  }
}

/* ---- segments ---- */

static bool header_follows(const struct volume *volume, const struct log_header *header) {
  if (volume->within) return header->transaction == volume->taking && header->part == volume->part;
  if (header->part != 0 || header->transaction <= volume->transaction) return false;
  return (header->flags & LOG_CHECKPOINT) || (volume->has_log && header->after <= volume->transaction);
}

static wasi_errno_t take_segment(struct mem_filesystem *fs, const void *bytes, uint32_t length) {
  struct volume *volume = fs->volume;
  struct log_reader log;
  struct log_header header;
  if (!log_open(&log, bytes, length, &header) || !header_follows(volume, &header)) return WASI_EIO;
  if (!volume->within) {
    volume->within = true;
    volume->taking = header.transaction;
    volume->part = 0;
    if (header.flags & LOG_CHECKPOINT) {
      restart(volume);
      volume->checkpoint_size = volume->log_size = 0;
      volume->has_log = true;
    }
  }
  *(header.flags & LOG_CHECKPOINT ? &volume->checkpoint_size : &volume->log_size) += length;
  volume->part++;
  while (log.at < log.end) {
    struct log_record record;
    wasi_errno_t error = log_next(&log, &record) ? take_record(fs, &record) : WASI_EIO;
    if (error) return error;
  }
  if (!(header.flags & LOG_LAST)) return WASI_ESUCCESS;
  volume->within = false;
  volume->transaction = volume->numbered = header.transaction;
  if (volume->restarted) drop_unseen(fs);
  return WASI_ESUCCESS;
}

wasi_errno_t volume_take_segment(struct mem_filesystem *fs, const void *bytes, uint32_t length) {
  struct volume *volume = fs->volume;
  if (!volume->loading) {
    bool begun = volume->loaded || mem_of(fs->base.root)->directory.live > 0;
    if (volume->refused || (begun && !volume->view)) return WASI_EBUSY;
    volume->loading = true;
    journal_clean(volume, mem_of(fs->base.root)); /* a new volume's would be */
  }
  if (volume->refused) return volume->refused;
  wasi_errno_t error = take_segment(fs, bytes, length);
  if (error) volume->refused = error == WASI_ENOMEM ? error : WASI_EIO;
  return error;
}

/* ---- the end ---- */

/* Counts how often each inode is named; a folder's parent must be the one that names it. */
static bool count_links(struct volume *volume) {
  EACH_INODE(volume, inode) inode->links = 0;
  EACH_INODE(volume, inode) {
    if (inode->base.type != WASI_FILETYPE_DIRECTORY) continue;
    for (uint32_t i = 0; i < inode->directory.used; i++) {
      struct mem_inode *child = inode->directory.entries[i].inode;
      if (!child) continue;
      if (child->base.type == WASI_FILETYPE_DIRECTORY && child->base.parent != &inode->base) return false;
      if (!child->known || ++child->links > LINK_LIMIT) return false;
    }
  }
  return true;
}

/* Every inode must hang in the tree, or have no name at all, as it says. Folders lead to the root. */
static bool tree_is_whole(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  if (!count_links(volume)) return false;
  EACH_INODE(volume, inode) {
    inode->seen = &inode->base == fs->base.root;
    if (inode->links == 0 && inode->base.nlink > 0 && !inode->seen) return false;
    if (inode->links > 0 && inode->base.nlink == 0) return false;
    bool folder = inode->base.type == WASI_FILETYPE_DIRECTORY;
    if (folder && (inode->links > 1 || (inode->links == 0 && inode->directory.live > 0 && !inode->seen))) return false;
    if (inode->links > 0 || inode->seen) inode->base.nlink = folder ? 2 : inode->links;
  }
  EACH_INODE(volume, inode) {
    if (inode->base.type != WASI_FILETYPE_DIRECTORY || inode->links == 0) continue;
    mem_of(inode->base.parent)->base.nlink++;
    /* A cycle never reaches the root: a walk of more steps than there are inodes is in one. */
    uint32_t steps = 0;
    struct mem_inode *at = inode;
    for (; !at->seen; at = mem_of(at->base.parent)) {
      if (!at->base.parent || ++steps > volume->inode_count) return false;
    }
    for (at = inode; !at->seen; at = mem_of(at->base.parent)) at->seen = true;
  }
  return true;
}

/* Takes everything apart, whatever it looks like: the folders may form cycles, so every tie between inodes is cut
 * before any is let go. */
void volume_discard(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  struct mem_inode *root = mem_of(fs->base.root);
  EACH_INODE(volume, inode) {
    if (inode != root) hold(volume, inode);
  }
  EACH_INODE(volume, inode) {
    inode->stored = false;
    if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) chunks_unwanted(inode);
    if (inode->base.type != WASI_FILETYPE_DIRECTORY) continue;
    directory_free(inode);
    inode->base.size = 0;
    inode->base.nlink = inode == root ? 2 : 0;
    if (inode == root || !inode->base.parent) continue;
    inode_drop(inode->base.parent);
    inode->base.parent = NULL;
  }
  let_go_of_held(volume);
}

wasi_errno_t volume_take_end(struct mem_filesystem *fs) {
  struct volume *volume = fs->volume;
  volume->loaded = true;
  if (volume->refused && !volume->loading) return volume->refused;
  if (!volume->loading) return WASI_ESUCCESS; /* it is new, or nothing is */
  if (!volume->refused && (volume->within || !tree_is_whole(fs))) volume->refused = WASI_EIO;
  if (volume->refused) {
    volume_discard(fs);
    volume->loading = false;
    return volume->refused;
  }
  /* From here on it is noted that inodes without a name go. */
  volume->loading = false;
  let_go_of_held(volume);
  return WASI_ESUCCESS;
}
