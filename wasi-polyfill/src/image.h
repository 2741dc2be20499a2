/*
 * image.h: a volume in one file: a log of segments and chunks (volume.h) on a block device.
 *
 * It owns the device's bytes from the first to the last, and keeps of them in memory where each chunk lies and
 * which blocks are free. It knows nothing of inodes and names. image.c argues why nothing that was committed
 * can be lost; image_format.h draws the bytes.
 */
#ifndef NIDUS_IMAGE_H
#define NIDUS_IMAGE_H

#include "block.h"
#include "volume.h"

struct image;

enum {
  IMAGE_READ_ONLY = 1, /* nothing is written; what is not whole is read as far as it is */
  IMAGE_REPAIR = 2     /* what is damaged is given up, instead of the whole image being refused */
};

/* What opening and checking find; more than one may be true. */
enum image_finding {
  IMAGE_FOREIGN = 1,       /* it is no image */
  IMAGE_NEWER = 2,         /* its format is of a later version */
  IMAGE_SUPERBLOCK = 4,    /* one of the two superblocks is damaged; the other one tells all */
  IMAGE_SUPERBLOCKS = 8,   /* both are */
  IMAGE_LOG = 16,          /* the log is damaged where commits lie that had been completed */
  IMAGE_PLACES = 32,       /* chunks and log lie one upon the other, or outside */
  IMAGE_CHUNK = 64         /* contents of a file are damaged */
};

/* Opens what the device holds; an empty device becomes an empty image, unless it may only be read. `salt` should be
 * random. EIO, with the reason in
 * `findings`: it can not be used; EINVAL: it is no image; ENOTSUP: it is of a later version. The device must stay; it is not closed. */
MUST_CHECK wasi_errno_t image_open(const struct block_device *device, uint32_t flags, uint64_t salt,
                                   struct image **opened, uint32_t *findings);

/* The functions of struct volume_store. */
wasi_errno_t image_log(struct image *image, void *context,
                       wasi_errno_t (*take)(void *context, const void *bytes, uint32_t length));
wasi_errno_t image_load(struct image *image, uint64_t ino, uint64_t index, void *bytes, uint32_t *length);
wasi_errno_t image_commit(struct image *image, const struct volume_cut *cut);
/* A chunk of the next commit, for who has not all of them in memory at once; image_abandon: there will be no commit. */
wasi_errno_t image_put_chunk(struct image *image, const struct volume_chunk *chunk);
void image_abandon(struct image *image);
/* In ascending order. */
wasi_errno_t image_keys(struct image *image, void *context,
                        wasi_errno_t (*take)(void *context, uint64_t ino, uint64_t index));

/* Marks the image as closed well and frees the memory. An errno: it was not marked; no commit is lost by that. */
wasi_errno_t image_close(struct image *image);

struct image_usage {
  uint64_t size;   /* bytes of the device */
  uint64_t used;   /* of them, those that hold something */
  uint64_t chunks; /* how many */
  uint64_t commits; /* since the image was made */
};
void image_usage(const struct image *image, struct image_usage *usage);

/* Reads every chunk, and names those to `damaged` whose checksum is not theirs. With IMAGE_REPAIR, zeros take
 * their place. */
wasi_errno_t image_check(struct image *image, uint32_t flags, void *context,
                         void (*damaged)(void *context, uint64_t ino, uint64_t index));

/* A sentence about what was found: `name` is to take the place of the "$" in it. NULL: there is nothing to say. */
const char *image_says(uint32_t findings, wasi_errno_t error);

#endif
