/* The standard C API: descriptions of types, vectors, modules and what they import and export. */
#include "wasm_api_kit.h"

static void check_name(const wasm_name_t *name, const char *text)
{
    CHECK(name->size == strlen(text) && (!name->size || memcmp(name->data, text, name->size) == 0));
}

static void check_kinds(const wasm_valtype_vec_t *types, size_t count, const wasm_valkind_t *kinds)
{
    CHECK(types->size == count);
    for (size_t i = 0; i < count; i++)
        CHECK(wasm_valtype_kind(types->data[i]) == kinds[i]);
}

static void value_types(void)
{
    CHECK(wasm_valkind_is_num(WASM_F64) && wasm_valkind_is_ref(WASM_FUNCREF));
    CHECK(wasm_valtype_is_num(wasm_valtype_new_f32()));
    CHECK(wasm_valtype_is_ref(wasm_valtype_new_externref()));
    CHECK(WASM_EXTERNREF == 128 && WASM_FUNCREF == 129);
    CHECK(!wasm_valtype_new(WASM_V128) && !wasm_valtype_new(77) && !wasm_valtype_new(255));
    wasm_valtype_vec_t broken, empty;
    wasm_valtype_vec_new_uninitialized(&broken, 2);
    wasm_valtype_vec_new_empty(&empty);
    CHECK(!wasm_functype_new(&broken, &empty));
}

static void extern_types(void)
{
    wasm_limits_t limits = {1, 9};
    wasm_externtype_vec_t types, copies;
    wasm_externtype_t *items[] = {
        wasm_functype_as_externtype(wasm_functype_new_2_1(wasm_valtype_new_i32(), wasm_valtype_new_f32(),
                                                          wasm_valtype_new_funcref())),
        wasm_globaltype_as_externtype(wasm_globaltype_new(wasm_valtype_new_i64(), WASM_VAR)),
        wasm_tabletype_as_externtype(wasm_tabletype_new(wasm_valtype_new_funcref(), &limits)),
        wasm_memorytype_as_externtype(wasm_memorytype_new(&limits)),
    };
    wasm_externtype_vec_new(&types, 4, items);
    wasm_externtype_vec_copy(&copies, &types);
    wasm_externtype_vec_delete(&types);
    CHECK(types.size == 0 && types.data == NULL && copies.size == 4);
    const wasm_functype_t *func = wasm_externtype_as_functype_const(copies.data[0]);
    check_kinds(wasm_functype_params(func), 2, (const wasm_valkind_t[]){WASM_I32, WASM_F32});
    check_kinds(wasm_functype_results(func), 1, (const wasm_valkind_t[]){WASM_FUNCREF});
    const wasm_globaltype_t *global = wasm_externtype_as_globaltype(copies.data[1]);
    CHECK(wasm_globaltype_mutability(global) == WASM_VAR);
    const wasm_tabletype_t *table = wasm_externtype_as_tabletype(copies.data[2]);
    CHECK(wasm_tabletype_limits(table)->max == 9);
    const wasm_memorytype_t *memory = wasm_externtype_as_memorytype(copies.data[3]);
    CHECK(wasm_memorytype_limits(memory)->min == 1);
    for (wasm_externkind_t kind = 0; kind < 4; kind++)
        CHECK(wasm_externtype_kind(copies.data[kind]) == kind);
    CHECK(!wasm_externtype_as_functype(copies.data[1]) && !wasm_externtype_as_memorytype(copies.data[0]));
    CHECK(!wasm_externtype_as_globaltype(copies.data[2]) && !wasm_externtype_as_tabletype(copies.data[3]));
    wasm_externtype_vec_delete(&copies);
}

static void short_hands(void)
{
    wasm_functype_t *types[] = {
        wasm_functype_new_3_2(wasm_valtype_new_i32(), wasm_valtype_new_i64(), wasm_valtype_new_f32(),
                              wasm_valtype_new_f64(), wasm_valtype_new_externref()),
        wasm_functype_new_0_2(wasm_valtype_new_f64(), wasm_valtype_new_externref()),
        wasm_functype_new_3_0(wasm_valtype_new_i32(), wasm_valtype_new_i64(), wasm_valtype_new_f32()),
    };
    static const wasm_valkind_t kinds[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_EXTERNREF};
    check_kinds(wasm_functype_params(types[0]), 3, kinds);
    check_kinds(wasm_functype_results(types[0]), 2, kinds + 3);
    check_kinds(wasm_functype_params(types[1]), 0, NULL);
    check_kinds(wasm_functype_results(types[1]), 2, kinds + 3);
    check_kinds(wasm_functype_params(types[2]), 3, kinds);
    check_kinds(wasm_functype_results(types[2]), 0, NULL);
    wasm_functype_vec_t all;
    wasm_functype_vec_new(&all, 3, types);
    wasm_functype_vec_delete(&all);
    wasm_val_t pointer;
    wasm_val_init_ptr(&pointer, &all);
    CHECK(wasm_val_ptr(&pointer) == &all);
}

