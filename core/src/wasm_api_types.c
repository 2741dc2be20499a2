/*
 * wasm.h: descriptions of types. Value types are constants, so that making, copying and deleting one
 * costs nothing and cannot fail; the others own what they are made of.
 */
#include <stdlib.h>

#include "module.h"
#include "wasm_api.h"

/* ---- Value types ---- */

struct wasm_valtype_t {
    wasm_valkind_t kind;
};

static const struct wasm_valtype_t valtypes[] = {{WASM_I32},       {WASM_I64},    {WASM_F32},
                                                 {WASM_F64},       {WASM_V128},   {WASM_EXTERNREF},
                                                 {WASM_FUNCREF}};

/* The constant, as the API's non-constant pointer; nothing writes through it. */
static wasm_valtype_t *valtype_of(wasm_valkind_t kind)
{
    for (size_t i = 0; i < sizeof valtypes / sizeof valtypes[0]; i++)
        if (valtypes[i].kind == kind)
            return (wasm_valtype_t *)(uintptr_t)&valtypes[i];
    return NULL;
}

wasm_valtype_t *wasm_valtype_new(wasm_valkind_t kind)
{
    return kind == WASM_V128 ? NULL : valtype_of(kind);
}

void wasm_valtype_delete(wasm_valtype_t *type)
{
    (void)type;
}

wasm_valtype_t *wasm_valtype_copy(const wasm_valtype_t *type)
{
    return valtype_of(type->kind);
}

wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t *type)
{
    return type->kind;
}

wasm_valkind_t kind_from_engine(nidus_type type)
{
    static const wasm_valkind_t numbers[] = {[NIDUS_I32] = WASM_I32,
                                             [NIDUS_I64] = WASM_I64,
                                             [NIDUS_F32] = WASM_F32,
                                             [NIDUS_F64] = WASM_F64,
                                             [NIDUS_V128] = WASM_V128};
    uint32_t heap = NIDUS_TYPE_HEAP(type);
    if (!type_is_ref(type))
        return numbers[type];
    return heap < HEAP_ABSTRACT || heap == HEAP_FUNC || heap == HEAP_NOFUNC ? WASM_FUNCREF
                                                                            : WASM_EXTERNREF;
}

bool kind_to_engine(wasm_valkind_t kind, nidus_type *type)
{
    static const nidus_type numbers[] = {[WASM_I32] = NIDUS_I32,
                                         [WASM_I64] = NIDUS_I64,
                                         [WASM_F32] = NIDUS_F32,
                                         [WASM_F64] = NIDUS_F64};
    if (kind == WASM_V128)
        return false;
    *type = kind == WASM_EXTERNREF ? NIDUS_EXTERNREF
            : kind == WASM_FUNCREF ? NIDUS_FUNCREF
                                   : numbers[kind];
    return true;
}

/* ---- Function, global, table and memory types ---- */

static bool all_there(const wasm_valtype_vec_t *types)
{
    for (size_t i = 0; i < types->size; i++)
        if (!types->data[i])
            return false;
    return true;
}

/* The vectors are moved, and left empty. */
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results)
{
    wasm_functype_t *type = all_there(params) && all_there(results) ? malloc(sizeof *type) : NULL;
    if (!type) {
        wasm_valtype_vec_delete(params);
        wasm_valtype_vec_delete(results);
        return NULL;
    }
    *type = (wasm_functype_t){{WASM_EXTERN_FUNC}, *params, *results};
    wasm_valtype_vec_new_empty(params);
    wasm_valtype_vec_new_empty(results);
    return type;
}

const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *type)
{
    return &type->params;
}

const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *type)
{
    return &type->results;
}

wasm_globaltype_t *wasm_globaltype_new(wasm_valtype_t *content, wasm_mutability_t mutability)
{
    wasm_globaltype_t *type = content ? malloc(sizeof *type) : NULL;
    if (type)
        *type = (wasm_globaltype_t){{WASM_EXTERN_GLOBAL}, mutability, content};
    return type;
}

const wasm_valtype_t *wasm_globaltype_content(const wasm_globaltype_t *type)
{
    return type->content;
}

wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t *type)
{
    return type->mutability;
}

wasm_tabletype_t *wasm_tabletype_new(wasm_valtype_t *element, const wasm_limits_t *limits)
{
    wasm_tabletype_t *type = element ? malloc(sizeof *type) : NULL;
    if (type)
        *type = (wasm_tabletype_t){{WASM_EXTERN_TABLE}, *limits, element};
    return type;
}

