/*
 * Throwing: finding the handler of an exception, innermost frame first, without recursion and without
 * touching the frames until it is found, so that an exception nobody catches leaves them to be
 * looked at.
 */
#include "interp.h"

/* The first handler in the frame for an exception of `tag` thrown at `unit`. Handlers of inner blocks
 * come first. A delegate hands the exception on: only blocks around the one that it names count then. */
static const struct handler *find_handler(const struct nidus_func *func, uint32_t unit,
                                          const struct nidus_tag *tag)
{
    const struct code *code = func->code;
    uint32_t level = UINT32_MAX;
    for (uint32_t i = 0; i < code->handler_count; i++) {
        const struct handler *handler = &code->handlers[i];
        if (unit < handler->start || unit >= handler->end || handler->level > level)
            continue;
        if (handler->kind == HANDLER_DELEGATE)
            level = handler->unit;
        else if (handler->tag == NO_INDEX || func->instance->tags[handler->tag] == tag)
            return handler;
    }
    return NULL;
}

/* Hands over the values, and the exception itself where it is wanted. */
static void enter_handler(struct nidus_run *run, const struct handler *handler, nidus_ref ref)
{
    const struct heap_exception *exception = ref_address(ref);
    const struct deftype *type = &run->head.store->types.items[object_type(exception)];
    if (handler->tag != NO_INDEX && type->param_cells)
        memcpy(run->fp + handler->values, exception->cells,
               type->param_cells * sizeof *exception->cells);
    if (handler->caught != NO_SLOT)
        run->fp[handler->caught].u64 = ref;
    run->pc = run_func(run)->code->units + handler->unit;
    run->exception = NIDUS_NULL;
}

enum nidus_trap interp_throw(struct nidus_run *run, nidus_ref ref, int skip_innermost)
{
    const struct heap_exception *exception = ref_address(ref);
    run->exception = ref;
    const struct nidus_func *innermost = run_func(run);
    if (!skip_innermost && innermost->code) {
        uint32_t unit = (uint32_t)(run->pc - innermost->code->units);
        const struct handler *handler = find_handler(innermost, unit, exception->of.tag);
        if (handler) {
            enter_handler(run, handler, ref);
            return NIDUS_TRAP_NONE;
        }
    }
    for (struct call_frame *frame = run->top; --frame > run->frames;) {
        const struct nidus_func *caller = frame[-1].func;
        if (!caller->code)
            continue; /* the host's */
        uint32_t unit = (uint32_t)(frame->pc - caller->code->units) - 1;
        const struct handler *handler = find_handler(caller, unit, exception->of.tag);
        if (!handler)
            continue;
        run->top = frame;
        run->fp = frame->fp;
        enter_handler(run, handler, ref);
        return NIDUS_TRAP_NONE;
    }
    return NIDUS_TRAP_EXCEPTION;
}

enum nidus_trap interp_throw_tag(struct nidus_run *run)
{
    const uint16_t *pc = run->pc;
    struct nidus_tag *tag = run_func(run)->instance->tags[unit32(pc + 1)];
    const struct nidus_store *store = run->head.store;
    struct heap_exception *exception = heap_new_exception(run->head.store->heap, tag);
    if (!exception)
        return NIDUS_TRAP_HEAP;
    memcpy(exception->cells, &run->fp[pc[3]],
           store->types.items[tag->type].param_cells * sizeof *exception->cells);
    return interp_throw(run, heap_ref(exception), 0);
}
