/*
 * engine.wasm: the public interface as JavaScript can call it.
 *
 * Owns: nothing. Each export hands over to one function of nidus/engine.h; structures cross as flat
 * records in this module's memory, whose layouts are fixed here and asserted, and pointers cross as
 * numbers. The imports, host.call and host.guest_call, are how a guest's call of a host function reaches
 * JavaScript: the first for all of nidus/engine.h, the second for a program of guest.h.
 *
 * web/engine-wasm.js loads it for web/engine.js and web/interp.js; all change together, which
 * `engine_version` checks.
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <nidus/engine.h>
#include <nidus/rewrite.h>

#include "guest.h"

#define EXPORT(name) __attribute__((export_name(#name), used))

/* Of this interface, not of the package. */
enum { VERSION = 4 };

/* What JavaScript reads and writes by offset. */
struct flat_type {
    uint32_t kind; /* enum nidus_kind */
    nidus_type type;
    uint32_t flags; /* enum flat_flags */
    uint32_t param_count;
    uint32_t result_count;
    const nidus_type *params;
    const nidus_type *results;
    uint32_t reserved;
    uint64_t minimum;
    uint64_t maximum;
};

enum flat_flags { FLAT_MUTABLE = 1, FLAT_IS64 = 2, FLAT_SHARED = 4, FLAT_BOUNDED = 8 };

struct flat_item {
    struct nidus_name from; /* empty for an export */
    struct nidus_name name;
    struct flat_type type;
};

struct flat_frame {
    struct nidus_instance *instance;
    uint32_t function;
    uint32_t offset;
    struct nidus_name name;
};

_Static_assert(sizeof(struct nidus_value) == 24 && offsetof(struct nidus_value, of) == 8, "engine.js knows");
_Static_assert(sizeof(struct nidus_extern) == 8 && offsetof(struct nidus_extern, of) == 4, "engine.js knows");
_Static_assert(offsetof(struct nidus_error, offset) == 8 && offsetof(struct nidus_error, text) == 12, "engine.js knows");
_Static_assert(sizeof(struct nidus_error) == 204 && sizeof(struct nidus_name) == 8, "engine.js knows");
_Static_assert(sizeof(struct flat_type) == 48 && offsetof(struct flat_item, type) == 16, "engine.js knows");
_Static_assert(sizeof(struct flat_frame) == 20, "engine.js knows");

__attribute__((import_module("host"), import_name("call"))) enum nidus_host_result
host_call(uint32_t id, struct nidus_call *call, struct nidus_run *run, uint64_t *slots);

static enum nidus_host_result call_host(void *context, struct nidus_call *call, uint64_t *slots)
{
    return host_call((uint32_t)(uintptr_t)context, call, nidus_call_run(call), slots);
}

static void flatten(struct flat_type *flat, const struct nidus_externtype *type)
{
    *flat = (struct flat_type){
        .kind = type->kind,
        .type = type->type,
        .flags = (type->mutable_ ? FLAT_MUTABLE : 0u) | (type->limits.is64 ? FLAT_IS64 : 0u) |
                 (type->limits.shared ? FLAT_SHARED : 0u) |
                 (type->limits.maximum != NIDUS_NO_MAXIMUM ? FLAT_BOUNDED : 0u),
        .param_count = type->func.param_count,
        .result_count = type->func.result_count,
        .params = type->func.params,
        .results = type->func.results,
        .minimum = type->limits.minimum,
        .maximum = type->limits.maximum,
    };
}

static struct nidus_limits_type limits_of(const struct flat_type *flat)
{
    return (struct nidus_limits_type){
        .minimum = flat->minimum,
        .maximum = flat->flags & FLAT_BOUNDED ? flat->maximum : NIDUS_NO_MAXIMUM,
        .is64 = (flat->flags & FLAT_IS64) != 0,
        .shared = (flat->flags & FLAT_SHARED) != 0,
    };
}

/* -- memory of this module, engine and store -------------------------------------------------- */

EXPORT(engine_version) uint32_t engine_version(void) { return VERSION; }
EXPORT(engine_alloc) void *engine_alloc(size_t size) { return malloc(size); }
EXPORT(engine_release) void engine_release(void *block) { free(block); }

