/*
 * Debug information entries, and the tables of addresses they refer to (DWARF 2 to 4).
 *
 * Nothing here changes its size: addresses, lengths and section offsets take four bytes, and are patched
 * in a copy. What does change its size, the line programs, is in rewrite_line.c; entries refer to it by
 * offset, which is patched too. A single pass over all entries, in their order, without following references.
 */
#include <string.h>

#include "rewrite.h"

enum form {
  FORM_ADDR = 0x01,
  FORM_BLOCK2 = 0x03,
  FORM_BLOCK4 = 0x04,
  FORM_DATA2 = 0x05,
  FORM_DATA4 = 0x06,
  FORM_DATA8 = 0x07,
  FORM_STRING = 0x08,
  FORM_BLOCK = 0x09,
  FORM_BLOCK1 = 0x0a,
  FORM_DATA1 = 0x0b,
  FORM_FLAG = 0x0c,
  FORM_SDATA = 0x0d,
  FORM_STRP = 0x0e,
  FORM_UDATA = 0x0f,
  FORM_REF_ADDR = 0x10,
  FORM_REF1 = 0x11,
  FORM_REF2 = 0x12,
  FORM_REF4 = 0x13,
  FORM_REF8 = 0x14,
  FORM_REF_UDATA = 0x15,
  FORM_INDIRECT = 0x16,
  FORM_SEC_OFFSET = 0x17,
  FORM_EXPRLOC = 0x18,
  FORM_FLAG_PRESENT = 0x19,
  FORM_REF_SIG8 = 0x20
};

enum attribute {
  AT_LOCATION = 0x02,
  AT_STMT_LIST = 0x10,
  AT_LOW_PC = 0x11,
  AT_HIGH_PC = 0x12,
  AT_STRING_LENGTH = 0x19,
  AT_RETURN_ADDR = 0x2a,
  AT_DATA_MEMBER_LOCATION = 0x38,
  AT_FRAME_BASE = 0x40,
  AT_MACRO_INFO = 0x43,
  AT_SEGMENT = 0x46,
  AT_STATIC_LINK = 0x48,
  AT_USE_LOCATION = 0x4a,
  AT_VTABLE_ELEM_LOCATION = 0x4d,
  AT_RANGES = 0x55
};

/* A list of addresses that some entry refers to, with the base that its addresses are relative to. */
struct list_reference {
  uint32_t offset;
  uint32_t base;
};

struct walker {
  struct debug_info *debug;
  const struct code_map *map;
  const struct line_units *lines;
  uint8_t *info; /* the copy that is patched */
  uint16_t version;
  uint32_t base; /* low_pc of the unit */
  struct dwarf_cursor abbreviations;
  VEC(const uint8_t *) codes; /* by abbreviation code - 1: where its declaration goes on; NULL: none */
  VEC(struct list_reference) ranges;
  VEC(struct list_reference) locations;
};

static void patch(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- abbreviations ---- */

enum { CODE_LIMIT = 1 << 16 };

static bool note_code(struct walker *walker, uint64_t code, const uint8_t *declaration) {
  if (code > CODE_LIMIT) return false;
  uint32_t need = (uint32_t)code;
  if (need > walker->codes.count) {
    uint32_t more = need - walker->codes.count;
    if (!VEC_ROOM(walker->debug->made[0].allocator, &walker->codes, more)) return false;
    memset(walker->codes.items + walker->codes.count, 0, more * sizeof *walker->codes.items);
    walker->codes.count = need;
  }
  walker->codes.items[code - 1] = declaration;
  return true;
}

/* Indexes the abbreviations at `offset`: code, tag, children, (attribute, form)... 0 0. */
static bool read_abbreviations(struct walker *walker, uint32_t offset) {
  const uint8_t *bytes = walker->debug->bytes[DEBUG_ABBREV];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + walker->debug->size[DEBUG_ABBREV], bytes != NULL};
  dwarf_skip(&cursor, offset);
  walker->codes.count = 0;
  for (;;) {
    uint64_t code = dwarf_uleb(&cursor);
    if (!cursor.ok) return false;
    if (code == 0) break;
    dwarf_uleb(&cursor); /* tag */
    dwarf_u8(&cursor);   /* children */
    if (!note_code(walker, code, cursor.at)) return false;
    uint64_t attribute, form;
    do {
      attribute = dwarf_uleb(&cursor);
      form = dwarf_uleb(&cursor);
    } while (cursor.ok && (attribute || form));
  }
  walker->abbreviations = cursor;
  return true;
}

