/*
 * The binary format (core specification 5.5): sections in their order, and what each one holds.
 *
 * Sizes are checked where they are read: a vector's count is bounded by the bytes left, because
 * every element takes at least one, so no small module makes the decoder allocate much.
 */
#include "decode.h"

#include <string.h>

#include "valid.h"

/* Position of every section in the one order that is allowed; 0 for unknown ids. */
static const uint8_t section_order[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6};

enum nidus_code decode_count(struct decoder *decoder, uint32_t limit, const char *what,
                             uint32_t *count)
{
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    TRY(read_u32(reader, count));
    if (*count > (size_t)(reader->end - reader->at))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                           "Unexpected end: %u %s are announced in %l bytes.", *count, what,
                           (uint64_t)(reader->end - reader->at));
    if (*count > limit)
        return READER_FAIL(reader, NIDUS_ERROR_LIMIT, where,
                           "Too many %s: %u, where the engine's limit is %u.", what, *count, limit);
    return NIDUS_OK;
}

static enum nidus_code decode_custom(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    if (!VEC_ROOM(decoder->allocator, &module->customs, 1))
        return error_no_memory(reader->error);
    struct custom_section *custom = &module->customs.items[module->customs.count];
    TRY(read_name(reader, &custom->name));
    custom->bytes = (uint32_t)(reader->at - reader->start);
    custom->size = (uint32_t)(reader->end - reader->at);
    reader->at = reader->end;
    module->customs.count++;
    return NIDUS_OK;
}

static enum nidus_code decode_function_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    uint32_t count;
    TRY(decode_count(decoder, module->engine->config.limits.functions - module->funcs.count,
                     "functions", &count));
    if (!VEC_ROOM(decoder->allocator, &module->funcs, count) ||
        !VEC_ROOM(decoder->allocator, &module->bodies, count))
        return error_no_memory(reader->error);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t type;
        TRY(decode_type_index(decoder, &type));
        module->funcs.items[module->funcs.count++] = type;
    }
    decoder->defined_funcs = count;
    return NIDUS_OK;
}

static enum nidus_code decode_start(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    TRY(read_u32(reader, &module->start));
    if (module->start >= module->funcs.count)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Unknown function %u: the start function does not exist.",
                           module->start);
    const struct deftype *type = module_functype(module, module->start);
    if (type->shape.param_count || type->shape.result_count)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "The start function must take and return nothing.");
    return NIDUS_OK;
}

static enum nidus_code decode_code_section(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    uint32_t count;
    TRY(read_u32(reader, &count));
    if (count != decoder->defined_funcs)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                           "Function and code section have inconsistent lengths: %u and %u.",
                           decoder->defined_funcs, count);
    struct validator *validator;
    TRY(valid_new(module, &validator, reader->error));
    enum nidus_code code = NIDUS_OK;
    for (uint32_t i = 0; i < count && code == NIDUS_OK; i++) {
        uint32_t size;
        const uint8_t *bytes;
        where = reader->at;
        if ((code = read_u32(reader, &size)) != NIDUS_OK ||
            (code = read_bytes(reader, size, &bytes)) != NIDUS_OK)
            break;
        if (size > module->engine->config.limits.function_bytes) {
            code = READER_FAIL(reader, NIDUS_ERROR_LIMIT, where,
                               "Function body too large: %u bytes, where the engine's limit is %u.",
                               size, module->engine->config.limits.function_bytes);
            break;
        }
        struct body *body = &module->bodies.items[module->bodies.count++];
        body->offset = (uint32_t)(bytes - reader->start);
        body->size = size;
        struct reader inner = {reader->start, bytes, bytes + size, reader->error};
        code = valid_body(validator, module->imported_funcs + i, body, &inner);
    }
    valid_free(validator);
    return code;
}

static enum nidus_code decode_data_count(struct decoder *decoder)
{
    decoder->module->has_data_count = 1;
    return read_u32(&decoder->reader, &decoder->module->data_count);
}

static enum nidus_code decode_section(struct decoder *decoder, uint8_t id)
{
    switch (id) {
    case 0:
        return decode_custom(decoder);
    case 1:
        return decode_type_section(decoder);
    case 2:
        return decode_import_section(decoder);
    case 3:
        return decode_function_section(decoder);
    case 4:
        return decode_table_section(decoder);
    case 5:
        return decode_memory_section(decoder);
    case 6:
        return decode_global_section(decoder);
    case 7:
        return decode_export_section(decoder);
    case 8:
        return decode_start(decoder);
    case 9:
        return decode_elem_section(decoder);
    case 10:
        return decode_code_section(decoder);
    case 11:
        return decode_data_section(decoder);
    case 12:
        return decode_data_count(decoder);
    default:
        return decode_tag_section(decoder);
    }
}

/* ref.func in a body needs to know every function; the array has its final size only once all
 * functions are declared. */
static enum nidus_code prepare_declared(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    uint32_t missing = module->funcs.count - module->declared.count;
    if (missing == 0)
        return NIDUS_OK;
    if (!VEC_ROOM(decoder->allocator, &module->declared, missing))
        return error_no_memory(decoder->reader.error);
    module->declared.count = module->funcs.count;
    return NIDUS_OK;
}

static enum nidus_code decode_sections(struct decoder *decoder)
{
    struct reader *reader = &decoder->reader;
    const uint8_t *end = reader->end;
    uint8_t last = 0;
    while (reader->at < end) {
        const uint8_t *where = reader->at;
        uint8_t id;
        uint32_t size;
        const uint8_t *bytes;
        TRY(read_byte(reader, &id));
        if (id >= sizeof section_order)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed section id %u.",
                               (uint32_t)id);
        TRY(read_u32(reader, &size));
        TRY(read_bytes(reader, size, &bytes));
        if (id != 0) {
            if (section_order[id] <= last)
                return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where,
                                   "Unexpected content after last section: section %u is out of "
                                   "order or repeated.",
                                   (uint32_t)id);
            last = section_order[id];
        }
        reader->at = bytes;
        reader->end = bytes + size;
        TRY(prepare_declared(decoder));
        TRY(decode_section(decoder, id));
        if (reader->at != reader->end)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->at,
                               "Section size mismatch: section %u ends %l bytes early.",
                               (uint32_t)id, (uint64_t)(reader->end - reader->at));
        reader->end = end;
    }
    return NIDUS_OK;
}

enum nidus_code decode_module(struct nidus_module *module, struct nidus_error *error)
{
    struct nidus_error ignored;
    struct decoder decoder = {
        .module = module,
        .allocator = &module->engine->config.allocator,
        .reader = {module->bytes, module->bytes, module->bytes + module->size,
                   error ? error : &ignored},
    };
    struct reader *reader = &decoder.reader;
    static const uint8_t header[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    module->start = NO_INDEX;
    if (module->size < 4 || memcmp(module->bytes, header, 4) != 0)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, module->bytes,
                           "Magic header not detected: these bytes are not a WebAssembly module.");
    if (module->size < 8 || memcmp(module->bytes + 4, header + 4, 4) != 0)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, module->bytes + 4,
                           "Unknown binary version: only core modules of version 1 are supported.");
    reader->at += 8;
    TRY(decode_sections(&decoder));
    if (module->bodies.count != decoder.defined_funcs)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->end,
                           "Function and code section have inconsistent lengths: %u and 0.",
                           decoder.defined_funcs);
    if (module->has_data_count && module->data_count != module->datas.count)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->end,
                           "Data count and data section have inconsistent lengths: %u and %u.",
                           module->data_count, module->datas.count);
    return NIDUS_OK;
}
