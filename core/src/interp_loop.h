/*
 * The interpreter loop. Included by interp.c once to run and once, with INTERP_STEP, to execute one
 * operation and return.
 *
 * Compiled to wasm, the loop is one br_table in one function, which engines compile best; natively
 * the same bodies are reached through a table of labels. State lives in C locals and goes back to
 * the run wherever the loop is left. pc is always at the operation being executed.
 *
 * Charging fuel never stops an operation half-way: the branch is taken or the call made, and then
 * the loop is left if the fuel is below zero.
 */

#if INTERP_STEP || defined(__EMSCRIPTEN__)
#define CASE(name) case OP_##name:
#define DISPATCH() goto dispatch
#else
#define CASE(name) op_##name:
#define DISPATCH() goto *labels[*pc]
#endif

/* LLVM would join the ends of operations, which differ in nothing but how many units they pass: one more local
 * that lives through the loop, and one more jump for each operation. */
#if defined(__EMSCRIPTEN__)
#define APART(local) __asm__("" : "+r"(local))
#else
#define APART(local) ((void)0)
#endif

#if INTERP_STEP
#define NEXT(units)                                                                                \
    do {                                                                                           \
        pc += (units);                                                                             \
        stop = STOP_STEP;                                                                          \
        goto leave;                                                                                \
    } while (0)
#else
#define NEXT(units)                                                                                \
    do {                                                                                           \
        pc += (units);                                                                             \
        APART(pc);                                                                                 \
        DISPATCH();                                                                                \
    } while (0)
#endif

/* Behind an operation that only moves values: a single step goes on, for the moves before a branch are
 * half of an instruction, in the middle of which nobody may look for references. */
#define MOVED(units)                                                                               \
    do {                                                                                           \
        pc += (units);                                                                             \
        APART(pc);                                                                                 \
        DISPATCH();                                                                                \
    } while (0)

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

#define JUMP() (pc += (int32_t)unit32(pc + 1))
/* `units` is where the fuel stands. */
#define JUMP_BACK(units)                                                                           \
    do {                                                                                           \
        fuel -= pc[units];                                                                         \
        JUMP();                                                                                    \
        if (UNLIKELY(fuel < 0))                                                                    \
            goto out_of_fuel;                                                                      \
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
            fuel -= pc[3 + fields];                                                                \
            JUMP();                                                                                \
            if (UNLIKELY(fuel < 0))                                                                \
                goto out_of_fuel;                                                                  \
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
            fuel -= pc[3 + fields];                                                                \
            JUMP();                                                                                \
            if (UNLIKELY(fuel < 0))                                                                \
                goto out_of_fuel;                                                                  \
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
            fuel -= pc[5];                                                                         \
            JUMP();                                                                                \
            if (UNLIKELY(fuel < 0))                                                                \
                goto out_of_fuel;                                                                  \
        } else {                                                                                   \
            pc += 6;                                                                               \
        }                                                                                          \
        NEXT(0);                                                                                   \
    }