/* ---- entries ---- */

static bool skip_form(struct dwarf_cursor *unit, uint64_t form) {
  switch (form) {
    case FORM_FLAG_PRESENT:
      return true;
    case FORM_DATA1:
    case FORM_FLAG:
    case FORM_REF1:
      dwarf_skip(unit, 1);
      return true;
    case FORM_DATA2:
    case FORM_REF2:
      dwarf_skip(unit, 2);
      return true;
    case FORM_ADDR:
    case FORM_DATA4:
    case FORM_STRP:
    case FORM_REF_ADDR:
    case FORM_REF4:
    case FORM_SEC_OFFSET:
      dwarf_skip(unit, 4);
      return true;
    case FORM_DATA8:
    case FORM_REF8:
    case FORM_REF_SIG8:
      dwarf_skip(unit, 8);
      return true;
    case FORM_SDATA:
      dwarf_sleb(unit);
      return true;
    case FORM_UDATA:
    case FORM_REF_UDATA:
      dwarf_uleb(unit);
      return true;
    case FORM_BLOCK1:
      dwarf_skip(unit, dwarf_u8(unit));
      return true;
    case FORM_BLOCK2:
      dwarf_skip(unit, dwarf_u16(unit));
      return true;
    case FORM_BLOCK4:
      dwarf_skip(unit, dwarf_u32(unit));
      return true;
    case FORM_BLOCK:
    case FORM_EXPRLOC:
      dwarf_skip(unit, dwarf_uleb(unit));
      return true;
    case FORM_STRING:
      while (unit->ok && dwarf_u8(unit)) {
      }
      return true;
    default:
      return false;
  }
}

static bool patch_line_reference(const struct walker *walker, uint8_t *at) {
  uint32_t offset = get(at);
  for (uint32_t i = 0; i < walker->lines->list.count; i++) {
    if (walker->lines->list.items[i].from != offset) continue;
    patch(at, walker->lines->list.items[i].to);
    return true;
  }
  return false;
}

static bool is_list_attribute(uint64_t attribute) {
  switch (attribute) {
    case AT_LOCATION:
    case AT_STRING_LENGTH:
    case AT_RETURN_ADDR:
    case AT_DATA_MEMBER_LOCATION:
    case AT_FRAME_BASE:
    case AT_SEGMENT:
    case AT_STATIC_LINK:
    case AT_USE_LOCATION:
    case AT_VTABLE_ELEM_LOCATION:
      return true;
    default:
      return false;
  }
}

/* Before DWARF 4 an offset into another section was data4; for a member's location that was a number. */
static bool is_section_offset(const struct walker *walker, uint64_t attribute, uint64_t form) {
  if (form == FORM_SEC_OFFSET) return true;
  return form == FORM_DATA4 && walker->version < 4 && attribute != AT_DATA_MEMBER_LOCATION;
}

/* What one entry says of its range: high_pc may be a length, and come before low_pc. */
struct extent {
  bool has_low;
  uint32_t low;          /* old */
  uint8_t *length;       /* high_pc as data4: patched at the end of the entry */
};

static bool take_attribute(struct walker *walker, uint64_t attribute, uint64_t form, uint8_t *at,
                           struct extent *extent) {
  const struct nidus_allocator *allocator = walker->debug->made[0].allocator;
  if (form == FORM_ADDR) {
    uint32_t address = get(at);
    if (attribute == AT_LOW_PC) {
      extent->has_low = true;
      extent->low = address;
    }
    patch(at, code_map_address(walker->map, address));
    return true;
  }
  if (attribute == AT_HIGH_PC) {
    extent->length = at;
    return form == FORM_DATA4;
  }
  if (!is_section_offset(walker, attribute, form)) return true;
  if (attribute == AT_STMT_LIST) return patch_line_reference(walker, at);
  struct list_reference reference = {get(at), 0};
  if (attribute == AT_RANGES) {
    if (!VEC_ROOM(allocator, &walker->ranges, 1)) return false;
    walker->ranges.items[walker->ranges.count++] = reference;
  } else if (is_list_attribute(attribute)) {
    if (!VEC_ROOM(allocator, &walker->locations, 1)) return false;
    walker->locations.items[walker->locations.count++] = reference;
  }
  return true;
}

