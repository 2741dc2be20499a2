/*
 * Branches joined with what comes before them: the sums of counting loops, copies and a store. As in translate_fuse.c, what
 * is joined lies behind the last point where a jump may land.
 */
#include "translate.h"

#include <string.h>

/* What a branch looks at, and what it costs. */
void branch_end(struct translator *t, struct branch branch, int back)
{
    if (branch.fields > 0)
        emit(t, branch.a);
    if (branch.fields > 1)
        emit(t, branch.b);
    if (back)
        emit(t, control_charge(t));
}

/* The branch that ends a counting loop, or OP_COUNT for none. */
static enum op counting(enum op branch)
{
    switch (branch) {
    case OP_BR:
        return OP_COUNT_BR_LOOP;
    case OP_BR_IF:
        return OP_COUNT_BR_IF_LOOP;
    case OP_BR_I32_NE:
        return OP_COUNT_BR_NE_LOOP;
    case OP_BR_I32_NE_K:
        return OP_COUNT_BR_NE_K_LOOP;
    case OP_BR_I32_LT_S:
        return OP_COUNT_BR_LT_S_LOOP;
    case OP_BR_I32_LT_S_K:
        return OP_COUNT_BR_LT_S_K_LOOP;
    case OP_BR_I32_LT_U:
        return OP_COUNT_BR_LT_U_LOOP;
    case OP_BR_I32_LT_U_K:
        return OP_COUNT_BR_LT_U_K_LOOP;
    default:
        return OP_COUNT;
    }
}

/* The same comparison with its slots exchanged, where a counting loop may end with it; or OP_COUNT. */
static enum op mirror(enum op branch)
{
    return branch == OP_BR_I32_NE     ? OP_BR_I32_NE
           : branch == OP_BR_I32_GT_S ? OP_BR_I32_LT_S
           : branch == OP_BR_I32_GT_U ? OP_BR_I32_LT_U
                                      : OP_COUNT;
}

/* The latest operation counts and the branch back compares what it counted, or the jump does not care: they
 * become one. */
static enum nidus_code count_and_branch(struct translator *t, struct branch branch,
                                        struct label *label, int *fused)
{
    const uint16_t *maker = t->last == NO_INDEX ? NULL : &t->units.items[t->last];
    const int back = label->op == WASM_LOOP;
    *fused = 0;
    if (!maker || maker[0] != OP_I32_ADD_K || (!back && branch.op != OP_BR))
        return NIDUS_OK;
    enum op op = back ? counting(branch.op) : OP_COUNT_BR;
    if (branch.op != OP_BR && maker[1] != branch.a) {
        op = counting(mirror(branch.op));
        if (op == OP_COUNT || maker[1] != branch.b)
            return NIDUS_OK;
        branch.b = branch.a;
    }
    if (op == OP_COUNT)
        return NIDUS_OK;
    uint16_t d = maker[1];
    uint16_t a = maker[2];
    uint16_t k = maker[3];
    t->units.count = t->last;
    emit_barrier(t);
    TRY(emit_op(t, op));
    control_emit_jump(t, label);
    emit(t, d);
    emit(t, a);
    emit(t, k);
    if (branch.fields > 1)
        emit(t, branch.b);
    if (back)
        emit(t, control_charge(t));
    *fused = 1;
    return NIDUS_OK;
}

/* The branch with a copy, store or pair of sums before it, or OP_COUNT. */
static enum op joined(uint16_t before, enum op branch, int back)
{
    switch (before) {
    case OP_STORE32:
        return branch == OP_BR && !back ? OP_STORE32_BR : OP_COUNT;
    case OP_COPY32:
    case OP_COPY64:
        return branch != OP_BR ? OP_COUNT : back ? OP_COPY_BR_LOOP : OP_COPY_BR;
    case OP_COPY2_32:
    case OP_COPY2_64:
        return branch != OP_BR ? OP_COUNT : back ? OP_COPY2_BR_LOOP : OP_COPY2_BR;
    case OP_I32_ADD_K2:
        return !back                    ? OP_COUNT
               : branch == OP_BR        ? OP_COUNT2_BR_LOOP
               : branch == OP_BR_IF     ? OP_COUNT2_BR_IF_LOOP
               : branch == OP_BR_I32_NE ? OP_COUNT2_BR_NE_LOOP
                                        : OP_COUNT;
    default:
        return OP_COUNT;
    }
}

/* The latest operation and the branch behind it become one. */
static enum nidus_code join_branch(struct translator *t, struct branch branch, struct label *label,
                                   int *fused)
{
    const int back = label->op == WASM_LOOP;
    const size_t offset = t->last_offset;
    *fused = 0;
    if (t->last == NO_INDEX || t->module->managed)
        return NIDUS_OK;
    enum op op = joined(t->units.items[t->last], branch.op, back);
    if (op == OP_COUNT)
        return NIDUS_OK;
    uint16_t fields[6];
    const uint32_t count = t->units.count - t->last - 1;
    memcpy(fields, &t->units.items[t->last + 1], count * sizeof *fields);
    t->units.count = t->last;
    emit_barrier(t);
    TRY(emit_op(t, op));
    control_emit_jump(t, label);
    for (uint32_t i = 0; i < count; i++)
        emit(t, fields[i]);
    branch_end(t, branch, back);
    keep_offset(t, offset);
    *fused = 1;
    return NIDUS_OK;
}

enum nidus_code fuse_jump(struct translator *t, struct branch branch, struct label *label, int *fused)
{
    TRY(count_and_branch(t, branch, label, fused));
    return *fused ? NIDUS_OK : join_branch(t, branch, label, fused);
}
