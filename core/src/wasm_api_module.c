/*
 * wasm.h: modules. A reference to a module and a shared module both own one wasm_shared_module_t, so
 * sharing and obtaining within one engine decode nothing again.
 */
#include "module.h"

#include <stdlib.h>

#include "wasm_api.h"

static struct wasm_shared_module_t *load(struct wasm_engine_t *engine, const void *bytes,
                                         size_t size)
{
    struct wasm_shared_module_t *shared = malloc(sizeof *shared);
    if (!shared)
        return NULL;
    if (nidus_module_load(engine->engine, bytes, size, NIDUS_LOAD_COPY, &shared->module, NULL) !=
        NIDUS_OK) {
        free(shared);
        return NULL;
    }
    shared->owners = 1;
    shared->engine = engine_hold(engine);
    return shared;
}

void shared_module_drop(struct wasm_shared_module_t *shared)
{
    if (!shared || --shared->owners > 0)
        return;
    nidus_module_free(shared->module);
    engine_drop(shared->engine);
    free(shared);
}

/* Takes `shared`, which may be NULL. */
static wasm_module_t *module_ref(struct wasm_store_t *store, struct wasm_shared_module_t *shared)
{
    struct wasm_ref_t *ref = shared ? ref_new(store, REF_MODULE, shared) : NULL;
    if (!ref)
        shared_module_drop(shared);
    return (wasm_module_t *)ref;
}

static struct wasm_shared_module_t *shared_of(const wasm_module_t *module)
{
    return module->ref.object;
}

wasm_module_t *wasm_module_new(wasm_store_t *store, const wasm_byte_vec_t *binary)
{
    return module_ref(store, load(store->engine, binary->data, binary->size));
}

bool wasm_module_validate(wasm_store_t *store, const wasm_byte_vec_t *binary)
{
    return nidus_module_validate(store->engine->engine, binary->data, binary->size, NULL) ==
           NIDUS_OK;
}

void wasm_module_serialize(const wasm_module_t *module, wasm_byte_vec_t *out)
{
    const struct nidus_module *inner = shared_of(module)->module;
    wasm_byte_vec_new(out, inner->size, (const wasm_byte_t *)inner->bytes);
}

wasm_module_t *wasm_module_deserialize(wasm_store_t *store, const wasm_byte_vec_t *binary)
{
    return wasm_module_new(store, binary);
}

wasm_shared_module_t *wasm_module_share(const wasm_module_t *module)
{
    struct wasm_shared_module_t *shared = shared_of(module);
    shared->owners++;
    return shared;
}

void wasm_shared_module_delete(wasm_shared_module_t *shared)
{
    shared_module_drop(shared);
}

wasm_module_t *wasm_module_obtain(wasm_store_t *store, const wasm_shared_module_t *shared)
{
    if (store->engine != shared->engine)
        return module_ref(store, load(store->engine, shared->module->bytes, shared->module->size));
    struct wasm_shared_module_t *same = (struct wasm_shared_module_t *)(uintptr_t)shared;
    same->owners++;
    return module_ref(store, same);
}

/* ---- Imports and exports ---- */

static wasm_importtype_t *import_type(const struct nidus_module *module, uint32_t index)
{
    struct nidus_name from;
    struct nidus_name name;
    struct nidus_externtype type;
    wasm_name_t own_from;
    wasm_name_t own_name;
    nidus_module_import(module, index, &from, &name, &type);
    wasm_name_new(&own_from, from.length, from.bytes);
    wasm_name_new(&own_name, name.length, name.bytes);
    bool whole = own_from.size == from.length && own_name.size == name.length;
    return wasm_importtype_new(&own_from, &own_name, whole ? type_from_engine(&type) : NULL);
}

static wasm_exporttype_t *export_type(const struct nidus_module *module, uint32_t index)
{
    struct nidus_name name;
    struct nidus_externtype type;
    wasm_name_t own_name;
    nidus_module_export(module, index, &name, &type);
    wasm_name_new(&own_name, name.length, name.bytes);
    bool whole = own_name.size == name.length;
    return wasm_exporttype_new(&own_name, whole ? type_from_engine(&type) : NULL);
}

static bool is_tag(enum nidus_kind kind)
{
    return kind == NIDUS_TAG;
}

void wasm_module_imports(const wasm_module_t *module, wasm_importtype_vec_t *out)
{
    const struct nidus_module *inner = shared_of(module)->module;
    size_t count = 0;
    for (uint32_t i = 0; i < inner->imports.count; i++)
        count += !is_tag(inner->imports.items[i].kind);
    wasm_importtype_vec_new_uninitialized(out, count);
    for (uint32_t i = 0, at = 0; at < out->size; i++)
        if (!is_tag(inner->imports.items[i].kind) && !(out->data[at++] = import_type(inner, i)))
            wasm_importtype_vec_delete(out);
}

void wasm_module_exports(const wasm_module_t *module, wasm_exporttype_vec_t *out)
{
    const struct nidus_module *inner = shared_of(module)->module;
    size_t count = 0;
    for (uint32_t i = 0; i < inner->exports.count; i++)
        count += !is_tag(inner->exports.items[i].kind);
    wasm_exporttype_vec_new_uninitialized(out, count);
    for (uint32_t i = 0, at = 0; at < out->size; i++)
        if (!is_tag(inner->exports.items[i].kind) && !(out->data[at++] = export_type(inner, i)))
            wasm_exporttype_vec_delete(out);
}
