/*
 * SIMD instructions with two and three vector operands.
 */
#include <assert.h>

#include "simd_lanes.h"

#define EACH(TO, COUNT, EXPR)             \
    do {                                  \
        union v128 t = {0};               \
        for (int i = 0; i < (COUNT); i++) \
            t.TO[i] = (EXPR);             \
        *r = t;                           \
    } while (0)

/* A lane-wise comparison is already the wasm result: all ones or all zeros. */
#define COMPARE(X, OP) (r->u64 = (simd_u64)(a->X OP b->X))

/* Minimum and maximum by mask, X the signed or unsigned view of both sides. */
#define CHOOSE(X, U, UT, OP)                               \
    do {                                                   \
        UT mask = (UT)(a->X OP b->X);                      \
        r->U = (a->U & mask) | (b->U & ~mask);             \
    } while (0)

/* Products of widened lanes; the widened type holds every product. */
#define EXTMUL(TO, WIDE, FROM, COUNT, FIRST) \
    EACH(TO, COUNT, (WIDE)((WIDE)a->FROM[i + (FIRST)] * (WIDE)b->FROM[i + (FIRST)]))

/* Narrowing puts a's lanes below b's; the source lanes are signed for both signs of the result. */
#define NARROW(TO, TYPE, FROM, HALF, LOW, HIGH) \
    EACH(TO, 2 * (HALF), (TYPE)simd_clamp(i < (HALF) ? a->FROM[i] : b->FROM[i - (HALF)], LOW, HIGH))

static void compare(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b);
static void float_arithmetic(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b);

