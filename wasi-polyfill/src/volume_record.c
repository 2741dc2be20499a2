/*
 * volume_record.c: an inode as the store holds it.
 *
 *   0  u8  version (1)        16  u64 size
 *   1  u8  type (filetype)    24  u64 atime, ns since 1970
 *   2  u8  inline (0 or 1)    32  u64 mtime
 *   3  u8  0                  40  u64 ctime
 *   4  u32 mode               48  u64 0
 *   8  u32 nlink              56  u64 0
 *  12  u32 inline length      64  the inline bytes: a small file's contents, or a link's target
 *
 * Little-endian. A reader refuses versions it does not know and records that contradict themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }
static void put64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }

static uint32_t get32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static uint64_t get64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static bool is_inline(const struct mem_inode *inode) {
  return inode->base.type == WASI_FILETYPE_SYMBOLIC_LINK ||
         (inode->base.type == WASI_FILETYPE_REGULAR_FILE && content_is_inline(inode));
}

uint32_t record_inline_length(const struct mem_inode *inode) { return is_inline(inode) ? (uint32_t)inode->base.size : 0; }

void record_encode(const struct mem_inode *inode, uint8_t *bytes) {
  uint32_t length = record_inline_length(inode);
  memset(bytes, 0, RECORD_SIZE + length);
  bytes[0] = RECORD_VERSION;
  bytes[1] = inode->base.type;
  bytes[2] = is_inline(inode);
  put32(bytes + 4, inode->base.mode);
  put32(bytes + 8, inode->base.nlink);
  put32(bytes + 12, length);
  put64(bytes + 16, inode->base.size);
  put64(bytes + 24, inode->base.atime);
  put64(bytes + 32, inode->base.mtime);
  put64(bytes + 40, inode->base.ctime);
  if (length == 0) return;
  const void *from = inode->target.bytes;
  if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) {
    /* Not always at height 0: a write further behind may have failed after it raised the tree. A hole is zeros. */
    const uintptr_t *slot = content_slot((struct mem_inode *)(uintptr_t)inode, 0);
    from = slot && SLOT_IN_MEMORY(*slot) ? ((const struct chunk *)*slot)->bytes : NULL;
  }
  if (from) memcpy(bytes + RECORD_SIZE, from, length);
}

bool record_plausible(const uint8_t *bytes, uint32_t length) {
  if (length < RECORD_SIZE || bytes[0] != RECORD_VERSION || bytes[2] > 1) return false;
  uint8_t type = bytes[1];
  uint32_t inline_bytes = get32(bytes + 12);
  if (length - RECORD_SIZE != inline_bytes) return false;
  if (get64(bytes + 16) > INT64_MAX) return false;
  switch (type) {
    case WASI_FILETYPE_DIRECTORY:
      return inline_bytes == 0;
    case WASI_FILETYPE_REGULAR_FILE:
      if (bytes[2]) return inline_bytes == get64(bytes + 16) && inline_bytes <= INLINE_LIMIT;
      return inline_bytes == 0 && get64(bytes + 16) > INLINE_LIMIT;
    case WASI_FILETYPE_SYMBOLIC_LINK:
      return inline_bytes > 0 && inline_bytes < PATH_LIMIT && inline_bytes == get64(bytes + 16);
    default:
      return false;
  }
}

static wasi_errno_t take_contents(struct mem_inode *inode, const uint8_t *bytes) {
  uint32_t length = get32(bytes + 12);
  if (inode->base.type == WASI_FILETYPE_REGULAR_FILE) {
    return bytes[2] ? content_load_inline(inode, bytes + RECORD_SIZE, length)
                    : content_load_size(inode, get64(bytes + 16));
  }
  if (inode->base.type != WASI_FILETYPE_SYMBOLIC_LINK) return WASI_ESUCCESS;
  char *target = realloc(inode->target.bytes, length);
  if (!target) return WASI_ENOMEM;
  memcpy(target, bytes + RECORD_SIZE, length);
  inode->target.bytes = target;
  inode->base.size = inode->target.length = length;
  return WASI_ESUCCESS;
}

wasi_errno_t record_decode(struct mem_filesystem *fs, uint64_t ino, const uint8_t *bytes, uint32_t length,
                           struct mem_inode **found) {
  if (!record_plausible(bytes, length)) return WASI_EIO;
  uint8_t type = bytes[1];
  struct mem_inode *inode = *found;
  if (inode && inode->base.type != type) return WASI_EIO;
  if (!inode) inode = mem_inode_create(fs, type, 0, ino);
  if (!inode) return WASI_ENOMEM;
  inode->base.mode = get32(bytes + 4) & 07777;
  inode->base.nlink = get32(bytes + 8);
  inode->base.atime = get64(bytes + 24);
  inode->base.mtime = get64(bytes + 32);
  inode->base.ctime = get64(bytes + 40);
  wasi_errno_t error = take_contents(inode, bytes);
  if (error && !*found) {
    inode_drop(&inode->base);
  } else {
    *found = inode;
  }
  return error;
}
