/* Runs: starting, slices, fuel, results, traps and backtraces. */
#include <string.h>

#include "interp.h"

enum nidus_code nidus_run_new(struct nidus_store *store, struct nidus_run **run)
{
    struct nidus_run *fresh = store_object(store, OBJECT_RUN, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->heap = store->heap;
    fresh->fuel = NIDUS_UNLIMITED;
    *run = fresh;
    return NIDUS_OK;
}

void run_release(struct nidus_run *run)
{
    const struct nidus_allocator *allocator = run->head.store->allocator;
    pool_free(allocator, run->slots, (size_t)(run->slots_end - run->slots), sizeof *run->slots);
    pool_free(allocator, run->frames, (size_t)(run->frames_end - run->frames), sizeof *run->frames);
    VEC_FREE(allocator, &run->host_refs);
}

/* ---- Fuel ---- */

void nidus_run_set_fuel(struct nidus_run *run, uint64_t fuel)
{
    run->fuel = fuel;
    run->debt = 0;
    if (run->status == NIDUS_RUN_NO_FUEL)
        run->status = NIDUS_RUN_READY;
}

uint64_t nidus_run_fuel(const struct nidus_run *run)
{
    return run->fuel;
}

uint64_t nidus_run_fuel_used(const struct nidus_run *run)
{
    return run->fuel_used;
}

/* ---- Start ---- */

enum nidus_code nidus_run_start(struct nidus_run *run, struct nidus_func *func,
                                const struct nidus_value *args, size_t arg_count)
{
    const struct deftype *type = &func->head.store->types.items[func->type];
    if (run->executing || func->head.store != run->head.store ||
        !values_match(run->head.store, &type->shape, args, arg_count))
        return NIDUS_ERROR_USAGE;
    size_t cells = type->param_cells > type->result_cells ? type->param_cells : type->result_cells;
    union slot *base = run->slots;
    run->fp = run->slots;
    run->top = run->frames;
    if (!run->frames && interp_grow_frames(run) != NIDUS_TRAP_NONE)
        return NIDUS_ERROR_NO_MEMORY;
    if (cells + 1 > (size_t)(run->slots_end - run->slots) &&
        interp_grow_slots(run, &run->fp, &base, base, cells + 1) != NIDUS_TRAP_NONE)
        return NIDUS_ERROR_NO_MEMORY;
    union slot *slot = run->slots;
    for (size_t i = 0; i < arg_count; i++)
        slot += value_put(slot, &args[i]);
    run->stub.head.store = run->head.store;
    run->pc = interp_stub;
    *run->top++ = (struct call_frame){.func = &run->stub};
    run->entry = func;
    run->trap = NIDUS_TRAP_NONE;
    run->trap_text[0] = 0;
    run->trap_value = 0;
    run->exception = NIDUS_NULL;
    run->host_refs.count = 0;
    run->status = NIDUS_RUN_READY;
    return NIDUS_OK;
}

/* ---- Slices ---- */

/* No run charges this much in one slice, and it leaves room to overdraw. */
#define FUEL_MOST (INT64_MAX / 2)

static enum nidus_status settle_stop(struct nidus_run *run, enum stop stop, int64_t before,
                                     int64_t after)
{
    uint64_t used = (uint64_t)(before - after);
    run->fuel_used += used;
    if (run->fuel != NIDUS_UNLIMITED) {
        if (used > run->fuel) {
            run->debt = 1;
            run->fuel = 0;
        } else {
            run->fuel -= used;
        }
    }
    switch (stop) {
    case STOP_EXIT:
        return NIDUS_RUN_DONE;
    case STOP_TRAP:
        if (run->trap == TRAP_ENDED)
            return NIDUS_RUN_IDLE; /* and not done: it has no results */
        if (run->trap != TRAP_PARKED)
            return NIDUS_RUN_TRAPPED;
        run->trap = NIDUS_TRAP_NONE;
        return NIDUS_RUN_BLOCKED;
    case STOP_BLOCK:
        return NIDUS_RUN_BLOCKED;
    default:
        return run->debt ? NIDUS_RUN_NO_FUEL : NIDUS_RUN_READY;
    }
}

static enum nidus_status go_on(struct nidus_run *run, uint64_t slice,
                               enum stop (*loop)(struct nidus_run *, int64_t *))
{
    if (run->executing || (run->status != NIDUS_RUN_READY && run->status != NIDUS_RUN_BLOCKED))
        return run->status;
    uint64_t budget = slice < run->fuel ? slice : run->fuel;
    int64_t before = budget > FUEL_MOST ? FUEL_MOST : (int64_t)budget;
    int64_t after = before;
    run->executing = 1;
    enum stop stop = loop(run, &after);
    run->executing = 0;
    run->status = settle_stop(run, stop, before, after);
    return run->status;
}

enum nidus_status nidus_run_resume(struct nidus_run *run, uint64_t slice)
{
    return go_on(run, slice, interp_run);
}

enum nidus_status nidus_run_step(struct nidus_run *run)
{
    return go_on(run, NIDUS_UNLIMITED, interp_step);
}

enum nidus_status nidus_run_status(const struct nidus_run *run)
{
    return run->status;
}

void nidus_run_results(const struct nidus_run *run, struct nidus_value *results)
{
    if (run->status != NIDUS_RUN_DONE)
        return;
    const struct nidus_functype *shape = &run->head.store->types.items[run->entry->type].shape;
    const union slot *slot = run->slots;
    for (uint32_t i = 0; i < shape->result_count; i++)
        slot += value_get(slot, shape->results[i], &results[i]);
}

/* ---- Whole calls ---- */

static enum nidus_code run_to_end(struct nidus_run *run, struct nidus_error *error)
{
    /* Slices, because an interpreter that is itself wasm gets faster when it is re-entered. */
    enum nidus_status status;
    do
        status = nidus_run_resume(run, 2000000);
    while (status == NIDUS_RUN_READY);
    const char *text;
    switch (status) {
    case NIDUS_RUN_DONE:
        return NIDUS_OK;
    case NIDUS_RUN_TRAPPED: {
        enum nidus_trap trap = nidus_run_trap(run, &text);
        error_set(error, NIDUS_ERROR_TRAP, 0, "Trap: %s.", text);
        if (error)
            error->trap = trap;
        return NIDUS_ERROR_TRAP;
    }
    case NIDUS_RUN_NO_FUEL:
        return error_set(error, NIDUS_ERROR_USAGE, 0,
                         "Out of fuel: add some with nidus_run_set_fuel and resume.");
    default:
        return error_set(error, NIDUS_ERROR_USAGE, 0,
                         "A host function would block: use nidus_run_resume for such guests.");
    }
}

enum nidus_code nidus_run_call(struct nidus_run *run, struct nidus_func *func,
                               const struct nidus_value *args, size_t arg_count,
                               struct nidus_value *results, struct nidus_error *error)
{
    if (error)
        *error = (struct nidus_error){0};
    enum nidus_code code = nidus_run_start(run, func, args, arg_count);
    if (code != NIDUS_OK)
        return error_set(error, code, 0, "The arguments do not match the function's type.");
    TRY(run_to_end(run, error));
    nidus_run_results(run, results);
    return NIDUS_OK;
}

enum nidus_code nidus_instance_run_start(struct nidus_instance *instance, struct nidus_error *error)
{
    struct nidus_run *run;
    struct nidus_func *start = nidus_instance_start(instance);
    if (!start)
        return NIDUS_OK;
    if (nidus_run_new(instance->head.store, &run) != NIDUS_OK)
        return error_no_memory(error);
    enum nidus_code code = nidus_run_call(run, start, NULL, 0, NULL, error);
    nidus_run_free(run);
    return code;
}

/* ---- Traps and frames ---- */

const char *nidus_trap_text(enum nidus_trap trap)
{
    static const char *const texts[NIDUS_TRAP_COUNT] = {
        [NIDUS_TRAP_NONE] = "no trap",
        [NIDUS_TRAP_UNREACHABLE] = "unreachable",
        [NIDUS_TRAP_MEMORY_BOUNDS] = "out of bounds memory access",
        [NIDUS_TRAP_TABLE_BOUNDS] = "out of bounds table access",
        [NIDUS_TRAP_UNDEFINED_ELEMENT] = "undefined element",
        [NIDUS_TRAP_UNINITIALIZED_ELEMENT] = "uninitialized element",
        [NIDUS_TRAP_INDIRECT_TYPE] = "indirect call type mismatch",
        [NIDUS_TRAP_DIVIDE_BY_ZERO] = "integer divide by zero",
        [NIDUS_TRAP_INTEGER_OVERFLOW] = "integer overflow",
        [NIDUS_TRAP_INVALID_CONVERSION] = "invalid conversion to integer",
        [NIDUS_TRAP_EXHAUSTED] = "call stack exhausted",
        [NIDUS_TRAP_NULL_REFERENCE] = "null reference",
        [NIDUS_TRAP_UNALIGNED_ATOMIC] = "unaligned atomic",
        [NIDUS_TRAP_NOT_SHARED] = "expected shared memory",
        [NIDUS_TRAP_DEADLOCK] = "atomic wait that nobody can end",
        [NIDUS_TRAP_NO_MEMORY] = "the engine has no memory left",
        [NIDUS_TRAP_TOO_LARGE] = "function with too many locals and operands",
        [NIDUS_TRAP_HOST] = "ended by the host",
        [NIDUS_TRAP_ARRAY_BOUNDS] = "out of bounds array access",
        [NIDUS_TRAP_CAST] = "cast failure",
        [NIDUS_TRAP_HEAP] = "the heap of objects is full",
        [NIDUS_TRAP_EXCEPTION] = "uncaught exception",
    };
    return (unsigned)trap < NIDUS_TRAP_COUNT ? texts[trap] : "unknown trap";
}

/* What was null, as the specification's tests call it. */
static const char *null_text(const uint16_t *pc)
{
    uint32_t op = pc[0];
    if (op == OP_OBJECT)
        return pc[1] >= WASM_STRUCT_NEW && pc[1] <= WASM_STRUCT_SET ? "null structure reference"
                                                                    : "null array reference";
    return op == OP_CALL_REF || op == OP_RETURN_CALL_REF         ? "null function reference"
           : op >= OP_STRUCT_GET32 && op <= OP_STRUCT_SET_REF ? "null structure reference"
           : op >= OP_ARRAY_GET32 && op <= OP_ARRAY_LEN       ? "null array reference"
           : op == OP_I31_GET_S || op == OP_I31_GET_U           ? "null i31 reference"
           : op == OP_THROW_REF                                  ? "null exception reference"
                                                                 : "null reference";
}

enum nidus_trap nidus_run_trap(const struct nidus_run *run, const char **text)
{
    if (text)
        *text = run->trap_text[0]                        ? run->trap_text
                : run->trap == NIDUS_TRAP_NULL_REFERENCE ? null_text(run->pc)
                                                         : nidus_trap_text(run->trap);
    return run->trap;
}

int64_t nidus_run_trap_value(const struct nidus_run *run)
{
    return run->trap_value;
}

/* Calls under way, the stub's not counted. */
uint32_t nidus_run_frame_count(const struct nidus_run *run)
{
    if (run->status == NIDUS_RUN_IDLE || run->status == NIDUS_RUN_DONE)
        return 0;
    return (uint32_t)(run->top - run->frames) - 1;
}

enum nidus_code nidus_run_frame(const struct nidus_run *run, uint32_t index,
                                struct nidus_frame *frame)
{
    if (index >= nidus_run_frame_count(run))
        return NIDUS_ERROR_USAGE;
    const struct call_frame *of = run->top - 1 - index;
    const struct nidus_func *func = of->func;
    /* The frame above says where it goes on; before that it is within the call. */
    const uint16_t *pc = index > 0 ? of[1].pc - 1 : run->pc;
    uint32_t unit = (uint32_t)(pc - func->code->units);
    frame->instance = func->instance;
    frame->function = func->index;
    frame->name = nidus_module_function_name(func->instance->module, func->index);
    return translate_locate(func->instance->module, func->index, unit, &frame->offset);
}

/* ---- For host functions ---- */

struct nidus_run *nidus_call_run(const struct nidus_call *call)
{
    return call->run;
}

struct nidus_instance *nidus_call_instance(const struct nidus_call *call)
{
    return call->instance;
}

uint8_t *nidus_call_memory(const struct nidus_call *call, size_t *size)
{
    *size = 0;
    if (!call->instance || !call->instance->module->memories.count)
        return NULL;
    return nidus_memory_data(call->instance->memories[0], size);
}

void nidus_call_trap(struct nidus_call *call, enum nidus_trap trap, int64_t value, const char *text)
{
    struct nidus_run *run = call->run;
    run->trap = trap;
    run->trap_value = value;
    run->trap_text[0] = 0;
    if (text) {
        size_t length = strlen(text);
        if (length >= TRAP_TEXT_SIZE)
            length = TRAP_TEXT_SIZE - 1;
        memcpy(run->trap_text, text, length);
        run->trap_text[length] = 0;
    }
}
