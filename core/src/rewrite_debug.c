/*
 * Debug information entries, and the tables of addresses they refer to (DWARF 2 to 5).
 *
 * Nothing here changes its size: addresses, lengths and section offsets take four bytes, and are patched
 * in a copy. What does change its size, the line programs and DWARF 5's lists, is in rewrite_line.c and
 * rewrite_lists.c; entries refer to it by offset, which is patched too, for lists when all entries have been
 * seen. A single pass over all entries, in their order, without following references.
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
  FORM_STRX = 0x1a,
  FORM_ADDRX = 0x1b,
  FORM_DATA16 = 0x1e,
  FORM_LINE_STRP = 0x1f,
  FORM_REF_SIG8 = 0x20,
  FORM_IMPLICIT_CONST = 0x21, /* the value is in the abbreviation */
  FORM_LOCLISTX = 0x22,
  FORM_RNGLISTX = 0x23,
  FORM_STRX1 = 0x25,
  FORM_STRX2 = 0x26,
  FORM_STRX3 = 0x27,
  FORM_STRX4 = 0x28,
  FORM_ADDRX1 = 0x29,
  FORM_ADDRX2 = 0x2a,
  FORM_ADDRX3 = 0x2b,
  FORM_ADDRX4 = 0x2c
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
  AT_RANGES = 0x55,
  AT_ADDR_BASE = 0x73,
  AT_RNGLISTS_BASE = 0x74,
  AT_LOCLISTS_BASE = 0x8c
};

enum unit_type { UT_TYPE = 2, UT_SKELETON = 4, UT_SPLIT_COMPILE = 5, UT_SPLIT_TYPE = 6 };

/* The lists of one kind. */
struct lists {
  enum debug_section section; /* of DWARF 5 */
  struct list_references old; /* in the sections before DWARF 5 */
  struct list_references references;
  uint32_t base;              /* of the unit's table of offsets */
  VEC(uint32_t) indices;      /* of the unit's lists that are referred to by their place in that table */
  VEC(uint32_t) places;       /* where in .debug_info there is an offset to be patched */
};

struct walker {
  struct debug_info *debug;
  const struct code_map *map;
  const struct moves *lines;
  uint8_t *info; /* the copy that is patched */
  uint16_t version;
  uint32_t base; /* low_pc of the unit */
  struct dwarf_cursor abbreviations;
  VEC(const uint8_t *) codes; /* by abbreviation code - 1: where its declaration goes on; NULL: none */
  uint32_t addresses; /* where the unit's part of .debug_addr begins */
  struct lists ranges;
  struct lists locations;
};

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
  if (!bytes) return false;
  struct dwarf_cursor cursor = {bytes, bytes, bytes + walker->debug->size[DEBUG_ABBREV], true};
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
      if (form == FORM_IMPLICIT_CONST) dwarf_sleb(&cursor);
    } while (cursor.ok && (attribute || form));
  }
  walker->abbreviations = cursor;
  return true;
}

/* ---- entries ---- */

