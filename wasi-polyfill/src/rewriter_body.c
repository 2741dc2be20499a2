/*
 * rewriter_body.c: the two instructions that are replaced, and the ones between them.
 */
#include "rewriter_body.h"

#include <string.h>

uint8_t scan_byte(struct scanner *scanner) {
  if (scanner->at < scanner->end) return *scanner->at++;
  scanner->failed = true;
  return 0;
}

uint32_t scan_u32(struct scanner *scanner) {
  uint32_t value = 0;
  for (uint32_t shift = 0; shift < 35; shift += 7) {
    uint8_t byte = scan_byte(scanner);
    if (shift == 28 && byte > 0x0F) break;
    value |= (uint32_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return scanner->failed ? 0 : value;
  }
  scan_past(scanner, UINT32_MAX);
  return 0;
}

void scan_past(struct scanner *scanner, uint32_t count) {
  if (count > (uint64_t)(scanner->end - scanner->at)) {
    scanner->failed = true;
    scanner->at = scanner->end;
  } else {
    scanner->at += count;
  }
}

void scan_past_leb(struct scanner *scanner) {
  while (scan_byte(scanner) >= 0x80) {
  }
}

/* Whether the bytes of one of the instructions occur. */
static bool may_contain(const uint8_t *start, const uint8_t *end) {
  for (const uint8_t *at = start + 1; at < end; at++) {
    if (*at == 0 && (at[-1] == OP_MEMORY_SIZE || at[-1] == OP_MEMORY_GROW)) return true;
  }
  return false;
}

/* Passes over what belongs to an instruction; false where that is not known. */
static bool scan_past_immediates(struct scanner *scanner, uint8_t opcode) {
  if (opcode >= 0x45 && opcode <= 0xC4) return true; /* arithmetic */
  if (opcode >= 0x28 && opcode <= 0x3E) {            /* an access; a large alignment names its memory */
    bool plain = scan_u32(scanner) < 64;
    scan_past_leb(scanner);
    return plain;
  }
  uint32_t count = 0;
  switch (opcode) {
    case 0x00: /* unreachable, nop, else, end, return, drop, select */
    case 0x01:
    case 0x05:
    case 0x0B:
    case 0x0F:
    case 0x1A:
    case 0x1B:
      return true;
    case 0x11: /* call_indirect */
      scan_past_leb(scanner);
      break;
    case 0x02: /* block, loop, if, br, br_if, call, locals, globals, integers */
    case 0x03:
    case 0x04:
    case 0x0C:
    case 0x0D:
    case 0x10:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x41:
    case 0x42:
      break;
    case 0x0E: /* br_table */
      for (count = scan_u32(scanner); count > 0 && !scanner->failed; count--) scan_past_leb(scanner);
      break;
    case 0x43: /* f32.const, f64.const */
    case 0x44:
      scan_past(scanner, opcode == 0x43 ? 4 : 8);
      return true;
    case 0xFC:
      count = scan_u32(scanner);
      if (count <= 7) return true;           /* saturating conversions */
      if (count == 10) scan_past_leb(scanner); /* memory.copy */
      else if (count != 11) return false;     /* memory.fill; others change segments or tables */
      break;
    default:
      return false;
  }
  scan_past_leb(scanner);
  return true;
}

bool rewriter_body(uint8_t *start, uint8_t *end, uint32_t grow_function, uint32_t pages_global) {
  static const uint8_t to_pages[] = {OP_I32_CONST, 16, OP_I32_SHR_U};
  if (!may_contain(start, end)) return true;
  struct scanner scanner = {start, end, false};
  for (uint32_t groups = scan_u32(&scanner); groups > 0 && !scanner.failed; groups--) {
    scan_past_leb(&scanner);
    scan_past_leb(&scanner);
  }
  /* The two instructions before this one. */
  const uint8_t *before = NULL, *last = NULL;
  while (scanner.at < end) {
    uint8_t *at = scanner.at;
    uint8_t opcode = scan_byte(&scanner);
    if (opcode == OP_MEMORY_SIZE || opcode == OP_MEMORY_GROW) {
      if (scan_byte(&scanner) != 0) return false; /* it names its memory */
      if (opcode == OP_MEMORY_SIZE) {
        at[0] = OP_GLOBAL_GET;
        at[1] = (uint8_t)pages_global;
      } else {
        if (last != at - 1 || before != at - 3 || memcmp(before, to_pages, 3) != 0) return false;
        uint8_t *call = at - 3;
        uint32_t index = grow_function;
        memset(call, OP_NOP, 5);
        *call++ = OP_CALL;
        for (; index >= 0x80; index >>= 7) *call++ = (uint8_t)(index | 0x80);
        *call = (uint8_t)index;
      }
    } else if (!scan_past_immediates(&scanner, opcode)) {
      return false;
    }
    before = last;
    last = at;
  }
  return !scanner.failed;
}