static void vectors(void)
{
    wasm_byte_vec_t bytes, copy;
    wasm_byte_vec_new_uninitialized(&bytes, 3);
    memcpy(bytes.data, "abc", 3);
    wasm_byte_vec_copy(&copy, &bytes);
    wasm_byte_vec_delete(&bytes);
    CHECK(bytes.size == 0 && bytes.data == NULL && copy.size == 3 && memcmp(copy.data, "abc", 3) == 0);
    wasm_byte_vec_delete(&copy);
    wasm_byte_vec_new(&bytes, 0, NULL);
    wasm_byte_vec_copy(&copy, &bytes);
    CHECK(copy.size == 0 && copy.data == NULL);
    wasm_extern_vec_t externs; /* not filled in, and deleted all the same */
    wasm_extern_vec_new_uninitialized(&externs, 5);
    wasm_extern_vec_delete(&externs);
    wasm_name_t name;
    wasm_name_new_from_string(&name, "no zero");
    CHECK(name.size == 7);
    wasm_name_delete(&name);
}

static void import_and_export_types(void)
{
    wasm_name_t module, name;
    wasm_name_new_from_string(&module, "from");
    wasm_name_new_from_string(&name, "what");
    wasm_importtype_t *import =
        wasm_importtype_new(&module, &name, wasm_functype_as_externtype(wasm_functype_new_0_0()));
    wasm_importtype_t *copy = wasm_importtype_copy(import);
    wasm_importtype_delete(import);
    check_name(wasm_importtype_module(copy), "from");
    check_name(wasm_importtype_name(copy), "what");
    CHECK(wasm_externtype_kind(wasm_importtype_type(copy)) == WASM_EXTERN_FUNC);
    wasm_importtype_delete(copy);
    wasm_name_new_from_string(&name, "out");
    wasm_exporttype_t *export =
        wasm_exporttype_new(&name, wasm_globaltype_as_externtype(
                                       wasm_globaltype_new(wasm_valtype_new_i32(), WASM_CONST)));
    wasm_exporttype_t *export_copy = wasm_exporttype_copy(export);
    wasm_exporttype_delete(export);
    check_name(wasm_exporttype_name(export_copy), "out");
    wasm_exporttype_delete(export_copy);
}

static void reflection(void)
{
    struct world world = world_new();
    wasm_module_t *module = MODULE(world.store, guest_reflect);
    wasm_importtype_vec_t imports;
    wasm_exporttype_vec_t exports;
    wasm_module_imports(module, &imports);
    CHECK(imports.size == 2);
    check_name(wasm_importtype_module(imports.data[0]), "a");
    check_name(wasm_importtype_name(imports.data[0]), "f");
    const wasm_functype_t *func =
        wasm_externtype_as_functype_const(wasm_importtype_type(imports.data[0]));
    check_kinds(wasm_functype_params(func), 2, (const wasm_valkind_t[]){WASM_I64, WASM_EXTERNREF});
    check_kinds(wasm_functype_results(func), 1, (const wasm_valkind_t[]){WASM_FUNCREF});
    check_name(wasm_importtype_module(imports.data[1]), "");
    const wasm_limits_t *limits = wasm_memorytype_limits(
        wasm_externtype_as_memorytype_const(wasm_importtype_type(imports.data[1])));
    CHECK(limits->min == 1 && limits->max == 7);
    wasm_importtype_vec_delete(&imports);

    static const char *const names[] = {"func", "global", "vector", "table", "memory", "simd"};
    static const wasm_externkind_t kinds[] = {WASM_EXTERN_FUNC,  WASM_EXTERN_GLOBAL, WASM_EXTERN_GLOBAL,
                                              WASM_EXTERN_TABLE, WASM_EXTERN_MEMORY, WASM_EXTERN_FUNC};
    wasm_module_exports(module, &exports);
    CHECK(exports.size == 6);
    for (size_t i = 0; i < 6; i++) {
        check_name(wasm_exporttype_name(exports.data[i]), names[i]);
        CHECK(wasm_externtype_kind(wasm_exporttype_type(exports.data[i])) == kinds[i]);
    }
    const wasm_globaltype_t *vector =
        wasm_externtype_as_globaltype_const(wasm_exporttype_type(exports.data[2]));
    CHECK(wasm_valtype_kind(wasm_globaltype_content(vector)) == WASM_V128);
    limits = wasm_tabletype_limits(
        wasm_externtype_as_tabletype_const(wasm_exporttype_type(exports.data[3])));
    CHECK(limits->min == 0 && limits->max == 50);
    wasm_exporttype_vec_delete(&exports);
    wasm_module_delete(module);
    world_delete(&world);
}

