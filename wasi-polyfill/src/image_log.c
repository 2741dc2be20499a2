/*
 * image_log.c: the frames of the log: written at its end, found again one after the other.
 */
#include <stdlib.h>

#include "image_format.h"

#define MAGIC 0x6D72464Eu /* "NFrm" */

/* How far behind the end of the log frames are looked for. */
#define LOOK_AHEAD ((uint64_t)16 << 20)

/* ---- reading ---- */

struct log_end frames_start(const struct superblock *super) {
  return (struct log_end){super->log_at, super->log_at + super->log_length, super->first - 1, 0};
}

bool frames_area_room(struct image *image) {
  if (image->area_count < image->area_capacity) return true;
  uint32_t capacity = image->area_capacity * 2 + 4;
  struct extent *areas = realloc(image->areas, capacity * sizeof *areas);
  if (!areas) return false;
  image->areas = areas;
  image->area_capacity = capacity;
  return true;
}

/* A header of this log, whichever it is; ENOENT: there is none. */
static wasi_errno_t read_header(const struct image *image, uint64_t at, uint8_t *bytes) {
  wasi_errno_t error = device_read(image, at, bytes, HEADER_SIZE);
  if (error) return error;
  bool valid = get32(bytes) == MAGIC && get64(bytes + 8) == image->super.salt &&
               get32(bytes + 4) == image_sum(image, 0, bytes + 8, HEADER_SIZE - 8);
  return valid ? WASI_ESUCCESS : WASI_ENOENT;
}

/* The header at `end`, if it is the one that follows; it becomes a part of the chain. */
static wasi_errno_t follow(const struct image *image, struct log_end *end, struct frame *frame) {
  uint8_t bytes[HEADER_SIZE];
  if (end->area_end - end->at < HEADER_SIZE) return WASI_ENOENT;
  wasi_errno_t error = read_header(image, end->at, bytes);
  if (error) return error;
  if (get64(bytes + 16) != end->number + 1 || get32(bytes + 24) != end->chain) return WASI_ENOENT;
  *frame = (struct frame){get64(bytes + 16), get64(bytes + 56), get64(bytes + 64), end->at + HEADER_SIZE,
                          get32(bytes + 32), get32(bytes + 28), get32(bytes + 36), get32(bytes + 40),
                          get32(bytes + 44), get32(bytes + 48), get32(bytes + 52)};
  end->chain = get32(bytes + 4);
  return WASI_ESUCCESS;
}

/* Whether the tables and segments of a payload fill it. */
static bool is_complete(const struct frame *frame, const uint8_t *payload) {
  uint64_t lengths = ((uint64_t)frame->kept + frame->chunks) * CHUNK_RECORD + (uint64_t)frame->cuts * CUT_RECORD;
  uint64_t sum = lengths + (uint64_t)frame->segments * LENGTH_RECORD;
  for (uint32_t i = 0; i < frame->segments && sum <= frame->length; i++) {
    sum += get32(payload + lengths + i * LENGTH_RECORD);
  }
  return sum == frame->length;
}

static wasi_errno_t read_payload(const struct image *image, const struct log_end *end, const struct frame *frame,
                                 uint8_t **payload) {
  if (frame->length > end->area_end - frame->payload_at) return WASI_ENOENT;
  *payload = malloc(frame->length ? frame->length : 1);
  if (!*payload) return WASI_ENOMEM;
  wasi_errno_t error = device_read(image, frame->payload_at, *payload, frame->length);
  if (!error && image_sum(image, 0, *payload, frame->length) != frame->checksum) error = WASI_ENOENT;
  if (!error && !is_complete(frame, *payload)) error = WASI_EIO;
  return error;
}

wasi_errno_t frames_next(struct image *image, struct log_end *end, struct frame *frame, uint8_t **payload,
                      bool add_areas) {
  struct log_end next = *end;
  uint32_t areas = image->area_count;
  uint64_t size;
  *payload = NULL;
  wasi_errno_t error = image->device.operations->size(&image->device, &size);
  if (!error) error = follow(image, &next, frame);
  if (!error && (frame->flags & FRAME_LINK)) {
    next.at = frame->link_at;
    next.area_end = frame->link_at + frame->link_length;
    if (!blocks_plausible(frame->link_at, frame->link_length, size)) error = WASI_ENOENT;
    else if (add_areas && !frames_area_room(image)) error = WASI_ENOMEM;
    else if (add_areas) image->areas[image->area_count++] = (struct extent){frame->link_at, frame->link_length};
    if (!error) error = follow(image, &next, frame);
    if (!error && (frame->flags & FRAME_LINK)) error = WASI_ENOENT;
  }
  if (!error) error = read_payload(image, &next, frame, payload);
  if (error) {
    image->area_count = areas;
    free(*payload);
    *payload = NULL;
    return error;
  }
  next.number = frame->number;
  next.at = frame->payload_at - HEADER_SIZE + whole_blocks(HEADER_SIZE + (uint64_t)frame->length);
  if (next.at > next.area_end) next.at = next.area_end;
  *end = next;
  return WASI_ESUCCESS;
}

wasi_errno_t frames_go_on(const struct image *image, const struct log_end *end, bool *goes_on) {
  uint64_t last = end->area_end - end->at > LOOK_AHEAD ? end->at + LOOK_AHEAD : end->area_end;
  uint8_t bytes[HEADER_SIZE];
  *goes_on = false;
  for (uint64_t at = end->at + BLOCK; at < last && last - at >= HEADER_SIZE && !*goes_on; at += BLOCK) {
    wasi_errno_t error = read_header(image, at, bytes);
    if (error && error != WASI_ENOENT) return error;
    *goes_on = !error && get64(bytes + 16) > end->number + 1;
  }
  return WASI_ESUCCESS;
}

