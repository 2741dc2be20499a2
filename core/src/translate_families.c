/*
 * Instructions of the families outside the loop: other memories, bulk operations, tables, atomics
 * and SIMD. Their operations carry the wasm instruction's id and all operands in fixed fields.
 */
#include "simd_op.h"
#include "translate.h"

/* Operand slots of the instruction at hand, popped by its signature, and its result pushed. */
struct operands {
    uint16_t d;
    uint16_t in[3];
};

static enum nidus_code take(struct translator *t, uint32_t count, int has_result, enum width width,
                            struct operands *operands)
{
    *operands = (struct operands){0};
    for (uint32_t i = count; i-- > 0;)
        TRY(use_popped(t, &operands->in[i]));
    if (has_result)
        TRY(push_temp(t, width, &operands->d));
    return NIDUS_OK;
}

static enum nidus_code take_signature(struct translator *t, struct operands *operands)
{
    const struct signature_types *types = &signature_types[instructions[t->op].signature];
    return take(t, types->input_count, types->output_count, type_width(types->output), operands);
}

/* v128.load and v128.store of memory 0 have operations in the loop. */
static enum nidus_code vector_access(struct translator *t, uint64_t offset)
{
    struct operands o;
    int far = offset > UINT16_MAX;
    int load = t->op == 0x200 + SIMD_V128_LOAD;
    TRY(take_signature(t, &o));
    TRY(emit_op(t, load ? (far ? OP_LOAD128_FAR : OP_LOAD128)
                        : (far ? OP_STORE128_FAR : OP_STORE128)));
    if (load)
        emit_dest(t, o.d);
    emit(t, o.in[0]);
    if (!load)
        emit(t, o.in[1]);
    if (far)
        emit32(t, (uint32_t)offset);
    else
        emit(t, (uint16_t)offset);
    return NIDUS_OK;
}

static enum nidus_code memory_access(struct translator *t)
{
    struct operands o;
    uint32_t flags;
    uint32_t memory = 0;
    uint64_t offset;
    uint8_t lane = 0;
    TRY(read_u32(&t->reader, &flags));
    if (flags & 64)
        TRY(read_u32(&t->reader, &memory));
    TRY(read_u64(&t->reader, &offset));
    if (offset >= UINT64_C(1) << 55)
        offset = UINT64_C(1) << 55; /* out of bounds all the same, and fits the field */
    if (instructions[t->op].immediates == IMM_MEMARG_LANE)
        TRY(read_byte(&t->reader, &lane));
    if (memory == 0 && !t->module->memories.items[0].is64 &&
        (t->op == 0x200 + SIMD_V128_LOAD || t->op == 0x200 + SIMD_V128_STORE))
        return vector_access(t, offset);
    TRY(take_signature(t, &o));
    TRY(emit_op(t, OP_MEMORY));
    emit(t, t->op);
    emit_dest(t, o.d);
    emit(t, o.in[0]);
    emit(t, o.in[1]);
    emit(t, o.in[2]);
    emit(t, memory);
    emit(t, (uint32_t)(offset & 0xffff));
    emit(t, (uint32_t)(offset >> 16 & 0xffff));
    emit(t, (uint32_t)(offset >> 32 & 0xffff));
    emit(t, lane | (uint32_t)(offset >> 48) << 8);
    if (!signature_types[instructions[t->op].signature].output_count)
        t->last_dest = NO_INDEX;
    return NIDUS_OK;
}

/* ---- Tables and bulk operations ---- */

struct bulk_shape {
    uint8_t inputs;
    uint8_t has_result;
    uint8_t indices; /* immediates */
};

static struct bulk_shape bulk_shape(uint32_t op)
{
    switch (op) {
    case WASM_TABLE_GET:
        return (struct bulk_shape){1, 1, 1};
    case WASM_TABLE_SET:
        return (struct bulk_shape){2, 0, 1};
    case WASM_MEMORY_SIZE:
    case WASM_TABLE_SIZE:
        return (struct bulk_shape){0, 1, 1};
    case WASM_MEMORY_GROW:
        return (struct bulk_shape){1, 1, 1};
    case WASM_TABLE_GROW:
        return (struct bulk_shape){2, 1, 1};
    case WASM_DATA_DROP:
    case WASM_ELEM_DROP:
        return (struct bulk_shape){0, 0, 1};
    case WASM_MEMORY_FILL:
    case WASM_TABLE_FILL:
        return (struct bulk_shape){3, 0, 1};
    default: /* init and copy */
        return (struct bulk_shape){3, 0, 2};
    }
}

