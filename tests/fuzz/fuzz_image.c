/*
 * fuzz_image.c: the input is a volume in one file, made by somebody who knows how its checksums are computed: they are
 * put right along the log before it is opened. Either it is refused, or it can be read, checked, changed, closed and
 * opened again, and then holds what was stored.
 *
 *   2 bytes   the size of the device, in units of 512 bytes
 *   48 bytes  both superblocks, from their sequence on
 *   pieces:   2 bytes the number of a block, 2 bytes a length, and so many bytes, which lie there; the rest is zeros
 */
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "image.h"

enum { BLOCK = 4096, LIMIT = 1 << 20, HEADER = 72, FRAMES = 64 };

struct memory {
  uint8_t *bytes;
  uint64_t size;
};

static void require(bool holds) {
  if (!holds) abort();
}

/* ---- a device in memory ---- */

static struct memory *memory_of(const struct block_device *device) { return device->context; }

static wasi_errno_t memory_read(const struct block_device *device, uint64_t at, void *bytes, uint32_t length) {
  const struct memory *memory = memory_of(device);
  if (at > memory->size || length > memory->size - at) return WASI_EIO;
  memcpy(bytes, memory->bytes + at, length);
  return WASI_ESUCCESS;
}

static wasi_errno_t memory_write(const struct block_device *device, uint64_t at, const void *bytes, uint32_t length) {
  struct memory *memory = memory_of(device);
  if (at > LIMIT || length > LIMIT - at) return WASI_ENOSPC;
  memcpy(memory->bytes + at, bytes, length);
  if (at + length > memory->size) memory->size = at + length;
  return WASI_ESUCCESS;
}

static wasi_errno_t memory_flush(const struct block_device *device) {
  (void)device;
  return WASI_ESUCCESS;
}

static wasi_errno_t memory_size(const struct block_device *device, uint64_t *size) {
  *size = memory_of(device)->size;
  return WASI_ESUCCESS;
}

static wasi_errno_t memory_truncate(const struct block_device *device, uint64_t size) {
  struct memory *memory = memory_of(device);
  require(size <= memory->size);
  memset(memory->bytes + size, 0, memory->size - size);
  memory->size = size;
  return WASI_ESUCCESS;
}

/* ---- checksums that fit ---- */

static uint64_t get(const uint8_t *at, size_t size) {
  uint64_t value = 0;
  memcpy(&value, at, size);
  return value;
}

static void put(uint8_t *at, uint64_t value, size_t size) { memcpy(at, &value, size); }

static void seal_superblock(const struct crc32c *crc, uint8_t *at) {
  memcpy(at, "NidusVol", 8);
  put(at + 8, 1, 4);
  put(at + 64, crc32c(crc, 0, at, 64), 4);
}

/* What the tables and segments of a frame take, if there is room for it; its own word for it otherwise. */
static uint64_t payload_length(const uint8_t *header, uint64_t room) {
  uint64_t tables = (get(header + 40, 4) + get(header + 44, 4)) * 32 + get(header + 48, 4) * 16;
  uint64_t segments = get(header + 52, 4), said = get(header + 32, 4) < room ? get(header + 32, 4) : room;
  if (tables > room || segments > (room - tables) / 4) return said;
  uint64_t length = tables + segments * 4;
  for (uint64_t i = 0; i < segments; i++) length += get(header + HEADER + tables + i * 4, 4);
  return length <= room ? length : said;
}

static void seal_log(const struct crc32c *crc, struct memory *memory) {
  const uint8_t *super = memory->bytes;
  uint64_t at = get(super + 32, 8), number = get(super + 48, 8);
  uint32_t chain = 0;
  for (int i = 0; i < FRAMES && at <= LIMIT - HEADER; i++) {
    uint8_t *header = memory->bytes + at;
    bool link = header[36] & 1;
    /* Where nothing says that there is a frame, the log ends. */
    if (get(header + 32, 4) == 0) break;
    memcpy(header, "NFrm", 4);
    put(header + 8, get(super + 24, 8), 8);
    put(header + 16, number, 8);
    put(header + 24, chain, 4);
    uint64_t length = link ? 0 : payload_length(header, LIMIT - HEADER - at);
    put(header + 32, length, 4);
    put(header + 28, crc32c(crc, 0, header + HEADER, length), 4);
    chain = crc32c(crc, 0, header + 8, HEADER - 8);
    put(header + 4, chain, 4);
    if (!link) number++;
    at = link ? get(header + 56, 8) : at + (HEADER + length + BLOCK - 1) / BLOCK * BLOCK;
  }
}

