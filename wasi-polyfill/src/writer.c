/*
 * writer.c: the growing buffer of writer.h.
 */
#include "writer.h"

#include <stdlib.h>
#include <string.h>

bool writer_room(struct writer *writer, uint32_t length) {
  if (writer->failed || length <= writer->capacity - writer->length) return !writer->failed;
  uint32_t capacity = writer->capacity ? writer->capacity : 2048;
  while (capacity - writer->length < length && capacity < UINT32_MAX / 2) capacity *= 2;
  uint8_t *bytes = capacity - writer->length < length ? NULL : realloc(writer->bytes, capacity);
  writer->failed = !bytes;
  if (!bytes) return false;
  writer->bytes = bytes;
  writer->capacity = capacity;
  return true;
}

void writer_bytes(struct writer *writer, const void *bytes, uint32_t length) {
  if (length == 0 || !writer_room(writer, length)) return;
  memcpy(writer->bytes + writer->length, bytes, length);
  writer->length += length;
}

void writer_byte(struct writer *writer, uint8_t byte) { writer_bytes(writer, &byte, 1); }

void writer_u32(struct writer *writer, uint32_t value) {
  for (; value >= 0x80; value >>= 7) writer_byte(writer, (uint8_t)(value | 0x80));
  writer_byte(writer, (uint8_t)value);
}

void writer_s32(struct writer *writer, uint32_t value) {
  for (; value >= 0x40; value >>= 7) writer_byte(writer, (uint8_t)(value | 0x80));
  writer_byte(writer, (uint8_t)value);
}
