/* Engines and modules: configuration, loading, and what can be asked of a module. */
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "module.h"

static void *heap_reallocate(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

void nidus_config_default(struct nidus_config *config)
{
    *config = (struct nidus_config){
        .allocator = {heap_reallocate, NULL},
        .limits = {.module_bytes = (size_t)1 << 30,
                   .functions = 1000000,
                   .function_bytes = 7654321,
                   .locals = 50000,
                   .tables = 100000,
                   .memories = 1000,
                   .memory_bytes = UINT64_C(1) << 32,
                   .table_elements = 10000000,
                   .call_depth = 20000,
                   .heap_bytes = UINT64_C(1) << 30,
                   .stack_bytes = 8u << 20},
    };
}

enum nidus_code nidus_engine_new(const struct nidus_config *config, struct nidus_engine **engine)
{
    struct nidus_config chosen;
    if (config)
        chosen = *config;
    else
        nidus_config_default(&chosen);
    if (!chosen.allocator.reallocate)
        chosen.allocator.reallocate = heap_reallocate;
    struct nidus_engine *fresh = pool_new(&chosen.allocator, 1, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->config = chosen;
    *engine = fresh;
    return NIDUS_OK;
}

void nidus_engine_free(struct nidus_engine *engine)
{
    if (!engine)
        return;
    const struct nidus_allocator allocator = engine->config.allocator;
    pool_free(&allocator, engine, 1, sizeof *engine);
}

/* ---- Modules ---- */

void nidus_module_free(struct nidus_module *module)
{
    if (!module || --module->references > 0)
        return;
    const struct nidus_allocator *allocator = &module->engine->config.allocator;
    types_free(allocator, &module->types);
    for (uint32_t i = 0; i < module->bodies.count; i++)
        code_free(allocator, module->bodies.items[i].code);
    VEC_FREE(allocator, &module->imports);
    VEC_FREE(allocator, &module->funcs);
    VEC_FREE(allocator, &module->tables);
    VEC_FREE(allocator, &module->memories);
    VEC_FREE(allocator, &module->globals);
    VEC_FREE(allocator, &module->tags);
    VEC_FREE(allocator, &module->exports);
    VEC_FREE(allocator, &module->elems);
    VEC_FREE(allocator, &module->datas);
    VEC_FREE(allocator, &module->bodies);
    VEC_FREE(allocator, &module->customs);
    VEC_FREE(allocator, &module->declared);
    if (module->owns_bytes)
        pool_free(allocator, (void *)(uintptr_t)module->bytes, module->size, 1);
    pool_free(allocator, module, 1, sizeof *module);
}

enum nidus_code nidus_module_load(struct nidus_engine *engine, const void *bytes, size_t size,
                                  unsigned flags, struct nidus_module **module,
                                  struct nidus_error *error)
{
    const struct nidus_allocator *allocator = &engine->config.allocator;
    if (error)
        *error = (struct nidus_error){0};
    if (size > engine->config.limits.module_bytes || size > UINT32_MAX)
        return error_set(error, NIDUS_ERROR_LIMIT, 0,
                         "Module too large: %l bytes, where the engine's limit is %l.",
                         (uint64_t)size, (uint64_t)engine->config.limits.module_bytes);
    struct nidus_module *fresh = pool_new(allocator, 1, sizeof *fresh);
    if (!fresh)
        return error_no_memory(error);
    fresh->engine = engine;
    fresh->references = 1;
    fresh->size = size;
    fresh->bytes = bytes;
    if (!(flags & NIDUS_LOAD_BORROW)) {
        uint8_t *copy = pool_new(allocator, size, 1);
        if (!copy) {
            nidus_module_free(fresh);
            return error_no_memory(error);
        }
        if (size)
            memcpy(copy, bytes, size);
        fresh->bytes = copy;
        fresh->owns_bytes = 1;
    }
    enum nidus_code code = decode_module(fresh, error);
    if (code != NIDUS_OK) {
        nidus_module_free(fresh);
        return code;
    }
    *module = fresh;
    return NIDUS_OK;
}

enum nidus_code nidus_module_validate(struct nidus_engine *engine, const void *bytes, size_t size,
                                      struct nidus_error *error)
{
    struct nidus_module *module = NULL;
    TRY(nidus_module_load(engine, bytes, size, NIDUS_LOAD_BORROW, &module, error));
    nidus_module_free(module);
    return NIDUS_OK;
}

uint32_t nidus_module_import_count(const struct nidus_module *module)
{
    return module->imports.count;
}

uint32_t nidus_module_export_count(const struct nidus_module *module)
{
    return module->exports.count;
}

static void extern_type(const struct nidus_module *module, enum nidus_kind kind, uint32_t index,
                        struct nidus_externtype *type)
{
    *type = (struct nidus_externtype){.kind = kind};
    switch (kind) {
    case NIDUS_FUNC:
        type->func = module_functype(module, index)->shape;
        break;
    case NIDUS_TABLE:
        module_limits(&module->tables.items[index].limits, &type->limits);
        type->type = module->tables.items[index].element;
        break;
    case NIDUS_MEMORY:
        module_limits(&module->memories.items[index], &type->limits);
        break;
    case NIDUS_TAG:
        type->func = module->types.items[module->tags.items[index]].shape;
        break;
    default:
        type->type = module->globals.items[index].type;
        type->mutable_ = module->globals.items[index].mutable_;
        break;
    }
}

void nidus_module_import(const struct nidus_module *module, uint32_t index,
                         struct nidus_name *from, struct nidus_name *name,
                         struct nidus_externtype *type)
{
    const struct import *import = &module->imports.items[index];
    *from = import->from;
    *name = import->name;
    extern_type(module, import->kind, import->index, type);
}

void nidus_module_export(const struct nidus_module *module, uint32_t index, struct nidus_name *name,
                         struct nidus_externtype *type)
{
    const struct export *export = &module->exports.items[index];
    *name = export->name;
    extern_type(module, export->kind, export->index, type);
}

uint32_t nidus_module_custom_count(const struct nidus_module *module)
{
    return module->customs.count;
}

void nidus_module_custom(const struct nidus_module *module, uint32_t index, struct nidus_name *name,
                         const uint8_t **bytes, size_t *size)
{
    const struct custom_section *custom = &module->customs.items[index];
    *name = custom->name;
    *bytes = module->bytes + custom->bytes;
    *size = custom->size;
}

/* A name section is advice: where it is malformed, there simply is no name. */
static enum nidus_code find_name(struct reader *reader, uint32_t function, struct nidus_name *found)
{
    while (reader->at < reader->end) {
        uint8_t id;
        uint32_t size;
        const uint8_t *bytes = reader->at;
        TRY(read_byte(reader, &id));
        TRY(read_u32(reader, &size));
        TRY(read_bytes(reader, size, &bytes));
        if (id != 1)
            continue;
        struct reader names = {reader->start, bytes, bytes + size, reader->error};
        uint32_t count;
        TRY(read_u32(&names, &count));
        for (; count > 0; count--) {
            uint32_t index;
            struct nidus_name name;
            TRY(read_u32(&names, &index));
            TRY(read_name(&names, &name));
            if (index == function) {
                *found = name;
                return NIDUS_OK;
            }
        }
    }
    return NIDUS_OK;
}

struct nidus_name nidus_module_function_name(const struct nidus_module *module, uint32_t function)
{
    struct nidus_name found = {"", 0};
    for (uint32_t i = 0; i < module->customs.count; i++) {
        const struct custom_section *custom = &module->customs.items[i];
        if (custom->name.length != 4 || memcmp(custom->name.bytes, "name", 4) != 0)
            continue;
        struct nidus_error ignored;
        const uint8_t *bytes = module->bytes + custom->bytes;
        struct reader reader = {module->bytes, bytes, bytes + custom->size, &ignored};
        if (find_name(&reader, function, &found) == NIDUS_OK && found.length)
            break;
    }
    return found;
}

enum nidus_code nidus_module_translate(struct nidus_module *module, struct nidus_error *error)
{
    for (uint32_t i = module->imported_funcs; i < module->funcs.count; i++)
        if (translate_function(module, i) != NIDUS_OK)
            return error_no_memory(error);
    return NIDUS_OK;
}

void nidus_module_sizes(const struct nidus_module *module, size_t *code_bytes,
                        size_t *internal_bytes)
{
    *code_bytes = 0;
    for (uint32_t i = 0; i < module->bodies.count; i++)
        *code_bytes += module->bodies.items[i].size;
    *internal_bytes = module->internal_bytes;
}
