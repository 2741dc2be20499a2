/*
 * Scalar numerics of the WebAssembly core specification, section 4.3.
 *
 * Owns: the meaning of every scalar numeric instruction where C's own operator
 * differs from it (division, shifts, float minimum, rounding, truncation, NaNs).
 * Never: touches engine state; every function is pure.
 *
 * Invariant: a NaN made by arithmetic is the canonical one (sign clear, quiet bit
 * alone), so that a run is the same bit for bit on every host. abs, neg, copysign
 * and reinterpretation work on bits and keep whatever payload they get.
 *
 * Callers compile with -ffp-contract=off: fusing a*b+c would change results.
 */
#ifndef NIDUS_CORE_NUMERIC_H
#define NIDUS_CORE_NUMERIC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 binary32 and binary64");

/* Why a partial numeric instruction has no result. The order is the interpreter's to map to trap codes. */
enum num_fault {
    NUM_OK = 0,
    NUM_DIVIDE_BY_ZERO,      /* "integer divide by zero" */
    NUM_OVERFLOW,            /* "integer overflow" */
    NUM_INVALID_CONVERSION,  /* "invalid conversion to integer": truncating a NaN */
};

#define NUM_F32_CANONICAL_NAN UINT32_C(0x7fc00000)
#define NUM_F64_CANONICAL_NAN UINT64_C(0x7ff8000000000000)

/* -- bits and floats ------------------------------------------------------ */

static inline uint32_t num_f32_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline uint64_t num_f64_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float num_f32_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double num_f64_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float num_f32_canon(float x)
{
    return x == x ? x : num_f32_from_bits(NUM_F32_CANONICAL_NAN);
}

static inline double num_f64_canon(double x)
{
    return x == x ? x : num_f64_from_bits(NUM_F64_CANONICAL_NAN);
}

/* -- integers ------------------------------------------------------------- */

static inline uint32_t num_i32_clz(uint32_t x) { return x ? (uint32_t)__builtin_clz(x) : 32; }
static inline uint32_t num_i32_ctz(uint32_t x) { return x ? (uint32_t)__builtin_ctz(x) : 32; }
static inline uint32_t num_i32_popcnt(uint32_t x) { return (uint32_t)__builtin_popcount(x); }
static inline uint64_t num_i64_clz(uint64_t x) { return x ? (uint64_t)__builtin_clzll(x) : 64; }
static inline uint64_t num_i64_ctz(uint64_t x) { return x ? (uint64_t)__builtin_ctzll(x) : 64; }
static inline uint64_t num_i64_popcnt(uint64_t x) { return (uint64_t)__builtin_popcountll(x); }

static inline uint32_t num_i32_shl(uint32_t x, uint32_t n) { return x << (n & 31); }
static inline uint32_t num_i32_shr_u(uint32_t x, uint32_t n) { return x >> (n & 31); }
static inline uint32_t num_i32_shr_s(uint32_t x, uint32_t n) { return (uint32_t)((int32_t)x >> (n & 31)); }
static inline uint64_t num_i64_shl(uint64_t x, uint64_t n) { return x << (n & 63); }
static inline uint64_t num_i64_shr_u(uint64_t x, uint64_t n) { return x >> (n & 63); }
static inline uint64_t num_i64_shr_s(uint64_t x, uint64_t n) { return (uint64_t)((int64_t)x >> (n & 63)); }

/* Compilers know this shape: one rotate instruction. */
static inline uint32_t num_i32_rotl(uint32_t x, uint32_t n) { return x << (n & 31) | x >> (-n & 31); }
static inline uint32_t num_i32_rotr(uint32_t x, uint32_t n) { return x >> (n & 31) | x << (-n & 31); }
static inline uint64_t num_i64_rotl(uint64_t x, uint64_t n) { return x << (n & 63) | x >> (-n & 63); }
static inline uint64_t num_i64_rotr(uint64_t x, uint64_t n) { return x >> (n & 63) | x << (-n & 63); }

/* Signed division by way of magnitudes, for b other than zero. The quotient of the smallest integer by -1 comes
 * out as the smallest integer. */
static inline uint32_t num_i32_quotient(uint32_t a, uint32_t b)
{
    const uint32_t minus_a = (uint32_t)((int32_t)a >> 31);
    const uint32_t minus_b = (uint32_t)((int32_t)b >> 31);
    const uint32_t minus = minus_a ^ minus_b;
    const uint32_t magnitude = ((a ^ minus_a) - minus_a) / ((b ^ minus_b) - minus_b);
    return (magnitude ^ minus) - minus;
}

static inline uint32_t num_i32_remainder(uint32_t a, uint32_t b)
{
    const uint32_t minus_a = (uint32_t)((int32_t)a >> 31);
    const uint32_t minus_b = (uint32_t)((int32_t)b >> 31);
    const uint32_t magnitude = ((a ^ minus_a) - minus_a) % ((b ^ minus_b) - minus_b);
    return (magnitude ^ minus_a) - minus_a;
}

