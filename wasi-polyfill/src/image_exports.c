/*
 * image_exports.c: image.wasm, a volume in one file for hosts in JavaScript (web/image-store.js). Only compiled to
 * wasm. One instance of the module serves one image; what it lies on are the imports of module `host`. All
 * numbers that may be large are JavaScript's: below 2^53.
 */
#include <stdlib.h>

#include "image.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("host"), import_name(name)))

IMPORT("read") int32_t import_read(double at, void *bytes, uint32_t length);
IMPORT("write") int32_t import_write(double at, const void *bytes, uint32_t length);
IMPORT("flush") int32_t import_flush(void);
IMPORT("size") double import_size(void);
IMPORT("truncate") int32_t import_truncate(double size);
/* A segment of the log; a chunk that is damaged, or that there is. */
IMPORT("segment") void import_segment(const void *bytes, uint32_t length);
IMPORT("chunk") void import_chunk(double ino, double index);

/* The growth of memory is noticed by whoever looks at its buffer. */
void emscripten_notify_memory_growth(size_t memory_index);
void emscripten_notify_memory_growth(size_t memory_index) { (void)memory_index; }

/* ---- the device ---- */

static wasi_errno_t errno_of(int32_t result) { return result < 0 ? (wasi_errno_t)-result : WASI_ESUCCESS; }

static wasi_errno_t device_read(const struct block_device *device, uint64_t at, void *bytes, uint32_t length) {
  (void)device;
  return errno_of(import_read((double)at, bytes, length));
}

static wasi_errno_t device_write(const struct block_device *device, uint64_t at, const void *bytes, uint32_t length) {
  (void)device;
  return errno_of(import_write((double)at, bytes, length));
}

static wasi_errno_t device_flush(const struct block_device *device) {
  (void)device;
  return errno_of(import_flush());
}

static wasi_errno_t device_size(const struct block_device *device, uint64_t *size) {
  (void)device;
  double result = import_size();
  if (result < 0) return (wasi_errno_t)-result;
  *size = (uint64_t)result;
  return WASI_ESUCCESS;
}

static wasi_errno_t device_truncate(const struct block_device *device, uint64_t size) {
  (void)device;
  return errno_of(import_truncate((double)size));
}

/* ---- the image ---- */

enum { CHUNK_LIMIT = 65536 };

static struct image *image;
static uint32_t findings;
static uint8_t buffer[CHUNK_LIMIT];

/* The cut that is being made. */
static struct volume_segment *segments;
static struct volume_chunk_cut *cuts;
static uint32_t segment_count, cut_count;
static wasi_errno_t failure;

/* Where chunks pass through, up to 64 KiB. */
EXPORT("buffer") void *export_buffer(void) { return buffer; }
EXPORT("alloc") void *export_alloc(uint32_t size) { return malloc(size ? size : 1); }

/* 0 or a negated errno; `findings` says more. The salt is in the buffer. */
EXPORT("open") int32_t export_open(uint32_t flags) {
  static const struct block_operations operations = {device_read, device_write, device_flush, device_size,
                                                     device_truncate};
  const struct block_device device = {&operations, NULL, 0};
  uint64_t salt;
  __builtin_memcpy(&salt, buffer, sizeof salt);
  return -(int32_t)image_open(&device, flags, salt, &image, &findings);
}

EXPORT("findings") uint32_t export_findings(void) { return findings; }

/* A sentence with "$" in the place of the name, ending in NUL; 0: the errno says it all. */
EXPORT("says") const char *export_says(uint32_t found, uint32_t error) { return image_says(found, error); }

static wasi_errno_t take(void *context, const void *bytes, uint32_t length) {
  (void)context;
  import_segment(bytes, length);
  return WASI_ESUCCESS;
}

EXPORT("log") int32_t export_log(void) { return -(int32_t)image_log(image, NULL, take); }

/* The length of a chunk, whose bytes are in the buffer then; 0: there is none. */
EXPORT("load") int32_t export_load(double ino, double index) {
  uint32_t length;
  wasi_errno_t error = image_load(image, (uint64_t)ino, (uint64_t)index, buffer, &length);
  return error ? -(int32_t)error : (int32_t)length;
}

/* A commit: its parts, in any order, and `commit`, which answers what failed first. */
static void note(wasi_errno_t error) {
  if (!failure) failure = error;
}

/* The bytes come from `alloc` and belong to the commit. */
EXPORT("put_segment") void export_put_segment(const uint8_t *bytes, uint32_t length) {
  struct volume_segment *grown = bytes ? realloc(segments, (segment_count + 1) * sizeof *segments) : NULL;
  if (!grown) {
    free((void *)bytes);
    note(WASI_ENOMEM);
    return;
  }
  segments = grown;
  segments[segment_count++] = (struct volume_segment){bytes, length};
}

EXPORT("put_cut") void export_put_cut(double ino, double from) {
  struct volume_chunk_cut *grown = realloc(cuts, (cut_count + 1) * sizeof *cuts);
  if (grown) {
    cuts = grown;
    cuts[cut_count++] = (struct volume_chunk_cut){(uint64_t)ino, (uint64_t)from};
  } else {
    note(WASI_ENOMEM);
  }
}

/* The bytes are in the buffer. */
EXPORT("put_chunk") void export_put_chunk(double ino, double index, uint32_t length) {
  const struct volume_chunk chunk = {(uint64_t)ino, (uint64_t)index, buffer, length};
  if (!failure) failure = image_put_chunk(image, &chunk);
}

EXPORT("commit") int32_t export_commit(uint32_t restart) {
  const struct volume_cut cut = {restart, segments, segment_count, cuts, cut_count, NULL, 0};
  wasi_errno_t error = failure;
  if (error) image_abandon(image);
  else error = image_commit(image, &cut);
  while (segment_count > 0) free((void *)segments[--segment_count].bytes);
  cut_count = 0;
  failure = WASI_ESUCCESS;
  return -(int32_t)error;
}

static void damaged(void *context, uint64_t ino, uint64_t index) {
  (void)context;
  import_chunk((double)ino, (double)index);
}

static wasi_errno_t tell_key(void *context, uint64_t ino, uint64_t index) {
  damaged(context, ino, index);
  return WASI_ESUCCESS;
}

/* Tells each chunk there is, in ascending order. */
EXPORT("keys") void export_keys(void) { (void)image_keys(image, NULL, tell_key); }

EXPORT("check") int32_t export_check(uint32_t flags) { return -(int32_t)image_check(image, flags, NULL, damaged); }

EXPORT("close") int32_t export_close(void) { return -(int32_t)image_close(image); }
