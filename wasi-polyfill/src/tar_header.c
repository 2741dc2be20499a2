#include "tar_header.h"

#include <string.h>

static const uint64_t second = 1000000000u;

static uint32_t field_length(const char *field, uint32_t size) {
  const char *end = memchr(field, 0, size);
  return end ? (uint32_t)(end - field) : size;
}

/* Octal digits with blanks around them, or GNU's base-256, which may be negative. False when it is neither or
 * too large. */
static bool parse_number(const char *field, uint32_t size, uint64_t *value) {
  const uint8_t *at = (const uint8_t *)field;
  uint64_t number = 0;
  if (at[0] & 0x80) {
    if (at[0] != 0x80 && at[0] != 0xFF) return false;
    if (at[0] == 0xFF) number = UINT64_MAX;
    for (uint32_t i = 1; i < size; i++) {
      if ((int64_t)number >> 55 != (int64_t)number >> 63) return false;
      number = number << 8 | at[i];
    }
  } else {
    uint32_t i = 0;
    while (i < size && at[i] == ' ') i++;
    for (; i < size && at[i] >= '0' && at[i] <= '7'; i++) {
      if (number >> 60) return false;
      number = number << 3 | (uint64_t)(at[i] - '0');
    }
    for (; i < size; i++) {
      if (at[i] != ' ' && at[i] != 0) return false;
    }
  }
  *value = number;
  return true;
}

static bool checksum_matches(const char *header) {
  uint64_t stated;
  uint64_t sum = 8 * ' ';
  if (!parse_number(header + 148, 8, &stated)) return false;
  for (uint32_t i = 0; i < TAR_BLOCK; i++) {
    if (i < 148 || i >= 156) sum += (uint8_t)header[i];
  }
  return sum == stated;
}

bool tar_block_is_zero(const char *block) {
  for (uint32_t i = 0; i < TAR_BLOCK; i++) {
    if (block[i]) return false;
  }
  return true;
}

static enum tar_kind kind_of(char type) {
  switch (type) {
    case 0:
    case '0':
    case '7': return TAR_FILE;
    case '1': return TAR_HARD_LINK;
    case '2': return TAR_SYMBOLIC_LINK;
    case '5': return TAR_FOLDER;
    case 'L': return TAR_LONG_NAME;
    case 'K': return TAR_LONG_LINK;
    case 'x': return TAR_PAX;
    case 'g': return TAR_PAX_GLOBAL;
    case '3':
    case '4':
    case '6':
    case 'V': return TAR_SPECIAL;
    default: return TAR_UNKNOWN;
  }
}

/* Links, devices, folders and FIFOs have no contents; some archivers give a size all the same. */
static bool has_contents(enum tar_kind kind) {
  return kind == TAR_FILE || kind == TAR_UNKNOWN || tar_is_extra(kind);
}

bool tar_header_read(const char *block, struct tar_entry *entry) {
  uint64_t number;
  bool ustar = memcmp(block + 257, "ustar", 5) == 0 && block[262] == 0;
  if (!checksum_matches(block) || !parse_number(block + 124, 12, &entry->size) || entry->size > INT64_MAX) {
    return false;
  }
  entry->name = (struct name){block, field_length(block, 100)};
  entry->prefix = (struct name){block + 345, ustar ? field_length(block + 345, 155) : 0};
  entry->link = (struct name){block + 157, field_length(block + 157, 100)};
  entry->mode = parse_number(block + 100, 8, &number) ? (uint32_t)number & 07777 : 0;
  /* Seconds that 64 bits of nanoseconds cannot hold are those of 1970. */
  bool has_time = parse_number(block + 136, 12, &number) && number + INT64_MAX / second <= INT64_MAX / second * 2;
  entry->mtime = has_time ? number * second : 0;
  entry->atime = entry->mtime;
  entry->kind = kind_of(block[156]);
  /* Before ustar a folder was a file whose name ends in a slash. */
  if (entry->kind == TAR_FILE && entry->name.length > 0 && entry->name.bytes[entry->name.length - 1] == '/') {
    entry->kind = TAR_FOLDER;
  }
  if (!has_contents(entry->kind)) entry->size = 0;
  return true;
}

