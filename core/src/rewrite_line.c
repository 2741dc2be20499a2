/*
 * Line programs (DWARF 2 to 5, 6.2): the same rows at the new addresses.
 *
 * The program is run and written again operation by operation. Whatever advances the address becomes an
 * advance by the new distance; a special opcode, which advances and also ends a row, becomes that and
 * the special opcode with the same line advance and no address advance, which always exists. Everything
 * else, the header included, is copied.
 */
#include "rewrite.h"

enum {
  LNS_COPY = 1,
  LNS_ADVANCE_PC = 2,
  LNS_CONST_ADD_PC = 8,
  LNS_FIXED_ADVANCE_PC = 9,
  LNE_SET_ADDRESS = 2
};

struct line_header {
  uint8_t minimum_length;
  uint8_t line_range;
  uint8_t opcode_base;
  const uint8_t *operand_counts; /* of opcodes 1 to opcode_base - 1 */
};

struct line_state {
  const struct code_map *map;
  struct buffer *out;
  uint32_t from; /* the address in the old code */
  uint32_t to;   /* the address that the new program has reached */
  bool left_out; /* the rows of a function that the linker left out, which is behind all code, and may wrap */
};

/* Reads the header; the cursor is left at the first operation. */
static bool read_header(struct dwarf_cursor *unit, struct line_header *header) {
  uint16_t version = dwarf_u16(unit);
  if (!unit->ok || version < 2 || version > 5) return false;
  if (version == 5 && (dwarf_u8(unit) != 4 || dwarf_u8(unit) != 0)) return false; /* address, segment size */
  uint32_t length = dwarf_u32(unit);
  struct dwarf_cursor rest = *unit;
  dwarf_skip(unit, length);
  header->minimum_length = dwarf_u8(&rest);
  if (version >= 4) dwarf_u8(&rest); /* operations per instruction: 1 but for VLIW machines */
  dwarf_u8(&rest);                   /* default_is_stmt */
  dwarf_u8(&rest);                   /* line_base */
  header->line_range = dwarf_u8(&rest);
  header->opcode_base = dwarf_u8(&rest);
  header->operand_counts = rest.at;
  if (header->opcode_base > 0) dwarf_skip(&rest, header->opcode_base - 1u);
  return unit->ok && rest.ok && rest.at <= unit->at && header->line_range > 0 && header->opcode_base > 9;
}

static bool advance_to(struct line_state *state, uint32_t address) {
  uint32_t target = state->left_out ? state->to + (address - state->from) : code_map_address(state->map, address);
  state->from = address;
  if (target < state->to && !state->left_out) return false;
  if (target == state->to) return true;
  put_byte(state->out, LNS_ADVANCE_PC);
  put_u32(state->out, target - state->to);
  state->to = target;
  return true;
}

static bool extended_operation(struct line_state *state, struct dwarf_cursor *unit, const uint8_t *start) {
  uint64_t length = dwarf_uleb(unit);
  const uint8_t *operation = unit->at;
  dwarf_skip(unit, length);
  if (!unit->ok || length == 0) return false;
  if (*operation != LNE_SET_ADDRESS) {
    put_bytes(state->out, start, (size_t)(unit->at - start));
    /* end_sequence: the registers begin anew. */
    if (*operation == 1) {
      state->from = state->to = 0;
      state->left_out = false;
    }
    return true;
  }
  if (length != 5) return false;
  struct dwarf_cursor operand = {operation, operation + 1, operation + 5, true};
  state->from = dwarf_u32(&operand);
  state->to = code_map_address(state->map, state->from);
  state->left_out = state->from > state->map->end;
  put_bytes(state->out, start, (size_t)(operation + 1 - start));
  put_fixed32(state->out, state->to);
  return true;
}

static bool standard_operation(struct line_state *state, const struct line_header *header, struct dwarf_cursor *unit,
                               uint8_t opcode, const uint8_t *start) {
  switch (opcode) {
    case LNS_ADVANCE_PC:
      return advance_to(state, state->from + (uint32_t)dwarf_uleb(unit) * header->minimum_length);
    case LNS_CONST_ADD_PC:
      return advance_to(state, state->from + (255u - header->opcode_base) / header->line_range * header->minimum_length);
    case LNS_FIXED_ADVANCE_PC:
      return advance_to(state, state->from + dwarf_u16(unit));
    default:
      for (uint8_t i = 0; i < header->operand_counts[opcode - 1]; i++) dwarf_uleb(unit);
      put_bytes(state->out, start, (size_t)(unit->at - start));
      return true;
  }
}

static bool rewrite_program(struct dwarf_cursor *unit, const struct line_header *header, const struct code_map *map,
                            struct buffer *out) {
  struct line_state state = {.map = map, .out = out};
  while (unit->ok && unit->at < unit->end) {
    const uint8_t *start = unit->at;
    uint8_t opcode = dwarf_u8(unit);
    bool understood;
    if (opcode >= header->opcode_base) {
      uint8_t adjusted = (uint8_t)(opcode - header->opcode_base);
      understood = advance_to(&state, state.from + (uint32_t)(adjusted / header->line_range) * header->minimum_length);
      put_byte(out, (uint8_t)(adjusted % header->line_range + header->opcode_base));
    } else if (opcode == 0) {
      understood = extended_operation(&state, unit, start);
    } else {
      understood = standard_operation(&state, header, unit, opcode, start);
    }
    if (!understood) return false;
  }
  return unit->ok;
}

bool rewrite_lines(struct debug_info *debug, const struct code_map *map, struct moves *moves) {
  struct buffer *out = &debug->made[DEBUG_LINE];
  const uint8_t *bytes = debug->bytes[DEBUG_LINE];
  struct dwarf_cursor cursor = {bytes, bytes, bytes + debug->size[DEBUG_LINE], true};
  while (cursor.at < cursor.end) {
    struct buffer program = {.allocator = out->allocator};
    struct line_header header;
    if (!VEC_ROOM(out->allocator, &moves->list, 1)) return false;
    moves->list.items[moves->list.count++] = (struct move){(uint32_t)(cursor.at - bytes), out->bytes.count};
    struct dwarf_cursor unit = dwarf_unit(&cursor);
    const uint8_t *start = unit.at;
    bool understood = read_header(&unit, &header);
    if (understood) {
      put_bytes(&program, start, (size_t)(unit.at - start));
      /* advance_pc counts in minimum lengths; wasm code has no other than 1. */
      understood = header.minimum_length == 1 && rewrite_program(&unit, &header, map, &program) && !program.failed;
    }
    if (understood) {
      put_fixed32(out, program.bytes.count);
      put_bytes(out, program.bytes.items, program.bytes.count);
    }
    buffer_free(&program);
    if (!understood) return false;
  }
  return cursor.ok;
}
