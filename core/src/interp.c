/* The interpreter: its slow paths, and the two copies of its loop. See interp_loop.h. */
#include "interp.h"

const uint16_t interp_stub[2] = {OP_ENTER, OP_EXIT};
const double interp_i32_bounds[2] = {-2147483649.0, 2147483648.0};

#define FIRST_SLOTS 1024u
#define FIRST_FRAMES 64u

NOINLINE enum nidus_trap interp_grow_slots(struct nidus_run *run, union slot **fp,
                                           union slot **args, const union slot *base,
                                           size_t cells)
{
    const struct nidus_store *store = run->head.store;
    size_t limit = store->engine->config.limits.stack_bytes / sizeof(union slot);
    size_t fp_at = (size_t)(*fp - run->slots);
    size_t args_at = (size_t)(*args - run->slots);
    size_t needed = (size_t)(base - run->slots) + cells;
    const size_t old_room = (size_t)(run->slots_end - run->slots);
    size_t room = old_room ? old_room : FIRST_SLOTS;
    if (needed > limit)
        return NIDUS_TRAP_EXHAUSTED;
    while (room < needed)
        room *= 2;
    if (room > limit)
        room = limit;
    union slot *slots = pool_resize(store->allocator, run->slots, old_room, room,
                                    sizeof *slots);
    if (!slots)
        return NIDUS_TRAP_NO_MEMORY;
    for (struct call_frame *frame = run->frames + 1; frame < run->top; frame++)
        frame->fp = slots + (frame->fp - run->slots);
    run->slots = slots;
    run->slots_end = slots + room;
    *fp = slots + fp_at;
    *args = slots + args_at;
    return NIDUS_TRAP_NONE;
}

NOINLINE enum nidus_trap interp_grow_frames(struct nidus_run *run)
{
    const struct nidus_store *store = run->head.store;
    /* Two frames more than the limit: the stub's, and that of the function it calls. */
    uint32_t limit = store->engine->config.limits.call_depth + 2;
    const size_t depth = run->frames ? (size_t)(run->top - run->frames) : 0;
    const uint32_t old_room = (uint32_t)(run->frames_end - run->frames);
    if (old_room >= limit)
        return NIDUS_TRAP_EXHAUSTED;
    uint32_t room = old_room ? old_room * 2 : FIRST_FRAMES;
    if (room > limit)
        room = limit;
    struct call_frame *frames = pool_resize(store->allocator, run->frames, old_room, room,
                                            sizeof *frames);
    if (!frames)
        return NIDUS_TRAP_NO_MEMORY;
    run->frames = frames;
    run->top = frames + depth;
    run->frames_end = frames + room;
    return NIDUS_TRAP_NONE;
}

NOINLINE enum nidus_trap interp_prepare(struct nidus_func *func)
{
    struct nidus_module *module = func->instance->module;
    if (translate_function(module, func->index) != NIDUS_OK)
        return NIDUS_TRAP_NO_MEMORY;
    const struct code *code = module->bodies.items[func->index - module->imported_funcs].code;
    if (code->too_large)
        return NIDUS_TRAP_TOO_LARGE;
    func->code = code;
    return NIDUS_TRAP_NONE;
}

