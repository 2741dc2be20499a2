/* The validation rules that no plain signature can say: control, variables, references, tables. */
#include "valid_rules.h"

#include "simd_op.h"

uint32_t valid_lane_count(uint32_t op)
{
    uint32_t sub = op - 0x200;
    if (sub <= SIMD_I8X16_REPLACE_LANE)
        return 16;
    if (sub <= SIMD_I16X8_REPLACE_LANE)
        return 8;
    if (sub <= SIMD_I32X4_REPLACE_LANE ||
        (sub >= SIMD_F32X4_EXTRACT_LANE && sub <= SIMD_F32X4_REPLACE_LANE))
        return 4;
    return 2;
}

/* ---- Immediates ---- */

enum nidus_code valid_read_block_type(struct validator *v, struct block_type *type)
{
    struct reader *reader = v->reader;
    *type = (struct block_type){0};
    if (reader->at < reader->end && *reader->at == 0x40) {
        reader->at++;
        return NIDUS_OK;
    }
    if (reader->at < reader->end && (*reader->at & 0xc0) == 0x40)
        return decode_value_type(v->module, reader, &type->single);
    const uint8_t *where = reader->at;
    int64_t index;
    TRY(read_s33(reader, &index));
    if (index < 0)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed block type.");
    if (index >= v->module->types.count)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "Unknown type %l.", (uint64_t)index);
    if (v->module->types.items[index].kind != KIND_FUNC)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Type mismatch: type %l is not a function type.", (uint64_t)index);
    type->is_index = 1;
    type->index = (uint32_t)index;
    return NIDUS_OK;
}

enum nidus_code valid_read_index(struct validator *v, uint32_t count, const char *what,
                                  uint32_t *index)
{
    TRY(read_u32(v->reader, index));
    if (*index >= count)
        return VALID_FAIL(v, "Unknown %s %u.", what, *index);
    return NIDUS_OK;
}

enum nidus_code valid_read_type(struct validator *v, enum type_kind kind, uint32_t *index)
{
    static const char *const kinds[] = {"a function", "a struct", "an array"};
    TRY(valid_read_index(v, v->module->types.count, "type", index));
    if (v->module->types.items[*index].kind != kind)
        return VALID_FAIL(v, "Type mismatch: %s needs %s type, and type %u is none.",
                          instruction_name(v->op), kinds[kind], *index);
    return NIDUS_OK;
}

enum nidus_code valid_read_label(struct validator *v, const struct control **control)
{
    uint32_t depth;
    TRY(valid_read_index(v, v->controls.count, "label", &depth));
    *control = &v->controls.items[v->controls.count - 1 - depth];
    return NIDUS_OK;
}

static enum nidus_code read_table(struct validator *v, const struct table_type **table,
                                  nidus_type *index_type)
{
    uint32_t index;
    TRY(valid_read_index(v, v->module->tables.count, "table", &index));
    *table = &v->module->tables.items[index];
    *index_type = (*table)->limits.is64 ? NIDUS_I64 : NIDUS_I32;
    return NIDUS_OK;
}

static enum nidus_code read_memory(struct validator *v, nidus_type *address)
{
    uint32_t index;
    TRY(valid_read_index(v, v->module->memories.count, "memory", &index));
    *address = v->module->memories.items[index].is64 ? NIDUS_I64 : NIDUS_I32;
    return NIDUS_OK;
}

/* ---- Control ---- */

static enum nidus_code rule_block(struct validator *v)
{
    struct block_type type;
    TRY(valid_read_block_type(v, &type));
    if (v->op == WASM_IF)
        TRY(valid_pop(v, NIDUS_I32));
    if (type.is_index) {
        const struct nidus_functype *shape = &v->module->types.items[type.index].shape;
        TRY(valid_pop_all(v, shape->params, shape->param_count));
    }
    return valid_push_control(v, v->op, type);
}

static enum nidus_code rule_else(struct validator *v)
{
    struct control control;
    if (v->controls.items[v->controls.count - 1].op != WASM_IF)
        return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where, "else without if.");
    TRY(valid_pop_control(v, &control));
    return valid_push_control(v, WASM_ELSE, control.type);
}

int valid_lists_match(const struct validator *v, const nidus_type *sub, uint32_t sub_count,
                      const nidus_type *super, uint32_t super_count)
{
    if (sub_count != super_count)
        return 0;
    for (uint32_t i = 0; i < sub_count; i++)
        if (!type_matches(v->module, sub[i], super[i]))
            return 0;
    return 1;
}

