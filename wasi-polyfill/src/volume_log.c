#include "volume_log.h"

#include <string.h>

static const uint8_t magic[5] = {'N', 'I', 'D', 'L', 1};

/* ---- writing ---- */

static void segment_end(struct log_writer *log, uint8_t flags) {
  if (log->bytes) {
    uint8_t *header = log->bytes + log->start;
    memset(header, 0, LOG_HEADER_SIZE);
    memcpy(header, magic, sizeof magic);
    header[5] = log->flags | flags;
    memcpy(header + 8, &log->transaction, 8);
    memcpy(header + 16, &log->after, 8);
    memcpy(header + 24, &log->segment_count, 4);
    log->segments[log->segment_count] = (struct volume_segment){header, (uint32_t)(log->at - log->start)};
  }
  log->segment_count++;
  log->start = log->at;
}

uint8_t *log_put(struct log_writer *log, enum log_type type, uint64_t ino, uint32_t length) {
  uint32_t size = LOG_RECORD_SIZE + length;
  if (log->at > log->start && log->at - log->start + size > LOG_SEGMENT_SIZE) segment_end(log, 0);
  if (log->at == log->start) log->at += LOG_HEADER_SIZE;
  uint8_t *record = log->bytes ? log->bytes + log->at : NULL;
  log->at += size;
  if (!record) return NULL;
  uint32_t head = length << 8 | type;
  memcpy(record, &head, 4);
  memcpy(record + 4, &ino, 8);
  return record + LOG_RECORD_SIZE;
}

void log_end(struct log_writer *log) { segment_end(log, LOG_LAST); }

/* ---- reading ---- */

bool log_open(struct log_reader *log, const void *bytes, uint32_t length, struct log_header *header) {
  if (length < LOG_HEADER_SIZE || memcmp(bytes, magic, sizeof magic) != 0) return false;
  const uint8_t *at = bytes;
  header->flags = at[5];
  memcpy(&header->transaction, at + 8, 8);
  memcpy(&header->after, at + 16, 8);
  memcpy(&header->part, at + 24, 4);
  log->at = at + LOG_HEADER_SIZE;
  log->end = at + length;
  return (header->flags & ~(LOG_CHECKPOINT | LOG_LAST)) == 0;
}

bool log_next(struct log_reader *log, struct log_record *record) {
  /* How many bytes follow the number: all, and how many of them are numbers. */
  static const struct {
    uint8_t least, most, numbers;
  } lengths[] = {[LOG_INODE] = {1, 255, 0},  [LOG_ENTRY] = {9, 255, 8}, [LOG_NO_ENTRY] = {1, 255, 0},
                 [LOG_GONE] = {0, 0, 0},     [LOG_CHUNKS] = {12, 12, 12}, [LOG_CUT] = {8, 8, 8},
                 [LOG_NEXT_INO] = {0, 0, 0}};
  uint32_t head;
  if (log->end - log->at < LOG_RECORD_SIZE) return false;
  memcpy(&head, log->at, 4);
  uint32_t type = head & 255, length = head >> 8;
  if (type < LOG_INODE || type > LOG_NEXT_INO) return false;
  if (length < lengths[type].least || (lengths[type].most < 255 && length > lengths[type].most)) return false;
  if (length > (size_t)(log->end - log->at) - LOG_RECORD_SIZE) return false;
  *record = (struct log_record){.type = (enum log_type)type};
  memcpy(&record->ino, log->at + 4, 8);
  const uint8_t *rest = log->at + LOG_RECORD_SIZE;
  if (lengths[type].numbers >= 8) memcpy(&record->value, rest, 8);
  if (lengths[type].numbers == 12) memcpy(&record->count, rest + 8, 4);
  record->bytes = rest + lengths[type].numbers;
  record->length = length - lengths[type].numbers;
  log->at = rest + length;
  return record->ino > 0 && record->ino < (uint64_t)1 << 53;
}
