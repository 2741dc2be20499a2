/* Translation of one function: set-up, the pass over its instructions, and the finished code. */
#include "translate.h"

#include <string.h>

#define CONSTANT_SLOTS 24u /* at most: they are filled at every call */

static enum nidus_code skip_block_type(struct reader *reader)
{
    int64_t s64;
    if (*reader->at == 0x63 || *reader->at == 0x64)
        reader->at++;
    return read_s33(reader, &s64); /* 0x40, nothing, is a number like any other */
}

enum nidus_code skip_catches(struct reader *reader)
{
    uint32_t count;
    uint32_t u32;
    uint8_t kind;
    TRY(read_u32(reader, &count));
    for (; count > 0; count--) {
        TRY(read_byte(reader, &kind));
        if (kind < 2)
            TRY(read_u32(reader, &u32));
        TRY(read_u32(reader, &u32));
    }
    return NIDUS_OK;
}

enum nidus_code skip_immediates(struct reader *reader, uint32_t op)
{
    uint32_t u32;
    uint64_t u64;
    int64_t s64;
    const uint8_t *bytes;
    switch (instructions[op].immediates) {
    case IMM_BLOCK:
        return skip_block_type(reader);
    case IMM_HEAP:
        return read_s33(reader, &s64);
    case IMM_CAST:
        TRY(read_bytes(reader, 1, &bytes));
        TRY(read_u32(reader, &u32));
        TRY(read_s33(reader, &s64));
        return read_s33(reader, &s64);
    case IMM_CATCHES:
        TRY(skip_block_type(reader));
        return skip_catches(reader);
    case IMM_LABELS:
        TRY(read_u32(reader, &u32));
        for (uint32_t count = u32 + 1; count > 0; count--)
            TRY(read_u32(reader, &u32));
        return NIDUS_OK;
    case IMM_TYPES:
        TRY(read_u32(reader, &u32)); /* validation allows one */
        if (*reader->at == 0x63 || *reader->at == 0x64)
            reader->at++;
        return read_s33(reader, &s64);
    case IMM_LABEL:
    case IMM_FUNC:
    case IMM_TYPE:
    case IMM_LOCAL:
    case IMM_GLOBAL:
    case IMM_TABLE:
    case IMM_ELEM:
    case IMM_DATA:
    case IMM_MEMORY:
    case IMM_TAG:
        return read_u32(reader, &u32);
    case IMM_TYPE_TABLE:
    case IMM_TYPE_INDEX:
    case IMM_TABLE_TABLE:
    case IMM_ELEM_TABLE:
    case IMM_DATA_MEMORY:
    case IMM_MEMORY_MEMORY:
        TRY(read_u32(reader, &u32));
        return read_u32(reader, &u32);
    case IMM_MEMARG:
    case IMM_MEMARG_LANE:
        TRY(read_u32(reader, &u32));
        if (u32 & 64)
            TRY(read_u32(reader, &u32));
        TRY(read_u64(reader, &u64));
        return instructions[op].immediates == IMM_MEMARG ? NIDUS_OK : read_bytes(reader, 1, &bytes);
    case IMM_I32:
    case IMM_I64:
        return read_s64(reader, &s64);
    case IMM_F32:
        return read_bytes(reader, 4, &bytes);
    case IMM_F64:
        return read_bytes(reader, 8, &bytes);
    case IMM_V128:
    case IMM_SHUFFLE:
        return read_bytes(reader, 16, &bytes);
    case IMM_LANE:
    case IMM_FENCE:
        return read_bytes(reader, 1, &bytes);
    default:
        return NIDUS_OK;
    }
}

/* ---- Locals ---- */

static enum nidus_code add_local(struct translator *t, nidus_type type)
{
    if (type_is_ref(type))
        TRY(roots_local(t, t->local_cells));
    t->local_slots[t->local_count] = (uint16_t)t->local_cells;
    t->local_widths[t->local_count] = (uint8_t)type_width(type);
    t->local_count++;
    t->local_cells += type_cells(type);
    if (t->local_cells > UINT16_MAX)
        return error_set(&t->error, NIDUS_ERROR_LIMIT, 0, "Too many locals.");
    return NIDUS_OK;
}

