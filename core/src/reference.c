/* References and values as the host sees them: kinds, holding, exceptions. */
#include <string.h>

#include "interp.h"

/* ---- Values and slots ---- */

size_t value_put(union slot *slot, const struct nidus_value *value)
{
    if (value->type == NIDUS_V128) {
        memcpy(slot, value->of.v128, 16);
        return 2;
    }
    slot->u64 = value->type == NIDUS_I32 || value->type == NIDUS_F32 ? value->of.f32
                                                                     : value->of.f64;
    return 1;
}

size_t value_get(const union slot *slot, nidus_type type, struct nidus_value *value)
{
    value->type = type;
    memset(&value->of, 0, sizeof value->of);
    if (type == NIDUS_V128) {
        memcpy(value->of.v128, slot, 16);
        return 2;
    }
    if (type == NIDUS_I32 || type == NIDUS_F32)
        value->of.f32 = slot->u32;
    else
        value->of.f64 = slot->u64;
    return 1;
}

/* ---- References ---- */

enum nidus_ref_kind nidus_ref_kind(const struct nidus_store *store, nidus_ref ref)
{
    if (ref == NIDUS_NULL)
        return NIDUS_REF_KIND_NULL;
    if (ref < REF_I31)
        return NIDUS_REF_KIND_HOST;
    if (!ref_is_object(ref))
        return NIDUS_REF_KIND_I31;
    switch (store->types.items[object_type(ref_address(ref))].kind) {
    case KIND_STRUCT:
        return NIDUS_REF_KIND_STRUCT;
    case KIND_ARRAY:
        return NIDUS_REF_KIND_ARRAY;
    default:
        return NIDUS_REF_KIND_EXCEPTION;
    }
}

bool nidus_ref_matches(const struct nidus_store *store, nidus_ref ref, nidus_type type)
{
    if (!type_is_ref(type))
        return false;
    if (ref == NIDUS_NULL)
        return type_is_nullable(type);
    uint32_t heap = NIDUS_TYPE_HEAP(type);
    enum nidus_ref_kind kind = nidus_ref_kind(store, ref);
    switch (heap_top(&store->types, heap)) {
    case HEAP_EXN:
        return kind == NIDUS_REF_KIND_EXCEPTION && heap == HEAP_EXN;
    case HEAP_FUNC:
        return kind == NIDUS_REF_KIND_HOST && store_ref_is(store, ref, heap);
    default:
        return kind != NIDUS_REF_KIND_EXCEPTION && store_ref_is(store, ref, heap);
    }
}

enum nidus_code nidus_ref_hold(struct nidus_store *store, nidus_ref ref)
{
    return heap_hold(store->heap, ref) ? NIDUS_OK : NIDUS_ERROR_NO_MEMORY;
}

void nidus_ref_release(struct nidus_store *store, nidus_ref ref)
{
    heap_release(store->heap, ref);
}

nidus_ref nidus_i31_new(int32_t value)
{
    return REF_I31 | ((uint32_t)value & 0x7fffffff);
}

int32_t nidus_i31_value(nidus_ref ref)
{
    return (int32_t)((uint32_t)ref << 1) >> 1;
}

void nidus_store_collect(struct nidus_store *store)
{
    heap_collect(store->heap);
}

void nidus_store_heap(const struct nidus_store *store, uint64_t *bytes, uint64_t *alive)
{
    *bytes = store->heap->bytes;
    *alive = store->heap->live;
}

void nidus_store_pauses(const struct nidus_store *store, uint64_t *count, uint64_t *longest)
{
    *count = store->heap->pauses;
    *longest = store->heap->longest;
}

/* ---- Exceptions ---- */

enum nidus_code nidus_tag_new(struct nidus_store *store, const struct nidus_functype *type,
                              struct nidus_tag **tag)
{
    uint32_t index;
    if (type->result_count)
        return NIDUS_ERROR_USAGE;
    TRY(store_type(store, type, &index));
    struct nidus_tag *fresh = store_object(store, OBJECT_TAG, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->type = index;
    *tag = fresh;
    return NIDUS_OK;
}

int values_match(const struct nidus_store *store, const struct nidus_functype *shape,
                 const struct nidus_value *values, size_t count)
{
    if (count != shape->param_count)
        return 0;
    for (size_t i = 0; i < count; i++) {
        nidus_type wanted = shape->params[i];
        if (NIDUS_TYPE_KIND(values[i].type) != NIDUS_TYPE_KIND(wanted) ||
            (type_is_ref(wanted) && !nidus_ref_matches(store, values[i].of.ref, wanted)))
            return 0;
    }
    return 1;
}

enum nidus_code nidus_exception_new(struct nidus_store *store, struct nidus_tag *tag,
                                    const struct nidus_value *values, size_t count, nidus_ref *ref)
{
    if (!values_match(store, &store->types.items[tag->type].shape, values, count))
        return NIDUS_ERROR_USAGE;
    /* The values are nobody's roots while room for the exception is made. */
    store->heap->paused++;
    struct heap_exception *exception = heap_new_exception(store->heap, tag);
    store->heap->paused--;
    if (!exception)
        return NIDUS_ERROR_NO_MEMORY;
    union slot *slot = (union slot *)exception->cells;
    for (size_t i = 0; i < count; i++)
        slot += value_put(slot, &values[i]);
    *ref = heap_ref(exception);
    return NIDUS_OK;
}

struct nidus_tag *nidus_exception_tag(nidus_ref ref)
{
    return ((const struct heap_exception *)ref_address(ref))->of.tag;
}

void nidus_exception_values(const struct nidus_store *store, nidus_ref ref,
                            struct nidus_value *values)
{
    const struct heap_exception *exception = ref_address(ref);
    const struct nidus_functype *shape = &store->types.items[exception->of.tag->type].shape;
    const union slot *slot = (const union slot *)exception->cells;
    for (uint32_t i = 0; i < shape->param_count; i++)
        slot += value_get(slot, shape->params[i], &values[i]);
}

nidus_ref nidus_run_exception(const struct nidus_run *run)
{
    return run->exception;
}

void nidus_call_throw(struct nidus_call *call, nidus_ref exception)
{
    call->run->exception = exception;
}
