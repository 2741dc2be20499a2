/* The sections that declare things: types, imports, tables, memories, globals, exports, segments. */
#include <string.h>

#include "decode.h"
#include "valid.h"

#define MANY 1000000u /* of types, imports, exports, segments: what browsers allow */

static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

static uint32_t hash_room(uint32_t count)
{
    uint32_t room = 16;
    while (room < count * 2)
        room *= 2;
    return room;
}

enum nidus_code decode_type_index(struct decoder *decoder, uint32_t *type)
{
    const uint8_t *where = decoder->reader.at;
    TRY(read_u32(&decoder->reader, type));
    if (*type >= decoder->module->types.count)
        return READER_FAIL(&decoder->reader, NIDUS_ERROR_INVALID, where, "Unknown type %u.", *type);
    if (decoder->module->types.items[*type].kind != KIND_FUNC)
        return READER_FAIL(&decoder->reader, NIDUS_ERROR_INVALID, where,
                           "Type mismatch: type %u is not a function type.", *type);
    return NIDUS_OK;
}

/* ---- Tables, memories, globals ---- */

/* The custom-page-sizes proposal allows pages of one byte, and of the ordinary 65,536. */
static enum nidus_code decode_page_size(struct reader *reader, struct limits *limits)
{
    const uint8_t *where = reader->at;
    uint32_t shift;
    TRY(read_u32(reader, &shift));
    if (shift >= 64)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                           "Invalid custom page size: 2^%u bytes.", shift);
    if (shift != 0 && shift != DEFAULT_PAGE_SHIFT)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Invalid custom page size: 2^%u bytes, where 1 and 65536 are allowed.",
                           shift);
    limits->page_shift = (uint8_t)shift;
    return NIDUS_OK;
}

static enum nidus_code decode_limits(struct decoder *decoder, struct limits *limits, int is_memory)
{
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    uint8_t flags;
    TRY(read_byte(reader, &flags));
    if (flags > 15 || (!is_memory && flags & 10))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed limits flags 0x%x.",
                           (uint32_t)flags);
    limits->shared = flags >> 1 & 1;
    limits->is64 = flags >> 2 & 1;
    limits->page_shift = DEFAULT_PAGE_SHIFT;
    limits->maximum = NIDUS_NO_MAXIMUM;
    TRY(read_u64(reader, &limits->minimum));
    if (flags & 1)
        TRY(read_u64(reader, &limits->maximum));
    if (flags & 8)
        TRY(decode_page_size(reader, limits));
    if (limits->shared && !(flags & 1))
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Shared memory must have maximum.");
    if (flags & 1 && limits->minimum > limits->maximum)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Size minimum must not be greater than maximum.");
    uint64_t most = is_memory      ? memory_most_pages(limits)
                    : limits->is64 ? UINT64_MAX
                                   : UINT32_MAX;
    if (limits->minimum > most || (flags & 1 && limits->maximum > most))
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "%s size must be at most %l %s.",
                           is_memory ? "Memory" : "Table", most, is_memory ? "pages" : "elements");
    return NIDUS_OK;
}

static enum nidus_code decode_table_type(struct decoder *decoder, struct table_type *table)
{
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    TRY(decode_value_type(decoder->module, reader, &table->element));
    if (!type_is_ref(table->element))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                           "Malformed reference type: a table holds references.");
    return decode_limits(decoder, &table->limits, 0);
}

static enum nidus_code decode_global_type(struct decoder *decoder, struct global_type *global)
{
    struct reader *reader = &decoder->reader;
    TRY(decode_value_type(decoder->module, reader, &global->type));
    const uint8_t *where = reader->at;
    TRY(read_byte(reader, &global->mutable_));
    if (global->mutable_ > 1)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed mutability %u.",
                           (uint32_t)global->mutable_);
    return NIDUS_OK;
}