static bool skip_form(struct dwarf_cursor *unit, uint64_t form) {
  switch (form) {
    case FORM_FLAG_PRESENT:
    case FORM_IMPLICIT_CONST:
      return true;
    case FORM_DATA1:
    case FORM_FLAG:
    case FORM_REF1:
    case FORM_STRX1:
    case FORM_ADDRX1:
      dwarf_skip(unit, 1);
      return true;
    case FORM_DATA2:
    case FORM_REF2:
    case FORM_STRX2:
    case FORM_ADDRX2:
      dwarf_skip(unit, 2);
      return true;
    case FORM_STRX3:
    case FORM_ADDRX3:
      dwarf_skip(unit, 3);
      return true;
    case FORM_ADDR:
    case FORM_DATA4:
    case FORM_STRP:
    case FORM_REF_ADDR:
    case FORM_REF4:
    case FORM_SEC_OFFSET:
    case FORM_LINE_STRP:
    case FORM_STRX4:
    case FORM_ADDRX4:
      dwarf_skip(unit, 4);
      return true;
    case FORM_DATA8:
    case FORM_REF8:
    case FORM_REF_SIG8:
      dwarf_skip(unit, 8);
      return true;
    case FORM_DATA16:
      dwarf_skip(unit, 16);
      return true;
    case FORM_SDATA:
      dwarf_sleb(unit);
      return true;
    case FORM_UDATA:
    case FORM_REF_UDATA:
    case FORM_STRX:
    case FORM_ADDRX:
    case FORM_LOCLISTX:
    case FORM_RNGLISTX:
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

static bool patch_offset(const struct moves *moves, uint8_t *at) {
  uint32_t to;
  if (!moved_to(moves, get_fixed32(at), &to)) return false;
  set_fixed32(at, to);
  return true;
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
  bool has_index;  /* low is in .debug_addr, which the unit's first entry may tell later where */
  uint32_t low;    /* old */
  uint64_t index;
  uint8_t *length; /* high_pc as data4: patched at the end of the entry */
};

static bool is_address_index(uint64_t form) {
  return form == FORM_ADDRX || (form >= FORM_ADDRX1 && form <= FORM_ADDRX4);
}

static uint64_t index_at(struct walker *walker, uint64_t form, const uint8_t *at) {
  struct dwarf_cursor cursor = {at, at, walker->info + walker->debug->size[DEBUG_INFO], true};
  if (form < FORM_ADDRX1) return dwarf_uleb(&cursor);
  uint64_t index = 0;
  for (uint32_t i = 0; i <= form - FORM_ADDRX1; i++) index |= (uint64_t)dwarf_u8(&cursor) << (8 * i);
  return index;
}

static bool take_address(struct walker *walker, uint64_t attribute, uint64_t form, uint8_t *at,
                         struct extent *extent) {
  uint32_t address;
  if (form != FORM_ADDR) {
    uint64_t index = index_at(walker, form, at);
    if (attribute != AT_LOW_PC) return move_debug_address(walker->debug, walker->map, walker->addresses, index, &address);
    extent->has_index = true;
    extent->index = index;
    return true;
  }
  address = get_fixed32(at);
  if (attribute == AT_LOW_PC) {
    extent->has_low = true;
    extent->low = address;
  }
  set_fixed32(at, code_map_address(walker->map, address));
  return true;
}

static bool add_place(struct walker *walker, struct lists *lists, const uint8_t *at) {
  if (!VEC_ROOM(walker->debug->made[0].allocator, &lists->places, 1)) return false;
  lists->places.items[lists->places.count++] = (uint32_t)(at - walker->info);
  return true;
}

static bool add_reference(struct walker *walker, struct list_references *references, uint32_t offset) {
  if (!VEC_ROOM(walker->debug->made[0].allocator, &references->list, 1)) return false;
  references->list.items[references->list.count++] = (struct list_reference){.offset = offset};
  return true;
}

static bool add_index(struct walker *walker, struct lists *lists, const uint8_t *at) {
  if (!VEC_ROOM(walker->debug->made[0].allocator, &lists->indices, 1)) return false;
  uint64_t index = index_at(walker, FORM_ADDRX, at);
  lists->indices.items[lists->indices.count++] = (uint32_t)index;
  return index <= UINT32_MAX;
}

static bool take_section_offset(struct walker *walker, uint64_t attribute, uint8_t *at) {
  uint32_t offset = get_fixed32(at);
  struct lists *lists = attribute == AT_RANGES || attribute == AT_RNGLISTS_BASE ? &walker->ranges : &walker->locations;
  switch (attribute) {
    case AT_STMT_LIST:
      return patch_offset(walker->lines, at);
    case AT_ADDR_BASE:
      walker->addresses = offset;
      return true;
    case AT_RNGLISTS_BASE:
    case AT_LOCLISTS_BASE:
      lists->base = offset;
      return add_place(walker, lists, at);
    default:
      if (attribute != AT_RANGES && !is_list_attribute(attribute)) return true;
      if (walker->version < 5) return add_reference(walker, &lists->old, offset);
      return add_reference(walker, &lists->references, offset) && add_place(walker, lists, at);
  }
}

static bool take_attribute(struct walker *walker, uint64_t attribute, uint64_t form, uint8_t *at,
                           struct extent *extent) {
  if (form == FORM_ADDR || is_address_index(form)) return take_address(walker, attribute, form, at, extent);
  if (form == FORM_RNGLISTX) return add_index(walker, &walker->ranges, at);
  if (form == FORM_LOCLISTX) return add_index(walker, &walker->locations, at);
  if (attribute == AT_HIGH_PC) {
    extent->length = at;
    return form == FORM_DATA4;
  }
  return !is_section_offset(walker, attribute, form) || take_section_offset(walker, attribute, at);
}

static bool walk_entry(struct walker *walker, struct dwarf_cursor *unit, const uint8_t *declaration, bool is_unit) {
  struct dwarf_cursor abbreviation = {declaration, declaration, walker->abbreviations.end, true};
  struct extent extent = {0};
  for (;;) {
    uint64_t attribute = dwarf_uleb(&abbreviation), form = dwarf_uleb(&abbreviation);
    if (form == FORM_IMPLICIT_CONST) dwarf_sleb(&abbreviation);
    if (!abbreviation.ok) return false;
    if (attribute == 0 && form == 0) break;
    if (form == FORM_IMPLICIT_CONST) continue;
    while (form == FORM_INDIRECT && unit->ok) form = dwarf_uleb(unit);
    uint8_t *at = walker->info + (unit->at - unit->start);
    if (!skip_form(unit, form) || !unit->ok || !take_attribute(walker, attribute, form, at, &extent)) return false;
  }
  if (extent.has_index) {
    extent.has_low = true;
    if (!move_debug_address(walker->debug, walker->map, walker->addresses, extent.index, &extent.low)) return false;
  }
  if (extent.length) {
    if (!extent.has_low) return false;
    uint32_t high = extent.low + get_fixed32(extent.length);
    set_fixed32(extent.length, code_map_address(walker->map, high) - code_map_address(walker->map, extent.low));
  }
  if (is_unit) walker->base = extent.has_low ? extent.low : 0;
  return true;
}

/* The header behind the version; false when the unit is of a kind that is not understood. */
static bool read_unit_header(struct walker *walker, struct dwarf_cursor *unit) {
  uint8_t type = walker->version < 5 ? 0 : dwarf_u8(unit);
  uint8_t address_size = walker->version < 5 ? 0 : dwarf_u8(unit);
  uint32_t abbreviations = dwarf_u32(unit);
  if (walker->version < 5) address_size = dwarf_u8(unit);
  if (type == UT_SKELETON || type == UT_SPLIT_COMPILE || type == UT_SPLIT_TYPE) return false;
  if (type == UT_TYPE) dwarf_skip(unit, 12); /* its signature and where the type is */
  return unit->ok && address_size == 4 && read_abbreviations(walker, abbreviations);
}

static void set_bases(struct walker *walker, struct list_references *references, uint32_t first) {
  for (uint32_t i = first; i < references->list.count; i++) {
    references->list.items[i].base = walker->base;
    references->list.items[i].addresses = walker->addresses;
  }
}

/* References by index become such by offset, now that the unit has said where its table is. */
static bool resolve_indices(struct walker *walker, struct lists *lists) {
  uint64_t size = walker->debug->size[lists->section];
  for (uint32_t i = 0; i < lists->indices.count; i++) {
    uint64_t at = lists->base + (uint64_t)lists->indices.items[i] * 4;
    if (at + 4 > size) return false;
    uint32_t offset = lists->base + get_fixed32(walker->debug->bytes[lists->section] + at);
    if (!add_reference(walker, &lists->references, offset)) return false;
  }
  lists->indices.count = 0;
  return true;
}

static bool walk_unit(struct walker *walker, struct dwarf_cursor *unit) {
  walker->version = dwarf_u16(unit);
  if (!unit->ok || walker->version < 2 || walker->version > 5 || !read_unit_header(walker, unit)) return false;
  struct lists *const both[] = {&walker->ranges, &walker->locations};
  uint32_t first[2], first_old[2];
  for (int i = 0; i < 2; i++) {
    first[i] = both[i]->references.list.count;
    first_old[i] = both[i]->old.list.count;
    both[i]->base = 0;
  }
  walker->addresses = 0;
  bool is_unit = true;
  while (unit->at < unit->end) {
    uint64_t code = dwarf_uleb(unit);
    if (!unit->ok) return false;
    if (code == 0) continue;
    if (code > walker->codes.count || !walker->codes.items[code - 1]) return false;
    if (!walk_entry(walker, unit, walker->codes.items[code - 1], is_unit)) return false;
    is_unit = false;
  }
  for (int i = 0; i < 2; i++) {
    if (!resolve_indices(walker, both[i])) return false;
    set_bases(walker, &both[i]->references, first[i]);
    set_bases(walker, &both[i]->old, first_old[i]);
  }
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
  if (!bytes) return false;
  struct dwarf_cursor cursor = {bytes, bytes, bytes + walker->debug->size[section], true};
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
      set_fixed32(at + 4, code_map_address(walker->map, high));
      continue;
    }
    uint32_t new_base = code_map_address(walker->map, base);
    set_fixed32(at, code_map_address(walker->map, base + low) - new_base);
    set_fixed32(at + 4, code_map_address(walker->map, base + high) - new_base);
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
      set_fixed32(at, moved);
      if (length) set_fixed32(at + 4, code_map_address(walker->map, address + length) - moved);
    }
  }
  return cursor.ok;
}

