/*
 * Any bytes as a module, rewritten with checks and with its globals exported.
 *
 * What must hold: the new module is valid, computes what the old one does, whether it is interrupted or
 * not, counts the same twice, and is interrupted wherever the old one runs for long. A last byte from
 * 0xC0 on is no part of the module but chooses an allocation of the rewriter that fails.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nidus/rewrite.h>

#include "account.h"
#include "execution.h"

enum {
    FUEL = 5000,
    MOST_FUEL = 100 * FUEL, /* of the new module, whose checks are instructions too */
    LONG_COUNT = 1 << 30,
    MOST_BYTES = 64 << 20, /* of all live blocks */
    MOST_EXPORTS = 32,
    MOST_VALUES = 64,
    ROUNDS = 2, /* calls of each export, with other arguments */
};
/* What an execution leaves, as numbers. */
struct outcome {
    uint64_t hash;
    bool cut_off; /* by fuel, or by the end of the stack: the rest cannot be compared */
    bool fuel_used_up;
    bool trapped;
    uint32_t checks;
    int64_t counted;
};

static void fail(const char *text)
{
    fprintf(stderr, "fuzz_rewrite: %s\n", text);
    abort();
}

/* The host's half of the checks: raises the count by `step` until it is above zero. */
struct counter {
    struct nidus_global *count;
    int64_t step;
    struct outcome *outcome;
};

static int64_t value_of(const struct counter *counter)
{
    struct nidus_value value;
    nidus_global_get(counter->count, &value);
    return value.of.i64;
}

static enum nidus_host_result check(void *context, struct nidus_call *call, uint64_t *slots)
{
    struct counter *counter = context;
    int64_t raised = value_of(counter);

    (void)call;
    (void)slots;
    counter->outcome->checks++;
    if (raised >= 0)
        fail("a check before the count is used up");
    while (raised < 0) {
        raised += counter->step;
        counter->outcome->counted += counter->step;
    }
    const struct nidus_value value = {.type = NIDUS_I64, .of.i64 = raised};
    if (!nidus_global_set(counter->count, &value))
        fail("the count cannot be raised");
    return NIDUS_HOST_DONE;
}

/* Arguments have `pattern` in each of their bytes, or only in the lowest: loops that count them down end. */
static void call(struct nidus_store *store, struct nidus_func *func, int pattern, bool low, uint64_t fuel,
                 struct outcome *outcome)
{
    struct nidus_value values[MOST_VALUES];
    struct nidus_functype type;
    struct nidus_run *run;

    nidus_func_type(func, &type);
    if (type.param_count > MOST_VALUES || type.result_count > MOST_VALUES)
        return;
    for (uint32_t i = 0; i < type.param_count; i++) {
        values[i] = (struct nidus_value){.type = type.params[i]};
        if (NIDUS_TYPE_KIND(type.params[i]) != 6)
            memset(&values[i].of, pattern + (int)i, low ? 1 : 8);
    }
    if (nidus_run_new(store, &run))
        return;
    nidus_run_set_fuel(run, fuel);
    if (nidus_run_start(run, func, values, type.param_count) == NIDUS_OK) {
        enum nidus_status status = nidus_run_resume(run, NIDUS_UNLIMITED);
        const char *text;
        execution_mix(&outcome->hash, status);
        if (status == NIDUS_RUN_DONE) {
            nidus_run_results(run, values);
            execution_mix_values(&outcome->hash, values, type.result_count);
        } else if (status == NIDUS_RUN_TRAPPED) {
            enum nidus_trap trap = nidus_run_trap(run, &text);
            /* A trap loses what the function that trapped has counted; an exception does not. */
            if (trap != NIDUS_TRAP_EXCEPTION)
                outcome->trapped = true;
            /* Frames have grown by a local, and checks call: the stack ends elsewhere. */
            if (trap == NIDUS_TRAP_EXHAUSTED || trap == NIDUS_TRAP_NO_MEMORY)
                outcome->cut_off = true;
            execution_mix(&outcome->hash, trap);
        } else {
            outcome->cut_off = outcome->fuel_used_up = true;
        }
    }
    nidus_run_free(run);
}

/* Prepares the host's half of the checks, where the module has any. */
static bool attach(struct nidus_store *store, struct nidus_instance *instance, uint32_t old_exports, uint32_t exports,
                   struct counter *counter)
{
    static const struct nidus_functype nothing = {0};
    struct nidus_func *func;

    if (exports == old_exports)
        return true;
    const struct nidus_value zero = {.type = NIDUS_I64};
    counter->count = nidus_instance_export(instance, exports - 2).of.global;
    return nidus_func_new(store, &nothing, check, counter, &func) == NIDUS_OK &&
           nidus_table_set(nidus_instance_export(instance, exports - 1).of.table, 0, (nidus_ref)(uintptr_t)func) &&
           nidus_global_set(counter->count, &zero);
}