static inline uint64_t num_i64_quotient(uint64_t a, uint64_t b)
{
    const uint64_t minus_a = (uint64_t)((int64_t)a >> 63);
    const uint64_t minus_b = (uint64_t)((int64_t)b >> 63);
    const uint64_t minus = minus_a ^ minus_b;
    const uint64_t magnitude = ((a ^ minus_a) - minus_a) / ((b ^ minus_b) - minus_b);
    return (magnitude ^ minus) - minus;
}

static inline uint64_t num_i64_remainder(uint64_t a, uint64_t b)
{
    const uint64_t minus_a = (uint64_t)((int64_t)a >> 63);
    const uint64_t minus_b = (uint64_t)((int64_t)b >> 63);
    const uint64_t magnitude = ((a ^ minus_a) - minus_a) % ((b ^ minus_b) - minus_b);
    return (magnitude ^ minus_a) - minus_a;
}

static inline enum num_fault num_i32_div_s(uint32_t a, uint32_t b, uint32_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    const uint32_t quotient = num_i32_quotient(a, b);
    if ((int32_t)(a & b & quotient) < 0) /* both negative, and so it */
        return NUM_OVERFLOW;
    *r = quotient;
    return NUM_OK;
}

static inline enum num_fault num_i32_div_u(uint32_t a, uint32_t b, uint32_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    *r = a / b;
    return NUM_OK;
}

static inline enum num_fault num_i32_rem_s(uint32_t a, uint32_t b, uint32_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    *r = num_i32_remainder(a, b);
    return NUM_OK;
}

static inline enum num_fault num_i32_rem_u(uint32_t a, uint32_t b, uint32_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    *r = a % b;
    return NUM_OK;
}

static inline enum num_fault num_i64_div_s(uint64_t a, uint64_t b, uint64_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    const uint64_t quotient = num_i64_quotient(a, b);
    if ((int64_t)(a & b & quotient) < 0) /* both negative, and so it */
        return NUM_OVERFLOW;
    *r = quotient;
    return NUM_OK;
}

static inline enum num_fault num_i64_div_u(uint64_t a, uint64_t b, uint64_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    *r = a / b;
    return NUM_OK;
}

static inline enum num_fault num_i64_rem_s(uint64_t a, uint64_t b, uint64_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    *r = num_i64_remainder(a, b);
    return NUM_OK;
}

static inline enum num_fault num_i64_rem_u(uint64_t a, uint64_t b, uint64_t *r)
{
    if (b == 0)
        return NUM_DIVIDE_BY_ZERO;
    *r = a % b;
    return NUM_OK;
}

/* -- floats: sign operations keep NaN payloads ----------------------------- */

static inline uint32_t num_f32_abs_bits(uint32_t x) { return x & UINT32_C(0x7fffffff); }
static inline uint32_t num_f32_neg_bits(uint32_t x) { return x ^ UINT32_C(0x80000000); }
static inline uint32_t num_f32_copysign_bits(uint32_t x, uint32_t sign)
{
    return (x & UINT32_C(0x7fffffff)) | (sign & UINT32_C(0x80000000));
}

static inline uint64_t num_f64_abs_bits(uint64_t x) { return x & UINT64_C(0x7fffffffffffffff); }
static inline uint64_t num_f64_neg_bits(uint64_t x) { return x ^ UINT64_C(0x8000000000000000); }
static inline uint64_t num_f64_copysign_bits(uint64_t x, uint64_t sign)
{
    return (x & UINT64_C(0x7fffffffffffffff)) | (sign & UINT64_C(0x8000000000000000));
}

/* -- floats: arithmetic ------------------------------------------------------ */

static inline float num_f32_add(float a, float b) { return num_f32_canon(a + b); }
static inline float num_f32_sub(float a, float b) { return num_f32_canon(a - b); }
static inline float num_f32_mul(float a, float b) { return num_f32_canon(a * b); }
static inline float num_f32_div(float a, float b) { return num_f32_canon(a / b); }
static inline double num_f64_add(double a, double b) { return num_f64_canon(a + b); }
static inline double num_f64_sub(double a, double b) { return num_f64_canon(a - b); }
static inline double num_f64_mul(double a, double b) { return num_f64_canon(a * b); }
static inline double num_f64_div(double a, double b) { return num_f64_canon(a / b); }

/* Equal operands differ in bits only as zeros do: or-ing gives -0 to the minimum, and-ing +0 to the maximum. */
static inline float num_f32_min(float a, float b)
{
    if (a < b)
        return a;
    if (b < a)
        return b;
    if (a == b)
        return num_f32_from_bits(num_f32_bits(a) | num_f32_bits(b));
    return num_f32_from_bits(NUM_F32_CANONICAL_NAN);
}

static inline float num_f32_max(float a, float b)
{
    if (a > b)
        return a;
    if (b > a)
        return b;
    if (a == b)
        return num_f32_from_bits(num_f32_bits(a) & num_f32_bits(b));
    return num_f32_from_bits(NUM_F32_CANONICAL_NAN);
}