/* ---- the sections ---- */

int debug_section_of(struct nidus_name name) {
  static const char *const with_addresses[DEBUG_SECTIONS] = {".debug_info", ".debug_abbrev", ".debug_line",
                                                             ".debug_ranges", ".debug_loc", ".debug_aranges",
                                                             ".debug_addr", ".debug_rnglists", ".debug_loclists"};
  static const char *const without[] = {".debug_str",      ".debug_pubnames",    ".debug_pubtypes",
                                        ".debug_macinfo",  ".debug_gnu_pubnames", ".debug_gnu_pubtypes",
                                        ".debug_line_str", ".debug_names",       ".debug_str_offsets"};
  for (int i = 0; i < DEBUG_SECTIONS; i++) {
    if (strlen(with_addresses[i]) == name.length && memcmp(with_addresses[i], name.bytes, name.length) == 0) return i;
  }
  for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
    if (strlen(without[i]) == name.length && memcmp(without[i], name.bytes, name.length) == 0) return DEBUG_SECTIONS;
  }
  bool debug = name.length > 7 && memcmp(name.bytes, ".debug_", 7) == 0;
  return debug ? -1 : DEBUG_SECTIONS;
}

static bool walk_units(struct walker *walker) {
  struct debug_info *debug = walker->debug;
  const uint8_t *bytes = debug->bytes[DEBUG_INFO];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + debug->size[DEBUG_INFO], true};
  walker->info = debug->made[DEBUG_INFO].bytes.items;
  while (cursor.at < cursor.end) {
    struct dwarf_cursor unit = dwarf_unit(&cursor);
    if (!cursor.ok || !walk_unit(walker, &unit)) return false;
  }
  return true;
}

