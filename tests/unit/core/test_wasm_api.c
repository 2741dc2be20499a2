/* The standard C API: programs that load a guest, link it, call it and look at it. */
#include "wasm_api_kit.h"

/* ---- Host functions and calls ---- */

static int hellos;

static wasm_trap_t *say_hello(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    CHECK(args->size == 0 && results->size == 0);
    hellos++;
    return NULL;
}

static void hello(void)
{
    struct world world = world_new();
    wasm_functype_t *type = wasm_functype_new_0_0();
    wasm_func_t *func = wasm_func_new(world.store, type, say_hello);
    wasm_functype_delete(type);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    struct guest guest = GUEST(world.store, guest_hello, WASM_ARRAY_VEC(imports));
    wasm_func_delete(func); /* the guest keeps it alive */
    hellos = 0;
    CHECK(wasm_func_call(func_at(&guest, 0), NULL, NULL) == NULL);
    CHECK(hellos == 1);
    guest_delete(&guest);
    world_delete(&world);
}

static wasm_trap_t *print(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    CHECK(args->size == 1 && args->data[0].kind == WASM_I32);
    CHECK(results->size == 1 && results->data[0].kind == WASM_I32);
    wasm_val_copy(&results->data[0], &args->data[0]);
    return NULL;
}

static wasm_trap_t *closure(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    CHECK(args->size == 0);
    results->data[0] = (wasm_val_t)WASM_I32_VAL(*(int *)env);
    return NULL;
}

static void count_finalized(void *info)
{
    ++*(int *)info;
}

static void callback(void)
{
    struct world world = world_new();
    int secret = 42;
    wasm_functype_t *print_type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
    wasm_functype_t *closure_type = wasm_functype_new_0_1(wasm_valtype_new_i32());
    wasm_func_t *print_func = wasm_func_new(world.store, print_type, print);
    wasm_func_t *closure_func =
        wasm_func_new_with_env(world.store, closure_type, closure, &secret, count_finalized);
    wasm_extern_t *imports[] = {wasm_func_as_extern(print_func), wasm_func_as_extern(closure_func)};
    struct guest guest = GUEST(world.store, guest_adder, WASM_ARRAY_VEC(imports));
    CHECK(call_i32(func_at(&guest, 0), VALUES(WASM_I32_VAL(3), WASM_I32_VAL(4))) == 3 + 4 + 42);
    CHECK(call_i32(closure_func, NO_VALUES) == 42); /* without a guest between */
    wasm_functype_delete(print_type);
    wasm_functype_delete(closure_type);
    wasm_func_delete(print_func);
    wasm_func_delete(closure_func);
    guest_delete(&guest);
    CHECK(secret == 42);
    world_delete(&world);
    CHECK(secret == 43);
}

static wasm_trap_t *reverse(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    for (size_t i = 0; i < 4; i++)
        wasm_val_copy(&results->data[i], &args->data[3 - i]);
    return NULL;
}

static void multi(void)
{
    struct world world = world_new();
    wasm_valtype_t *forwards[] = {wasm_valtype_new_i32(), wasm_valtype_new_i64(),
                                  wasm_valtype_new_f32(), wasm_valtype_new_f64()};
    wasm_valtype_t *backwards[] = {forwards[3], forwards[2], forwards[1], forwards[0]};
    wasm_valtype_vec_t params, results;
    wasm_valtype_vec_new(&params, 4, forwards);
    wasm_valtype_vec_new(&results, 4, backwards);
    wasm_functype_t *type = wasm_functype_new(&params, &results);
    wasm_func_t *func = wasm_func_new(world.store, type, reverse);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    struct guest guest = GUEST(world.store, guest_multi, WASM_ARRAY_VEC(imports));
    wasm_val_t answers[4];
    call_well(func_at(&guest, 0),
              VALUES(WASM_I32_VAL(-1), WASM_I64_VAL(INT64_MIN), WASM_F32_VAL(1.5f), WASM_F64_VAL(-0.1)),
              (wasm_val_vec_t)WASM_ARRAY_VEC(answers));
    CHECK(answers[0].kind == WASM_F64 && answers[0].of.f64 == -0.1);
    CHECK(answers[1].kind == WASM_F32 && answers[1].of.f32 == 1.5f);
    CHECK(answers[2].kind == WASM_I64 && answers[2].of.i64 == INT64_MIN);
    CHECK(answers[3].kind == WASM_I32 && answers[3].of.i32 == -1);
    wasm_functype_delete(type);
    wasm_func_delete(func);
    guest_delete(&guest);
    world_delete(&world);
}

