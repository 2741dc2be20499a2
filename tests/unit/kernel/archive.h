/*
 * archive.h: tar archives written byte by byte, so that tests can have every dialect, and broken ones.
 */
#ifndef KERNEL_TEST_ARCHIVE_H
#define KERNEL_TEST_ARCHIVE_H

#include "kit.h"

struct archive {
  char *bytes;
  size_t length, capacity;
};

static inline char *add_blocks(struct archive *archive, size_t length) {
  size_t padded = (length + 511) / 512 * 512;
  if (archive->length + padded > archive->capacity) {
    archive->capacity = 2 * (archive->length + padded);
    archive->bytes = realloc(archive->bytes, archive->capacity);
    require(archive->bytes);
  }
  char *at = archive->bytes + archive->length;
  memset(at, 0, padded);
  archive->length += padded;
  return at;
}

static inline void seal(char *header) {
  unsigned sum = 0;
  memset(header + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += (uint8_t)header[i];
  snprintf(header + 148, 8, "%06o", sum);
}

/* A header of POSIX ustar; the caller may change it and seal it again. Returns its offset. */
static inline size_t add_header(struct archive *archive, const char *name, char type, size_t size, const char *link) {
  size_t at = archive->length;
  char *header = add_blocks(archive, 512);
  memcpy(header, name, strnlen(name, 100));
  memcpy(header + 100, "0000640", 7);
  snprintf(header + 124, 12, "%011o", (unsigned)size & 07777777777u);
  memcpy(header + 136, "00000000144", 11); /* 100 seconds */
  header[156] = type;
  memcpy(header + 157, link, strnlen(link, 100));
  memcpy(header + 257, "ustar\0" "00", 8);
  seal(header);
  return at;
}

static inline void add_file(struct archive *archive, const char *name, const char *text) {
  add_header(archive, name, '0', strlen(text), "");
  memcpy(add_blocks(archive, strlen(text)), text, strlen(text));
}

static inline void add_special(struct archive *archive, char type, const char *bytes, size_t length) {
  add_header(archive, "././@LongLink", type, length, "");
  memcpy(add_blocks(archive, length), bytes, length);
}

static inline void add_pax(struct archive *archive, const char *key, const char *value) {
  char record[1024];
  size_t length = strlen(key) + strlen(value) + 3;
  for (size_t digits = 0; digits != length;) {
    digits = length;
    length = strlen(key) + strlen(value) + 3 + (size_t)snprintf(NULL, 0, "%zu", digits);
  }
  snprintf(record, sizeof record, "%zu %s=%s\n", length, key, value);
  require(strlen(record) == length);
  add_special(archive, 'x', record, length);
}

#endif
