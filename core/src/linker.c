/* A linker: names for imports, found by hash; later definitions replace earlier ones. */
#include <string.h>

#include "runtime.h"

struct definition {
    char *text; /* both names, one behind the other */
    size_t from_length;
    size_t name_length;
    struct nidus_extern item;
    uint32_t next; /* with the same hash; NO_INDEX ends the chain */
};

#define BUCKETS 256u

struct nidus_linker {
    struct nidus_store *store;
    VEC(struct definition) definitions;
    uint32_t buckets[BUCKETS];
};

enum nidus_code nidus_linker_new(struct nidus_store *store, struct nidus_linker **linker)
{
    struct nidus_linker *fresh = pool_new(store->allocator, 1, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->store = store;
    for (uint32_t i = 0; i < BUCKETS; i++)
        fresh->buckets[i] = NO_INDEX;
    *linker = fresh;
    return NIDUS_OK;
}

void nidus_linker_free(struct nidus_linker *linker)
{
    if (!linker)
        return;
    const struct nidus_allocator *allocator = linker->store->allocator;
    for (uint32_t i = 0; i < linker->definitions.count; i++) {
        struct definition *definition = &linker->definitions.items[i];
        pool_free(allocator, definition->text, definition->from_length + definition->name_length,
                  1);
    }
    VEC_FREE(allocator, &linker->definitions);
    pool_free(allocator, linker, 1, sizeof *linker);
}

static uint32_t bucket_of(struct nidus_name from, struct nidus_name name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < from.length; i++)
        hash = (hash ^ (uint8_t)from.bytes[i]) * 16777619u;
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (uint8_t)name.bytes[i]) * 16777619u;
    return hash % BUCKETS;
}

static struct definition *find(struct nidus_linker *linker, struct nidus_name from,
                               struct nidus_name name)
{
    uint32_t at = linker->buckets[bucket_of(from, name)];
    for (; at != NO_INDEX; at = linker->definitions.items[at].next) {
        struct definition *definition = &linker->definitions.items[at];
        if (definition->from_length == from.length && definition->name_length == name.length &&
            memcmp(definition->text, from.bytes, from.length) == 0 &&
            memcmp(definition->text + from.length, name.bytes, name.length) == 0)
            return definition;
    }
    return NULL;
}

enum nidus_code nidus_linker_define(struct nidus_linker *linker, struct nidus_name from,
                                    struct nidus_name name, struct nidus_extern item)
{
    const struct nidus_allocator *allocator = linker->store->allocator;
    struct definition *definition = find(linker, from, name);
    if (definition) {
        definition->item = item;
        return NIDUS_OK;
    }
    if (!VEC_ROOM(allocator, &linker->definitions, 1))
        return NIDUS_ERROR_NO_MEMORY;
    char *text = pool_new(allocator, from.length + name.length, 1);
    if (!text)
        return NIDUS_ERROR_NO_MEMORY;
    memcpy(text, from.bytes, from.length);
    memcpy(text + from.length, name.bytes, name.length);
    uint32_t *bucket = &linker->buckets[bucket_of(from, name)];
    linker->definitions.items[linker->definitions.count] =
        (struct definition){text, from.length, name.length, item, *bucket};
    *bucket = linker->definitions.count++;
    return NIDUS_OK;
}

enum nidus_code nidus_linker_define_instance(struct nidus_linker *linker, struct nidus_name from,
                                             struct nidus_instance *instance)
{
    const struct nidus_module *module = instance->module;
    for (uint32_t i = 0; i < module->exports.count; i++)
        TRY(nidus_linker_define(linker, from, module->exports.items[i].name,
                                nidus_instance_export(instance, i)));
    return NIDUS_OK;
}

enum nidus_code nidus_linker_instantiate(struct nidus_linker *linker, struct nidus_module *module,
                                         struct nidus_instance **instance,
                                         struct nidus_error *error)
{
    const struct nidus_allocator *allocator = linker->store->allocator;
    uint32_t count = module->imports.count;
    struct nidus_extern *items = pool_new(allocator, count, sizeof *items);
    if (!items)
        return error_no_memory(error);
    enum nidus_code code = NIDUS_OK;
    for (uint32_t i = 0; i < count && code == NIDUS_OK; i++) {
        const struct import *import = &module->imports.items[i];
        const struct definition *definition = find(linker, import->from, import->name);
        if (definition)
            items[i] = definition->item;
        else
            code = error_set(error, NIDUS_ERROR_LINK, 0,
                             "Unknown import: nothing is defined as \"%n\" \"%n\".", &import->from,
                             &import->name);
    }
    if (code == NIDUS_OK)
        code = nidus_instance_new(linker->store, module, items, count, instance, error);
    pool_free(allocator, items, count, sizeof *items);
    return code;
}