static bool walk_entry(struct walker *walker, struct dwarf_cursor *unit, const uint8_t *declaration, bool is_unit) {
  struct dwarf_cursor abbreviation = {declaration, declaration, walker->abbreviations.end, true};
  struct extent extent = {0};
  for (;;) {
    uint64_t attribute = dwarf_uleb(&abbreviation), form = dwarf_uleb(&abbreviation);
    if (!abbreviation.ok) return false;
    if (attribute == 0 && form == 0) break;
    while (form == FORM_INDIRECT && unit->ok) form = dwarf_uleb(unit);
    uint8_t *at = walker->info + (unit->at - unit->start);
    if (!skip_form(unit, form) || !unit->ok || !take_attribute(walker, attribute, form, at, &extent)) return false;
  }
  if (extent.length) {
    if (!extent.has_low) return false;
    uint32_t high = extent.low + get(extent.length);
    patch(extent.length, code_map_address(walker->map, high) - code_map_address(walker->map, extent.low));
  }
  if (is_unit) walker->base = extent.has_low ? extent.low : 0;
  return true;
}

static bool walk_unit(struct walker *walker, struct dwarf_cursor *unit) {
  walker->version = dwarf_u16(unit);
  uint32_t abbreviations = dwarf_u32(unit);
  uint8_t address_size = dwarf_u8(unit);
  if (!unit->ok || walker->version < 2 || walker->version > 4 || address_size != 4) return false;
  if (!read_abbreviations(walker, abbreviations)) return false;
  uint32_t first_range = walker->ranges.count, first_location = walker->locations.count;
  bool is_unit = true;
  while (unit->at < unit->end) {
    uint64_t code = dwarf_uleb(unit);
    if (!unit->ok) return false;
    if (code == 0) continue;
    if (code > walker->codes.count || !walker->codes.items[code - 1]) return false;
    if (!walk_entry(walker, unit, walker->codes.items[code - 1], is_unit)) return false;
    is_unit = false;
  }
  for (uint32_t i = first_range; i < walker->ranges.count; i++) walker->ranges.items[i].base = walker->base;
  for (uint32_t i = first_location; i < walker->locations.count; i++) walker->locations.items[i].base = walker->base;
  return true;
}

/* ---- lists of addresses ---- */

/*
 * Ranges and location lists are alike: pairs of addresses relative to a base, a pair of zeros at the end,
 * (0xffffffff, base) for another base; locations have an expression behind each pair. A list is patched
 * from the original, so that one that two entries share comes out the same twice.
 */
static bool patch_list(const struct walker *walker, enum debug_section section, struct list_reference list,
                       uint8_t *made) {
  const uint8_t *bytes = walker->debug->bytes[section];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + walker->debug->size[section], bytes != NULL};
  uint32_t base = list.base;
  if (list.offset > walker->debug->size[section]) return false;
  dwarf_skip(&cursor, list.offset);
  for (;;) {
    uint8_t *at = made + (cursor.at - bytes);
    uint32_t low = dwarf_u32(&cursor), high = dwarf_u32(&cursor);
    if (!cursor.ok) return false;
    if (low == 0 && high == 0) return true;
    if (low == UINT32_MAX) {
      base = high;
      patch(at + 4, code_map_address(walker->map, high));
      continue;
    }
    uint32_t new_base = code_map_address(walker->map, base);
    patch(at, code_map_address(walker->map, base + low) - new_base);
    patch(at + 4, code_map_address(walker->map, base + high) - new_base);
    if (section == DEBUG_LOC) dwarf_skip(&cursor, dwarf_u16(&cursor));
  }
}

