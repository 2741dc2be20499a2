/* See guest.h. */
#include "guest.h"

#include <string.h>

#include "json.h"
#include "module.h"
#include "reader.h"

enum {
    SLICE = 2000000,   /* fuel of one: some milliseconds */
    MOST_FRAMES = 100, /* of a backtrace */
};

/* What an imported function knows. */
struct guest_import {
    struct guest *guest;
    uint32_t index;
    bool returns;
};

struct guest {
    struct nidus_engine *engine;
    const struct nidus_allocator *allocator;
    guest_call call;
    struct nidus_name name;
    struct nidus_module *module;
    struct nidus_store *store;
    struct nidus_memory *memory; /* NULL: it exports none as "memory" */
    struct nidus_run *run;
    struct guest_import *imports;
    struct nidus_func *next; /* to be called when what runs has returned, or NULL */
    struct nidus_value *zeros; /* its arguments */
    uint32_t zero_count;
    struct json answer;
};

struct guest *guest_new(struct nidus_engine *engine, guest_call call)
{
    const struct nidus_allocator *allocator = &engine->config.allocator;
    struct guest *guest = pool_new(allocator, 1, sizeof *guest);
    if (!guest)
        return NULL;
    guest->engine = engine;
    guest->allocator = allocator;
    guest->call = call;
    guest->answer.allocator = allocator;
    return guest;
}

void guest_free(struct guest *guest)
{
    if (!guest)
        return;
    nidus_store_free(guest->store);
    if (guest->imports)
        pool_free(guest->allocator, guest->imports, nidus_module_import_count(guest->module),
                  sizeof *guest->imports);
    pool_free(guest->allocator, guest->zeros, guest->zero_count, sizeof *guest->zeros);
    nidus_module_free(guest->module);
    json_free(&guest->answer);
    pool_free(guest->allocator, guest, 1, sizeof *guest);
}

static const char *refuse(struct guest *guest, const struct nidus_error *error)
{
    struct json *json = &guest->answer;
    json_clear(json);
    json_key(json, '{', "message");
    json_raw(json, "\"");
    json_part(json, error->text, strlen(error->text));
    if (error->code != NIDUS_ERROR_LINK && error->code != NIDUS_ERROR_TRAP) {
        json_raw(json, " (at byte ");
        json_number(json, (uint32_t)error->offset, 10);
        json_raw(json, ")");
    }
    json_raw(json, "\"}");
    return json_text(json);
}

/* ---- Loading ---- */

static void describe(struct json *json, const struct nidus_name *name, enum nidus_kind kind)
{
    static const char *const kinds[] = {"function", "table", "memory", "global", "tag"};
    json_string(json, name->bytes, name->length);
    json_key(json, ',', "kind");
    json_string(json, kinds[kind], strlen(kinds[kind]));
}

static void describe_import(struct json *json, const struct nidus_module *module, uint32_t index)
{
    struct nidus_name from, name;
    struct nidus_externtype type;
    nidus_module_import(module, index, &from, &name, &type);
    json_key(json, '{', "module");
    json_string(json, from.bytes, from.length);
    json_key(json, ',', "name");
    describe(json, &name, type.kind);
    if (type.kind == NIDUS_FUNC) {
        json_key(json, ',', "params");
        json_raw(json, "[");
        for (uint32_t i = 0; i < type.func.param_count; i++) {
            json_raw(json, i ? "," : "");
            json_raw(json, type.func.params[i] == NIDUS_I64 ? "1" : "0");
        }
        json_raw(json, "]");
    }
    json_raw(json, "}");
}

const char *guest_load(struct guest *guest, const void *bytes, size_t size, struct nidus_name name)
{
    struct json *json = &guest->answer;
    struct nidus_error error = {0};
    guest->name = name;
    if (nidus_module_load(guest->engine, bytes, size, NIDUS_LOAD_BORROW, &guest->module, &error))
        return refuse(guest, &error);
    json_clear(json);
    json_key(json, '{', "imports");
    json_raw(json, "[");
    for (uint32_t i = 0; i < nidus_module_import_count(guest->module); i++) {
        json_raw(json, i ? "," : "");
        describe_import(json, guest->module, i);
    }
    json_raw(json, "]");
    json_key(json, ',', "exports");
    json_raw(json, "[");
    for (uint32_t i = 0; i < nidus_module_export_count(guest->module); i++) {
        struct nidus_name exported;
        struct nidus_externtype type;
        nidus_module_export(guest->module, i, &exported, &type);
        json_raw(json, i ? "," : "");
        json_key(json, '{', "name");
        describe(json, &exported, type.kind);
        json_raw(json, "}");
    }
    json_raw(json, "]}");
    return json_text(json);
}

/* ---- Starting ---- */

static enum nidus_host_result call_import(void *context, struct nidus_call *call, uint64_t *slots)
{
    const struct guest_import *import = context;
    const struct guest *guest = import->guest;
    size_t size = 0;
    uint8_t *memory = guest->memory ? nidus_memory_data(guest->memory, &size) : NULL;
    uint32_t answer = guest->call(import->index, slots, memory, size);
    (void)call;
    if (answer == GUEST_WOULD_BLOCK)
        return NIDUS_HOST_BLOCK;
    if (import->returns)
        slots[0] = answer;
    return NIDUS_HOST_DONE;
}

/* Can the function's calls be told in slots and one number? */
static bool is_plain(const struct nidus_functype *type)
{
    for (uint32_t i = 0; i < type->param_count; i++)
        if (type->params[i] != NIDUS_I32 && type->params[i] != NIDUS_I64)
            return false;
    return type->result_count == 0 || (type->result_count == 1 && type->results[0] == NIDUS_I32);
}