void simd_binary(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b)
{
    switch (op) {
    case SIMD_V128_AND: r->u64 = a->u64 & b->u64; break;
    case SIMD_V128_ANDNOT: r->u64 = a->u64 & ~b->u64; break;
    case SIMD_V128_OR: r->u64 = a->u64 | b->u64; break;
    case SIMD_V128_XOR: r->u64 = a->u64 ^ b->u64; break;
    case SIMD_I8X16_SWIZZLE:
    case SIMD_I8X16_RELAXED_SWIZZLE: *r = simd_swizzle(a, b); break;

    case SIMD_I8X16_ADD: r->u8 = a->u8 + b->u8; break;
    case SIMD_I16X8_ADD: r->u16 = a->u16 + b->u16; break;
    case SIMD_I32X4_ADD: r->u32 = a->u32 + b->u32; break;
    case SIMD_I64X2_ADD: r->u64 = a->u64 + b->u64; break;
    case SIMD_I8X16_SUB: r->u8 = a->u8 - b->u8; break;
    case SIMD_I16X8_SUB: r->u16 = a->u16 - b->u16; break;
    case SIMD_I32X4_SUB: r->u32 = a->u32 - b->u32; break;
    case SIMD_I64X2_SUB: r->u64 = a->u64 - b->u64; break;
    case SIMD_I16X8_MUL: r->u16 = a->u16 * b->u16; break;
    case SIMD_I32X4_MUL: r->u32 = a->u32 * b->u32; break;
    case SIMD_I64X2_MUL: r->u64 = a->u64 * b->u64; break;

    case SIMD_I8X16_ADD_SAT_S: EACH(s8, 16, (int8_t)simd_clamp(a->s8[i] + b->s8[i], INT8_MIN, INT8_MAX)); break;
    case SIMD_I8X16_ADD_SAT_U: EACH(u8, 16, (uint8_t)simd_clamp(a->u8[i] + b->u8[i], 0, UINT8_MAX)); break;
    case SIMD_I8X16_SUB_SAT_S: EACH(s8, 16, (int8_t)simd_clamp(a->s8[i] - b->s8[i], INT8_MIN, INT8_MAX)); break;
    case SIMD_I8X16_SUB_SAT_U: EACH(u8, 16, (uint8_t)simd_clamp(a->u8[i] - b->u8[i], 0, UINT8_MAX)); break;
    case SIMD_I16X8_ADD_SAT_S:
        EACH(s16, 8, (int16_t)simd_clamp(a->s16[i] + b->s16[i], INT16_MIN, INT16_MAX));
        break;
    case SIMD_I16X8_ADD_SAT_U: EACH(u16, 8, (uint16_t)simd_clamp(a->u16[i] + b->u16[i], 0, UINT16_MAX)); break;
    case SIMD_I16X8_SUB_SAT_S:
        EACH(s16, 8, (int16_t)simd_clamp(a->s16[i] - b->s16[i], INT16_MIN, INT16_MAX));
        break;
    case SIMD_I16X8_SUB_SAT_U: EACH(u16, 8, (uint16_t)simd_clamp(a->u16[i] - b->u16[i], 0, UINT16_MAX)); break;
    case SIMD_I16X8_Q15MULR_SAT_S:
    case SIMD_I16X8_RELAXED_Q15MULR_S: EACH(s16, 8, simd_q15mulr(a->s16[i], b->s16[i])); break;
    case SIMD_I8X16_AVGR_U: EACH(u8, 16, (uint8_t)((a->u8[i] + b->u8[i] + 1) / 2)); break;
    case SIMD_I16X8_AVGR_U: EACH(u16, 8, (uint16_t)((a->u16[i] + b->u16[i] + 1) / 2)); break;

    case SIMD_I8X16_MIN_S: CHOOSE(s8, u8, simd_u8, <); break;
    case SIMD_I8X16_MIN_U: CHOOSE(u8, u8, simd_u8, <); break;
    case SIMD_I8X16_MAX_S: CHOOSE(s8, u8, simd_u8, >); break;
    case SIMD_I8X16_MAX_U: CHOOSE(u8, u8, simd_u8, >); break;
    case SIMD_I16X8_MIN_S: CHOOSE(s16, u16, simd_u16, <); break;
    case SIMD_I16X8_MIN_U: CHOOSE(u16, u16, simd_u16, <); break;
    case SIMD_I16X8_MAX_S: CHOOSE(s16, u16, simd_u16, >); break;
    case SIMD_I16X8_MAX_U: CHOOSE(u16, u16, simd_u16, >); break;
    case SIMD_I32X4_MIN_S: CHOOSE(s32, u32, simd_u32, <); break;
    case SIMD_I32X4_MIN_U: CHOOSE(u32, u32, simd_u32, <); break;
    case SIMD_I32X4_MAX_S: CHOOSE(s32, u32, simd_u32, >); break;
    case SIMD_I32X4_MAX_U: CHOOSE(u32, u32, simd_u32, >); break;

    case SIMD_I8X16_NARROW_I16X8_S: NARROW(s8, int8_t, s16, 8, INT8_MIN, INT8_MAX); break;
    case SIMD_I8X16_NARROW_I16X8_U: NARROW(u8, uint8_t, s16, 8, 0, UINT8_MAX); break;
    case SIMD_I16X8_NARROW_I32X4_S: NARROW(s16, int16_t, s32, 4, INT16_MIN, INT16_MAX); break;
    case SIMD_I16X8_NARROW_I32X4_U: NARROW(u16, uint16_t, s32, 4, 0, UINT16_MAX); break;

    case SIMD_I16X8_EXTMUL_LOW_I8X16_S: EXTMUL(s16, int16_t, s8, 8, 0); break;
    case SIMD_I16X8_EXTMUL_HIGH_I8X16_S: EXTMUL(s16, int16_t, s8, 8, 8); break;
    case SIMD_I16X8_EXTMUL_LOW_I8X16_U: EXTMUL(u16, uint16_t, u8, 8, 0); break;
    case SIMD_I16X8_EXTMUL_HIGH_I8X16_U: EXTMUL(u16, uint16_t, u8, 8, 8); break;
    case SIMD_I32X4_EXTMUL_LOW_I16X8_S: EXTMUL(s32, int32_t, s16, 4, 0); break;
    case SIMD_I32X4_EXTMUL_HIGH_I16X8_S: EXTMUL(s32, int32_t, s16, 4, 4); break;
    case SIMD_I32X4_EXTMUL_LOW_I16X8_U: EXTMUL(u32, uint32_t, u16, 4, 0); break;
    case SIMD_I32X4_EXTMUL_HIGH_I16X8_U: EXTMUL(u32, uint32_t, u16, 4, 4); break;
    case SIMD_I64X2_EXTMUL_LOW_I32X4_S: EXTMUL(s64, int64_t, s32, 2, 0); break;
    case SIMD_I64X2_EXTMUL_HIGH_I32X4_S: EXTMUL(s64, int64_t, s32, 2, 2); break;
    case SIMD_I64X2_EXTMUL_LOW_I32X4_U: EXTMUL(u64, uint64_t, u32, 2, 0); break;
    case SIMD_I64X2_EXTMUL_HIGH_I32X4_U: EXTMUL(u64, uint64_t, u32, 2, 2); break;

    /* Two products of -2^15 * -2^15 add up to 2^31, which wraps: the sum is unsigned. */
    case SIMD_I32X4_DOT_I16X8_S:
        EACH(u32, 4,
             (uint32_t)(a->s16[2 * i] * b->s16[2 * i]) + (uint32_t)(a->s16[2 * i + 1] * b->s16[2 * i + 1]));
        break;
    case SIMD_I16X8_RELAXED_DOT_I8X16_I7X16_S:
        EACH(s16, 8, (int16_t)(a->s8[2 * i] * b->s8[2 * i] + a->s8[2 * i + 1] * b->s8[2 * i + 1]));
        break;

    default:
        if (op >= SIMD_F32X4_ABS)
            float_arithmetic(op, r, a, b);
        else
            compare(op, r, a, b);
    }
}

