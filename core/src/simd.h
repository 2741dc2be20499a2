/*
 * Fixed-width and relaxed SIMD (core specification 4.4, "vector instructions").
 *
 * Owns: the meaning of every instruction behind prefix 0xFD that does not reach memory by itself.
 * Never: checks bounds, touches engine state or allocates; every function is pure. The interpreter
 * fetches operands, checks addresses and hands over pointers; `op` is the instruction's sub-opcode,
 * which validation has already accepted (an unknown one trips an assertion).
 *
 * Invariants: results may be operands, and that of a load may overlap one. A NaN made by arithmetic is canonical; abs, neg, pmin and
 * pmax only move bits and keep payloads. Each relaxed instruction has one fixed meaning (below).
 *
 * A v128 has alignment 8, not 16, because the interpreter keeps it in two consecutive 64-bit slots.
 *
 * The relaxed choices: swizzle, truncations, minimum, maximum and q15mulr are as their strict
 * instruction; laneselect is bitselect; madd rounds twice; the dot products treat the second
 * operand as signed and do not saturate.
 */
#ifndef NIDUS_CORE_SIMD_H
#define NIDUS_CORE_SIMD_H

#include <stdint.h>

#include "simd_op.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "lanes are in little-endian order: the engine needs a little-endian host"
#endif

typedef int8_t simd_s8 __attribute__((vector_size(16), aligned(8)));
typedef uint8_t simd_u8 __attribute__((vector_size(16), aligned(8)));
typedef int16_t simd_s16 __attribute__((vector_size(16), aligned(8)));
typedef uint16_t simd_u16 __attribute__((vector_size(16), aligned(8)));
typedef int32_t simd_s32 __attribute__((vector_size(16), aligned(8)));
typedef uint32_t simd_u32 __attribute__((vector_size(16), aligned(8)));
typedef int64_t simd_s64 __attribute__((vector_size(16), aligned(8)));
typedef uint64_t simd_u64 __attribute__((vector_size(16), aligned(8)));
typedef float simd_f32 __attribute__((vector_size(16), aligned(8)));
typedef double simd_f64 __attribute__((vector_size(16), aligned(8)));

/* Lane i of a v128 is u8[i], u16[i], …: vectors, so that lane-wise C operators apply. */
union v128 {
    simd_s8 s8;
    simd_u8 u8;
    simd_s16 s16;
    simd_u16 u16;
    simd_s32 s32;
    simd_u32 u32;
    simd_s64 s64;
    simd_u64 u64;
    simd_f32 f32;
    simd_f64 f64;
} __attribute__((may_alias)); /* slots are uint64_t elsewhere */

_Static_assert(sizeof(union v128) == 16, "a v128 is two slots");
_Static_assert(_Alignof(union v128) == 8, "a v128 may lie at any slot");

/* v128 -> v128: not, abs, neg, popcnt, roundings, sqrt, extend, extadd_pairwise, conversions */
void simd_unary(uint32_t op, union v128 *r, const union v128 *a);

/* v128 v128 -> v128: comparisons, arithmetic, narrow, extmul, dot, swizzle, bitwise, relaxed */
void simd_binary(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b);

/* v128 v128 v128 -> v128: bitselect, relaxed madd, nmadd, laneselect, dot_add */
void simd_ternary(uint32_t op, union v128 *r, const union v128 *a, const union v128 *b, const union v128 *c);

/* v128 i32 -> v128: shl, shr_s, shr_u; the count is taken modulo the lane width */
void simd_shift(uint32_t op, union v128 *r, const union v128 *a, uint32_t count);

/* v128 -> i32: any_true, all_true, bitmask */
uint32_t simd_test(uint32_t op, const union v128 *a);

/* Scalars travel as slot bits: i32 and f32 in the low half. `lane` was validated. */
void simd_splat(uint32_t op, union v128 *r, uint64_t bits);
uint64_t simd_extract(uint32_t op, const union v128 *a, uint32_t lane);
void simd_replace(uint32_t op, union v128 *r, const union v128 *a, uint32_t lane, uint64_t bits);
void simd_shuffle(union v128 *r, const union v128 *a, const union v128 *b, const uint8_t lanes[16]);

/* Memory instructions, after the bounds check: `bytes` has simd_access_size(op) readable bytes. */
uint32_t simd_access_size(uint32_t op); /* 1, 2, 4, 8 or 16 */
void simd_load(uint32_t op, union v128 *r, const uint8_t *bytes);
void simd_load_lane(uint32_t op, union v128 *r, const union v128 *a, uint32_t lane, const uint8_t *bytes);
void simd_store_lane(uint32_t op, const union v128 *a, uint32_t lane, uint8_t *bytes);

#endif