NOINLINE enum nidus_trap interp_indirect(struct nidus_instance *instance, const uint16_t *pc,
                                const union slot *fp, struct nidus_func **callee)
{
    const struct nidus_table *table = instance->tables[unit32(pc + 4)];
    uint64_t index = table->limits.is64 ? fp[pc[1]].u64 : fp[pc[1]].u32;
    if (UNLIKELY(index >= table->size))
        return NIDUS_TRAP_UNDEFINED_ELEMENT;
    struct nidus_func *func = (struct nidus_func *)(uintptr_t)table->items[index];
    if (UNLIKELY(!func))
        return NIDUS_TRAP_UNINITIALIZED_ELEMENT;
    if (UNLIKELY(func->type != instance->types[unit32(pc + 2)]) &&
        !store_type_is(instance->head.store, func->type, instance->types[unit32(pc + 2)]))
        return NIDUS_TRAP_INDIRECT_TYPE;
    *callee = func;
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap fault_trap(enum num_fault fault)
{
    return fault == NUM_DIVIDE_BY_ZERO       ? NIDUS_TRAP_DIVIDE_BY_ZERO
           : fault == NUM_INVALID_CONVERSION ? NIDUS_TRAP_INVALID_CONVERSION
                                             : NIDUS_TRAP_INTEGER_OVERFLOW;
}

NOINLINE enum nidus_trap interp_convert(uint32_t op, union slot *d, const union slot *a)
{
    enum num_fault fault = NUM_OK;
    switch (op) {
    case WASM_I32_TRUNC_F32_S:
        fault = num_i32_trunc_f32_s(a->f32, &d->u32);
        break;
    case WASM_I32_TRUNC_F32_U:
        fault = num_i32_trunc_f32_u(a->f32, &d->u32);
        break;
    case WASM_I32_TRUNC_F64_S:
        fault = num_i32_trunc_f64_s(a->f64, &d->u32);
        break;
    case WASM_I32_TRUNC_F64_U:
        fault = num_i32_trunc_f64_u(a->f64, &d->u32);
        break;
    case WASM_I64_TRUNC_F32_S:
        fault = num_i64_trunc_f32_s(a->f32, &d->u64);
        break;
    case WASM_I64_TRUNC_F32_U:
        fault = num_i64_trunc_f32_u(a->f32, &d->u64);
        break;
    case WASM_I64_TRUNC_F64_S:
        fault = num_i64_trunc_f64_s(a->f64, &d->u64);
        break;
    case WASM_I64_TRUNC_F64_U:
        fault = num_i64_trunc_f64_u(a->f64, &d->u64);
        break;
    case WASM_I32_TRUNC_SAT_F32_S:
        d->u32 = num_i32_trunc_f32_s_sat(a->f32);
        break;
    case WASM_I32_TRUNC_SAT_F32_U:
        d->u32 = num_i32_trunc_f32_u_sat(a->f32);
        break;
    case WASM_I32_TRUNC_SAT_F64_S:
        d->u32 = num_i32_trunc_f64_s_sat(a->f64);
        break;
    case WASM_I32_TRUNC_SAT_F64_U:
        d->u32 = num_i32_trunc_f64_u_sat(a->f64);
        break;
    case WASM_I64_TRUNC_SAT_F32_S:
        d->u64 = num_i64_trunc_f32_s_sat(a->f32);
        break;
    case WASM_I64_TRUNC_SAT_F32_U:
        d->u64 = num_i64_trunc_f32_u_sat(a->f32);
        break;
    case WASM_I64_TRUNC_SAT_F64_S:
        d->u64 = num_i64_trunc_f64_s_sat(a->f64);
        break;
    case WASM_I64_TRUNC_SAT_F64_U:
        d->u64 = num_i64_trunc_f64_u_sat(a->f64);
        break;
    case WASM_F32_CONVERT_I32_S:
        d->f32 = (float)a->i32;
        break;
    case WASM_F32_CONVERT_I32_U:
        d->f32 = (float)a->u32;
        break;
    case WASM_F32_CONVERT_I64_S:
        d->f32 = (float)a->i64;
        break;
    case WASM_F32_CONVERT_I64_U:
        d->f32 = (float)a->u64;
        break;
    case WASM_F64_CONVERT_I64_S:
        d->f64 = (double)a->i64;
        break;
    default:
        d->f64 = (double)a->u64;
        break;
    }
    return fault == NUM_OK ? NIDUS_TRAP_NONE : fault_trap(fault);
}

/* | op | wasm | d | a | or | op | wasm | d | a | b | lane | */
NOINLINE void interp_simd(union slot *fp, const uint16_t *pc)
{
    uint32_t op = pc[1] - 0x200u;
    union v128 *vector_d = (union v128 *)&fp[pc[2]];
    const union v128 *vector_a = (const union v128 *)&fp[pc[3]];
    const struct signature_types *types = &signature_types[instructions[pc[1]].signature];
    if (pc[0] == OP_SIMD_LANE) {
        if (types->input_count == 1)
            fp[pc[2]].u64 = simd_extract(op, vector_a, pc[5]);
        else if (instructions[pc[1]].immediates == IMM_LANE)
            simd_replace(op, vector_d, vector_a, pc[5], fp[pc[4]].u64);
        else
            simd_shift(op, vector_d, vector_a, fp[pc[4]].u32);
    } else if (types->inputs[0] != NIDUS_V128) {
        simd_splat(op, vector_d, fp[pc[3]].u64);
    } else if (types->output == NIDUS_V128) {
        simd_unary(op, vector_d, vector_a);
    } else {
        fp[pc[2]].u32 = simd_test(op, vector_a);
    }
}

NOINLINE enum nidus_trap interp_host_refs(struct nidus_run *run, const struct nidus_func *callee,
                                          const union slot *args)
{
    const struct deftype *type = &run->head.store->types.items[callee->type];
    for (uint32_t i = 0; i < type->shape.param_count; i++) {
        if (type_is_ref(type->shape.params[i])) {
            if (!VEC_ROOM(run->head.store->allocator, &run->host_refs, 1))
                return NIDUS_TRAP_NO_MEMORY;
            run->host_refs.items[run->host_refs.count++] = args->u64;
        }
        args += type_cells(type->shape.params[i]);
    }
    return NIDUS_TRAP_NONE;
}

#include "interp_macros.h"

#define INTERP_STEP 0
#include "interp_loop.h"
#undef INTERP_STEP
#undef CASE
#undef DISPATCH
#undef NEXT
#undef APART
#undef MOVED
#define INTERP_STEP 1
#include "interp_loop.h"
