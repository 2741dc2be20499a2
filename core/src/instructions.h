/*
 * The instruction table in C's terms: enum wasm_op, and the facts of each instruction by its id.
 * Ids are dense enough for direct indexing; see instructions.def for how they are made.
 */
#ifndef NIDUS_CORE_INSTRUCTIONS_H
#define NIDUS_CORE_INSTRUCTIONS_H

#include <stdint.h>

enum immediates {
    IMM_ILLEGAL = 0, /* no such instruction */
    IMM_NONE,
    IMM_BLOCK,         /* block type */
    IMM_LABEL,         /* label */
    IMM_LABELS,        /* vector of labels, default label */
    IMM_FUNC,
    IMM_TYPE,
    IMM_TYPE_TABLE,    /* type, table */
    IMM_TYPE_INDEX,    /* type; a field, a segment, a count or another type */
    IMM_TYPES,         /* vector of value types */
    IMM_LOCAL,
    IMM_GLOBAL,
    IMM_TABLE,
    IMM_TABLE_TABLE,   /* destination, source */
    IMM_ELEM,
    IMM_ELEM_TABLE,
    IMM_DATA,
    IMM_DATA_MEMORY,
    IMM_MEMORY,
    IMM_MEMORY_MEMORY, /* destination, source */
    IMM_MEMARG,
    IMM_MEMARG_LANE,
    IMM_I32,
    IMM_I64,
    IMM_F32,
    IMM_F64,
    IMM_V128,
    IMM_SHUFFLE,
    IMM_LANE,
    IMM_HEAP,          /* heap type */
    IMM_CAST,          /* flags, label, two heap types */
    IMM_TAG,
    IMM_CATCHES,       /* block type, vector of catch clauses */
    IMM_FENCE          /* a zero byte */
};

enum signature {
    SIG_special = 0,
#define SIGNATURE(name, input_count, inputs, output_count, output) SIG_##name,
#include "instructions.def"
    SIG_COUNT
};

enum wasm_op {
#define INSTRUCTION(id, identifier, text, immediates, signature, alignment) WASM_##identifier = id,
#include "instructions.def"
    WASM_OP_COUNT = 0x470
};

#define FIRST_PREFIX 0xfb /* bytes below it are whole opcodes */
#define SIG_ADDRESS 15 /* stands for i32 or i64 as the memory says */

struct signature_types {
    uint8_t input_count;
    uint8_t inputs[3];
    uint8_t output_count;
    uint8_t output;
};

struct instruction {
    uint8_t immediates;
    uint8_t signature;
    uint8_t alignment;
};

extern const struct signature_types signature_types[SIG_COUNT];
extern const struct instruction instructions[WASM_OP_COUNT];

/* The text format's name of an instruction, or "an unknown instruction". */
const char *instruction_name(uint32_t id);

#endif
