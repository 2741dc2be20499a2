/* wasm.h: globals, tables, memories, and what all externals have. */
#include "wasm_api.h"

struct nidus_extern extern_to_engine(const struct wasm_ref_t *ref)
{
    static const enum nidus_kind kinds[] = {[REF_FUNC] = NIDUS_FUNC,
                                            [REF_GLOBAL] = NIDUS_GLOBAL,
                                            [REF_TABLE] = NIDUS_TABLE,
                                            [REF_MEMORY] = NIDUS_MEMORY};
    return (struct nidus_extern){.kind = kinds[ref->kind], .of = {.any = ref->object}};
}

static struct nidus_externtype engine_type(const struct wasm_ref_t *ref)
{
    struct nidus_externtype type;
    nidus_extern_type(extern_to_engine(ref), &type);
    return type;
}

wasm_externkind_t wasm_extern_kind(const wasm_extern_t *item)
{
    return (wasm_externkind_t)item->ref.kind;
}

wasm_externtype_t *wasm_extern_type(const wasm_extern_t *item)
{
    struct nidus_externtype type = engine_type(&item->ref);
    return type_from_engine(&type);
}

/* ---- Globals ---- */

wasm_global_t *wasm_global_new(wasm_store_t *store, const wasm_globaltype_t *type,
                               const wasm_val_t *value)
{
    nidus_type content;
    struct nidus_value initial;
    struct nidus_global *global;
    if (!kind_to_engine(wasm_valtype_kind(type->content), &content) ||
        !value_to_engine(store, value, content, &initial) ||
        nidus_global_new(store->store, &initial, type->mutability == WASM_VAR, &global) != NIDUS_OK)
        return NULL;
    return (wasm_global_t *)ref_of(store, REF_GLOBAL, global);
}

wasm_globaltype_t *wasm_global_type(const wasm_global_t *global)
{
    struct nidus_externtype type = engine_type(&global->ref);
    return (wasm_globaltype_t *)type_from_engine(&type);
}

void wasm_global_get(const wasm_global_t *global, wasm_val_t *out)
{
    struct nidus_value value;
    nidus_global_get(global->ref.object, &value);
    if (!value_from_engine(global->ref.store, &value, out))
        out->of.ref = NULL;
}

void wasm_global_set(wasm_global_t *global, const wasm_val_t *value)
{
    struct nidus_value fresh;
    if (value_to_engine(global->ref.store, value, engine_type(&global->ref).type, &fresh))
        (void)nidus_global_set(global->ref.object, &fresh);
}

/* ---- Tables ---- */

wasm_table_t *wasm_table_new(wasm_store_t *store, const wasm_tabletype_t *type, wasm_ref_t *init)
{
    nidus_type element;
    nidus_ref initial;
    struct nidus_limits_type limits;
    struct nidus_table *table;
    limits_to_engine(&type->limits, &limits);
    if (!kind_to_engine(wasm_valtype_kind(type->element), &element) ||
        !ref_to_engine(store, init, element, &initial) ||
        nidus_table_new(store->store, element, &limits, initial, &table) != NIDUS_OK)
        return NULL;
    return (wasm_table_t *)ref_of(store, REF_TABLE, table);
}

wasm_tabletype_t *wasm_table_type(const wasm_table_t *table)
{
    struct nidus_externtype type = engine_type(&table->ref);
    return (wasm_tabletype_t *)type_from_engine(&type);
}

wasm_ref_t *wasm_table_get(const wasm_table_t *table, wasm_table_size_t index)
{
    nidus_ref item;
    struct wasm_ref_t *ref = NULL;
    if (!nidus_table_get(table->ref.object, index, &item) ||
        !ref_from_engine(table->ref.store, item, engine_type(&table->ref).type, &ref))
        return NULL;
    return ref;
}

bool wasm_table_set(wasm_table_t *table, wasm_table_size_t index, wasm_ref_t *ref)
{
    nidus_ref item;
    return ref_to_engine(table->ref.store, ref, engine_type(&table->ref).type, &item) &&
           nidus_table_set(table->ref.object, index, item);
}

wasm_table_size_t wasm_table_size(const wasm_table_t *table)
{
    uint64_t size = nidus_table_size(table->ref.object);
    return size < UINT32_MAX ? (wasm_table_size_t)size : UINT32_MAX;
}

bool wasm_table_grow(wasm_table_t *table, wasm_table_size_t delta, wasm_ref_t *init)
{
    nidus_ref item;
    return ref_to_engine(table->ref.store, init, engine_type(&table->ref).type, &item) &&
           nidus_table_grow(table->ref.object, delta, item);
}

/* ---- Memories ---- */

wasm_memory_t *wasm_memory_new(wasm_store_t *store, const wasm_memorytype_t *type)
{
    struct nidus_limits_type limits;
    struct nidus_memory *memory;
    limits_to_engine(&type->limits, &limits);
    if (nidus_memory_new(store->store, &limits, &memory) != NIDUS_OK)
        return NULL;
    return (wasm_memory_t *)ref_of(store, REF_MEMORY, memory);
}

wasm_memorytype_t *wasm_memory_type(const wasm_memory_t *memory)
{
    struct nidus_externtype type = engine_type(&memory->ref);
    return (wasm_memorytype_t *)type_from_engine(&type);
}

byte_t *wasm_memory_data(wasm_memory_t *memory)
{
    size_t size;
    return (byte_t *)nidus_memory_data(memory->ref.object, &size);
}

size_t wasm_memory_data_size(const wasm_memory_t *memory)
{
    size_t size;
    (void)nidus_memory_data(memory->ref.object, &size);
    return size;
}

wasm_memory_pages_t wasm_memory_size(const wasm_memory_t *memory)
{
    uint64_t pages = nidus_memory_pages(memory->ref.object);
    return pages < UINT32_MAX ? (wasm_memory_pages_t)pages : UINT32_MAX;
}

bool wasm_memory_grow(wasm_memory_t *memory, wasm_memory_pages_t delta)
{
    return nidus_memory_grow(memory->ref.object, delta);
}
