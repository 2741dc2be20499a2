/*
 * Range lists and location lists as DWARF 5 has them (2.6.2, 2.17.3): the same entries at the new addresses.
 *
 * Their offsets and lengths are numbers of any size, so that the lists are written anew, and whoever
 * refers to one by its offset is told where it went. A list's addresses depend on the unit that refers to
 * it: one that nobody refers to is copied.
 */
#include "rewrite.h"

/* In the terms of location lists; in range lists there is no LIST_DEFAULT, and what follows is one less. */
enum list_entry {
  LIST_END = 0,
  LIST_BASE_INDEX = 1,
  LIST_INDEX_INDEX = 2,
  LIST_INDEX_LENGTH = 3,
  LIST_OFFSETS = 4,
  LIST_DEFAULT = 5,
  LIST_BASE = 6,
  LIST_START_END = 7,
  LIST_START_LENGTH = 8
};

struct list {
  struct debug_info *debug;
  const struct code_map *map; /* NULL: as it was */
  struct dwarf_cursor *unit;
  struct buffer *out;
  uint32_t base;
  uint32_t addresses;
};

bool moved_to(const struct moves *moves, uint32_t from, uint32_t *to) {
  uint32_t low = 0, high = moves->list.count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (moves->list.items[middle].from == from) {
      *to = moves->list.items[middle].to;
      return true;
    }
    if (moves->list.items[middle].from < from) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return false;
}

bool move_debug_address(struct debug_info *debug, const struct code_map *map, uint32_t base, uint64_t index,
                        uint32_t *address) {
  uint64_t at = base + index * 4;
  if (index > UINT32_MAX || at + 4 > debug->size[DEBUG_ADDR]) return false;
  *address = get_fixed32(debug->bytes[DEBUG_ADDR] + at);
  set_fixed32(debug->made[DEBUG_ADDR].bytes.items + at, code_map_address(map, *address));
  return true;
}

static uint32_t moved(const struct list *list, uint32_t address) {
  return list->map ? code_map_address(list->map, address) : address;
}

static bool indexed(struct list *list, uint32_t *address) {
  uint64_t index = dwarf_uleb(list->unit);
  put_u64(list->out, index);
  *address = 0;
  return !list->map || move_debug_address(list->debug, list->map, list->addresses, index, address);
}

static uint32_t direct(struct list *list) {
  uint32_t address = dwarf_u32(list->unit);
  put_fixed32(list->out, moved(list, address));
  return address;
}

static void put_distance(struct list *list, uint32_t from, uint64_t distance) {
  uint32_t to = from + (uint32_t)distance;
  put_u32(list->out, moved(list, to) - moved(list, from));
}

static bool copy_entry(struct list *list, uint8_t kind) {
  uint32_t address;
  switch (kind) {
    case LIST_BASE_INDEX:
      return indexed(list, &list->base);
    case LIST_INDEX_INDEX:
      return indexed(list, &address) && indexed(list, &address);
    case LIST_INDEX_LENGTH:
      if (!indexed(list, &address)) return false;
      put_distance(list, address, dwarf_uleb(list->unit));
      return true;
    case LIST_OFFSETS:
      put_distance(list, list->base, dwarf_uleb(list->unit));
      put_distance(list, list->base, dwarf_uleb(list->unit));
      return true;
    case LIST_DEFAULT:
      return true;
    case LIST_BASE:
      list->base = direct(list);
      return true;
    case LIST_START_END:
      direct(list);
      direct(list);
      return true;
    case LIST_START_LENGTH:
      put_distance(list, direct(list), dwarf_uleb(list->unit));
      return true;
    default:
      return false;
  }
}

static bool copy_list(struct list *list, bool locations) {
  for (;;) {
    uint8_t kind = dwarf_u8(list->unit);
    if (!list->unit->ok) return false;
    put_byte(list->out, kind);
    if (kind == LIST_END) return true;
    if (!locations && kind >= LIST_DEFAULT) kind++;
    if (!copy_entry(list, kind)) return false;
    if (!locations || kind == LIST_BASE_INDEX || kind == LIST_BASE) continue;
    uint64_t size = dwarf_uleb(list->unit);
    const uint8_t *expression = list->unit->at;
    dwarf_skip(list->unit, size);
    if (!list->unit->ok) return false;
    put_u64(list->out, size);
    put_bytes(list->out, expression, (size_t)size);
  }
}

