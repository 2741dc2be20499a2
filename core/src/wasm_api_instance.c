/* wasm.h: instances - linking, the start function, exports. */
#include <stdlib.h>

#include "wasm_api.h"

/* The engine's instance, or NULL and an own trap. */
static struct nidus_instance *link_instance(struct wasm_store_t *store, struct nidus_module *module,
                                            const wasm_extern_vec_t *imports,
                                            struct wasm_ref_t **trap)
{
    size_t count = imports ? imports->size : 0;
    struct nidus_error error;
    struct nidus_instance *instance = NULL;
    struct nidus_extern *items = malloc((count + 1) * sizeof *items);
    if (!items) {
        *trap = trap_no_memory(store);
        return NULL;
    }
    for (size_t i = 0; i < count && !*trap; i++)
        if (imports->data[i])
            items[i] = extern_to_engine(&imports->data[i]->ref);
        else
            *trap = trap_say(store, "an import is NULL");
    if (!*trap && nidus_instance_new(store->store, module, items, count, &instance, &error) != NIDUS_OK)
        *trap = error.code == NIDUS_ERROR_NO_MEMORY ? trap_no_memory(store)
                                                    : trap_say(store, error.text);
    free(items);
    return *trap ? NULL : instance;
}

static struct wasm_ref_t *run_start(struct wasm_store_t *store, struct nidus_instance *instance)
{
    struct nidus_func *start = nidus_instance_start(instance);
    return start ? call_func(store, start, NULL, 0, NULL) : NULL;
}

wasm_instance_t *wasm_instance_new(wasm_store_t *store, const wasm_module_t *module,
                                   const wasm_extern_vec_t *imports, wasm_trap_t **trap)
{
    const struct wasm_shared_module_t *shared = module->ref.object;
    struct wasm_ref_t *own_trap = NULL;
    struct wasm_ref_t *ref = NULL;
    struct nidus_instance *instance = NULL;
    if (shared->engine != store->engine)
        own_trap = trap_say(store, "the module belongs to another engine: share and obtain it");
    else
        instance = link_instance(store, shared->module, imports, &own_trap);
    if (instance)
        own_trap = run_start(store, instance);
    if (!own_trap) {
        ref = ref_of(store, REF_INSTANCE, instance);
        if (!ref)
            own_trap = trap_no_memory(store);
    }
    if (trap)
        *trap = (wasm_trap_t *)own_trap;
    else
        ref_drop(own_trap);
    return (wasm_instance_t *)ref;
}

/* False for a tag, which the API does not know. */
static bool kind_of(enum nidus_kind from, enum ref_kind *kind)
{
    static const enum ref_kind kinds[] = {[NIDUS_FUNC] = REF_FUNC,
                                          [NIDUS_TABLE] = REF_TABLE,
                                          [NIDUS_MEMORY] = REF_MEMORY,
                                          [NIDUS_GLOBAL] = REF_GLOBAL};
    if (from == NIDUS_TAG)
        return false;
    *kind = kinds[from];
    return true;
}

void wasm_instance_exports(const wasm_instance_t *handle, wasm_extern_vec_t *out)
{
    struct wasm_store_t *store = handle->ref.store;
    struct nidus_instance *instance = handle->ref.object;
    uint32_t all = nidus_module_export_count(nidus_instance_module(instance));
    enum ref_kind kind;
    size_t count = 0;
    for (uint32_t i = 0; i < all; i++)
        count += kind_of(nidus_instance_export(instance, i).kind, &kind);
    wasm_extern_vec_new_uninitialized(out, count);
    for (uint32_t i = 0, at = 0; at < out->size; i++) {
        struct nidus_extern item = nidus_instance_export(instance, i);
        if (kind_of(item.kind, &kind) &&
            !(out->data[at++] = (wasm_extern_t *)ref_of(store, kind, item.of.any)))
            wasm_extern_vec_delete(out);
    }
}