enum nidus_code decode_table_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    uint32_t count;
    TRY(decode_count(decoder, module->engine->config.limits.tables - module->tables.count, "tables", &count));
    if (!VEC_ROOM(decoder->allocator, &module->tables, count))
        return error_no_memory(reader->error);
    for (uint32_t i = 0; i < count; i++) {
        struct table_type *table = &module->tables.items[module->tables.count];
        const uint8_t *where = reader->at;
        int has_init = reader->at < reader->end && *reader->at == 0x40;
        if (has_init) {
            uint8_t zero;
            reader->at++;
            TRY(read_byte(reader, &zero));
            if (zero != 0)
                return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                                   "Malformed table: 0x40 must be followed by 0.");
        }
        TRY(decode_table_type(decoder, table));
        if (has_init) {
            table->init = (uint32_t)(reader->at - reader->start);
            TRY(valid_constant(module, reader, table->element, module->globals.count));
        } else if (!type_is_nullable(table->element)) {
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                               "Type mismatch: a table of non-nullable references needs an initial "
                               "value.");
        }
        module->tables.count++;
    }
    return NIDUS_OK;
}

enum nidus_code decode_memory_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    uint32_t count;
    TRY(decode_count(decoder, module->engine->config.limits.memories - module->memories.count, "memories", &count));
    if (!VEC_ROOM(decoder->allocator, &module->memories, count))
        return error_no_memory(decoder->reader.error);
    for (uint32_t i = 0; i < count; i++) {
        TRY(decode_limits(decoder, &module->memories.items[module->memories.count], 1));
        module->memories.count++;
    }
    return NIDUS_OK;
}

enum nidus_code decode_global_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "globals", &count));
    if (!VEC_ROOM(decoder->allocator, &module->globals, count))
        return error_no_memory(reader->error);
    for (uint32_t i = 0; i < count; i++) {
        struct global_type *global = &module->globals.items[module->globals.count];
        TRY(decode_global_type(decoder, global));
        global->init = (uint32_t)(reader->at - reader->start);
        TRY(valid_constant(module, reader, global->type, module->globals.count));
        module->globals.count++;
    }
    return NIDUS_OK;
}

/* A tag is an exception's type: a function type without results. */
static enum nidus_code decode_tag(struct decoder *decoder, uint32_t *type)
{
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    uint8_t attribute;
    TRY(read_byte(reader, &attribute));
    if (attribute != 0)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed tag attribute %u.",
                           (uint32_t)attribute);
    where = reader->at;
    TRY(decode_type_index(decoder, type));
    if (decoder->module->types.items[*type].shape.result_count)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Non-empty tag result type: type %u has results.", *type);
    return NIDUS_OK;
}

enum nidus_code decode_tag_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "tags", &count));
    if (!VEC_ROOM(decoder->allocator, &module->tags, count))
        return error_no_memory(decoder->reader.error);
    for (uint32_t i = 0; i < count; i++) {
        TRY(decode_tag(decoder, &module->tags.items[module->tags.count]));
        module->tags.count++;
    }
    return NIDUS_OK;
}

/* ---- Imports and exports ---- */

/* Fails where there are as many already as the engine allows. */
static enum nidus_code within_limit(struct reader *reader, const uint8_t *where, const char *what,
                                    uint32_t count, uint32_t limit)
{
    if (count < limit)
        return NIDUS_OK;
    return READER_FAIL(reader, NIDUS_ERROR_LIMIT, where, "Too many %s: the engine's limit is %u.",
                       what, limit);
}

