/*
 * Control instructions: blocks become nothing but jumps, and the values that cross a label are moved
 * to where its first operand lives. Code that cannot be reached is not translated.
 *
 * Fuel: `instructions` counts wasm instructions in the order of the text. Every one is paid for at
 * one charge point: a back edge pays for those since the latest charge point or loop head, and what
 * no back edge pays for is part of the price of entering the function.
 */
#include <string.h>

#include "translate.h"

uint16_t control_charge(struct translator *t)
{
    uint32_t cost = t->instructions - t->charged;
    t->charged = t->instructions;
    return cost == 0 ? 1 : cost > UINT16_MAX ? UINT16_MAX : (uint16_t)cost;
}

static void charge_to_entry(struct translator *t)
{
    t->entry_cost += t->instructions - t->charged;
    t->charged = t->instructions;
}

/* ---- Labels ---- */

void control_label_types(const struct translator *t, const struct label *label, int params,
                        const nidus_type **types, uint32_t *count)
{
    if (label->is_index) {
        const struct nidus_functype *shape = &t->module->types.items[label->type].shape;
        *types = params ? shape->params : shape->results;
        *count = params ? shape->param_count : shape->result_count;
    } else {
        *types = &label->single;
        *count = !params && label->single != TYPE_ANY;
    }
}

static uint32_t label_arity(const struct translator *t, const struct label *label)
{
    const nidus_type *types;
    uint32_t count;
    control_label_types(t, label, label->op == WASM_LOOP, &types, &count);
    return count;
}

struct label *control_label(struct translator *t, uint32_t depth)
{
    return &t->labels.items[t->labels.count - 1 - depth];
}

static int is_function(const struct translator *t, const struct label *label)
{
    return label == t->labels.items;
}

enum nidus_code control_push_label(struct translator *t, const struct label *type, uint32_t params)
{
    if (!VEC_ROOM(t->allocator, &t->labels, 1))
        return error_no_memory(&t->error);
    struct label *label = &t->labels.items[t->labels.count];
    *label = (struct label){.op = (uint16_t)t->op,
                            .start = t->units.count,
                            .jumps = NO_INDEX,
                            .else_jump = NO_INDEX,
                            .stub_for = NO_INDEX,
                            .is_index = type->is_index,
                            .type = type->type,
                            .single = type->single,
                            .try_end = NO_INDEX,
                            .caught = NO_SLOT};
    label->height = t->stack.count - params;
    label->base = params ? t->stack.items[label->height].home : t->cells;
    t->labels.count++;
    return NIDUS_OK;
}

enum nidus_code control_push_results(struct translator *t, const nidus_type *types, uint32_t count)
{
    uint16_t slot;
    for (uint32_t i = 0; i < count; i++)
        TRY(push_temp(t, type_width(types[i]), &slot));
    return NIDUS_OK;
}

/* ---- Jumps ---- */

static void write_jump(struct translator *t, uint32_t field, uint32_t target)
{
    uint32_t distance = target - (field - 1);
    t->units.items[field] = (uint16_t)distance;
    t->units.items[field + 1] = (uint16_t)(distance >> 16);
}

/* Appends a jump field to `label`: backward at once, forward into the label's chain. */
void control_emit_jump(struct translator *t, struct label *label)
{
    uint32_t field = t->units.count;
    emit32(t, label->jumps);
    if (label->op == WASM_LOOP) {
        write_jump(t, field, label->start);
    } else {
        label->jumps = field;
        label->targeted = 1;
    }
}

void control_land(struct translator *t, uint32_t field)
{
    while (field != NO_INDEX) {
        uint32_t next = t->units.items[field] | (uint32_t)t->units.items[field + 1] << 16;
        write_jump(t, field, t->units.count);
        field = next;
    }
    emit_barrier(t);
}

static enum op loop_variant(enum op op)
{
    if (op == OP_BR)
        return OP_BR_LOOP;
    if (op <= OP_BR_TEST_NOT)
        return (enum op)(op + (OP_BR_IF_LOOP - OP_BR_IF));
    if (op >= OP_BR_F32_EQ)
        return (enum op)(op + (OP_BR_F32_EQ_LOOP - OP_BR_F32_EQ));
    return (enum op)(op + (OP_BR_I32_EQ_LOOP - OP_BR_I32_EQ));
}

