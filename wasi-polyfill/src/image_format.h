/*
 * image_format.h: the bytes of an image, and what is kept of them in memory. For image*.c alone.
 *
 *   block 0   superblock                    BLOCK bytes are the unit of space. Everything begins at a block of its
 *   block 1   the same again                own, so that no write touches a sector of anything else.
 *   2 ...     extents, in any order:
 *             - a chunk: up to 64 KiB
 *             - an area of the log: frames, one after the other
 *
 * Superblock (little-endian, as all numbers):
 *    0  u64 magic "NidusVol"        32  u64 where the log begins    56  u64 settled: the log is known to be
 *    8  u32 version, u32 0          40  u64 length of that area             whole to this frame at least
 *   16  u64 sequence                48  u64 number of its first     64  u32 checksum of bytes 0 to 63
 *   24  u64 salt of the log                 frame
 *
 * Frame: a header, then its payload. The checksum of each header is in the next one, which chains them.
 *    0  u32 magic "NFrm"            28  u32 checksum of payload     44  u32 number of new chunks
 *    4  u32 checksum of 8 to 71     32  u32 length of payload       48  u32 number of cuts
 *    8  u64 salt of the log         36  u32 flags: 1 link,          52  u32 number of segments
 *   16  u64 number of the frame             2 chunks lasted before  56  u64 link: where the next area lies
 *   24  u32 checksum of the one     40  u32 number of kept chunks   64  u64 link: its length
 *           before, 0 in the first
 *   payload: kept chunks (in the first frame of a log: all there were before), cuts, new chunks, lengths of the
 *   segments, the segments. They are applied in this order.
 *     chunk    u64 ino, u64 index, u64 where it lies, u32 length, u32 checksum
 *     cut      u64 ino, u64 from which index on
 *     length   u32
 *
 * A link has no payload: the log goes on in another area, with the frame of the same number.
 */
#ifndef NIDUS_IMAGE_FORMAT_H
#define NIDUS_IMAGE_FORMAT_H

#include <string.h>

#include "crc32c.h"
#include "image.h"

enum { BLOCK_BITS = 12, BLOCK = 1 << BLOCK_BITS, CHUNK_LIMIT = 65536 };
enum { SUPERBLOCK_SIZE = 68, HEADER_SIZE = 72, CHUNK_RECORD = 32, CUT_RECORD = 16, LENGTH_RECORD = 4 };
enum { FRAME_LINK = 1, FRAME_LASTED = 2 };
#define AREA_SIZE ((uint64_t)128 * 1024)

struct superblock {
  uint64_t sequence;
  uint64_t salt;
  uint64_t log_at, log_length;
  uint64_t first;
  uint64_t settled;
};

struct frame {
  uint64_t number;
  uint64_t link_at, link_length;
  uint64_t payload_at;
  uint32_t length; /* of the payload */
  uint32_t checksum;
  uint32_t flags;
  uint32_t kept, chunks, cuts, segments;
};

/* Where the next frame goes. */
struct log_end {
  uint64_t at;
  uint64_t area_end;
  uint64_t number; /* of the last frame */
  uint32_t chain;
};

struct extent {
  uint64_t at, length;
};

/* A set bit is a block in use; all after `blocks` are free, and beyond the end of the device. */
struct space {
  uint64_t *words;
  uint64_t capacity; /* in words */
  uint64_t blocks;
  uint64_t first; /* none before it is free */
};

/* Where the chunks lie, in the order of their keys: a skip list. */
struct chunk_node {
  uint64_t ino, index, at;
  uint32_t length, checksum;
  uint32_t height;
  struct chunk_node *next[];
};

enum { MAP_HEIGHT = 12 };

struct chunk_map {
  struct chunk_node *heads[MAP_HEIGHT];
  uint64_t count;
  uint64_t random;
};

struct image {
  struct block_device device;
  struct crc32c crc;
  struct superblock super;
  uint64_t sequence; /* the highest of a superblock that was written */
  struct log_end end;
  struct extent *areas; /* of the log */
  uint32_t area_count, area_capacity;
  struct extent reserve; /* of length 0: none */
  uint64_t restart_size; /* of the log's first frame */
  struct space space;
  struct chunk_map map;
  /* The commit that is being made: its chunks, linked by next[0], their number and bytes. */
  struct chunk_node *put;
  uint32_t put_count;
  uint64_t put_size;
  bool read_only;
  bool unsettled; /* a frame that is not to count may lie at the end of the log */
  bool doubtful;  /* the two superblocks may differ */
};

