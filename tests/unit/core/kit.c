/* See kit.h. */
#include "kit.h"

#include "guest.h"

int run_tests(const struct test *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tests[i].prove();
        printf("ok: %s\n", tests[i].sentence);
    }
    return 0;
}

struct nidus_config kit_config(struct account *account)
{
    struct nidus_config config;
    nidus_config_default(&config);
    config.allocator = account_allocator(account);
    return config;
}

static enum nidus_code define_host(struct rig *rig, struct nidus_linker *linker,
                                   nidus_host_function host, void *context)
{
    const nidus_type i32 = NIDUS_I32;
    const struct nidus_functype type = {1, 1, &i32, &i32};
    struct nidus_extern item = {.kind = NIDUS_FUNC};
    enum nidus_code code = nidus_func_new(rig->store, &type, host, context, &item.of.func);
    if (code != NIDUS_OK)
        return code;
    return nidus_linker_define(linker, (struct nidus_name){"host", 4},
                               (struct nidus_name){"read", 4}, item);
}

enum nidus_code rig_start(struct rig *rig, const struct nidus_config *config,
                          nidus_host_function host, void *context)
{
    struct nidus_linker *linker = NULL;
    enum nidus_code code = nidus_engine_new(config, &rig->engine);
    if (code == NIDUS_OK)
        code = nidus_module_load(rig->engine, guest_module, sizeof guest_module, NIDUS_LOAD_COPY,
                                 &rig->module, NULL);
    if (code == NIDUS_OK)
        code = nidus_store_new(rig->engine, &rig->store);
    if (code == NIDUS_OK)
        code = nidus_linker_new(rig->store, &linker);
    if (code == NIDUS_OK)
        code = define_host(rig, linker, host, context);
    if (code == NIDUS_OK)
        code = nidus_linker_instantiate(linker, rig->module, &rig->instance, NULL);
    if (code == NIDUS_OK)
        code = nidus_run_new(rig->store, &rig->run);
    nidus_linker_free(linker);
    return code;
}

void rig_stop(struct rig *rig)
{
    nidus_store_free(rig->store);
    nidus_module_free(rig->module);
    nidus_engine_free(rig->engine);
}

struct nidus_func *rig_export(struct rig *rig, const char *name)
{
    struct nidus_extern found;
    CHECK(nidus_instance_find(rig->instance, name, strlen(name), &found));
    CHECK(found.kind == NIDUS_FUNC);
    return found.of.func;
}

void rig_begin(struct rig *rig, const char *name, const int32_t *arg)
{
    struct nidus_value value = {.type = NIDUS_I32};
    if (arg)
        value.of.i32 = *arg;
    CHECK(nidus_run_start(rig->run, rig_export(rig, name), &value, arg != NULL) == NIDUS_OK);
}

int32_t rig_result(const struct rig *rig)
{
    struct nidus_value value;
    CHECK(nidus_run_status(rig->run) == NIDUS_RUN_DONE);
    nidus_run_results(rig->run, &value);
    CHECK(value.type == NIDUS_I32);
    return value.of.i32;
}