static void misfits(void)
{
    struct world world = world_new();
    int seven = 7;
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
    wasm_func_t *func = wasm_func_new(world.store, type, print);
    wasm_functype_t *wrong = wasm_functype_new_0_1(wasm_valtype_new_i64());
    wasm_func_t *liar = wasm_func_new_with_env(world.store, wrong, closure, &seven, NULL);
    wasm_val_t room[1] = {WASM_INIT_VAL};
    wasm_val_vec_t results = WASM_ARRAY_VEC(room);
    wasm_val_vec_t none = WASM_EMPTY_VEC, wide = VALUES(WASM_I64_VAL(1)), ref = VALUES(WASM_INIT_VAL);
    check_trap(wasm_func_call(func, &none, &results),
               "the function takes another number of arguments");
    check_trap(wasm_func_call(func, &wide, &results),
               "an argument does not fit the function's type");
    check_trap(wasm_func_call(func, &ref, &results), "an argument does not fit the function's type");
    check_trap(wasm_func_call(liar, &none, &results),
               "a host function gave a result that does not fit its type");
    CHECK(room[0].kind == WASM_EXTERNREF); /* untouched */
    CHECK(wasm_func_param_arity(func) == 1 && wasm_func_result_arity(func) == 1);
    CHECK(wasm_func_param_arity(liar) == 0);
    wasm_functype_delete(type);
    wasm_functype_delete(wrong);
    wasm_func_delete(func);
    wasm_func_delete(liar);
    world_delete(&world);
}

/* ---- Traps ---- */

static wasm_trap_t *fail(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_name_t message;
    (void)args;
    (void)results;
    wasm_name_new_from_string_nt(&message, "the host gave up");
    wasm_trap_t *trap = wasm_trap_new(env, &message);
    wasm_name_delete(&message);
    return trap;
}

static void check_frame(const wasm_frame_t *frame, const wasm_instance_t *instance, uint32_t func,
                        size_t func_offset, size_t module_offset)
{
    CHECK(wasm_instance_same(wasm_frame_instance(frame), instance));
    CHECK(wasm_frame_func_index(frame) == func);
    CHECK(wasm_frame_func_offset(frame) == func_offset);
    CHECK(wasm_frame_module_offset(frame) == module_offset);
}

static void traps(void)
{
    struct world world = world_new();
    wasm_functype_t *type = wasm_functype_new_0_1(wasm_valtype_new_i32());
    wasm_func_t *func = wasm_func_new_with_env(world.store, type, fail, world.store, NULL);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    struct guest guest = GUEST(world.store, guest_trap, WASM_ARRAY_VEC(imports));
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    wasm_frame_vec_t trace;

    wasm_trap_t *trap = wasm_func_call(func_at(&guest, 0), &none, &none);
    wasm_trap_trace(trap, &trace);
    CHECK(trace.size == 2);
    check_frame(trace.data[0], guest.instance, 2, 1, 0x55);
    check_frame(trace.data[1], guest.instance, 1, 3, 0x4f);
    wasm_frame_t *origin = wasm_trap_origin(trap);
    check_frame(origin, guest.instance, 2, 1, 0x55);
    wasm_frame_delete(origin);
    wasm_frame_vec_delete(&trace);
    check_trap(trap, "the host gave up");

    trap = wasm_func_call(func_at(&guest, 1), &none, &none);
    origin = wasm_trap_origin(trap);
    check_frame(origin, guest.instance, 3, 2, 0x5b);
    wasm_frame_delete(origin);
    check_trap(trap, "unreachable");

    trap = wasm_func_call(func_at(&guest, 2), &none, &none);
    wasm_trap_trace(trap, &trace);
    CHECK(trace.size == 128);
    wasm_frame_vec_delete(&trace);
    check_trap(trap, "call stack exhausted");

    trap = wasm_func_call(func, &none, &none); /* no guest, no frames */
    CHECK(wasm_trap_origin(trap) == NULL);
    check_trap(trap, "the host gave up");
    wasm_functype_delete(type);
    wasm_func_delete(func);
    guest_delete(&guest);
    world_delete(&world);
}