static enum nidus_code rule_end(struct validator *v)
{
    struct control control;
    TRY(valid_pop_control(v, &control));
    const nidus_type *results;
    uint32_t result_count;
    valid_results(v, &control, &results, &result_count);
    v->try_depth -= control.op == WASM_TRY || control.op == WASM_CATCH ||
                    control.op == WASM_CATCH_ALL;
    if (control.op == WASM_IF) {
        const nidus_type *params;
        uint32_t param_count;
        valid_params(v, &control, &params, &param_count);
        if (!valid_lists_match(v, params, param_count, results, result_count))
            return VALID_FAIL(v, "Type mismatch: an if without else must give what it takes.");
    }
    if (v->controls.count == 0)
        return NIDUS_OK;
    return valid_push_all(v, results, result_count);
}

static enum nidus_code rule_br(struct validator *v)
{
    const struct control *control;
    TRY(valid_read_label(v, &control));
    if (v->op == WASM_BR_IF)
        TRY(valid_pop(v, NIDUS_I32));
    const nidus_type *types;
    uint32_t count;
    valid_label_types(v, control, &types, &count);
    TRY(valid_pop_all(v, types, count));
    if (v->op == WASM_BR_IF)
        return valid_push_all(v, types, count);
    valid_unreachable(v);
    return NIDUS_OK;
}

/* The operands must suit every label; they are looked at in place, not popped and pushed. */
static enum nidus_code check_operands(struct validator *v, const nidus_type *types, uint32_t count)
{
    const struct control *frame = &v->controls.items[v->controls.count - 1];
    for (uint32_t i = 0; i < count; i++) {
        nidus_type wanted = types[count - 1 - i];
        if (v->operands.count - v->height <= i) {
            if (frame->unreachable)
                return NIDUS_OK;
            return VALID_FAIL(v, "Type mismatch: br_table needs %u operands.", count);
        }
        nidus_type found = v->operands.items[v->operands.count - 1 - i];
        if (!type_matches(v->module, found, wanted))
            return VALID_FAIL(v, "Type mismatch: br_table needs %s and finds %s.",
                              type_name(wanted), type_name(found));
    }
    return NIDUS_OK;
}

static enum nidus_code rule_br_table(struct validator *v)
{
    struct reader *reader = v->reader;
    uint32_t labels;
    const uint8_t *where = reader->at;
    TRY(read_u32(reader, &labels));
    if (labels > (size_t)(reader->end - reader->at))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                           "Unexpected end: a br_table of %u labels does not fit.", labels);
    TRY(valid_pop(v, NIDUS_I32));
    uint32_t arity = 0;
    for (uint32_t i = 0; i <= labels; i++) {
        const struct control *control;
        TRY(valid_read_label(v, &control));
        const nidus_type *types;
        uint32_t count;
        valid_label_types(v, control, &types, &count);
        if (i > 0 && count != arity)
            return VALID_FAIL(v, "Type mismatch: the labels of a br_table differ in arity.");
        arity = count;
        TRY(check_operands(v, types, count));
    }
    valid_unreachable(v);
    return NIDUS_OK;
}

static enum nidus_code rule_return(struct validator *v)
{
    const nidus_type *types;
    uint32_t count;
    valid_results(v, &v->controls.items[0], &types, &count);
    TRY(valid_pop_all(v, types, count));
    valid_unreachable(v);
    return NIDUS_OK;
}

/* A call, or with `tail` a tail call, of a function of this type. */
static enum nidus_code apply(struct validator *v, const struct nidus_functype *shape, int tail)
{
    TRY(valid_pop_all(v, shape->params, shape->param_count));
    if (!tail)
        return valid_push_all(v, shape->results, shape->result_count);
    const nidus_type *types;
    uint32_t count;
    valid_results(v, &v->controls.items[0], &types, &count);
    if (!valid_lists_match(v, shape->results, shape->result_count, types, count))
        return VALID_FAIL(v, "Type mismatch: a tail call must return what its caller returns.");
    valid_unreachable(v);
    return NIDUS_OK;
}

static enum nidus_code rule_call(struct validator *v)
{
    uint32_t index;
    TRY(valid_read_index(v, v->module->funcs.count, "function", &index));
    return apply(v, &module_functype(v->module, index)->shape, v->op == WASM_RETURN_CALL);
}