static enum nidus_code decode_import_item(struct decoder *decoder, struct import *import)
{
    struct nidus_module *module = decoder->module;
    const struct nidus_limits *limits = &module->engine->config.limits;
    struct reader *reader = &decoder->reader;
    const struct nidus_allocator *allocator = decoder->allocator;
    const uint8_t *where = reader->at;
    uint8_t kind;
    TRY(read_byte(reader, &kind));
    import->kind = (enum nidus_kind)kind;
    switch (kind) {
    case NIDUS_FUNC: {
        TRY(within_limit(reader, where, "functions", module->funcs.count, limits->functions));
        if (!VEC_ROOM(allocator, &module->funcs, 1))
            return error_no_memory(reader->error);
        import->index = module->funcs.count;
        TRY(decode_type_index(decoder, &module->funcs.items[import->index]));
        module->imported_funcs = ++module->funcs.count;
        return NIDUS_OK;
    }
    case NIDUS_TABLE:
        TRY(within_limit(reader, where, "tables", module->tables.count, limits->tables));
        if (!VEC_ROOM(allocator, &module->tables, 1))
            return error_no_memory(reader->error);
        import->index = module->tables.count;
        TRY(decode_table_type(decoder, &module->tables.items[import->index]));
        module->imported_tables = ++module->tables.count;
        return NIDUS_OK;
    case NIDUS_MEMORY:
        TRY(within_limit(reader, where, "memories", module->memories.count, limits->memories));
        if (!VEC_ROOM(allocator, &module->memories, 1))
            return error_no_memory(reader->error);
        import->index = module->memories.count;
        TRY(decode_limits(decoder, &module->memories.items[import->index], 1));
        module->imported_memories = ++module->memories.count;
        return NIDUS_OK;
    case NIDUS_GLOBAL:
        if (!VEC_ROOM(allocator, &module->globals, 1))
            return error_no_memory(reader->error);
        import->index = module->globals.count;
        TRY(decode_global_type(decoder, &module->globals.items[import->index]));
        module->imported_globals = ++module->globals.count;
        return NIDUS_OK;
    case NIDUS_TAG:
        if (!VEC_ROOM(allocator, &module->tags, 1))
            return error_no_memory(reader->error);
        import->index = module->tags.count;
        TRY(decode_tag(decoder, &module->tags.items[import->index]));
        module->imported_tags = ++module->tags.count;
        return NIDUS_OK;
    default:
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed import kind %u.",
                           (uint32_t)kind);
    }
}

enum nidus_code decode_import_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "imports", &count));
    if (!VEC_ROOM(decoder->allocator, &module->imports, count))
        return error_no_memory(reader->error);
    for (uint32_t i = 0; i < count; i++) {
        struct import *import = &module->imports.items[module->imports.count];
        TRY(read_name(reader, &import->from));
        TRY(read_name(reader, &import->name));
        TRY(decode_import_item(decoder, import));
        module->imports.count++;
    }
    return NIDUS_OK;
}

static enum nidus_code decode_exports(struct decoder *decoder, uint32_t count, uint32_t *table,
                                      uint32_t room)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    const uint32_t spaces[] = {module->funcs.count, module->tables.count, module->memories.count,
                               module->globals.count, module->tags.count};
    static const char *const kinds[] = {"function", "table", "memory", "global", "tag"};
    for (uint32_t i = 0; i < count; i++) {
        struct export *export = &module->exports.items[module->exports.count];
        const uint8_t *where = reader->at;
        TRY(read_name(reader, &export->name));
        uint32_t at = hash_bytes(2166136261u, export->name.bytes, export->name.length) & (room - 1);
        for (; table[at]; at = (at + 1) & (room - 1)) {
            const struct nidus_name *other = &module->exports.items[table[at] - 1].name;
            if (other->length == export->name.length &&
                memcmp(other->bytes, export->name.bytes, other->length) == 0)
                return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                                   "Duplicate export name \"%n\".", &export->name);
        }
        table[at] = module->exports.count + 1;
        where = reader->at;
        uint8_t kind;
        TRY(read_byte(reader, &kind));
        if (kind > NIDUS_TAG)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed export kind %u.",
                               (uint32_t)kind);
        export->kind = (enum nidus_kind)kind;
        where = reader->at;
        TRY(read_u32(reader, &export->index));
        if (export->index >= spaces[kind])
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                               "Unknown %s %u is exported.", kinds[kind], export->index);
        if (kind == NIDUS_FUNC)
            module->declared.items[export->index] = 1;
        module->exports.count++;
    }
    return NIDUS_OK;
}

enum nidus_code decode_export_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "exports", &count));
    if (!VEC_ROOM(decoder->allocator, &module->exports, count))
        return error_no_memory(decoder->reader.error);
    uint32_t room = hash_room(count);
    uint32_t *table = pool_new(decoder->allocator, room, sizeof *table);
    if (!table)
        return error_no_memory(decoder->reader.error);
    enum nidus_code code = decode_exports(decoder, count, table, room);
    pool_free(decoder->allocator, table, room, sizeof *table);
    return code;
}

/* ---- Segments ---- */

/* The head of an element segment has eight forms; bit 0: not active, bit 1: explicit table or
 * declared, bit 2: items are expressions. */