const wasm_valtype_t *wasm_tabletype_element(const wasm_tabletype_t *type)
{
    return type->element;
}

const wasm_limits_t *wasm_tabletype_limits(const wasm_tabletype_t *type)
{
    return &type->limits;
}

wasm_memorytype_t *wasm_memorytype_new(const wasm_limits_t *limits)
{
    wasm_memorytype_t *type = malloc(sizeof *type);
    if (type)
        *type = (wasm_memorytype_t){{WASM_EXTERN_MEMORY}, *limits};
    return type;
}

const wasm_limits_t *wasm_memorytype_limits(const wasm_memorytype_t *type)
{
    return &type->limits;
}

/* ---- Any of these ---- */

wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t *type)
{
    return type->kind;
}

/* The casts are valid because every type begins with a wasm_externtype_t. */
#define CASTS(part, number)                                                                        \
    wasm_externtype_t *wasm_##part##_as_externtype(wasm_##part##_t *type)                          \
    {                                                                                              \
        return (wasm_externtype_t *)type;                                                          \
    }                                                                                              \
                                                                                                   \
    const wasm_externtype_t *wasm_##part##_as_externtype_const(const wasm_##part##_t *type)        \
    {                                                                                              \
        return (const wasm_externtype_t *)type;                                                    \
    }                                                                                              \
                                                                                                   \
    wasm_##part##_t *wasm_externtype_as_##part(wasm_externtype_t *type)                            \
    {                                                                                              \
        return type && type->kind == number ? (wasm_##part##_t *)type : NULL;                      \
    }                                                                                              \
                                                                                                   \
    const wasm_##part##_t *wasm_externtype_as_##part##_const(const wasm_externtype_t *type)        \
    {                                                                                              \
        return type && type->kind == number ? (const wasm_##part##_t *)type : NULL;                \
    }                                                                                              \
                                                                                                   \
    void wasm_##part##_delete(wasm_##part##_t *type)                                               \
    {                                                                                              \
        wasm_externtype_delete((wasm_externtype_t *)type);                                         \
    }                                                                                              \
                                                                                                   \
    wasm_##part##_t *wasm_##part##_copy(const wasm_##part##_t *type)                               \
    {                                                                                              \
        return (wasm_##part##_t *)wasm_externtype_copy((const wasm_externtype_t *)type);           \
    }

CASTS(functype, WASM_EXTERN_FUNC)
CASTS(globaltype, WASM_EXTERN_GLOBAL)
CASTS(tabletype, WASM_EXTERN_TABLE)
CASTS(memorytype, WASM_EXTERN_MEMORY)

void wasm_externtype_delete(wasm_externtype_t *type)
{
    wasm_functype_t *func = wasm_externtype_as_functype(type);
    if (func) {
        wasm_valtype_vec_delete(&func->params);
        wasm_valtype_vec_delete(&func->results);
    }
    free(type);
}

static wasm_externtype_t *copy_functype(const wasm_functype_t *type)
{
    wasm_valtype_vec_t params;
    wasm_valtype_vec_t results;
    wasm_valtype_vec_copy(&params, &type->params);
    wasm_valtype_vec_copy(&results, &type->results);
    if (params.size == type->params.size && results.size == type->results.size)
        return (wasm_externtype_t *)wasm_functype_new(&params, &results);
    wasm_valtype_vec_delete(&params);
    wasm_valtype_vec_delete(&results);
    return NULL;
}

wasm_externtype_t *wasm_externtype_copy(const wasm_externtype_t *type)
{
    switch (type->kind) {
    case WASM_EXTERN_FUNC:
        return copy_functype((const wasm_functype_t *)type);
    case WASM_EXTERN_GLOBAL: {
        const wasm_globaltype_t *global = (const wasm_globaltype_t *)type;
        return (wasm_externtype_t *)wasm_globaltype_new(wasm_valtype_copy(global->content),
                                                        global->mutability);
    }
    case WASM_EXTERN_TABLE: {
        const wasm_tabletype_t *table = (const wasm_tabletype_t *)type;
        return (wasm_externtype_t *)wasm_tabletype_new(wasm_valtype_copy(table->element),
                                                       &table->limits);
    }
    default:
        return (wasm_externtype_t *)wasm_memorytype_new(
            &((const wasm_memorytype_t *)type)->limits);
    }
}

/* ---- Import and export types ---- */

struct wasm_importtype_t {
    wasm_name_t module;
    wasm_name_t name;
    wasm_externtype_t *type;
};

struct wasm_exporttype_t {
    wasm_name_t name;
    wasm_externtype_t *type;
};

wasm_importtype_t *wasm_importtype_new(wasm_name_t *module, wasm_name_t *name,
                                       wasm_externtype_t *type)
{
    wasm_importtype_t *import = type ? malloc(sizeof *import) : NULL;
    if (!import) {
        wasm_name_delete(module);
        wasm_name_delete(name);
        wasm_externtype_delete(type);
        return NULL;
    }
    *import = (wasm_importtype_t){*module, *name, type};
    wasm_name_new_empty(module);
    wasm_name_new_empty(name);
    return import;
}

void wasm_importtype_delete(wasm_importtype_t *import)
{
    if (!import)
        return;
    wasm_name_delete(&import->module);
    wasm_name_delete(&import->name);
    wasm_externtype_delete(import->type);
    free(import);
}

/* False, and an empty copy, for no memory. */
static bool copy_name(wasm_name_t *out, const wasm_name_t *name)
{
    wasm_name_copy(out, name);
    return out->size == name->size;
}

wasm_importtype_t *wasm_importtype_copy(const wasm_importtype_t *import)
{
    wasm_name_t module;
    wasm_name_t name;
    bool whole = copy_name(&module, &import->module);
    whole = copy_name(&name, &import->name) && whole;
    return wasm_importtype_new(&module, &name, whole ? wasm_externtype_copy(import->type) : NULL);
}

const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *import)
{
    return &import->module;
}

const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *import)
{
    return &import->name;
}

const wasm_externtype_t *wasm_importtype_type(const wasm_importtype_t *import)
{
    return import->type;
}

wasm_exporttype_t *wasm_exporttype_new(wasm_name_t *name, wasm_externtype_t *type)
{
    wasm_exporttype_t *export = type ? malloc(sizeof *export) : NULL;
    if (!export) {
        wasm_name_delete(name);
        wasm_externtype_delete(type);
        return NULL;
    }
    *export = (wasm_exporttype_t){*name, type};
    wasm_name_new_empty(name);
    return export;
}

void wasm_exporttype_delete(wasm_exporttype_t *export)
{
    if (!export)
        return;
    wasm_name_delete(&export->name);
    wasm_externtype_delete(export->type);
    free(export);
}

wasm_exporttype_t *wasm_exporttype_copy(const wasm_exporttype_t *export)
{
    wasm_name_t name;
    bool whole = copy_name(&name, &export->name);
    return wasm_exporttype_new(&name, whole ? wasm_externtype_copy(export->type) : NULL);
}

const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *export)
{
    return &export->name;
}

