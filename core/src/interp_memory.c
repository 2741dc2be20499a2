/*
 * Memory instructions outside the loop: every access to memories other than memory 0 or with 64-bit
 * addresses, atomics, and SIMD loads and stores.
 *
 * One thread runs at a time and is not preempted inside an operation, so atomics are plain accesses
 * with an alignment check. A waiter can only be woken by another thread of the same store (threads.c); where
 * there are none, waiting without a time-out is a deadlock and with one it times out.
 */
#include "interp.h"

struct access {
    uint8_t *at;
    enum nidus_trap trap;
};

static struct access reach(const struct nidus_instance *instance, const union slot *fp,
                           const uint16_t *pc, uint64_t size)
{
    const struct nidus_memory *memory = instance->memories[pc[6]];
    uint64_t offset = (uint64_t)pc[7] | (uint64_t)pc[8] << 16 | (uint64_t)pc[9] << 32 |
                      (uint64_t)(pc[10] >> 8) << 48;
    uint64_t address = memory->limits.is64 ? fp[pc[3]].u64 : fp[pc[3]].u32;
    if (offset > memory->length || address > memory->length - offset ||
        size > memory->length - offset - address)
        return (struct access){NULL, NIDUS_TRAP_MEMORY_BOUNDS};
    return (struct access){memory->base + offset + address, NIDUS_TRAP_NONE};
}

static uint64_t sign_extend(uint64_t value, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

static enum nidus_trap scalar(uint32_t op, union slot *d, const union slot *value, uint8_t *at,
                              unsigned size)
{
    uint64_t bits = 0;
    if (op >= WASM_I32_STORE && op <= WASM_I64_STORE32) {
        memcpy(at, value, size);
        return NIDUS_TRAP_NONE;
    }
    memcpy(&bits, at, size);
    switch (op) {
    case WASM_I32_LOAD8_S:
    case WASM_I32_LOAD16_S:
    case WASM_I64_LOAD8_S:
    case WASM_I64_LOAD16_S:
    case WASM_I64_LOAD32_S:
        bits = sign_extend(bits, size);
        break;
    default:
        break;
    }
    d->u64 = bits;
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap vector(uint32_t op, union slot *fp, const uint16_t *pc, uint8_t *at)
{
    union v128 *d = (union v128 *)&fp[pc[2]];
    /* A copy: the address below it took one slot, so the result may overlap it by half. */
    union v128 b = *(const union v128 *)&fp[pc[4]];
    uint32_t sub = op - 0x200;
    uint32_t lane = pc[10] & 0xff;
    if (sub == SIMD_V128_STORE)
        memcpy(at, &b, 16);
    else if (instructions[op].immediates == IMM_MEMARG)
        simd_load(sub, d, at);
    else if (signature_types[instructions[op].signature].output_count)
        simd_load_lane(sub, d, &b, lane, at);
    else
        simd_store_lane(sub, &b, lane, at);
    return NIDUS_TRAP_NONE;
}

/* What a read-modify-write leaves in memory. */
static uint64_t modify(uint32_t family, uint64_t old, uint64_t b, uint64_t c, uint64_t mask)
{
    switch (family) {
    case 0:
        return old + b;
    case 1:
        return old - b;
    case 2:
        return old & b;
    case 3:
        return old | b;
    case 4:
        return old ^ b;
    case 5:
        return b;
    default:
        return old == (b & mask) ? c : old;
    }
}

static enum nidus_trap wait(const struct nidus_instance *instance, uint32_t op, union slot *fp,
                            const uint16_t *pc, const uint8_t *at)
{
    const struct nidus_memory *memory = instance->memories[pc[6]];
    struct nidus_threads *threads = instance->head.store->threads;
    if (!memory->limits.shared)
        return NIDUS_TRAP_NOT_SHARED;
    uint64_t found = 0;
    int wide = op == WASM_MEMORY_ATOMIC_WAIT64;
    memcpy(&found, at, wide ? 8 : 4);
    uint64_t expected = wide ? fp[pc[4]].u64 : fp[pc[4]].u32;
    if (threads)
        return threads_wait(threads, memory, (uint64_t)(at - memory->base), found == expected, fp[pc[5]].i64,
                            &fp[pc[2]].u32);
    if (found != expected) {
        fp[pc[2]].u32 = 1;
        return NIDUS_TRAP_NONE;
    }
    if (fp[pc[5]].i64 < 0)
        return NIDUS_TRAP_DEADLOCK;
    fp[pc[2]].u32 = 2;
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap atomic(const struct nidus_instance *instance, uint32_t op, union slot *fp,
                              const uint16_t *pc, uint8_t *at, unsigned size)
{
    uint64_t old = 0;
    /* Below 0x410: notify and the waits; then loads, stores, and seven of each modification. */
    if (op == WASM_MEMORY_ATOMIC_NOTIFY) {
        const struct nidus_memory *memory = instance->memories[pc[6]];
        struct nidus_threads *threads = instance->head.store->threads;
        fp[pc[2]].u32 = threads ? threads_notify(threads, memory, (uint64_t)(at - memory->base), fp[pc[4]].u32)
                                : 0;
        return NIDUS_TRAP_NONE;
    }
    if (op < 0x410)
        return wait(instance, op, fp, pc, at);
    if (op < 0x417) {
        memcpy(&old, at, size);
        fp[pc[2]].u64 = old;
        return NIDUS_TRAP_NONE;
    }
    if (op < 0x41e) {
        memcpy(at, &fp[pc[4]], size);
        return NIDUS_TRAP_NONE;
    }
    memcpy(&old, at, size);
    uint32_t family = (op - 0x41e) / 7;
    uint64_t expected = fp[pc[4]].u64;
    /* A cmpxchg compares its whole operand with the zero-extended memory; an i32's high half is
     * undefined in the slot. */
    uint64_t whole = signature_types[instructions[op].signature].output == NIDUS_I32 ? UINT32_MAX
                                                                                    : UINT64_MAX;
    uint64_t fresh = modify(family, old, expected, fp[pc[5]].u64, whole);
    memcpy(at, &fresh, size);
    fp[pc[2]].u64 = old;
    return NIDUS_TRAP_NONE;
}

NOINLINE enum nidus_trap interp_memory(struct nidus_instance *instance, union slot *fp,
                                       const uint16_t *pc)
{
    uint32_t op = pc[1];
    unsigned size = 1u << instructions[op].alignment;
    struct access access = reach(instance, fp, pc, size);
    if (op >= 0x400) {
        uint64_t offset = (uint64_t)pc[7] | (uint64_t)pc[8] << 16 | (uint64_t)pc[9] << 32;
        uint64_t address = instance->memories[pc[6]]->limits.is64 ? fp[pc[3]].u64 : fp[pc[3]].u32;
        if ((address + offset) & (size - 1))
            return NIDUS_TRAP_UNALIGNED_ATOMIC;
        if (access.trap != NIDUS_TRAP_NONE)
            return access.trap;
        return atomic(instance, op, fp, pc, access.at, size);
    }
    if (access.trap != NIDUS_TRAP_NONE)
        return access.trap;
    if (op >= 0x200)
        return vector(op, fp, pc, access.at);
    return scalar(op, &fp[pc[2]], &fp[pc[4]], access.at, size);
}
