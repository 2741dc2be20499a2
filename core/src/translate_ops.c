/*
 * Plain instructions: constants, variables, numerics, and loads and stores of memory 0.
 *
 * One row per wasm instruction says how it becomes an operation. The choices made here are: an
 * immediate where an operand is a small constant, no operation at all where only the type changes,
 * and the destination of the latest operation redirected where its result goes to a local.
 */
#include <string.h>

#include "translate.h"

enum plan_kind {
    PLAN_NONE = 0,
    PLAN_SAME,   /* the slot already holds the result */
    PLAN_UNARY,
    PLAN_CONVERT,
    PLAN_BINARY, /* commutative when `swapped` is op itself */
    PLAN_LOAD,
    PLAN_STORE
};

struct plan {
    uint8_t kind;
    uint8_t width;
    uint16_t op;
    uint16_t immediate; /* the variant with an immediate, or 0 (OP_COPY32, which is none) */
    uint16_t swapped;   /* the operation with its operands exchanged, or 0 */
};

#define UNARY(wasm, width, op) [WASM_##wasm] = {PLAN_UNARY, width, OP_##op, 0, 0}
#define CONVERSION(wasm, width) [WASM_##wasm] = {PLAN_CONVERT, width, OP_CONVERT, 0, 0}
#define SAME(wasm, width) [WASM_##wasm] = {PLAN_SAME, width, 0, 0, 0}
#define BINARY(name, width) [WASM_##name] = {PLAN_BINARY, width, OP_##name, 0, 0}
#define BINARY_K(name, width) [WASM_##name] = {PLAN_BINARY, width, OP_##name, OP_##name##_K, 0}
#define COMMUTES(name, width)                                                                      \
    [WASM_##name] = {PLAN_BINARY, width, OP_##name, OP_##name##_K, OP_##name}
#define COMPARE(name, mirror)                                                                      \
    [WASM_##name] = {PLAN_BINARY, WIDTH32, OP_##name, OP_##name##_K, OP_##mirror}
#define LOAD(wasm, width, op) [WASM_##wasm] = {PLAN_LOAD, width, OP_##op, OP_##op##_FAR, 0}
#define STORE(wasm, op) [WASM_##wasm] = {PLAN_STORE, 0, OP_##op, OP_##op##_FAR, 0}

#define INTEGER(t, width)                                                                          \
    COMMUTES(t##_ADD, width), BINARY(t##_SUB, width), COMMUTES(t##_MUL, width),                    \
        BINARY_K(t##_DIV_S, width), BINARY_K(t##_DIV_U, width), BINARY_K(t##_REM_S, width),        \
        BINARY_K(t##_REM_U, width), COMMUTES(t##_AND, width), COMMUTES(t##_OR, width),             \
        COMMUTES(t##_XOR, width), BINARY_K(t##_SHL, width), BINARY_K(t##_SHR_S, width),            \
        BINARY_K(t##_SHR_U, width), BINARY_K(t##_ROTL, width), BINARY(t##_ROTR, width),            \
        COMPARE(t##_EQ, t##_EQ), COMPARE(t##_NE, t##_NE), COMPARE(t##_LT_S, t##_GT_S),             \
        COMPARE(t##_LT_U, t##_GT_U), COMPARE(t##_GT_S, t##_LT_S), COMPARE(t##_GT_U, t##_LT_U),     \
        COMPARE(t##_LE_S, t##_GE_S), COMPARE(t##_LE_U, t##_GE_U), COMPARE(t##_GE_S, t##_LE_S),     \
        COMPARE(t##_GE_U, t##_LE_U), UNARY(t##_CLZ, width, t##_CLZ),                               \
        UNARY(t##_CTZ, width, t##_CTZ), UNARY(t##_POPCNT, width, t##_POPCNT),                      \
        UNARY(t##_EQZ, WIDTH32, t##_EQZ), UNARY(t##_EXTEND8_S, width, t##_EXTEND8_S),              \
        UNARY(t##_EXTEND16_S, width, t##_EXTEND16_S)

#define FLOAT(t, width)                                                                            \
    BINARY(t##_ADD, width), BINARY(t##_SUB, width), BINARY(t##_MUL, width),                        \
        BINARY(t##_DIV, width), BINARY(t##_MIN, width), BINARY(t##_MAX, width),                    \
        BINARY(t##_COPYSIGN, width), UNARY(t##_ABS, width, t##_ABS),                               \
        UNARY(t##_NEG, width, t##_NEG), UNARY(t##_CEIL, width, t##_CEIL),                          \
        UNARY(t##_FLOOR, width, t##_FLOOR), UNARY(t##_TRUNC, width, t##_TRUNC),                    \
        UNARY(t##_NEAREST, width, t##_NEAREST), UNARY(t##_SQRT, width, t##_SQRT),                  \
        BINARY(t##_EQ, WIDTH32), BINARY(t##_NE, WIDTH32), BINARY(t##_LT, WIDTH32),                 \
        BINARY(t##_LE, WIDTH32), [WASM_##t##_GT] = {PLAN_BINARY, WIDTH32, OP_##t##_LT, 0, 1},      \
        [WASM_##t##_GE] = {PLAN_BINARY, WIDTH32, OP_##t##_LE, 0, 1}

static const struct plan plans[0x108] = {
    [WASM_REF_EQ] = {PLAN_BINARY, WIDTH32, OP_I64_EQ, 0, OP_I64_EQ},
    INTEGER(I32, WIDTH32),
    INTEGER(I64, WIDTH64),
    FLOAT(F32, WIDTH32),
    FLOAT(F64, WIDTH64),
    UNARY(I64_EXTEND32_S, WIDTH64, I64_EXTEND32_S),
    UNARY(I64_EXTEND_I32_S, WIDTH64, I64_EXTEND32_S),
    UNARY(I64_EXTEND_I32_U, WIDTH64, I64_EXTEND_I32_U),
    SAME(I32_WRAP_I64, WIDTH32),
    SAME(I32_REINTERPRET_F32, WIDTH32),
    SAME(F32_REINTERPRET_I32, WIDTH32),
    SAME(I64_REINTERPRET_F64, WIDTH64),
    SAME(F64_REINTERPRET_I64, WIDTH64),
    CONVERSION(I32_TRUNC_F32_S, WIDTH32),
    CONVERSION(I32_TRUNC_F32_U, WIDTH32),
    UNARY(I32_TRUNC_F64_S, WIDTH32, I32_TRUNC_F64_S),
    CONVERSION(I32_TRUNC_F64_U, WIDTH32),
    CONVERSION(I64_TRUNC_F32_S, WIDTH64),
    CONVERSION(I64_TRUNC_F32_U, WIDTH64),
    CONVERSION(I64_TRUNC_F64_S, WIDTH64),
    CONVERSION(I64_TRUNC_F64_U, WIDTH64),
    CONVERSION(F32_CONVERT_I32_S, WIDTH32),
    CONVERSION(F32_CONVERT_I32_U, WIDTH32),
    CONVERSION(F32_CONVERT_I64_S, WIDTH32),
    CONVERSION(F32_CONVERT_I64_U, WIDTH32),
    UNARY(F32_DEMOTE_F64, WIDTH32, F32_DEMOTE_F64),
    UNARY(F64_CONVERT_I32_S, WIDTH64, F64_CONVERT_I32_S),
    UNARY(F64_CONVERT_I32_U, WIDTH64, F64_CONVERT_I32_U),
    CONVERSION(F64_CONVERT_I64_S, WIDTH64),
    CONVERSION(F64_CONVERT_I64_U, WIDTH64),
    UNARY(F64_PROMOTE_F32, WIDTH64, F64_PROMOTE_F32),
    CONVERSION(I32_TRUNC_SAT_F32_S, WIDTH32),
    CONVERSION(I32_TRUNC_SAT_F32_U, WIDTH32),
    UNARY(I32_TRUNC_SAT_F64_S, WIDTH32, I32_TRUNC_SAT_F64_S),
    CONVERSION(I32_TRUNC_SAT_F64_U, WIDTH32),
    CONVERSION(I64_TRUNC_SAT_F32_S, WIDTH64),
    CONVERSION(I64_TRUNC_SAT_F32_U, WIDTH64),
    CONVERSION(I64_TRUNC_SAT_F64_S, WIDTH64),
    CONVERSION(I64_TRUNC_SAT_F64_U, WIDTH64),
    LOAD(I32_LOAD, WIDTH32, LOAD32),
    LOAD(F32_LOAD, WIDTH32, LOAD32),
    LOAD(I64_LOAD, WIDTH64, LOAD64),
    LOAD(F64_LOAD, WIDTH64, LOAD64),
    LOAD(I32_LOAD8_S, WIDTH32, I32_LOAD8_S),
    LOAD(I32_LOAD8_U, WIDTH32, I32_LOAD8_U),
    LOAD(I32_LOAD16_S, WIDTH32, I32_LOAD16_S),
    LOAD(I32_LOAD16_U, WIDTH32, I32_LOAD16_U),
    LOAD(I64_LOAD8_S, WIDTH64, I64_LOAD8_S),
    LOAD(I64_LOAD8_U, WIDTH64, I64_LOAD8_U),
    LOAD(I64_LOAD16_S, WIDTH64, I64_LOAD16_S),
    LOAD(I64_LOAD16_U, WIDTH64, I64_LOAD16_U),
    LOAD(I64_LOAD32_S, WIDTH64, I64_LOAD32_S),
    LOAD(I64_LOAD32_U, WIDTH64, I64_LOAD32_U),
    STORE(I32_STORE, STORE32),
    STORE(F32_STORE, STORE32),
    STORE(I64_STORE, STORE64),
    STORE(F64_STORE, STORE64),
    STORE(I32_STORE8, STORE8),
    STORE(I64_STORE8, STORE8),
    STORE(I32_STORE16, STORE16),
    STORE(I64_STORE16, STORE16),
    STORE(I64_STORE32, STORE32),
};

/* ---- Comparisons and branches ---- */

static int in_family(uint32_t op, enum op first, uint32_t size)
{
    return op >= (uint32_t)first && op < (uint32_t)first + size;
}

/* The value-making comparison's first member and the branches made from it. */
struct compare_family {
    uint16_t first;
    uint16_t size;
    uint16_t branch;
    uint16_t loop; /* distance from a branch to its _LOOP variant */
};

static const struct compare_family families[] = {
    {OP_I32_EQ, 20, OP_BR_I32_EQ, OP_BR_I32_EQ_LOOP - OP_BR_I32_EQ},
    {OP_I64_EQ, 20, OP_BR_I64_EQ, OP_BR_I64_EQ_LOOP - OP_BR_I64_EQ},
    {OP_F32_EQ, 6, OP_BR_F32_EQ, OP_BR_F32_EQ_LOOP - OP_BR_F32_EQ},
    {OP_F64_EQ, 6, OP_BR_F64_EQ, OP_BR_F64_EQ_LOOP - OP_BR_F64_EQ},
};

static const struct compare_family *compare_family(uint32_t op)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (in_family(op, (enum op)families[i].first, families[i].size))
            return &families[i];
    return NULL;
}

enum nidus_code make_branch(struct translator *t, const struct entry *condition,
                            struct branch *branch)
{
    const uint16_t *maker = fuse_maker(t, condition);
    if (maker && (maker[0] == OP_I32_EQZ || maker[0] == OP_I64_EQZ)) {
        *branch = (struct branch){
            maker[0] == OP_I32_EQZ ? OP_BR_UNLESS : OP_BR_UNLESS64, maker[2], 0, 1};
    } else if (maker && compare_family(maker[0])) {
        const struct compare_family *family = compare_family(maker[0]);
        *branch = (struct branch){(enum op)(family->branch + (maker[0] - family->first)), maker[2],
                                  maker[3], 2};
    } else {
        *branch = (struct branch){OP_BR_IF, 0, 0, 1};
        TRY(use(t, condition, &branch->a));
        if (maker)
            fuse_branch(t, branch);
        return NIDUS_OK;
    }
    fuse_remove(t);
    if (branch->op == OP_BR_UNLESS)
        fuse_branch(t, branch);
    return NIDUS_OK;
}

/* eqz of a comparison is the opposite comparison. */
static int invert_maker(struct translator *t, const struct entry *entry)
{
    uint16_t *maker = fuse_maker(t, entry);
    const struct compare_family *family = maker ? compare_family(maker[0]) : NULL;
    if (!family)
        return 0;
    maker[0] = (uint16_t)(family->first + ((maker[0] - family->first) ^ 1));
    return 1;
}

/* ---- Numerics ---- */

static enum nidus_code unary(struct translator *t, const struct plan *plan)
{
    uint16_t a;
    uint16_t d;
    struct entry entry = pop(t);
    if (t->op == WASM_I32_EQZ && invert_maker(t, &entry))
        return push_temp(t, WIDTH32, &d);
    TRY(use(t, &entry, &a));
    TRY(push_temp(t, plan->width, &d));
    TRY(emit_op(t, (enum op)plan->op));
    emit_dest(t, d);
    emit(t, a);
    if (plan->kind == PLAN_CONVERT)
        emit(t, t->op);
    return NIDUS_OK;
}

/* Whether constant `value` can be the immediate of `op`; changes both where that helps. */
static int as_immediate(const struct plan *plan, int is64, uint64_t value, uint16_t *op,
                        int16_t *immediate)
{
    int64_t k = is64 ? (int64_t)value : (int64_t)(int32_t)value;
    *op = plan->immediate;
    switch (plan->op) {
    case OP_I32_SUB:
    case OP_I64_SUB:
        *op = plan->op == OP_I32_SUB ? OP_I32_ADD_K : OP_I64_ADD_K;
        if (k < -INT16_MAX || k > INT16_MAX)
            return 0;
        k = -k;
        break;
    case OP_I32_ROTR:
    case OP_I64_ROTR:
        *op = plan->op == OP_I32_ROTR ? OP_I32_ROTL_K : OP_I64_ROTL_K;
        k = -k & (is64 ? 63 : 31);
        break;
    case OP_I32_SHL:
    case OP_I32_SHR_S:
    case OP_I32_SHR_U:
    case OP_I32_ROTL:
        k &= 31;
        break;
    case OP_I64_SHL:
    case OP_I64_SHR_S:
    case OP_I64_SHR_U:
    case OP_I64_ROTL:
        k &= 63;
        break;
    case OP_I32_DIV_S:
    case OP_I32_DIV_U:
    case OP_I32_REM_S:
    case OP_I32_REM_U:
    case OP_I64_DIV_S:
    case OP_I64_DIV_U:
    case OP_I64_REM_S:
    case OP_I64_REM_U:
        if (k <= 0) /* these can trap or overflow; a positive divisor cannot */
            return 0;
        break;
    default:
        break;
    }
    *immediate = (int16_t)k;
    return *op != 0 && k >= INT16_MIN && k <= INT16_MAX;
}

static enum nidus_code binary(struct translator *t, const struct plan *plan)
{
    struct entry b = pop(t);
    struct entry a = pop(t);
    struct plan chosen = *plan;
    int is_float_mirror = plan->swapped == 1;
    if (is_float_mirror ||
        (a.kind == ENTRY_CONST && b.kind != ENTRY_CONST && plan->swapped != 0)) {
        struct entry other = a;
        a = b;
        b = other;
        if (!is_float_mirror && plan->swapped != plan->op) {
            const struct compare_family *family = compare_family(plan->swapped);
            chosen.op = plan->swapped;
            chosen.immediate = (uint16_t)(plan->swapped + family->size / 2);
        }
    }
    uint16_t slot_a;
    uint16_t slot_b;
    uint16_t op;
    uint16_t d;
    int16_t immediate;
    int fused = 0;
    if (t->op == WASM_I32_ADD || t->op == WASM_I64_ADD || t->op == WASM_I32_XOR || t->op == WASM_I32_OR ||
        t->op == WASM_I64_XOR || t->op == WASM_I64_OR)
        TRY(fuse_combined(t, (enum width)plan->width, &a, &b, &fused));
    else if (in_family(plan->op, OP_F32_ADD, 3) || in_family(plan->op, OP_F64_ADD, 3))
        TRY(fuse_floats(t, (enum op)plan->op, &a, &b, &fused));
    else if (t->op == WASM_I32_SUB)
        TRY(fuse_order(t, &a, &b, &fused));
    if (!fused && (t->op == WASM_I32_SUB || t->op == WASM_F64_ADD || t->op == WASM_F64_SUB || t->op == WASM_F64_MUL))
        TRY(fuse_combined(t, (enum width)plan->width, &a, &b, &fused));
    if (fused)
        return NIDUS_OK;
    if (b.kind == ENTRY_CONST &&
        as_immediate(&chosen, b.width == WIDTH64, b.value, &op, &immediate)) {
        if (op == OP_I32_AND_K)
            TRY(fuse_bits(t, &a, (uint16_t)immediate, &fused));
        if (fused)
            return NIDUS_OK;
        TRY(use(t, &a, &slot_a));
        TRY(push_temp(t, plan->width, &d));
        TRY(emit_op(t, (enum op)op));
        emit_dest(t, d);
        emit(t, slot_a);
        emit(t, (uint16_t)immediate);
        return NIDUS_OK;
    }
    TRY(use(t, &a, &slot_a));
    TRY(use(t, &b, &slot_b));
    TRY(push_temp(t, plan->width, &d));
    TRY(emit_op(t, (enum op)chosen.op));
    emit_dest(t, d);
    emit(t, slot_a);
    emit(t, slot_b);
    return NIDUS_OK;
}

/* ---- Memory 0 ---- */

static enum nidus_code memory_access(struct translator *t, const struct plan *plan)
{
    const uint8_t *at = t->reader.at;
    uint32_t flags;
    uint64_t offset;
    TRY(read_u32(&t->reader, &flags));
    if (flags & 64 || t->module->memories.items[0].is64) {
        t->reader.at = at;
        return family_instruction(t);
    }
    TRY(read_u64(&t->reader, &offset));
    uint16_t value = 0;
    uint16_t address;
    uint16_t d = 0;
    int far = offset > UINT16_MAX;
    if (plan->kind == PLAN_STORE)
        TRY(use_popped(t, &value));
    struct entry entry = pop(t);
    const struct access access = {(enum op)plan->op, (enum width)plan->width,
                                  plan->kind == PLAN_STORE, (uint32_t)offset};
    int fused;
    TRY(fuse_address(t, &access, &entry, value, &fused));
    if (fused)
        return NIDUS_OK;
    TRY(use(t, &entry, &address));
    TRY(fuse_advance(t, &access, address, &fused));
    if (fused)
        return NIDUS_OK;
    if (plan->kind == PLAN_LOAD)
        TRY(push_temp(t, plan->width, &d));
    TRY(emit_op(t, (enum op)(far ? plan->immediate : plan->op)));
    if (plan->kind == PLAN_LOAD) {
        emit_dest(t, d);
        emit(t, address);
    } else {
        emit(t, address);
        emit(t, value);
    }
    if (far)
        emit32(t, (uint32_t)offset);
    else
        emit(t, (uint16_t)offset);
    return NIDUS_OK;
}

/* ---- Variables and constants ---- */

static enum nidus_code local_set(struct translator *t, uint32_t local, int tee)
{
    uint16_t slot = t->local_slots[local];
    struct entry entry = pop(t);
    uint32_t refs = 0;
    for (uint32_t i = 0; i < t->lazy.count; i++)
        refs += t->stack.items[t->lazy.items[i]].local == slot;
    if (entry.kind == ENTRY_TEMP && refs == 0 && t->last != NO_INDEX && t->last_dest != NO_INDEX &&
        t->units.items[t->last_dest] == entry.home) {
        t->units.items[t->last_dest] = slot;
        fuse_sums(t);
        return tee ? push_local(t, local) : NIDUS_OK;
    }
    const uint16_t *maker = refs > 0 && !t->module->managed ? fuse_maker(t, &entry) : NULL;
    if (maker && maker[0] != OP_LOAD32_LOAD32) {
        /* Nothing that the operation reads is overwritten: those entries lie below it. */
        TRY(fuse_behind_copies(t, slot));
        return tee ? push_local(t, local) : NIDUS_OK;
    }
    if (entry.kind == ENTRY_LOCAL && entry.local == slot)
        return tee ? push_local(t, local) : NIDUS_OK;
    if (refs > 0)
        TRY(preserve(t, slot));
    if (entry.kind == ENTRY_CONST) {
        /* Compilers set to zero at the start of a function what is zero there. */
        if (t->units.count > 0 || t->loop_depth > 0 || entry.value != 0 ||
            local < t->type->shape.param_count)
            TRY(emit_constant(t, entry.width, slot, entry.value));
        return tee ? push_constant(t, entry.width, entry.value) : NIDUS_OK;
    }
    uint16_t from;
    TRY(use(t, &entry, &from));
    TRY(emit_copy(t, entry.width, slot, from));
    return tee ? push_local(t, local) : NIDUS_OK;
}

static enum nidus_code global_access(struct translator *t, uint32_t index, int set)
{
    static const uint16_t get_ops[] = {OP_GLOBAL_GET32, OP_GLOBAL_GET64, OP_GLOBAL_GET128, OP_GLOBAL_GET64};
    static const uint16_t set_ops[] = {OP_GLOBAL_SET32, OP_GLOBAL_SET64, OP_GLOBAL_SET128, OP_GLOBAL_SET64};
    enum width width = type_width(t->module->globals.items[index].type);
    uint16_t slot;
    if (set)
        TRY(use_popped(t, &slot));
    else
        TRY(push_temp(t, width, &slot));
    TRY(emit_op(t, (enum op)(set ? set_ops[width] : get_ops[width])));
    if (set)
        emit(t, slot);
    else
        emit_dest(t, slot);
    emit32(t, index);
    return NIDUS_OK;
}

static enum nidus_code select_value(struct translator *t)
{
    static const uint16_t ops[] = {OP_SELECT32, OP_SELECT64, OP_SELECT128, OP_SELECT64};
    static const uint16_t tests[] = {OP_SELECT32_TEST, OP_SELECT64_TEST, 0, OP_SELECT64_TEST};
    uint16_t a;
    uint16_t b;
    uint16_t d;
    struct choice choice = {0};
    struct entry condition = pop(t);
    enum width width = t->stack.items[t->stack.count - 1].width;
    if (width == WIDTH128)
        TRY(use(t, &condition, &choice.c));
    else
        TRY(fuse_choice(t, &condition, &choice));
    TRY(use_popped(t, &b));
    TRY(use_popped(t, &a));
    TRY(push_temp(t, width, &d));
    TRY(emit_op(t, (enum op)(choice.masked ? tests[width] : ops[width])));
    emit_dest(t, d);
    emit(t, choice.exchanged ? b : a);
    emit(t, choice.exchanged ? a : b);
    emit(t, choice.c);
    if (choice.masked)
        emit(t, choice.mask);
    return NIDUS_OK;
}

static enum nidus_code constant(struct translator *t)
{
    const uint8_t *bytes = t->reader.at;
    uint64_t value = 0;
    uint16_t d;
    switch (t->op) {
    case WASM_I32_CONST: {
        int32_t k;
        TRY(read_s32(&t->reader, &k));
        return push_constant(t, WIDTH32, (uint32_t)k);
    }
    case WASM_I64_CONST: {
        int64_t k;
        TRY(read_s64(&t->reader, &k));
        return push_constant(t, WIDTH64, (uint64_t)k);
    }
    case WASM_F32_CONST:
        TRY(read_bytes(&t->reader, 4, &bytes));
        memcpy(&value, bytes, 4);
        return push_constant(t, WIDTH32, value);
    case WASM_F64_CONST:
        TRY(read_bytes(&t->reader, 8, &bytes));
        memcpy(&value, bytes, 8);
        return push_constant(t, WIDTH64, value);
    default:
        TRY(read_bytes(&t->reader, 16, &bytes));
        TRY(push_temp(t, WIDTH128, &d));
        TRY(emit_op(t, OP_CONST128));
        emit_dest(t, d);
        for (int i = 0; i < 2; i++) {
            memcpy(&value, bytes + 8 * i, 8);
            emit64(t, value);
        }
        return NIDUS_OK;
    }
}

static enum nidus_code reference(struct translator *t)
{
    uint16_t a;
    uint16_t d;
    uint32_t index;
    switch (t->op) {
    case WASM_REF_NULL:
        TRY(skip_immediates(&t->reader, t->op));
        return push_constant(t, WIDTH_REF, NIDUS_NULL);
    case WASM_REF_IS_NULL:
        TRY(use_popped(t, &a));
        TRY(push_temp(t, WIDTH32, &d));
        TRY(emit_op(t, OP_I64_EQZ));
        emit_dest(t, d);
        emit(t, a);
        return NIDUS_OK;
    case WASM_REF_AS_NON_NULL:
        TRY(settle_top(t, 1));
        TRY(emit_op(t, OP_REF_NON_NULL));
        emit(t, t->stack.items[t->stack.count - 1].home);
        return NIDUS_OK;
    default:
        TRY(read_u32(&t->reader, &index));
        TRY(push_temp(t, WIDTH_REF, &d));
        TRY(emit_op(t, OP_REF_FUNC));
        emit_dest(t, d);
        emit32(t, index);
        return NIDUS_OK;
    }
}

enum nidus_code plain_instruction(struct translator *t)
{
    uint32_t index;
    const struct plan *plan = t->op < sizeof plans / sizeof *plans ? &plans[t->op] : NULL;
    switch (plan ? plan->kind : PLAN_NONE) {
    case PLAN_SAME:
        t->stack.items[t->stack.count - 1].width = plan->width;
        return NIDUS_OK;
    case PLAN_UNARY:
    case PLAN_CONVERT:
        return unary(t, plan);
    case PLAN_BINARY:
        return binary(t, plan);
    case PLAN_LOAD:
    case PLAN_STORE:
        return memory_access(t, plan);
    default:
        break;
    }
    switch (t->op) {
    case WASM_NOP:
        return NIDUS_OK;
    case WASM_DROP:
        (void)pop(t);
        return NIDUS_OK;
    case WASM_SELECT:
        return select_value(t);
    case WASM_SELECT_T:
        TRY(skip_immediates(&t->reader, t->op));
        return select_value(t);
    case WASM_LOCAL_GET:
        TRY(read_u32(&t->reader, &index));
        return push_local(t, index);
    case WASM_LOCAL_SET:
    case WASM_LOCAL_TEE:
        TRY(read_u32(&t->reader, &index));
        return local_set(t, index, t->op == WASM_LOCAL_TEE);
    case WASM_GLOBAL_GET:
    case WASM_GLOBAL_SET:
        TRY(read_u32(&t->reader, &index));
        return global_access(t, index, t->op == WASM_GLOBAL_SET);
    case WASM_I32_CONST:
    case WASM_I64_CONST:
    case WASM_F32_CONST:
    case WASM_F64_CONST:
    case WASM_V128_CONST:
        return constant(t);
    case WASM_REF_NULL:
    case WASM_REF_IS_NULL:
    case WASM_REF_FUNC:
    case WASM_REF_AS_NON_NULL:
        return reference(t);
    default:
        return family_instruction(t);
    }
}