/* The type of the one result: an index as wide as the memory or table says, or a reference. */
static enum width bulk_width(const struct translator *t, uint32_t index)
{
    switch (t->op) {
    case WASM_MEMORY_SIZE:
    case WASM_MEMORY_GROW:
        return t->module->memories.items[index].is64 ? WIDTH64 : WIDTH32;
    case WASM_TABLE_SIZE:
    case WASM_TABLE_GROW:
        return t->module->tables.items[index].limits.is64 ? WIDTH64 : WIDTH32;
    default: /* table.get */
        return WIDTH_REF;
    }
}

static enum nidus_code bulk(struct translator *t)
{
    struct operands o;
    struct bulk_shape shape = bulk_shape(t->op);
    uint32_t x;
    uint32_t y = 0;
    TRY(read_u32(&t->reader, &x));
    if (shape.indices == 2)
        TRY(read_u32(&t->reader, &y));
    TRY(take(t, shape.inputs, shape.has_result, shape.has_result ? bulk_width(t, x) : WIDTH64, &o));
    TRY(emit_op(t, OP_BULK));
    emit(t, t->op);
    emit_dest(t, o.d);
    emit(t, o.in[0]);
    emit(t, o.in[1]);
    emit(t, o.in[2]);
    emit32(t, x);
    emit32(t, y);
    if (!shape.has_result)
        t->last_dest = NO_INDEX;
    return NIDUS_OK;
}

/* ---- SIMD ---- */

static enum nidus_code simd(struct translator *t)
{
    struct operands o;
    uint8_t lane = 0;
    const uint8_t *lanes = t->reader.at;
    const struct instruction *insn = &instructions[t->op];
    uint32_t inputs = signature_types[insn->signature].input_count;
    if (insn->immediates == IMM_LANE)
        TRY(read_byte(&t->reader, &lane));
    if (insn->immediates == IMM_SHUFFLE)
        TRY(read_bytes(&t->reader, 16, &lanes));
    TRY(take_signature(t, &o));
    if (insn->immediates == IMM_SHUFFLE) {
        TRY(emit_op(t, OP_SHUFFLE));
        emit_dest(t, o.d);
        emit(t, o.in[0]);
        emit(t, o.in[1]);
        for (int i = 0; i < 16; i += 2)
            emit(t, lanes[i] | (uint32_t)lanes[i + 1] << 8);
        return NIDUS_OK;
    }
    int is_shift = inputs == 2 && signature_types[insn->signature].inputs[1] == NIDUS_I32;
    int is_lane = insn->immediates == IMM_LANE || is_shift;
    TRY(emit_op(t, is_lane       ? OP_SIMD_LANE
                   : inputs == 1 ? OP_SIMD1
                   : inputs == 2 ? OP_SIMD2
                                 : OP_SIMD3));
    emit(t, t->op);
    emit_dest(t, o.d);
    for (uint32_t i = 0; i < (is_lane ? 2 : inputs); i++)
        emit(t, o.in[i]);
    if (is_lane)
        emit(t, lane);
    return NIDUS_OK;
}

enum nidus_code family_instruction(struct translator *t)
{
    const struct instruction *insn = &instructions[t->op];
    uint8_t zero;
    switch (insn->immediates) {
    case IMM_FENCE:
        return read_byte(&t->reader, &zero); /* one thread runs at a time: nothing to order */
    case IMM_MEMARG:
    case IMM_MEMARG_LANE:
        return memory_access(t);
    default:
        if (t->op >= 0x450 || (t->op >= WASM_I64_ADD128 && t->op <= WASM_I64_MUL_WIDE_U))
            return object_instruction(t);
        return t->op >= 0x200 ? simd(t) : bulk(t);
    }
}