static enum op inverse(enum op op)
{
    uint32_t first = op <= OP_BR_TEST_NOT ? OP_BR_IF
                     : op < OP_BR_I64_EQ  ? OP_BR_I32_EQ
                     : op < OP_BR_F32_EQ  ? OP_BR_I64_EQ
                     : op < OP_BR_F64_EQ  ? OP_BR_F32_EQ
                                            : OP_BR_F64_EQ;
    return (enum op)(first + ((op - first) ^ 1));
}

/* A jump to a label, its values in place. */
enum nidus_code control_branch(struct translator *t, struct branch branch, struct label *label)
{
    int back = label->op == WASM_LOOP;
    int fused = 0;
    TRY(fuse_jump(t, branch, label, &fused));
    if (fused)
        return NIDUS_OK;
    TRY(emit_op(t, back ? loop_variant(branch.op) : branch.op));
    control_emit_jump(t, label);
    branch_end(t, branch, back);
    return NIDUS_OK;
}

/* A conditional jump over what follows; the caller lands `field` later. */
static enum nidus_code emit_skip(struct translator *t, struct branch branch, uint32_t *field)
{
    TRY(emit_op(t, inverse(branch.op)));
    *field = t->units.count;
    emit32(t, NO_INDEX);
    emit(t, branch.a);
    if (branch.fields > 1)
        emit(t, branch.b);
    return NIDUS_OK;
}

/* Whether the topmost values already are where the label wants them. */
static int in_place(const struct translator *t, const struct label *label, uint32_t count)
{
    uint32_t home = label->base;
    for (uint32_t i = t->stack.count - count; i < t->stack.count; i++) {
        const struct entry *entry = &t->stack.items[i];
        if (entry->kind != ENTRY_TEMP || entry->home != home)
            return 0;
        home += width_cells(entry->width);
    }
    return 1;
}

/* Upwards, so that no value is overwritten before it has moved: homes are never below targets. */
static enum nidus_code move_values(struct translator *t, const struct label *label, uint32_t count)
{
    uint32_t to = label->base;
    for (uint32_t i = t->stack.count - count; i < t->stack.count; i++) {
        const struct entry *entry = &t->stack.items[i];
        if (entry->kind == ENTRY_CONST)
            TRY(emit_constant(t, entry->width, to, entry->value));
        else
            TRY(emit_copy(t, entry->width, to,
                          entry->kind == ENTRY_LOCAL ? entry->local : entry->home));
        to += width_cells(entry->width);
    }
    return NIDUS_OK;
}

static enum nidus_code emit_return(struct translator *t)
{
    uint32_t count = t->type->shape.result_count;
    if (count == 0)
        return emit_op(t, OP_RETURN);
    struct entry *first = &t->stack.items[t->stack.count - count];
    if (count == 1 && first->width != WIDTH128) {
        uint16_t slot;
        if (first->width != WIDTH_REF && !t->module->managed && fuse_maker(t, first)) {
            /* Where the caller wants it. With managed references the first slot may have to keep one. */
            t->units.items[t->last_dest] = 0;
            return emit_op(t, OP_RETURN);
        }
        TRY(use(t, first, &slot));
        TRY(emit_op(t, first->width == WIDTH32 ? OP_RETURN32 : OP_RETURN64));
        emit(t, slot);
        return NIDUS_OK;
    }
    TRY(settle_top(t, count));
    TRY(emit_op(t, OP_RETURN_N));
    emit(t, t->stack.items[t->stack.count - count].home);
    emit(t, t->type->result_cells);
    return NIDUS_OK;
}

enum nidus_code control_exit(struct translator *t, struct label *label)
{
    if (is_function(t, label))
        return emit_return(t);
    TRY(move_values(t, label, label_arity(t, label)));
    return control_branch(t, (struct branch){OP_BR, 0, 0, 0}, label);
}

void control_unreachable(struct translator *t)
{
    t->skipping = 1;
    emit_barrier(t);
}

/* ---- Blocks ---- */

enum nidus_code control_block_type(struct translator *t, struct label *type)
{
    struct reader *reader = &t->reader;
    *type = (struct label){0};
    if (*reader->at == 0x40) {
        reader->at++;
        return NIDUS_OK;
    }
    if ((*reader->at & 0xc0) == 0x40)
        return decode_value_type(t->module, reader, &type->single);
    int64_t index;
    TRY(read_s33(reader, &index));
    type->is_index = 1;
    type->type = (uint32_t)index;
    return NIDUS_OK;
}

