/*
 * Instantiation (core specification 4.5.4): types of imports, allocation, initial values, active
 * segments. The start function is the caller's to run.
 */
#include <string.h>

#include "instructions.h"
#include "runtime.h"

/* ---- Imports ---- */

static int limits_match(uint64_t size, const struct limits *found, const struct limits *wanted)
{
    return found->is64 == wanted->is64 && found->shared == wanted->shared &&
           found->page_shift == wanted->page_shift &&
           size >= wanted->minimum && found->maximum <= wanted->maximum;
}

static enum nidus_code refuse(struct nidus_error *error, const struct import *import,
                              const char *what)
{
    return error_set(error, NIDUS_ERROR_LINK, 0, "Incompatible import type: \"%n\" \"%n\" %s.",
                     &import->from, &import->name, what);
}

static enum nidus_code link_import(struct nidus_instance *instance, const struct import *import,
                                   const struct nidus_extern *item, struct nidus_error *error)
{
    const struct nidus_module *module = instance->module;
    const struct nidus_store *store = instance->head.store;
    static const char *const kinds[] = {"is not a function", "is not a table", "is not a memory",
                                        "is not a global", "is not a tag"};
    if (item->kind != import->kind)
        return refuse(error, import, kinds[import->kind]);
    const struct object *object = item->of.any;
    if (!object || object->store != store)
        return error_set(error, NIDUS_ERROR_USAGE, 0,
                         "Import \"%n\" \"%n\" belongs to another store.", &import->from,
                         &import->name);
    switch (import->kind) {
    case NIDUS_FUNC:
        if (!store_type_is(store, item->of.func->type,
                           instance->types[module->funcs.items[import->index]]))
            return refuse(error, import, "has another function type");
        instance->funcs[import->index] = item->of.func;
        return NIDUS_OK;
    case NIDUS_TABLE: {
        const struct table_type *wanted = &module->tables.items[import->index];
        struct nidus_table *table = item->of.table;
        if (table->element != store_value_type(instance, wanted->element))
            return refuse(error, import, "has another element type");
        if (!limits_match(table->size, &table->limits, &wanted->limits))
            return refuse(error, import, "has limits that do not fit");
        instance->tables[import->index] = table;
        return NIDUS_OK;
    }
    case NIDUS_MEMORY: {
        const struct limits *wanted = &module->memories.items[import->index];
        struct nidus_memory *memory = item->of.memory;
        if (!limits_match(nidus_memory_pages(memory), &memory->limits, wanted))
            return refuse(error, import, "has limits that do not fit");
        instance->memories[import->index] = memory;
        return NIDUS_OK;
    }
    case NIDUS_TAG: {
        struct nidus_tag *tag = item->of.tag;
        if (tag->type != instance->types[module->tags.items[import->index]])
            return refuse(error, import, "has another tag type");
        instance->tags[import->index] = tag;
        return NIDUS_OK;
    }
    default: {
        const struct global_type *wanted = &module->globals.items[import->index];
        struct nidus_global *global = item->of.global;
        nidus_type type = store_value_type(instance, wanted->type);
        if (global->mutable_ != wanted->mutable_)
            return refuse(error, import, "has another mutability");
        if (wanted->mutable_ ? global->type != type : !types_match(&store->types, global->type, type))
            return refuse(error, import, "has another type");
        instance->globals[import->index] = global;
        return NIDUS_OK;
    }
    }
}

static enum nidus_code evaluate_at(struct nidus_instance *instance, uint32_t offset,
                                   union slot *value)
{
    struct nidus_error ignored;
    const struct nidus_module *module = instance->module;
    struct reader reader = {module->bytes, module->bytes + offset, module->bytes + module->size,
                            &ignored};
    return constant_evaluate(instance, &reader, value);
}

/* ---- Allocation ---- */

static enum nidus_code allocate_arrays(struct nidus_instance *instance)
{
    const struct nidus_allocator *allocator = instance->head.store->allocator;
    const struct nidus_module *module = instance->module;
    instance->funcs = pool_new(allocator, module->funcs.count, sizeof *instance->funcs);
    instance->tables = pool_new(allocator, module->tables.count, sizeof *instance->tables);
    instance->memories = pool_new(allocator, module->memories.count, sizeof *instance->memories);
    instance->globals = pool_new(allocator, module->globals.count, sizeof *instance->globals);
    instance->tags = pool_new(allocator, module->tags.count, sizeof *instance->tags);
    instance->own_funcs = pool_new(allocator, module->bodies.count, sizeof *instance->own_funcs);
    instance->types = pool_new(allocator, module->types.count, sizeof *instance->types);
    instance->elems = pool_new(allocator, module->elems.count, sizeof *instance->elems);
    instance->dropped_datas = pool_new(allocator, module->datas.count, 1);
    if (!instance->funcs || !instance->tables || !instance->memories || !instance->globals ||
        !instance->tags || !instance->own_funcs || !instance->types || !instance->elems || !instance->dropped_datas)
        return NIDUS_ERROR_NO_MEMORY;
    return NIDUS_OK;
}