#define COMPARE(t, name, from, operator)                                                           \
    BOTH(t##_##name, u32, from, a operator b)                                                      \
    BRANCH(BR_##t##_##name, 2, R(3).from operator R(4).from)                                       \
    BRANCH(BR_##t##_##name##_K, 2, R(3).from operator(__typeof__(fp->from)) K(4))

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

#define RELOAD_MEMORY()                                                                            \
    do {                                                                                           \
        const struct nidus_memory *memory = run->instance ? run->instance->memory0 : NULL;         \
        mem = memory ? memory->base : NULL;                                                        \
        mem_length = memory ? memory->length : 0;                                                  \
    } while (0)

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

#if INTERP_STEP
enum stop interp_step(struct nidus_run *run, int64_t *fuel_left)
#else
enum stop interp_run(struct nidus_run *run, int64_t *fuel_left)
#endif
{
#if !INTERP_STEP && !defined(__EMSCRIPTEN__)
    static const void *const labels[] = {
#define OP(name, units) &&op_##name,
#include "ops.def"
    };
#endif
    const uint16_t *pc = run->pc;
    union slot *fp = run->fp;
    run->instance = run_func(run)->instance;
    uint8_t *mem;
    uint64_t mem_length;
    int64_t fuel = *fuel_left;
    enum nidus_trap trap = NIDUS_TRAP_NONE;
    enum stop stop = STOP_EXIT;
    /* For the call that is being made. */
    struct nidus_func *callee;
    union slot *args;
    uint32_t call_units;

    RELOAD_MEMORY();
    DISPATCH();

#if INTERP_STEP || defined(__EMSCRIPTEN__)
dispatch:
    switch ((enum op)*pc) {
#endif

    /* ---- Moves ---- */

    CASE(COPY32)
    {
        R(1).u32 = R(2).u32;
        MOVED(3);
    }
    CASE(COPY64)
    {
        R(1).u64 = R(2).u64;
        MOVED(3);
    }
    CASE(COPY128)
    {
        const uint64_t low = R(2).u64;
        const uint64_t high = (&R(2))[1].u64;
        R(1).u64 = low;
        (&R(1))[1].u64 = high;
        MOVED(3);
    }
    CASE(COPY2_32)
    {
        R(1).u32 = R(2).u32;
        R(3).u32 = R(4).u32;
        MOVED(5);
    }
    CASE(COPY2_64)
    {
        R(1).u64 = R(2).u64;
        R(3).u64 = R(4).u64;
        MOVED(5);
    }
    CASE(CONST32)
    {
        R(1).u32 = unit32(pc + 2);
        MOVED(4);
    }
    CASE(CONST64S)
    {
        R(1).i64 = (int32_t)unit32(pc + 2);
        MOVED(4);
    }
    CASE(CONST64)
    {
        R(1).u64 = unit64(pc + 2);
        MOVED(6);
    }
    CASE(CONST128)
    {
        R(1).u64 = unit64(pc + 2);
        (&R(1))[1].u64 = unit64(pc + 6);
        MOVED(10);
    }
    CASE(SELECT32)
    {
        R(1).u32 = R(4).u32 ? R(2).u32 : R(3).u32;
        NEXT(5);
    }
    CASE(SELECT64)
    {
        R(1).u64 = R(4).u32 ? R(2).u64 : R(3).u64;
        NEXT(5);
    }
    CASE(SELECT32_TEST)
    {
        R(1).u32 = R(4).u32 & (uint32_t)K(5) ? R(2).u32 : R(3).u32;
        NEXT(6);
    }
    CASE(SELECT64_TEST)
    {
        R(1).u64 = R(4).u32 & (uint32_t)K(5) ? R(2).u64 : R(3).u64;
        NEXT(6);
    }
    CASE(SELECT128)
    {
        const union slot *from = R(4).u32 ? &R(2) : &R(3);
        const uint64_t low = from[0].u64;
        const uint64_t high = from[1].u64;
        R(1).u64 = low;
        (&R(1))[1].u64 = high;
        NEXT(5);
    }
    CASE(GLOBAL_GET32)
    {
        R(1).u32 = run->instance->globals[unit32(pc + 2)]->value[0].u32;
        NEXT(4);
    }
    CASE(GLOBAL_GET64)
    {
        R(1).u64 = run->instance->globals[unit32(pc + 2)]->value[0].u64;
        NEXT(4);
    }
    CASE(GLOBAL_GET128)
    {
        memcpy(&R(1), run->instance->globals[unit32(pc + 2)]->value, 16);
        NEXT(4);
    }
    CASE(GLOBAL_SET32)
    {
        run->instance->globals[unit32(pc + 2)]->value[0].u32 = R(1).u32;
        NEXT(4);
    }
    CASE(GLOBAL_SET64)
    {
        run->instance->globals[unit32(pc + 2)]->value[0].u64 = R(1).u64;
        NEXT(4);
    }
    CASE(GLOBAL_SET128)
    {
        memcpy(run->instance->globals[unit32(pc + 2)]->value, &R(1), 16);
        NEXT(4);
    }
    CASE(REF_FUNC)
    {
        R(1).u64 = (uintptr_t)run->instance->funcs[unit32(pc + 2)];
        NEXT(4);
    }
    CASE(REF_NON_NULL)
    {
        if (UNLIKELY(R(1).u64 == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        NEXT(2);
    }

    /* ---- Numerics ---- */

    INTEGER(I32, u32, i32, 32)
    INTEGER(I64, u64, i64, 64)
    FLOAT(F32, f32, u32, 32)
    FLOAT(F64, f64, u64, 64)
nan_f32:
    R(1).u32 = NUM_F32_CANONICAL_NAN;
    NEXT(op_units[*pc]);
nan_f64:
    R(1).u64 = NUM_F64_CANONICAL_NAN;
    NEXT(op_units[*pc]);
    COMBINED(I32_ADD_SHL, u32, a + (b << k))
    COMBINED(I32_ADD_MUL_K, u32, a + b * (uint32_t)K(4))
    COMBINED(I32_ADD_MUL, u32, a + b * R(4).u32)
    COMBINED(I32_ADD_ADD, u32, a + b + R(4).u32)
    COMBINED(I32_XOR_SHL, u32, a ^ b << k)
    COMBINED(I32_XOR_SHR_U, u32, a ^ b >> k)
    COMBINED(I32_XOR_ROTL, u32, a ^ num_i32_rotl(b, k))
    COMBINED(I32_OR_SHL, u32, a | b << k)
    COMBINED(I32_XOR_AND, u32, a ^ (b & R(4).u32))
    COMBINED(I32_OR_AND, u32, a | (b & R(4).u32))
    COMBINED(I64_ADD_MUL_K, u64, a + b * (uint64_t)K(4))
    COMBINED(I64_ADD_MUL, u64, a + b * R(4).u64)
    COMBINED(I64_XOR_SHL, u64, a ^ b << k)
    COMBINED(I64_XOR_SHR_U, u64, a ^ b >> k)
    COMBINED(I64_XOR_ROTL, u64, a ^ num_i64_rotl(b, k))
    COMBINED(I64_OR_SHL, u64, a | b << k)
    CASE(I32_SHR_U_AND)
    {
        R(1).u32 = R(2).u32 >> (pc[3] & 31) & (uint32_t)K(4);
        NEXT(5);
    }
    CASE(I32_ADD_K2)
    {
        R(1).u32 = R(2).u32 + (uint32_t)K(3);
        R(4).u32 = R(5).u32 + (uint32_t)K(6);
        NEXT(7);
    }
    CASE(I32_ADD_K_AFTER)
    {
        const uint32_t a = R(2).u32;
        R(1).u32 = a;
        R(2).u32 = a + (uint32_t)K(3);
        NEXT(4);
    }
    BINARY(I32_ORDER_S, u32, i32, (uint32_t)((a > b) - (a < b)))
    BINARY(I32_ORDER_U, u32, u32, (uint32_t)((a > b) - (a < b)))
    UNARY(I64_EXTEND32_S, i64, i32, a)
    UNARY(I64_EXTEND_I32_U, u64, u32, a)
    UNARY(F64_CONVERT_I32_S, f64, i32, (double)a)
    UNARY(F64_CONVERT_I32_U, f64, u32, (double)a)
    ARITHMETIC(F64_PROMOTE_F32, f64, 3, (double)R(2).f32)
    ARITHMETIC(F32_DEMOTE_F64, f32, 3, (float)R(2).f64)
    TRUNCATE(I32_TRUNC_F64_S)
    TRUNCATE(I32_TRUNC_SAT_F64_S)
    CASE(CONVERT)
    {
        TRY_TRAP(interp_convert(pc[3], &R(1), &R(2)));
        NEXT(4);
    }

    /* ---- Memory ---- */

    LOAD(LOAD32, u32, uint32_t, uint32_t)
    LOAD(LOAD64, u64, uint64_t, uint64_t)
    LOAD(I32_LOAD8_S, i32, int32_t, int8_t)
    LOAD(I32_LOAD8_U, u32, uint32_t, uint8_t)
    LOAD(I32_LOAD16_S, i32, int32_t, int16_t)
    LOAD(I32_LOAD16_U, u32, uint32_t, uint16_t)
    LOAD(I64_LOAD8_S, i64, int64_t, int8_t)
    LOAD(I64_LOAD8_U, u64, uint64_t, uint8_t)
    LOAD(I64_LOAD16_S, i64, int64_t, int16_t)
    LOAD(I64_LOAD16_U, u64, uint64_t, uint16_t)
    LOAD(I64_LOAD32_S, i64, int64_t, int32_t)
    LOAD(I64_LOAD32_U, u64, uint64_t, uint32_t)
    STORE(STORE8, 1)
    STORE(STORE16, 2)
    STORE(STORE32, 4)
    STORE(STORE64, 8)
    STORE_AS(STORE128, 16, pc[3], 4)
    STORE_AS(STORE128_FAR, 16, unit32(pc + 3), 5)
    LOAD_SUM(LOAD32_S, R(2).u32 + (R(3).u32 << pc[4]), pc[5], 6, u32, uint32_t, uint32_t)
    LOAD_SUM(LOAD64_S, R(2).u32 + (R(3).u32 << pc[4]), pc[5], 6, u64, uint64_t, uint64_t)
    LOAD_SHL(LOAD32_SHL, u32)
    LOAD_SHL(LOAD64_SHL, u64)
    STORE_SHL(STORE32_SHL, 4)
    STORE_SHL(STORE64_SHL, 8)
    INTEGER_LOAD(I32_ADD_LOAD, R(3).u32, pc[4], 5, R(2).u32 + value)
    INTEGER_LOAD(I32_ADD_LOAD_X, R(3).u32 + R(4).u32, pc[5], 6, R(2).u32 + value)
    INTEGER_LOAD(I32_ADD_LOAD_K, R(3).u32 + (uint32_t)K(4), pc[5], 6, R(2).u32 + value)
    INTEGER_LOAD(I32_MUL_LOAD, R(3).u32, pc[4], 5, R(2).u32 * value)
    FLOAT_LOAD(F64_ADD_LOAD, R(3).u32, pc[4], 5, R(2).f64 + value)
    FLOAT_LOAD(F64_MUL_LOAD, R(3).u32, pc[4], 5, R(2).f64 *value)
    FLOAT_LOAD(F64_SUB_LOAD, R(3).u32, pc[4], 5, R(2).f64 - value)
    FLOAT_LOAD(F64_SUB_LOAD_K, R(3).u32 + (uint32_t)K(4), pc[5], 6, R(2).f64 - value)
    CASE(LOAD32_LOAD32)
    {
        uint32_t at;
        {
            ADDRESS(2, pc[3], sizeof at);
            memcpy(&at, mem + ea, sizeof at);
        }
        const uint64_t ea = (uint64_t)at + pc[4];
        if (UNLIKELY(ea + sizeof at > mem_length)) {
            pc++; /* by which translate_locate tells the second load from the first */
            TRAP(NIDUS_TRAP_MEMORY_BOUNDS);
        }
        memcpy(&R(1).u32, mem + ea, sizeof at);
        NEXT(5);
    }
    CASE(I32_ADD_K_LOAD32)
    {
        const uint32_t at = R(2).u32 + (uint32_t)K(3);
        R(1).u32 = at;
        uint32_t value;
        ADDRESS_SUM(at, pc[5], sizeof value);
        memcpy(&value, mem + ea, sizeof value);
        R(4).u32 = value;
        NEXT(6);
    }
    CASE(LOAD128)
    {
        ADDRESS(2, pc[3], 16);
        memcpy(&R(1), mem + ea, 16);
        NEXT(4);
    }
    CASE(LOAD128_FAR)
    {
        ADDRESS(2, unit32(pc + 3), 16);
        memcpy(&R(1), mem + ea, 16);
        NEXT(5);
    }

    /* ---- Branches (those on comparisons came with the comparisons) ---- */

    BRANCH(BR, 0, 1)
    BRANCH(BR_IF, 1, R(3).u32 != 0)
    BRANCH(BR_UNLESS, 1, R(3).u32 == 0)
    BRANCH(BR_IF64, 1, R(3).u64 != 0)
    BRANCH(BR_UNLESS64, 1, R(3).u64 == 0)
    BRANCH(BR_DIVIDES, 2, R(3).u32 * R(4).u64 < R(4).u64)
    BRANCH(BR_DIVIDES_NOT, 2, R(3).u32 * R(4).u64 >= R(4).u64)
    BRANCH(BR_TEST, 2, (R(3).u32 & (uint32_t)K(4)) != 0)
    BRANCH(BR_TEST_NOT, 2, (R(3).u32 & (uint32_t)K(4)) == 0)
    CASE(COUNT_BR)
    {
        R(3).u32 = R(4).u32 + (uint32_t)K(5);
        JUMP();
        NEXT(0);
    }
    COUNT(COUNT_BR_LOOP, 3, 1)
    COUNT(COUNT_BR_IF_LOOP, 3, sum != 0)
    COUNT(COUNT_BR_NE_LOOP, 4, sum != R(6).u32)
    COUNT(COUNT_BR_NE_K_LOOP, 4, sum != (uint32_t)K(6))
    COUNT(COUNT_BR_LT_S_LOOP, 4, (int32_t)sum < R(6).i32)
    COUNT(COUNT_BR_LT_S_K_LOOP, 4, (int32_t)sum < K(6))
    COUNT(COUNT_BR_LT_U_LOOP, 4, sum < R(6).u32)
    COUNT(COUNT_BR_LT_U_K_LOOP, 4, sum < (uint32_t)K(6))
    COUNT2(COUNT2_BR_LOOP, 6, 1)
    COUNT2(COUNT2_BR_IF_LOOP, 7, R(9).u32 != 0)
    COUNT2(COUNT2_BR_NE_LOOP, 8, R(9).u32 != R(10).u32)
    CASE(STORE32_BR)
    {
        ADDRESS(3, pc[5], 4);
        memcpy(mem + ea, &R(4), 4);
        JUMP();
        NEXT(0);
    }
    CASE(COPY_BR)
    {
        R(3).u64 = R(4).u64;
        JUMP();
        NEXT(0);
    }
    CASE(COPY_BR_LOOP)
    {
        R(3).u64 = R(4).u64;
        JUMP_BACK(5);
    }
    CASE(COPY2_BR)
    {
        R(3).u64 = R(4).u64;
        R(5).u64 = R(6).u64;
        JUMP();
        NEXT(0);
    }
    CASE(COPY2_BR_LOOP)
    {
        R(3).u64 = R(4).u64;
        R(5).u64 = R(6).u64;
        JUMP_BACK(7);
    }
    CASE(BR_TABLE)
    {
        const uint32_t count = unit32(pc + 2);
        uint32_t index = R(1).u32;
        if (index > count)
            index = count;
        pc += 3 + (size_t)index * 2; /* the unit before the jump, as in all branches */
        JUMP();
        NEXT(0);
    }
    CASE(BR_TABLE_LOAD)
    {
        const uint32_t count = unit32(pc + 3);
        uint32_t index;
        ADDRESS(1, pc[2], sizeof index);
        memcpy(&index, mem + ea, sizeof index);
        if (index > count)
            index = count;
        pc += 4 + (size_t)index * 2;
        JUMP();
        NEXT(0);
    }

    /* ---- Calls ---- */

    CASE(CALL)
    {
        callee = &run->instance->own_funcs[unit32(pc + 1)];
        args = &R(3);
        call_units = 4;
        goto call;
    }
    CASE(CALL_IMPORT)
    {
        callee = run->instance->funcs[unit32(pc + 1)];
        args = &R(3);
        call_units = 4;
        goto call;
    }
    CASE(CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        call_units = 7;
        goto call;
    }
    CASE(COPY_CALL)
    {
        callee = &run->instance->own_funcs[unit32(pc + 1)];
        args = &R(3);
        R(4).u64 = R(5).u64;
        call_units = 6;
        goto call;
    }
    CASE(COPY2_CALL)
    {
        callee = &run->instance->own_funcs[unit32(pc + 1)];
        args = &R(3);
        R(4).u64 = R(5).u64;
        R(6).u64 = R(7).u64;
        call_units = 8;
        goto call;
    }
    CASE(COPY_CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        R(7).u64 = R(8).u64;
        call_units = 9;
        goto call;
    }
    CASE(COPY2_CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        R(7).u64 = R(8).u64;
        R(9).u64 = R(10).u64;
        call_units = 11;
        goto call;
    }
    CASE(CALL_REF)
    {
        callee = (struct nidus_func *)(uintptr_t)R(1).u64;
        if (UNLIKELY(!callee))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        args = &R(2);
        call_units = 3;
        goto call;
    }
    CASE(ENTER)
    {
        callee = run->entry;
        args = fp;
        call_units = 1;
        goto call;
    }

call: {
    const struct code *code = callee->code;
    if (UNLIKELY(!code)) {
        if (callee->host)
            goto call_host;
        TRY_TRAP(interp_prepare(callee));
        code = callee->code;
    }
    if (UNLIKELY(code->frame_cells > (size_t)(run->slots_end - args)))
        GROW_SLOTS(args, code->frame_cells);
    if (UNLIKELY(run->top == run->frames_end))
        TRY_TRAP(interp_grow_frames(run));
    struct call_frame *frame = run->top++;
    frame->pc = pc + call_units;
    frame->fp = fp;
    frame->func = callee;
    frame->instance = run->instance;
    fp = args;
    union slot *fill = fp + code->param_cells;
    const uint64_t *image = code->image;
    for (uint32_t i = 0, n = code->image_cells; i < n; i += 2) {
        fill[i].u64 = image[i];
        fill[i + 1].u64 = image[i + 1];
    }
    pc = code->units;
    if (callee->instance != run->instance) {
        run->instance = callee->instance;
        RELOAD_MEMORY();
    }
    fuel -= code->entry_cost;
    if (UNLIKELY(fuel < 0))
        goto out_of_fuel;
    NEXT(0);
}

call_host: {
    struct nidus_call host_call = {run, run->instance};
    size_t cells = run->head.store->types.items[callee->type].param_cells;
    if (cells < run->head.store->types.items[callee->type].result_cells)
        cells = run->head.store->types.items[callee->type].result_cells;
    if (UNLIKELY(cells > (size_t)(run->slots_end - args)))
        GROW_SLOTS(args, cells);
    /* The host may look at the run, and collect. */
    SAVE();
    run->trap = NIDUS_TRAP_NONE;
    if (run->head.store->types.items[callee->type].ref_count)
        TRY_TRAP(interp_host_refs(run, callee, args));
    run->host_args = args;
    run->in_host = 1;
    enum nidus_host_result answer = callee->host(callee->context, &host_call, &args->u64);
    run->in_host = 0;
    run->host_refs.count = 0;
    if (UNLIKELY(answer == NIDUS_HOST_BLOCK)) {
        stop = STOP_BLOCK;
        goto leave;
    }
    if (UNLIKELY(answer == NIDUS_HOST_TRAP))
        TRAP(run->trap != NIDUS_TRAP_NONE ? run->trap : NIDUS_TRAP_HOST);
    if (UNLIKELY(answer == NIDUS_HOST_THROW)) {
        trap = interp_throw(run, run->exception, 0);
        goto thrown;
    }
    RELOAD_MEMORY();
    fuel -= 1;
    pc += call_units;
    if (UNLIKELY(fuel < 0 || answer == NIDUS_HOST_YIELD))
        goto out_of_fuel;
    NEXT(0);
}

    CASE(RETURN_CALL)
    {
        callee = run->instance->funcs[unit32(pc + 1)];
        args = &R(3);
        goto tail_call;
    }
    CASE(RETURN_CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        goto tail_call;
    }
    CASE(RETURN_CALL_REF)
    {
        callee = (struct nidus_func *)(uintptr_t)R(1).u64;
        if (UNLIKELY(!callee))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        args = &R(2);
        goto tail_call;
    }

tail_call: {
    /* The callee takes the frame over. A host function answers into it and it returns at once. */
    if (callee->host) {
        struct nidus_call host_call = {run, run->instance};
        const struct deftype *type = &run->head.store->types.items[callee->type];
        size_t cells = type->param_cells > type->result_cells ? type->param_cells
                                                              : type->result_cells;
        if (UNLIKELY(cells > (size_t)(run->slots_end - args)))
            GROW_SLOTS(args, cells);
        SAVE();
        run->trap = NIDUS_TRAP_NONE;
        if (type->ref_count)
            TRY_TRAP(interp_host_refs(run, callee, args));
        run->host_args = args;
        run->in_host = 1;
        enum nidus_host_result answer = callee->host(callee->context, &host_call, &args->u64);
        run->in_host = 0;
        run->host_refs.count = 0;
        if (UNLIKELY(answer == NIDUS_HOST_BLOCK)) {
            stop = STOP_BLOCK;
            goto leave;
        }
        if (UNLIKELY(answer == NIDUS_HOST_TRAP))
            TRAP(run->trap != NIDUS_TRAP_NONE ? run->trap : NIDUS_TRAP_HOST);
        if (UNLIKELY(answer == NIDUS_HOST_THROW)) {
            /* The frame has been left by the tail call: its handlers do not count. */
            trap = interp_throw(run, run->exception, 1);
            goto thrown;
        }
        memmove(fp, args, type->result_cells * sizeof *fp);
        const struct call_frame *frame = --run->top;
        pc = frame->pc;
        fp = frame->fp;
        run->instance = frame->instance;
        RELOAD_MEMORY();
        fuel -= 1;
        if (UNLIKELY(fuel < 0 || answer == NIDUS_HOST_YIELD))
            goto out_of_fuel;
        NEXT(0);
    }
    if (!callee->code)
        TRY_TRAP(interp_prepare(callee));
    const struct code *code = callee->code;
    if (UNLIKELY(code->frame_cells > (size_t)(run->slots_end - fp)))
        GROW_SLOTS(fp, code->frame_cells);
    memmove(fp, args, code->param_cells * sizeof *fp);
    for (uint32_t i = 0; i < code->image_cells; i++)
        fp[code->param_cells + i].u64 = code->image[i];
    run->top[-1].func = callee;
    pc = code->units;
    run->instance = callee->instance;
    RELOAD_MEMORY();
    fuel -= code->entry_cost;
    if (UNLIKELY(fuel < 0))
        goto out_of_fuel;
    NEXT(0);
}

    CASE(RETURN32)
    {
        fp->u32 = R(1).u32;
        goto do_return;
    }
    CASE(RETURN64)
    {
        fp->u64 = R(1).u64;
        goto do_return;
    }
    CASE(RETURN_N)
    {
        memmove(fp, &R(1), pc[2] * sizeof *fp);
        goto do_return;
    }
    CASE(RETURN)
do_return: {
    const struct call_frame *frame = --run->top;
    pc = frame->pc;
    fp = frame->fp;
    if (UNLIKELY(frame->instance != run->instance)) {
        run->instance = frame->instance;
        RELOAD_MEMORY();
    }
    NEXT(0);
}

    /* ---- Exceptions ---- */

    CASE(THROW)
    {
        SAVE();
        trap = interp_throw_tag(run);
        goto thrown;
    }
    CASE(THROW_REF)
    {
        const nidus_ref ref = R(1).u64;
        if (UNLIKELY(ref == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        SAVE();
        trap = interp_throw(run, ref, 0);
        goto thrown;
    }
thrown: {
    if (UNLIKELY(trap != NIDUS_TRAP_NONE))
        goto trapped;
    pc = run->pc;
    fp = run->fp;
    run->instance = run_func(run)->instance;
    RELOAD_MEMORY();
    NEXT(0);
}

    /* ---- Structs and arrays ---- */

    STRUCT_NEW(STRUCT_NEW1, 1)
    STRUCT_NEW(STRUCT_NEW2, 2)
    STRUCT_NEW(STRUCT_NEW3, 3)
    STRUCT_NEW(STRUCT_NEW4, 4)
    STRUCT_NEW(STRUCT_NEW, pc[5])
    CASE(NEW_FIXED)
    {
        SAVE();
        TRY_TRAP(interp_new_fixed(run));
        NEXT(5 + pc[4]);
    }
    CASE(STRUCT_GET32)
    {
        OBJECT(2);
        memcpy(&R(1).u32, object + pc[3], 4);
        NEXT(4);
    }
    CASE(STRUCT_GET64)
    {
        OBJECT(2);
        memcpy(&R(1).u64, object + pc[3], 8);
        NEXT(4);
    }
    CASE(I32_ADD_FIELD)
    {
        uint32_t field;
        OBJECT(3);
        memcpy(&field, object + pc[4], sizeof field);
        R(1).u32 = R(2).u32 + field;
        NEXT(5);
    }
    CASE(I64_ADD_FIELD)
    {
        uint64_t field;
        OBJECT(3);
        memcpy(&field, object + pc[4], sizeof field);
        R(1).u64 = R(2).u64 + field;
        NEXT(5);
    }
    CASE(STRUCT_SET32)
    {
        OBJECT(1);
        memcpy(object + pc[3], &R(2), 4);
        NEXT(4);
    }
    CASE(STRUCT_SET64)
    {
        OBJECT(1);
        memcpy(object + pc[3], &R(2), 8);
        NEXT(4);
    }
    CASE(STRUCT_SET_REF)
    {
        OBJECT(1);
        heap_write(HEAP(), object, (const nidus_ref *)(object + pc[3]));
        memcpy(object + pc[3], &R(2), 8);
        NEXT(4);
    }
    CASE(ARRAY_GET32)
    {
        ELEMENT(2, 3, 4);
        memcpy(&R(1).u32, element, 4);
        NEXT(4);
    }
    CASE(ARRAY_GET64)
    {
        ELEMENT(2, 3, 8);
        memcpy(&R(1).u64, element, 8);
        NEXT(4);
    }
    CASE(ARRAY_SET32)
    {
        ELEMENT(1, 2, 4);
        memcpy(element, &R(3), 4);
        NEXT(4);
    }
    CASE(ARRAY_SET64)
    {
        ELEMENT(1, 2, 8);
        memcpy(element, &R(3), 8);
        NEXT(4);
    }
    CASE(ARRAY_SET_REF)
    {
        ELEMENT(1, 2, 8);
        heap_write(HEAP(), object, (const nidus_ref *)element);
        memcpy(element, &R(3), 8);
        NEXT(4);
    }
    CASE(ARRAY_LEN)
    {
        OBJECT(2);
        R(1).u32 = ((const struct heap_array *)object)->length;
        NEXT(3);
    }
    CASE(I31_NEW)
    {
        R(1).u64 = REF_I31 | R(2).u32 << 1 >> 1;
        NEXT(3);
    }
    CASE(I31_GET_S)
    {
        if (UNLIKELY(R(2).u64 == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        R(1).i32 = (int32_t)(R(2).u32 << 1) >> 1;
        NEXT(3);
    }
    CASE(I31_GET_U)
    {
        if (UNLIKELY(R(2).u64 == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        R(1).u32 = R(2).u32 << 1 >> 1;
        NEXT(3);
    }
    CASE(OBJECT)
    {
        SAVE();
        TRY_TRAP(interp_object(run));
        NEXT(12);
    }
    CASE(WIDE)
    {
        interp_wide(fp, pc);
        NEXT(7);
    }

    CASE(UNREACHABLE)
    TRAP(NIDUS_TRAP_UNREACHABLE);
    CASE(EXIT)
    goto leave;

    /* ---- Families outside the loop ---- */

    CASE(MEMORY)
    {
        TRY_TRAP(interp_memory(run->instance, fp, pc));
        NEXT(11);
    }
    CASE(BULK)
    {
        TRY_TRAP(interp_bulk(run->instance, fp, pc));
        RELOAD_MEMORY();
        NEXT(10);
    }
    CASE(SIMD1)
    {
        interp_simd(fp, pc);
        NEXT(4);
    }
    CASE(SIMD2)
    {
        simd_binary(pc[1] - 0x200u, (union v128 *)&R(2), (const union v128 *)&R(3),
                    (const union v128 *)&R(4));
        NEXT(5);
    }
    CASE(SIMD3)
    {
        simd_ternary(pc[1] - 0x200u, (union v128 *)&R(2), (const union v128 *)&R(3),
                     (const union v128 *)&R(4), (const union v128 *)&R(5));
        NEXT(6);
    }
    CASE(SIMD_LANE)
    {
        interp_simd(fp, pc);
        NEXT(6);
    }
    CASE(SHUFFLE)
    {
        uint8_t lanes[16];
        memcpy(lanes, pc + 4, 16);
        simd_shuffle((union v128 *)&R(1), (const union v128 *)&R(2), (const union v128 *)&R(3),
                     lanes);
        NEXT(12);
    }

#if INTERP_STEP || defined(__EMSCRIPTEN__)
    case OP_COUNT:
        break;
    }
#endif

out_of_fuel:
    stop = STOP_SLICE;
    goto leave;
trapped:
    run->trap = trap;
    stop = STOP_TRAP;
leave:
    run->pc = pc;
    run->fp = fp;
    *fuel_left = fuel;
    return stop;
}