static void start(void)
{
    struct world world = world_new();
    wasm_module_t *module = MODULE(world.store, guest_start);
    wasm_extern_vec_t none = WASM_EMPTY_VEC;
    wasm_trap_t *trap = NULL;
    CHECK(wasm_instance_new(world.store, module, &none, NULL) == NULL);
    CHECK(wasm_instance_new(world.store, module, &none, &trap) == NULL);
    wasm_frame_t *origin = wasm_trap_origin(trap);
    CHECK(wasm_frame_func_index(origin) == 0 && wasm_frame_module_offset(origin) == 0x1b);
    wasm_frame_delete(origin);
    check_trap(trap, "unreachable");
    wasm_module_delete(module);
    world_delete(&world);
}

struct recursion {
    const wasm_func_t *func;
    int depth;
    int most;
};

static wasm_trap_t *again(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    struct recursion *recursion = env;
    wasm_val_copy(&results->data[0], &args->data[0]);
    if (++recursion->depth == recursion->most)
        return NULL;
    return wasm_func_call(recursion->func, args, results);
}

static void nesting(void)
{
    struct world world = world_new();
    struct recursion recursion = {.most = 100};
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
    wasm_func_t *func = wasm_func_new_with_env(world.store, type, again, &recursion, NULL);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    struct guest guest = GUEST(world.store, guest_nested, WASM_ARRAY_VEC(imports));
    recursion.func = func_at(&guest, 0);
    CHECK(call_i32(recursion.func, VALUES(WASM_I32_VAL(5))) == 105);
    recursion.most = -1;
    wasm_val_t room[1];
    wasm_val_vec_t args = VALUES(WASM_I32_VAL(0)), results = WASM_ARRAY_VEC(room);
    check_trap(wasm_func_call(recursion.func, &args, &results), "call stack exhausted");
    recursion.depth = 0;
    recursion.most = 3;
    CHECK(call_i32(recursion.func, VALUES(WASM_I32_VAL(1))) == 4); /* nothing is left of it */
    wasm_functype_delete(type);
    wasm_func_delete(func);
    guest_delete(&guest);
    world_delete(&world);
}

/* ---- Globals, tables, memories ---- */

static wasm_global_t *new_global(wasm_store_t *store, wasm_valkind_t kind, wasm_mutability_t mutability,
                                 wasm_val_t value)
{
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(kind), mutability);
    wasm_global_t *global = wasm_global_new(store, type, &value);
    wasm_globaltype_delete(type);
    return global;
}

static wasm_val_t global_value(const wasm_global_t *global)
{
    wasm_val_t value;
    wasm_global_get(global, &value);
    return value;
}

static void globals(void)
{
    struct world world = world_new();
    wasm_val_t half = WASM_F32_VAL(0.5f), nine = WASM_I64_VAL(9), ten = WASM_I64_VAL(10);
    wasm_val_t eight = WASM_F64_VAL(8.25), six = WASM_I32_VAL(6);
    wasm_val_t result[1];
    wasm_val_vec_t results = WASM_ARRAY_VEC(result);
    CHECK(!new_global(world.store, WASM_F32, WASM_CONST, nine));
    wasm_global_t *constant = new_global(world.store, WASM_F32, WASM_CONST, half);
    wasm_global_t *variable = new_global(world.store, WASM_I64, WASM_VAR, nine);
    wasm_extern_t *imports[] = {wasm_global_as_extern(constant), wasm_global_as_extern(variable)};
    struct guest guest = GUEST(world.store, guest_global, WASM_ARRAY_VEC(imports));
    wasm_global_t *own = wasm_extern_as_global(guest.exports.data[0]);
    wasm_global_t *fixed = wasm_extern_as_global(guest.exports.data[1]);

    call_well(func_at(&guest, 2), NO_VALUES, results);
    CHECK(result[0].of.f32 == 0.5f);
    call_well(func_at(&guest, 3), NO_VALUES, results);
    CHECK(result[0].of.i64 == 9);
    call_well(func_at(&guest, 4), VALUES(WASM_I64_VAL(-3)), NO_VALUES);
    CHECK(global_value(variable).of.i64 == -3);
    wasm_global_set(variable, &ten);
    call_well(func_at(&guest, 3), NO_VALUES, results);
    CHECK(result[0].of.i64 == 10);
    wasm_global_set(own, &eight);
    call_well(func_at(&guest, 5), NO_VALUES, results);
    CHECK(result[0].of.f64 == 8.25);
    wasm_global_set(own, &nine);  /* another type */
    wasm_global_set(fixed, &six); /* constant */
    CHECK(global_value(own).of.f64 == 8.25 && global_value(fixed).of.i32 == 5);

    wasm_globaltype_t *type = wasm_global_type(own);
    CHECK(wasm_globaltype_mutability(type) == WASM_VAR);
    CHECK(wasm_valtype_kind(wasm_globaltype_content(type)) == WASM_F64);
    wasm_globaltype_delete(type);
    wasm_global_delete(constant);
    wasm_global_delete(variable);
    guest_delete(&guest);
    world_delete(&world);
}