static void compare(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b)
{
    switch (op) {
    case SIMD_I8X16_EQ: COMPARE(u8, ==); break;
    case SIMD_I8X16_NE: COMPARE(u8, !=); break;
    case SIMD_I8X16_LT_S: COMPARE(s8, <); break;
    case SIMD_I8X16_LT_U: COMPARE(u8, <); break;
    case SIMD_I8X16_GT_S: COMPARE(s8, >); break;
    case SIMD_I8X16_GT_U: COMPARE(u8, >); break;
    case SIMD_I8X16_LE_S: COMPARE(s8, <=); break;
    case SIMD_I8X16_LE_U: COMPARE(u8, <=); break;
    case SIMD_I8X16_GE_S: COMPARE(s8, >=); break;
    case SIMD_I8X16_GE_U: COMPARE(u8, >=); break;
    case SIMD_I16X8_EQ: COMPARE(u16, ==); break;
    case SIMD_I16X8_NE: COMPARE(u16, !=); break;
    case SIMD_I16X8_LT_S: COMPARE(s16, <); break;
    case SIMD_I16X8_LT_U: COMPARE(u16, <); break;
    case SIMD_I16X8_GT_S: COMPARE(s16, >); break;
    case SIMD_I16X8_GT_U: COMPARE(u16, >); break;
    case SIMD_I16X8_LE_S: COMPARE(s16, <=); break;
    case SIMD_I16X8_LE_U: COMPARE(u16, <=); break;
    case SIMD_I16X8_GE_S: COMPARE(s16, >=); break;
    case SIMD_I16X8_GE_U: COMPARE(u16, >=); break;
    case SIMD_I32X4_EQ: COMPARE(u32, ==); break;
    case SIMD_I32X4_NE: COMPARE(u32, !=); break;
    case SIMD_I32X4_LT_S: COMPARE(s32, <); break;
    case SIMD_I32X4_LT_U: COMPARE(u32, <); break;
    case SIMD_I32X4_GT_S: COMPARE(s32, >); break;
    case SIMD_I32X4_GT_U: COMPARE(u32, >); break;
    case SIMD_I32X4_LE_S: COMPARE(s32, <=); break;
    case SIMD_I32X4_LE_U: COMPARE(u32, <=); break;
    case SIMD_I32X4_GE_S: COMPARE(s32, >=); break;
    case SIMD_I32X4_GE_U: COMPARE(u32, >=); break;
    case SIMD_I64X2_EQ: COMPARE(u64, ==); break;
    case SIMD_I64X2_NE: COMPARE(u64, !=); break;
    case SIMD_I64X2_LT_S: COMPARE(s64, <); break;
    case SIMD_I64X2_GT_S: COMPARE(s64, >); break;
    case SIMD_I64X2_LE_S: COMPARE(s64, <=); break;
    case SIMD_I64X2_GE_S: COMPARE(s64, >=); break;
    case SIMD_F32X4_EQ: COMPARE(f32, ==); break;
    case SIMD_F32X4_NE: COMPARE(f32, !=); break;
    case SIMD_F32X4_LT: COMPARE(f32, <); break;
    case SIMD_F32X4_GT: COMPARE(f32, >); break;
    case SIMD_F32X4_LE: COMPARE(f32, <=); break;
    case SIMD_F32X4_GE: COMPARE(f32, >=); break;
    case SIMD_F64X2_EQ: COMPARE(f64, ==); break;
    case SIMD_F64X2_NE: COMPARE(f64, !=); break;
    case SIMD_F64X2_LT: COMPARE(f64, <); break;
    case SIMD_F64X2_GT: COMPARE(f64, >); break;
    case SIMD_F64X2_LE: COMPARE(f64, <=); break;
    case SIMD_F64X2_GE: COMPARE(f64, >=); break;
    default: assert(!"a SIMD instruction with two operands");
    }
}

