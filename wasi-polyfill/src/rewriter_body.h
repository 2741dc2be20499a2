/*
 * rewriter_body.h: reading WebAssembly's binary format, and replacing `memory.size` and `memory.grow` in one
 * function body, in place. Private to the rewriter.
 *
 * Invariant: the body keeps its length, so that neither its own size nor that of the code section changes.
 * `memory.size` (2 bytes) becomes `global.get` of a small index (2 bytes). `memory.grow` would not have room
 * for a `call`; but C libraries count in bytes, so it stands behind a division by the page size, and the call takes
 * the place of both:
 *
 *     41 10      i32.const 16
 *     76         i32.shr_u        ->   10 xx xx xx   call (bytes) -> old pages
 *     40 00      memory.grow           01            nop
 */
#ifndef NIDUS_REWRITER_BODY_H
#define NIDUS_REWRITER_BODY_H

#include <stdbool.h>
#include <stdint.h>

enum {
  OP_NOP = 0x01,
  OP_IF = 0x04,
  OP_END = 0x0B,
  OP_RETURN = 0x0F,
  OP_CALL = 0x10,
  OP_CALL_INDIRECT = 0x11,
  OP_SELECT = 0x1B,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_SET = 0x21,
  OP_LOCAL_TEE = 0x22,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_MEMORY_SIZE = 0x3F,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_I32_EQ = 0x46,
  OP_I32_GT_U = 0x4B,
  OP_I64_LT_S = 0x53,
  OP_I32_ADD = 0x6A,
  OP_I32_SUB = 0x6B,
  OP_I32_SHR_U = 0x76,
  OP_I64_SUB = 0x7D,
  BLOCK_VOID = 0x40,
  TYPE_FUNCREF = 0x70,
  TYPE_I64 = 0x7E,
  TYPE_I32 = 0x7F
};

/* Never goes past its end: what does not fit makes it `failed`, at its end, giving zeros. */
struct scanner {
  uint8_t *at, *end;
  bool failed;
};

uint8_t scan_byte(struct scanner *scanner);
uint32_t scan_u32(struct scanner *scanner); /* an unsigned LEB128 of 32 bits */
void scan_past(struct scanner *scanner, uint32_t count);
void scan_past_leb(struct scanner *scanner); /* of any width */

/* What a call of the function, and a global.get of the global, may need at most; a larger index has no room. */
enum { REWRITER_FUNCTIONS = 1 << 28, REWRITER_GLOBALS = 1 << 7 };

/* False: the body grows the memory in a way of its own, or has an instruction that no C compiler writes. */
bool rewriter_body(uint8_t *start, uint8_t *end, uint32_t grow_function, uint32_t pages_global);

#endif
