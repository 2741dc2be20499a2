/*
 * volume_log.h: the log of a volume: the one place that knows its bytes. All little-endian.
 *
 *   segment   0  u32 magic "NIDL"             record   0  u8  type
 *             4  u8  version (1)                       1  u24 length of what follows the number
 *             5  u8  flags (LOG_…)                     4  u64 inode number
 *             6  u16 0                                12  what the type says
 *             8  u64 transaction
 *            16  u64 the last transaction that its writer knew to be stored
 *            24  u32 number of the segment in the transaction, from 0
 *            28  u32 0
 *            32  records
 *
 *   INODE     the record of volume_record.c, and inline bytes
 *   ENTRY     u64 the child's number, name: replaces what had the name
 *   NO_ENTRY  name
 *   GONE      the inode, its entries and its chunks
 *   CHUNKS    u64 first, u32 count: these chunks exist, and are not what they were
 *   CUT       u64 from: no chunks exist from here on
 *   NEXT_INO  the number is one that no inode has had
 *
 * A flush is one transaction, of one segment or several; a store takes it whole or not at all. The first one of a log,
 * and now and then a later one that the store then puts in the place of the log, is a checkpoint: it tells the whole
 * tree. Taking in all segments in order so gives the tree as it was at the last flush. In a transaction the record of
 * an inode comes before all others about it; numbers are never used again.
 *
 * Whether a transaction reached the store is not always known (the connection was lost): its writer then writes the
 * same again under a new number, with what changed since. Every record may be taken in twice. So numbers grow, but may
 * leave gaps; what is missing is noticed by the number of the last transaction that was known.
 */
#ifndef NIDUS_VOLUME_LOG_H
#define NIDUS_VOLUME_LOG_H

#include "volume.h"

enum { LOG_HEADER_SIZE = 32, LOG_RECORD_SIZE = 12, LOG_SEGMENT_SIZE = 1 << 20 };
enum { LOG_CHECKPOINT = 1, LOG_LAST = 2 };
enum log_type { LOG_INODE = 1, LOG_ENTRY, LOG_NO_ENTRY, LOG_GONE, LOG_CHUNKS, LOG_CUT, LOG_NEXT_INO };

/* Writes a transaction; with no `bytes` it only measures it. */
struct log_writer {
  uint8_t *bytes;
  struct volume_segment *segments;
  uint32_t segment_count;
  uint64_t at;    /* the end of what has been written */
  uint64_t start; /* of the segment at hand */
  uint64_t transaction, after;
  uint8_t flags; /* LOG_CHECKPOINT or 0 */
};

/* A record with room for `length` bytes, which are to be put where this says; NULL while measuring. */
uint8_t *log_put(struct log_writer *log, enum log_type type, uint64_t ino, uint32_t length);
/* Behind the last record. */
void log_end(struct log_writer *log);

struct log_header {
  uint64_t transaction, after;
  uint32_t part;
  uint8_t flags;
};

struct log_record {
  enum log_type type;
  uint64_t ino;
  uint64_t value; /* ENTRY, CHUNKS, CUT: the first number that follows */
  uint32_t count; /* CHUNKS */
  const uint8_t *bytes; /* INODE: all; ENTRY, NO_ENTRY: the name */
  uint32_t length;
};

struct log_reader {
  const uint8_t *at, *end;
};

/* False when the bytes are no segment. */
MUST_CHECK bool log_open(struct log_reader *log, const void *bytes, uint32_t length, struct log_header *header);
/* The next record, where there is one: false when what follows is none. */
MUST_CHECK bool log_next(struct log_reader *log, struct log_record *record);

#endif