/* .debug_aranges: version, offset of the unit, address and segment size, padding, pairs of address and length. */
static bool patch_aranges(const struct walker *walker, uint8_t *made) {
  const uint8_t *bytes = walker->debug->bytes[DEBUG_ARANGES];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + walker->debug->size[DEBUG_ARANGES], true};
  while (cursor.at < cursor.end) {
    const uint8_t *start = cursor.at;
    struct dwarf_cursor unit = dwarf_unit(&cursor);
    uint16_t version = dwarf_u16(&unit);
    dwarf_u32(&unit);
    uint8_t address_size = dwarf_u8(&unit), segment_size = dwarf_u8(&unit);
    if (!unit.ok || version != 2 || address_size != 4 || segment_size != 0) return false;
    dwarf_skip(&unit, (uint64_t)(8 - (unit.at - start) % 8) % 8);
    while (unit.ok && unit.at < unit.end) {
      uint8_t *at = made + (unit.at - bytes);
      uint32_t address = dwarf_u32(&unit), length = dwarf_u32(&unit);
      if (!unit.ok) return false;
      uint32_t moved = code_map_address(walker->map, address);
      patch(at, moved);
      if (length) patch(at + 4, code_map_address(walker->map, address + length) - moved);
    }
  }
  return cursor.ok;
}

/* ---- the sections ---- */

int debug_section_of(struct nidus_name name) {
  static const char *const with_addresses[DEBUG_SECTIONS] = {".debug_info", ".debug_abbrev", ".debug_line",
                                                             ".debug_ranges", ".debug_loc", ".debug_aranges"};
  static const char *const without[] = {".debug_str",      ".debug_pubnames",    ".debug_pubtypes",
                                        ".debug_macinfo",  ".debug_gnu_pubnames", ".debug_gnu_pubtypes",
                                        ".debug_line_str", ".debug_names"};
  for (int i = 0; i < DEBUG_SECTIONS; i++) {
    if (strlen(with_addresses[i]) == name.length && memcmp(with_addresses[i], name.bytes, name.length) == 0) return i;
  }
  for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
    if (strlen(without[i]) == name.length && memcmp(without[i], name.bytes, name.length) == 0) return DEBUG_SECTIONS;
  }
  bool debug = name.length > 7 && memcmp(name.bytes, ".debug_", 7) == 0;
  return debug ? -1 : DEBUG_SECTIONS;
}

static bool walk_all(struct walker *walker) {
  struct debug_info *debug = walker->debug;
  const uint8_t *bytes = debug->bytes[DEBUG_INFO];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + debug->size[DEBUG_INFO], true};
  walker->info = debug->made[DEBUG_INFO].bytes.items;
  while (cursor.at < cursor.end) {
    struct dwarf_cursor unit = dwarf_unit(&cursor);
    if (!cursor.ok || !walk_unit(walker, &unit)) return false;
  }
  uint8_t *ranges = debug->made[DEBUG_RANGES].bytes.items, *locations = debug->made[DEBUG_LOC].bytes.items;
  for (uint32_t i = 0; i < walker->ranges.count; i++) {
    if (!patch_list(walker, DEBUG_RANGES, walker->ranges.items[i], ranges)) return false;
  }
  for (uint32_t i = 0; i < walker->locations.count; i++) {
    if (!patch_list(walker, DEBUG_LOC, walker->locations.items[i], locations)) return false;
  }
  return !debug->bytes[DEBUG_ARANGES] || patch_aranges(walker, debug->made[DEBUG_ARANGES].bytes.items);
}

bool rewrite_debug(struct debug_info *debug, const struct code_map *map) {
  const struct nidus_allocator *allocator = debug->made[0].allocator;
  struct line_units lines = {0};
  struct walker walker = {.debug = debug, .map = map, .lines = &lines};
  bool understood = true;
  for (int i = 0; i < DEBUG_SECTIONS; i++) {
    if (i == DEBUG_LINE || !debug->bytes[i]) continue;
    put_bytes(&debug->made[i], debug->bytes[i], debug->size[i]);
    if (debug->made[i].failed) understood = false;
  }
  if (understood && debug->bytes[DEBUG_LINE]) understood = rewrite_lines(debug, map, &lines);
  if (understood && debug->bytes[DEBUG_INFO]) understood = walk_all(&walker);
  VEC_FREE(allocator, &lines.list);
  VEC_FREE(allocator, &walker.codes);
  VEC_FREE(allocator, &walker.ranges);
  VEC_FREE(allocator, &walker.locations);
  return understood;
}