static enum nidus_code rule_call_indirect(struct validator *v)
{
    uint32_t type;
    const struct table_type *table;
    nidus_type index_type;
    TRY(valid_read_type(v, KIND_FUNC, &type));
    TRY(read_table(v, &table, &index_type));
    if (!type_matches(v->module, table->element, NIDUS_FUNCREF))
        return VALID_FAIL(v, "Type mismatch: call_indirect needs a table of functions, not of %s.",
                          type_name(table->element));
    TRY(valid_pop(v, index_type));
    return apply(v, &v->module->types.items[type].shape, v->op == WASM_RETURN_CALL_INDIRECT);
}

static enum nidus_code rule_call_ref(struct validator *v)
{
    uint32_t type;
    TRY(valid_read_type(v, KIND_FUNC, &type));
    TRY(valid_pop(v, TYPE_REF(v->module->types.items[type].canonical, 1)));
    return apply(v, &v->module->types.items[type].shape, v->op == WASM_RETURN_CALL_REF);
}

/* ---- Variables, select, references ---- */

static enum nidus_code rule_local(struct validator *v)
{
    uint32_t index;
    nidus_type type;
    TRY(read_u32(v->reader, &index));
    TRY(valid_local(v, index, &type));
    if (v->op == WASM_LOCAL_GET) {
        if (v->checks_init && type_is_ref(type) && !type_is_nullable(type) &&
            !v->initialized.items[index])
            return VALID_FAIL(v, "Uninitialized local %u: its type has no default value.", index);
        return valid_push(v, type);
    }
    TRY(valid_pop(v, type));
    if (v->checks_init)
        valid_local_set(v, index);
    if (v->op == WASM_LOCAL_TEE)
        return valid_push(v, type);
    return NIDUS_OK;
}

static enum nidus_code rule_global(struct validator *v)
{
    uint32_t index;
    TRY(valid_read_index(v, v->module->globals.count, "global", &index));
    const struct global_type *global = &v->module->globals.items[index];
    if (v->op == WASM_GLOBAL_GET)
        return valid_push(v, global->type);
    if (!global->mutable_)
        return VALID_FAIL(v, "Global is immutable: %u cannot be set.", index);
    return valid_pop(v, global->type);
}

static enum nidus_code rule_select(struct validator *v)
{
    nidus_type a;
    nidus_type b;
    TRY(valid_pop(v, NIDUS_I32));
    TRY(valid_pop_any(v, &a));
    TRY(valid_pop_any(v, &b));
    if (type_is_ref(a) || type_is_ref(b) || (a != b && a != TYPE_ANY && b != TYPE_ANY))
        return VALID_FAIL(v, "Type mismatch: select of %s and %s.", type_name(b), type_name(a));
    return valid_push(v, a == TYPE_ANY ? b : a);
}

static enum nidus_code rule_select_types(struct validator *v)
{
    uint32_t count;
    nidus_type type;
    TRY(read_u32(v->reader, &count));
    if (count != 1)
        return VALID_FAIL(v, "Invalid result arity: select has %u types.", count);
    TRY(decode_value_type(v->module, v->reader, &type));
    TRY(valid_pop(v, NIDUS_I32));
    TRY(valid_pop(v, type));
    TRY(valid_pop(v, type));
    return valid_push(v, type);
}

enum nidus_code valid_pop_ref(struct validator *v, nidus_type *type)
{
    TRY(valid_pop_any(v, type));
    if (*type != TYPE_ANY && !type_is_ref(*type))
        return VALID_FAIL(v, "Type mismatch: %s needs a reference and finds %s.",
                          instruction_name(v->op), type_name(*type));
    return NIDUS_OK;
}

static enum nidus_code rule_ref(struct validator *v)
{
    nidus_type type;
    switch (v->op) {
    case WASM_REF_NULL: {
        uint32_t heap;
        TRY(decode_heap_type(v->module, v->reader, &heap));
        return valid_push(v, TYPE_REF(heap, 1));
    }
    case WASM_REF_IS_NULL:
        TRY(valid_pop_ref(v, &type));
        return valid_push(v, NIDUS_I32);
    case WASM_REF_AS_NON_NULL:
        TRY(valid_pop_ref(v, &type));
        return valid_push(v, type & ~NIDUS_NULLABLE);
    default: {
        uint32_t index;
        TRY(valid_read_index(v, v->module->funcs.count, "function", &index));
        if (!v->module->declared.items[index])
            return VALID_FAIL(v, "Undeclared function reference: function %u is in no element "
                                 "segment, export or global.",
                              index);
        return valid_push(v, TYPE_REF(module_functype(v->module, index)->canonical, 0));
    }
    }
}