static enum nidus_code allocate_objects(struct nidus_instance *instance, struct nidus_error *error)
{
    struct nidus_store *store = instance->head.store;
    const struct nidus_module *module = instance->module;
    enum nidus_code code;
    union slot value[2];
    for (uint32_t i = 0; i < module->bodies.count; i++) {
        struct nidus_func *func = &instance->own_funcs[i];
        uint32_t index = module->imported_funcs + i;
        func->head.store = store;
        func->head.kind = OBJECT_FUNC;
        func->type = instance->types[module->funcs.items[index]];
        func->index = index;
        func->instance = instance;
        if (module->bodies.items[i].code && !module->bodies.items[i].code->too_large)
            func->code = module->bodies.items[i].code;
        instance->funcs[index] = func;
    }
    for (uint32_t i = module->imported_tags; i < module->tags.count; i++) {
        instance->tags[i] = store_object(store, OBJECT_TAG, sizeof *instance->tags[i]);
        if (!instance->tags[i])
            return NIDUS_ERROR_NO_MEMORY;
        instance->tags[i]->type = instance->types[module->tags.items[i]];
    }
    for (uint32_t i = module->imported_memories; i < module->memories.count; i++) {
        code = memory_create(store, &module->memories.items[i], &instance->memories[i]);
        if (code == NIDUS_ERROR_LIMIT)
            return error_set(error, code, 0,
                             "Its memory begins with %l pages, more than its limit allows.",
                             module->memories.items[i].minimum);
        TRY(code);
    }
    for (uint32_t i = module->imported_globals; i < module->globals.count; i++) {
        const struct global_type *type = &module->globals.items[i];
        TRY(evaluate_at(instance, type->init, value));
        struct nidus_value initial = {.type = store_value_type(instance, type->type)};
        memcpy(&initial.of, value, sizeof initial.of);
        TRY(nidus_global_new(store, &initial, type->mutable_, &instance->globals[i]));
    }
    for (uint32_t i = module->imported_tables; i < module->tables.count; i++) {
        const struct table_type *type = &module->tables.items[i];
        value[0].u64 = NIDUS_NULL;
        if (type->init)
            TRY(evaluate_at(instance, type->init, value));
        code = table_create(store, store_value_type(instance, type->element), &type->limits,
                            value[0].u64, &instance->tables[i]);
        if (code == NIDUS_ERROR_LIMIT)
            return error_set(error, code, 0,
                             "A table of it begins with %l elements, more than its limit allows.",
                             type->limits.minimum);
        TRY(code);
    }
    if (module->memories.count && !module->memories.items[0].is64)
        instance->memory0 = instance->memories[0];
    return NIDUS_OK;
}

static enum nidus_code evaluate_elems(struct nidus_instance *instance)
{
    const struct nidus_module *module = instance->module;
    struct nidus_error ignored;
    for (uint32_t i = 0; i < module->elems.count; i++) {
        const struct elem_segment *elem = &module->elems.items[i];
        struct elem_items *items = &instance->elems[i];
        if (elem->mode == SEGMENT_DECLARED)
            continue;
        if (!items->items) {
            items->items = pool_new(instance->head.store->allocator, elem->count, sizeof(nidus_ref));
            items->room = elem->count;
        }
        if (!items->items)
            return NIDUS_ERROR_NO_MEMORY;
        items->count = elem->count;
        struct reader reader = {module->bytes, module->bytes + elem->items,
                                module->bytes + module->size, &ignored};
        for (uint32_t k = 0; k < elem->count; k++) {
            union slot value[2];
            uint32_t function;
            if (elem->expressions) {
                TRY(constant_evaluate(instance, &reader, value));
                items->items[k] = value[0].u64;
            } else {
                TRY(read_u32(&reader, &function));
                items->items[k] = (uintptr_t)instance->funcs[function];
            }
        }
    }
    return NIDUS_OK;
}

static enum nidus_code trap_error(struct nidus_error *error, enum nidus_trap trap, const char *what,
                                  uint32_t index)
{
    error_set(error, NIDUS_ERROR_TRAP, 0, "Active %s segment %u does not fit: %s.", what, index,
              nidus_trap_text(trap));
    if (error)
        error->trap = trap;
    return NIDUS_ERROR_TRAP;
}

static enum nidus_code run_segments(struct nidus_instance *instance, struct nidus_error *error)
{
    const struct nidus_module *module = instance->module;
    union slot value[2];
    for (uint32_t i = 0; i < module->elems.count; i++) {
        const struct elem_segment *elem = &module->elems.items[i];
        if (elem->mode != SEGMENT_ACTIVE)
            continue;
        TRY(evaluate_at(instance, elem->offset, value));
        int is64 = module->tables.items[elem->table].limits.is64;
        enum nidus_trap trap = table_init(instance, elem->table, i,
                                          is64 ? value[0].u64 : value[0].u32, 0, elem->count);
        elem_drop(instance, i);
        if (trap != NIDUS_TRAP_NONE)
            return trap_error(error, trap, "element", i);
    }
    for (uint32_t i = 0; i < module->datas.count; i++) {
        const struct data_segment *data = &module->datas.items[i];
        if (data->mode != SEGMENT_ACTIVE)
            continue;
        TRY(evaluate_at(instance, data->offset, value));
        int is64 = module->memories.items[data->memory].is64;
        enum nidus_trap trap = memory_init(instance, data->memory, i,
                                           is64 ? value[0].u64 : value[0].u32, 0, data->size);
        instance->dropped_datas[i] = 1;
        if (trap != NIDUS_TRAP_NONE)
            return trap_error(error, trap, "data", i);
    }
    return NIDUS_OK;
}

