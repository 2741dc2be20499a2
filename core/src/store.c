/* Stores and the objects that need no module: functions of the host, tables, memories, globals. */
#include <string.h>

#include "runtime.h"

void *store_object(struct nidus_store *store, enum object_kind kind, size_t size)
{
    struct object *object = pool_new(store->allocator, 1, size);
    if (!object)
        return NULL;
    object->kind = kind;
    object->store = store;
    object->next = store->objects;
    store->objects = object;
    return object;
}

enum nidus_code nidus_store_new(struct nidus_engine *engine, struct nidus_store **store)
{
    const struct nidus_allocator *allocator = &engine->config.allocator;
    struct nidus_store *fresh = pool_new(allocator, 1, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->engine = engine;
    fresh->allocator = allocator;
    fresh->heap = pool_new(allocator, 1, sizeof *fresh->heap);
    if (!fresh->heap) {
        pool_free(allocator, fresh, 1, sizeof *fresh);
        return NIDUS_ERROR_NO_MEMORY;
    }
    heap_init(fresh->heap, fresh);
    *store = fresh;
    return NIDUS_OK;
}

static void free_instance(const struct nidus_allocator *allocator, struct nidus_instance *instance)
{
    const struct nidus_module *module = instance->module;
    if (instance->elems)
        for (uint32_t i = 0; i < module->elems.count; i++)
            pool_free(allocator, instance->elems[i].items, instance->elems[i].room,
                      sizeof(nidus_ref));
    pool_free(allocator, instance->funcs, module->funcs.count, sizeof *instance->funcs);
    pool_free(allocator, instance->tables, module->tables.count, sizeof *instance->tables);
    pool_free(allocator, instance->memories, module->memories.count, sizeof *instance->memories);
    pool_free(allocator, instance->globals, module->globals.count, sizeof *instance->globals);
    pool_free(allocator, instance->tags, module->tags.count, sizeof *instance->tags);
    pool_free(allocator, instance->own_funcs, module->bodies.count, sizeof *instance->own_funcs);
    pool_free(allocator, instance->types, module->types.count, sizeof *instance->types);
    pool_free(allocator, instance->elems, module->elems.count, sizeof *instance->elems);
    pool_free(allocator, instance->dropped_datas, module->datas.count, 1);
    nidus_module_free(instance->module);
    pool_free(allocator, instance, 1, sizeof *instance);
}

static void free_object(const struct nidus_allocator *allocator, struct object *object)
{
    switch (object->kind) {
    case OBJECT_FUNC:
        pool_free(allocator, object, 1, sizeof(struct nidus_func));
        break;
    case OBJECT_TABLE: {
        struct nidus_table *table = (struct nidus_table *)object;
        pool_free(allocator, table->items, (size_t)table->room, sizeof *table->items);
        pool_free(allocator, table, 1, sizeof *table);
        break;
    }
    case OBJECT_MEMORY: {
        struct nidus_memory *memory = (struct nidus_memory *)object;
        pool_free(allocator, memory->base, (size_t)memory->length, 1);
        pool_free(allocator, memory, 1, sizeof *memory);
        break;
    }
    case OBJECT_GLOBAL:
        pool_free(allocator, object, 1, sizeof(struct nidus_global));
        break;
    case OBJECT_TAG:
        pool_free(allocator, object, 1, sizeof(struct nidus_tag));
        break;
    case OBJECT_INSTANCE:
        free_instance(allocator, (struct nidus_instance *)object);
        break;
    case OBJECT_RUN:
        run_release((struct nidus_run *)object);
        pool_free(allocator, object, 1, sizeof(struct nidus_run));
        break;
    }
}

void nidus_run_free(struct nidus_run *run)
{
    if (!run)
        return;
    struct object **at = &run->head.store->objects;
    while (*at != &run->head)
        at = &(*at)->next;
    *at = run->head.next;
    free_object(run->head.store->allocator, &run->head);
}

void nidus_store_free(struct nidus_store *store)
{
    if (!store)
        return;
    const struct nidus_allocator *allocator = store->allocator;
    threads_free(store->threads);
    while (store->objects) {
        struct object *object = store->objects;
        store->objects = object->next;
        free_object(allocator, object);
    }
    heap_free(store->heap);
    pool_free(allocator, store->heap, 1, sizeof *store->heap);
    types_free(allocator, &store->types);
    pool_free(allocator, store, 1, sizeof *store);
}

/* ---- Functions ---- */

static enum nidus_code host_func(struct nidus_store *store, uint32_t index,
                                 nidus_host_function function, void *context,
                                 struct nidus_func **func)
{
    struct nidus_func *fresh = store_object(store, OBJECT_FUNC, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->type = index;
    fresh->host = function;
    fresh->context = context;
    *func = fresh;
    return NIDUS_OK;
}

enum nidus_code nidus_func_new(struct nidus_store *store, const struct nidus_functype *type,
                               nidus_host_function function, void *context,
                               struct nidus_func **func)
{
    uint32_t index;
    TRY(store_type(store, type, &index));
    return host_func(store, index, function, context, func);
}

enum nidus_code nidus_func_new_import(struct nidus_store *store, const struct nidus_module *module,
                                      uint32_t import, nidus_host_function function, void *context,
                                      struct nidus_func **func)
{
    if (import >= module->imports.count || module->imports.items[import].kind != NIDUS_FUNC)
        return NIDUS_ERROR_USAGE;
    uint32_t *map = pool_new(store->allocator, module->types.count, sizeof *map);
    if (!map)
        return NIDUS_ERROR_NO_MEMORY;
    enum nidus_code code = store_map_types(store, module, map);
    if (code == NIDUS_OK)
        code = host_func(store, map[module->funcs.items[module->imports.items[import].index]],
                         function, context, func);
    pool_free(store->allocator, map, module->types.count, sizeof *map);
    return code;
}

void nidus_func_type(const struct nidus_func *func, struct nidus_functype *type)
{
    *type = func->head.store->types.items[func->type].shape;
}

/* ---- Memories ---- */

enum nidus_code memory_create(struct nidus_store *store, const struct limits *limits,
                              struct nidus_memory **memory)
{
    uint64_t most = store->engine->config.limits.memory_bytes;
    if (most > SIZE_MAX / 2)
        most = SIZE_MAX / 2;
    if (limits->minimum > most >> limits->page_shift)
        return NIDUS_ERROR_LIMIT;
    struct nidus_memory *fresh = store_object(store, OBJECT_MEMORY, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->limits = *limits;
    fresh->limits.minimum = 0;
    if (!nidus_memory_grow(fresh, limits->minimum))
        return NIDUS_ERROR_NO_MEMORY;
    *memory = fresh;
    return NIDUS_OK;
}

enum nidus_code nidus_memory_new(struct nidus_store *store, const struct nidus_limits_type *limits,
                                 struct nidus_memory **memory)
{
    struct limits inner = {limits->minimum, limits->maximum, limits->is64, limits->shared,
                           limits->byte_pages ? 0 : DEFAULT_PAGE_SHIFT};
    if (limits->minimum > limits->maximum ||
        (limits->shared && limits->maximum == NIDUS_NO_MAXIMUM))
        return NIDUS_ERROR_USAGE;
    return memory_create(store, &inner, memory);
}

uint8_t *nidus_memory_data(const struct nidus_memory *memory, size_t *size)
{
    *size = (size_t)memory->length;
    return memory->base;
}

uint64_t nidus_memory_pages(const struct nidus_memory *memory)
{
    return memory->length >> memory->limits.page_shift;
}

bool nidus_memory_grow(struct nidus_memory *memory, uint64_t pages)
{
    const struct nidus_store *store = memory->head.store;
    unsigned shift = memory->limits.page_shift;
    uint64_t now = memory->length >> shift;
    uint64_t most = memory_most_pages(&memory->limits);
    if (memory->limits.maximum < most)
        most = memory->limits.maximum;
    if (store->engine->config.limits.memory_bytes >> shift < most)
        most = store->engine->config.limits.memory_bytes >> shift;
    if (SIZE_MAX / 2 >> shift < most)
        most = SIZE_MAX / 2 >> shift;
    if (now > most || pages > most - now)
        return false;
    uint64_t length = (now + pages) << shift;
    if (pages == 0 && memory->base)
        return true;
    uint8_t *base = pool_resize(store->allocator, memory->base, (size_t)memory->length,
                                (size_t)length, 1);
    if (!base)
        return false;
    memory->base = base;
    memory->length = length;
    return true;
}

/* ---- Tables ---- */

enum nidus_code table_create(struct nidus_store *store, nidus_type element,
                             const struct limits *limits, nidus_ref init,
                             struct nidus_table **table)
{
    if (limits->minimum > store->engine->config.limits.table_elements)
        return NIDUS_ERROR_LIMIT;
    struct nidus_table *fresh = store_object(store, OBJECT_TABLE, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->element = element;
    fresh->limits = *limits;
    if (!nidus_table_grow(fresh, limits->minimum, init))
        return NIDUS_ERROR_NO_MEMORY;
    *table = fresh;
    return NIDUS_OK;
}

enum nidus_code nidus_table_new(struct nidus_store *store, nidus_type element,
                                const struct nidus_limits_type *limits, nidus_ref init,
                                struct nidus_table **table)
{
    struct limits inner = {limits->minimum, limits->maximum, limits->is64, limits->shared,
                           DEFAULT_PAGE_SHIFT};
    if (!type_is_ref(element) || limits->minimum > limits->maximum || limits->shared)
        return NIDUS_ERROR_USAGE;
    return table_create(store, element, &inner, init, table);
}

uint64_t nidus_table_size(const struct nidus_table *table)
{
    return table->size;
}

bool nidus_table_grow(struct nidus_table *table, uint64_t elements, nidus_ref init)
{
    const struct nidus_store *store = table->head.store;
    uint64_t most = table->limits.is64 ? UINT64_MAX : UINT32_MAX;
    if (table->limits.maximum < most)
        most = table->limits.maximum;
    if (store->engine->config.limits.table_elements < most)
        most = store->engine->config.limits.table_elements;
    if (table->size > most || elements > most - table->size)
        return false;
    uint64_t size = table->size + elements;
    if (size > table->room || !table->items) {
        uint64_t room = table->room * 2 > size ? table->room * 2 : size;
        nidus_ref *items = pool_resize(store->allocator, table->items, (size_t)table->room,
                                       (size_t)room, sizeof *items);
        if (!items)
            return false;
        table->items = items;
        table->room = room;
    }
    for (uint64_t i = table->size; i < size; i++)
        table->items[i] = init;
    table->size = size;
    return true;
}

bool nidus_table_get(const struct nidus_table *table, uint64_t index, nidus_ref *ref)
{
    if (index >= table->size)
        return false;
    *ref = table->items[index];
    return true;
}

bool nidus_table_set(struct nidus_table *table, uint64_t index, nidus_ref ref)
{
    if (index >= table->size)
        return false;
    table->items[index] = ref;
    return true;
}

/* ---- Globals ---- */

enum nidus_code nidus_global_new(struct nidus_store *store, const struct nidus_value *value,
                                 bool mutable_, struct nidus_global **global)
{
    struct nidus_global *fresh = store_object(store, OBJECT_GLOBAL, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->type = value->type;
    fresh->mutable_ = mutable_;
    memcpy(fresh->value, &value->of, sizeof fresh->value);
    *global = fresh;
    return NIDUS_OK;
}

void nidus_global_get(const struct nidus_global *global, struct nidus_value *value)
{
    value->type = global->type;
    memcpy(&value->of, global->value, sizeof global->value);
}

bool nidus_global_set(struct nidus_global *global, const struct nidus_value *value)
{
    if (!global->mutable_ || value->type != global->type)
        return false;
    memcpy(global->value, &value->of, sizeof global->value);
    return true;
}

void nidus_extern_type(struct nidus_extern item, struct nidus_externtype *type)
{
    *type = (struct nidus_externtype){.kind = item.kind};
    switch (item.kind) {
    case NIDUS_FUNC:
        nidus_func_type(item.of.func, &type->func);
        break;
    case NIDUS_TABLE:
        module_limits(&item.of.table->limits, &type->limits);
        type->limits.minimum = item.of.table->size;
        type->type = item.of.table->element;
        break;
    case NIDUS_MEMORY:
        module_limits(&item.of.memory->limits, &type->limits);
        type->limits.minimum = nidus_memory_pages(item.of.memory);
        break;
    case NIDUS_TAG: {
        const struct nidus_tag *tag = item.of.tag;
        type->func = tag->head.store->types.items[tag->type].shape;
        break;
    }
    default:
        type->type = item.of.global->type;
        type->mutable_ = item.of.global->mutable_;
        break;
    }
}
