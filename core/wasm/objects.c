/*
 * engine.wasm: objects of the heap and exceptions as JavaScript can call for them. See exports.c.
 */
#include <nidus/engine.h>

#include "runtime.h"

#define EXPORT(name) __attribute__((export_name(#name), used))

EXPORT(engine_ref_matches)
uint32_t engine_ref_matches(const struct nidus_store *store, nidus_ref ref, nidus_type type)
{
    return nidus_ref_matches(store, ref, type);
}

EXPORT(engine_ref_hold) uint32_t engine_ref_hold(struct nidus_store *store, nidus_ref ref)
{
    return nidus_ref_hold(store, ref);
}

EXPORT(engine_ref_release) void engine_ref_release(struct nidus_store *store, nidus_ref ref)
{
    nidus_ref_release(store, ref);
}

EXPORT(engine_store_collect) void engine_store_collect(struct nidus_store *store) { nidus_store_collect(store); }

/* Bytes of the heap, and of what was found alive in it. */
EXPORT(engine_store_heap) void engine_store_heap(const struct nidus_store *store, uint64_t out[2])
{
    nidus_store_heap(store, &out[0], &out[1]);
}

EXPORT(engine_tag_new)
struct nidus_tag *engine_tag_new(struct nidus_store *store, uint32_t count, const nidus_type *params)
{
    const struct nidus_functype type = {.param_count = count, .params = params};
    struct nidus_tag *tag;

    return nidus_tag_new(store, &type, &tag) ? NULL : tag;
}

/* 0 when the values are not the tag's, or there is no room. */
EXPORT(engine_exception_new)
nidus_ref engine_exception_new(struct nidus_store *store, struct nidus_tag *tag, const struct nidus_value *values,
                               size_t count)
{
    nidus_ref ref;

    return nidus_exception_new(store, tag, values, count, &ref) ? NIDUS_NULL : ref;
}

EXPORT(engine_exception_tag) struct nidus_tag *engine_exception_tag(nidus_ref ref) { return nidus_exception_tag(ref); }

EXPORT(engine_exception_values)
void engine_exception_values(const struct nidus_store *store, nidus_ref ref, struct nidus_value *values)
{
    nidus_exception_values(store, ref, values);
}

EXPORT(engine_run_exception) nidus_ref engine_run_exception(const struct nidus_run *run)
{
    return nidus_run_exception(run);
}

EXPORT(engine_call_throw) void engine_call_throw(struct nidus_call *call, nidus_ref exception)
{
    nidus_call_throw(call, exception);
}

/* Whether any frame of the run could catch what a host function throws. */
EXPORT(engine_call_catchable) uint32_t engine_call_catchable(const struct nidus_call *call)
{
    const struct nidus_run *run = nidus_call_run(call);

    for (const struct call_frame *frame = run->frames; frame < run->top; frame++)
        if (frame->func->code && frame->func->code->handler_count)
            return 1;
    return 0;
}
