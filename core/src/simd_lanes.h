/*
 * Shared by the simd_*.c files: choosing by mask, and canonical NaNs, lane by lane.
 * A lane-wise comparison gives all ones or all zeros per lane, which is the mask.
 */
#ifndef NIDUS_CORE_SIMD_LANES_H
#define NIDUS_CORE_SIMD_LANES_H

#include "numeric.h"
#include "simd.h"

static inline simd_u32 simd_choose32(simd_u32 mask, simd_u32 yes, simd_u32 no)
{
    return (mask & yes) | (~mask & no);
}

static inline simd_u64 simd_choose64(simd_u64 mask, simd_u64 yes, simd_u64 no)
{
    return (mask & yes) | (~mask & no);
}

static inline simd_f32 simd_canon_f32(simd_f32 x)
{
    simd_u32 canonical = (simd_u32){0} + NUM_F32_CANONICAL_NAN;
    return (simd_f32)simd_choose32((simd_u32)(x == x), (simd_u32)x, canonical);
}

static inline simd_f64 simd_canon_f64(simd_f64 x)
{
    simd_u64 canonical = (simd_u64){0} + NUM_F64_CANONICAL_NAN;
    return (simd_f64)simd_choose64((simd_u64)(x == x), (simd_u64)x, canonical);
}

/* pmin and pmax (4.3.3): b < a ? b : a, bits untouched */
static inline simd_f32 simd_pmin_f32(simd_f32 a, simd_f32 b)
{
    return (simd_f32)simd_choose32((simd_u32)(b < a), (simd_u32)b, (simd_u32)a);
}

static inline simd_f32 simd_pmax_f32(simd_f32 a, simd_f32 b)
{
    return (simd_f32)simd_choose32((simd_u32)(a < b), (simd_u32)b, (simd_u32)a);
}

static inline simd_f64 simd_pmin_f64(simd_f64 a, simd_f64 b)
{
    return (simd_f64)simd_choose64((simd_u64)(b < a), (simd_u64)b, (simd_u64)a);
}

static inline simd_f64 simd_pmax_f64(simd_f64 a, simd_f64 b)
{
    return (simd_f64)simd_choose64((simd_u64)(a < b), (simd_u64)b, (simd_u64)a);
}

/*
 * min and max: where lanes are equal, or-ing (and-ing) the bits settles the sign of zero; where
 * neither order holds nor equality, a lane is a NaN and the sum canonicalises.
 */
static inline simd_f32 simd_min_f32(simd_f32 a, simd_f32 b)
{
    simd_f32 zeros = (simd_f32)((simd_u32)a | (simd_u32)b);
    simd_f32 r = (simd_f32)simd_choose32((simd_u32)(a == b), (simd_u32)zeros, (simd_u32)simd_pmin_f32(a, b));
    return simd_canon_f32((simd_f32)simd_choose32((simd_u32)(b == b), (simd_u32)r, (simd_u32)b));
}

static inline simd_f32 simd_max_f32(simd_f32 a, simd_f32 b)
{
    simd_f32 zeros = (simd_f32)((simd_u32)a & (simd_u32)b);
    simd_f32 r = (simd_f32)simd_choose32((simd_u32)(a == b), (simd_u32)zeros, (simd_u32)simd_pmax_f32(a, b));
    return simd_canon_f32((simd_f32)simd_choose32((simd_u32)(b == b), (simd_u32)r, (simd_u32)b));
}

static inline simd_f64 simd_min_f64(simd_f64 a, simd_f64 b)
{
    simd_f64 zeros = (simd_f64)((simd_u64)a | (simd_u64)b);
    simd_f64 r = (simd_f64)simd_choose64((simd_u64)(a == b), (simd_u64)zeros, (simd_u64)simd_pmin_f64(a, b));
    return simd_canon_f64((simd_f64)simd_choose64((simd_u64)(b == b), (simd_u64)r, (simd_u64)b));
}

static inline simd_f64 simd_max_f64(simd_f64 a, simd_f64 b)
{
    simd_f64 zeros = (simd_f64)((simd_u64)a & (simd_u64)b);
    simd_f64 r = (simd_f64)simd_choose64((simd_u64)(a == b), (simd_u64)zeros, (simd_u64)simd_pmax_f64(a, b));
    return simd_canon_f64((simd_f64)simd_choose64((simd_u64)(b == b), (simd_u64)r, (simd_u64)b));
}

/* Clamping, for the saturating and narrowing instructions; x always fits 32 bits. */
static inline int32_t simd_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* q15mulr: (a*b + 2^14) >> 15, saturated; only -1 * -1 reaches the bound */
static inline int16_t simd_q15mulr(int16_t a, int16_t b)
{
    return (int16_t)simd_clamp(((int32_t)a * b + 0x4000) >> 15, INT16_MIN, INT16_MAX);
}

/* Out-of-range selectors, 16 and up, give zero. */
static inline union v128 simd_swizzle(const union v128 *a, const union v128 *s)
{
    union v128 r;
    for (int i = 0; i < 16; i++)
        r.u8[i] = s->u8[i] < 16 ? a->u8[s->u8[i] & 15] : 0;
    return r;
}

#endif