/* Limits left 0 keep their defaults. NULL: no memory. */
EXPORT(engine_new)
struct nidus_engine *engine_new(uint32_t call_depth, uint32_t stack_bytes, uint64_t memory_bytes,
                                uint64_t table_elements, uint64_t heap_bytes)
{
    struct nidus_config config;
    struct nidus_engine *engine;

    nidus_config_default(&config);
    if (call_depth)
        config.limits.call_depth = call_depth;
    if (stack_bytes)
        config.limits.stack_bytes = stack_bytes;
    if (memory_bytes)
        config.limits.memory_bytes = memory_bytes;
    if (table_elements)
        config.limits.table_elements = table_elements;
    if (heap_bytes)
        config.limits.heap_bytes = heap_bytes;
    return nidus_engine_new(&config, &engine) ? NULL : engine;
}

EXPORT(engine_store_new) struct nidus_store *engine_store_new(struct nidus_engine *engine)
{
    struct nidus_store *store;

    return nidus_store_new(engine, &store) ? NULL : store;
}

/* -- modules ----------------------------------------------------------------------------------- */

EXPORT(engine_module_load)
struct nidus_module *engine_module_load(struct nidus_engine *engine, const void *bytes, size_t size,
                                        struct nidus_error *error)
{
    struct nidus_module *module;

    return nidus_module_load(engine, bytes, size, NIDUS_LOAD_COPY, &module, error) ? NULL : module;
}

EXPORT(engine_module_validate)
enum nidus_code engine_module_validate(struct nidus_engine *engine, const void *bytes, size_t size,
                                       struct nidus_error *error)
{
    return nidus_module_validate(engine, bytes, size, error);
}

/* The rewritten module; freed with engine_rewritten_free. Imports keep their names: where these change,
 * JavaScript changes the import object. */
EXPORT(engine_module_rewrite)
enum nidus_code engine_module_rewrite(const struct nidus_module *module, unsigned flags, struct nidus_rewritten *out,
                                      struct nidus_error *error)
{
    const struct nidus_rewrite how = {.flags = flags};

    return nidus_module_rewrite(module, &how, out, error);
}

EXPORT(engine_rewritten_free)
void engine_rewritten_free(struct nidus_engine *engine, struct nidus_rewritten *rewritten)
{
    nidus_rewritten_free(engine, rewritten);
}

EXPORT(engine_module_free) void engine_module_free(struct nidus_module *module) { nidus_module_free(module); }

EXPORT(engine_module_import_count) uint32_t engine_module_import_count(const struct nidus_module *module)
{
    return nidus_module_import_count(module);
}

EXPORT(engine_module_import)
void engine_module_import(const struct nidus_module *module, uint32_t index, struct flat_item *item)
{
    struct nidus_externtype type;

    nidus_module_import(module, index, &item->from, &item->name, &type);
    flatten(&item->type, &type);
}

EXPORT(engine_module_export_count) uint32_t engine_module_export_count(const struct nidus_module *module)
{
    return nidus_module_export_count(module);
}

EXPORT(engine_module_export)
void engine_module_export(const struct nidus_module *module, uint32_t index, struct flat_item *item)
{
    struct nidus_externtype type;

    item->from = (struct nidus_name){0};
    nidus_module_export(module, index, &item->name, &type);
    flatten(&item->type, &type);
}

EXPORT(engine_module_custom_count) uint32_t engine_module_custom_count(const struct nidus_module *module)
{
    return nidus_module_custom_count(module);
}

/* out: name and contents */
EXPORT(engine_module_custom)
void engine_module_custom(const struct nidus_module *module, uint32_t index, struct nidus_name out[2])
{
    const uint8_t *bytes;
    size_t size;

    nidus_module_custom(module, index, &out[0], &bytes, &size);
    out[1] = (struct nidus_name){(const char *)bytes, size};
}

/* -- what a store owns ------------------------------------------------------------------------- */

/* Of the type that an import of the module wants. */
EXPORT(engine_func_new_import)
struct nidus_func *engine_func_new_import(struct nidus_store *store, const struct nidus_module *module,
                                          uint32_t import, uint32_t id)
{
    struct nidus_func *func;

    return nidus_func_new_import(store, module, import, call_host, (void *)(uintptr_t)id, &func) ? NULL : func;
}