enum nidus_code nidus_instance_new(struct nidus_store *store, struct nidus_module *module,
                                   const struct nidus_extern *imports, size_t import_count,
                                   struct nidus_instance **instance, struct nidus_error *error)
{
    if (error)
        *error = (struct nidus_error){0};
    if (import_count != module->imports.count)
        return error_set(error, NIDUS_ERROR_LINK, 0,
                         "Unknown import: the module has %u imports and %u are given.",
                         module->imports.count, (uint32_t)import_count);
    struct nidus_instance *fresh = store_object(store, OBJECT_INSTANCE, sizeof *fresh);
    if (!fresh)
        return error_no_memory(error);
    fresh->module = module;
    module->references++;
    enum nidus_code code = allocate_arrays(fresh);
    if (code == NIDUS_OK)
        code = store_map_types(store, module, fresh->types);
    for (uint32_t i = 0; i < import_count && code == NIDUS_OK; i++)
        code = link_import(fresh, &module->imports.items[i], &imports[i], error);
    if (code == NIDUS_OK)
        code = allocate_objects(fresh, error);
    if (code == NIDUS_OK)
        code = evaluate_elems(fresh);
    if (code == NIDUS_OK)
        code = run_segments(fresh, error);
    if (code == NIDUS_ERROR_NO_MEMORY)
        return error_no_memory(error);
    if (code == NIDUS_OK)
        *instance = fresh;
    return code; /* what failed half-way stays on the store: a table may already refer to it */
}

enum nidus_code nidus_instance_renew(struct nidus_instance *instance, struct nidus_error *error)
{
    const struct nidus_module *module = instance->module;
    union slot value[2];
    if (error)
        *error = (struct nidus_error){0};
    for (uint32_t i = module->imported_globals; i < module->globals.count; i++) {
        TRY(evaluate_at(instance, module->globals.items[i].init, value));
        memcpy(instance->globals[i]->value, value, sizeof value);
    }
    for (uint32_t i = module->imported_tables; i < module->tables.count; i++) {
        const struct table_type *type = &module->tables.items[i];
        struct nidus_table *table = instance->tables[i];
        value[0].u64 = NIDUS_NULL;
        if (type->init)
            TRY(evaluate_at(instance, type->init, value));
        table->size = type->limits.minimum;
        for (uint64_t k = 0; k < table->size; k++)
            table->items[k] = value[0].u64;
    }
    TRY(evaluate_elems(instance));
    if (module->datas.count)
        memset(instance->dropped_datas, 0, module->datas.count);
    return run_segments(instance, error);
}

/* ---- Asking ---- */

struct nidus_func *nidus_instance_start(const struct nidus_instance *instance)
{
    uint32_t start = instance->module->start;
    return start == NO_INDEX ? NULL : instance->funcs[start];
}

struct nidus_module *nidus_instance_module(const struct nidus_instance *instance)
{
    return instance->module;
}

struct nidus_store *nidus_instance_store(const struct nidus_instance *instance)
{
    return instance->head.store;
}

struct nidus_extern nidus_instance_export(struct nidus_instance *instance, uint32_t index)
{
    const struct export *export = &instance->module->exports.items[index];
    struct nidus_extern item = {.kind = export->kind};
    switch (export->kind) {
    case NIDUS_FUNC:
        item.of.func = instance->funcs[export->index];
        break;
    case NIDUS_TABLE:
        item.of.table = instance->tables[export->index];
        break;
    case NIDUS_MEMORY:
        item.of.memory = instance->memories[export->index];
        break;
    case NIDUS_TAG:
        item.of.tag = instance->tags[export->index];
        break;
    default:
        item.of.global = instance->globals[export->index];
        break;
    }
    return item;
}

bool nidus_instance_find(struct nidus_instance *instance, const char *name, size_t length,
                         struct nidus_extern *found)
{
    const struct nidus_module *module = instance->module;
    for (uint32_t i = 0; i < module->exports.count; i++) {
        const struct nidus_name *other = &module->exports.items[i].name;
        if (other->length == length && memcmp(other->bytes, name, length) == 0) {
            *found = nidus_instance_export(instance, i);
            return true;
        }
    }
    return false;
}

struct nidus_memory *nidus_instance_memory(const struct nidus_instance *instance, uint32_t index)
{
    return index < instance->module->memories.count ? instance->memories[index] : NULL;
}
