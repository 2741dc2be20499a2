/*
 * Allocation through the engine's allocator.
 *
 * Invariant: every block is freed with the size it was allocated with, so that an allocator may
 * account exactly. Sizes are computed with overflow checks; a size that overflows is an allocation
 * that fails.
 */
#ifndef NIDUS_CORE_MEMORY_POOL_H
#define NIDUS_CORE_MEMORY_POOL_H

#include <nidus/engine.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes, all zero; NULL for no memory. A count of 0 gives a block too. */
void *pool_new(const struct nidus_allocator *allocator, size_t count, size_t size);
/* From old_count to count elements; what is added is zero. The old block survives a failure. */
void *pool_resize(const struct nidus_allocator *allocator, void *block, size_t old_count,
                  size_t count, size_t size);
void pool_free(const struct nidus_allocator *allocator, void *block, size_t count, size_t size);

/* A growing array: `items` has room for `room` elements, `count` are in use. */
#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        uint32_t count;                                                                            \
        uint32_t room;                                                                             \
    }

/* Makes room for `more` elements beyond count; evaluates to false for no memory. */
#define VEC_ROOM(allocator, vec, more)                                                             \
    ((vec)->room - (vec)->count >= (uint32_t)(more) ||                                             \
     pool_grow((allocator), (void **)&(vec)->items, (vec)->count, &(vec)->room, (more),            \
               sizeof *(vec)->items))
#define VEC_FREE(allocator, vec)                                                                   \
    (pool_free((allocator), (vec)->items, (vec)->room, sizeof *(vec)->items),                      \
     (vec)->items = NULL, (vec)->count = (vec)->room = 0)

int pool_grow(const struct nidus_allocator *allocator, void **items, uint32_t count, uint32_t *room,
              uint32_t more, size_t size);

#endif
