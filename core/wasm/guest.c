/* See guest.h. */
#include "guest.h"

#include <string.h>

#include "json.h"
#include "module.h"
#include "reader.h"

enum {
    SLICE = 2000000,   /* fuel of one: some milliseconds */
    MOST_FRAMES = 100, /* of a backtrace */
    MOST_THREADS = 4095, /* of the kernel's numbers for them */
    EAGAIN = -6,       /* for wasi-threads: WASI's errnos, negative */
    ENOTSUP = -58,
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
    struct nidus_threads *threads;
    uint32_t most;                     /* threads beside the first one */
    struct nidus_instance **instances; /* of each thread by number, kept for the next one; NULL: none yet */
    struct guest_import *imports;
    struct nidus_extern *items; /* what the module's imports are */
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

/* Frees what starting has made. */
static void unmake(struct guest *guest)
{
    uint32_t count = guest->module ? nidus_module_import_count(guest->module) : 0;
    nidus_store_free(guest->store);
    pool_free(guest->allocator, guest->imports, count, sizeof *guest->imports);
    pool_free(guest->allocator, guest->items, count, sizeof *guest->items);
    pool_free(guest->allocator, guest->instances, (size_t)guest->most + 1, sizeof *guest->instances);
}

void guest_free(struct guest *guest)
{
    if (!guest)
        return;
    unmake(guest);
    nidus_module_free(guest->module);
    json_free(&guest->answer);
    pool_free(guest->allocator, guest, 1, sizeof *guest);
}

void guest_reset(struct guest *guest, struct nidus_name name)
{
    unmake(guest);
    *guest = (struct guest){.engine = guest->engine,
                            .allocator = guest->allocator,
                            .call = guest->call,
                            .name = name,
                            .module = guest->module,
                            .answer = guest->answer};
}

static const char *refuse(struct guest *guest, const struct nidus_error *error)
{
    struct json *json = &guest->answer;
    json_clear(json);
    json_key(json, '{', "message");
    json_raw(json, "\"");
    json_part(json, error->text, strlen(error->text));
    bool somewhere = error->code != NIDUS_ERROR_LIMIT || error->offset > 0; /* in the module's bytes */
    if (error->code != NIDUS_ERROR_LINK && error->code != NIDUS_ERROR_TRAP && somewhere) {
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

/* ---- Imports ---- */

static enum nidus_host_result call_import(void *context, struct nidus_call *call, uint64_t *slots)
{
    const struct guest_import *import = context;
    const struct guest *guest = import->guest;
    size_t size = 0;
    uint8_t *memory = guest->memory ? nidus_memory_data(guest->memory, &size) : NULL;
    uint32_t answer = guest->call(import->index, slots, memory, size, nidus_threads_current(guest->threads));
    (void)call;
    if (answer == GUEST_WOULD_BLOCK)
        return NIDUS_HOST_BLOCK;
    if (import->returns)
        slots[0] = answer;
    return NIDUS_HOST_DONE;
}

static struct nidus_func *thread_entry(struct nidus_instance *instance)
{
    static const char name[] = "wasi_thread_start";
    struct nidus_extern found;
    struct nidus_functype type;
    if (!nidus_instance_find(instance, name, sizeof name - 1, &found) || found.kind != NIDUS_FUNC)
        return NULL;
    nidus_func_type(found.of.func, &type);
    bool fits = type.param_count == 2 && type.params[0] == NIDUS_I32 && type.params[1] == NIDUS_I32 &&
                type.result_count == 0;
    return fits ? found.of.func : NULL;
}

/* Instances are kept, for each has a copy of the module's tables and globals, and stores free nothing early. */
static struct nidus_instance *thread_instance(struct guest *guest, uint32_t number)
{
    struct nidus_instance **instance = &guest->instances[number];
    enum nidus_code code =
        *instance ? nidus_instance_renew(*instance, NULL)
                  : nidus_instance_new(guest->store, guest->module, guest->items,
                                       nidus_module_import_count(guest->module), instance, NULL);
    return code == NIDUS_OK ? *instance : NULL;
}

/* wasi-threads: answers the thread's number, which is never 0, or a negated errno. */
static int32_t spawn(struct guest *guest, uint32_t argument)
{
    uint32_t number = 1;
    while (number <= guest->most && nidus_threads_alive(guest->threads, number))
        number++;
    if (number > guest->most)
        return EAGAIN;
    struct nidus_instance *instance = thread_instance(guest, number);
    if (!instance)
        return EAGAIN;
    struct nidus_func *entry = thread_entry(instance);
    if (!entry)
        return ENOTSUP;
    const struct nidus_value args[] = {{.type = NIDUS_I32, .of.i32 = (int32_t)number},
                                       {.type = NIDUS_I32, .of.i32 = (int32_t)argument}};
    if (nidus_threads_start(guest->threads, nidus_instance_start(instance), entry, args, 2, &number))
        return EAGAIN;
    return (int32_t)number;
}

static enum nidus_host_result call_spawn(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)call;
    slots[0] = (uint32_t)spawn(context, (uint32_t)slots[0]);
    return NIDUS_HOST_YIELD;
}

static enum nidus_host_result call_exit(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)context, (void)slots;
    nidus_threads_end(call);
    return NIDUS_HOST_TRAP;
}

static bool is_called(const struct nidus_name *name, const char *text)
{
    return name->length == strlen(text) && memcmp(name->bytes, text, name->length) == 0;
}

static bool is_spawn(const struct nidus_name *from, const struct nidus_name *name,
                     const struct nidus_functype *type)
{
    return is_called(from, "wasi") && is_called(name, "thread-spawn") && type->param_count == 1 &&
           type->params[0] == NIDUS_I32 && type->result_count == 1 && type->results[0] == NIDUS_I32;
}

static bool is_exit(const struct nidus_name *from, const struct nidus_name *name,
                    const struct nidus_functype *type)
{
    return is_called(from, "nidus_process") && is_called(name, "thread_exit") && type->param_count == 0 &&
           type->result_count == 0;
}

/* Can the function's calls be told in slots and one number? */
static bool is_plain(const struct nidus_functype *type)
{
    for (uint32_t i = 0; i < type->param_count; i++)
        if (type->params[i] != NIDUS_I32 && type->params[i] != NIDUS_I64)
            return false;
    return type->result_count == 0 || (type->result_count == 1 && type->results[0] == NIDUS_I32);
}

static enum nidus_code make_memory(struct guest *guest, const struct nidus_limits_type *limits,
                                   struct nidus_extern *item, struct nidus_error *error)
{
    item->kind = NIDUS_MEMORY;
    enum nidus_code code = nidus_memory_new(guest->store, limits, &item->of.memory);
    if (code == NIDUS_ERROR_LIMIT || code == NIDUS_ERROR_NO_MEMORY)
        return error_set(error, NIDUS_ERROR_LINK, 0, "Its memory of %l pages finds no room.", limits->minimum);
    return code == NIDUS_OK ? code : error_set(error, NIDUS_ERROR_LINK, 0, "Its memory cannot be made.");
}

static enum nidus_code make_import(struct guest *guest, uint32_t index, struct nidus_extern *item,
                                   struct nidus_error *error)
{
    struct nidus_name from, name;
    struct nidus_externtype type;
    nidus_module_import(guest->module, index, &from, &name, &type);
    if (type.kind == NIDUS_MEMORY && type.limits.shared)
        return make_memory(guest, &type.limits, item, error);
    if (type.kind != NIDUS_FUNC || !is_plain(&type.func))
        return error_set(error, NIDUS_ERROR_LINK, 0,
                         "Incompatible import type: \"%n\" \"%n\" is not a function of i32 and i64 "
                         "with at most one result, an i32, and not a shared memory.",
                         &from, &name);
    struct guest_import *import = &guest->imports[index];
    *import = (struct guest_import){guest, index, type.func.result_count != 0};
    item->kind = NIDUS_FUNC;
    nidus_host_function function = is_spawn(&from, &name, &type.func)  ? call_spawn
                                   : is_exit(&from, &name, &type.func) ? call_exit
                                                                       : call_import;
    if (nidus_func_new(guest->store, &type.func, function, function == call_import ? (void *)import : guest,
                       &item->of.func))
        return error_no_memory(error);
    return NIDUS_OK;
}

/* ---- Starting ---- */

static enum nidus_code instantiate(struct guest *guest, struct nidus_instance **instance,
                                   struct nidus_error *error)
{
    uint32_t count = nidus_module_import_count(guest->module);
    enum nidus_code code = NIDUS_OK;
    if (nidus_store_new(guest->engine, &guest->store))
        return error_no_memory(error);
    guest->items = pool_new(guest->allocator, count, sizeof *guest->items);
    guest->imports = pool_new(guest->allocator, count, sizeof *guest->imports);
    if (!guest->items || !guest->imports)
        code = error_no_memory(error);
    for (uint32_t i = 0; i < count && code == NIDUS_OK; i++)
        code = make_import(guest, i, &guest->items[i], error);
    if (code == NIDUS_OK)
        code = nidus_instance_new(guest->store, guest->module, guest->items, count, instance, error);
    return code;
}

static enum nidus_code start_main(struct guest *guest, struct nidus_instance *instance, struct nidus_func *entry,
                                  struct nidus_error *error)
{
    struct nidus_value zeros[2] = {0};
    struct nidus_functype type;
    uint32_t number;
    nidus_func_type(entry, &type);
    if (type.param_count > 2)
        return error_set(error, NIDUS_ERROR_LINK, 0, "The entry wants more than two arguments.");
    for (uint32_t i = 0; i < type.param_count; i++)
        zeros[i].type = type.params[i];
    enum nidus_code code = nidus_threads_start(guest->threads, nidus_instance_start(instance), entry, zeros,
                                               type.param_count, &number);
    if (code == NIDUS_ERROR_USAGE)
        return error_set(error, NIDUS_ERROR_LINK, 0, "The entry wants a reference, and there is none.");
    return code == NIDUS_OK ? code : error_no_memory(error);
}

static enum nidus_code prepare(struct guest *guest, struct nidus_instance *instance, uint32_t entry,
                               uint64_t seed, struct nidus_error *error)
{
    struct nidus_extern found = {.kind = NIDUS_TABLE};
    if (entry < nidus_module_export_count(guest->module))
        found = nidus_instance_export(instance, entry);
    if (found.kind != NIDUS_FUNC)
        return error_set(error, NIDUS_ERROR_LINK, 0, "The entry is not a function.");
    guest->instances = pool_new(guest->allocator, (size_t)guest->most + 1, sizeof *guest->instances);
    if (!guest->instances || nidus_threads_new(guest->store, guest->most, seed, &guest->threads))
        return error_no_memory(error);
    return start_main(guest, instance, found.of.func, error);
}

/* A program whose threads share a C library that was built for one exports the address of its `errno`. */
static void give_word(struct guest *guest, struct nidus_instance *instance)
{
    struct nidus_extern found;
    struct nidus_value value;
    if (!nidus_instance_find(instance, "errno", strlen("errno"), &found) || found.kind != NIDUS_GLOBAL)
        return;
    nidus_global_get(found.of.global, &value);
    if (value.type == NIDUS_I32 && guest->memory)
        nidus_threads_set_word(guest->threads, guest->memory, (uint32_t)value.of.i32);
}

const char *guest_start(struct guest *guest, uint32_t entry, uint64_t fuel, uint32_t most, uint64_t seed)
{
    struct nidus_instance *instance;
    struct nidus_error error = {0};
    struct nidus_extern found;
    guest->most = most < MOST_THREADS ? most : MOST_THREADS;
    if (instantiate(guest, &instance, &error) || prepare(guest, instance, entry, seed, &error))
        return refuse(guest, &error);
    if (nidus_instance_find(instance, "memory", strlen("memory"), &found) &&
        found.kind == NIDUS_MEMORY)
        guest->memory = found.of.memory;
    nidus_threads_set_fuel(guest->threads, fuel);
    give_word(guest, instance);
    json_clear(&guest->answer);
    json_raw(&guest->answer, "{}");
    return json_text(&guest->answer);
}

/* ---- Running ---- */

enum nidus_status guest_resume(struct guest *guest, int64_t now)
{
    return nidus_threads_resume(guest->threads, SLICE, now);
}

int64_t guest_deadline(const struct guest *guest)
{
    return nidus_threads_deadline(guest->threads);
}

const char *guest_trap(struct guest *guest)
{
    struct json *json = &guest->answer;
    struct nidus_frame frame;
    const char *text;
    const struct nidus_run *run = nidus_threads_run(guest->threads);
    (void)nidus_run_trap(run, &text);
    json_clear(json);
    json_key(json, '{', "message");
    json_string(json, text, strlen(text));
    json_key(json, ',', "stack");
    json_raw(json, "\"");
    for (uint32_t i = 0; i < MOST_FRAMES && nidus_run_frame(run, i, &frame) == NIDUS_OK; i++) {
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
