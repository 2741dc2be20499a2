/* The rewriter's buffers and its cursor over DWARF. */
#include <string.h>

#include "rewrite.h"

void put_bytes(struct buffer *buffer, const void *bytes, size_t size) {
  if (size == 0) return;
  if (buffer->failed || size > UINT32_MAX - buffer->bytes.count ||
      !VEC_ROOM(buffer->allocator, &buffer->bytes, (uint32_t)size)) {
    buffer->failed = true;
    return;
  }
  memcpy(buffer->bytes.items + buffer->bytes.count, bytes, size);
  buffer->bytes.count += (uint32_t)size;
}

void put_byte(struct buffer *buffer, uint8_t byte) { put_bytes(buffer, &byte, 1); }

void put_u64(struct buffer *buffer, uint64_t value) {
  uint8_t bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = (uint8_t)(value | 0x80);
  bytes[size++] = (uint8_t)value;
  put_bytes(buffer, bytes, size);
}

void put_u32(struct buffer *buffer, uint32_t value) { put_u64(buffer, value); }

void put_s64(struct buffer *buffer, int64_t value) {
  uint8_t bytes[10];
  size_t size = 0;
  while (value < -64 || value > 63) {
    bytes[size++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  bytes[size++] = (uint8_t)value & 0x7F;
  put_bytes(buffer, bytes, size);
}

void put_name(struct buffer *buffer, struct nidus_name name) {
  put_u64(buffer, name.length);
  put_bytes(buffer, name.bytes, name.length);
}

void set_fixed32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

uint32_t get_fixed32(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void put_fixed32(struct buffer *buffer, uint32_t value) {
  uint8_t bytes[4];
  set_fixed32(bytes, value);
  put_bytes(buffer, bytes, 4);
}

void put_sized(struct buffer *buffer, const struct buffer *contents) {
  put_u32(buffer, contents->bytes.count);
  put_bytes(buffer, contents->bytes.items, contents->bytes.count);
  if (contents->failed) buffer->failed = true;
}

void buffer_free(struct buffer *buffer) { VEC_FREE(buffer->allocator, &buffer->bytes); }

/* ---- DWARF ---- */

static bool has(struct dwarf_cursor *cursor, uint64_t count) {
  if (count > (uint64_t)(cursor->end - cursor->at)) {
    cursor->ok = false;
    cursor->at = cursor->end;
  }
  return cursor->ok;
}

uint8_t dwarf_u8(struct dwarf_cursor *cursor) { return has(cursor, 1) ? *cursor->at++ : 0; }

uint16_t dwarf_u16(struct dwarf_cursor *cursor) {
  if (!has(cursor, 2)) return 0;
  cursor->at += 2;
  return (uint16_t)(cursor->at[-2] | cursor->at[-1] << 8);
}

uint32_t dwarf_u32(struct dwarf_cursor *cursor) {
  if (!has(cursor, 4)) return 0;
  cursor->at += 4;
  return get_fixed32(cursor->at - 4);
}

uint64_t dwarf_uleb(struct dwarf_cursor *cursor) {
  uint64_t value = 0;
  for (uint32_t shift = 0;; shift += 7) {
    uint8_t byte = dwarf_u8(cursor);
    if (shift >= 64) cursor->ok = false;
    if (!cursor->ok) return 0;
    value |= (uint64_t)(byte & 0x7F) << shift;
    if (!(byte & 0x80)) return value;
  }
}

int64_t dwarf_sleb(struct dwarf_cursor *cursor) {
  uint64_t value = 0;
  for (uint32_t shift = 0;; shift += 7) {
    uint8_t byte = dwarf_u8(cursor);
    if (shift >= 64) cursor->ok = false;
    if (!cursor->ok) return 0;
    value |= (uint64_t)(byte & 0x7F) << shift;
    if (byte & 0x80) continue;
    if ((byte & 0x40) && shift + 7 < 64) value |= ~(uint64_t)0 << (shift + 7);
    return (int64_t)value;
  }
}

void dwarf_skip(struct dwarf_cursor *cursor, uint64_t count) {
  if (has(cursor, count)) cursor->at += count;
}

struct dwarf_cursor dwarf_unit(struct dwarf_cursor *cursor) {
  uint32_t length = dwarf_u32(cursor);
  struct dwarf_cursor unit = {cursor->start, cursor->at, cursor->at, cursor->ok};
  /* 0xfffffff0 and above announce 64-bit DWARF, which no 32-bit target uses. */
  if (length >= 0xFFFFFFF0u) cursor->ok = false;
  if (has(cursor, length)) {
    unit.end = cursor->at + length;
    cursor->at += length;
  }
  unit.ok = cursor->ok;
  return unit;
}
