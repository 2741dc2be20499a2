/*
 * salvage_exports.c: salvage.wasm, which makes a tree of what can be read of a volume's log (volume_salvage.h), for hosts in
 * JavaScript (web/salvage.js). Only compiled to wasm. One instance serves one log; its memory goes with it.
 */
#include <stdlib.h>

#include "volume_salvage.h"

#define EXPORT(name) __attribute__((export_name(name)))

/* The growth of memory is noticed by whoever looks at its buffer. */
void emscripten_notify_memory_growth(size_t memory_index);
void emscripten_notify_memory_growth(size_t memory_index) { (void)memory_index; }

static struct volume_segment *segments;
static uint32_t segment_count;
static struct volume_salvaged salvaged;

EXPORT("alloc") void *export_alloc(uint32_t size) { return malloc(size ? size : 1); }

/* The next segment of the log, whose bytes come from `alloc`: 0 or a negated errno. */
EXPORT("put_segment") int32_t export_put_segment(const uint8_t *bytes, uint32_t length) {
  struct volume_segment *grown = bytes ? realloc(segments, (segment_count + 1) * sizeof *segments) : NULL;
  if (!grown) return -WASI_ENOMEM;
  segments = grown;
  segments[segment_count++] = (struct volume_segment){bytes, length};
  return 0;
}

/* How many segments the new log has, or a negated errno. */
EXPORT("salvage") int32_t export_salvage(void) {
  wasi_errno_t error = volume_salvage(segments, segment_count, &salvaged);
  return error ? -(int32_t)error : (int32_t)salvaged.segment_count;
}

/* One of them. */
EXPORT("segment") const uint8_t *export_segment(uint32_t i) { return salvaged.segments[i].bytes; }
EXPORT("segment_length") uint32_t export_segment_length(uint32_t i) { return salvaged.segments[i].length; }

/* How many records and segments could not be used; how many files and folders are in lost+found. */
EXPORT("unusable") uint32_t export_unusable(void) { return salvaged.unusable; }
EXPORT("moved") uint32_t export_moved(void) { return salvaged.moved; }
