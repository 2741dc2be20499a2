/* Emission of internal code, and the model of the operand stack; see translate.h. */
#include "translate.h"

const uint8_t op_units[OP_COUNT] = {
#define OP(name, units) [OP_##name] = units,
#include "ops.def"
};

#define SLOT_LIMIT 65535u

enum nidus_code emit_room(struct translator *t, uint32_t units)
{
    if (!VEC_ROOM(t->allocator, &t->units, units))
        return error_no_memory(&t->error);
    return NIDUS_OK;
}

void emit32(struct translator *t, uint32_t value)
{
    emit(t, value & 0xffff);
    emit(t, value >> 16);
}

void emit64(struct translator *t, uint64_t value)
{
    emit32(t, (uint32_t)value);
    emit32(t, (uint32_t)(value >> 32));
}

enum nidus_code emit_op(struct translator *t, enum op op)
{
    TRY(emit_room(t, op_units[op]));
    t->previous = t->last;
    t->last = t->units.count;
    t->last_dest = NO_INDEX;
    t->last_offset = t->op_offset;
    if (t->last <= t->watch)
        t->watch_offset = t->op_offset;
    emit(t, op);
    return NIDUS_OK;
}

void emit_dest(struct translator *t, uint32_t slot)
{
    t->last_dest = t->units.count;
    emit(t, slot);
}

enum nidus_code emit_copy(struct translator *t, enum width width, uint32_t to, uint32_t from)
{
    static const uint16_t ops[] = {OP_COPY32, OP_COPY64, OP_COPY128, OP_COPY64};
    if (to == from)
        return NIDUS_OK;
    if (width != WIDTH128 && t->last != NO_INDEX && t->units.items[t->last] == ops[width]) {
        /* Two copies in a row are one dispatch. */
        TRY(emit_room(t, 2));
        t->units.items[t->last] = width == WIDTH32 ? OP_COPY2_32 : OP_COPY2_64;
        emit_dest(t, to);
        emit(t, from);
        return NIDUS_OK;
    }
    TRY(emit_op(t, (enum op)ops[width]));
    emit_dest(t, to);
    emit(t, from);
    return NIDUS_OK;
}

enum nidus_code emit_constant(struct translator *t, enum width width, uint32_t to, uint64_t value)
{
    if (width == WIDTH64 && value != (uint64_t)(int64_t)(int32_t)value) {
        TRY(emit_op(t, OP_CONST64));
        emit_dest(t, to);
        emit64(t, value);
        return NIDUS_OK;
    }
    TRY(emit_op(t, width == WIDTH32 ? OP_CONST32 : OP_CONST64S));
    emit_dest(t, to);
    emit32(t, (uint32_t)value);
    return NIDUS_OK;
}

/* ---- The operand stack ---- */

static enum nidus_code push(struct translator *t, struct entry entry)
{
    if (!VEC_ROOM(t->allocator, &t->stack, 1))
        return error_no_memory(&t->error);
    uint32_t cells = t->cells + width_cells(entry.width);
    if (cells > SLOT_LIMIT)
        return error_set(&t->error, NIDUS_ERROR_LIMIT, 0, "Too many operands.");
    entry.home = (uint16_t)t->cells;
    t->cells = cells;
    if (cells > t->max_cells)
        t->max_cells = cells;
    entry.roots = t->roots;
    t->stack.items[t->stack.count++] = entry;
    if (entry.kind == ENTRY_TEMP && entry.width == WIDTH_REF)
        return roots_update(t, t->stack.count - 1);
    return NIDUS_OK;
}

enum nidus_code push_temp(struct translator *t, enum width width, uint16_t *slot)
{
    TRY(push(t, (struct entry){.kind = ENTRY_TEMP, .width = (uint8_t)width}));
    *slot = t->stack.items[t->stack.count - 1].home;
    return NIDUS_OK;
}

