/*
 * SIMD instructions that move lanes: splat, extract, replace, shuffle, and what memory
 * instructions do with their bytes once the address was checked.
 */
#include <assert.h>

#include "simd_lanes.h"

void simd_splat(uint32_t op, union v128 *r, uint64_t bits)
{
    switch (op) {
    case SIMD_I8X16_SPLAT: r->u8 = (simd_u8){0} + (uint8_t)bits; break;
    case SIMD_I16X8_SPLAT: r->u16 = (simd_u16){0} + (uint16_t)bits; break;
    case SIMD_I32X4_SPLAT:
    case SIMD_F32X4_SPLAT: r->u32 = (simd_u32){0} + (uint32_t)bits; break;
    case SIMD_I64X2_SPLAT:
    case SIMD_F64X2_SPLAT: r->u64 = (simd_u64){0} + bits; break;
    default: assert(!"a SIMD splat");
    }
}

uint64_t simd_extract(uint32_t op, const union v128 *a, uint32_t lane)
{
    switch (op) {
    case SIMD_I8X16_EXTRACT_LANE_S: return (uint32_t)(int32_t)a->s8[lane & 15];
    case SIMD_I8X16_EXTRACT_LANE_U: return a->u8[lane & 15];
    case SIMD_I16X8_EXTRACT_LANE_S: return (uint32_t)(int32_t)a->s16[lane & 7];
    case SIMD_I16X8_EXTRACT_LANE_U: return a->u16[lane & 7];
    case SIMD_I32X4_EXTRACT_LANE:
    case SIMD_F32X4_EXTRACT_LANE: return a->u32[lane & 3];
    case SIMD_I64X2_EXTRACT_LANE:
    case SIMD_F64X2_EXTRACT_LANE: return a->u64[lane & 1];
    default: assert(!"a SIMD extract"); return 0;
    }
}

void simd_replace(uint32_t op, union v128 *r, const union v128 *a, uint32_t lane, uint64_t bits)
{
    union v128 t = *a;
    switch (op) {
    case SIMD_I8X16_REPLACE_LANE: t.u8[lane & 15] = (uint8_t)bits; break;
    case SIMD_I16X8_REPLACE_LANE: t.u16[lane & 7] = (uint16_t)bits; break;
    case SIMD_I32X4_REPLACE_LANE:
    case SIMD_F32X4_REPLACE_LANE: t.u32[lane & 3] = (uint32_t)bits; break;
    case SIMD_I64X2_REPLACE_LANE:
    case SIMD_F64X2_REPLACE_LANE: t.u64[lane & 1] = bits; break;
    default: assert(!"a SIMD replace");
    }
    *r = t;
}

/* Lanes 0 to 15 are a's, 16 to 31 b's. */
void simd_shuffle(union v128 *r, const union v128 *a, const union v128 *b, const uint8_t lanes[16])
{
    uint8_t both[32], picked[16];
    memcpy(both, a, 16);
    memcpy(both + 16, b, 16);
    for (int i = 0; i < 16; i++)
        picked[i] = both[lanes[i] & 31];
    memcpy(r, picked, 16);
}

uint32_t simd_access_size(uint32_t op)
{
    switch (op) {
    case SIMD_V128_LOAD8_SPLAT:
    case SIMD_V128_LOAD8_LANE:
    case SIMD_V128_STORE8_LANE: return 1;
    case SIMD_V128_LOAD16_SPLAT:
    case SIMD_V128_LOAD16_LANE:
    case SIMD_V128_STORE16_LANE: return 2;
    case SIMD_V128_LOAD32_SPLAT:
    case SIMD_V128_LOAD32_LANE:
    case SIMD_V128_STORE32_LANE:
    case SIMD_V128_LOAD32_ZERO: return 4;
    case SIMD_V128_LOAD:
    case SIMD_V128_STORE: return 16;
    default: return 8;
    }
}

#define WIDEN(TO, COUNT, FROM)            \
    do {                                  \
        union v128 t;                     \
        memcpy(&t, bytes, 8);             \
        for (int i = (COUNT)-1; i >= 0; i--) \
            t.TO[i] = t.FROM[i];          \
        *r = t;                           \
    } while (0)

void simd_load(uint32_t op, union v128 *r, const uint8_t *bytes)
{
    uint64_t bits = 0;
    switch (op) {
    case SIMD_V128_LOAD: memcpy(r, bytes, 16); break;
    case SIMD_V128_LOAD8X8_S: WIDEN(s16, 8, s8); break;
    case SIMD_V128_LOAD8X8_U: WIDEN(u16, 8, u8); break;
    case SIMD_V128_LOAD16X4_S: WIDEN(s32, 4, s16); break;
    case SIMD_V128_LOAD16X4_U: WIDEN(u32, 4, u16); break;
    case SIMD_V128_LOAD32X2_S: WIDEN(s64, 2, s32); break;
    case SIMD_V128_LOAD32X2_U: WIDEN(u64, 2, u32); break;
    case SIMD_V128_LOAD8_SPLAT: r->u8 = (simd_u8){0} + bytes[0]; break;
    case SIMD_V128_LOAD16_SPLAT:
        memcpy(&bits, bytes, 2);
        r->u16 = (simd_u16){0} + (uint16_t)bits;
        break;
    case SIMD_V128_LOAD32_SPLAT:
        memcpy(&bits, bytes, 4);
        r->u32 = (simd_u32){0} + (uint32_t)bits;
        break;
    case SIMD_V128_LOAD64_SPLAT:
        memcpy(&bits, bytes, 8);
        r->u64 = (simd_u64){0} + bits;
        break;
    case SIMD_V128_LOAD32_ZERO:
        memcpy(&bits, bytes, 4);
        r->u64 = (simd_u64){bits, 0};
        break;
    case SIMD_V128_LOAD64_ZERO:
        memcpy(&bits, bytes, 8);
        r->u64 = (simd_u64){bits, 0};
        break;
    default: assert(!"a SIMD load");
    }
}

void simd_load_lane(uint32_t op, union v128 *r, const union v128 *a, uint32_t lane, const uint8_t *bytes)
{
    uint32_t size = simd_access_size(op);
    union v128 t = *a; /* r may begin one slot below a, where the address was */
    memcpy((uint8_t *)&t + size * (lane & (16 / size - 1)), bytes, size);
    *r = t;
}

void simd_store_lane(uint32_t op, const union v128 *a, uint32_t lane, uint8_t *bytes)
{
    uint32_t size = simd_access_size(op);
    memcpy(bytes, (const uint8_t *)a + size * (lane & (16 / size - 1)), size);
}