static enum nidus_code read_locals(struct translator *t, uint32_t *room)
{
    const struct nidus_functype *shape = &t->type->shape;
    uint32_t declarations;
    uint32_t total = shape->param_count;
    TRY(read_u32(&t->reader, &declarations));
    const uint8_t *first = t->reader.at;
    for (uint32_t i = 0; i < declarations; i++) {
        uint32_t count;
        nidus_type type;
        TRY(read_u32(&t->reader, &count));
        TRY(decode_value_type(t->module, &t->reader, &type));
        total += count;
    }
    t->reader.at = first;
    *room = total;
    t->local_slots = pool_new(t->allocator, total, sizeof *t->local_slots);
    t->local_widths = pool_new(t->allocator, total, sizeof *t->local_widths);
    if (!t->local_slots || !t->local_widths)
        return error_no_memory(&t->error);
    for (uint32_t i = 0; i < shape->param_count; i++)
        TRY(add_local(t, shape->params[i]));
    for (uint32_t i = 0; i < declarations; i++) {
        uint32_t count;
        nidus_type type;
        TRY(read_u32(&t->reader, &count));
        TRY(decode_value_type(t->module, &t->reader, &type));
        for (; count > 0; count--)
            TRY(add_local(t, type));
    }
    return NIDUS_OK;
}

/* ---- The pass ---- */

static int is_control(uint32_t op)
{
    return op == WASM_UNREACHABLE || (op >= WASM_BLOCK && op <= WASM_RETURN_CALL_REF) ||
           op == WASM_BR_ON_NULL || op == WASM_BR_ON_NON_NULL || op == WASM_BR_ON_CAST ||
           op == WASM_BR_ON_CAST_FAIL || op == WASM_DELEGATE || op == WASM_CATCH_ALL ||
           op == WASM_TRY_TABLE;
}

static enum nidus_code pass(struct translator *t, const struct body *body)
{
    uint32_t constants = body->loop_constants < CONSTANT_SLOTS ? body->loop_constants
                                                               : CONSTANT_SLOTS;
    t->caught_base = t->local_cells;
    for (uint32_t i = 0; i < body->try_depth; i++)
        TRY(roots_local(t, t->local_cells++));
    if (t->local_cells > UINT16_MAX)
        return error_set(&t->error, NIDUS_ERROR_LIMIT, 0, "Too many locals.");
    t->constant_base = t->local_cells;
    t->constant_room = constants;
    t->stack_base = t->constant_base + constants;
    t->cells = t->max_cells = t->stack_base;
    if (!VEC_ROOM(t->allocator, &t->constants, constants))
        return error_no_memory(&t->error);
    emit_barrier(t);
    TRY(control_start(t));
    while (t->labels.count > 0) {
        t->op_offset = (size_t)(t->reader.at - t->reader.start);
        if (t->tracks_roots && !t->skipping)
            TRY(roots_note(t));
        TRY(decode_opcode(&t->reader, &t->op));
        t->instructions++;
        if (is_control(t->op) || t->skipping)
            TRY(control_instruction(t));
        else
            TRY(plain_instruction(t));
    }
    return NIDUS_OK;
}

/* ---- The result ---- */

static size_t code_size(uint32_t units)
{
    return sizeof(struct code) + units * sizeof(uint16_t);
}

void code_free(const struct nidus_allocator *allocator, struct code *code)
{
    if (!code)
        return;
    pool_free(allocator, code->image, code->image_cells, sizeof *code->image);
    pool_free(allocator, code->root_nodes, code->root_node_count, sizeof *code->root_nodes);
    pool_free(allocator, code->root_points, code->root_point_count, sizeof *code->root_points);
    pool_free(allocator, code->ref_locals, code->ref_local_count, sizeof *code->ref_locals);
    pool_free(allocator, code->handlers, code->handler_count, sizeof *code->handlers);
    pool_free(allocator, code, code_size(code->unit_count), 1);
}

static struct code *code_new(const struct translator *t, uint32_t units)
{
    struct code *code = pool_new(t->allocator, code_size(units), 1);
    if (!code)
        return NULL;
    code->unit_count = units;
    code->param_cells = t->type->param_cells;
    code->result_cells = t->type->result_cells;
    return code;
}

