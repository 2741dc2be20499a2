/*
 * wasm_give.h: what kernel.wasm and toolchain.wasm have in common: memory for the host's use, and how a call gives
 * bytes out (docs/kernel-abi.md). Included by the one file of each module that has its exports.
 */
#ifndef NIDUS_WASM_GIVE_H
#define NIDUS_WASM_GIVE_H

#include <stdint.h>
#include <stdlib.h>

#include "reply.h"

#define EXPORT(name) __attribute__((export_name(name)))

/* The growth of memory is noticed by whoever looks at its buffer; nobody needs to be told. But malloc asks for no more
 * than it needs, and V8 collects its garbage whenever a large memory has grown (a second for 10 MB of small files,
 * beyond 64 MB): so it grows by an eighth at least. */
void emscripten_notify_memory_growth(size_t memory_index);
void emscripten_notify_memory_growth(size_t memory_index) {
  (void)memory_index;
  (void)__builtin_wasm_memory_grow(0, __builtin_wasm_memory_size(0) / 8);
}

EXPORT("nidus_realloc") void *export_realloc(void *bytes, uint32_t size) { return realloc(bytes, size); }
EXPORT("nidus_free") void export_free(void *bytes) { free(bytes); }

/* What a call gives out besides its result: the host copies it before the next call that gives something. */
static struct {
  const void *bytes;
  uint32_t length;
} given;

EXPORT("nidus_given") const void *export_given(void) { return &given; }

/* Gives bytes from malloc, which are freed when the next are given. */
static int32_t give(int32_t result, void *bytes, uint32_t length) {
  static void *last;
  free(last);
  last = bytes;
  given.bytes = bytes;
  given.length = length;
  return result;
}

static inline int32_t reply_give(struct reply *reply, int32_t result) {
  if (reply->failed && result >= 0) result = -WASI_ENOMEM;
  return give(result, reply->bytes, reply->failed ? 0 : reply->length);
}

#endif