static bool move_lists(struct walker *walker, struct lists *lists, enum debug_section old) {
  struct debug_info *debug = walker->debug;
  struct moves moves = {0};
  bool understood = true;
  for (uint32_t i = 0; understood && i < lists->old.list.count; i++) {
    understood = patch_list(walker, old, lists->old.list.items[i], debug->made[old].bytes.items);
  }
  if (understood && debug->bytes[lists->section]) {
    understood = rewrite_lists(debug, lists->section, walker->map, &lists->references, &moves);
  }
  for (uint32_t i = 0; understood && i < lists->places.count; i++) {
    understood = patch_offset(&moves, walker->info + lists->places.items[i]);
  }
  VEC_FREE(debug->made[0].allocator, &moves.list);
  return understood;
}

static void free_lists(const struct nidus_allocator *allocator, struct lists *lists) {
  VEC_FREE(allocator, &lists->old.list);
  VEC_FREE(allocator, &lists->references.list);
  VEC_FREE(allocator, &lists->indices);
  VEC_FREE(allocator, &lists->places);
}

static bool is_rewritten(enum debug_section section) {
  return section == DEBUG_LINE || section == DEBUG_RNGLISTS || section == DEBUG_LOCLISTS;
}

bool rewrite_debug(struct debug_info *debug, const struct code_map *map) {
  const struct nidus_allocator *allocator = debug->made[0].allocator;
  struct moves lines = {0};
  struct walker walker = {.debug = debug, .map = map, .lines = &lines,
                          .ranges.section = DEBUG_RNGLISTS, .locations.section = DEBUG_LOCLISTS};
  bool understood = true;
  for (int i = 0; i < DEBUG_SECTIONS; i++) {
    if (is_rewritten(i) || !debug->bytes[i]) continue;
    put_bytes(&debug->made[i], debug->bytes[i], debug->size[i]);
    if (debug->made[i].failed) understood = false;
  }
  if (understood && debug->bytes[DEBUG_LINE]) understood = rewrite_lines(debug, map, &lines);
  if (understood && debug->bytes[DEBUG_INFO]) understood = walk_units(&walker);
  understood = understood && move_lists(&walker, &walker.ranges, DEBUG_RANGES) &&
               move_lists(&walker, &walker.locations, DEBUG_LOC) &&
               (!debug->bytes[DEBUG_ARANGES] || patch_aranges(&walker, debug->made[DEBUG_ARANGES].bytes.items));
  VEC_FREE(allocator, &lines.list);
  VEC_FREE(allocator, &walker.codes);
  free_lists(allocator, &walker.ranges);
  free_lists(allocator, &walker.locations);
  return understood;
}
