/*
 * Two operations as one: what an interpreter saves most by is a dispatch. Every fusion looks at the latest operation,
 * or the latest two, behind the last point where a jump may land, and takes it back; each pair here is one
 * that compilers make of ordinary code: indices of arrays, hashes and random numbers, bit fields, pointers that
 * advance, loops.
 */
#include "translate.h"

#include <string.h>

/* The latest operation, if its only effect is the popped entry. */
uint16_t *fuse_maker(struct translator *t, const struct entry *entry)
{
    if (entry->kind != ENTRY_TEMP || t->last == NO_INDEX || t->last_dest != t->last + 1 ||
        t->units.items[t->last_dest] != entry->home)
        return NULL;
    return &t->units.items[t->last];
}

/* The latest operation, when it is `op` and makes what is in `slot`, which may be a local's. */
static const uint16_t *latest_making(const struct translator *t, enum op op, uint16_t slot)
{
    const uint16_t *maker = t->last == NO_INDEX ? NULL : &t->units.items[t->last];
    return maker && maker[0] == op && maker[1] == slot ? maker : NULL;
}

const uint16_t *fuse_making(const struct translator *t, enum op op, uint16_t slot)
{
    return slot >= t->stack_base ? latest_making(t, op, slot) : NULL;
}

/* Takes the latest operation back. */
void fuse_remove(struct translator *t)
{
    t->units.count = t->last;
    t->last = t->previous;
    t->last_dest = t->previous = NO_INDEX;
}

/* The latest operation, which has made one of two popped entries and that alone; `*other` is the other one. The
 * second is looked at first: only a local or constant may have been pushed after what was made. */
static const uint16_t *maker_of_either(struct translator *t, const struct entry *a,
                                       const struct entry *b, const struct entry **other)
{
    const uint16_t *maker = fuse_maker(t, b);
    *other = a;
    if (maker || b->kind == ENTRY_TEMP)
        return maker;
    *other = b;
    return fuse_maker(t, a);
}

/* ---- Branches ---- */

/*
 * A branch on whether a remainder by a constant k is zero needs no division: with c = ceil(2^64 / k),
 * a is a multiple of k just where a * c modulo 2^64 is less than c (Lemire, Kaser and Kurz, "Faster
 * remainder by direct computation", 2019; for all 32-bit a and k > 1). c is kept in a constant's slot.
 */
static void branch_on_multiple(struct translator *t, struct branch *branch)
{
    const uint16_t *maker = fuse_making(t, OP_I32_REM_U_K, branch->a);
    uint16_t c;
    if (!maker || maker[3] == 1 || !constant_slot(t, UINT64_MAX / maker[3] + 1, &c))
        return;
    enum op op = branch->op == OP_BR_UNLESS ? OP_BR_DIVIDES : OP_BR_DIVIDES_NOT;
    *branch = (struct branch){op, maker[2], c, 2};
    fuse_remove(t);
}

/* A branch on some bits of a value. */
static void branch_on_bits(struct translator *t, struct branch *branch)
{
    const uint16_t *maker = fuse_making(t, OP_I32_AND_K, branch->a);
    if (!maker)
        return;
    enum op op = branch->op == OP_BR_UNLESS ? OP_BR_TEST_NOT : OP_BR_TEST;
    *branch = (struct branch){op, maker[2], maker[3], 2};
    fuse_remove(t);
}

void fuse_branch(struct translator *t, struct branch *branch)
{
    branch_on_multiple(t, branch);
    if (branch->op == OP_BR_IF || branch->op == OP_BR_UNLESS)
        branch_on_bits(t, branch);
}

/* ---- Two operations as one ---- */

/* What the instruction at hand makes with the latest operation, which made an operand for it alone; OP_COUNT for
 * nothing. */