EXPORT(engine_memory_new)
struct nidus_memory *engine_memory_new(struct nidus_store *store, const struct flat_type *type)
{
    struct nidus_limits_type limits = limits_of(type);
    struct nidus_memory *memory;

    return nidus_memory_new(store, &limits, &memory) ? NULL : memory;
}

EXPORT(engine_table_new)
struct nidus_table *engine_table_new(struct nidus_store *store, const struct flat_type *type, nidus_ref init)
{
    struct nidus_limits_type limits = limits_of(type);
    struct nidus_table *table;

    return nidus_table_new(store, type->type, &limits, init, &table) ? NULL : table;
}

EXPORT(engine_global_new)
struct nidus_global *engine_global_new(struct nidus_store *store, const struct nidus_value *value, uint32_t mutable_)
{
    struct nidus_global *global;

    return nidus_global_new(store, value, mutable_ != 0, &global) ? NULL : global;
}

EXPORT(engine_extern_type) void engine_extern_type(const struct nidus_extern *item, struct flat_type *out)
{
    struct nidus_externtype type = {0};

    nidus_extern_type(*item, &type);
    flatten(out, &type);
}

EXPORT(engine_memory_data) uint8_t *engine_memory_data(const struct nidus_memory *memory)
{
    size_t size;

    return nidus_memory_data(memory, &size);
}

EXPORT(engine_memory_size) size_t engine_memory_size(const struct nidus_memory *memory)
{
    size_t size;

    nidus_memory_data(memory, &size);
    return size;
}

EXPORT(engine_memory_pages) uint64_t engine_memory_pages(const struct nidus_memory *memory)
{
    return nidus_memory_pages(memory);
}

EXPORT(engine_memory_grow) uint32_t engine_memory_grow(struct nidus_memory *memory, uint64_t pages)
{
    return nidus_memory_grow(memory, pages);
}

EXPORT(engine_table_size) uint64_t engine_table_size(const struct nidus_table *table)
{
    return nidus_table_size(table);
}

EXPORT(engine_table_grow) uint32_t engine_table_grow(struct nidus_table *table, uint64_t elements, nidus_ref init)
{
    return nidus_table_grow(table, elements, init);
}

EXPORT(engine_table_get) uint32_t engine_table_get(const struct nidus_table *table, uint64_t index, nidus_ref *ref)
{
    return nidus_table_get(table, index, ref);
}

EXPORT(engine_table_set) uint32_t engine_table_set(struct nidus_table *table, uint64_t index, nidus_ref ref)
{
    return nidus_table_set(table, index, ref);
}

EXPORT(engine_global_get) void engine_global_get(const struct nidus_global *global, struct nidus_value *value)
{
    nidus_global_get(global, value);
}

EXPORT(engine_global_set) uint32_t engine_global_set(struct nidus_global *global, const struct nidus_value *value)
{
    return nidus_global_set(global, value);
}

/* -- instances --------------------------------------------------------------------------------- */

EXPORT(engine_instance_new)
struct nidus_instance *engine_instance_new(struct nidus_store *store, struct nidus_module *module,
                                           const struct nidus_extern *imports, size_t import_count,
                                           struct nidus_error *error)
{
    struct nidus_instance *instance;

    return nidus_instance_new(store, module, imports, import_count, &instance, error) ? NULL : instance;
}

EXPORT(engine_instance_start) struct nidus_func *engine_instance_start(const struct nidus_instance *instance)
{
    return nidus_instance_start(instance);
}

EXPORT(engine_instance_export)
void engine_instance_export(struct nidus_instance *instance, uint32_t index, struct nidus_extern *out)
{
    *out = nidus_instance_export(instance, index);
}

/* -- runs -------------------------------------------------------------------------------------- */

EXPORT(engine_run_new) struct nidus_run *engine_run_new(struct nidus_store *store)
{
    struct nidus_run *run;

    return nidus_run_new(store, &run) ? NULL : run;
}

EXPORT(engine_run_free) void engine_run_free(struct nidus_run *run) { nidus_run_free(run); }

EXPORT(engine_run_set_fuel) void engine_run_set_fuel(struct nidus_run *run, uint64_t fuel)
{
    nidus_run_set_fuel(run, fuel);
}

