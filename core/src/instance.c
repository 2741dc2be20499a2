/*
 * Instantiation (core specification 4.5.4): types of imports, allocation, initial values, active
 * segments. The start function is the caller's to run.
 */
#include <string.h>

#include "instructions.h"
#include "runtime.h"

/* ---- Types ---- */

nidus_type store_value_type(const struct nidus_instance *instance, nidus_type type)
{
    uint32_t heap = NIDUS_TYPE_HEAP(type);
    if (!type_is_ref(type) || heap >= HEAP_ABSTRACT)
        return type;
    return TYPE_REF(instance->types[heap], type_is_nullable(type));
}

/* Types name only earlier ones, so one pass in order suffices. */
static enum nidus_code map_types(struct nidus_instance *instance)
{
    struct nidus_store *store = instance->head.store;
    const struct nidus_module *module = instance->module;
    for (uint32_t i = 0; i < module->types.count; i++) {
        const struct functype *type = &module->types.items[i];
        if (type->canonical != i) {
            instance->types[i] = instance->types[type->canonical];
            continue;
        }
        nidus_type params[1000];
        nidus_type results[1000];
        struct nidus_functype shape = {type->shape.param_count, type->shape.result_count, params,
                                       results};
        for (uint32_t k = 0; k < shape.param_count; k++)
            params[k] = store_value_type(instance, type->shape.params[k]);
        for (uint32_t k = 0; k < shape.result_count; k++)
            results[k] = store_value_type(instance, type->shape.results[k]);
        TRY(store_type(store, &shape, &instance->types[i]));
    }
    return NIDUS_OK;
}

/* ---- Imports ---- */

static int limits_match(uint64_t size, const struct limits *found, const struct limits *wanted)
{
    return found->is64 == wanted->is64 && found->shared == wanted->shared &&
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
        if (item->of.func->type != instance->types[module->funcs.items[import->index]])
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
        struct nidus_tag *tag = item->of.any;
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
        if (wanted->mutable_ ? global->type != type : !type_matches(NULL, global->type, type))
            return refuse(error, import, "has another type");
        instance->globals[import->index] = global;
        return NIDUS_OK;
    }
    }
}

/* ---- Constant expressions: validated, so nothing is checked but memory ---- */

typedef VEC(union slot) slot_stack;

static enum nidus_code evaluate_step(struct nidus_instance *instance, struct reader *reader,
                                     slot_stack *stack, uint32_t id)
{
    const struct nidus_allocator *allocator = instance->head.store->allocator;
    if (!VEC_ROOM(allocator, stack, 2))
        return NIDUS_ERROR_NO_MEMORY;
    union slot *top = &stack->items[stack->count];
    const uint8_t *bytes;
    int32_t i32;
    uint32_t index;
    int64_t s33;
    *top = (union slot){.u64 = 0};
    switch (id) {
    case WASM_I32_CONST:
        TRY(read_s32(reader, &i32));
        top->i32 = i32;
        break;
    case WASM_I64_CONST:
        TRY(read_s64(reader, &top->i64));
        break;
    case WASM_F32_CONST:
    case WASM_F64_CONST:
    case WASM_V128_CONST: {
        size_t size = id == WASM_F32_CONST ? 4 : id == WASM_F64_CONST ? 8 : 16;
        TRY(read_bytes(reader, size, &bytes));
        memcpy(top, bytes, size);
        stack->count += id == WASM_V128_CONST;
        break;
    }
    case WASM_REF_NULL:
        TRY(read_s33(reader, &s33));
        break;
    case WASM_REF_FUNC:
        TRY(read_u32(reader, &index));
        top->u64 = (uintptr_t)instance->funcs[index];
        break;
    case WASM_GLOBAL_GET:
        TRY(read_u32(reader, &index));
        memcpy(top, instance->globals[index]->value, sizeof instance->globals[index]->value);
        stack->count += instance->globals[index]->type == NIDUS_V128;
        break;
    default: {
        union slot *a = top - 2;
        const union slot *b = top - 1;
        stack->count -= 2;
        if (id == WASM_I32_ADD)
            a->u32 += b->u32;
        else if (id == WASM_I32_SUB)
            a->u32 -= b->u32;
        else if (id == WASM_I32_MUL)
            a->u32 *= b->u32;
        else if (id == WASM_I64_ADD)
            a->u64 += b->u64;
        else if (id == WASM_I64_SUB)
            a->u64 -= b->u64;
        else
            a->u64 *= b->u64;
    }
    }
    stack->count++;
    return NIDUS_OK;
}

/* Leaves the reader after the expression; `value` is two slots. */
static enum nidus_code evaluate(struct nidus_instance *instance, struct reader *reader,
                                union slot *value)
{
    slot_stack stack = {0};
    enum nidus_code code = NIDUS_OK;
    for (;;) {
        uint32_t id;
        if ((code = decode_opcode(reader, &id)) != NIDUS_OK || id == WASM_END)
            break;
        if ((code = evaluate_step(instance, reader, &stack, id)) != NIDUS_OK)
            break;
    }
    memset(value, 0, 2 * sizeof *value);
    if (code == NIDUS_OK)
        memcpy(value, stack.items, stack.count * sizeof *value);
    VEC_FREE(instance->head.store->allocator, &stack);
    return code;
}

static enum nidus_code evaluate_at(struct nidus_instance *instance, uint32_t offset,
                                   union slot *value)
{
    struct nidus_error ignored;
    const struct nidus_module *module = instance->module;
    struct reader reader = {module->bytes, module->bytes + offset, module->bytes + module->size,
                            &ignored};
    return evaluate(instance, &reader, value);
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
        struct nidus_tag *tag = store_object(store, OBJECT_TAG, sizeof *tag);
        if (!tag)
            return NIDUS_ERROR_NO_MEMORY;
        tag->type = instance->types[module->tags.items[i]];
        instance->tags[i] = tag;
    }
    for (uint32_t i = module->imported_memories; i < module->memories.count; i++) {
        code = memory_create(store, &module->memories.items[i], &instance->memories[i]);
        if (code == NIDUS_ERROR_LIMIT)
            return error_set(error, code, 0,
                             "Memory of %l pages is larger than the engine's limit.",
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
                             "Table of %l elements is larger than the engine's limit.",
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
        items->items = pool_new(instance->head.store->allocator, elem->count, sizeof(nidus_ref));
        if (!items->items)
            return NIDUS_ERROR_NO_MEMORY;
        items->count = items->room = elem->count;
        struct reader reader = {module->bytes, module->bytes + elem->items,
                                module->bytes + module->size, &ignored};
        for (uint32_t k = 0; k < elem->count; k++) {
            union slot value[2];
            uint32_t function;
            if (elem->expressions) {
                TRY(evaluate(instance, &reader, value));
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
        code = map_types(fresh);
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
        item.of.any = instance->tags[export->index];
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
