/*
 * Any bytes as a module: load it, give it the imports that it asks for, call all that it exports.
 *
 * What must hold: no access outside the engine's objects (the sanitisers watch), no run beyond its fuel,
 * and determinism: a second execution in small slices, with a garbage collection at every allocation of an
 * object, ends alike, with the same fuel and the same memory.
 * A last byte from 0xC0 on is no part of the module but chooses an allocation that fails: running out
 * of memory is an outcome like others, and leaks nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nidus/engine.h>

#include "account.h"
#include "execution.h"

enum {
    FUEL = 20000,
    MOST_BYTES = 64 << 20, /* of all live blocks */
    MOST_EXPORTS = 32,
    MOST_VALUES = 64,
};

/* What an execution leaves, as one number. */
struct outcome {
    uint64_t hash;
    bool heap_full; /* when that is so depends on how objects lie */
};

static void call(struct nidus_store *store, struct nidus_func *func, uint64_t slice, struct outcome *outcome)
{
    struct nidus_value values[MOST_VALUES];
    struct nidus_functype type;
    struct nidus_run *run;
    enum nidus_status status;

    nidus_func_type(func, &type);
    if (type.param_count > MOST_VALUES || type.result_count > MOST_VALUES)
        return;
    for (uint32_t i = 0; i < type.param_count; i++) {
        values[i] = (struct nidus_value){.type = type.params[i]};
        if (NIDUS_TYPE_KIND(type.params[i]) != 6)
            memset(&values[i].of, (int)(3 + i), 8);
    }
    if (nidus_run_new(store, &run))
        return;
    nidus_run_set_fuel(run, FUEL);
    if (nidus_run_start(run, func, values, type.param_count) == NIDUS_OK) {
        while ((status = nidus_run_resume(run, slice)) == NIDUS_RUN_READY)
            ;
        execution_mix(&outcome->hash, status);
        execution_mix(&outcome->hash, nidus_run_fuel_used(run));
        if (status == NIDUS_RUN_DONE) {
            nidus_run_results(run, values);
            execution_mix_values(&outcome->hash, values, type.result_count);
        } else if (status == NIDUS_RUN_TRAPPED) {
            const char *text;
            struct nidus_frame frame;
            enum nidus_trap trap = nidus_run_trap(run, &text);
            execution_mix(&outcome->hash, trap);
            outcome->heap_full |= trap == NIDUS_TRAP_HEAP;
            if (trap == NIDUS_TRAP_EXCEPTION)
                (void)nidus_exception_tag(nidus_run_exception(run));
            for (uint32_t i = 0; i < nidus_run_frame_count(run) && i < 3; i++)
                if (nidus_run_frame(run, i, &frame) == NIDUS_OK)
                    execution_mix(&outcome->hash, frame.offset);
        }
    }
    nidus_run_free(run);
}

static void execute(struct nidus_engine *engine, struct nidus_module *module, uint64_t slice, struct outcome *outcome)
{
    struct nidus_store *store;
    struct nidus_instance *instance;
    struct nidus_error error = {0};
    struct imports imports;

    *outcome = (struct outcome){.hash = EXECUTION_FIRST_HASH};
    if (nidus_store_new(engine, &store))
        return;
    if (!imports_provide(store, module, &imports)) {
        nidus_store_free(store);
        return;
    }
    enum nidus_code code = nidus_instance_new(store, module, imports.items, imports.count, &instance, &error);
    execution_mix(&outcome->hash, code);
    outcome->heap_full |= code == NIDUS_ERROR_NO_MEMORY;
    if (code == NIDUS_OK) {
        struct nidus_func *start = nidus_instance_start(instance);
        if (start)
            call(store, start, slice, outcome);
        for (uint32_t i = 0; i < nidus_module_export_count(module) && i < MOST_EXPORTS; i++) {
            struct nidus_extern item = nidus_instance_export(instance, i);
            if (item.kind == NIDUS_FUNC)
                call(store, item.of.func, slice, outcome);
        }
        execution_mix_memory(&outcome->hash, instance);
    }
    nidus_store_free(store);
}

/* False when it is no module, or there is no memory. */
static bool load_and_execute(const struct nidus_config *config, const uint8_t *bytes, size_t size, uint64_t slice,
                             struct outcome *outcome)
{
    struct nidus_engine *engine;
    struct nidus_module *module;
    struct nidus_error error = {0};

    if (nidus_engine_new(config, &engine) != NIDUS_OK)
        return false;
    enum nidus_code code = nidus_module_load(engine, bytes, size, NIDUS_LOAD_BORROW, &module, &error);
    if (code == NIDUS_OK) {
        execute(engine, module, slice, outcome);
        nidus_module_free(module);
    } else if (error.text[0] == 0 || error.code != code || error.offset > size) {
        fprintf(stderr, "fuzz_engine: a refusal without its sentence or place\n");
        abort();
    }
    nidus_engine_free(engine);
    return code == NIDUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct account account = {.most = MOST_BYTES};
    struct nidus_config config;

    if (size > 0 && bytes[size - 1] >= 0xC0) {
        size--;
        account.fail_at = 1 + (bytes[size] & 0x3fu);
    }
    nidus_config_default(&config);
    config.allocator = account_allocator(&account);
    config.limits.memory_bytes = 8 << 20;
    config.limits.table_elements = 4096;
    config.limits.call_depth = 200;
    config.limits.stack_bytes = 1 << 18;
    config.limits.heap_bytes = 1 << 17;
    struct outcome whole = {0}, sliced = {0};
    bool loaded = load_and_execute(&config, bytes, size, NIDUS_UNLIMITED, &whole);
    if (loaded && !account.fail_at) {
        config.heap_stress = true;
        load_and_execute(&config, bytes, size, 100, &sliced);
        if (whole.hash != sliced.hash && !whole.heap_full && !sliced.heap_full) {
            fprintf(stderr, "fuzz_engine: slices or collections change the outcome\n");
            abort();
        }
    }
    if (account.live != 0) {
        fprintf(stderr, "fuzz_engine: %zu bytes were not freed\n", account.live);
        abort();
    }
    return 0;
}