static enum nidus_code decode_elem_head(struct decoder *decoder, struct elem_segment *elem)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    uint32_t flags;
    TRY(read_u32(reader, &flags));
    if (flags > 7)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                           "Malformed elements segment kind %u.", flags);
    elem->mode = !(flags & 1)  ? SEGMENT_ACTIVE
                 : (flags & 2) ? SEGMENT_DECLARED
                               : SEGMENT_PASSIVE;
    elem->expressions = flags >> 2 & 1;
    elem->type = elem->expressions ? NIDUS_FUNCREF : TYPE_REF(HEAP_FUNC, 0);
    const uint8_t *table_at = reader->at;
    if (elem->mode == SEGMENT_ACTIVE) {
        if (flags & 2)
            TRY(read_u32(reader, &elem->table));
        if (elem->table >= module->tables.count)
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, table_at, "Unknown table %u.",
                               elem->table);
        elem->offset = (uint32_t)(reader->at - reader->start);
        nidus_type index = module->tables.items[elem->table].limits.is64 ? NIDUS_I64 : NIDUS_I32;
        TRY(valid_constant(module, reader, index, module->globals.count));
    }
    if (flags & 3) {
        where = reader->at;
        if (elem->expressions) {
            TRY(decode_value_type(module, reader, &elem->type));
            if (!type_is_ref(elem->type))
                return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                                   "Malformed reference type.");
        } else {
            uint8_t kind;
            TRY(read_byte(reader, &kind));
            if (kind != 0)
                return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                                   "Malformed element kind %u.", (uint32_t)kind);
        }
    }
    if (elem->mode == SEGMENT_ACTIVE &&
        !type_matches(module, elem->type, module->tables.items[elem->table].element))
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, table_at,
                           "Type mismatch: a segment of %s for a table of %s.",
                           type_name(elem->type),
                           type_name(module->tables.items[elem->table].element));
    return NIDUS_OK;
}

enum nidus_code decode_elem_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "element segments", &count));
    if (!VEC_ROOM(decoder->allocator, &module->elems, count))
        return error_no_memory(reader->error);
    for (uint32_t i = 0; i < count; i++) {
        struct elem_segment *elem = &module->elems.items[module->elems.count];
        TRY(decode_elem_head(decoder, elem));
        TRY(decode_count(decoder, 10000000, "elements", &elem->count));
        elem->items = (uint32_t)(reader->at - reader->start);
        for (uint32_t item = 0; item < elem->count; item++) {
            if (elem->expressions) {
                TRY(valid_constant(module, reader, elem->type, module->globals.count));
                continue;
            }
            const uint8_t *where = reader->at;
            uint32_t function;
            TRY(read_u32(reader, &function));
            if (function >= module->funcs.count)
                return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "Unknown function %u.",
                                   function);
            module->declared.items[function] = 1;
        }
        module->elems.count++;
    }
    return NIDUS_OK;
}

enum nidus_code decode_data_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "data segments", &count));
    if (!VEC_ROOM(decoder->allocator, &module->datas, count))
        return error_no_memory(reader->error);
    for (uint32_t i = 0; i < count; i++) {
        struct data_segment *data = &module->datas.items[module->datas.count];
        const uint8_t *where = reader->at;
        uint32_t flags;
        TRY(read_u32(reader, &flags));
        if (flags > 2)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                               "Malformed data segment kind %u.", flags);
        data->mode = flags == 1 ? SEGMENT_PASSIVE : SEGMENT_ACTIVE;
        if (flags == 2)
            TRY(read_u32(reader, &data->memory));
        if (data->mode == SEGMENT_ACTIVE) {
            if (data->memory >= module->memories.count)
                return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "Unknown memory %u.",
                                   data->memory);
            data->offset = (uint32_t)(reader->at - reader->start);
            nidus_type address = module->memories.items[data->memory].is64 ? NIDUS_I64 : NIDUS_I32;
            TRY(valid_constant(module, reader, address, module->globals.count));
        }
        TRY(read_u32(reader, &data->size));
        const uint8_t *bytes;
        TRY(read_bytes(reader, data->size, &bytes));
        data->bytes = (uint32_t)(bytes - reader->start);
        module->datas.count++;
    }
    return NIDUS_OK;
}