static enum nidus_code start_block(struct translator *t)
{
    struct label type;
    struct branch branch = {OP_BR, 0, 0, 0};
    uint32_t else_jump = NO_INDEX;
    const nidus_type *params;
    uint32_t param_count;
    TRY(control_block_type(t, &type));
    if (t->op == WASM_IF) {
        struct entry condition = pop(t);
        TRY(make_branch(t, &condition, &branch));
    }
    control_label_types(t, &type, 1, &params, &param_count);
    TRY(settle_locals(t));
    if (t->op != WASM_BLOCK)
        TRY(settle_top(t, param_count));
    if (t->op == WASM_IF)
        TRY(emit_skip(t, branch, &else_jump));
    if (t->op == WASM_LOOP) {
        emit_barrier(t);
        charge_to_entry(t);
        t->loop_depth++;
    }
    TRY(control_push_label(t, &type, param_count));
    control_label(t, 0)->else_jump = else_jump;
    return NIDUS_OK;
}

static enum nidus_code start_else(struct translator *t)
{
    struct label *label = control_label(t, 0);
    const nidus_type *types;
    uint32_t count;
    if (!t->skipping) {
        control_label_types(t, label, 0, &types, &count);
        TRY(settle_top(t, count));
        TRY(control_branch(t, (struct branch){OP_BR, 0, 0, 0}, label));
    }
    t->skipping = 0;
    control_land(t, label->else_jump);
    label->else_jump = NO_INDEX;
    label->op = WASM_ELSE;
    drop_to(t, label->height);
    control_label_types(t, label, 1, &types, &count);
    return control_push_results(t, types, count);
}

static enum nidus_code end_block(struct translator *t)
{
    struct label label = *control_label(t, 0);
    const nidus_type *types;
    uint32_t count;
    if (label.op == WASM_TRY_TABLE || label.op == WASM_TRY || label.op == WASM_CATCH)
        return exception_end(t);
    control_label_types(t, &label, 0, &types, &count);
    if (is_function(t, control_label(t, 0))) {
        if (!t->skipping)
            TRY(emit_return(t));
        charge_to_entry(t);
        t->labels.count = 0;
        return NIDUS_OK;
    }
    if (label.op == WASM_LOOP)
        t->loop_depth--;
    t->labels.count--;
    int merges = label.targeted || label.else_jump != NO_INDEX;
    if (!merges)
        return NIDUS_OK; /* whoever was reachable goes on as before */
    if (!t->skipping)
        TRY(settle_top(t, count));
    control_land(t, label.jumps);
    control_land(t, label.else_jump);
    t->skipping = 0;
    drop_to(t, label.height);
    return control_push_results(t, types, count);
}

/* ---- Branches ---- */

enum nidus_code control_conditional(struct translator *t, struct branch branch, struct label *label)
{
    uint32_t field;
    uint32_t arity = label_arity(t, label);
    if (is_function(t, label)) {
        /* A constant result would be settled on one path only: do it before. */
        TRY(settle_top(t, arity));
        TRY(emit_skip(t, branch, &field));
        TRY(emit_return(t));
        control_land(t, field);
        return NIDUS_OK;
    }
    if (t->stack.count - arity == label->height)
        TRY(settle_top(t, arity));
    if (in_place(t, label, arity))
        return control_branch(t, branch, label);
    TRY(emit_skip(t, branch, &field));
    emit_barrier(t);
    TRY(control_exit(t, label));
    control_land(t, field);
    return NIDUS_OK;
}

static enum nidus_code br_if(struct translator *t)
{
    uint32_t depth;
    struct branch branch;
    TRY(read_u32(&t->reader, &depth));
    struct entry condition = pop(t);
    TRY(make_branch(t, &condition, &branch));
    return control_conditional(t, branch, control_label(t, depth));
}

