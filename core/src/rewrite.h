/*
 * What the files of the rewriter share: a growing buffer, and where code went.
 *
 * A code map holds, in the order of addresses, points from which on old and new code differ by a
 * constant. Addresses are those of DWARF for WebAssembly: offsets from the first byte of the code section's
 * contents. An address at which code was inserted maps behind what was inserted.
 */
#ifndef NIDUS_CORE_REWRITE_H
#define NIDUS_CORE_REWRITE_H

#include <nidus/rewrite.h>

#include "instructions.h"
#include "module.h"
#include "translate.h"

struct buffer {
  const struct nidus_allocator *allocator;
  VEC(uint8_t) bytes;
  bool failed; /* no memory, or larger than 4 GiB; what is put afterwards is lost */
};

void put_bytes(struct buffer *buffer, const void *bytes, size_t size);
void put_byte(struct buffer *buffer, uint8_t byte);
void put_u32(struct buffer *buffer, uint32_t value); /* LEB128 */
void put_u64(struct buffer *buffer, uint64_t value);
void put_s64(struct buffer *buffer, int64_t value);
void put_name(struct buffer *buffer, struct nidus_name name);
void put_fixed32(struct buffer *buffer, uint32_t value); /* little-endian */
void set_fixed32(uint8_t *at, uint32_t value);
uint32_t get_fixed32(const uint8_t *at);
/* A section, or anything else behind its size. */
void put_sized(struct buffer *buffer, const struct buffer *contents);
void buffer_free(struct buffer *buffer);

struct code_point {
  uint32_t from;
  uint32_t to;
};

struct code_map {
  VEC(struct code_point) points;
  uint32_t end; /* old addresses from here on are not code, and stay */
};

uint32_t code_map_address(const struct code_map *map, uint32_t address);

/* What the checks use; indices in the new module. */
struct check_indices {
  uint32_t count_global;
  uint32_t slow_function;
  uint32_t slow_type; /* () -> () */
  uint32_t slow_table;
};

/* What is decided about each function before code is emitted. */
struct function_plan {
  uint32_t cost; /* of a call that goes straight through: its instructions outside loops, and those of the
                  * functions it calls there, as far as these have no check of their own */
  bool checked;  /* has a check at its entry */
  bool plain;    /* neither it nor what it calls has any check, or throws: the count stays as it is */
};

struct plan {
  struct function_plan *functions; /* by index, imports not counted */
};

NIDUS_CHECK enum nidus_code rewrite_plan(const struct nidus_module *module, struct plan *plan,
                                         struct nidus_error *error);
void plan_free(const struct nidus_module *module, struct plan *plan);

static inline bool rewrite_opens_block(uint32_t op) {
  return op == WASM_BLOCK || op == WASM_LOOP || op == WASM_IF || op == WASM_TRY || op == WASM_TRY_TABLE;
}

static inline bool rewrite_closes_block(uint32_t op) { return op == WASM_END || op == WASM_DELEGATE; }

static inline bool rewrite_throws(uint32_t op) {
  return op == WASM_THROW || op == WASM_THROW_REF || op == WASM_RETHROW;
}

static inline bool rewrite_is_call(uint32_t op) {
  return op == WASM_CALL || op == WASM_CALL_INDIRECT || op == WASM_CALL_REF ||
         op == WASM_RETURN_CALL || op == WASM_RETURN_CALL_INDIRECT || op == WASM_RETURN_CALL_REF;
}

/* skip_immediates, with the most frequent ones in place: none, or integers of one byte. */
NIDUS_CHECK static inline enum nidus_code rewrite_skip_immediates(struct reader *reader, uint32_t op) {
  static const uint64_t integers = 1ull << IMM_LABEL | 1ull << IMM_FUNC | 1ull << IMM_LOCAL | 1ull << IMM_GLOBAL |
                                   1ull << IMM_I32 | 1ull << IMM_I64;
  uint8_t immediates = instructions[op].immediates;
  const uint8_t *at = reader->at;
  if (immediates == IMM_NONE) return NIDUS_OK;
  if (reader->end - at >= 2 && *at < 0x80) {
    bool address = immediates == IMM_MEMARG && *at < 64 && at[1] < 0x80;
    if (address || (integers >> immediates & 1)) {
      reader->at += address ? 2 : 1;
      return NIDUS_OK;
    }
  }
  return skip_immediates(reader, op);
}