/* Calls the first `exports` exports of a module, which has more when it is the new one. */
static bool execute(struct nidus_engine *engine, struct nidus_module *module, uint32_t exports, int64_t step,
                    struct outcome *outcome)
{
    struct nidus_store *store;
    struct nidus_instance *instance;
    struct counter counter = {.step = step, .outcome = outcome};
    struct nidus_error error = {0};
    struct imports imports;
    uint64_t fuel = step ? MOST_FUEL : FUEL;

    *outcome = (struct outcome){.hash = EXECUTION_FIRST_HASH};
    if (nidus_store_new(engine, &store))
        return false;
    bool ready = imports_provide(store, module, &imports) &&
                 nidus_instance_new(store, module, imports.items, imports.count, &instance, &error) == NIDUS_OK &&
                 attach(store, instance, exports, nidus_module_export_count(module), &counter);
    if (ready) {
        struct nidus_func *start = nidus_instance_start(instance);
        if (start)
            call(store, start, 0, true, fuel, outcome);
        for (uint32_t i = 0; i < exports && i < MOST_EXPORTS && !outcome->cut_off; i++) {
            struct nidus_extern item = nidus_instance_export(instance, i);
            for (int round = 0; round < ROUNDS && item.kind == NIDUS_FUNC && !outcome->cut_off; round++)
                call(store, item.of.func, 13, round < ROUNDS - 1, fuel, outcome);
        }
        execution_mix_memory(&outcome->hash, instance);
        if (counter.count)
            outcome->counted -= value_of(&counter);
    }
    nidus_store_free(store);
    return ready;
}

static void compare(struct nidus_engine *engine, struct nidus_module *old, struct nidus_module *made)
{
    struct outcome plain, whole, sliced, again;
    uint32_t exports = nidus_module_export_count(old);

    if (!execute(engine, old, exports, 0, &plain) || !execute(engine, made, exports, LONG_COUNT, &whole) ||
        !execute(engine, made, exports, 16, &sliced) || !execute(engine, made, exports, 16, &again))
        return;
    if (plain.fuel_used_up && (sliced.fuel_used_up || !sliced.cut_off) && sliced.checks == 0)
        fail("what runs for long is not interrupted");
    if (sliced.hash != again.hash || sliced.counted != again.counted || sliced.checks != again.checks)
        fail("two runs differ");
    if (plain.cut_off || whole.cut_off || sliced.cut_off)
        return;
    if (plain.hash != whole.hash || plain.hash != sliced.hash)
        fail("the new module computes something else");
    if (!plain.trapped && whole.counted != sliced.counted)
        fail("interrupts change the count");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct account account = {.most = MOST_BYTES};
    struct nidus_config config;
    struct nidus_engine *engine;
    struct nidus_module *module, *made;
    struct nidus_error error = {0};
    const struct nidus_rewrite how = {.flags = NIDUS_REWRITE_CHECKS | NIDUS_REWRITE_GLOBALS};
    struct nidus_rewritten out;
    uint32_t fails = 0;

    if (size > 0 && bytes[size - 1] >= 0xC0)
        fails = 1 + (bytes[--size] & 0x3fu);
    nidus_config_default(&config);
    config.allocator = account_allocator(&account);
    config.limits.memory_bytes = 8 << 20;
    config.limits.table_elements = 4096;
    config.limits.call_depth = 200;
    config.limits.stack_bytes = 1 << 18;
    if (nidus_engine_new(&config, &engine) == NIDUS_OK) {
        if (nidus_module_load(engine, bytes, size, NIDUS_LOAD_BORROW, &module, &error) == NIDUS_OK) {
            account.fail_at = fails ? account.count + fails : 0;
            enum nidus_code code = nidus_module_rewrite(module, &how, &out, &error);
            account.fail_at = 0;
            if (code == NIDUS_OK) {
                if (nidus_module_load(engine, out.bytes, out.size, NIDUS_LOAD_BORROW, &made, &error)) {
                    fprintf(stderr, "at byte %zu: %s\n", error.offset, error.text);
                    fail("the new module is not valid");
                }
                compare(engine, module, made);
                nidus_module_free(made);
                nidus_rewritten_free(engine, &out);
            } else if (error.text[0] == 0 || error.code != code) {
                fail("a refusal without its sentence");
            }
            nidus_module_free(module);
        }
        nidus_engine_free(engine);
    }
    if (account.live != 0)
        fail("something was not freed");
    return 0;
}
