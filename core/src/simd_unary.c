/*
 * SIMD instructions with one vector operand: v128 -> v128, v128 -> i32, and shifts by a scalar.
 */
#include <assert.h>

#include "simd_lanes.h"

/* r.TO[i] = EXPR over i < COUNT. A temporary, because r may be a and lanes may move. */
#define EACH(TO, COUNT, EXPR)             \
    do {                                  \
        union v128 t = {0};               \
        for (int i = 0; i < (COUNT); i++) \
            t.TO[i] = (EXPR);             \
        *r = t;                           \
    } while (0)

/* Absolute value and negation wrap, so they are computed on unsigned lanes. */
#define ABS(U, S, UT)                          \
    do {                                       \
        UT sign = (UT)(a->S < 0);              \
        r->U = (a->U ^ sign) - sign;           \
    } while (0)

void simd_unary(uint32_t op, union v128 *r, const union v128 *a)
{
    switch (op) {
    case SIMD_V128_NOT: r->u64 = ~a->u64; break;

    case SIMD_I8X16_ABS: ABS(u8, s8, simd_u8); break;
    case SIMD_I16X8_ABS: ABS(u16, s16, simd_u16); break;
    case SIMD_I32X4_ABS: ABS(u32, s32, simd_u32); break;
    case SIMD_I64X2_ABS: ABS(u64, s64, simd_u64); break;
    case SIMD_I8X16_NEG: r->u8 = -a->u8; break;
    case SIMD_I16X8_NEG: r->u16 = -a->u16; break;
    case SIMD_I32X4_NEG: r->u32 = -a->u32; break;
    case SIMD_I64X2_NEG: r->u64 = -a->u64; break;
    case SIMD_I8X16_POPCNT: {
        simd_u8 x = a->u8;
        x = x - ((x >> 1) & 0x55);
        x = (x & 0x33) + ((x >> 2) & 0x33);
        r->u8 = (x + (x >> 4)) & 0x0f;
        break;
    }

    case SIMD_I16X8_EXTADD_PAIRWISE_I8X16_S: EACH(s16, 8, (int16_t)(a->s8[2 * i] + a->s8[2 * i + 1])); break;
    case SIMD_I16X8_EXTADD_PAIRWISE_I8X16_U: EACH(u16, 8, (uint16_t)(a->u8[2 * i] + a->u8[2 * i + 1])); break;
    case SIMD_I32X4_EXTADD_PAIRWISE_I16X8_S: EACH(s32, 4, a->s16[2 * i] + a->s16[2 * i + 1]); break;
    case SIMD_I32X4_EXTADD_PAIRWISE_I16X8_U:
        EACH(u32, 4, (uint32_t)a->u16[2 * i] + a->u16[2 * i + 1]);
        break;

    case SIMD_I16X8_EXTEND_LOW_I8X16_S: EACH(s16, 8, a->s8[i]); break;
    case SIMD_I16X8_EXTEND_HIGH_I8X16_S: EACH(s16, 8, a->s8[i + 8]); break;
    case SIMD_I16X8_EXTEND_LOW_I8X16_U: EACH(u16, 8, a->u8[i]); break;
    case SIMD_I16X8_EXTEND_HIGH_I8X16_U: EACH(u16, 8, a->u8[i + 8]); break;
    case SIMD_I32X4_EXTEND_LOW_I16X8_S: EACH(s32, 4, a->s16[i]); break;
    case SIMD_I32X4_EXTEND_HIGH_I16X8_S: EACH(s32, 4, a->s16[i + 4]); break;
    case SIMD_I32X4_EXTEND_LOW_I16X8_U: EACH(u32, 4, a->u16[i]); break;
    case SIMD_I32X4_EXTEND_HIGH_I16X8_U: EACH(u32, 4, a->u16[i + 4]); break;
    case SIMD_I64X2_EXTEND_LOW_I32X4_S: EACH(s64, 2, a->s32[i]); break;
    case SIMD_I64X2_EXTEND_HIGH_I32X4_S: EACH(s64, 2, a->s32[i + 2]); break;
    case SIMD_I64X2_EXTEND_LOW_I32X4_U: EACH(u64, 2, a->u32[i]); break;
    case SIMD_I64X2_EXTEND_HIGH_I32X4_U: EACH(u64, 2, a->u32[i + 2]); break;

    case SIMD_F32X4_ABS: r->u32 = a->u32 & UINT32_C(0x7fffffff); break;
    case SIMD_F32X4_NEG: r->u32 = a->u32 ^ UINT32_C(0x80000000); break;
    case SIMD_F64X2_ABS: r->u64 = a->u64 & UINT64_C(0x7fffffffffffffff); break;
    case SIMD_F64X2_NEG: r->u64 = a->u64 ^ UINT64_C(0x8000000000000000); break;
    case SIMD_F32X4_CEIL: EACH(f32, 4, num_f32_ceil(a->f32[i])); break;
    case SIMD_F32X4_FLOOR: EACH(f32, 4, num_f32_floor(a->f32[i])); break;
    case SIMD_F32X4_TRUNC: EACH(f32, 4, num_f32_trunc(a->f32[i])); break;
    case SIMD_F32X4_NEAREST: EACH(f32, 4, num_f32_nearest(a->f32[i])); break;
    case SIMD_F32X4_SQRT: EACH(f32, 4, num_f32_sqrt(a->f32[i])); break;
    case SIMD_F64X2_CEIL: EACH(f64, 2, num_f64_ceil(a->f64[i])); break;
    case SIMD_F64X2_FLOOR: EACH(f64, 2, num_f64_floor(a->f64[i])); break;
    case SIMD_F64X2_TRUNC: EACH(f64, 2, num_f64_trunc(a->f64[i])); break;
    case SIMD_F64X2_NEAREST: EACH(f64, 2, num_f64_nearest(a->f64[i])); break;
    case SIMD_F64X2_SQRT: EACH(f64, 2, num_f64_sqrt(a->f64[i])); break;

    case SIMD_F32X4_DEMOTE_F64X2_ZERO: EACH(f32, 2, num_f32_demote(a->f64[i])); break;
    case SIMD_F64X2_PROMOTE_LOW_F32X4: EACH(f64, 2, num_f64_promote(a->f32[i])); break;
    case SIMD_F32X4_CONVERT_I32X4_S: EACH(f32, 4, (float)a->s32[i]); break;
    case SIMD_F32X4_CONVERT_I32X4_U: EACH(f32, 4, (float)a->u32[i]); break;
    case SIMD_F64X2_CONVERT_LOW_I32X4_S: EACH(f64, 2, (double)a->s32[i]); break;
    case SIMD_F64X2_CONVERT_LOW_I32X4_U: EACH(f64, 2, (double)a->u32[i]); break;
    case SIMD_I32X4_TRUNC_SAT_F32X4_S:
    case SIMD_I32X4_RELAXED_TRUNC_F32X4_S: EACH(u32, 4, num_i32_trunc_f32_s_sat(a->f32[i])); break;
    case SIMD_I32X4_TRUNC_SAT_F32X4_U:
    case SIMD_I32X4_RELAXED_TRUNC_F32X4_U: EACH(u32, 4, num_i32_trunc_f32_u_sat(a->f32[i])); break;
    case SIMD_I32X4_TRUNC_SAT_F64X2_S_ZERO:
    case SIMD_I32X4_RELAXED_TRUNC_F64X2_S_ZERO: EACH(u32, 2, num_i32_trunc_f64_s_sat(a->f64[i])); break;
    case SIMD_I32X4_TRUNC_SAT_F64X2_U_ZERO:
    case SIMD_I32X4_RELAXED_TRUNC_F64X2_U_ZERO: EACH(u32, 2, num_i32_trunc_f64_u_sat(a->f64[i])); break;

    default: assert(!"a SIMD instruction with one operand");
    }
}

