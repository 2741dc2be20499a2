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

#include "interp_numeric.h"
#include "interp_memory.h"
#include "interp_branch.h"
#include "interp_call.h"
#include "interp_object.h"

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