struct name tar_long_name(const char *bytes, uint32_t length) {
  return (struct name){bytes, field_length(bytes, length)};
}

void tar_entry_complete(struct tar_entry *entry, const struct tar_extra *extra) {
  if (extra->path.bytes) {
    entry->name = extra->path;
    entry->prefix.length = 0;
  }
  if (extra->link.bytes) entry->link = extra->link;
  if (extra->has_size && has_contents(entry->kind)) entry->size = extra->size;
  if (extra->has_mtime) entry->mtime = entry->atime = extra->mtime;
  if (extra->has_atime) entry->atime = extra->atime;
  if (extra->sparse) entry->kind = TAR_UNKNOWN;
}

/* ---- pax ---- */

static bool key_is(struct name key, const char *wanted) {
  return strlen(wanted) == key.length && memcmp(key.bytes, wanted, key.length) == 0;
}

/* Takes digits from the beginning of `text`; false when there are none, or too many. */
static bool take_digits(struct name *text, uint64_t *value) {
  uint64_t number = 0;
  uint32_t i = 0;
  for (; i < text->length && text->bytes[i] >= '0' && text->bytes[i] <= '9'; i++) {
    if (number > INT64_MAX / 10 - 1) return false;
    number = number * 10 + (uint64_t)(text->bytes[i] - '0');
  }
  text->bytes += i;
  text->length -= i;
  *value = number;
  return i > 0;
}

/* Seconds since 1970 with a fraction, as nanoseconds; what these 64 bits cannot hold is false. */
static bool parse_time(struct name text, uint64_t *time) {
  uint64_t seconds, fraction = 0;
  bool negative = text.length > 0 && text.bytes[0] == '-';
  text.bytes += negative;
  text.length -= negative;
  if (!take_digits(&text, &seconds) || seconds > INT64_MAX / second - 1) return false;
  if (text.length > 0 && text.bytes[0] != '.') return false;
  uint64_t unit = second;
  for (uint32_t i = 1; i < text.length; i++) {
    if (text.bytes[i] < '0' || text.bytes[i] > '9') return false;
    unit /= 10;
    fraction += unit * (uint64_t)(text.bytes[i] - '0');
  }
  *time = seconds * second + fraction;
  if (negative) *time = -*time;
  return true;
}

/* Records of keys that mean nothing here are passed over. */
static bool take_record(struct name key, struct name value, struct tar_extra *extra) {
  if (key_is(key, "path")) extra->path = value;
  if (key_is(key, "linkpath")) extra->link = value;
  if (key_is(key, "size")) {
    extra->has_size = true;
    return take_digits(&value, &extra->size) && value.length == 0;
  }
  if (key_is(key, "mtime")) extra->has_mtime = parse_time(value, &extra->mtime);
  if (key_is(key, "atime")) extra->has_atime = parse_time(value, &extra->atime);
  if (key.length > 11 && memcmp(key.bytes, "GNU.sparse.", 11) == 0) extra->sparse = true;
  return true;
}

/* pax records: "LENGTH KEY=VALUE\n", LENGTH counting all of it. POSIX.1-2017 pax, extended header. */
bool tar_pax_read(const char *at, uint32_t size, struct tar_extra *extra) {
  const char *end = at + size;
  while (at < end) {
    uint64_t length;
    struct name rest = {at, (uint32_t)(end - at)};
    if (!take_digits(&rest, &length) || rest.length == 0 || rest.bytes[0] != ' ' || length > (uint64_t)(end - at)) {
      return false;
    }
    const char *key = rest.bytes + 1, *next = at + length;
    if (next <= key || next[-1] != '\n') return false;
    const char *equals = memchr(key, '=', (size_t)(next - key));
    if (!equals) return false;
    struct name value = {equals + 1, (uint32_t)(next - 1 - (equals + 1))};
    if (!take_record((struct name){key, (uint32_t)(equals - key)}, value, extra)) return false;
    at = next;
  }
  return true;
}