/* ---- use ---- */

static wasi_errno_t take_segment(void *context, const void *bytes, uint32_t length) {
  uint64_t *sum = context;
  for (uint32_t i = 0; i < length; i++) *sum += ((const uint8_t *)bytes)[i];
  return WASI_ESUCCESS;
}

static wasi_errno_t take_key(void *context, uint64_t ino, uint64_t index) {
  (void)ino, (void)index;
  ++*(uint64_t *)context;
  return WASI_ESUCCESS;
}

static void note_damage(void *context, uint64_t ino, uint64_t index) { (void)take_key(context, ino, index); }

/* Whether all that was damaged is repaired now, if that was asked for. */
static bool use(struct image *image, bool repair) {
  uint64_t sum = 0, keys = 0, damaged = 0;
  wasi_errno_t error = image_log(image, &sum, take_segment);
  require(!error || error == WASI_EIO || error == WASI_ENOMEM);
  require(image_keys(image, &keys, take_key) == WASI_ESUCCESS);
  error = image_check(image, repair ? IMAGE_REPAIR : 0, &damaged, note_damage);
  require(!error || error == WASI_ENOSPC);
  require(damaged <= keys);
  return !error;
}

/* What is committed is there, now and when it is opened again. */
static void change(const struct block_device *device, struct image *image) {
  static uint8_t bytes[65536], got[65536];
  uint32_t length;
  memset(bytes, 0x5A, sizeof bytes);
  const struct volume_segment segment = {bytes, 100};
  const struct volume_chunk_cut gone = {2, 0};
  const struct volume_chunk chunks[] = {{1, 0, bytes, sizeof bytes}, {3, 7, bytes, 5000}};
  struct volume_cut cut = {false, &segment, 1, &gone, 1, chunks, 2};
  wasi_errno_t error = image_commit(image, &cut);
  cut.restart = true;
  if (!error) error = image_commit(image, &cut);
  require(!error || error == WASI_ENOSPC);
  bool stored = !error;
  (void)image_close(image);
  uint32_t findings;
  error = image_open(device, IMAGE_READ_ONLY, 1, &image, &findings);
  if (!stored) {
    if (!error) (void)image_close(image);
    return;
  }
  require(!error && findings == 0);
  require(image_load(image, 3, 7, got, &length) == WASI_ESUCCESS && length == 5000 && memcmp(got, bytes, 5000) == 0);
  require(image_load(image, 2, 0, got, &length) == WASI_ESUCCESS && length == 0);
  uint64_t sum = 0;
  require(image_log(image, &sum, take_segment) == WASI_ESUCCESS && sum == 100 * 0x5A);
  (void)image_close(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct block_operations operations = {memory_read, memory_write, memory_flush, memory_size,
                                                     memory_truncate};
  static struct crc32c crc;
  if (size < 50) return 0;
  crc32c_init(&crc);
  struct memory memory = {calloc(1, LIMIT), (get(data, 2) % (LIMIT / 512 + 1)) * 512};
  require(memory.bytes);
  for (uint64_t slot = 0; slot < 2; slot++) memcpy(memory.bytes + slot * BLOCK + 16, data + 2, 48);
  for (const uint8_t *at = data + 50, *end = data + size; end - at > 4;) {
    uint64_t place = get(at, 2) % (LIMIT / BLOCK) * BLOCK, length = get(at + 2, 2);
    at += 4;
    if (length > (uint64_t)(end - at)) length = (uint64_t)(end - at);
    if (length > LIMIT - place) length = LIMIT - place;
    memcpy(memory.bytes + place, at, length);
    at += length;
  }
  for (uint64_t slot = 0; slot < 2; slot++) seal_superblock(&crc, memory.bytes + slot * BLOCK);
  if (get(memory.bytes + 32, 8) < LIMIT) seal_log(&crc, &memory);
  const struct block_device device = {&operations, &memory, 0};
  for (uint32_t flags = 0; flags <= IMAGE_REPAIR; flags += IMAGE_REPAIR) {
    struct image *image;
    uint32_t findings;
    wasi_errno_t error = image_open(&device, IMAGE_READ_ONLY | flags, 1, &image, &findings);
    if (!error) {
      (void)use(image, false);
      (void)image_close(image);
    }
    error = image_open(&device, flags, 1, &image, &findings);
    require(!error || error == WASI_EIO || error == WASI_EINVAL || error == WASI_ENOMEM || error == WASI_ENOSPC);
    if (error) continue;
    if (use(image, flags)) change(&device, image);
    else (void)image_close(image);
  }
  free(memory.bytes);
  return 0;
}
