#include "spectest.h"

#include <string.h>

static enum nidus_host_result print_nothing(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)context;
    (void)call;
    (void)slots;
    return NIDUS_HOST_DONE;
}

static enum nidus_code define(struct nidus_linker *linker, const char *name, enum nidus_kind kind, void *item)
{
    struct nidus_name from = {"spectest", 8}, field = {name, strlen(name)};
    struct nidus_extern external = {.kind = kind, .of.any = item};

    return nidus_linker_define(linker, from, field, external);
}

static enum nidus_code define_functions(struct nidus_store *store, struct nidus_linker *linker)
{
    static const nidus_type i32[] = {NIDUS_I32}, i64[] = {NIDUS_I64}, f32[] = {NIDUS_F32}, f64[] = {NIDUS_F64};
    static const nidus_type i32_f32[] = {NIDUS_I32, NIDUS_F32}, f64_f64[] = {NIDUS_F64, NIDUS_F64};
    static const struct {
        const char *name;
        uint32_t count;
        const nidus_type *params;
    } functions[] = {
        {"print", 0, NULL},    {"print_i32", 1, i32},         {"print_i64", 1, i64},        {"print_f32", 1, f32},
        {"print_f64", 1, f64}, {"print_i32_f32", 2, i32_f32}, {"print_f64_f64", 2, f64_f64},
    };

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        struct nidus_functype type = {.param_count = functions[i].count, .params = functions[i].params};
        struct nidus_func *func;
        enum nidus_code code = nidus_func_new(store, &type, print_nothing, NULL, &func);
        if (!code)
            code = define(linker, functions[i].name, NIDUS_FUNC, func);
        if (code)
            return code;
    }
    return NIDUS_OK;
}

static enum nidus_code define_globals(struct nidus_store *store, struct nidus_linker *linker)
{
    static const struct {
        const char *name;
        struct nidus_value value;
    } globals[] = {
        {"global_i32", {.type = NIDUS_I32, .of.i32 = 666}},
        {"global_i64", {.type = NIDUS_I64, .of.i64 = 666}},
        {"global_f32", {.type = NIDUS_F32, .of.f32 = UINT32_C(0x4426a666)}},         /* 666.6 */
        {"global_f64", {.type = NIDUS_F64, .of.f64 = UINT64_C(0x4084d4cccccccccd)}}, /* 666.6 */
    };

    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        struct nidus_global *global;
        enum nidus_code code = nidus_global_new(store, &globals[i].value, false, &global);
        if (!code)
            code = define(linker, globals[i].name, NIDUS_GLOBAL, global);
        if (code)
            return code;
    }
    return NIDUS_OK;
}

enum nidus_code spectest_define(struct nidus_store *store, struct nidus_linker *linker)
{
    const struct nidus_limits_type ten = {.minimum = 10, .maximum = 20};
    const struct nidus_limits_type ten64 = {.minimum = 10, .maximum = 20, .is64 = true};
    const struct nidus_limits_type one = {.minimum = 1, .maximum = 2};
    const struct nidus_limits_type shared = {.minimum = 1, .maximum = 2, .shared = true};
    struct nidus_table *table;
    struct nidus_memory *memory;
    enum nidus_code code = define_functions(store, linker);

    if (!code)
        code = define_globals(store, linker);
    if (!code)
        code = nidus_table_new(store, NIDUS_FUNCREF, &ten, NIDUS_NULL, &table);
    if (!code)
        code = define(linker, "table", NIDUS_TABLE, table);
    if (!code)
        code = nidus_memory_new(store, &one, &memory);
    if (!code)
        code = define(linker, "memory", NIDUS_MEMORY, memory);
    if (!code)
        code = nidus_memory_new(store, &shared, &memory);
    if (!code)
        code = define(linker, "shared_memory", NIDUS_MEMORY, memory);
    if (!code)
        code = nidus_table_new(store, NIDUS_FUNCREF, &ten64, NIDUS_NULL, &table);
    /* An engine without 64-bit tables refuses this one; the scripts that need it then fail to link. */
    if (code == NIDUS_ERROR_UNSUPPORTED)
        return NIDUS_OK;
    return code ? code : define(linker, "table64", NIDUS_TABLE, table);
}