static inline double num_f64_min(double a, double b)
{
    if (a < b)
        return a;
    if (b < a)
        return b;
    if (a == b)
        return num_f64_from_bits(num_f64_bits(a) | num_f64_bits(b));
    return num_f64_from_bits(NUM_F64_CANONICAL_NAN);
}

static inline double num_f64_max(double a, double b)
{
    if (a > b)
        return a;
    if (b > a)
        return b;
    if (a == b)
        return num_f64_from_bits(num_f64_bits(a) & num_f64_bits(b));
    return num_f64_from_bits(NUM_F64_CANONICAL_NAN);
}

/* rint under the default rounding mode (never changed here) is roundTiesToEven; on wasm it is one instruction. */
static inline float num_f32_nearest(float x) { return num_f32_canon(__builtin_rintf(x)); }
static inline float num_f32_ceil(float x) { return num_f32_canon(__builtin_ceilf(x)); }
static inline float num_f32_floor(float x) { return num_f32_canon(__builtin_floorf(x)); }
static inline float num_f32_trunc(float x) { return num_f32_canon(__builtin_truncf(x)); }
static inline float num_f32_sqrt(float x) { return num_f32_canon(__builtin_sqrtf(x)); }
static inline double num_f64_nearest(double x) { return num_f64_canon(__builtin_rint(x)); }
static inline double num_f64_ceil(double x) { return num_f64_canon(__builtin_ceil(x)); }
static inline double num_f64_floor(double x) { return num_f64_canon(__builtin_floor(x)); }
static inline double num_f64_trunc(double x) { return num_f64_canon(__builtin_trunc(x)); }
static inline double num_f64_sqrt(double x) { return num_f64_canon(__builtin_sqrt(x)); }
static inline float num_f32_demote(double x) { return num_f32_canon((float)x); }
static inline double num_f64_promote(float x) { return num_f64_canon((double)x); }

/* -- float to integer ---------------------------------------------------------
 *
 * name(x, &r): fails with NUM_INVALID_CONVERSION for a NaN and NUM_OVERFLOW outside (LOW, HIGH).
 * name_sat(x): clamps, and gives 0 for a NaN.
 * LOW and HIGH are exact in the source format; LOW is compared with LOW_CMP because the smallest
 * value that truncates into range is not exact in every format: -2147483648.9 as an f64 truncates to
 * INT32_MIN, while no f32 lies between INT32_MIN - 1 and INT32_MIN.
 */
#define NUM_TRUNC(name, from, to, bits_to, LOW_CMP, LOW, HIGH, MIN, MAX)        \
    static inline enum num_fault num_##name(from x, bits_to *r)                 \
    {                                                                           \
        if (x != x)                                                             \
            return NUM_INVALID_CONVERSION;                                      \
        if (!(x LOW_CMP LOW) || !(x < HIGH))                                    \
            return NUM_OVERFLOW;                                                \
        *r = (bits_to)(to)x;                                                    \
        return NUM_OK;                                                          \
    }                                                                           \
    static inline bits_to num_##name##_sat(from x)                              \
    {                                                                           \
        if (x != x)                                                             \
            return 0;                                                           \
        if (!(x LOW_CMP LOW))                                                   \
            return (bits_to)MIN;                                                \
        if (!(x < HIGH))                                                        \
            return (bits_to)MAX;                                                \
        return (bits_to)(to)x;                                                  \
    }

NUM_TRUNC(i32_trunc_f32_s, float, int32_t, uint32_t, >=, -2147483648.0f, 2147483648.0f, INT32_MIN, INT32_MAX)
NUM_TRUNC(i32_trunc_f32_u, float, uint32_t, uint32_t, >, -1.0f, 4294967296.0f, 0, UINT32_MAX)
NUM_TRUNC(i32_trunc_f64_s, double, int32_t, uint32_t, >, -2147483649.0, 2147483648.0, INT32_MIN, INT32_MAX)
NUM_TRUNC(i32_trunc_f64_u, double, uint32_t, uint32_t, >, -1.0, 4294967296.0, 0, UINT32_MAX)
NUM_TRUNC(i64_trunc_f32_s, float, int64_t, uint64_t, >=, -9223372036854775808.0f, 9223372036854775808.0f,
          INT64_MIN, INT64_MAX)
NUM_TRUNC(i64_trunc_f32_u, float, uint64_t, uint64_t, >, -1.0f, 18446744073709551616.0f, 0, UINT64_MAX)
NUM_TRUNC(i64_trunc_f64_s, double, int64_t, uint64_t, >=, -9223372036854775808.0, 9223372036854775808.0,
          INT64_MIN, INT64_MAX)
NUM_TRUNC(i64_trunc_f64_u, double, uint64_t, uint64_t, >, -1.0, 18446744073709551616.0, 0, UINT64_MAX)

#undef NUM_TRUNC

#endif