static wasm_trap_t *give_null(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    CHECK(args->data[0].kind == WASM_I64 && results->data[0].kind == WASM_FUNCREF);
    return NULL;
}

static void instance_reflection(void)
{
    struct world world = world_new();
    wasm_limits_t limits = {2, 6};
    wasm_memorytype_t *memory_type = wasm_memorytype_new(&limits);
    wasm_functype_t *func_type = wasm_functype_new_2_1(wasm_valtype_new_i64(), wasm_valtype_new_externref(),
                                                       wasm_valtype_new_funcref());
    wasm_func_t *func = wasm_func_new(world.store, func_type, give_null);
    wasm_memory_t *memory = wasm_memory_new(world.store, memory_type);
    wasm_extern_t *items[] = {wasm_func_as_extern(func), wasm_memory_as_extern(memory)};
    struct guest guest = GUEST(world.store, guest_reflect, WASM_ARRAY_VEC(items));
    CHECK(guest.exports.size == 6);
    CHECK(wasm_extern_same(guest.exports.data[4], items[1])); /* what was imported goes out again */
    wasm_externtype_t *type = wasm_extern_type(guest.exports.data[4]);
    CHECK(wasm_memorytype_limits(wasm_externtype_as_memorytype(type))->max == 6);
    wasm_externtype_delete(type);
    wasm_functype_t *asked = wasm_func_type(func_at(&guest, 0));
    check_kinds(wasm_functype_params(asked), 3, (const wasm_valkind_t[]){WASM_I32, WASM_F64, WASM_F32});
    check_kinds(wasm_functype_results(asked), 2, (const wasm_valkind_t[]){WASM_I32, WASM_I64});
    wasm_functype_delete(asked);
    asked = wasm_func_type(func_at(&guest, 5));
    check_kinds(wasm_functype_results(asked), 1, (const wasm_valkind_t[]){WASM_V128});
    CHECK(!wasm_func_new(world.store, asked, give_null));
    wasm_functype_delete(asked);
    check_trap(wasm_func_call(func_at(&guest, 5), NULL, NULL),
               "the function gives a v128, which no wasm_val_t can hold");
    wasm_memorytype_delete(memory_type);
    wasm_functype_delete(func_type);
    wasm_func_delete(func);
    wasm_memory_delete(memory);
    guest_delete(&guest);
    world_delete(&world);
}

static void validation(void)
{
    struct world world = world_new();
    wasm_byte_vec_t good = bytes_of(guest_multi, sizeof guest_multi);
    wasm_byte_vec_t cut = bytes_of(guest_multi, sizeof guest_multi - 1);
    wasm_byte_vec_t nothing = WASM_EMPTY_VEC;
    CHECK(wasm_module_validate(world.store, &good) && !wasm_module_validate(world.store, &cut));
    CHECK(!wasm_module_new(world.store, &cut) && !wasm_module_new(world.store, &nothing));
    world_delete(&world);
}

static void serialization(void)
{
    struct world world = world_new();
    wasm_module_t *module = MODULE(world.store, guest_memory);
    wasm_byte_vec_t bytes;
    wasm_module_serialize(module, &bytes);
    wasm_module_delete(module);
    wasm_module_t *again = wasm_module_deserialize(world.store, &bytes);
    memset(bytes.data, 0, bytes.size); /* it keeps its own */
    wasm_byte_vec_delete(&bytes);
    struct guest guest = guest_of(world.store, again, (wasm_extern_vec_t)WASM_EMPTY_VEC);
    CHECK(call_i32(func_at(&guest, 2), VALUES(WASM_I32_VAL(0x1002))) == 3);
    guest_delete(&guest);
    world_delete(&world);
}

static const struct test tests[] = {
    {"Value types have the published kinds", value_types},
    {"Descriptions of externals are copied whole and cast by kind", extern_types},
    {"The short-hands make the function types they say", short_hands},
    {"Vectors own their elements, and are empty once deleted", vectors},
    {"Import and export types own their names and types", import_and_export_types},
    {"A module tells its imports and exports in their order", reflection},
    {"An instance's exports have the types of what they are", instance_reflection},
    {"Bytes that are no valid module give none", validation},
    {"A module comes back from its serialized form", serialization},
};
RUN_TESTS(tests)