static wasm_trap_t *negate(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    results->data[0].of.i32 = -args->data[0].of.i32;
    return NULL;
}

static void tables(void)
{
    struct world world = world_new();
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
    wasm_func_t *negated = wasm_func_new(world.store, type, negate);
    struct guest guest = GUEST(world.store, guest_table, WASM_EMPTY_VEC);
    wasm_table_t *table = wasm_extern_as_table(guest.exports.data[0]);
    wasm_func_t *call = func_at(&guest, 1), *same = func_at(&guest, 2), *none = func_at(&guest, 3);
    wasm_val_vec_t null_call = VALUES(WASM_I32_VAL(0), WASM_I32_VAL(0));
    wasm_val_vec_t far_call = VALUES(WASM_I32_VAL(0), WASM_I32_VAL(2));

    CHECK(wasm_table_size(table) == 2 && wasm_table_get(table, 0) == NULL);
    wasm_ref_t *item = wasm_table_get(table, 1);
    CHECK(wasm_ref_same(item, wasm_func_as_ref(same)));
    wasm_ref_delete(item);
    CHECK(call_i32(call, VALUES(WASM_I32_VAL(7), WASM_I32_VAL(1))) == 7);
    check_trap(wasm_func_call(call, &null_call, NULL), "uninitialized element");
    check_trap(wasm_func_call(call, &far_call, NULL), "undefined element");

    CHECK(wasm_table_set(table, 0, wasm_func_as_ref(none)));
    CHECK(wasm_table_set(table, 1, wasm_func_as_ref(negated)));
    CHECK(!wasm_table_set(table, 2, wasm_func_as_ref(none)));
    CHECK(!wasm_table_set(table, 0, wasm_table_as_ref(table))); /* no function */
    CHECK(call_i32(call, VALUES(WASM_I32_VAL(7), WASM_I32_VAL(0))) == 666);
    CHECK(call_i32(call, VALUES(WASM_I32_VAL(7), WASM_I32_VAL(1))) == -7);
    CHECK(wasm_table_grow(table, 3, wasm_func_as_ref(same)) && wasm_table_size(table) == 5);
    CHECK(!wasm_table_grow(table, 1, NULL) && wasm_table_grow(table, 0, NULL));
    CHECK(call_i32(call, VALUES(WASM_I32_VAL(8), WASM_I32_VAL(4))) == 8);
    CHECK(wasm_table_set(table, 1, NULL) && wasm_table_get(table, 1) == NULL);

    wasm_limits_t limits = {2, wasm_limits_max_default};
    wasm_tabletype_t *of_refs = wasm_tabletype_new(wasm_valtype_new_externref(), &limits);
    wasm_table_t *other = wasm_table_new(world.store, of_refs, wasm_func_as_ref(none));
    item = wasm_table_get(other, 1);
    CHECK(wasm_ref_as_func(item) == none && wasm_ref_as_table(item) == NULL);
    wasm_ref_delete(item);
    wasm_tabletype_t *asked = wasm_table_type(other);
    CHECK(wasm_valtype_kind(wasm_tabletype_element(asked)) == WASM_EXTERNREF);
    CHECK(wasm_tabletype_limits(asked)->min == 2);
    CHECK(wasm_tabletype_limits(asked)->max == wasm_limits_max_default);
    wasm_tabletype_delete(asked);
    wasm_tabletype_delete(of_refs);
    wasm_table_delete(other);
    wasm_functype_delete(type);
    wasm_func_delete(negated);
    guest_delete(&guest);
    world_delete(&world);
}

