/*
 * Types of a store: the groups of all its modules, and the types of host functions, each group once.
 * A type's index here is what objects, functions and tags carry, and what casts and calls compare.
 */
#include <string.h>

#include "runtime.h"

static nidus_type value_type(const uint32_t *map, nidus_type type)
{
    uint32_t heap = NIDUS_TYPE_HEAP(type);
    if (!map || !type_is_ref(type) || heap >= HEAP_ABSTRACT)
        return type;
    return TYPE_REF(map[heap], type_is_nullable(type));
}

nidus_type store_value_type(const struct nidus_instance *instance, nidus_type type)
{
    return value_type(instance->types, type);
}

/* Takes the types from `start` on away again. */
static void drop_types(struct nidus_store *store, uint32_t start)
{
    while (store->types.count > start)
        type_release(store->allocator, &store->types.items[--store->types.count]);
}

/* Each type's supertypes by depth: they lie before it, so they have theirs. */
static int make_supers(struct nidus_store *store, uint32_t start)
{
    for (uint32_t i = start; i < store->types.count; i++) {
        struct deftype *type = &store->types.items[i];
        type->supers = pool_new(store->allocator, (size_t)type->depth + 1, sizeof *type->supers);
        if (!type->supers)
            return 0;
        if (type->depth)
            memcpy(type->supers, store->types.items[type->super].supers,
                   type->depth * sizeof *type->supers);
        type->supers[type->depth] = i;
    }
    return 1;
}

/* The group from `start` on is complete: the index of the one that is equal to it, or its own. */
static enum nidus_code close_group(struct nidus_store *store, uint32_t start, uint32_t *found)
{
    if (!types_close_group(store->allocator, &store->types, start)) {
        drop_types(store, start);
        return NIDUS_ERROR_NO_MEMORY;
    }
    *found = store->types.items[start].canonical;
    if (*found != start) {
        drop_types(store, start);
        return NIDUS_OK;
    }
    /* The group is known from now on: it stays, whole, even where this fails. */
    return make_supers(store, start) ? NIDUS_OK : NIDUS_ERROR_NO_MEMORY;
}

static int copy_list(const struct nidus_store *store, const nidus_type *from, uint32_t count,
                     const uint32_t *map, const nidus_type **to, uint32_t *cells)
{
    nidus_type *list = pool_new(store->allocator, count, sizeof *list);
    if (!list)
        return 0;
    *to = list;
    for (uint32_t i = 0; i < count; i++) {
        list[i] = value_type(map, from[i]);
        *cells += type_cells(list[i]);
    }
    return 1;
}

/* A copy of a type, in the store's terms, at the end of its types. `map` gives the store's index of a
 * module's type; it is NULL when the type is in the store's terms already. */
static enum nidus_code add_type(struct nidus_store *store, const struct deftype *from,
                                const uint32_t *map)
{
    if (store->types.count >= HEAP_TYPE_MASK || !VEC_ROOM(store->allocator, &store->types, 1))
        return NIDUS_ERROR_NO_MEMORY;
    struct deftype *type = &store->types.items[store->types.count++];
    *type = (struct deftype){.kind = from->kind, .final = from->final, .super = from->super};
    if (map && from->super != NO_INDEX)
        type->super = map[from->super];
    if (from->kind == KIND_FUNC) {
        if (!copy_list(store, from->shape.params, from->shape.param_count, map,
                       &type->shape.params, &type->param_cells))
            return NIDUS_ERROR_NO_MEMORY;
        type->shape.param_count = from->shape.param_count;
        if (!copy_list(store, from->shape.results, from->shape.result_count, map,
                       &type->shape.results, &type->result_cells))
            return NIDUS_ERROR_NO_MEMORY;
        type->shape.result_count = from->shape.result_count;
        return NIDUS_OK;
    }
    type->fields = pool_new(store->allocator, from->field_count, sizeof *type->fields);
    if (!type->fields)
        return NIDUS_ERROR_NO_MEMORY;
    type->field_count = from->field_count;
    for (uint32_t i = 0; i < from->field_count; i++) {
        type->fields[i].type = value_type(map, from->fields[i].type);
        type->fields[i].mutable_ = from->fields[i].mutable_;
    }
    return NIDUS_OK;
}

enum nidus_code store_type(struct nidus_store *store, const struct nidus_functype *shape,
                           uint32_t *index)
{
    const struct deftype type = {
        .shape = *shape, .kind = KIND_FUNC, .final = 1, .super = NO_INDEX};
    uint32_t start = store->types.count;
    enum nidus_code code = add_type(store, &type, NULL);
    if (code != NIDUS_OK) {
        drop_types(store, start);
        return code;
    }
    return close_group(store, start, index);
}

static enum nidus_code map_group(struct nidus_store *store, const struct type_table *types,
                                 uint32_t *map, uint32_t first, uint32_t size)
{
    uint32_t start = store->types.count;
    uint32_t found;
    for (uint32_t i = 0; i < size; i++)
        map[first + i] = start + i;
    for (uint32_t i = 0; i < size; i++) {
        enum nidus_code code = add_type(store, &types->items[first + i], map);
        if (code != NIDUS_OK) {
            drop_types(store, start);
            return code;
        }
    }
    TRY(close_group(store, start, &found));
    for (uint32_t i = 0; i < size; i++)
        map[first + i] = found + i;
    return NIDUS_OK;
}

enum nidus_code store_map_types(struct nidus_store *store, const struct nidus_module *module,
                                uint32_t *map)
{
    const struct type_table *types = &module->types;
    for (uint32_t i = 0; i < types->count;) {
        const struct deftype *type = &types->items[i];
        if (type->canonical == i)
            TRY(map_group(store, types, map, i, type->group_size));
        else
            for (uint32_t k = 0; k < type->group_size; k++)
                map[i + k] = map[type->canonical + k];
        i += type->group_size;
    }
    return NIDUS_OK;
}