static enum nidus_code rule_br_on_null(struct validator *v)
{
    const struct control *control;
    nidus_type type;
    const nidus_type *types;
    uint32_t count;
    TRY(valid_read_label(v, &control));
    TRY(valid_pop_ref(v, &type));
    valid_label_types(v, control, &types, &count);
    if (v->op == WASM_BR_ON_NULL) {
        TRY(valid_pop_all(v, types, count));
        TRY(valid_push_all(v, types, count));
        return valid_push(v, type & ~NIDUS_NULLABLE);
    }
    if (count == 0 || !type_is_ref(types[count - 1]) ||
        !type_matches(v->module, type & ~NIDUS_NULLABLE, types[count - 1]))
        return VALID_FAIL(v, "Type mismatch: br_on_non_null to a label that does not take %s.",
                          type_name(type));
    TRY(valid_pop_all(v, types, count - 1));
    return valid_push_all(v, types, count - 1);
}

/* ---- Memories and tables ---- */

static nidus_type smaller(nidus_type a, nidus_type b)
{
    return a == NIDUS_I64 && b == NIDUS_I64 ? NIDUS_I64 : NIDUS_I32;
}

enum nidus_code valid_read_data(struct validator *v)
{
    uint32_t index;
    TRY(read_u32(v->reader, &index));
    if (!v->module->has_data_count)
        return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where,
                           "Data count section required by %s.", instruction_name(v->op));
    if (index >= v->module->data_count)
        return VALID_FAIL(v, "Unknown data segment %u.", index);
    return NIDUS_OK;
}

static enum nidus_code rule_memory(struct validator *v)
{
    nidus_type address = NIDUS_I32;
    nidus_type source = NIDUS_I32;
    switch (v->op) {
    case WASM_MEMORY_SIZE:
        TRY(read_memory(v, &address));
        return valid_push(v, address);
    case WASM_MEMORY_GROW:
        TRY(read_memory(v, &address));
        TRY(valid_pop(v, address));
        return valid_push(v, address);
    case WASM_MEMORY_INIT:
        TRY(valid_read_data(v));
        TRY(read_memory(v, &address));
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, NIDUS_I32));
        return valid_pop(v, address);
    case WASM_MEMORY_COPY:
        TRY(read_memory(v, &address));
        TRY(read_memory(v, &source));
        TRY(valid_pop(v, smaller(address, source)));
        TRY(valid_pop(v, source));
        return valid_pop(v, address);
    case WASM_MEMORY_FILL:
        TRY(read_memory(v, &address));
        TRY(valid_pop(v, address));
        TRY(valid_pop(v, NIDUS_I32));
        return valid_pop(v, address);
    default:
        return valid_read_data(v);
    }
}

static enum nidus_code rule_table_init(struct validator *v)
{
    uint32_t elem;
    const struct table_type *table;
    nidus_type index_type;
    TRY(valid_read_index(v, v->module->elems.count, "elem segment", &elem));
    TRY(read_table(v, &table, &index_type));
    if (!type_matches(v->module, v->module->elems.items[elem].type, table->element))
        return VALID_FAIL(v, "Type mismatch: a segment of %s for a table of %s.",
                          type_name(v->module->elems.items[elem].type),
                          type_name(table->element));
    TRY(valid_pop(v, NIDUS_I32));
    TRY(valid_pop(v, NIDUS_I32));
    return valid_pop(v, index_type);
}

static enum nidus_code rule_table_copy(struct validator *v)
{
    const struct table_type *to;
    const struct table_type *from;
    nidus_type to_index;
    nidus_type from_index;
    TRY(read_table(v, &to, &to_index));
    TRY(read_table(v, &from, &from_index));
    if (!type_matches(v->module, from->element, to->element))
        return VALID_FAIL(v, "Type mismatch: table.copy of %s to %s.", type_name(from->element),
                          type_name(to->element));
    TRY(valid_pop(v, smaller(to_index, from_index)));
    TRY(valid_pop(v, from_index));
    return valid_pop(v, to_index);
}

