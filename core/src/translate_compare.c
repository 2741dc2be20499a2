/*
 * Comparisons and tests as part of what uses them, where that is no branch: what a selection looks at, and the order
 * of two numbers. As in translate_fuse.c, an operation is taken back only if nothing but the instruction at hand
 * reads what it makes.
 */
#include "translate.h"

static void test_bits(struct translator *t, const uint16_t *maker, struct choice *choice)
{
    choice->c = maker[2];
    choice->mask = maker[3];
    choice->masked = 1;
    fuse_remove(t);
}

enum nidus_code fuse_choice(struct translator *t, const struct entry *condition, struct choice *choice)
{
    const uint16_t *maker = fuse_maker(t, condition);
    *choice = (struct choice){0};
    if (maker && maker[0] == OP_I32_EQZ) {
        choice->exchanged = 1;
        choice->c = maker[2];
        fuse_remove(t);
        maker = fuse_making(t, OP_I32_AND_K, choice->c);
        if (maker)
            test_bits(t, maker, choice);
        return NIDUS_OK;
    }
    if (maker && maker[0] == OP_I64_EQZ && t->previous != NO_INDEX) {
        const uint16_t *mask = &t->units.items[t->previous];
        /* One that is positive leaves nothing of the high half. */
        if (mask[0] == OP_I64_AND_K && mask[1] == maker[2] && mask[1] >= t->stack_base &&
            (int16_t)mask[3] >= 0) {
            choice->exchanged = 1;
            fuse_remove(t);
            test_bits(t, mask, choice);
            return NIDUS_OK;
        }
    }
    if (maker && maker[0] == OP_I32_AND_K) {
        test_bits(t, maker, choice);
        return NIDUS_OK;
    }
    return use(t, condition, &choice->c);
}

/* What is less than what, where `units` compare so; false if they compare otherwise. */
static int read_less(const uint16_t *units, enum op less, enum op greater, uint16_t *low, uint16_t *high)
{
    const int turned = units[0] == greater;
    *low = units[turned ? 3 : 2];
    *high = units[turned ? 2 : 3];
    return turned || units[0] == less;
}

static int is_order(const uint16_t *above, const uint16_t *below, enum op less, enum op greater,
                    uint16_t operands[2])
{
    uint16_t low;
    uint16_t high;
    return read_less(above, less, greater, &operands[1], &operands[0]) &&
           read_less(below, less, greater, &low, &high) && low == operands[0] &&
           high == operands[1] && above[1] != low && above[1] != high;
}

enum nidus_code fuse_order(struct translator *t, const struct entry *a, const struct entry *b,
                           int *fused)
{
    const uint16_t *below = fuse_maker(t, b);
    uint16_t operands[2];
    uint16_t d;
    enum op op;
    *fused = 0;
    if (!below || a->kind != ENTRY_TEMP || t->previous == NO_INDEX || t->last != t->previous + 4)
        return NIDUS_OK;
    const uint16_t *above = &t->units.items[t->previous];
    if (above[1] != a->home)
        return NIDUS_OK;
    if (is_order(above, below, OP_I32_LT_S, OP_I32_GT_S, operands))
        op = OP_I32_ORDER_S;
    else if (is_order(above, below, OP_I32_LT_U, OP_I32_GT_U, operands))
        op = OP_I32_ORDER_U;
    else
        return NIDUS_OK;
    fuse_remove(t);
    fuse_remove(t);
    TRY(push_temp(t, WIDTH32, &d));
    TRY(emit_op(t, op));
    emit_dest(t, d);
    emit(t, operands[0]);
    emit(t, operands[1]);
    *fused = 1;
    return NIDUS_OK;
}
