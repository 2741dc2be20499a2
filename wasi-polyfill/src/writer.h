/*
 * writer.h: a growing buffer in which WebAssembly's binary format is written.
 *
 * Invariant: once memory was short it is `failed`, holds what it held, and takes nothing more.
 */
#ifndef NIDUS_WRITER_H
#define NIDUS_WRITER_H

#include <stdbool.h>
#include <stdint.h>

struct writer {
  uint8_t *bytes; /* free with free() */
  uint32_t length;
  uint32_t capacity;
  bool failed;
};

/* Makes room for this many bytes more; false: memory is short. */
bool writer_room(struct writer *writer, uint32_t length);
void writer_bytes(struct writer *writer, const void *bytes, uint32_t length);
void writer_byte(struct writer *writer, uint8_t byte);
void writer_u32(struct writer *writer, uint32_t value); /* LEB128 */
void writer_s32(struct writer *writer, uint32_t value); /* a non-negative constant, as signed LEB128 */

#endif
