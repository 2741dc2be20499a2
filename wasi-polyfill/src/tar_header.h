/*
 * tar_header.h: the headers of tar archives, for those that read them: tar.c, which uses an archive in place,
 * and tar_import.c, which makes files of one.
 *
 * Understood: ustar with prefixes, GNU long names, pax path, linkpath, size, mtime and atime, base-256 numbers.
 * Nothing in an archive is trusted: what comes back has been checked against the length that was given.
 */
#ifndef NIDUS_TAR_HEADER_H
#define NIDUS_TAR_HEADER_H

#include "inode.h"

enum { TAR_BLOCK = 512 };

enum tar_kind {
  TAR_FILE,
  TAR_HARD_LINK,
  TAR_SYMBOLIC_LINK,
  TAR_FOLDER,
  TAR_LONG_NAME, /* these four: their contents are about the next entry, or about nothing */
  TAR_LONG_LINK,
  TAR_PAX,
  TAR_PAX_GLOBAL,
  TAR_SPECIAL, /* devices, FIFOs, labels: without contents */
  TAR_UNKNOWN  /* has contents, of a kind that cannot be read */
};

/* One header's view of the file that follows it. Names lie in the header. */
struct tar_entry {
  struct name prefix, name, link;
  uint64_t size; /* of the contents that follow */
  uint64_t mtime, atime;
  uint32_t mode;
  enum tar_kind kind;
};

/* What the entries before it say of the next one; zeros: nothing. Names lie where they were read. */
struct tar_extra {
  struct name path, link;
  uint64_t size, mtime, atime;
  bool has_size, has_mtime, has_atime;
  bool sparse; /* the contents are a map and pieces: GNU.sparse */
};

bool tar_block_is_zero(const char *block);
/* False when the checksum does not match, or the size cannot be read. */
MUST_CHECK bool tar_header_read(const char *block, struct tar_entry *entry);
/* Reads pax records; false when they are none. */
MUST_CHECK bool tar_pax_read(const char *bytes, uint32_t length, struct tar_extra *extra);
/* A name that GNU has as contents. */
struct name tar_long_name(const char *bytes, uint32_t length);
/* Puts what was said before into the entry. */
void tar_entry_complete(struct tar_entry *entry, const struct tar_extra *extra);

static inline bool tar_is_extra(enum tar_kind kind) { return kind >= TAR_LONG_NAME && kind <= TAR_PAX_GLOBAL; }

/* How far the contents are filled up to whole blocks. */
static inline uint32_t tar_padding(uint64_t size) { return (uint32_t)(-size % TAR_BLOCK); }

#endif