/* Leaves the reader of a body at its first instruction; *locals gets how many there are, parameters not counted. */
NIDUS_CHECK enum nidus_code rewrite_skip_locals(struct reader *reader, uint32_t *locals);

/* Emits the contents of the code section with checks, and where everything went. `base` is the offset of
 * the old contents in the module. */
NIDUS_CHECK enum nidus_code rewrite_code(const struct nidus_module *module, uint32_t base,
                                         const struct check_indices *indices, struct buffer *out,
                                         struct code_map *map, struct nidus_error *error);

/* Emits the contents of a section of code metadata behind its name; false when they are malformed. */
bool is_code_metadata(struct nidus_name name);
bool rewrite_metadata(const struct nidus_module *module, uint32_t base, const struct code_map *map,
                      struct reader *reader, struct buffer *out);

/* The debug sections of a module, with new contents where they were changed. */
enum debug_section { DEBUG_INFO, DEBUG_ABBREV, DEBUG_LINE, DEBUG_RANGES, DEBUG_LOC, DEBUG_ARANGES,
                     DEBUG_ADDR, DEBUG_RNGLISTS, DEBUG_LOCLISTS, DEBUG_SECTIONS };

struct debug_info {
  const uint8_t *bytes[DEBUG_SECTIONS]; /* NULL: the module has none */
  uint32_t size[DEBUG_SECTIONS];
  struct buffer made[DEBUG_SECTIONS];
};

/* Which debug section a custom section is; DEBUG_SECTIONS for one whose contents hold no code address;
 * -1 for one that does, or may, and is not understood. */
int debug_section_of(struct nidus_name name);

/* Fills in `made` for every section present. False when the DWARF is not understood. */
bool rewrite_debug(struct debug_info *debug, const struct code_map *map);

/* Where parts of a section went, by their offsets in it, ascending. */
struct move {
  uint32_t from;
  uint32_t to;
};
struct moves {
  VEC(struct move) list;
};
bool moved_to(const struct moves *moves, uint32_t from, uint32_t *to);

/* The line programs. */
bool rewrite_lines(struct debug_info *debug, const struct code_map *map, struct moves *moves);

/* A list of addresses that some entry refers to. */
struct list_reference {
  uint32_t offset;
  uint32_t base;      /* what its addresses are relative to */
  uint32_t addresses; /* where the unit's part of .debug_addr begins */
};
struct list_references {
  VEC(struct list_reference) list;
};
/* .debug_rnglists or .debug_loclists. Also moves the addresses in .debug_addr that they name. */
bool rewrite_lists(struct debug_info *debug, enum debug_section section, const struct code_map *map,
                   struct list_references *references, struct moves *moves);
/* Entry `index` of .debug_addr from `base` on, which is of code: *address gets the old one. Those of data stay. */
bool move_debug_address(struct debug_info *debug, const struct code_map *map, uint32_t base, uint64_t index,
                        uint32_t *address);

/* Little-endian reading of DWARF; `ok` falls to false at the first read beyond the end and stays. */
struct dwarf_cursor {
  const uint8_t *start;
  const uint8_t *at;
  const uint8_t *end;
  bool ok;
};
uint8_t dwarf_u8(struct dwarf_cursor *cursor);
uint16_t dwarf_u16(struct dwarf_cursor *cursor);
uint32_t dwarf_u32(struct dwarf_cursor *cursor);
uint64_t dwarf_uleb(struct dwarf_cursor *cursor);
int64_t dwarf_sleb(struct dwarf_cursor *cursor);
void dwarf_skip(struct dwarf_cursor *cursor, uint64_t count);
/* A unit's length field and the cursor of what it spans; leaves `cursor` behind the unit. */
struct dwarf_cursor dwarf_unit(struct dwarf_cursor *cursor);

#endif