static enum nidus_code br_on_null(struct translator *t)
{
    uint32_t depth;
    uint16_t slot;
    TRY(read_u32(&t->reader, &depth));
    if (t->op == WASM_BR_ON_NON_NULL) {
        TRY(settle_top(t, 1)); /* the reference is one of the label's values */
        slot = t->stack.items[t->stack.count - 1].home;
        TRY(control_conditional(t, (struct branch){OP_BR_IF64, slot, 0, 1}, control_label(t, depth)));
        (void)pop(t);
        return NIDUS_OK;
    }
    TRY(settle_top(t, 1));
    slot = pop(t).home;
    TRY(control_conditional(t, (struct branch){OP_BR_UNLESS64, slot, 0, 1}, control_label(t, depth)));
    return push_temp(t, WIDTH_REF, &slot);
}

static enum nidus_code br_table(struct translator *t)
{
    uint32_t count;
    uint32_t depth;
    uint16_t slot;
    TRY(read_u32(&t->reader, &count));
    struct entry index = pop(t);
    const uint8_t *targets = t->reader.at;
    TRY(read_u32(&t->reader, &depth));
    t->reader.at = targets;
    uint32_t arity = label_arity(t, control_label(t, depth));
    TRY(settle_top(t, arity));
    const uint16_t *maker = fuse_maker(t, &index);
    const int loads = maker && maker[0] == OP_LOAD32;
    const uint16_t offset = loads ? maker[3] : 0;
    const size_t at = t->last_offset;
    if (loads) {
        slot = maker[2];
        fuse_remove(t);
    } else {
        TRY(use(t, &index, &slot));
    }
    TRY(emit_op(t, loads ? OP_BR_TABLE_LOAD : OP_BR_TABLE));
    uint32_t table = t->last;
    emit(t, slot);
    if (loads) {
        keep_offset(t, at);
        emit(t, offset);
    }
    emit32(t, count);
    TRY(emit_room(t, (count + 1) * 2));
    uint32_t fields = t->units.count;
    for (uint32_t i = 0; i <= count; i++) {
        TRY(read_u32(&t->reader, &depth));
        struct label *label = control_label(t, depth);
        if (!is_function(t, label) && label->op != WASM_LOOP && in_place(t, label, arity))
            control_emit_jump(t, label);
        else
            emit32(t, 0);
    }
    /* The rest goes through stubs, one per label. */
    t->reader.at = targets;
    for (uint32_t i = 0; i <= count; i++) {
        TRY(read_u32(&t->reader, &depth));
        struct label *label = control_label(t, depth);
        if (!is_function(t, label) && label->op != WASM_LOOP && in_place(t, label, arity))
            continue;
        if (label->stub_for != table) {
            label->stub_for = table;
            label->stub = t->units.count;
            emit_barrier(t);
            TRY(control_exit(t, label));
        }
        write_jump(t, fields + i * 2, label->stub);
    }
    control_unreachable(t);
    return NIDUS_OK;
}

/* ---- Calls ---- */

/*
 * Takes back the latest operation where it is one copy or two, which a call makes as well: how many, and their fields. Not
 * what `callee` is read from, which is before.
 */
static uint32_t take_copies(struct translator *t, uint16_t callee, uint16_t fields[4])
{
    if (t->last == NO_INDEX || t->module->managed)
        return 0;
    const uint16_t *latest = &t->units.items[t->last];
    const uint32_t count = latest[0] == OP_COPY32 || latest[0] == OP_COPY64       ? 1
                           : latest[0] == OP_COPY2_32 || latest[0] == OP_COPY2_64 ? 2
                                                                                    : 0;
    for (uint32_t i = 0; i < count; i++)
        if (latest[1 + 2 * i] == callee)
            return 0;
    memcpy(fields, &latest[1], 2 * count * sizeof *fields);
    if (count)
        fuse_remove(t);
    return count;
}