static enum nidus_code make_import(struct guest *guest, uint32_t index, struct nidus_extern *item,
                                   struct nidus_error *error)
{
    struct nidus_name from, name;
    struct nidus_externtype type;
    nidus_module_import(guest->module, index, &from, &name, &type);
    if (type.kind != NIDUS_FUNC || !is_plain(&type.func))
        return error_set(error, NIDUS_ERROR_LINK, 0,
                         "Incompatible import type: \"%n\" \"%n\" is not a function of i32 and i64 "
                         "with at most one result, an i32.",
                         &from, &name);
    struct guest_import *import = &guest->imports[index];
    *import = (struct guest_import){guest, index, type.func.result_count != 0};
    item->kind = NIDUS_FUNC;
    if (nidus_func_new(guest->store, &type.func, call_import, import, &item->of.func))
        return error_no_memory(error);
    return NIDUS_OK;
}

static enum nidus_code instantiate(struct guest *guest, struct nidus_instance **instance,
                                   struct nidus_error *error)
{
    uint32_t count = nidus_module_import_count(guest->module);
    enum nidus_code code = NIDUS_OK;
    if (nidus_store_new(guest->engine, &guest->store))
        return error_no_memory(error);
    struct nidus_extern *items = pool_new(guest->allocator, count, sizeof *items);
    guest->imports = pool_new(guest->allocator, count, sizeof *guest->imports);
    if (!items || !guest->imports)
        code = error_no_memory(error);
    for (uint32_t i = 0; i < count && code == NIDUS_OK; i++)
        code = make_import(guest, i, &items[i], error);
    if (code == NIDUS_OK)
        code = nidus_instance_new(guest->store, guest->module, items, count, instance, error);
    pool_free(guest->allocator, items, count, sizeof *items);
    return code;
}

static enum nidus_code call_next(struct guest *guest)
{
    struct nidus_func *func = guest->next;
    guest->next = NULL;
    return nidus_run_start(guest->run, func, guest->zeros, guest->zero_count);
}

/* The entry is prepared even if the start function comes first: so it finds room, and cannot fail later. */
static enum nidus_code prepare(struct guest *guest, struct nidus_instance *instance, uint32_t entry,
                               struct nidus_error *error)
{
    struct nidus_func *start = nidus_instance_start(instance);
    struct nidus_extern found = {.kind = NIDUS_TABLE};
    struct nidus_functype type;
    if (entry < nidus_module_export_count(guest->module))
        found = nidus_instance_export(instance, entry);
    if (found.kind != NIDUS_FUNC)
        return error_set(error, NIDUS_ERROR_LINK, 0, "The entry is not a function.");
    nidus_func_type(found.of.func, &type);
    guest->zeros = pool_new(guest->allocator, type.param_count, sizeof *guest->zeros);
    guest->zero_count = type.param_count;
    if (!guest->zeros || nidus_run_new(guest->store, &guest->run))
        return error_no_memory(error);
    for (uint32_t i = 0; i < type.param_count; i++)
        guest->zeros[i].type = type.params[i];
    guest->next = found.of.func;
    if (call_next(guest))
        return error_set(error, NIDUS_ERROR_LINK, 0, "The entry wants a reference, and there is none.");
    if (!start)
        return NIDUS_OK;
    guest->next = found.of.func;
    return nidus_run_start(guest->run, start, NULL, 0) ? error_no_memory(error) : NIDUS_OK;
}

const char *guest_start(struct guest *guest, uint32_t entry, uint64_t fuel)
{
    struct nidus_instance *instance;
    struct nidus_error error = {0};
    struct nidus_extern found;
    if (instantiate(guest, &instance, &error) || prepare(guest, instance, entry, &error))
        return refuse(guest, &error);
    if (nidus_instance_find(instance, "memory", strlen("memory"), &found) &&
        found.kind == NIDUS_MEMORY)
        guest->memory = found.of.memory;
    nidus_run_set_fuel(guest->run, fuel);
    json_clear(&guest->answer);
    json_raw(&guest->answer, "{}");
    return json_text(&guest->answer);
}

/* ---- Running ---- */

enum nidus_status guest_resume(struct guest *guest)
{
    enum nidus_status status = nidus_run_resume(guest->run, SLICE);
    if (status == NIDUS_RUN_DONE && guest->next && call_next(guest) == NIDUS_OK)
        return NIDUS_RUN_READY;
    return status;
}

const char *guest_trap(struct guest *guest)
{
    struct json *json = &guest->answer;
    struct nidus_frame frame;
    const char *text;
    (void)nidus_run_trap(guest->run, &text);
    json_clear(json);
    json_key(json, '{', "message");
    json_string(json, text, strlen(text));
    json_key(json, ',', "stack");
    json_raw(json, "\"");
    for (uint32_t i = 0; i < MOST_FRAMES && nidus_run_frame(guest->run, i, &frame) == NIDUS_OK; i++) {
        json_raw(json, i ? "\\n    at " : "    at ");
        json_part(json, frame.name.bytes, frame.name.length);
        json_raw(json, " (");
        json_part(json, guest->name.bytes, guest->name.length);
        json_raw(json, ":wasm-function[");
        json_number(json, frame.function, 10);
        json_raw(json, "]:0x");
        json_number(json, (uint32_t)frame.offset, 16);
        json_raw(json, ")");
    }
    json_raw(json, "\"}");
    return json_text(json);
}
