/*
 * The standard C API when memory runs out. The linker puts this file's allocator in front of the C
 * library's; the n-th allocation of a scenario, and then every later one too, fails. Nothing may
 * crash or leak, and nothing may look as if it had succeeded.
 */
#include "wasm_api_kit.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static unsigned allocations;
static unsigned fail_from; /* 0: none fails */
static unsigned fail_to;

static bool fails(void)
{
    allocations++;
    return fail_from && allocations >= fail_from && allocations <= fail_to;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails() ? NULL : __real_realloc(block, size);
}

static int finalized;

static void finalize(void *info)
{
    CHECK(info == &finalized);
    finalized++;
}

static wasm_trap_t *give_back(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)env;
    wasm_val_copy(&results->data[0], &args->data[0]);
    return NULL;
}

static wasm_trap_t *fail(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_message_t message = {5, (wasm_byte_t[]){"oops"}};
    (void)args;
    (void)results;
    return wasm_trap_new(env, &message); /* never NULL, which would be success */
}

/* An instance with one import, which `callback` answers; NULL when any step fails. */
static wasm_instance_t *instantiate(wasm_store_t *store, const uint8_t *bytes, size_t size,
                                    wasm_functype_t *type, wasm_func_callback_with_env_t callback)
{
    wasm_byte_vec_t binary = bytes_of(bytes, size);
    wasm_module_t *module = wasm_module_new(store, &binary);
    wasm_func_t *func =
        type ? wasm_func_new_with_env(store, type, callback, store, NULL) : NULL;
    wasm_instance_t *instance = NULL;
    wasm_importtype_vec_t imports = WASM_EMPTY_VEC;
    wasm_exporttype_vec_t exports = WASM_EMPTY_VEC;
    if (module && func) {
        wasm_trap_t *trap = NULL;
        wasm_extern_t *items[] = {wasm_func_as_extern(func)};
        wasm_extern_vec_t externs = WASM_ARRAY_VEC(items);
        wasm_module_imports(module, &imports);
        wasm_module_exports(module, &exports);
        CHECK(!imports.size || wasm_importtype_type(imports.data[0]));
        instance = wasm_instance_new(store, module, &externs, &trap);
        CHECK((instance != NULL) != (trap != NULL));
        wasm_trap_delete(trap);
    }
    wasm_importtype_vec_delete(&imports);
    wasm_exporttype_vec_delete(&exports);
    wasm_functype_delete(type);
    wasm_func_delete(func);
    wasm_module_delete(module);
    return instance;
}

/* Each tells whether all of it succeeded. */
static bool pass_references(wasm_store_t *store)
{
    wasm_functype_t *type =
        wasm_functype_new_1_1(wasm_valtype_new_externref(), wasm_valtype_new_externref());
    wasm_instance_t *instance =
        instantiate(store, guest_hostref, sizeof guest_hostref, type, give_back);
    wasm_extern_vec_t exports = WASM_EMPTY_VEC;
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    bool done = false;
    if (instance)
        wasm_instance_exports(instance, &exports);
    if (foreign)
        wasm_foreign_set_host_info_with_finalizer(foreign, &finalized, finalize);
    if (exports.size && foreign) {
        wasm_val_t result[1] = {WASM_INIT_VAL};
        wasm_val_vec_t args = VALUES(WASM_REF_VAL(wasm_foreign_as_ref(foreign)));
        wasm_val_vec_t results = WASM_ARRAY_VEC(result);
        wasm_trap_t *trap = wasm_func_call(wasm_extern_as_func(exports.data[6]), &args, &results);
        CHECK(trap || result[0].of.ref == wasm_foreign_as_ref(foreign));
        done = !trap;
        wasm_trap_delete(trap);
        wasm_val_delete(&result[0]);
    }
    wasm_foreign_delete(foreign);
    wasm_extern_vec_delete(&exports);
    wasm_instance_delete(instance);
    return done;
}

static bool trap_in_host(wasm_store_t *store)
{
    wasm_functype_t *type = wasm_functype_new_0_1(wasm_valtype_new_i32());
    wasm_instance_t *instance = instantiate(store, guest_trap, sizeof guest_trap, type, fail);
    wasm_extern_vec_t exports = WASM_EMPTY_VEC;
    bool done = false;
    if (instance)
        wasm_instance_exports(instance, &exports);
    if (exports.size) {
        wasm_frame_vec_t trace;
        wasm_message_t message;
        wasm_trap_t *trap = wasm_func_call(wasm_extern_as_func(exports.data[0]), NULL, NULL);
        CHECK(trap);
        wasm_trap_trace(trap, &trace);
        wasm_trap_message(trap, &message);
        done = trace.size == 2 && message.size == 5;
        wasm_name_delete(&message);
        wasm_frame_vec_delete(&trace);
        wasm_trap_delete(trap);
    }
    wasm_extern_vec_delete(&exports);
    wasm_instance_delete(instance);
    return done;
}

static bool scenario(void)
{
    wasm_engine_t *engine = wasm_engine_new_with_config(wasm_config_new());
    wasm_store_t *store = engine ? wasm_store_new(engine) : NULL;
    bool done = store && pass_references(store);
    done = store && trap_in_host(store) && done;
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return done;
}

static unsigned count_allocations(void)
{
    allocations = 0;
    CHECK(scenario());
    return allocations;
}

/* A single failure may be survived (a trap about it, an empty backtrace), never mistaken. */
static void one_fails(void)
{
    unsigned count = count_allocations();
    CHECK(count > 100);
    for (unsigned n = 1; n <= count; n++) {
        allocations = 0;
        fail_from = fail_to = n;
        (void)scenario();
        fail_from = 0;
    }
    CHECK(scenario());
}

static void all_fail_from(void)
{
    unsigned count = count_allocations();
    for (unsigned n = 1; n <= count; n++) {
        allocations = 0;
        fail_from = n;
        fail_to = UINT32_MAX;
        bool done = scenario();
        fail_from = 0;
        CHECK(!done);
    }
}

static const struct test tests[] = {
    {"When one allocation fails, nothing crashes or leaks", one_fails},
    {"When every allocation from the n-th on fails, the failure is always seen", all_fail_from},
};
RUN_TESTS(tests)