static enum op combination(uint32_t maker, uint32_t wasm)
{
    switch (wasm) {
    case WASM_I32_ADD:
        return maker == OP_I32_SHL_K       ? OP_I32_ADD_SHL
               : maker == OP_I32_MUL_K     ? OP_I32_ADD_MUL_K
               : maker == OP_I32_MUL       ? OP_I32_ADD_MUL
               : maker == OP_I32_ADD       ? OP_I32_ADD_ADD
               : maker == OP_LOAD32        ? OP_I32_ADD_LOAD
               : maker == OP_LOAD32_X      ? OP_I32_ADD_LOAD_X
               : maker == OP_LOAD32_K      ? OP_I32_ADD_LOAD_K
               : maker == OP_STRUCT_GET32 ? OP_I32_ADD_FIELD
                                           : OP_COUNT;
    case WASM_I32_MUL:
        return maker == OP_LOAD32 ? OP_I32_MUL_LOAD : OP_COUNT;
    case WASM_I64_ADD:
        return maker == OP_STRUCT_GET64 ? OP_I64_ADD_FIELD
               : maker == OP_I64_MUL_K  ? OP_I64_ADD_MUL_K
               : maker == OP_I64_MUL    ? OP_I64_ADD_MUL
                                        : OP_COUNT;
    case WASM_I32_SUB: /* of what is multiplied by -k */
        return maker == OP_I32_MUL_K ? OP_I32_ADD_MUL_K : OP_COUNT;
    case WASM_I32_XOR:
        return maker == OP_I32_SHL_K     ? OP_I32_XOR_SHL
               : maker == OP_I32_SHR_U_K ? OP_I32_XOR_SHR_U
               : maker == OP_I32_ROTL_K  ? OP_I32_XOR_ROTL
               : maker == OP_I32_AND     ? OP_I32_XOR_AND
                                         : OP_COUNT;
    case WASM_I32_OR:
        return maker == OP_I32_SHL_K ? OP_I32_OR_SHL : maker == OP_I32_AND ? OP_I32_OR_AND : OP_COUNT;
    case WASM_I64_XOR:
        return maker == OP_I64_SHL_K     ? OP_I64_XOR_SHL
               : maker == OP_I64_SHR_U_K ? OP_I64_XOR_SHR_U
               : maker == OP_I64_ROTL_K  ? OP_I64_XOR_ROTL
                                         : OP_COUNT;
    case WASM_I64_OR:
        return maker == OP_I64_SHL_K ? OP_I64_OR_SHL : OP_COUNT;
    case WASM_F64_ADD:
        return maker == OP_LOAD64 ? OP_F64_ADD_LOAD : OP_COUNT;
    case WASM_F64_MUL:
        return maker == OP_LOAD64 ? OP_F64_MUL_LOAD : OP_COUNT;
    case WASM_F64_SUB:
        return maker == OP_LOAD64     ? OP_F64_SUB_LOAD
               : maker == OP_LOAD64_K ? OP_F64_SUB_LOAD_K
                                      : OP_COUNT;
    default:
        return OP_COUNT;
    }
}

static int adds_product(enum op op)
{
    return op == OP_I32_ADD_MUL_K || op == OP_I32_ADD_MUL || op == OP_I64_ADD_MUL_K ||
           op == OP_I64_ADD_MUL;
}

enum nidus_code fuse_combined(struct translator *t, enum width width, const struct entry *a,
                              const struct entry *b, int *fused)
{
    const struct entry *other;
    const uint16_t *maker = maker_of_either(t, a, b, &other);
    *fused = 0;
    enum op op = maker ? combination(maker[0], t->op) : OP_COUNT;
    uint16_t slot;
    uint16_t d;
    if (op == OP_COUNT || ((t->op == WASM_F64_SUB || t->op == WASM_I32_SUB) && other == b))
        return NIDUS_OK;
    if (other->kind == ENTRY_CONST && (!adds_product(op) || !constant_slot(t, other->value, &slot)))
        return NIDUS_OK;
    uint16_t made[4]; /* what it is made of: a slot; then an immediate, a second factor, or where a field or the memory is */
    const uint32_t count = op_units[maker[0]] - 2u;
    const size_t offset = t->last_offset;
    memcpy(made, &maker[2], count * sizeof *made);
    if (t->op == WASM_I32_SUB) {
        if ((int16_t)made[1] == INT16_MIN)
            return NIDUS_OK;
        made[1] = (uint16_t)-made[1];
    }
    fuse_remove(t);
    TRY(use(t, other, &slot));
    TRY(push_temp(t, width, &d));
    TRY(emit_op(t, op));
    emit_dest(t, d);
    emit(t, slot);
    for (uint32_t i = 0; i < count; i++)
        emit(t, made[i]);
    keep_offset(t, offset);
    *fused = 1;
    return NIDUS_OK;
}

enum nidus_code fuse_bits(struct translator *t, const struct entry *a, uint16_t mask, int *fused)
{
    const uint16_t *maker = fuse_maker(t, a);
    uint16_t d;
    *fused = maker && maker[0] == OP_I32_SHR_U_K;
    if (!*fused)
        return NIDUS_OK;
    const uint16_t source = maker[2];
    const uint16_t k = maker[3];
    fuse_remove(t);
    TRY(push_temp(t, WIDTH32, &d));
    TRY(emit_op(t, OP_I32_SHR_U_AND));
    emit_dest(t, d);
    emit(t, source);
    emit(t, k);
    emit(t, mask);
    return NIDUS_OK;
}