enum nidus_code push_local(struct translator *t, uint32_t local)
{
    struct entry entry = {.kind = ENTRY_LOCAL,
                          .width = t->local_widths[local],
                          .local = t->local_slots[local]};
    if (t->lazy.count >= LAZY_LIMIT)
        entry.kind = ENTRY_TEMP;
    TRY(push(t, entry));
    if (entry.kind == ENTRY_TEMP)
        return emit_copy(t, entry.width, t->stack.items[t->stack.count - 1].home, entry.local);
    if (!VEC_ROOM(t->allocator, &t->lazy, 1))
        return error_no_memory(&t->error);
    t->lazy.items[t->lazy.count++] = t->stack.count - 1;
    return NIDUS_OK;
}

enum nidus_code push_constant(struct translator *t, enum width width, uint64_t value)
{
    return push(t, (struct entry){.kind = ENTRY_CONST, .width = (uint8_t)width, .value = value});
}

struct entry pop(struct translator *t)
{
    struct entry entry = t->stack.items[--t->stack.count];
    if (entry.kind == ENTRY_LOCAL)
        t->lazy.count--; /* positions ascend: it was the last */
    t->cells = entry.home;
    t->roots = t->stack.count ? t->stack.items[t->stack.count - 1].roots : NO_INDEX;
    return entry;
}

void drop_to(struct translator *t, uint32_t height)
{
    while (t->stack.count > height)
        (void)pop(t);
}

int constant_slot(struct translator *t, uint64_t value, uint16_t *slot)
{
    uint32_t i = 0;
    while (i < t->constants.count && t->constants.items[i] != value)
        i++;
    if (i == t->constants.count) {
        /* A slot filled at every call pays off for what is used many times per call. */
        if (t->loop_depth == 0 || i == t->constant_room)
            return 0;
        t->constants.items[t->constants.count++] = value;
    }
    *slot = (uint16_t)(t->constant_base + i);
    return 1;
}

enum nidus_code use(struct translator *t, const struct entry *entry, uint16_t *slot)
{
    *slot = entry->kind == ENTRY_LOCAL ? entry->local : entry->home;
    if (entry->kind != ENTRY_CONST || constant_slot(t, entry->value, slot))
        return NIDUS_OK;
    return emit_constant(t, entry->width, entry->home, entry->value);
}

enum nidus_code use_popped(struct translator *t, uint16_t *slot)
{
    struct entry entry = pop(t);
    return use(t, &entry, slot);
}

enum nidus_code settle(struct translator *t, uint32_t position)
{
    struct entry *entry = &t->stack.items[position];
    if (entry->kind == ENTRY_TEMP)
        return NIDUS_OK;
    if (entry->kind == ENTRY_CONST) {
        entry->kind = ENTRY_TEMP;
        if (entry->width == WIDTH_REF)
            TRY(roots_update(t, position));
        return emit_constant(t, entry->width, entry->home, entry->value);
    }
    uint32_t at = t->lazy.count;
    while (t->lazy.items[--at] != position)
        ;
    for (t->lazy.count--; at < t->lazy.count; at++)
        t->lazy.items[at] = t->lazy.items[at + 1];
    entry->kind = ENTRY_TEMP;
    if (entry->width == WIDTH_REF)
        TRY(roots_update(t, position));
    return emit_copy(t, entry->width, entry->home, entry->local);
}

enum nidus_code settle_top(struct translator *t, uint32_t count)
{
    for (uint32_t i = t->stack.count - count; i < t->stack.count; i++)
        TRY(settle(t, i));
    return NIDUS_OK;
}

enum nidus_code settle_locals(struct translator *t)
{
    for (uint32_t i = 0; i < t->lazy.count; i++) {
        struct entry *entry = &t->stack.items[t->lazy.items[i]];
        entry->kind = ENTRY_TEMP;
        if (entry->width == WIDTH_REF)
            TRY(roots_update(t, t->lazy.items[i]));
        TRY(emit_copy(t, entry->width, entry->home, entry->local));
    }
    t->lazy.count = 0;
    return NIDUS_OK;
}

enum nidus_code preserve(struct translator *t, uint16_t local_slot)
{
    for (uint32_t i = t->lazy.count; i-- > 0;) {
        uint32_t position = t->lazy.items[i];
        if (t->stack.items[position].local == local_slot)
            TRY(settle(t, position));
    }
    return NIDUS_OK;
}