static void float_arithmetic(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b)
{
    switch (op) {
    case SIMD_F32X4_ADD: r->f32 = simd_canon_f32(a->f32 + b->f32); break;
    case SIMD_F32X4_SUB: r->f32 = simd_canon_f32(a->f32 - b->f32); break;
    case SIMD_F32X4_MUL: r->f32 = simd_canon_f32(a->f32 * b->f32); break;
    case SIMD_F32X4_DIV: r->f32 = simd_canon_f32(a->f32 / b->f32); break;
    case SIMD_F32X4_PMIN: r->f32 = simd_pmin_f32(a->f32, b->f32); break;
    case SIMD_F32X4_PMAX: r->f32 = simd_pmax_f32(a->f32, b->f32); break;
    case SIMD_F32X4_MIN:
    case SIMD_F32X4_RELAXED_MIN: r->f32 = simd_min_f32(a->f32, b->f32); break;
    case SIMD_F32X4_MAX:
    case SIMD_F32X4_RELAXED_MAX: r->f32 = simd_max_f32(a->f32, b->f32); break;
    case SIMD_F64X2_ADD: r->f64 = simd_canon_f64(a->f64 + b->f64); break;
    case SIMD_F64X2_SUB: r->f64 = simd_canon_f64(a->f64 - b->f64); break;
    case SIMD_F64X2_MUL: r->f64 = simd_canon_f64(a->f64 * b->f64); break;
    case SIMD_F64X2_DIV: r->f64 = simd_canon_f64(a->f64 / b->f64); break;
    case SIMD_F64X2_PMIN: r->f64 = simd_pmin_f64(a->f64, b->f64); break;
    case SIMD_F64X2_PMAX: r->f64 = simd_pmax_f64(a->f64, b->f64); break;
    case SIMD_F64X2_MIN:
    case SIMD_F64X2_RELAXED_MIN: r->f64 = simd_min_f64(a->f64, b->f64); break;
    case SIMD_F64X2_MAX:
    case SIMD_F64X2_RELAXED_MAX: r->f64 = simd_max_f64(a->f64, b->f64); break;
    default: assert(!"a SIMD instruction with two operands");
    }
}

/* Four adjacent products of i8 lanes: each pair wraps to 16 bits as in the two-operand instruction. */
static uint32_t relaxed_dot_add(const union v128 *a, const union v128 *b, const union v128 *c, int lane)
{
    uint32_t sum = c->u32[lane];
    for (int i = 4 * lane; i < 4 * lane + 4; i += 2)
        sum += (uint32_t)(int16_t)(a->s8[i] * b->s8[i] + a->s8[i + 1] * b->s8[i + 1]);
    return sum;
}

void simd_ternary(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b, const union v128 *c)
{
    switch (op) {
    case SIMD_V128_BITSELECT:
    case SIMD_I8X16_RELAXED_LANESELECT:
    case SIMD_I16X8_RELAXED_LANESELECT:
    case SIMD_I32X4_RELAXED_LANESELECT:
    case SIMD_I64X2_RELAXED_LANESELECT: r->u64 = simd_choose64(c->u64, a->u64, b->u64); break;
    case SIMD_F32X4_RELAXED_MADD: EACH(f32, 4, num_f32_add(num_f32_mul(a->f32[i], b->f32[i]), c->f32[i])); break;
    case SIMD_F32X4_RELAXED_NMADD: EACH(f32, 4, num_f32_sub(c->f32[i], num_f32_mul(a->f32[i], b->f32[i]))); break;
    case SIMD_F64X2_RELAXED_MADD: EACH(f64, 2, num_f64_add(num_f64_mul(a->f64[i], b->f64[i]), c->f64[i])); break;
    case SIMD_F64X2_RELAXED_NMADD: EACH(f64, 2, num_f64_sub(c->f64[i], num_f64_mul(a->f64[i], b->f64[i]))); break;
    case SIMD_I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S: EACH(u32, 4, relaxed_dot_add(a, b, c, i)); break;
    default: assert(!"a SIMD instruction with three operands");
    }
}
