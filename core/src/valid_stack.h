/*
 * The two stacks of the validation algorithm, and the locals of the function at hand.
 *
 * Invariant: operands.count >= height, which is that of the innermost control frame. In an unreachable
 * frame the operands below that height are conjured as TYPE_ANY when popped.
 */
#ifndef NIDUS_CORE_VALID_STACK_H
#define NIDUS_CORE_VALID_STACK_H

#include "instructions.h"
#include "valid.h"

#define DIRECT_LOCALS 512 /* locals whose types are looked up without searching the runs */

/* A block type: nothing, one result, or a type index. */
struct block_type {
    uint8_t is_index;
    uint32_t index;
    nidus_type single; /* TYPE_ANY for no result */
};

struct control {
    uint16_t op; /* WASM_BLOCK, _LOOP, _IF, _ELSE, _TRY_TABLE, _TRY, _CATCH, _CATCH_ALL */
    uint8_t unreachable;
    struct block_type type;
    uint32_t height;
    uint32_t initialized; /* length of the log of set locals when entered */
};

struct local_run {
    uint32_t end; /* index after the last local of the run */
    nidus_type type;
};

struct validator {
    struct nidus_module *module;
    const struct nidus_allocator *allocator;
    struct reader *reader;
    const uint8_t *where; /* the instruction being validated */
    uint32_t op;
    uint32_t height;
    VEC(nidus_type) operands;
    VEC(struct control) controls;
    VEC(struct local_run) runs;
    nidus_type direct[DIRECT_LOCALS];
    uint32_t local_count;
    uint32_t loop_depth;
    uint32_t loop_constants;
    uint32_t try_depth;         /* legacy try blocks around */
    uint32_t max_try_depth;
    int checks_init;            /* some local has no default value */
    VEC(uint8_t) initialized;   /* per local, when checks_init */
    VEC(uint32_t) init_log;     /* locals in the order they were set */
};

#define VALID_FAIL(v, ...) READER_FAIL((v)->reader, NIDUS_ERROR_INVALID, (v)->where, __VA_ARGS__)

/* The types a label takes (a loop's parameters, else the results), the parameters, the results. */
void valid_params(const struct validator *v, const struct control *control,
                  const nidus_type **types, uint32_t *count);
void valid_results(const struct validator *v, const struct control *control,
                   const nidus_type **types, uint32_t *count);
void valid_label_types(const struct validator *v, const struct control *control,
                       const nidus_type **types, uint32_t *count);

/* Nearly every operand has room and is of just the type that is expected: that much inline. */
NIDUS_CHECK enum nidus_code valid_push_slow(struct validator *v, nidus_type type);
NIDUS_CHECK static inline enum nidus_code valid_push(struct validator *v, nidus_type type)
{
    if (v->operands.count == v->operands.room)
        return valid_push_slow(v, type);
    v->operands.items[v->operands.count++] = type;
    return NIDUS_OK;
}
NIDUS_CHECK enum nidus_code valid_push_all(struct validator *v, const nidus_type *types,
                                           uint32_t count);
/* Pops whatever is there. */
NIDUS_CHECK enum nidus_code valid_pop_any(struct validator *v, nidus_type *type);
NIDUS_CHECK enum nidus_code valid_pop_slow(struct validator *v, nidus_type expected);
NIDUS_CHECK static inline enum nidus_code valid_pop(struct validator *v, nidus_type expected)
{
    if (v->operands.count == v->height || v->operands.items[v->operands.count - 1] != expected)
        return valid_pop_slow(v, expected);
    v->operands.count--;
    return NIDUS_OK;
}
NIDUS_CHECK enum nidus_code valid_pop_all(struct validator *v, const nidus_type *types,
                                          uint32_t count);
NIDUS_CHECK enum nidus_code valid_push_control(struct validator *v, uint32_t op,
                                               struct block_type type);
NIDUS_CHECK enum nidus_code valid_pop_control(struct validator *v, struct control *control);
void valid_unreachable(struct validator *v);

NIDUS_CHECK enum nidus_code valid_local_slow(struct validator *v, uint32_t index, nidus_type *type);
NIDUS_CHECK static inline enum nidus_code valid_local(struct validator *v, uint32_t index,
                                                      nidus_type *type)
{
    if (index >= v->local_count || index >= DIRECT_LOCALS)
        return valid_local_slow(v, index, type);
    *type = v->direct[index];
    return NIDUS_OK;
}
void valid_local_set(struct validator *v, uint32_t index);

#endif
