/* Allocation with checked sizes; see memory_pool.h. */
#include "memory_pool.h"

#include <string.h>

void *pool_new(const struct nidus_allocator *allocator, size_t count, size_t size)
{
    return pool_resize(allocator, NULL, 0, count, size);
}

void *pool_resize(const struct nidus_allocator *allocator, void *block, size_t old_count,
                  size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - 1) / 2 / size)
        return NULL;
    size_t old_bytes = block ? old_count * size : 0;
    size_t bytes = count * size;
    if (bytes == 0)
        bytes = 1;
    if (block && old_bytes == 0)
        old_bytes = 1;
    void *fresh = allocator->reallocate(allocator->user, block, old_bytes, bytes);
    if (!fresh)
        return NULL;
    size_t kept = block ? old_count * size : 0;
    if (bytes > kept)
        memset((char *)fresh + kept, 0, bytes - kept);
    return fresh;
}

void pool_free(const struct nidus_allocator *allocator, void *block, size_t count, size_t size)
{
    size_t bytes = count * size;
    if (block)
        (void)allocator->reallocate(allocator->user, block, bytes != 0 ? bytes : 1, 0);
}

int pool_grow(const struct nidus_allocator *allocator, void **items, uint32_t count, uint32_t *room,
              uint32_t more, size_t size)
{
    uint64_t wanted = (uint64_t)count + more;
    uint64_t larger = (uint64_t)*room * 2 < 16 ? 16 : (uint64_t)*room * 2;
    if (larger < wanted)
        larger = wanted;
    if (larger > UINT32_MAX / 2)
        return 0;
    void *fresh = pool_resize(allocator, *items, *room, (size_t)larger, size);
    if (!fresh)
        return 0;
    *items = fresh;
    *room = (uint32_t)larger;
    return 1;
}
