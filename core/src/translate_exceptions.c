/*
 * Exceptions. Blocks that catch cost nothing to enter: they leave a `struct handler` for each clause,
 * and interp_throw finds it by the unit that was being executed.
 *
 * A clause of try_table becomes a landing behind the block's body: the values that interp_throw put
 * there are moved to where the clause's label wants them. A legacy catch block is its own landing;
 * what it has caught is kept in a slot of its own, for rethrow.
 */
#include "translate.h"

static enum nidus_code add_handler(struct translator *t, struct handler handler)
{
    if (!VEC_ROOM(t->allocator, &t->handlers, 1))
        return error_no_memory(&t->error);
    t->handlers.items[t->handlers.count++] = handler;
    return NIDUS_OK;
}

static const struct nidus_functype *tag_shape(const struct translator *t, uint32_t tag)
{
    return &t->module->types.items[t->module->tags.items[tag]].shape;
}

/* ---- Blocks ---- */

static enum nidus_code start_try(struct translator *t)
{
    struct label type;
    const nidus_type *params;
    uint32_t param_count;
    TRY(control_block_type(t, &type));
    control_label_types(t, &type, 1, &params, &param_count);
    TRY(settle_locals(t));
    emit_barrier(t);
    TRY(control_push_label(t, &type, param_count));
    struct label *label = control_label(t, 0);
    if (t->op == WASM_TRY) {
        label->caught = (uint16_t)(t->caught_base + t->try_depth++);
        return NIDUS_OK;
    }
    label->catches = (uint32_t)(t->reader.at - t->reader.start);
    return skip_catches(&t->reader);
}

/* What comes to the end of a body or of a catch block goes behind the whole block. */
static enum nidus_code leave(struct translator *t, struct label *label)
{
    return t->skipping ? NIDUS_OK : control_exit(t, label);
}

/* The block is closed: what goes on behind it. */
static enum nidus_code land(struct translator *t, const struct label *label)
{
    const nidus_type *types;
    uint32_t count;
    if (!label->targeted) {
        control_unreachable(t);
        return NIDUS_OK;
    }
    control_label_types(t, label, 0, &types, &count);
    control_land(t, label->jumps);
    t->skipping = 0;
    drop_to(t, label->height);
    return control_push_results(t, types, count);
}

/* One clause, its label among those around the block. */
static enum nidus_code landing(struct translator *t, const struct label *label, uint32_t end)
{
    uint8_t kind;
    uint32_t tag = NO_INDEX;
    uint32_t depth;
    uint16_t slot;
    TRY(read_byte(&t->reader, &kind));
    if (kind < 2)
        TRY(read_u32(&t->reader, &tag));
    TRY(read_u32(&t->reader, &depth));
    t->skipping = 0;
    drop_to(t, label->height);
    emit_barrier(t);
    struct handler handler = {.start = label->start,
                              .end = end,
                              .unit = t->units.count,
                              .tag = tag,
                              .level = t->labels.count,
                              .values = (uint16_t)t->cells,
                              .caught = NO_SLOT};
    if (tag != NO_INDEX)
        TRY(control_push_results(t, tag_shape(t, tag)->params, tag_shape(t, tag)->param_count));
    if (kind & 1) {
        TRY(push_temp(t, WIDTH_REF, &slot));
        handler.caught = slot;
    }
    TRY(add_handler(t, handler));
    TRY(roots_note(t));
    TRY(control_exit(t, control_label(t, depth)));
    control_unreachable(t);
    return NIDUS_OK;
}

static enum nidus_code end_try_table(struct translator *t)
{
    uint32_t end = t->units.count;
    uint32_t count;
    const uint8_t *after = t->reader.at;
    TRY(leave(t, control_label(t, 0)));
    struct label label = *control_label(t, 0);
    t->labels.count--;
    /* What leaves belongs to the body: its unit must not be behind `end`. */
    if (end < t->units.count)
        end = t->units.count;
    t->reader.at = t->reader.start + label.catches;
    TRY(read_u32(&t->reader, &count));
    for (; count > 0; count--)
        TRY(landing(t, &label, end));
    t->reader.at = after;
    return land(t, &label);
}

/* ---- Legacy blocks ---- */

static enum nidus_code start_catch(struct translator *t)
{
    uint32_t tag = NO_INDEX;
    struct label *label = control_label(t, 0);
    if (t->op == WASM_CATCH)
        TRY(read_u32(&t->reader, &tag));
    TRY(leave(t, label));
    if (label->try_end == NO_INDEX)
        label->try_end = t->units.count;
    label->op = WASM_CATCH;
    t->skipping = 0;
    drop_to(t, label->height);
    emit_barrier(t);
    TRY(add_handler(t, (struct handler){.start = label->start,
                                        .end = label->try_end,
                                        .unit = t->units.count,
                                        .tag = tag,
                                        .level = t->labels.count - 1,
                                        .values = (uint16_t)t->cells,
                                        .caught = label->caught}));
    if (tag == NO_INDEX)
        return NIDUS_OK;
    return control_push_results(t, tag_shape(t, tag)->params, tag_shape(t, tag)->param_count);
}

static enum nidus_code end_try(struct translator *t)
{
    TRY(leave(t, control_label(t, 0)));
    struct label label = *control_label(t, 0);
    t->labels.count--;
    t->try_depth--;
    return land(t, &label);
}

static enum nidus_code delegate(struct translator *t)
{
    uint32_t depth;
    TRY(read_u32(&t->reader, &depth));
    TRY(leave(t, control_label(t, 0)));
    struct label label = *control_label(t, 0);
    t->labels.count--;
    t->try_depth--;
    TRY(add_handler(t, (struct handler){.start = label.start,
                                        .end = t->units.count,
                                        .unit = t->labels.count - 1 - depth,
                                        .tag = NO_INDEX,
                                        .level = t->labels.count,
                                        .kind = HANDLER_DELEGATE}));
    return land(t, &label);
}

/* ---- Throwing ---- */

static enum nidus_code throw_new(struct translator *t)
{
    uint32_t tag;
    TRY(read_u32(&t->reader, &tag));
    uint32_t count = tag_shape(t, tag)->param_count;
    TRY(settle_top(t, count));
    uint32_t first = count ? t->stack.items[t->stack.count - count].home : t->cells;
    TRY(emit_op(t, OP_THROW));
    emit32(t, tag);
    emit(t, first);
    control_unreachable(t);
    return NIDUS_OK;
}

static enum nidus_code throw_again(struct translator *t, uint16_t slot)
{
    TRY(emit_op(t, OP_THROW_REF));
    emit(t, slot);
    control_unreachable(t);
    return NIDUS_OK;
}

enum nidus_code exception_instruction(struct translator *t)
{
    uint16_t slot;
    uint32_t depth;
    switch (t->op) {
    case WASM_TRY:
    case WASM_TRY_TABLE:
        return start_try(t);
    case WASM_CATCH:
    case WASM_CATCH_ALL:
        return start_catch(t);
    case WASM_DELEGATE:
        return delegate(t);
    case WASM_THROW:
        return throw_new(t);
    case WASM_THROW_REF:
        TRY(use_popped(t, &slot));
        return throw_again(t, slot);
    default: /* rethrow */
        TRY(read_u32(&t->reader, &depth));
        return throw_again(t, control_label(t, depth)->caught);
    }
}

enum nidus_code exception_end(struct translator *t)
{
    return control_label(t, 0)->op == WASM_TRY_TABLE ? end_try_table(t) : end_try(t);
}
