/*
 * image.c: how an image is opened, changed and closed, and why nothing is lost.
 *
 * A commit, that is one cut of a volume:
 *
 *   1. the chunks are written to free blocks
 *   2. a frame is written behind the last one of the log: where these chunks lie, their checksums, and the segments
 *   3. the device is flushed                          - the commit is completed: it lasts
 *   4. in memory: what the chunks replaced is free
 *
 * What the state after a crash is: that of the longest chain of frames whose checksums are right, from the one that
 * the superblock names. Claims, and why they hold on a device that promises what block.h says:
 *
 * (a) A completed commit is found again. Until step 4 nothing is written to a block that the state before it
 *     needs, and afterwards to none that the state with it needs. Its frame, chunks and all frames before it last.
 * (b) A commit that was not completed is there whole or not at all. Its frame is told by its two checksums, torn or
 *     not. That its chunks are whole the last frame of the chain can not take for granted, for there was one flush
 *     for both; so they are read and compared when the image is opened. Those of all earlier frames last, because a
 *     frame is written only when the flush of the one before it has succeeded. Of commits with more than
 *     VERIFY_LIMIT bytes of chunks that would take too long: there, the chunks are flushed before the frame is
 *     written, which says so.
 * (c) Nothing comes back. What a commit that failed, or that a crash cut short, has left behind the end of the log
 *     might become valid later, when its blocks are used for others. So the first thing a writer does after such an
 *     event, and after opening, is to overwrite what is there, and to flush (`unsettled`). Only then are
 *     blocks taken. That flush also makes last what has been read but may not have lasted yet.
 *     Frames of other logs have another salt, and what programs store can not look like a frame: they
 *     do not know it.
 * (d) A log restarts, with all segments and the places of all chunks in its first frame, in an area of its own:
 *     frame, flush, first superblock, flush, second superblock, flush. The old log and what it alone needs are
 *     free after that. Both superblocks name one log or the other, and of either there is everything. When one of
 *     the two writes fails, it is not known which log counts: settling writes both superblocks for the old
 *     one, with a higher sequence, before anything is taken.
 * (e) Flipped bits are found, in superblocks, frames and chunks. A damaged frame looks like the end of the log, but
 *     the log can not end before the frame that the superblock calls settled (that of each area's beginning, and the
 *     last when the image was closed), nor before one behind which another one lies: such an image is
 *     refused, and `nidus fsck` says so. Only in a last frame that no close has settled can a flipped bit not be told
 *     from a crash.
 * (f) A full device refuses a commit with ENOSPC before anything that counts was touched. Free blocks within the
 *     device are used first, and the reserve keeps place for a new log, so that deleting always goes.
 */
#include <stdlib.h>

#include "image_format.h"

#define VERIFY_LIMIT ((uint64_t)1 << 20)
/* The end of the device is cut off when so much of it is free. */
#define TRIM ((uint64_t)1 << 20)

static void nodes_free(struct image *image, struct chunk_node *node, bool with_space) {
  for (struct chunk_node *next; node; node = next) {
    next = node->next[0];
    if (with_space && node->at > 0) blocks_free(&image->space, node->at, node->length);
    free(node);
  }
}

/* ---- opening ---- */

static wasi_errno_t apply_chunks(struct image *image, const uint8_t *at, uint32_t count) {
  for (; count > 0; count--, at += CHUNK_RECORD) {
    struct chunk_node *node = map_node(&image->map);
    if (!node) return WASI_ENOMEM;
    node->ino = get64(at);
    node->index = get64(at + 8);
    node->at = get64(at + 16);
    node->length = get32(at + 24);
    node->checksum = get32(at + 28);
    nodes_free(image, map_put(&image->map, node), false);
  }
  return WASI_ESUCCESS;
}

static const uint8_t *cuts_of(const struct frame *frame, const uint8_t *payload) {
  return payload + (size_t)frame->kept * CHUNK_RECORD;
}

static const uint8_t *chunks_of(const struct frame *frame, const uint8_t *payload) {
  return cuts_of(frame, payload) + (size_t)frame->cuts * CUT_RECORD;
}

