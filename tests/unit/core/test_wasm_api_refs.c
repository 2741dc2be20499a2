/* The standard C API: references - identity, host info, finalizers, who lives how long. */
#include "wasm_api_kit.h"

static wasm_trap_t *give_back(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    CHECK(args->data[0].kind == WASM_EXTERNREF);
    wasm_val_copy(&results->data[0], &args->data[0]);
    return NULL;
}

static void count(void *info)
{
    ++*(int *)info;
}

static struct guest hostref_guest(wasm_store_t *store)
{
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_externref(), wasm_valtype_new_externref());
    wasm_func_t *func = wasm_func_new(store, type, give_back);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    struct guest guest = GUEST(store, guest_hostref, WASM_ARRAY_VEC(imports));
    wasm_functype_delete(type);
    wasm_func_delete(func);
    return guest;
}

static wasm_ref_t *call_ref(const wasm_func_t *func, wasm_val_vec_t args)
{
    wasm_val_t result[1] = {WASM_INIT_VAL};
    call_well(func, args, (wasm_val_vec_t)WASM_ARRAY_VEC(result));
    return result[0].of.ref;
}

/* Deletes `actual`. */
static void check_same(wasm_ref_t *actual, const wasm_ref_t *expected)
{
    CHECK(actual == expected || (actual && expected && wasm_ref_same(actual, expected)));
    wasm_ref_delete(actual);
}

static void host_references(void)
{
    struct world world = world_new();
    struct guest guest = hostref_guest(world.store);
    wasm_global_t *global = wasm_extern_as_global(guest.exports.data[0]);
    wasm_table_t *table = wasm_extern_as_table(guest.exports.data[1]);
    wasm_func_t *global_set = func_at(&guest, 2), *global_get = func_at(&guest, 3);
    wasm_func_t *table_set = func_at(&guest, 4), *table_get = func_at(&guest, 5);
    wasm_func_t *call = func_at(&guest, 6);
    int one = 0, two = 0;
    wasm_ref_t *host1 = wasm_foreign_as_ref(wasm_foreign_new(world.store));
    wasm_ref_t *host2 = wasm_foreign_as_ref(wasm_foreign_new(world.store));
    wasm_ref_set_host_info_with_finalizer(host1, &one, count);
    wasm_ref_set_host_info_with_finalizer(host2, &two, count);
    CHECK(!wasm_ref_same(host1, host2));
    check_same(wasm_ref_copy(host1), host1);

    check_same(call_ref(global_get, NO_VALUES), NULL);
    call_well(global_set, VALUES(WASM_REF_VAL(host1)), NO_VALUES);
    check_same(call_ref(global_get, NO_VALUES), host1);
    wasm_val_t value = WASM_REF_VAL(host2);
    wasm_global_set(global, &value);
    check_same(call_ref(global_get, NO_VALUES), host2);
    wasm_global_get(global, &value);
    CHECK(value.kind == WASM_EXTERNREF);
    check_same(value.of.ref, host2);

    call_well(table_set, VALUES(WASM_I32_VAL(0), WASM_REF_VAL(host1)), NO_VALUES);
    check_same(wasm_table_get(table, 0), host1);
    CHECK(wasm_table_set(table, 2, host2));
    check_same(call_ref(table_get, VALUES(WASM_I32_VAL(2))), host2);
    check_same(call_ref(table_get, VALUES(WASM_I32_VAL(1))), NULL);
    check_same(call_ref(call, VALUES(WASM_INIT_VAL)), NULL);
    check_same(call_ref(call, VALUES(WASM_REF_VAL(host2))), host2);

    wasm_ref_delete(host1); /* the guest's table has it still */
    wasm_ref_t *back = call_ref(table_get, VALUES(WASM_I32_VAL(0)));
    CHECK(one == 0 && wasm_ref_get_host_info(back) == &one);
    wasm_ref_delete(back);
    wasm_ref_delete(host2);
    guest_delete(&guest);
    world_delete(&world);
    CHECK(one == 1 && two == 1);
}

