/* See execution.h. */
#include "execution.h"

#include <string.h>

enum { MOST_BYTES = 1 << 18 };

void execution_mix(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * UINT64_C(1099511628211);
}

static bool is_reference(nidus_type type)
{
    return NIDUS_TYPE_KIND(type) == NIDUS_REF;
}

static bool has_default(nidus_type type)
{
    return !is_reference(type) || (type & NIDUS_NULLABLE);
}

static enum nidus_host_result answer_zero(void *context, struct nidus_call *call, uint64_t *slots)
{
    const struct nidus_functype *type = context;
    uint32_t cells = 0;

    (void)call;
    for (uint32_t i = 0; i < type->result_count; i++)
        cells += type->results[i] == NIDUS_V128 ? 2 : 1;
    memset(slots, 0, cells * sizeof *slots);
    return NIDUS_HOST_DONE;
}

static bool provide(struct nidus_store *store, const struct nidus_module *module, uint32_t import,
                    struct nidus_functype *kept, struct nidus_extern *item)
{
    struct nidus_name from, name;
    struct nidus_externtype type;

    nidus_module_import(module, import, &from, &name, &type);
    item->kind = type.kind;
    switch (type.kind) {
    case NIDUS_FUNC:
        *kept = type.func;
        for (uint32_t i = 0; i < kept->result_count; i++)
            if (!has_default(kept->results[i]))
                return false;
        return nidus_func_new_import(store, module, import, answer_zero, kept, &item->of.func) == NIDUS_OK;
    case NIDUS_TABLE:
        return nidus_table_new(store, type.type, &type.limits, NIDUS_NULL, &item->of.table) == NIDUS_OK;
    case NIDUS_MEMORY: return nidus_memory_new(store, &type.limits, &item->of.memory) == NIDUS_OK;
    case NIDUS_GLOBAL: {
        const struct nidus_value zero = {.type = type.type};
        return has_default(type.type) && nidus_global_new(store, &zero, type.mutable_, &item->of.global) == NIDUS_OK;
    }
    case NIDUS_TAG: return nidus_tag_new(store, &type.func, &item->of.tag) == NIDUS_OK;
    default: return false;
    }
}

bool imports_provide(struct nidus_store *store, const struct nidus_module *module, struct imports *imports)
{
    imports->count = nidus_module_import_count(module);
    if (imports->count > EXECUTION_MOST_IMPORTS)
        return false;
    for (uint32_t i = 0; i < imports->count; i++)
        if (!provide(store, module, i, &imports->types[i], &imports->items[i]))
            return false;
    return true;
}

void execution_mix_values(uint64_t *hash, const struct nidus_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &values[i].of, values[i].type == NIDUS_I32 || values[i].type == NIDUS_F32 ? 4 : 8);
        execution_mix(hash, is_reference(values[i].type) ? bits != NIDUS_NULL : bits);
    }
}

void execution_mix_memory(uint64_t *hash, struct nidus_instance *instance)
{
    struct nidus_memory *memory = nidus_instance_memory(instance, 0);
    size_t size;

    if (!memory)
        return;
    const uint8_t *bytes = nidus_memory_data(memory, &size);
    execution_mix(hash, size);
    for (size_t i = 0; i < size && i < MOST_BYTES; i++)
        execution_mix(hash, bytes[i]);
}