static void memories(void)
{
    struct world world = world_new();
    struct guest guest = GUEST(world.store, guest_memory, WASM_EMPTY_VEC);
    wasm_memory_t *memory = wasm_extern_as_memory(guest.exports.data[0]);
    wasm_val_vec_t beyond = VALUES(WASM_I32_VAL(0x20000));
    CHECK(wasm_memory_size(memory) == 2 && wasm_memory_data_size(memory) == 2 * MEMORY_PAGE_SIZE);
    CHECK(memcmp(wasm_memory_data(memory) + 0x1000, "\1\2\3\4", 5) == 0);
    CHECK(call_i32(func_at(&guest, 1), NO_VALUES) == 2);
    check_trap(wasm_func_call(func_at(&guest, 2), &beyond, NULL), "out of bounds memory access");
    wasm_memory_data(memory)[0x1003] = -5;
    CHECK(call_i32(func_at(&guest, 2), VALUES(WASM_I32_VAL(0x1003))) == -5);
    CHECK(wasm_memory_grow(memory, 1) && wasm_memory_size(memory) == 3);
    call_well(func_at(&guest, 3), VALUES(WASM_I32_VAL(0x20000), WASM_I32_VAL(77)), NO_VALUES);
    CHECK(wasm_memory_data(memory)[0x20000] == 77 && wasm_memory_data(memory)[0x1003] == -5);
    CHECK(!wasm_memory_grow(memory, 1) && wasm_memory_grow(memory, 0));

    wasm_limits_t limits = {5, 5}, upside_down = {2, 1};
    wasm_memorytype_t *type = wasm_memorytype_new(&limits);
    wasm_memorytype_t *wrong = wasm_memorytype_new(&upside_down);
    wasm_memory_t *other = wasm_memory_new(world.store, type);
    CHECK(wasm_memory_size(other) == 5 && !wasm_memory_grow(other, 1));
    CHECK(!wasm_memory_new(world.store, wrong));
    wasm_memorytype_t *asked = wasm_memory_type(other);
    CHECK(wasm_memorytype_limits(asked)->min == 5 && wasm_memorytype_limits(asked)->max == 5);
    wasm_memorytype_delete(asked);
    wasm_memorytype_delete(type);
    wasm_memorytype_delete(wrong);
    wasm_memory_delete(other);
    guest_delete(&guest);
    world_delete(&world);
}

/* ---- Linking ---- */

static void linking(void)
{
    struct world world = world_new();
    struct world stranger = world_new();
    wasm_module_t *module = MODULE(world.store, guest_hello);
    wasm_functype_t *type = wasm_functype_new_1_0(wasm_valtype_new_i32());
    wasm_functype_t *right = wasm_functype_new_0_0();
    wasm_func_t *func = wasm_func_new(world.store, type, say_hello);
    wasm_func_t *foreigner = wasm_func_new(stranger.store, right, say_hello);
    wasm_extern_t *items[] = {wasm_func_as_extern(func)};
    wasm_extern_t *foreign_items[] = {wasm_func_as_extern(foreigner)};
    wasm_extern_vec_t imports = WASM_ARRAY_VEC(items), foreign = WASM_ARRAY_VEC(foreign_items);
    wasm_extern_vec_t none = WASM_EMPTY_VEC;
    wasm_trap_t *trap = NULL;
    CHECK(!wasm_instance_new(world.store, module, &none, &trap));
    check_trap(trap, "Unknown import: the module has 1 imports and 0 are given.");
    CHECK(!wasm_instance_new(world.store, module, &imports, &trap));
    check_trap(trap, "Incompatible import type: \"host\" \"hello\" has another function type.");
    CHECK(!wasm_instance_new(world.store, module, &foreign, &trap));
    check_trap(trap, "Import \"host\" \"hello\" belongs to another store.");
    CHECK(!wasm_instance_new(stranger.store, module, &foreign, &trap));
    check_trap(trap, "the module belongs to another engine: share and obtain it");
    items[0] = NULL;
    CHECK(!wasm_instance_new(world.store, module, &imports, &trap));
    check_trap(trap, "an import is NULL");
    wasm_functype_delete(type);
    wasm_functype_delete(right);
    wasm_func_delete(func);
    wasm_func_delete(foreigner);
    wasm_module_delete(module);
    world_delete(&world);
    world_delete(&stranger);
}

static const struct test tests[] = {
    {"A guest calls a function of the host", hello},
    {"Host functions take and give values, with an environment that is finalized", callback},
    {"Several values of every number type come and go in their order", multi},
    {"Values that do not fit the type of a function give a trap", misfits},
    {"A trap says what happened and in which frames, innermost first", traps},
    {"A start function that traps leaves no instance", start},
    {"Host and guest call each other, so deep and no deeper", nesting},
    {"Globals are shared between host and guest, and keep type and mutability", globals},
    {"Tables are shared between host and guest, and grow to their maximum", tables},
    {"Memories are shared between host and guest, and grow to their maximum", memories},
    {"Imports that do not fit give a trap that names them", linking},
};
RUN_TESTS(tests)