static wasi_errno_t apply(struct image *image, const struct frame *frame, const uint8_t *payload) {
  wasi_errno_t error = apply_chunks(image, payload, frame->kept);
  if (error) return error;
  const uint8_t *cut = cuts_of(frame, payload);
  for (uint32_t i = 0; i < frame->cuts; i++, cut += CUT_RECORD) {
    nodes_free(image, map_cut(&image->map, get64(cut), get64(cut + 8), UINT64_MAX), false);
  }
  return apply_chunks(image, cut, frame->chunks);
}

/* Reads a chunk: EIO when it is not what was written. */
static wasi_errno_t read_chunk(const struct image *image, uint64_t at, uint32_t length, uint32_t checksum,
                               void *bytes) {
  if (at == 0) return WASI_EIO;
  wasi_errno_t error = device_read(image, at, bytes, length);
  return !error && image_sum(image, 0, bytes, length) != checksum ? WASI_EIO : error;
}

/* Claim (b). */
static wasi_errno_t verify(const struct image *image, const struct frame *frame, const uint8_t *payload, bool *whole) {
  *whole = true;
  if (frame->number <= image->super.settled || (frame->flags & FRAME_LASTED)) return WASI_ESUCCESS;
  const uint8_t *at = chunks_of(frame, payload);
  uint8_t *bytes = malloc(CHUNK_LIMIT);
  if (!bytes) return WASI_ENOMEM;
  wasi_errno_t error = WASI_ESUCCESS;
  for (uint32_t i = 0; i < frame->chunks && !error; i++, at += CHUNK_RECORD) {
    uint32_t length = get32(at + 24);
    error = length > CHUNK_LIMIT ? WASI_EIO : read_chunk(image, get64(at + 16), length, get32(at + 28), bytes);
  }
  free(bytes);
  /* A chunk that was never written may well lie behind the end of the device. */
  *whole = error != WASI_EIO;
  return *whole ? error : WASI_ESUCCESS;
}

/* Follows the log to its end. A frame is applied when it is known that it is whole: by the next one, or verified. */
static wasi_errno_t follow_log(struct image *image) {
  struct log_end end = frames_start(&image->super);
  struct frame frame, last = {0};
  uint8_t *payload, *held = NULL;
  if (!frames_area_room(image)) return WASI_ENOMEM;
  image->areas[image->area_count++] = (struct extent){image->super.log_at, image->super.log_length};
  uint32_t areas = image->area_count;
  image->end = end;
  wasi_errno_t error;
  for (;;) {
    uint32_t before = image->area_count;
    struct log_end next = end;
    error = frames_next(image, &next, &frame, &payload, true);
    if (error) break;
    if (frame.number == image->super.first) image->restart_size = frame.length;
    error = held ? apply(image, &last, held) : WASI_ESUCCESS;
    free(held);
    held = payload;
    image->end = end;
    areas = before;
    last = frame;
    end = next;
    if (error) break;
  }
  if (error == WASI_ENOENT) {
    bool whole = true;
    error = held ? verify(image, &last, held, &whole) : WASI_ESUCCESS;
    if (!error && held && whole) error = apply(image, &last, held);
    if (whole) image->end = end;
    else image->area_count = areas;
  }
  free(held);
  return error;
}

/* Which blocks are in use, now that it is known what lies in them. (What was stored once may have lain beyond the
 * end that the device has today.) */
static wasi_errno_t claim_space(struct image *image, uint64_t size, uint32_t flags, uint32_t *findings) {
  if (!blocks_start(&image->space, whole_blocks(size) / BLOCK)) return WASI_ENOMEM;
  bool free_so_far = blocks_claim(&image->space, 0, 2 * BLOCK);
  for (uint32_t i = 0; i < image->area_count; i++) {
    free_so_far = blocks_claim(&image->space, image->areas[i].at, image->areas[i].length) && free_so_far;
  }
  if (!free_so_far) *findings |= IMAGE_LOG;
  for (struct chunk_node *node = image->map.heads[0]; node; node = node->next[0]) {
    if (node->length <= CHUNK_LIMIT && blocks_plausible(node->at, node->length, size) &&
        blocks_claim(&image->space, node->at, node->length)) {
      continue;
    }
    *findings |= IMAGE_PLACES;
    /* It takes no space, and reading it fails: image_check finds it. */
    node->at = 0;
    if (node->length == 0 || node->length > CHUNK_LIMIT) node->length = CHUNK_LIMIT;
  }
  return !free_so_far || ((*findings & IMAGE_PLACES) && !(flags & IMAGE_REPAIR)) ? WASI_EIO : WASI_ESUCCESS;
}