/* OP_COUNT for none. `second`: the latest operation made the second operand. */
static enum op float_pair(enum op maker, enum op binary, int second)
{
    switch (binary) {
    case OP_F64_ADD:
        return maker == OP_F64_MUL   ? OP_F64_MUL_ADD
               : maker == OP_F64_ADD ? OP_F64_ADD_ADD
               : maker == OP_F64_SUB ? OP_F64_SUB_ADD
                                     : OP_COUNT;
    case OP_F64_SUB:
        return maker != OP_F64_MUL ? OP_COUNT : second ? OP_F64_SUB_MUL : OP_F64_MUL_SUB;
    case OP_F64_MUL:
        return maker == OP_F64_MUL ? OP_F64_MUL_MUL : OP_COUNT;
    default:
        return OP_COUNT;
    }
}

enum nidus_code fuse_floats(struct translator *t, enum op binary, const struct entry *a,
                            const struct entry *b, int *fused)
{
    /* The operations of both types are in the same order. */
    const int to64 = binary >= OP_F64_ADD ? 0 : OP_F64_ADD - OP_F32_ADD;
    const struct entry *other;
    const uint16_t *maker = maker_of_either(t, a, b, &other);
    enum op op = maker ? float_pair((enum op)(maker[0] + to64), (enum op)(binary + to64), other == a)
                       : OP_COUNT;
    uint16_t slot;
    uint16_t d;
    *fused = 0;
    /* Elsewhere than in a slot of its own, the second operand may lie where the first is made of. */
    if (op == OP_COUNT || (other == b && b->kind == ENTRY_CONST && !constant_slot(t, b->value, &slot)))
        return NIDUS_OK;
    uint16_t operands[] = {maker[2], maker[3]};
    fuse_remove(t);
    TRY(use(t, other, &slot));
    TRY(push_temp(t, to64 ? WIDTH32 : WIDTH64, &d));
    TRY(emit_op(t, (enum op)(op - to64)));
    emit_dest(t, d);
    emit(t, operands[0]);
    emit(t, operands[1]);
    emit(t, slot);
    *fused = 1;
    return NIDUS_OK;
}

/* ---- Sums in locals ---- */

void fuse_sums(struct translator *t)
{
    uint16_t *units = t->units.items;
    if (t->previous == NO_INDEX || t->last != t->previous + 4 || units[t->last] != OP_I32_ADD_K ||
        units[t->previous] != OP_I32_ADD_K)
        return;
    units[t->previous] = OP_I32_ADD_K2;
    memmove(&units[t->last], &units[t->last + 1], 3 * sizeof *units);
    t->units.count--;
    t->last = t->previous;
    t->last_dest = t->previous = NO_INDEX;
}

enum nidus_code fuse_behind_copies(struct translator *t, uint16_t slot)
{
    uint16_t units[12]; /* only objects are made by longer ones */
    const uint32_t count = t->units.count - t->last;
    const size_t offset = t->last_offset;
    memcpy(units, &t->units.items[t->last], count * sizeof *units);
    units[1] = slot;
    fuse_remove(t);
    TRY(preserve(t, slot));
    const uint16_t *copy = t->last == NO_INDEX ? NULL : &t->units.items[t->last];
    if (units[0] == OP_I32_ADD_K && units[2] == slot && copy && copy[0] == OP_COPY32 &&
        copy[2] == slot) {
        units[0] = OP_I32_ADD_K_AFTER;
        units[1] = copy[1];
        fuse_remove(t);
    }
    TRY(emit_op(t, (enum op)units[0]));
    TRY(emit_room(t, count));
    for (uint32_t i = 1; i < count; i++)
        emit(t, units[i]);
    if (units[0] != OP_I32_ADD_K_AFTER) /* which makes two values */
        t->last_dest = t->last + 1;
    keep_offset(t, offset);
    return NIDUS_OK;
}

/* ---- Addresses ---- */

/* An address that an addition or array index makes; op is 0 when it is not. */
struct sum {
    uint16_t op;
    uint16_t a;
    uint16_t b;
    uint16_t k;
};

/* The variants of stores lie after those of loads, without the v128 load between them. */
static uint16_t sum_variant(const struct access *access, int immediate)
{
    uint32_t member = !access->stores ? access->op - OP_LOAD32
                                              : access->op - OP_STORE8 + (OP_STORE8_X - OP_LOAD32_X);
    return (uint16_t)((immediate ? OP_LOAD32_K : OP_LOAD32_X) + member);
}

/* An array that stands still has its own address as the offset, which may be far. */
static enum op shifted_variant(uint32_t op)
{
    return op == OP_LOAD32    ? OP_LOAD32_SHL
           : op == OP_LOAD64  ? OP_LOAD64_SHL
           : op == OP_STORE32 ? OP_STORE32_SHL
           : op == OP_STORE64 ? OP_STORE64_SHL
                              : OP_COUNT;
}

