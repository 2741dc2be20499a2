/*
 * wasm.h: values, and their form in the engine: a funcref is the function's address, an externref
 * the address of the API's reference, which is pinned because the guest may keep it. Structs, arrays and
 * i31s, which the API does not know, are opaque references that can be kept, compared and handed back.
 */
#include "runtime.h"
#include "wasm_api.h"

void wasm_val_delete(wasm_val_t *value)
{
    if (value && wasm_valkind_is_ref(value->kind)) {
        wasm_ref_delete(value->of.ref);
        value->of.ref = NULL;
    }
}

void wasm_val_copy(wasm_val_t *out, const wasm_val_t *value)
{
    *out = *value;
    if (wasm_valkind_is_ref(value->kind))
        out->of.ref = wasm_ref_copy(value->of.ref);
}

bool ref_to_engine(struct wasm_store_t *store, struct wasm_ref_t *ref, nidus_type type,
                   nidus_ref *out)
{
    uint32_t heap = NIDUS_TYPE_HEAP(type);
    if (!type_is_ref(type))
        return false;
    if (!ref) {
        *out = NIDUS_NULL;
        return type_is_nullable(type);
    }
    if (ref->store != store)
        return false;
    if (ref->kind == REF_MANAGED) {
        *out = (uintptr_t)ref->object;
        return nidus_ref_matches(store->store, *out, type);
    }
    if (heap == HEAP_EXTERN || heap == HEAP_ANY) {
        ref->pinned = true;
        *out = (uintptr_t)ref;
        return true;
    }
    *out = (uintptr_t)ref->object;
    return ref->kind == REF_FUNC && kind_from_engine(type) == WASM_FUNCREF &&
           nidus_ref_matches(store->store, *out, type);
}

bool ref_from_engine(struct wasm_store_t *store, nidus_ref ref, nidus_type type,
                     struct wasm_ref_t **out)
{
    *out = NULL;
    if (ref == NIDUS_NULL)
        return true;
    if (nidus_ref_kind(store->store, ref) != NIDUS_REF_KIND_HOST)
        *out = ref_of(store, REF_MANAGED, (void *)(uintptr_t)ref);
    else if (kind_from_engine(type) == WASM_EXTERNREF)
        *out = ref_hold((struct wasm_ref_t *)(uintptr_t)ref);
    else
        *out = ref_of(store, REF_FUNC, (void *)(uintptr_t)ref);
    return *out != NULL;
}

bool value_to_engine(struct wasm_store_t *store, const wasm_val_t *value, nidus_type type,
                     struct nidus_value *out)
{
    *out = (struct nidus_value){.type = type};
    if (wasm_valkind_is_ref(value->kind))
        return ref_to_engine(store, value->of.ref, type, &out->of.ref);
    if (value->kind == WASM_V128 || value->kind != kind_from_engine(type))
        return false;
    if (value->kind == WASM_I32 || value->kind == WASM_F32)
        memcpy(&out->of.i32, &value->of.i32, sizeof out->of.i32);
    else
        memcpy(&out->of.i64, &value->of.i64, sizeof out->of.i64);
    return true;
}

bool value_from_engine(struct wasm_store_t *store, const struct nidus_value *value, wasm_val_t *out)
{
    *out = (wasm_val_t){.kind = kind_from_engine(value->type)};
    if (type_is_ref(value->type) && nidus_ref_kind(store->store, value->of.ref) > NIDUS_REF_KIND_HOST)
        out->kind = WASM_EXTERNREF;
    if (wasm_valkind_is_ref(out->kind))
        return ref_from_engine(store, value->of.ref, value->type, &out->of.ref);
    if (out->kind == WASM_I32 || out->kind == WASM_F32)
        memcpy(&out->of.i32, &value->of.i32, sizeof out->of.i32);
    else if (out->kind != WASM_V128)
        memcpy(&out->of.i64, &value->of.i64, sizeof out->of.i64);
    return true;
}