/* Whatever it answers, `*made` is NULL or the caller's. */
static enum nidus_code finish(struct translator *t, struct code **made)
{
    struct code *code = *made = code_new(t, t->units.count);
    if (!code)
        return error_no_memory(&t->error);
    const uint32_t zeros = t->local_cells - code->param_cells;
    code->image_cells = (zeros + t->constants.count + 1) & ~1u;
    code->frame_cells = t->max_cells;
    if (code->frame_cells < code->result_cells)
        code->frame_cells = code->result_cells;
    if (code->frame_cells < code->param_cells + code->image_cells)
        code->frame_cells = code->param_cells + code->image_cells;
    code->entry_cost = t->entry_cost;
    code->image = pool_new(t->allocator, code->image_cells, sizeof *code->image);
    if (!code->image)
        return error_no_memory(&t->error);
    if (t->constants.count)
        memcpy(code->image + zeros, t->constants.items, t->constants.count * sizeof *code->image);
    memcpy(code->units, t->units.items, t->units.count * sizeof *code->units);
    return roots_finish(t, code);
}

static void release(struct translator *t, uint32_t local_room)
{
    pool_free(t->allocator, t->local_slots, local_room, sizeof *t->local_slots);
    pool_free(t->allocator, t->local_widths, local_room, sizeof *t->local_widths);
    VEC_FREE(t->allocator, &t->units);
    VEC_FREE(t->allocator, &t->stack);
    VEC_FREE(t->allocator, &t->labels);
    VEC_FREE(t->allocator, &t->constants);
    VEC_FREE(t->allocator, &t->lazy);
    VEC_FREE(t->allocator, &t->root_nodes);
    VEC_FREE(t->allocator, &t->root_points);
    VEC_FREE(t->allocator, &t->ref_locals);
    VEC_FREE(t->allocator, &t->handlers);
}

/*
 * Translates; `code` is NULL when only `offset` of unit `watch` is wanted, and gets what was made of it otherwise, or
 * of a failure what is left to be freed.
 */
static enum nidus_code translate(struct nidus_module *module, uint32_t index, struct code **code,
                                 uint32_t watch, size_t *offset)
{
    const struct body *body = &module->bodies.items[index - module->imported_funcs];
    const uint8_t *first = module->bytes + body->offset;
    struct translator t = {
        .module = module,
        .allocator = &module->engine->config.allocator,
        .type = module_functype(module, index),
        .watch = watch,
        .watch_offset = body->offset,
        .tracks_roots = code && module->managed,
        .roots = NO_INDEX,
    };
    uint32_t local_room = 0;
    t.reader = (struct reader){module->bytes, first, first + body->size, &t.error};
    if (watch == NO_INDEX)
        t.watch = 0;
    enum nidus_code result = read_locals(&t, &local_room);
    if (result == NIDUS_OK)
        result = pass(&t, body);
    if (result == NIDUS_OK && code)
        result = finish(&t, code);
    if (result == NIDUS_ERROR_LIMIT && code) {
        *code = code_new(&t, 0);
        result = *code ? NIDUS_OK : NIDUS_ERROR_NO_MEMORY;
        if (*code)
            (*code)->too_large = 1;
    }
    if (offset)
        *offset = t.watch_offset;
    release(&t, local_room);
    return result;
}

enum nidus_code translate_function(struct nidus_module *module, uint32_t index)
{
    struct body *body = &module->bodies.items[index - module->imported_funcs];
    if (body->code)
        return NIDUS_OK;
    const struct nidus_allocator *allocator = &module->engine->config.allocator;
    struct code *code = NULL;
    enum nidus_code result = translate(module, index, &code, NO_INDEX, NULL);
    if (result != NIDUS_OK) {
        code_free(allocator, code);
        return result;
    }
    body->code = code;
    module->internal_bytes += code->unit_count * sizeof *code->units +
                              code->image_cells * sizeof *code->image;
    return NIDUS_OK;
}

enum nidus_code translate_locate(struct nidus_module *module, uint32_t index, uint32_t unit,
                                 size_t *offset)
{
    return translate(module, index, NULL, unit, offset);
}