/* Bit i is the sign of lane i. */
#define BITMASK(S, COUNT)                   \
    do {                                    \
        uint32_t mask = 0;                  \
        for (int i = 0; i < (COUNT); i++)   \
            mask |= (uint32_t)(a->S[i] < 0) << i; \
        return mask;                        \
    } while (0)

/* A lane that is zero compares to all ones. */
static uint32_t no_bit_set(simd_u64 x) { return (x[0] | x[1]) == 0; }

uint32_t simd_test(uint32_t op, const union v128 *a)
{
    switch (op) {
    case SIMD_V128_ANY_TRUE: return !no_bit_set(a->u64);
    case SIMD_I8X16_ALL_TRUE: return no_bit_set((simd_u64)(a->u8 == 0));
    case SIMD_I16X8_ALL_TRUE: return no_bit_set((simd_u64)(a->u16 == 0));
    case SIMD_I32X4_ALL_TRUE: return no_bit_set((simd_u64)(a->u32 == 0));
    case SIMD_I64X2_ALL_TRUE: return no_bit_set((simd_u64)(a->u64 == 0));
    case SIMD_I8X16_BITMASK: BITMASK(s8, 16);
    case SIMD_I16X8_BITMASK: BITMASK(s16, 8);
    case SIMD_I32X4_BITMASK: BITMASK(s32, 4);
    case SIMD_I64X2_BITMASK: BITMASK(s64, 2);
    default: assert(!"a SIMD test"); return 0;
    }
}

void simd_shift(uint32_t op, union v128 *r, const union v128 *a, uint32_t count)
{
    switch (op) {
    case SIMD_I8X16_SHL: r->u8 = a->u8 << (uint8_t)(count & 7); break;
    case SIMD_I8X16_SHR_S: r->s8 = a->s8 >> (int8_t)(count & 7); break;
    case SIMD_I8X16_SHR_U: r->u8 = a->u8 >> (uint8_t)(count & 7); break;
    case SIMD_I16X8_SHL: r->u16 = a->u16 << (uint16_t)(count & 15); break;
    case SIMD_I16X8_SHR_S: r->s16 = a->s16 >> (int16_t)(count & 15); break;
    case SIMD_I16X8_SHR_U: r->u16 = a->u16 >> (uint16_t)(count & 15); break;
    case SIMD_I32X4_SHL: r->u32 = a->u32 << (count & 31); break;
    case SIMD_I32X4_SHR_S: r->s32 = a->s32 >> (int32_t)(count & 31); break;
    case SIMD_I32X4_SHR_U: r->u32 = a->u32 >> (count & 31); break;
    case SIMD_I64X2_SHL: r->u64 = a->u64 << (uint64_t)(count & 63); break;
    case SIMD_I64X2_SHR_S: r->s64 = a->s64 >> (int64_t)(count & 63); break;
    case SIMD_I64X2_SHR_U: r->u64 = a->u64 >> (uint64_t)(count & 63); break;
    default: assert(!"a SIMD shift");
    }
}