static void function_references(void)
{
    struct world world = world_new();
    struct guest guest = hostref_guest(world.store);
    wasm_ref_t *ref = call_ref(func_at(&guest, 7), NO_VALUES);
    wasm_func_t *func = wasm_ref_as_func(ref);
    CHECK(func && wasm_func_param_arity(func) == 1);
    check_same(call_ref(func_at(&guest, 7), NO_VALUES), ref);
    check_same(call_ref(func_at(&guest, 6), VALUES(WASM_REF_VAL(ref))), ref); /* as an externref */
    wasm_ref_delete(ref);
    guest_delete(&guest);
    world_delete(&world);
}

static void identity(void)
{
    struct world world = world_new();
    struct guest guest = hostref_guest(world.store);
    wasm_extern_vec_t again;
    int info = 0, other_info = 0;
    wasm_instance_exports(guest.instance, &again);
    for (size_t i = 0; i < again.size; i++)
        CHECK(wasm_extern_same(again.data[i], guest.exports.data[i]));
    CHECK(!wasm_extern_same(again.data[0], again.data[1]));
    wasm_func_t *func = func_at(&guest, 2);
    wasm_func_set_host_info_with_finalizer(func, &info, count);
    CHECK(wasm_extern_get_host_info(again.data[2]) == &info);
    CHECK(wasm_ref_get_host_info(wasm_func_as_ref(func)) == &info);
    wasm_func_set_host_info_with_finalizer(func, &other_info, count);
    CHECK(info == 1);
    wasm_extern_vec_delete(&again);
    wasm_extern_vec_delete(&guest.exports); /* no handle is left, the function is */
    wasm_instance_exports(guest.instance, &guest.exports);
    CHECK(wasm_extern_get_host_info(guest.exports.data[2]) == &other_info && other_info == 0);

    wasm_ref_t *ref = wasm_instance_as_ref(guest.instance);
    CHECK(wasm_ref_as_instance(ref) == guest.instance && !wasm_ref_as_extern(ref));
    CHECK(!wasm_ref_as_module(ref) && !wasm_ref_as_trap(ref) && !wasm_ref_as_foreign(ref));
    CHECK(wasm_ref_as_extern(wasm_func_as_ref(func_at(&guest, 2))) == guest.exports.data[2]);
    CHECK(!wasm_extern_as_memory(guest.exports.data[0]));
    CHECK(wasm_extern_as_global_const(guest.exports.data[0]));
    guest_delete(&guest);
    world_delete(&world);
    CHECK(other_info == 1);
}

enum { INSTANCES = 2000 };

static int alive;

static void end_of_life(void *info)
{
    CHECK((intptr_t)info > 0);
    alive--;
}

static void make_instances(wasm_store_t *store)
{
    wasm_module_t *module = MODULE(store, guest_table);
    wasm_extern_vec_t none = WASM_EMPTY_VEC;
    for (intptr_t i = 1; i <= INSTANCES; i++) {
        wasm_instance_t *instance = wasm_instance_new(store, module, &none, NULL);
        wasm_instance_set_host_info_with_finalizer(instance, (void *)i, end_of_life);
        wasm_instance_delete(instance);
        alive++;
    }
    wasm_module_delete(module);
}

static void finalizers(void)
{
    struct world world = world_new();
    wasm_store_t *other = wasm_store_new(world.engine);
    alive = 0;
    make_instances(world.store);
    make_instances(other);
    CHECK(alive == 2 * INSTANCES);
    wasm_store_delete(other);
    CHECK(alive == INSTANCES);
    make_instances(world.store);
    CHECK(alive == 2 * INSTANCES);
    world_delete(&world);
    CHECK(alive == 0);
}

