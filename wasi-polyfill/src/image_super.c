/*
 * image_super.c: the two superblocks. They say the same, but for the moment in which they are written: the second
 * is written when the first lasts. So whichever is damaged, by a crash or by its age, the other one counts.
 */
#include "image_format.h"

#define MAGIC UINT64_C(0x6C6F56737564694E) /* "NidusVol" */
enum { VERSION = 1, CHECKED = 64 };

wasi_errno_t super_write(struct image *image, struct superblock super) {
  /* Higher than in any that may have been written. */
  super.sequence = ++image->sequence;
  uint8_t bytes[SUPERBLOCK_SIZE] = {0};
  put64(bytes, MAGIC);
  put32(bytes + 8, VERSION);
  put64(bytes + 16, super.sequence);
  put64(bytes + 24, super.salt);
  put64(bytes + 32, super.log_at);
  put64(bytes + 40, super.log_length);
  put64(bytes + 48, super.first);
  put64(bytes + 56, super.settled);
  put32(bytes + CHECKED, image_sum(image, 0, bytes, CHECKED));
  image->doubtful = true;
  for (uint64_t slot = 0; slot < 2; slot++) {
    wasi_errno_t error = device_write(image, slot * BLOCK, bytes, SUPERBLOCK_SIZE);
    if (!error) error = device_flush(image);
    if (error) return error;
  }
  image->doubtful = false;
  image->super = super;
  return WASI_ESUCCESS;
}

/* What one of them says; false when it is damaged. */
static bool decode(const struct image *image, const uint8_t *bytes, uint64_t size, struct superblock *super,
                   uint32_t *findings) {
  if (image_sum(image, 0, bytes, CHECKED) != get32(bytes + CHECKED) || get64(bytes) != MAGIC) return false;
  if (get32(bytes + 8) != VERSION) {
    *findings |= IMAGE_NEWER;
    return false;
  }
  *super = (struct superblock){get64(bytes + 16), get64(bytes + 24), get64(bytes + 32),
                               get64(bytes + 40), get64(bytes + 48), get64(bytes + 56)};
  return blocks_plausible(super->log_at, super->log_length, size) && super->first > 0 && super->first < INT64_MAX &&
         super->sequence < INT64_MAX;
}

wasi_errno_t super_read(struct image *image, uint64_t size, uint32_t *findings) {
  struct superblock found[2];
  bool good[2] = {false, false}, ours = false;
  for (uint64_t slot = 0; slot < 2; slot++) {
    uint8_t bytes[SUPERBLOCK_SIZE];
    if (size < slot * BLOCK + sizeof bytes) break;
    wasi_errno_t error = device_read(image, slot * BLOCK, bytes, sizeof bytes);
    if (error) return error;
    ours = ours || get64(bytes) == MAGIC;
    good[slot] = decode(image, bytes, size, &found[slot], findings);
  }
  if (*findings & IMAGE_NEWER) return WASI_ENOTSUP;
  if (!good[0] && !good[1]) {
    *findings |= ours ? IMAGE_SUPERBLOCKS : IMAGE_FOREIGN;
    return ours ? WASI_EIO : WASI_EINVAL;
  }
  image->super = good[0] && (!good[1] || found[0].sequence >= found[1].sequence) ? found[0] : found[1];
  image->doubtful = !good[0] || !good[1] || found[0].sequence != found[1].sequence;
  image->sequence = image->super.sequence;
  if (!good[0] || !good[1]) *findings |= IMAGE_SUPERBLOCK;
  return WASI_ESUCCESS;
}
