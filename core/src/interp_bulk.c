/*
 * Tables, and bulk operations on tables and memories: | op | wasm | d | a | b | c | x . | y . |.
 * Bounds are checked before anything is written.
 */
#include "interp.h"

static int outside(uint64_t from, uint64_t count, uint64_t size)
{
    return from > size || count > size - from;
}

enum nidus_trap table_init(struct nidus_instance *instance, uint32_t table, uint32_t elem,
                           uint64_t to, uint64_t from, uint64_t count)
{
    struct nidus_table *into = instance->tables[table];
    const struct elem_items *items = &instance->elems[elem];
    if (outside(to, count, into->size) || outside(from, count, items->count))
        return NIDUS_TRAP_TABLE_BOUNDS;
    if (count)
        memcpy(into->items + to, items->items + from, (size_t)count * sizeof *into->items);
    return NIDUS_TRAP_NONE;
}

void elem_drop(struct nidus_instance *instance, uint32_t elem)
{
    struct elem_items *items = &instance->elems[elem];
    pool_free(instance->head.store->allocator, items->items, items->room, sizeof *items->items);
    *items = (struct elem_items){0};
}

enum nidus_trap memory_init(struct nidus_instance *instance, uint32_t memory, uint32_t data,
                            uint64_t to, uint64_t from, uint64_t count)
{
    struct nidus_memory *into = instance->memories[memory];
    const struct data_segment *segment = &instance->module->datas.items[data];
    uint64_t size = instance->dropped_datas[data] ? 0 : segment->size;
    if (outside(to, count, into->length) || outside(from, count, size))
        return NIDUS_TRAP_MEMORY_BOUNDS;
    if (count)
        memcpy(into->base + to, instance->module->bytes + segment->bytes + from, (size_t)count);
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap memory_copy(struct nidus_memory *into, const struct nidus_memory *source,
                                   uint64_t to, uint64_t from, uint64_t count)
{
    if (outside(to, count, into->length) || outside(from, count, source->length))
        return NIDUS_TRAP_MEMORY_BOUNDS;
    if (count)
        memmove(into->base + to, source->base + from, (size_t)count);
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap table_copy(struct nidus_table *into, const struct nidus_table *source,
                                  uint64_t to, uint64_t from, uint64_t count)
{
    if (outside(to, count, into->size) || outside(from, count, source->size))
        return NIDUS_TRAP_TABLE_BOUNDS;
    if (count)
        memmove(into->items + to, source->items + from, (size_t)count * sizeof *into->items);
    return NIDUS_TRAP_NONE;
}

static uint64_t wide(const union slot *slot, int is64)
{
    return is64 ? slot->u64 : slot->u32;
}

static enum nidus_trap memory_operation(struct nidus_instance *instance, union slot *d,
                                        const union slot *a, const union slot *b,
                                        const union slot *c, uint32_t op, uint32_t x, uint32_t y)
{
    if (op == WASM_MEMORY_INIT) {
        int is64 = instance->memories[y]->limits.is64;
        return memory_init(instance, y, x, wide(a, is64), b->u32, c->u32);
    }
    struct nidus_memory *memory = instance->memories[x];
    int is64 = memory->limits.is64;
    switch (op) {
    case WASM_MEMORY_SIZE:
        d->u64 = nidus_memory_pages(memory);
        return NIDUS_TRAP_NONE;
    case WASM_MEMORY_GROW: {
        uint64_t pages = nidus_memory_pages(memory);
        d->u64 = nidus_memory_grow(memory, wide(a, is64)) ? pages : UINT64_MAX;
        return NIDUS_TRAP_NONE;
    }
    case WASM_MEMORY_FILL: {
        uint64_t to = wide(a, is64);
        uint64_t count = wide(c, is64);
        if (outside(to, count, memory->length))
            return NIDUS_TRAP_MEMORY_BOUNDS;
        if (count)
            memset(memory->base + to, (int)(b->u32 & 0xff), (size_t)count);
        return NIDUS_TRAP_NONE;
    }
    default: {
        const struct nidus_memory *source = instance->memories[y];
        return memory_copy(memory, source, wide(a, is64), wide(b, source->limits.is64),
                           wide(c, is64 && source->limits.is64));
    }
    }
}

static enum nidus_trap table_operation(struct nidus_instance *instance, union slot *d,
                                       const union slot *a, const union slot *b,
                                       const union slot *c, uint32_t op, uint32_t x, uint32_t y)
{
    if (op == WASM_TABLE_INIT) {
        int is64 = instance->tables[y]->limits.is64;
        return table_init(instance, y, x, wide(a, is64), b->u32, c->u32);
    }
    struct nidus_table *table = instance->tables[x];
    int is64 = table->limits.is64;
    switch (op) {
    case WASM_TABLE_GET:
        return nidus_table_get(table, wide(a, is64), &d->u64) ? NIDUS_TRAP_NONE
                                                              : NIDUS_TRAP_TABLE_BOUNDS;
    case WASM_TABLE_SET:
        return nidus_table_set(table, wide(a, is64), b->u64) ? NIDUS_TRAP_NONE
                                                             : NIDUS_TRAP_TABLE_BOUNDS;
    case WASM_TABLE_SIZE:
        d->u64 = table->size;
        return NIDUS_TRAP_NONE;
    case WASM_TABLE_GROW: {
        uint64_t size = table->size;
        d->u64 = nidus_table_grow(table, wide(b, is64), a->u64) ? size : UINT64_MAX;
        return NIDUS_TRAP_NONE;
    }
    case WASM_TABLE_FILL: {
        uint64_t to = wide(a, is64);
        uint64_t count = wide(c, is64);
        if (outside(to, count, table->size))
            return NIDUS_TRAP_TABLE_BOUNDS;
        for (uint64_t i = 0; i < count; i++)
            table->items[to + i] = b->u64;
        return NIDUS_TRAP_NONE;
    }
    default: {
        const struct nidus_table *source = instance->tables[y];
        return table_copy(table, source, wide(a, is64), wide(b, source->limits.is64),
                          wide(c, is64 && source->limits.is64));
    }
    }
}

NOINLINE enum nidus_trap interp_bulk(struct nidus_instance *instance, union slot *fp,
                                     const uint16_t *pc)
{
    uint32_t op = pc[1];
    union slot *d = &fp[pc[2]];
    const union slot *a = &fp[pc[3]];
    const union slot *b = &fp[pc[4]];
    const union slot *c = &fp[pc[5]];
    uint32_t x = unit32(pc + 6);
    uint32_t y = unit32(pc + 8);
    switch (op) {
    case WASM_DATA_DROP:
        instance->dropped_datas[x] = 1;
        return NIDUS_TRAP_NONE;
    case WASM_ELEM_DROP:
        elem_drop(instance, x);
        return NIDUS_TRAP_NONE;
    case WASM_MEMORY_SIZE:
    case WASM_MEMORY_GROW:
    case WASM_MEMORY_FILL:
    case WASM_MEMORY_INIT:
    case WASM_MEMORY_COPY:
        return memory_operation(instance, d, a, b, c, op, x, y);
    default:
        return table_operation(instance, d, a, b, c, op, x, y);
    }
}
