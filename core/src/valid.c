/*
 * Validation of function bodies. Instructions whose operands are plain types are checked from the
 * instruction table; the others have a rule here, each named after the instruction.
 */
#include "valid.h"

#include <string.h>

#include "valid_rules.h"

enum nidus_code valid_new(struct nidus_module *module, struct validator **validator,
                          struct nidus_error *error)
{
    const struct nidus_allocator *allocator = &module->engine->config.allocator;
    struct validator *v = pool_new(allocator, 1, sizeof *v);
    if (!v)
        return error_no_memory(error);
    v->module = module;
    v->allocator = allocator;
    *validator = v;
    return NIDUS_OK;
}

void valid_free(struct validator *v)
{
    const struct nidus_allocator *allocator = v->allocator;
    VEC_FREE(allocator, &v->operands);
    VEC_FREE(allocator, &v->controls);
    VEC_FREE(allocator, &v->runs);
    VEC_FREE(allocator, &v->initialized);
    VEC_FREE(allocator, &v->init_log);
    pool_free(allocator, v, 1, sizeof *v);
}

static enum nidus_code add_locals(struct validator *v, uint32_t count, nidus_type type)
{
    const uint32_t limit = v->module->engine->config.limits.locals;
    if (count > limit - v->local_count)
        return READER_FAIL(v->reader, NIDUS_ERROR_LIMIT, v->where,
                           "Too many locals: the engine's limit is %u.", limit);
    if (count == 0)
        return NIDUS_OK;
    if (!VEC_ROOM(v->allocator, &v->runs, 1))
        return error_no_memory(v->reader->error);
    for (uint32_t i = v->local_count; i < v->local_count + count && i < DIRECT_LOCALS; i++)
        v->direct[i] = type;
    v->local_count += count;
    v->runs.items[v->runs.count++] = (struct local_run){v->local_count, type};
    if (type_is_ref(type) && !type_is_nullable(type))
        v->checks_init = 1;
    return NIDUS_OK;
}

/* Also refuses what the binary format calls malformed: 2^32 locals or more. */
static enum nidus_code read_locals(struct validator *v, const struct deftype *type)
{
    struct reader *reader = v->reader;
    v->runs.count = 0;
    v->local_count = 0;
    v->checks_init = 0;
    v->where = reader->at;
    for (uint32_t i = 0; i < type->shape.param_count; i++)
        TRY(add_locals(v, 1, type->shape.params[i]));
    v->checks_init = 0; /* parameters are always set */
    uint32_t declarations;
    TRY(read_u32(reader, &declarations));
    uint64_t total = type->shape.param_count;
    enum nidus_code over_limit = NIDUS_OK;
    for (uint32_t i = 0; i < declarations; i++) {
        uint32_t count;
        nidus_type local;
        v->where = reader->at;
        TRY(read_u32(reader, &count));
        TRY(decode_value_type(v->module, reader, &local));
        total += count;
        if (total > UINT32_MAX)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, v->where,
                               "Too many locals: %l.", total);
        if (over_limit == NIDUS_OK)
            over_limit = add_locals(v, count, local);
    }
    TRY(over_limit);
    if (!v->checks_init)
        return NIDUS_OK;
    if (!VEC_ROOM(v->allocator, &v->initialized, v->local_count) ||
        !VEC_ROOM(v->allocator, &v->init_log, v->local_count))
        return error_no_memory(reader->error);
    return NIDUS_OK;
}

/* The address type and the alignment of a memory argument; the offset must fit the memory. */
enum nidus_code valid_memarg(struct validator *v, uint32_t natural, int exact, nidus_type *address)
{
    struct reader *reader = v->reader;
    uint32_t flags;
    uint32_t memory = 0;
    const uint8_t *where = reader->at;
    TRY(read_u32(reader, &flags));
    if (flags >= 128)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed memop flags %u.", flags);
    if (flags & 64) {
        TRY(read_u32(reader, &memory));
        flags &= 63;
    }
    uint64_t offset;
    const uint8_t *offset_at = reader->at;
    TRY(read_u64(reader, &offset));
    if (memory >= v->module->memories.count)
        return VALID_FAIL(v, "Unknown memory %u.", memory);
    if (flags > natural || (exact && flags != natural))
        return VALID_FAIL(v, "Alignment must %s natural: 2^%u, where %s takes 2^%u.",
                          exact ? "be" : "not be larger than", flags, instruction_name(v->op),
                          natural);
    int is64 = v->module->memories.items[memory].is64;
    if (!is64 && offset > UINT32_MAX)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, offset_at, "Offset out of range: %l.",
                           offset);
    *address = is64 ? NIDUS_I64 : NIDUS_I32;
    return NIDUS_OK;
}

