/*
 * volume_salvage.h: what can still be read of a log that contradicts itself.
 *
 * It knows nothing of mounts and stores: from the segments of a log it makes those of another, which a mount takes in
 * without a doubt. Nothing is made up but a folder lost+found, for what has no name any more.
 */
#ifndef NIDUS_VOLUME_SALVAGE_H
#define NIDUS_VOLUME_SALVAGE_H

#include "volume.h"

struct volume_salvaged {
  struct volume_segment *segments; /* a checkpoint */
  uint32_t segment_count;
  uint32_t unusable; /* records and segments */
  uint32_t moved;    /* files and folders in lost+found */
  uint8_t *bytes;    /* of the segments */
};

/* ENOMEM, or ESUCCESS; the caller frees with volume_salvaged_free. */
MUST_CHECK wasi_errno_t volume_salvage(const struct volume_segment *segments, uint32_t count,
                                       struct volume_salvaged *salvaged);
void volume_salvaged_free(struct volume_salvaged *salvaged);

#endif