static inline void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }
static inline void put64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }
static inline uint32_t get32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}
static inline uint64_t get64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}
static inline uint64_t whole_blocks(uint64_t bytes) { return (bytes + BLOCK - 1) & ~(uint64_t)(BLOCK - 1); }

static inline wasi_errno_t device_read(const struct image *image, uint64_t at, void *bytes, uint32_t length) {
  return image->device.operations->read(&image->device, at, bytes, length);
}
static inline wasi_errno_t device_write(const struct image *image, uint64_t at, const void *bytes, uint32_t length) {
  return image->device.operations->write(&image->device, at, bytes, length);
}
static inline wasi_errno_t device_flush(const struct image *image) {
  return image->device.operations->flush(&image->device);
}
static inline uint32_t image_sum(const struct image *image, uint32_t sum, const void *bytes, size_t length) {
  return crc32c(&image->crc, sum, bytes, length);
}

/* ---- image_space.c ---- */
/* The extent lies behind the superblocks, begins at a block, and ends before `size`. */
bool blocks_plausible(uint64_t at, uint64_t length, uint64_t size);
/* False: memory is short. */
MUST_CHECK bool blocks_take(struct space *space, uint64_t length, uint64_t *at);
void blocks_free(struct space *space, uint64_t at, uint64_t length);
/* Makes room for `blocks`; all are free. */
MUST_CHECK bool blocks_start(struct space *space, uint64_t blocks);
/* Says that an extent within is in use; false when a part of it was. */
MUST_CHECK bool blocks_claim(struct space *space, uint64_t at, uint64_t length);
uint64_t blocks_used(const struct space *space);
/* Bytes up to the end of the last block in use. */
uint64_t blocks_end(struct space *space);

/* ---- image_map.c ---- */
struct chunk_node *map_node(struct chunk_map *map);
struct chunk_node *map_from(const struct chunk_map *map, uint64_t ino, uint64_t index);
/* Puts a node in; the one of the same key that it replaces, or NULL. */
struct chunk_node *map_put(struct chunk_map *map, struct chunk_node *node);
/* Takes out the chunks of `ino` from `from` to `last`; linked by next[0]. */
struct chunk_node *map_cut(struct chunk_map *map, uint64_t ino, uint64_t from, uint64_t last);
void map_free(struct chunk_map *map);

/* ---- image_log.c ---- */
/* The frame after `end`: writes it over `end` and `frame`, with its payload in `*payload` (free it). ENOENT: there is
 * none, and nothing changed. Areas that it goes through are added to the image's, if told so. */
MUST_CHECK wasi_errno_t frames_next(struct image *image, struct log_end *end, struct frame *frame, uint8_t **payload,
                                 bool add_areas);
/* Whether a frame lies behind the end that can only be there if the one at the end was completed. */
MUST_CHECK wasi_errno_t frames_go_on(const struct image *image, const struct log_end *end, bool *goes_on);
struct log_end frames_start(const struct superblock *super);
/* Room for one more area in the list. */
MUST_CHECK bool frames_area_room(struct image *image);
/* The area of a log whose first frame has this size. */
static inline uint64_t frames_area_length(uint64_t size) { return whole_blocks(size + size / 4 + AREA_SIZE); }
/* Space for a part of the log, which is on the device for certain. */
MUST_CHECK wasi_errno_t frames_make_area(struct image *image, uint64_t length, struct extent *area);
/* Writes a cut as a frame after `end`, which then is the end with it; `area`, of length 0, becomes the area that
 * the frame needed. The chunks are those that were put. */
MUST_CHECK wasi_errno_t frames_append(struct image *image, uint64_t salt, struct log_end *end, struct extent *area,
                                   const struct volume_cut *cut, uint32_t flags);

/* ---- image_super.c ---- */
/* Writes both superblocks, the second when the first lasts; then both do. */
MUST_CHECK wasi_errno_t super_write(struct image *image, struct superblock super);
/* Reads the one that counts. */
MUST_CHECK wasi_errno_t super_read(struct image *image, uint64_t size, uint32_t *findings);

#endif