static enum nidus_code call(struct translator *t)
{
    static const enum op own_calls[] = {OP_CALL, OP_COPY_CALL, OP_COPY2_CALL};
    static const enum op indirect_calls[] = {OP_CALL_INDIRECT, OP_COPY_CALL_INDIRECT,
                                             OP_COPY2_CALL_INDIRECT};
    const struct deftype *type;
    uint32_t what;
    uint32_t table = 0;
    uint16_t callee = 0;
    int tail = t->op == WASM_RETURN_CALL || t->op == WASM_RETURN_CALL_INDIRECT ||
               t->op == WASM_RETURN_CALL_REF;
    int direct = t->op == WASM_CALL || t->op == WASM_RETURN_CALL;
    int by_ref = t->op == WASM_CALL_REF || t->op == WASM_RETURN_CALL_REF;
    TRY(read_u32(&t->reader, &what));
    type = direct ? module_functype(t->module, what) : &t->module->types.items[what];
    if (!direct && !by_ref)
        TRY(read_u32(&t->reader, &table));
    fuse_sums(t);
    if (!direct) {
        /* Its home lies above the arguments', which are settled first and do not disturb it. */
        struct entry entry = pop(t);
        TRY(settle_top(t, type->shape.param_count));
        TRY(use(t, &entry, &callee));
    } else {
        TRY(settle_top(t, type->shape.param_count));
    }
    uint32_t height = t->stack.count - type->shape.param_count;
    uint32_t args = type->shape.param_count ? t->stack.items[height].home : t->cells;
    uint16_t copies[4];
    uint32_t copied = 0;
    const int own = direct && !tail && what >= t->module->imported_funcs;
    if (!tail && !by_ref && (own || !direct))
        copied = take_copies(t, callee, copies);
    TRY(emit_op(t, own      ? own_calls[copied]
                   : direct ? (tail ? OP_RETURN_CALL : OP_CALL_IMPORT)
                   : by_ref ? (tail ? OP_RETURN_CALL_REF : OP_CALL_REF)
                            : (tail ? OP_RETURN_CALL_INDIRECT : indirect_calls[copied])));
    if (direct) {
        emit32(t, own ? what - t->module->imported_funcs : what);
    } else {
        emit(t, callee);
        if (!by_ref) {
            emit32(t, what);
            emit32(t, table);
        }
    }
    emit(t, args);
    for (uint32_t i = 0; i < 2 * copied; i++)
        emit(t, copies[i]);
    drop_to(t, height);
    if (tail) {
        control_unreachable(t);
        return NIDUS_OK;
    }
    return control_push_results(t, type->shape.results, type->shape.result_count);
}

enum nidus_code control_start(struct translator *t)
{
    const struct label type = {.is_index = 1, .type = (uint32_t)(t->type - t->module->types.items)};
    t->op = WASM_BLOCK;
    return control_push_label(t, &type, 0);
}

static enum nidus_code skip(struct translator *t)
{
    if (t->op == WASM_BLOCK || t->op == WASM_LOOP || t->op == WASM_IF || t->op == WASM_TRY ||
        t->op == WASM_TRY_TABLE)
        t->skipping++;
    else if ((t->op == WASM_END || t->op == WASM_DELEGATE) && t->skipping > 1)
        t->skipping--;
    else if (t->skipping == 1 && (t->op == WASM_CATCH || t->op == WASM_CATCH_ALL ||
                                  t->op == WASM_DELEGATE))
        return exception_instruction(t);
    else if (t->op == WASM_END)
        return end_block(t);
    else if (t->op == WASM_ELSE && t->skipping == 1)
        return start_else(t);
    return skip_immediates(&t->reader, t->op);
}

enum nidus_code control_instruction(struct translator *t)
{
    uint32_t depth;
    if (t->skipping)
        return skip(t);
    switch (t->op) {
    case WASM_BLOCK:
    case WASM_LOOP:
    case WASM_IF:
        return start_block(t);
    case WASM_ELSE:
        return start_else(t);
    case WASM_END:
        return end_block(t);
    case WASM_BR:
        TRY(read_u32(&t->reader, &depth));
        TRY(control_exit(t, control_label(t, depth)));
        control_unreachable(t);
        return NIDUS_OK;
    case WASM_BR_IF:
        return br_if(t);
    case WASM_BR_ON_NULL:
    case WASM_BR_ON_NON_NULL:
        return br_on_null(t);
    case WASM_BR_ON_CAST:
    case WASM_BR_ON_CAST_FAIL:
        return object_branch(t);
    case WASM_BR_TABLE:
        return br_table(t);
    case WASM_RETURN:
        TRY(emit_return(t));
        control_unreachable(t);
        return NIDUS_OK;
    case WASM_UNREACHABLE:
        TRY(emit_op(t, OP_UNREACHABLE));
        control_unreachable(t);
        return NIDUS_OK;
    case WASM_CALL:
    case WASM_CALL_INDIRECT:
    case WASM_CALL_REF:
    case WASM_RETURN_CALL:
    case WASM_RETURN_CALL_INDIRECT:
    case WASM_RETURN_CALL_REF:
        return call(t);
    default:
        return exception_instruction(t);
    }
}