const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *export)
{
    return export->type;
}

/* ---- The engine's descriptions ---- */

static bool valtypes_from_engine(wasm_valtype_vec_t *out, uint32_t count, const nidus_type *types)
{
    wasm_valtype_vec_new_uninitialized(out, count);
    for (size_t i = 0; i < out->size; i++)
        out->data[i] = valtype_of(kind_from_engine(types[i]));
    return out->size == count;
}

static uint32_t limit_from_engine(uint64_t limit)
{
    return limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

void limits_to_engine(const wasm_limits_t *from, struct nidus_limits_type *to)
{
    *to = (struct nidus_limits_type){
        .minimum = from->min,
        .maximum = from->max == wasm_limits_max_default ? NIDUS_NO_MAXIMUM : from->max};
}

wasm_externtype_t *type_from_engine(const struct nidus_externtype *type)
{
    wasm_limits_t limits = {limit_from_engine(type->limits.minimum),
                            limit_from_engine(type->limits.maximum)};
    switch (type->kind) {
    case NIDUS_FUNC: {
        wasm_valtype_vec_t params;
        wasm_valtype_vec_t results;
        bool whole = valtypes_from_engine(&params, type->func.param_count, type->func.params);
        whole = valtypes_from_engine(&results, type->func.result_count, type->func.results) && whole;
        if (whole)
            return (wasm_externtype_t *)wasm_functype_new(&params, &results);
        wasm_valtype_vec_delete(&params);
        wasm_valtype_vec_delete(&results);
        return NULL;
    }
    case NIDUS_GLOBAL:
        return (wasm_externtype_t *)wasm_globaltype_new(valtype_of(kind_from_engine(type->type)),
                                                        type->mutable_ ? WASM_VAR : WASM_CONST);
    case NIDUS_TABLE:
        return (wasm_externtype_t *)wasm_tabletype_new(valtype_of(kind_from_engine(type->type)),
                                                       &limits);
    case NIDUS_MEMORY:
        return (wasm_externtype_t *)wasm_memorytype_new(&limits);
    default:
        return NULL;
    }
}
