/*
 * Shapes of operations, for the parts of the interpreter's loop. They stand on CASE and NEXT, which
 * interp_loop.h gives another meaning in each of its two copies. See there.
 */
#ifndef NIDUS_CORE_INTERP_MACROS_H
#define NIDUS_CORE_INTERP_MACROS_H

#define R(i) fp[pc[i]]
#define K(i) ((int16_t)pc[i])
#define TRAP(code)                                                                                 \
    do {                                                                                           \
        trap = (code);                                                                             \
        goto trapped;                                                                              \
    } while (0)
#define TRY_TRAP(call)                                                                             \
    do {                                                                                           \
        trap = (call);                                                                             \
        if (UNLIKELY(trap != NIDUS_TRAP_NONE))                                                     \
            goto trapped;                                                                          \
    } while (0)

/* For those who look at the run: the collector, and whoever catches an exception. */
#define SAVE()                                                                                     \
    do {                                                                                           \
        run->pc = pc;                                                                              \
        run->fp = fp;                                                                              \
    } while (0)
#define HEAP() (run->instance->head.store->heap)

#define RELOAD_MEMORY()                                                                            \
    do {                                                                                           \
        const struct nidus_memory *memory = run->instance ? run->instance->memory0 : NULL;         \
        mem = memory ? memory->base : NULL;                                                        \
        mem_length = memory ? memory->length : 0;                                                  \
    } while (0)

/* ---- Numerics ---- */

#define UNARY(name, to, from, expression)                                                          \
    CASE(name)                                                                                     \
    {                                                                                              \
        const __typeof__(fp->from) a = R(2).from;                                                  \
        R(1).to = (expression);                                                                    \
        NEXT(3);                                                                                   \
    }
#define BINARY(name, to, from, expression)                                                         \
    CASE(name)                                                                                     \
    {                                                                                              \
        const __typeof__(fp->from) a = R(2).from;                                                  \
        const __typeof__(fp->from) b = R(3).from;                                                  \
        R(1).to = (expression);                                                                    \
        NEXT(4);                                                                                   \
    }
#define IMMEDIATE(name, to, from, expression)                                                      \
    CASE(name)                                                                                     \
    {                                                                                              \
        const __typeof__(fp->from) a = R(2).from;                                                  \
        const __typeof__(fp->from) b = (__typeof__(fp->from))K(3);                                 \
        R(1).to = (expression);                                                                    \
        NEXT(4);                                                                                   \
    }