static enum nidus_code rule_table(struct validator *v)
{
    const struct table_type *table;
    nidus_type index_type;
    TRY(read_table(v, &table, &index_type));
    switch (v->op) {
    case WASM_TABLE_GET:
        TRY(valid_pop(v, index_type));
        return valid_push(v, table->element);
    case WASM_TABLE_SET:
        TRY(valid_pop(v, table->element));
        return valid_pop(v, index_type);
    case WASM_TABLE_SIZE:
        return valid_push(v, index_type);
    case WASM_TABLE_GROW:
        TRY(valid_pop(v, index_type));
        TRY(valid_pop(v, table->element));
        return valid_push(v, index_type);
    default: /* table.fill */
        TRY(valid_pop(v, index_type));
        TRY(valid_pop(v, table->element));
        return valid_pop(v, index_type);
    }
}

/* Numbers of 128 bits are pairs of i64, the low half first. */
static enum nidus_code rule_wide(struct validator *v)
{
    uint32_t inputs = v->op == WASM_I64_ADD128 || v->op == WASM_I64_SUB128 ? 4 : 2;
    while (inputs-- > 0)
        TRY(valid_pop(v, NIDUS_I64));
    TRY(valid_push(v, NIDUS_I64));
    return valid_push(v, NIDUS_I64);
}

enum nidus_code valid_special(struct validator *v)
{
    uint32_t index;
    uint8_t byte;
    nidus_type type;
    switch (v->op) {
    case WASM_UNREACHABLE:
        valid_unreachable(v);
        return NIDUS_OK;
    case WASM_NOP:
        return NIDUS_OK;
    case WASM_BLOCK:
    case WASM_LOOP:
    case WASM_IF:
        return rule_block(v);
    case WASM_ELSE:
        return rule_else(v);
    case WASM_END:
        return rule_end(v);
    case WASM_BR:
    case WASM_BR_IF:
        return rule_br(v);
    case WASM_BR_TABLE:
        return rule_br_table(v);
    case WASM_RETURN:
        return rule_return(v);
    case WASM_CALL:
    case WASM_RETURN_CALL:
        return rule_call(v);
    case WASM_CALL_INDIRECT:
    case WASM_RETURN_CALL_INDIRECT:
        return rule_call_indirect(v);
    case WASM_CALL_REF:
    case WASM_RETURN_CALL_REF:
        return rule_call_ref(v);
    case WASM_DROP:
        return valid_pop_any(v, &type);
    case WASM_SELECT:
        return rule_select(v);
    case WASM_SELECT_T:
        return rule_select_types(v);
    case WASM_LOCAL_GET:
    case WASM_LOCAL_SET:
    case WASM_LOCAL_TEE:
        return rule_local(v);
    case WASM_GLOBAL_GET:
    case WASM_GLOBAL_SET:
        return rule_global(v);
    case WASM_REF_NULL:
    case WASM_REF_IS_NULL:
    case WASM_REF_AS_NON_NULL:
    case WASM_REF_FUNC:
        return rule_ref(v);
    case WASM_BR_ON_NULL:
    case WASM_BR_ON_NON_NULL:
        return rule_br_on_null(v);
    case WASM_MEMORY_SIZE:
    case WASM_MEMORY_GROW:
    case WASM_MEMORY_INIT:
    case WASM_MEMORY_COPY:
    case WASM_MEMORY_FILL:
    case WASM_DATA_DROP:
        return rule_memory(v);
    case WASM_TABLE_INIT:
        return rule_table_init(v);
    case WASM_TABLE_COPY:
        return rule_table_copy(v);
    case WASM_ELEM_DROP:
        return valid_read_index(v, v->module->elems.count, "elem segment", &index);
    case WASM_ATOMIC_FENCE:
        TRY(read_byte(v->reader, &byte));
        if (byte != 0)
            return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where,
                               "Zero byte expected after atomic.fence.");
        return NIDUS_OK;
    case WASM_I64_ADD128:
    case WASM_I64_SUB128:
    case WASM_I64_MUL_WIDE_S:
    case WASM_I64_MUL_WIDE_U:
        return rule_wide(v);
    case WASM_TRY:
    case WASM_CATCH:
    case WASM_CATCH_ALL:
    case WASM_DELEGATE:
    case WASM_RETHROW:
    case WASM_THROW:
    case WASM_THROW_REF:
    case WASM_TRY_TABLE:
        return valid_exception(v);
    case WASM_TABLE_GET:
    case WASM_TABLE_SET:
    case WASM_TABLE_SIZE:
    case WASM_TABLE_GROW:
    case WASM_TABLE_FILL:
        return rule_table(v);
    default:
        return valid_object(v);
    }
}