/* Immediates of the instructions that follow a plain signature. */
static enum nidus_code plain_immediates(struct validator *v, const struct instruction *insn,
                                        nidus_type *address)
{
    struct reader *reader = v->reader;
    const uint8_t *bytes;
    switch (insn->immediates) {
    case IMM_NONE:
        return NIDUS_OK;
    case IMM_MEMARG:
        return valid_memarg(v, insn->alignment, v->op >= 0x400, address);
    case IMM_MEMARG_LANE: {
        uint8_t lane;
        TRY(valid_memarg(v, insn->alignment, 0, address));
        TRY(read_byte(reader, &lane));
        if (lane >= 16u >> insn->alignment)
            return VALID_FAIL(v, "Invalid lane index %u.", (uint32_t)lane);
        return NIDUS_OK;
    }
    case IMM_I32: {
        int32_t value;
        v->loop_constants += v->loop_depth != 0;
        return read_s32(reader, &value);
    }
    case IMM_I64: {
        int64_t value;
        v->loop_constants += v->loop_depth != 0;
        return read_s64(reader, &value);
    }
    case IMM_F32:
        v->loop_constants += v->loop_depth != 0;
        return read_bytes(reader, 4, &bytes);
    case IMM_F64:
        v->loop_constants += v->loop_depth != 0;
        return read_bytes(reader, 8, &bytes);
    case IMM_V128:
        return read_bytes(reader, 16, &bytes);
    case IMM_SHUFFLE:
        TRY(read_bytes(reader, 16, &bytes));
        for (int i = 0; i < 16; i++)
            if (bytes[i] >= 32)
                return VALID_FAIL(v, "Invalid lane index %u in a shuffle.", (uint32_t)bytes[i]);
        return NIDUS_OK;
    default: {
        uint8_t lane;
        TRY(read_byte(reader, &lane));
        if (lane >= valid_lane_count(v->op))
            return VALID_FAIL(v, "Invalid lane index %u for %s.", (uint32_t)lane,
                              instruction_name(v->op));
        return NIDUS_OK;
    }
    }
}

static enum nidus_code plain(struct validator *v, const struct instruction *insn)
{
    nidus_type address = NIDUS_I32;
    if (insn->immediates != IMM_NONE)
        TRY(plain_immediates(v, insn, &address));
    const struct signature_types *types = &signature_types[insn->signature];
    for (uint32_t i = types->input_count; i-- > 0;)
        TRY(valid_pop(v, types->inputs[i] == SIG_ADDRESS ? address : types->inputs[i]));
    if (types->output_count)
        return valid_push(v, types->output);
    return NIDUS_OK;
}

static enum nidus_code expression(struct validator *v)
{
    struct reader *reader = v->reader;
    while (v->controls.count > 0) {
        if (reader->at == reader->end)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->at,
                               "Unexpected end: the function body lacks an end.");
        v->where = reader->at;
        TRY(decode_opcode(reader, &v->op));
        const struct instruction *insn = &instructions[v->op];
        if (insn->signature != SIG_special)
            TRY(plain(v, insn));
        else
            TRY(valid_special(v));
    }
    if (reader->at != reader->end)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->at,
                           "Section size mismatch: bytes follow the end of the function body.");
    return NIDUS_OK;
}

enum nidus_code valid_body(struct validator *v, uint32_t index, struct body *body,
                           struct reader *reader)
{
    const struct deftype *type = module_functype(v->module, index);
    v->reader = reader;
    v->operands.count = 0;
    v->controls.count = 0;
    v->height = 0;
    v->loop_depth = 0;
    v->loop_constants = 0;
    v->try_depth = v->max_try_depth = 0;
    v->op = WASM_BLOCK;
    while (v->init_log.count > 0)
        v->initialized.items[v->init_log.items[--v->init_log.count]] = 0;
    TRY(read_locals(v, type));
    if (v->checks_init)
        for (uint32_t i = 0; i < type->shape.param_count; i++)
            valid_local_set(v, i);
    uint32_t type_index = v->module->funcs.items[index];
    struct block_type block = {.is_index = 1, .index = type_index};
    /* The parameters are locals, not operands: the frame is pushed by hand. */
    if (!VEC_ROOM(v->allocator, &v->controls, 1))
        return error_no_memory(reader->error);
    v->controls.items[v->controls.count++] =
        (struct control){.op = WASM_BLOCK, .type = block, .initialized = v->init_log.count};
    TRY(expression(v));
    body->loop_constants = v->loop_constants;
    body->try_depth = v->max_try_depth;
    return NIDUS_OK;
}