#define BOTH(name, to, from, expression)                                                           \
    BINARY(name, to, from, expression)                                                             \
    IMMEDIATE(name##_K, to, from, expression)
/* A NaN is made canonical aside: chosen in place, by a conditional move, every result waited for its
 * own comparison, and float programs took a fifth longer. */
#define ARITHMETIC(name, f, units, expression)                                                     \
    CASE(name)                                                                                     \
    {                                                                                              \
        const __typeof__(fp->f) result = (expression);                                             \
        R(1).f = result;                                                                           \
        if (UNLIKELY(result != result))                                                            \
            goto nan_##f;                                                                          \
        NEXT(units);                                                                               \
    }
#define COMBINED(name, u, expression)                                                              \
    CASE(name)                                                                                     \
    {                                                                                              \
        const __typeof__(fp->u) a = R(2).u;                                                        \
        const __typeof__(fp->u) b = R(3).u;                                                        \
        const __typeof__(fp->u) k = pc[4] & (8 * sizeof(fp->u) - 1);                               \
        (void)k;                                                                                   \
        R(1).u = (expression);                                                                     \
        NEXT(5);                                                                                   \
    }
#define PARTIAL(name, to, function)                                                                \
    CASE(name)                                                                                     \
    {                                                                                              \
        enum num_fault fault = function(R(2).to, R(3).to, &R(1).to);                               \
        if (UNLIKELY(fault != NUM_OK))                                                             \
            TRAP(fault_trap(fault));                                                               \
        NEXT(4);                                                                                   \
    }

/* Within the bounds, which lie in memory lest they be constants of the loop, trapping or not is the same. */
#define TRUNCATE(name)                                                                             \
    CASE(name)                                                                                     \
    {                                                                                              \
        const double *bounds = interp_i32_bounds;                                                  \
        APART(bounds);                                                                             \
        const double a = R(2).f64;                                                                 \
        if (LIKELY(a > bounds[0] && a < bounds[1]))                                                \
            R(1).i32 = TO_I32(a);                                                                  \
        else                                                                                       \
            TRY_TRAP(interp_convert(WASM_##name, &R(1), &R(2)));                                   \
        NEXT(3);                                                                                   \
    }

/* ---- Branches ---- */

#define JUMP() (pc += (int32_t)unit32(pc + 1))
/* `units` is where the fuel stands. */
#define CHARGE_BACK(units)                                                                         \
    do {                                                                                           \
        fuel -= pc[units];                                                                         \
        JUMP();                                                                                    \
        if (UNLIKELY(fuel < 0))                                                                    \
            goto out_of_fuel;                                                                      \
    } while (0)
#define JUMP_BACK(units)                                                                           \
    do {                                                                                           \
        CHARGE_BACK(units);                                                                        \
        NEXT(0);                                                                                   \
    } while (0)
#define BRANCH(name, fields, condition)                                                            \
    CASE(name)                                                                                     \
    {                                                                                              \
        if (condition)                                                                             \
            JUMP();                                                                                \
        else                                                                                       \
            pc += 3 + fields;                                                                      \
        NEXT(0);                                                                                   \
    }                                                                                              \
    CASE(name##_LOOP)                                                                              \
    {                                                                                              \
        if (condition) {                                                                           \
            CHARGE_BACK(3 + fields);                                                               \
        } else {                                                                                   \
            pc += 4 + fields;                                                                      \
        }                                                                                          \
        NEXT(0);                                                                                   \
    }
#define COUNT2(name, fields, condition)                                                            \
    CASE(name)                                                                                     \
    {                                                                                              \
        R(3).u32 = R(4).u32 + (uint32_t)K(5);                                                      \
        R(6).u32 = R(7).u32 + (uint32_t)K(8);                                                      \
        if (condition)                                                                             \
            JUMP_BACK(3 + fields);                                                                 \
        NEXT(4 + fields);                                                                          \
    }
#define COUNT(name, fields, condition)                                                             \
    CASE(name)                                                                                     \
    {                                                                                              \
        const uint32_t sum = R(4).u32 + (uint32_t)K(5);                                            \
        R(3).u32 = sum;                                                                            \
        if (condition) {                                                                           \
            CHARGE_BACK(3 + fields);                                                               \
        } else {                                                                                   \
            pc += 4 + fields;                                                                      \
        }                                                                                          \
        NEXT(0);                                                                                   \
    }
#define COMPARE_FLOAT(t, name, from, expression)                                                   \
    BINARY(t##_##name, u32, from, expression)                                                      \
    CASE(BR_##t##_##name)                                                                          \
    {                                                                                              \
        const __typeof__(fp->from) a = R(3).from;                                                  \
        const __typeof__(fp->from) b = R(4).from;                                                  \
        if (expression)                                                                            \
            JUMP();                                                                                \
        else                                                                                       \
            pc += 5;                                                                               \
        NEXT(0);                                                                                   \
    }                                                                                              \
    CASE(BR_##t##_##name##_LOOP)                                                                   \
    {                                                                                              \
        const __typeof__(fp->from) a = R(3).from;                                                  \
        const __typeof__(fp->from) b = R(4).from;                                                  \
        if (expression) {                                                                          \
            CHARGE_BACK(5);                                                                        \
        } else {                                                                                   \
            pc += 6;                                                                               \
        }                                                                                          \
        NEXT(0);                                                                                   \
    }
#define COMPARE(t, name, from, operator)                                                           \
    BOTH(t##_##name, u32, from, a operator b)                                                      \
    BRANCH(BR_##t##_##name, 2, R(3).from operator R(4).from)                                       \
    BRANCH(BR_##t##_##name##_K, 2, R(3).from operator(__typeof__(fp->from)) K(4))

/* ---- Memory ---- */

#define ADDRESS(slot, offset, size)                                                                \
    const uint64_t ea = (uint64_t)R(slot).u32 + (offset);                                          \
    if (UNLIKELY(ea + (size) > mem_length))                                                        \
    TRAP(NIDUS_TRAP_MEMORY_BOUNDS)
#define LOAD_AS(name, size, offset, units, to, cast, raw)                                          \
    CASE(name)                                                                                     \
    {                                                                                              \
        raw value;                                                                                 \
        ADDRESS(2, offset, size);                                                                  \
        memcpy(&value, mem + ea, size);                                                            \
        R(1).to = (cast)value;                                                                     \
        NEXT(units);                                                                               \
    }
#define ADDRESS_SUM(sum, offset, size)                                                             \
    const uint64_t ea = (uint64_t)(uint32_t)(sum) + (offset);                                      \
    if (UNLIKELY(ea + (size) > mem_length))                                                        \
    TRAP(NIDUS_TRAP_MEMORY_BOUNDS)
#define LOAD_SUM(name, sum, offset, units, to, cast, raw)                                          \
    CASE(name)                                                                                     \
    {                                                                                              \
        raw value;                                                                                 \
        ADDRESS_SUM(sum, offset, sizeof(raw));                                                     \
        memcpy(&value, mem + ea, sizeof(raw));                                                     \
        R(1).to = (cast)value;                                                                     \
        NEXT(units);                                                                               \
    }
#define STORE_SUM(name, sum, size)                                                                 \
    CASE(name)                                                                                     \
    {                                                                                              \
        ADDRESS_SUM(sum, pc[4], size);                                                             \
        memcpy(mem + ea, &R(3), size);                                                             \
        NEXT(5);                                                                                   \
    }
#define LOAD_SHL(name, to)                                                                         \
    CASE(name)                                                                                     \
    {                                                                                              \
        ADDRESS_SUM(R(2).u32 << (pc[3] & 31), unit32(pc + 4), sizeof(fp->to));                     \
        memcpy(&R(1).to, mem + ea, sizeof(fp->to));                                                \
        NEXT(6);                                                                                   \
    }
#define STORE_SHL(name, size)                                                                      \
    CASE(name)                                                                                     \
    {                                                                                              \
        ADDRESS_SUM(R(1).u32 << (pc[2] & 31), unit32(pc + 4), size);                               \
        memcpy(mem + ea, &R(3), size);                                                             \
        NEXT(6);                                                                                   \
    }
#define INTEGER_LOAD(name, sum, offset, units, expression)                                         \
    CASE(name)                                                                                     \
    {                                                                                              \
        uint32_t value;                                                                            \
        ADDRESS_SUM(sum, offset, sizeof value);                                                    \
        memcpy(&value, mem + ea, sizeof value);                                                    \
        R(1).u32 = (expression);                                                                   \
        NEXT(units);                                                                               \
    }
#define FLOAT_LOAD(name, sum, offset, units, expression)                                           \
    CASE(name)                                                                                     \
    {                                                                                              \
        double value;                                                                              \
        ADDRESS_SUM(sum, offset, sizeof value);                                                    \
        memcpy(&value, mem + ea, sizeof value);                                                    \
        const double result = (expression);                                                        \
        R(1).f64 = result;                                                                         \
        if (UNLIKELY(result != result))                                                            \
            goto nan_f64;                                                                          \
        NEXT(units);                                                                               \
    }
#define LOAD(name, to, cast, raw)                                                                  \
    LOAD_AS(name, sizeof(raw), pc[3], 4, to, cast, raw)                                            \
    LOAD_AS(name##_FAR, sizeof(raw), unit32(pc + 3), 5, to, cast, raw)                             \
    LOAD_SUM(name##_X, R(2).u32 + R(3).u32, pc[4], 5, to, cast, raw)                               \
    LOAD_SUM(name##_K, R(2).u32 + (uint32_t)K(3), pc[4], 5, to, cast, raw)
#define STORE_AS(name, size, offset, units)                                                        \
    CASE(name)                                                                                     \
    {                                                                                              \
        ADDRESS(1, offset, size);                                                                  \
        memcpy(mem + ea, &R(2), size);                                                             \
        NEXT(units);                                                                               \
    }
#define STORE(name, size)                                                                          \
    STORE_AS(name, size, pc[3], 4)                                                                 \
    STORE_AS(name##_FAR, size, unit32(pc + 3), 5)                                                  \
    STORE_SUM(name##_X, R(1).u32 + R(2).u32, size)                                                 \
    STORE_SUM(name##_K, R(1).u32 + (uint32_t)K(2), size)

/* ---- Calls ---- */

/* State whose address is taken would live in memory instead of in a register: hence the copies. */
#define GROW_SLOTS(base, cells)                                                                    \
    do {                                                                                           \
        union slot *moved_fp = fp;                                                                 \
        union slot *moved_args = args;                                                             \
        trap = interp_grow_slots(run, &moved_fp, &moved_args, (base), (cells));                    \
        fp = moved_fp;                                                                             \
        args = moved_args;                                                                         \
        if (UNLIKELY(trap != NIDUS_TRAP_NONE))                                                     \
            goto trapped;                                                                          \
    } while (0)
/*
 * Calls the host function; answers into `answer`, and goes on only if it has returned or yields. `left`: the frame of the
 * caller has been left, by a tail call, and its handlers do not count.
 */
#define CALL_HOST(left)                                                                            \
    struct nidus_call host_call = {run, run->instance};                                            \
    const struct deftype *type = &run->head.store->types.items[callee->type];                      \
    const size_t cells = type->param_cells > type->result_cells ? type->param_cells                \
                                                                : type->result_cells;              \
    if (UNLIKELY(cells > (size_t)(run->slots_end - args)))                                         \
        GROW_SLOTS(args, cells);                                                                   \
    /* The host may look at the run, and collect. */                                               \
    SAVE();                                                                                        \
    run->trap = NIDUS_TRAP_NONE;                                                                   \
    if (type->ref_count)                                                                           \
        TRY_TRAP(interp_host_refs(run, callee, args));                                             \
    run->host_args = args;                                                                         \
    run->in_host = 1;                                                                              \
    const enum nidus_host_result answer = callee->host(callee->context, &host_call, &args->u64);   \
    run->in_host = 0;                                                                              \
    run->host_refs.count = 0;                                                                      \
    if (UNLIKELY(answer == NIDUS_HOST_BLOCK)) {                                                    \
        stop = STOP_BLOCK;                                                                         \
        goto leave;                                                                                \
    }                                                                                              \
    if (UNLIKELY(answer == NIDUS_HOST_TRAP))                                                       \
        TRAP(run->trap != NIDUS_TRAP_NONE ? run->trap : NIDUS_TRAP_HOST);                          \
    if (UNLIKELY(answer == NIDUS_HOST_THROW)) {                                                    \
        trap = interp_throw(run, run->exception, (left));                                          \
        goto thrown;                                                                               \
    }
/* Of the very type, in a table with 32-bit indices; all else aside. */
#define FIND_CALLEE()                                                                              \
    do {                                                                                           \
        const struct nidus_table *table = run->instance->tables[unit32(pc + 4)];                   \
        const uint32_t at = R(1).u32;                                                              \
        callee = NULL;                                                                             \
        if (LIKELY(at < table->size && !table->limits.is64))                                       \
            callee = (struct nidus_func *)(uintptr_t)table->items[at];                             \
        if (UNLIKELY(!callee || callee->type != run->instance->types[unit32(pc + 2)])) {           \
            struct nidus_func *found = NULL;                                                       \
            TRY_TRAP(interp_indirect(run->instance, pc, fp, &found));                              \
            callee = found;                                                                        \
        }                                                                                          \
    } while (0)

/* ---- Structs and arrays ---- */

#define OBJECT(slot)                                                                               \
    const nidus_ref ref = R(slot).u64;                                                             \
    if (UNLIKELY(ref == NIDUS_NULL))                                                               \
        TRAP(NIDUS_TRAP_NULL_REFERENCE);                                                           \
    uint8_t *const object = ref_address(ref)
#define ELEMENT(slot, index, size)                                                                 \
    OBJECT(slot);                                                                                  \
    const uint32_t at = R(index).u32;                                                              \
    if (UNLIKELY(at >= ((const struct heap_array *)object)->length))                               \
        TRAP(NIDUS_TRAP_ARRAY_BOUNDS);                                                             \
    uint8_t *const element = object + ARRAY_HEAD + (size_t)at * (size)
#define STRUCT_NEW(name, cells)                                                                    \
    CASE(name)                                                                                     \
    {                                                                                              \
        struct heap *const heap = run->heap;                                                       \
        uint8_t *object = heap->hole.at;                                                           \
        if (LIKELY(heap_fits(heap, pc[4]))) {                                                      \
            heap->hole.at = object + pc[4];                                                        \
        } else {                                                                                   \
            SAVE();                                                                                \
            object = heap_refill(heap, pc[4]);                                                     \
            if (!object)                                                                           \
                TRAP(NIDUS_TRAP_HEAP);                                                             \
        }                                                                                          \
        heap_begin(heap, object, run->instance->types[unit32(pc + 2)]);                            \
        const uint32_t count = (cells);                                                            \
        for (uint32_t i = 0; i < count; i++)                                                       \
            memcpy(object + pc[7 + 2 * i], &fp[pc[6 + 2 * i]], 8);                                 \
        R(1).u64 = heap_ref(object);                                                               \
        NEXT(6 + 2 * (size_t)count);                                                               \
    }

/* ---- All operations of a type ---- */

#define INTEGER(t, u, s, n)                                                                        \
    BOTH(t##_ADD, u, u, a + b)                                                                     \
    BINARY(t##_SUB, u, u, a - b)                                                                   \
    BOTH(t##_MUL, u, u, a *b)                                                                      \
    BOTH(t##_AND, u, u, a &b)                                                                      \
    BOTH(t##_OR, u, u, a | b)                                                                      \
    BOTH(t##_XOR, u, u, a ^ b)                                                                     \
    BOTH(t##_SHL, u, u, num_i##n##_shl(a, b))                                                      \
    BOTH(t##_SHR_S, u, u, num_i##n##_shr_s(a, b))                                                  \
    BOTH(t##_SHR_U, u, u, num_i##n##_shr_u(a, b))                                                  \
    BOTH(t##_ROTL, u, u, num_i##n##_rotl(a, b))                                                    \
    BINARY(t##_ROTR, u, u, num_i##n##_rotr(a, b))                                                  \
    PARTIAL(t##_DIV_S, u, num_i##n##_div_s)                                                        \
    PARTIAL(t##_DIV_U, u, num_i##n##_div_u)                                                        \
    PARTIAL(t##_REM_S, u, num_i##n##_rem_s)                                                        \
    PARTIAL(t##_REM_U, u, num_i##n##_rem_u)                                                        \
    IMMEDIATE(t##_DIV_S_K, u, u, num_i##n##_quotient(a, b))                                        \
    IMMEDIATE(t##_DIV_U_K, u, u, a / b)                                                            \
    IMMEDIATE(t##_REM_S_K, u, u, num_i##n##_remainder(a, b))                                       \
    IMMEDIATE(t##_REM_U_K, u, u, a % b)                                                            \
    COMPARE(t, EQ, u, ==)                                                                          \
    COMPARE(t, NE, u, !=)                                                                          \
    COMPARE(t, LT_S, s, <)                                                                         \
    COMPARE(t, LT_U, u, <)                                                                         \
    COMPARE(t, GT_S, s, >)                                                                         \
    COMPARE(t, GT_U, u, >)                                                                         \
    COMPARE(t, LE_S, s, <=)                                                                        \
    COMPARE(t, LE_U, u, <=)                                                                        \
    COMPARE(t, GE_S, s, >=)                                                                        \
    COMPARE(t, GE_U, u, >=)                                                                        \
    UNARY(t##_EQZ, u32, u, a == 0)                                                                 \
    UNARY(t##_CLZ, u, u, num_i##n##_clz(a))                                                        \
    UNARY(t##_CTZ, u, u, num_i##n##_ctz(a))                                                        \
    UNARY(t##_POPCNT, u, u, num_i##n##_popcnt(a))                                                  \
    UNARY(t##_EXTEND8_S, s, u, (int8_t)a)                                                          \
    UNARY(t##_EXTEND16_S, s, u, (int16_t)a)

/*
 * No constant that an engine would share between operations: it keeps each in a register through the whole loop,
 * which has none to spare. So here are no bits of NaNs and signs, and signed division has no comparison with
 * the smallest integer, not even the one that engines add to wasm's own.
 */
#define OF_F32(name) __builtin_##name##f
#define OF_F64(name) __builtin_##name
#if defined(__wasm__)
#define MINIMUM_F32 __builtin_wasm_min_f32
#define MAXIMUM_F32 __builtin_wasm_max_f32
#define MINIMUM_F64 __builtin_wasm_min_f64
#define MAXIMUM_F64 __builtin_wasm_max_f64
#define TO_I32 __builtin_wasm_trunc_s_i32_f64
#else
#define TO_I32 (int32_t)
#define MINIMUM_F32 num_f32_min
#define MAXIMUM_F32 num_f32_max
#define MINIMUM_F64 num_f64_min
#define MAXIMUM_F64 num_f64_max
#endif

#define FLOAT(t, f, u, n)                                                                          \
    ARITHMETIC(t##_ADD, f, 4, R(2).f + R(3).f)                                                     \
    ARITHMETIC(t##_SUB, f, 4, R(2).f - R(3).f)                                                     \
    ARITHMETIC(t##_MUL, f, 4, R(2).f *R(3).f)                                                      \
    ARITHMETIC(t##_DIV, f, 4, R(2).f / R(3).f)                                                     \
    ARITHMETIC(t##_MUL_ADD, f, 5, R(2).f *R(3).f + R(4).f)                                         \
    ARITHMETIC(t##_MUL_SUB, f, 5, R(2).f *R(3).f - R(4).f)                                         \
    ARITHMETIC(t##_SUB_MUL, f, 5, R(4).f - R(2).f * R(3).f)                                        \
    ARITHMETIC(t##_ADD_ADD, f, 5, R(2).f + R(3).f + R(4).f)                                        \
    ARITHMETIC(t##_SUB_ADD, f, 5, R(2).f - R(3).f + R(4).f)                                        \
    ARITHMETIC(t##_MUL_MUL, f, 5, R(2).f *R(3).f *R(4).f)                                          \
    ARITHMETIC(t##_MIN, f, 4, MINIMUM_##t(R(2).f, R(3).f))                                         \
    ARITHMETIC(t##_MAX, f, 4, MAXIMUM_##t(R(2).f, R(3).f))                                         \
    BINARY(t##_COPYSIGN, f, f, OF_##t(copysign)(a, b))                                             \
    UNARY(t##_ABS, f, f, OF_##t(fabs)(a))                                                          \
    UNARY(t##_NEG, f, f, -a)                                                                       \
    ARITHMETIC(t##_CEIL, f, 3, OF_##t(ceil)(R(2).f))                                               \
    ARITHMETIC(t##_FLOOR, f, 3, OF_##t(floor)(R(2).f))                                             \
    ARITHMETIC(t##_TRUNC, f, 3, OF_##t(trunc)(R(2).f))                                             \
    ARITHMETIC(t##_NEAREST, f, 3, OF_##t(rint)(R(2).f))                                            \
    ARITHMETIC(t##_SQRT, f, 3, OF_##t(sqrt)(R(2).f))                                               \
    COMPARE_FLOAT(t, EQ, f, a == b)                                                                \
    COMPARE_FLOAT(t, NE, f, a != b)                                                                \
    COMPARE_FLOAT(t, LT, f, a < b)                                                                 \
    COMPARE_FLOAT(t, NLT, f, !(a < b))                                                             \
    COMPARE_FLOAT(t, LE, f, a <= b)                                                                \
    COMPARE_FLOAT(t, NLE, f, !(a <= b))

#endif
