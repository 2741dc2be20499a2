/* The type section: recursive groups of functions, structs and arrays, and their supertypes. */
#include "decode.h"

#define MANY 1000000u /* types of a module: what browsers allow */

static enum nidus_code decode_type_list(struct decoder *decoder, uint32_t *count,
                                        const nidus_type **types, uint32_t *cells)
{
    struct reader *reader = &decoder->reader;
    TRY(decode_count(decoder, 1000, "parameters or results", count));
    nidus_type *list = pool_new(decoder->allocator, *count, sizeof *list);
    if (!list)
        return error_no_memory(reader->error);
    *types = list;
    *cells = 0;
    for (uint32_t i = 0; i < *count; i++) {
        TRY(decode_value_type(decoder->module, reader, &list[i]));
        *cells += type_cells(list[i]);
    }
    return NIDUS_OK;
}

static enum nidus_code decode_field(struct decoder *decoder, struct field *field)
{
    struct reader *reader = &decoder->reader;
    if (reader->at < reader->end && (*reader->at == 0x78 || *reader->at == 0x77)) {
        field->type = *reader->at == 0x78 ? TYPE_I8 : TYPE_I16;
        reader->at++;
    } else {
        TRY(decode_value_type(decoder->module, reader, &field->type));
    }
    const uint8_t *where = reader->at;
    TRY(read_byte(reader, &field->mutable_));
    if (field->mutable_ > 1)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed mutability %u.",
                           (uint32_t)field->mutable_);
    return NIDUS_OK;
}

static enum nidus_code decode_fields(struct decoder *decoder, struct deftype *type)
{
    uint32_t count = 1;
    if (type->kind == KIND_STRUCT)
        TRY(decode_count(decoder, MAX_FIELDS, "fields", &count));
    type->fields = pool_new(decoder->allocator, count, sizeof *type->fields);
    if (!type->fields)
        return error_no_memory(decoder->reader.error);
    type->field_count = count;
    for (uint32_t i = 0; i < count; i++)
        TRY(decode_field(decoder, &type->fields[i]));
    return NIDUS_OK;
}

/* 0x60 function, 0x5f struct, 0x5e array. */
static enum nidus_code decode_composite(struct decoder *decoder, struct deftype *type)
{
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    uint8_t form;
    TRY(read_byte(reader, &form));
    switch (form) {
    case 0x60:
        type->kind = KIND_FUNC;
        TRY(decode_type_list(decoder, &type->shape.param_count, &type->shape.params,
                             &type->param_cells));
        return decode_type_list(decoder, &type->shape.result_count, &type->shape.results,
                                &type->result_cells);
    case 0x5f:
    case 0x5e:
        decoder->module->managed = 1;
        type->kind = form == 0x5f ? KIND_STRUCT : KIND_ARRAY;
        return decode_fields(decoder, type);
    default:
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed type form 0x%x.",
                           (uint32_t)form);
    }
}

/* 0x50 and 0x4f, a type with supertypes that is not final or is; anything else is final and has none. */
static enum nidus_code decode_subtype(struct decoder *decoder, uint32_t index)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    struct deftype *type = &module->types.items[index];
    type->final = 1;
    if (reader->at == reader->end || (*reader->at != 0x50 && *reader->at != 0x4f))
        return decode_composite(decoder, type);
    type->final = *reader->at++ == 0x4f;
    const uint8_t *where = reader->at;
    uint32_t count;
    TRY(decode_count(decoder, MANY, "supertypes", &count));
    if (count > 1)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Sub type %u has %u supertypes, where one is allowed.", index, count);
    if (count == 1) {
        TRY(read_u32(reader, &type->super));
        if (type->super >= index)
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                               "Unknown type %u: a supertype comes before its sub type.",
                               type->super);
        type->super = module->types.items[type->super].canonical;
    }
    return decode_composite(decoder, type);
}

static enum nidus_code check_supertypes(struct decoder *decoder, uint32_t start,
                                        const uint8_t *where)
{
    const struct type_table *types = &decoder->module->types;
    for (uint32_t i = start; i < types->count; i++) {
        uint32_t super = types->items[i].super;
        if (super == NO_INDEX)
            continue;
        if (types->items[super].depth >= MAX_TYPE_DEPTH)
            return READER_FAIL(&decoder->reader, NIDUS_ERROR_INVALID, where,
                               "Sub type %u has more than %u supertypes above it.", i,
                               MAX_TYPE_DEPTH);
        if (!type_extends(types, i))
            return READER_FAIL(&decoder->reader, NIDUS_ERROR_INVALID, where,
                               "Sub type %u does not match its supertype %u.", i, super);
    }
    return NIDUS_OK;
}

static enum nidus_code decode_group(struct decoder *decoder)
{
    struct nidus_module *module = decoder->module;
    struct reader *reader = &decoder->reader;
    const uint8_t *where = reader->at;
    uint32_t count = 1;
    if (reader->at < reader->end && *reader->at == 0x4e) {
        reader->at++;
        TRY(decode_count(decoder, MANY - module->types.count, "types", &count));
    }
    uint32_t start = module->types.count;
    if (start + count > MANY)
        return READER_FAIL(reader, NIDUS_ERROR_LIMIT, where,
                           "Too many types: the engine's limit is %u.", MANY);
    if (!VEC_ROOM(decoder->allocator, &module->types, count))
        return error_no_memory(reader->error);
    /* All of them can be named from here on, and are freed with the module. */
    for (uint32_t i = start; i < start + count; i++)
        module->types.items[i] = (struct deftype){.canonical = i, .super = NO_INDEX};
    module->types.count += count;
    for (uint32_t i = start; i < start + count; i++)
        TRY(decode_subtype(decoder, i));
    if (!types_close_group(decoder->allocator, &module->types, start))
        return error_no_memory(reader->error);
    return check_supertypes(decoder, start, where);
}

enum nidus_code decode_type_section(struct decoder *decoder)
{
    uint32_t count;
    TRY(decode_count(decoder, MANY, "types", &count));
    if (!VEC_ROOM(decoder->allocator, &decoder->module->types, count))
        return error_no_memory(decoder->reader.error);
    for (; count > 0; count--)
        TRY(decode_group(decoder));
    types_free_buckets(decoder->allocator, &decoder->module->types);
    return NIDUS_OK;
}