static void read_sum(const uint16_t *maker, const struct access *access, struct sum *sum)
{
    if (maker[0] == OP_I32_SHL_K && shifted_variant(access->op) != OP_COUNT) {
        sum->op = (uint16_t)shifted_variant(access->op);
        sum->a = maker[2];
        sum->b = maker[3];
    } else if (access->offset > UINT16_MAX) {
        return;
    } else if (maker[0] == OP_LOAD32 && access->op == OP_LOAD32) {
        sum->op = OP_LOAD32_LOAD32;
        sum->a = maker[2];
        sum->b = maker[3];
    } else if (maker[0] == OP_I32_ADD || maker[0] == OP_I32_ADD_K) {
        sum->op = sum_variant(access, maker[0] == OP_I32_ADD_K);
        sum->a = maker[2];
        sum->b = maker[3];
    } else if (maker[0] == OP_I32_ADD_SHL && (access->op == OP_LOAD32 || access->op == OP_LOAD64)) {
        sum->op = access->op == OP_LOAD32 ? OP_LOAD32_S : OP_LOAD64_S;
        sum->a = maker[2];
        sum->b = maker[3];
        sum->k = maker[4];
    }
}

static void load_sum(struct translator *t, const struct access *access, const struct entry *address,
                     struct sum *sum)
{
    const uint16_t *maker = fuse_maker(t, address);
    if (!maker)
        return;
    read_sum(maker, access, sum);
    if (sum->op != 0)
        fuse_remove(t);
}

/* A store's value comes after its address: the addition may be the latest operation, or the one
 * before it when the latest made the value. That one then moves down into the addition's place. */
static void store_sum(struct translator *t, const struct access *access, const struct entry *address,
                      uint16_t value, struct sum *sum)
{
    const uint16_t *maker = fuse_maker(t, address);
    if (maker) {
        read_sum(maker, access, sum);
        if (sum->op != 0)
            fuse_remove(t);
        return;
    }
    if (address->kind != ENTRY_TEMP || t->previous == NO_INDEX || t->last_dest == NO_INDEX ||
        t->units.items[t->last_dest] != value || value == address->home)
        return;
    maker = &t->units.items[t->previous];
    uint32_t size = t->last - t->previous;
    if ((maker[0] != OP_I32_ADD && maker[0] != OP_I32_ADD_K && maker[0] != OP_I32_SHL_K) ||
        t->units.items[t->last] == OP_LOAD32_LOAD32 ||
        t->units.items[t->last] == OP_I32_ADD_K_LOAD32 || maker[1] != address->home || maker[2] == value ||
        (maker[0] == OP_I32_ADD && maker[3] == value))
        return;
    read_sum(maker, access, sum);
    if (sum->op == 0)
        return;
    memmove(&t->units.items[t->previous], &t->units.items[t->last],
            (t->units.count - t->last) * sizeof *t->units.items);
    t->units.count -= size;
    if (t->previous <= t->watch && t->watch < t->units.count)
        t->watch_offset = t->last_offset;
    emit_barrier(t);
}

enum nidus_code fuse_address(struct translator *t, const struct access *access,
                             const struct entry *address, uint16_t value, int *fused)
{
    struct sum sum = {0};
    const size_t first_load = t->last_offset;
    uint16_t d;
    if (access->stores)
        store_sum(t, access, address, value, &sum);
    else
        load_sum(t, access, address, &sum);
    *fused = sum.op != 0;
    if (!*fused)
        return NIDUS_OK;
    if (!access->stores)
        TRY(push_temp(t, access->width, &d));
    TRY(emit_op(t, (enum op)sum.op));
    if (!access->stores)
        emit_dest(t, d);
    emit(t, sum.a);
    emit(t, sum.b);
    if (access->stores)
        emit(t, value);
    if (sum.op == OP_LOAD32_S || sum.op == OP_LOAD64_S)
        emit(t, sum.k);
    if (shifted_variant(access->op) == (enum op)sum.op)
        emit32(t, access->offset);
    else
        emit(t, (uint16_t)access->offset);
    /* The first load traps at the operation, the second a unit further. */
    if (sum.op == OP_LOAD32_LOAD32 && t->last == t->watch)
        t->watch_offset = first_load;
    return NIDUS_OK;
}

enum nidus_code fuse_advance(struct translator *t, const struct access *access, uint16_t address, int *fused)
{
    const uint16_t *maker = latest_making(t, OP_I32_ADD_K, address);
    uint16_t d;
    *fused = maker && access->op == OP_LOAD32 && access->offset <= UINT16_MAX;
    if (!*fused)
        return NIDUS_OK;
    const uint16_t a = maker[2];
    const uint16_t k = maker[3];
    fuse_remove(t);
    TRY(push_temp(t, WIDTH32, &d));
    TRY(emit_op(t, OP_I32_ADD_K_LOAD32));
    emit(t, address);
    emit(t, a);
    emit(t, k);
    emit_dest(t, d);
    emit(t, (uint16_t)access->offset);
    return NIDUS_OK;
}