static wasi_errno_t recover(struct image *image, uint64_t size, uint32_t flags, uint32_t *findings) {
  wasi_errno_t error = super_read(image, size, findings);
  if (error) return error;
  bool goes_on = false;
  error = follow_log(image);
  if (!error) error = frames_go_on(image, &image->end, &goes_on);
  if (error == WASI_EIO) *findings |= IMAGE_LOG;
  if (error) return error;
  if (goes_on || image->end.number < image->super.settled) {
    *findings |= IMAGE_LOG;
    if (!(flags & IMAGE_REPAIR)) return WASI_EIO;
    image->super.settled = image->end.number;
    image->doubtful = true;
  }
  return claim_space(image, size, flags, findings);
}

/* Whether nothing but zeros was ever written: an image whose making a crash cut short, or nothing at all. */
static wasi_errno_t is_blank(const struct image *image, uint64_t size, bool *blank) {
  uint8_t bytes[512];
  *blank = size <= 2 * BLOCK + AREA_SIZE;
  for (uint64_t at = 0; at < size && *blank; at += sizeof bytes) {
    uint32_t length = size - at < sizeof bytes ? (uint32_t)(size - at) : sizeof bytes;
    wasi_errno_t error = device_read(image, at, bytes, length);
    if (error) return error;
    for (uint32_t i = 0; i < length; i++) *blank = *blank && bytes[i] == 0;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t make(struct image *image, uint64_t salt) {
  struct extent area = {0};
  if (!blocks_start(&image->space, 2) || !blocks_claim(&image->space, 0, 2 * BLOCK)) return WASI_ENOMEM;
  wasi_errno_t error = frames_make_area(image, AREA_SIZE, &area);
  if (!error && !frames_area_room(image)) error = WASI_ENOMEM;
  if (!error) image->areas[image->area_count++] = area;
  if (!error) error = device_flush(image);
  struct superblock super = {0, salt, area.at, area.length, 1, 0};
  if (!error) error = super_write(image, super);
  image->end = frames_start(&super);
  return error;
}

static void image_free(struct image *image) {
  nodes_free(image, image->put, false);
  map_free(&image->map);
  free(image->space.words);
  free(image->areas);
  free(image);
}

wasi_errno_t image_open(const struct block_device *device, uint32_t flags, uint64_t salt, struct image **opened,
                        uint32_t *findings) {
  struct image *image = calloc(1, sizeof *image);
  *findings = 0;
  *opened = NULL;
  if (!image) return WASI_ENOMEM;
  image->device = *device;
  image->read_only = flags & IMAGE_READ_ONLY;
  image->unsettled = true;
  image->map.random = salt | 1;
  crc32c_init(&image->crc);
  uint64_t size;
  bool blank = false;
  wasi_errno_t error = device->operations->size(device, &size);
  if (!error && !image->read_only) error = is_blank(image, size, &blank);
  if (!error) error = blank ? make(image, salt) : recover(image, size, flags, findings);
  if (error) image_free(image);
  else *opened = image;
  return error;
}

/* ---- reading ---- */

wasi_errno_t image_log(struct image *image, void *context,
                       wasi_errno_t (*take)(void *context, const void *bytes, uint32_t length)) {
  struct log_end end = frames_start(&image->super);
  struct frame frame;
  while (end.number < image->end.number) {
    uint8_t *payload;
    wasi_errno_t error = frames_next(image, &end, &frame, &payload, false);
    if (error) return error == WASI_ENOENT ? WASI_EIO : error;
    const uint8_t *lengths = chunks_of(&frame, payload) + (size_t)frame.chunks * CHUNK_RECORD;
    const uint8_t *segment = lengths + (size_t)frame.segments * LENGTH_RECORD;
    for (uint32_t i = 0; i < frame.segments && !error; i++) {
      uint32_t length = get32(lengths + (size_t)i * LENGTH_RECORD);
      error = take(context, segment, length);
      segment += length;
    }
    free(payload);
    if (error) return error;
  }
  return WASI_ESUCCESS;
}

wasi_errno_t image_load(struct image *image, uint64_t ino, uint64_t index, void *bytes, uint32_t *length) {
  const struct chunk_node *node = map_from(&image->map, ino, index);
  *length = 0;
  if (!node || node->ino != ino || node->index != index) return WASI_ESUCCESS;
  *length = node->length;
  return read_chunk(image, node->at, node->length, node->checksum, bytes);
}

wasi_errno_t image_keys(struct image *image, void *context,
                        wasi_errno_t (*take)(void *context, uint64_t ino, uint64_t index)) {
  wasi_errno_t error = WASI_ESUCCESS;
  for (const struct chunk_node *node = image->map.heads[0]; node && !error; node = node->next[0]) {
    error = take(context, node->ino, node->index);
  }
  return error;
}

void image_usage(const struct image *image, struct image_usage *usage) {
  *usage = (struct image_usage){0, blocks_used(&image->space), image->map.count, image->end.number};
  if (image->device.operations->size(&image->device, &usage->size)) usage->size = 0;
}

/* ---- changing ---- */

static void give_back(struct image *image, struct extent *extent) {
  if (extent->length > 0) blocks_free(&image->space, extent->at, extent->length);
  extent->length = 0;
}

/* Claim (f): as much as the next log will need, or what there is. That there is none is no failure. Nothing says on
 * the device where it is: it is free blocks that no chunk gets. */
static void keep_reserve(struct image *image) {
  uint64_t length = frames_area_length(image->restart_size);
  struct extent reserve = {0};
  if (image->reserve.length >= length) return;
  if (frames_make_area(image, length, &reserve) &&
      (image->reserve.length > 0 || frames_make_area(image, AREA_SIZE, &reserve))) {
    return;
  }
  give_back(image, &image->reserve);
  image->reserve = reserve;
}

/* Claims (c) and (d). */
static wasi_errno_t settle(struct image *image) {
  const uint8_t zeros[HEADER_SIZE] = {0};
  const struct log_end *end = &image->end;
  wasi_errno_t error = WASI_ESUCCESS;
  if (end->area_end - end->at >= HEADER_SIZE) error = device_write(image, end->at, zeros, HEADER_SIZE);
  if (!error) error = device_flush(image);
  if (!error && image->doubtful) error = super_write(image, image->super);
  image->unsettled = error != WASI_ESUCCESS;
  if (!error) keep_reserve(image);
  return error;
}

wasi_errno_t image_put_chunk(struct image *image, const struct volume_chunk *chunk) {
  if (image->read_only) return WASI_EROFS;
  if (chunk->length == 0 || chunk->length > CHUNK_LIMIT) return WASI_EINVAL;
  wasi_errno_t error = image->unsettled ? settle(image) : WASI_ESUCCESS;
  if (error) return error;
  uint64_t at;
  struct chunk_node *node = map_node(&image->map);
  if (!node || !blocks_take(&image->space, chunk->length, &at)) {
    free(node);
    return WASI_ENOMEM;
  }
  node->ino = chunk->ino;
  node->index = chunk->index;
  node->at = at;
  node->length = chunk->length;
  node->checksum = image_sum(image, 0, chunk->bytes, chunk->length);
  node->next[0] = image->put;
  image->put = node;
  image->put_count++;
  image->put_size += chunk->length;
  return device_write(image, at, chunk->bytes, chunk->length);
}

static void trim(struct image *image, uint64_t least) {
  uint64_t end = blocks_end(&image->space), size;
  if (image->device.operations->size(&image->device, &size) || size < end + least) return;
  /* What can not be cut off stays. */
  (void)!image->device.operations->truncate(&image->device, end);
}

/* The log with the new frame counts. */
static wasi_errno_t restart(struct image *image, struct superblock super, const struct extent *area,
                            const struct log_end *end) {
  super.log_at = area->at;
  super.log_length = area->length;
  super.first = super.settled = end->number;
  wasi_errno_t error = super_write(image, super);
  if (error) return error;
  while (image->area_count > 0) give_back(image, &image->areas[--image->area_count]);
  return WASI_ESUCCESS;
}

static void apply_cut(struct image *image, const struct volume_cut *cut, struct chunk_node *nodes) {
  for (uint32_t i = 0; i < cut->cut_count; i++) {
    nodes_free(image, map_cut(&image->map, cut->cuts[i].ino, cut->cuts[i].from, UINT64_MAX), true);
  }
  for (struct chunk_node *next; nodes; nodes = next) {
    next = nodes->next[0];
    nodes_free(image, map_put(&image->map, nodes), true);
  }
}

/* What of the commit is on the device is to be settled, and in memory as if it had not been tried. */
static void give_up(struct image *image, bool restarts, struct extent *area) {
  nodes_free(image, image->put, true);
  image->put = NULL;
  if (restarts && image->reserve.length == 0) image->reserve = *area;
  else give_back(image, area);
  image->unsettled = true;
}

/* The commit is completed: in memory, too. */
static void complete(struct image *image, const struct volume_cut *cut, const struct extent *area,
                     const struct log_end *end) {
  image->end = *end;
  apply_cut(image, cut, image->put);
  image->put = NULL;
  if (area->length > 0) {
    image->areas[image->area_count++] = *area;
    struct superblock super = image->super;
    super.settled = end->number;
    /* Claim (e); the commit is completed without it. */
    if (!cut->restart && super_write(image, super)) image->unsettled = true;
  }
  if (cut->restart) {
    image->restart_size = end->at - area->at;
    trim(image, TRIM);
  }
  if (!image->unsettled) keep_reserve(image);
}

static wasi_errno_t write_frame(struct image *image, const struct volume_cut *cut, struct extent *area,
                                struct log_end *end) {
  struct superblock super = image->super;
  /* Another one, also than those of restarts that failed; what random number it came from nobody knows. */
  if (cut->restart) super.salt += image->sequence + 1;
  uint32_t flags = image->put_size > VERIFY_LIMIT ? FRAME_LASTED : 0;
  wasi_errno_t error = flags ? device_flush(image) : WASI_ESUCCESS;
  if (!frames_area_room(image)) error = WASI_ENOMEM;
  if (!error) error = frames_append(image, super.salt, end, area, cut, flags);
  if (!error) error = device_flush(image);
  if (!error && cut->restart) error = restart(image, super, area, end);
  return error;
}

wasi_errno_t image_commit(struct image *image, const struct volume_cut *cut) {
  if (image->read_only) return WASI_EROFS;
  wasi_errno_t error = image->unsettled ? settle(image) : WASI_ESUCCESS;
  struct extent area = {0};
  struct log_end end = image->end;
  for (uint32_t i = 0; i < cut->chunk_count && !error; i++) error = image_put_chunk(image, &cut->chunks[i]);
  if (!error) error = write_frame(image, cut, &area, &end);
  if (error) give_up(image, cut->restart, &area);
  else complete(image, cut, &area, &end);
  image->put_count = 0;
  image->put_size = 0;
  return error;
}

void image_abandon(struct image *image) {
  struct extent none = {0};
  give_up(image, false, &none);
  image->put_count = 0;
  image->put_size = 0;
}

/* Zeros take the place of a damaged chunk. */
static wasi_errno_t put_zeros(struct image *image, const struct chunk_node *node, const uint8_t *zeros) {
  struct volume_chunk chunk = {node->ino, node->index, zeros, node->length};
  return image_put_chunk(image, &chunk);
}

wasi_errno_t image_check(struct image *image, uint32_t flags, void *context,
                         void (*damaged)(void *context, uint64_t ino, uint64_t index)) {
  uint8_t *bytes = malloc(CHUNK_LIMIT), *zeros = calloc(1, CHUNK_LIMIT);
  wasi_errno_t error = bytes && zeros ? WASI_ESUCCESS : WASI_ENOMEM;
  for (struct chunk_node *node = image->map.heads[0]; node && !error; node = node->next[0]) {
    error = read_chunk(image, node->at, node->length, node->checksum, bytes);
    if (error != WASI_EIO) continue;
    damaged(context, node->ino, node->index);
    error = flags & IMAGE_REPAIR ? put_zeros(image, node, zeros) : WASI_ESUCCESS;
  }
  free(bytes);
  free(zeros);
  const struct volume_cut nothing = {0};
  /* It also writes both superblocks, if need be. */
  if (!error && (flags & IMAGE_REPAIR) && (image->put || image->doubtful)) error = image_commit(image, &nothing);
  else if (error) image_abandon(image);
  return error;
}

wasi_errno_t image_close(struct image *image) {
  wasi_errno_t error = WASI_ESUCCESS;
  struct superblock super = image->super;
  if (!image->read_only && !image->unsettled) {
    trim(image, BLOCK);
    super.settled = image->end.number;
    if (super.settled != image->super.settled || image->doubtful) error = super_write(image, super);
  }
  image_free(image);
  return error;
}