/* ---- writing ---- */

/* Blocks that lie beyond the end of the device get their place on it now, so that there is no lack of it later. */
static wasi_errno_t fill(const struct image *image, uint64_t at, uint64_t end) {
  enum { STEP = 65536 };
  uint64_t size;
  wasi_errno_t error = image->device.operations->size(&image->device, &size);
  if (error || size >= end) return error;
  if (at < size) at = size;
  void *zeros = calloc(1, STEP);
  if (!zeros) return WASI_ENOMEM;
  for (; at < end && !error; at += STEP) {
    error = device_write(image, at, zeros, end - at < STEP ? (uint32_t)(end - at) : STEP);
  }
  free(zeros);
  return error;
}

wasi_errno_t frames_make_area(struct image *image, uint64_t length, struct extent *area) {
  uint64_t at;
  if (!blocks_take(&image->space, length, &at)) return WASI_ENOMEM;
  wasi_errno_t error = fill(image, at, at + length);
  if (error) blocks_free(&image->space, at, length);
  else *area = (struct extent){at, length};
  return error;
}

static void put_chunks(uint8_t **at, const struct chunk_node *node) {
  for (; node; node = node->next[0], *at += CHUNK_RECORD) {
    put64(*at, node->ino);
    put64(*at + 8, node->index);
    put64(*at + 16, node->at);
    put32(*at + 24, node->length);
    put32(*at + 28, node->checksum);
  }
}

/* The tables of a cut, and in the first frame of a log all chunks there are. */
static void put_tables(const struct image *image, uint8_t *at, const struct volume_cut *cut) {
  if (cut->restart) put_chunks(&at, image->map.heads[0]);
  for (uint32_t i = 0; i < cut->cut_count; i++, at += CUT_RECORD) {
    put64(at, cut->cuts[i].ino);
    put64(at + 8, cut->cuts[i].from);
  }
  put_chunks(&at, image->put);
  for (uint32_t i = 0; i < cut->segment_count; i++, at += LENGTH_RECORD) put32(at, cut->segments[i].length);
}

/* Completes a header for the place `end`, whose chain then has it. */
static void seal(const struct image *image, uint8_t *header, uint64_t salt, struct log_end *end) {
  put32(header, MAGIC);
  put64(header + 8, salt);
  put64(header + 16, end->number + 1);
  put32(header + 24, end->chain);
  end->chain = image_sum(image, 0, header + 8, HEADER_SIZE - 8);
  put32(header + 4, end->chain);
}

/* Goes to an area with room for `need` bytes and a link. A new log may have the reserve, the log that is there
 * may not: so where storage is full, there can always be a new log, which gives back the place of the old one. */
static wasi_errno_t find_room(struct image *image, uint64_t salt, struct log_end *end, struct extent *area,
                              uint64_t need, bool restart) {
  need += BLOCK;
  if (!restart && end->area_end - end->at >= need) return WASI_ESUCCESS;
  /* Not in a log that was written here. */
  if (!restart && end->area_end - end->at < HEADER_SIZE) return WASI_ENOSPC;
  wasi_errno_t error = frames_make_area(image, restart ? frames_area_length(need) : need < AREA_SIZE ? AREA_SIZE : need, area);
  if (error && restart && image->reserve.length >= need) {
    *area = image->reserve;
    image->reserve.length = 0;
    error = WASI_ESUCCESS;
  }
  if (!error && !restart) {
    uint8_t link[HEADER_SIZE] = {0};
    put32(link + 36, FRAME_LINK);
    put64(link + 56, area->at);
    put64(link + 64, area->length);
    seal(image, link, salt, end);
    error = device_write(image, end->at, link, HEADER_SIZE);
  }
  if (restart) end->chain = 0;
  end->at = area->at;
  end->area_end = area->at + area->length;
  return error;
}

wasi_errno_t frames_append(struct image *image, uint64_t salt, struct log_end *end, struct extent *area,
                        const struct volume_cut *cut, uint32_t flags) {
  uint64_t kept = cut->restart ? image->map.count : 0;
  uint64_t tables = (kept + image->put_count) * CHUNK_RECORD + (uint64_t)cut->cut_count * CUT_RECORD +
                    (uint64_t)cut->segment_count * LENGTH_RECORD;
  uint64_t length = tables;
  for (uint32_t i = 0; i < cut->segment_count; i++) length += cut->segments[i].length;
  if (length > INT32_MAX) return WASI_EFBIG;
  uint8_t *head = calloc(1, HEADER_SIZE + (size_t)tables);
  if (!head) return WASI_ENOMEM;
  wasi_errno_t error = find_room(image, salt, end, area, whole_blocks(HEADER_SIZE + length), cut->restart);
  if (!error) {
    put_tables(image, head + HEADER_SIZE, cut);
    uint32_t sum = image_sum(image, 0, head + HEADER_SIZE, (size_t)tables);
    uint64_t at = end->at + HEADER_SIZE + tables;
    for (uint32_t i = 0; i < cut->segment_count && !error; i++) {
      const struct volume_segment *segment = &cut->segments[i];
      sum = image_sum(image, sum, segment->bytes, segment->length);
      error = device_write(image, at, segment->bytes, segment->length);
      at += segment->length;
    }
    put32(head + 28, sum);
    put32(head + 32, (uint32_t)length);
    put32(head + 36, flags);
    put32(head + 40, (uint32_t)kept);
    put32(head + 44, image->put_count);
    put32(head + 48, cut->cut_count);
    put32(head + 52, cut->segment_count);
    seal(image, head, salt, end);
    if (!error) error = device_write(image, end->at, head, HEADER_SIZE + (uint32_t)tables);
    end->at += whole_blocks(HEADER_SIZE + length);
    end->number++;
  }
  free(head);
  return error;
}
