/*
 * volume_check.c: does the store have what the log says, and nothing else?
 *
 * The tree itself was checked when its log was taken in (volume_load.c); here its chunks are compared with the keys
 * that the store lists. A finding is one of
 *
 *   missing   a chunk of a file is not in the store: reading there is EIO. Repaired, it is a hole
 *   stray     the store has a chunk that belongs to nothing. Its host deletes it: nobody will ask for it
 *
 * A store that has lost its log is told all there is: VOLUME_REWRITE makes the next flush a checkpoint with every
 * chunk that is in memory. Those that are in neither stay `missing`, which no later reading takes for zeros.
 *
 * Chunks that differ from the store are about to be written, so nothing is said of them; check after a flush.
 */
#include <string.h>

#include "volume_state.h"

static void put_text(struct reply *reply, const char *text) { reply_text(reply, text, (uint32_t)strlen(text)); }

static void found(struct reply *reply, const char *kind, uint64_t ino, uint64_t index) {
  put_text(reply, reply->length > 1 ? ",{\"kind\":\"" : "{\"kind\":\"");
  put_text(reply, kind);
  put_text(reply, "\",\"ino\":");
  reply_digits(reply, ino);
  put_text(reply, ",\"index\":");
  reply_digits(reply, index);
  put_text(reply, "}");
}

/* Its chunk in the store, or that it has one at all. */
static bool belongs(struct mem_inode *inode, uint64_t index) {
  if (!inode || inode->base.type != WASI_FILETYPE_REGULAR_FILE || content_is_inline(inode)) return false;
  const uintptr_t *slot = content_slot(inode, index);
  return slot && *slot;
}

static bool is_before(const struct nidus_chunk_key *a, const struct nidus_chunk_key *b) {
  return a->ino < b->ino || (a->ino == b->ino && a->index < b->index);
}

static bool listed(const struct nidus_chunk_key *keys, uint32_t count, struct nidus_chunk_key key) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (is_before(&keys[middle], &key)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count && !is_before(&key, &keys[low]);
}

static uint32_t check_file(struct mem_inode *inode, const struct nidus_chunk_key *keys, uint32_t count,
                           uint32_t repair, struct reply *reply) {
  uint32_t findings = 0;
  for (uint64_t at = content_next(inode, 0); at != UINT64_MAX; at = content_next(inode, at + 1)) {
    uintptr_t *slot = content_slot(inode, at);
    struct nidus_chunk_key key = {inode->base.ino, at};
    if (SLOT_IN_MEMORY(*slot) && ((const struct chunk *)*slot)->state) continue;
    if (listed(keys, count, key)) continue;
    bool saved = repair && SLOT_IN_MEMORY(*slot);
    if (saved) chunk_changed((struct chunk *)*slot); /* better than a hole: it is still here */
    if (saved && repair == VOLUME_REWRITE) continue;
    found(reply, "missing", key.ino, at);
    findings++;
    if (repair == VOLUME_REPAIR && !saved) {
      content_lose(inode, at);
      mem_volume(inode)->volume->has_log = false; /* it takes a checkpoint to say so */
    }
  }
  return findings;
}

int32_t volume_check(struct nidus_system *system, uint32_t mount, const struct nidus_chunk_key *keys, uint32_t count,
                     uint32_t repair, struct reply *reply) {
  struct mem_filesystem *fs = volume_at(system, mount);
  if (!fs) return -WASI_EINVAL;
  struct volume *volume = fs->volume;
  if (repair && volume->view) return -WASI_EROFS;
  if (repair && volume->flushing) return -WASI_EBUSY;
  uint32_t findings = 0;
  put_text(reply, "[");
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0 && !is_before(&keys[i - 1], &keys[i])) return -WASI_EINVAL;
    if (repair == VOLUME_REWRITE || belongs(volume_find(volume, keys[i].ino), keys[i].index)) continue;
    found(reply, "stray", keys[i].ino, keys[i].index);
    findings++;
  }
  EACH_INODE(volume, inode) {
    if (inode->base.type != WASI_FILETYPE_REGULAR_FILE || content_is_inline(inode)) continue;
    findings += check_file(inode, keys, count, repair, reply);
  }
  put_text(reply, "]");
  if (repair == VOLUME_REWRITE) {
    volume->has_log = false;
    journal_inode(mem_of(fs->base.root));
  }
  return reply->failed ? -WASI_ENOMEM : (int32_t)findings;
}