static bool note_move(const struct buffer *out, struct moves *moves, uint32_t from, uint32_t to) {
  if (!VEC_ROOM(out->allocator, &moves->list, 1)) return false;
  moves->list.items[moves->list.count++] = (struct move){from, to};
  return true;
}

/* The reference to the list at `offset`; NULL: there is none. */
static const struct list_reference *reference_to(const struct list_references *references, uint32_t offset) {
  uint32_t low = 0, high = references->list.count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (references->list.items[middle].offset == offset) return &references->list.items[middle];
    if (references->list.items[middle].offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return NULL;
}

/* Entries refer to lists nearly in order: moving each back to its place takes few steps. */
static void sort(struct list_references *references) {
  struct list_reference *items = references->list.items;
  for (uint32_t gap = references->list.count / 2; gap > 0; gap /= 2) {
    for (uint32_t i = gap; i < references->list.count; i++) {
      struct list_reference item = items[i];
      uint32_t at = i;
      for (; at >= gap && items[at - gap].offset > item.offset; at -= gap) items[at] = items[at - gap];
      items[at] = item;
    }
  }
}

/* A contribution: version, address and segment size, a table of offsets from itself, and the lists. `at` is
 * where the new one begins, behind its length. */
static bool rewrite_unit(struct list *list, enum debug_section section, const struct code_map *map,
                         const struct list_references *references, struct moves *moves, uint32_t at) {
  struct dwarf_cursor *unit = list->unit;
  const uint8_t *bytes = unit->start;
  const uint8_t *start = unit->at;
  uint16_t version = dwarf_u16(unit);
  uint8_t address_size = dwarf_u8(unit), segment_size = dwarf_u8(unit);
  uint32_t count = dwarf_u32(unit);
  const uint8_t *table = unit->at;
  dwarf_skip(unit, (uint64_t)count * 4);
  if (!unit->ok || version != 5 || address_size != 4 || segment_size != 0) return false;
  put_bytes(list->out, start, (size_t)(unit->at - start));
  uint32_t new_table = at + 8;
  if (!note_move(list->out, moves, (uint32_t)(table - bytes), new_table)) return false;
  while (unit->at < unit->end) {
    uint32_t from = (uint32_t)(unit->at - bytes);
    const struct list_reference *reference = reference_to(references, from);
    list->map = reference ? map : NULL;
    list->base = reference ? reference->base : 0;
    list->addresses = reference ? reference->addresses : 0;
    if (!note_move(list->out, moves, from, at + list->out->bytes.count)) return false;
    if (!copy_list(list, section == DEBUG_LOCLISTS) || list->out->failed) return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    uint32_t to;
    if (!moved_to(moves, (uint32_t)(table - bytes) + get_fixed32(table + 4 * i), &to)) return false;
    set_fixed32(list->out->bytes.items + 8 + 4 * i, to - new_table);
  }
  return true;
}

bool rewrite_lists(struct debug_info *debug, enum debug_section section, const struct code_map *map,
                   struct list_references *references, struct moves *moves) {
  struct buffer *out = &debug->made[section];
  const uint8_t *bytes = debug->bytes[section];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + debug->size[section], true};
  sort(references);
  while (cursor.at < cursor.end) {
    struct buffer contents = {.allocator = out->allocator};
    struct dwarf_cursor unit = dwarf_unit(&cursor);
    struct list list = {.debug = debug, .unit = &unit, .out = &contents};
    bool understood = rewrite_unit(&list, section, map, references, moves, out->bytes.count + 4);
    if (understood) {
      put_fixed32(out, contents.bytes.count);
      put_bytes(out, contents.bytes.items, contents.bytes.count);
    }
    buffer_free(&contents);
    if (!understood || out->failed) return false;
  }
  return cursor.ok;
}