EXPORT(engine_run_fuel) uint64_t engine_run_fuel(const struct nidus_run *run) { return nidus_run_fuel(run); }

EXPORT(engine_run_fuel_used) uint64_t engine_run_fuel_used(const struct nidus_run *run)
{
    return nidus_run_fuel_used(run);
}

EXPORT(engine_run_start)
enum nidus_code engine_run_start(struct nidus_run *run, struct nidus_func *func, const struct nidus_value *args,
                                 size_t count)
{
    return nidus_run_start(run, func, args, count);
}

EXPORT(engine_run_resume) enum nidus_status engine_run_resume(struct nidus_run *run, uint64_t slice)
{
    return nidus_run_resume(run, slice);
}

EXPORT(engine_run_step) enum nidus_status engine_run_step(struct nidus_run *run) { return nidus_run_step(run); }

EXPORT(engine_run_status) enum nidus_status engine_run_status(const struct nidus_run *run)
{
    return nidus_run_status(run);
}

EXPORT(engine_run_results) void engine_run_results(const struct nidus_run *run, struct nidus_value *results)
{
    nidus_run_results(run, results);
}

/* The trap's code; its text, which ends with a zero byte, in *text. */
EXPORT(engine_run_trap) enum nidus_trap engine_run_trap(const struct nidus_run *run, const char **text)
{
    return nidus_run_trap(run, text);
}

EXPORT(engine_run_frame_count) uint32_t engine_run_frame_count(const struct nidus_run *run)
{
    return nidus_run_frame_count(run);
}

EXPORT(engine_run_frame)
uint32_t engine_run_frame(const struct nidus_run *run, uint32_t index, struct flat_frame *out)
{
    struct nidus_frame frame;

    if (nidus_run_frame(run, index, &frame))
        return 0;
    *out = (struct flat_frame){frame.instance, frame.function, (uint32_t)frame.offset, frame.name};
    return 1;
}

EXPORT(engine_call_trap) void engine_call_trap(struct nidus_call *call, enum nidus_trap trap)
{
    nidus_call_trap(call, trap, 0, NULL);
}

/* -- a program (guest.h) ----------------------------------------------------------------------- */

__attribute__((import_module("host"), import_name("guest_call"))) uint32_t
host_guest_call(uint32_t index, const uint64_t *slots, uint8_t *memory, size_t size, uint32_t thread);

/* NULL: no memory. It lives as long as this module's instance. `bytes`: its memory grows no larger; NaN: no limit. */
EXPORT(engine_guest_new) struct guest *engine_guest_new(double bytes)
{
    struct nidus_engine *engine;
    struct nidus_config config;

    nidus_config_default(&config);
    if (bytes >= 0 && bytes < (double)config.limits.memory_bytes)
        config.limits.memory_bytes = (uint64_t)bytes;
    return nidus_engine_new(&config, &engine) ? NULL : guest_new(engine, host_guest_call);
}

/* The block holds the module and behind it the program's name; it must stay. */
EXPORT(engine_guest_load)
const char *engine_guest_load(struct guest *guest, const char *block, size_t size, size_t name_length)
{
    return guest_load(guest, block, size, (struct nidus_name){block + size, name_length});
}

EXPORT(engine_guest_start)
const char *engine_guest_start(struct guest *guest, uint32_t entry, uint64_t fuel, uint32_t most, double seed)
{
    return guest_start(guest, entry, fuel, most, seed >= 0 && seed < 9007199254740992.0 ? (uint64_t)seed : 0);
}

/* The name must stay. */
EXPORT(engine_guest_reset) void engine_guest_reset(struct guest *guest, const char *name, size_t length)
{
    guest_reset(guest, (struct nidus_name){name, length});
}

/* Times are in milliseconds. */
EXPORT(engine_guest_resume) enum nidus_status engine_guest_resume(struct guest *guest, double now)
{
    return guest_resume(guest, (int64_t)(now * 1e6));
}

/* Infinity: none. */
EXPORT(engine_guest_deadline) double engine_guest_deadline(const struct guest *guest)
{
    int64_t deadline = guest_deadline(guest);
    return deadline == INT64_MAX ? (double)INFINITY : (double)deadline / 1e6;
}

EXPORT(engine_guest_trap) const char *engine_guest_trap(struct guest *guest) { return guest_trap(guest); }
