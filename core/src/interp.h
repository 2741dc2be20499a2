/*
 * What the two compiled copies of the interpreter loop share: growth of stacks, host calls, traps.
 * None of it is on the path of ordinary operations.
 */
#ifndef NIDUS_CORE_INTERP_H
#define NIDUS_CORE_INTERP_H

#include <string.h>

#include "instructions.h"
#include "numeric.h"
#include "runtime.h"
#include "simd.h"

#define NOINLINE __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline uint32_t unit32(const uint16_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t unit64(const uint16_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* What truncates to an i32 lies strictly between. */
extern const double interp_i32_bounds[2];

/* Makes room for `cells` slots from `base` on. The stack may move, and with it every frame's fp and
 * the two pointers. */
enum nidus_trap interp_grow_slots(struct nidus_run *run, union slot **fp, union slot **args,
                                  const union slot *base, size_t cells);
enum nidus_trap interp_grow_frames(struct nidus_run *run);
/* Translates the function. */
enum nidus_trap interp_prepare(struct nidus_func *func);
/* Notes the references among the arguments of a host function, which may overwrite its slots. */
enum nidus_trap interp_host_refs(struct nidus_run *run, const struct nidus_func *callee,
                                 const union slot *args);
/* The callee of call_indirect. */
enum nidus_trap interp_indirect(struct nidus_instance *instance, const uint16_t *pc,
                                const union slot *fp, struct nidus_func **callee);

#endif
