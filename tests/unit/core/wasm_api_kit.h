/*
 * What the tests of the C API share: an engine with a store, and a guest of wasm_api_guests.h
 * instantiated in it. A check that fails ends the program (see kit.h).
 */
#ifndef CORE_TEST_WASM_API_KIT_H
#define CORE_TEST_WASM_API_KIT_H

#include <wasm.h>

#include "kit.h"
#include "wasm_api_guests.h"

struct world {
    wasm_engine_t *engine;
    wasm_store_t *store;
};

struct guest {
    wasm_instance_t *instance;
    wasm_extern_vec_t exports;
};

static inline struct world world_new(void)
{
    struct world world = {.engine = wasm_engine_new()};
    CHECK(world.engine);
    world.store = wasm_store_new(world.engine);
    CHECK(world.store);
    return world;
}

static inline void world_delete(struct world *world)
{
    wasm_store_delete(world->store);
    wasm_engine_delete(world->engine);
}

/* Lent bytes: nothing writes to them. */
static inline wasm_byte_vec_t bytes_of(const uint8_t *bytes, size_t size)
{
    return (wasm_byte_vec_t){size, (wasm_byte_t *)(uintptr_t)bytes};
}

static inline wasm_module_t *module_of(wasm_store_t *store, const uint8_t *bytes, size_t size)
{
    wasm_byte_vec_t binary = bytes_of(bytes, size);
    wasm_module_t *module = wasm_module_new(store, &binary);
    CHECK(module);
    return module;
}
#define MODULE(store, bytes) module_of(store, bytes, sizeof bytes)

static inline struct guest guest_of(wasm_store_t *store, wasm_module_t *module,
                                    wasm_extern_vec_t imports)
{
    struct guest guest;
    wasm_trap_t *trap = NULL;
    guest.instance = wasm_instance_new(store, module, &imports, &trap);
    CHECK(guest.instance && !trap);
    wasm_module_delete(module);
    wasm_instance_exports(guest.instance, &guest.exports);
    CHECK(guest.exports.size > 0);
    return guest;
}
#define GUEST(store, bytes, ...) guest_of(store, MODULE(store, bytes), (wasm_extern_vec_t)__VA_ARGS__)

static inline void guest_delete(struct guest *guest)
{
    wasm_extern_vec_delete(&guest->exports);
    wasm_instance_delete(guest->instance);
}

static inline wasm_func_t *func_at(const struct guest *guest, size_t index)
{
    CHECK(index < guest->exports.size);
    wasm_func_t *func = wasm_extern_as_func(guest->exports.data[index]);
    CHECK(func);
    return func;
}

/* Deletes the trap. */
static inline void check_trap(wasm_trap_t *trap, const char *text)
{
    wasm_message_t message;
    CHECK(trap);
    wasm_trap_message(trap, &message);
    CHECK(message.size == strlen(text) + 1 && strcmp(message.data, text) == 0);
    wasm_name_delete(&message);
    wasm_trap_delete(trap);
}

/* Calls with values that must not trap. */
static inline void call_well(const wasm_func_t *func, wasm_val_vec_t args, wasm_val_vec_t results)
{
    CHECK(wasm_func_call(func, &args, &results) == NULL);
}

static inline int32_t call_i32(const wasm_func_t *func, wasm_val_vec_t args)
{
    wasm_val_t result[1] = {WASM_INIT_VAL};
    call_well(func, args, (wasm_val_vec_t)WASM_ARRAY_VEC(result));
    CHECK(result[0].kind == WASM_I32);
    return result[0].of.i32;
}

#define NO_VALUES ((wasm_val_vec_t)WASM_EMPTY_VEC)
#define VALUES(...)                                                                                \
    ((wasm_val_vec_t){sizeof((wasm_val_t[]){__VA_ARGS__}) / sizeof(wasm_val_t),                    \
                      (wasm_val_t[]){__VA_ARGS__}})

#endif