static void end_with_last_owner(void)
{
    struct world world = world_new();
    int ended = 0;
    wasm_foreign_t *foreign = wasm_foreign_new(world.store);
    wasm_module_t *module = MODULE(world.store, guest_table);
    wasm_message_t message;
    wasm_name_new_from_string(&message, "without a zero");
    wasm_trap_t *trap = wasm_trap_new(world.store, &message);
    wasm_name_delete(&message);
    wasm_foreign_set_host_info_with_finalizer(foreign, &ended, count);
    wasm_module_set_host_info_with_finalizer(module, &ended, count);
    wasm_trap_set_host_info_with_finalizer(trap, &ended, count);
    wasm_trap_t *copy = wasm_trap_copy(trap);
    CHECK(wasm_trap_same(copy, trap));
    wasm_foreign_delete(foreign);
    wasm_module_delete(module);
    wasm_trap_delete(trap);
    CHECK(ended == 2);
    check_trap(copy, "without a zero");
    CHECK(ended == 3);
    world_delete(&world);
    CHECK(ended == 3);
}

/* A finalizer that deletes what its object stood for. */
static void delete_ref(void *info)
{
    wasm_ref_delete(info);
}

static void any_order(void)
{
    struct world world = world_new();
    struct guest guest = hostref_guest(world.store);
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    struct guest other = GUEST(world.store, guest_table, WASM_EMPTY_VEC);
    wasm_val_vec_t null_call = VALUES(WASM_I32_VAL(0), WASM_I32_VAL(0));
    wasm_trap_t *trap = wasm_func_call(func_at(&other, 1), &null_call, &none);
    wasm_foreign_t *foreign = wasm_foreign_new(world.store);
    wasm_foreign_t *inner = wasm_foreign_new(world.store);
    wasm_foreign_set_host_info_with_finalizer(foreign, inner, delete_ref);
    call_well(func_at(&guest, 2), VALUES(WASM_REF_VAL(wasm_trap_as_ref(trap))), NO_VALUES);
    wasm_frame_t *frame = wasm_trap_origin(trap);
    wasm_module_t *module = MODULE(world.store, guest_table);
    wasm_shared_module_t *shared = wasm_module_share(module);

    wasm_engine_delete(world.engine);
    wasm_store_delete(world.store);
    guest_delete(&guest);
    wasm_trap_delete(trap);
    guest_delete(&other);
    wasm_frame_delete(frame);
    wasm_module_delete(module);
    wasm_foreign_delete(foreign);
    wasm_shared_module_delete(shared);
}

static void run_in_new_store(wasm_engine_t *engine, const wasm_shared_module_t *shared)
{
    wasm_store_t *store = wasm_store_new(engine);
    struct guest guest =
        guest_of(store, wasm_module_obtain(store, shared), (wasm_extern_vec_t)WASM_EMPTY_VEC);
    CHECK(call_i32(func_at(&guest, 1), VALUES(WASM_I32_VAL(6), WASM_I32_VAL(1))) == 6);
    guest_delete(&guest);
    wasm_store_delete(store);
}

static void sharing(void)
{
    struct world world = world_new();
    wasm_engine_t *other = wasm_engine_new_with_config(wasm_config_new());
    wasm_module_t *module = MODULE(world.store, guest_table);
    wasm_shared_module_t *shared = wasm_module_share(module);
    wasm_module_delete(module);
    wasm_store_delete(world.store);
    for (int i = 0; i < 3; i++) {
        run_in_new_store(world.engine, shared);
        run_in_new_store(other, shared);
    }
    wasm_shared_module_delete(shared);
    wasm_engine_delete(world.engine);
    wasm_engine_delete(other);
}

static const struct test tests[] = {
    {"A guest keeps, hands on and gives back references of the host", host_references},
    {"A function reference of a guest is the function that it exports", function_references},
    {"However it is asked for, an object is the same and has the same host info", identity},
    {"Every finalizer runs once, at the end of its store at the latest", finalizers},
    {"What no guest was given ends with its last owner", end_with_last_owner},
    {"Engine, store and references may be deleted in any order", any_order},
    {"A shared module runs in stores of its own engine and of others", sharing},
};
RUN_TESTS(tests)
