/* Types, and the instruction at a cursor: the grammar shared by sections and function bodies. */
#include <string.h>

#include "instructions.h"
#include "module.h"

enum nidus_code decode_opcode(struct reader *reader, uint32_t *id)
{
    const uint8_t *where = reader->at;
    uint8_t byte;
    TRY(read_byte(reader, &byte));
    uint32_t found = byte;
    if (byte >= 0xfb && byte <= 0xfe) {
        uint32_t sub;
        TRY(read_u32(reader, &sub));
        uint32_t base = byte == 0xfc ? 0x100 : byte == 0xfd ? 0x200 : byte == 0xfe ? 0x400 : 0;
        uint32_t span = byte == 0xfd ? 0x200 : byte == 0xfe ? 0x50 : 0x100;
        if (byte == 0xfb || sub >= span)
            return READER_FAIL(reader, byte == 0xfb ? NIDUS_ERROR_UNSUPPORTED : NIDUS_ERROR_MALFORMED,
                               where, "Illegal opcode 0x%x %u.", (uint32_t)byte, sub);
        found = base + sub;
    }
    if (instructions[found].immediates == IMM_ILLEGAL) {
        int newer = (byte >= 6 && byte <= 0xa) || byte == 0x18 || byte == 0x19 || byte == 0x1f ||
                    byte == 0xd3;
        return READER_FAIL(reader, newer ? NIDUS_ERROR_UNSUPPORTED : NIDUS_ERROR_MALFORMED, where,
                           "Illegal opcode 0x%x.", (uint32_t)byte);
    }
    *id = found;
    return NIDUS_OK;
}

static int abstract_heap(uint8_t byte)
{
    return byte == 0x70 || byte == 0x6f || byte == 0x73 || byte == 0x72;
}

enum nidus_code decode_heap_type(const struct nidus_module *module, struct reader *reader,
                                 uint32_t *heap)
{
    const uint8_t *where = reader->at;
    int64_t value;
    TRY(read_s33(reader, &value));
    if (value >= 0) {
        if (value >= module->types.count)
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "Unknown type %l.",
                               (uint64_t)value);
        *heap = module->types.items[value].canonical;
        return NIDUS_OK;
    }
    uint8_t byte = (uint8_t)(value & 0x7f);
    if (value >= -64 && abstract_heap(byte)) {
        *heap = HEAP_ABSTRACT | byte;
        return NIDUS_OK;
    }
    if (value >= -64 && byte >= 0x68 && byte <= 0x74)
        return READER_FAIL(reader, NIDUS_ERROR_UNSUPPORTED, where,
                           "Heap type 0x%x needs garbage collection or exceptions, which this "
                           "engine does not have.",
                           (uint32_t)byte);
    return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed heap type.");
}

enum nidus_code decode_value_type(const struct nidus_module *module, struct reader *reader,
                                  nidus_type *type)
{
    const uint8_t *where = reader->at;
    uint8_t byte;
    TRY(read_byte(reader, &byte));
    if (byte >= 0x7b && byte <= 0x7f) {
        *type = 0x80u - byte;
        return NIDUS_OK;
    }
    if (byte == 0x63 || byte == 0x64) {
        uint32_t heap;
        TRY(decode_heap_type(module, reader, &heap));
        *type = TYPE_REF(heap, byte == 0x63);
        return NIDUS_OK;
    }
    if (abstract_heap(byte)) {
        *type = TYPE_REF(HEAP_ABSTRACT | (uint32_t)byte, 1);
        return NIDUS_OK;
    }
    if (byte >= 0x68 && byte <= 0x74)
        return READER_FAIL(reader, NIDUS_ERROR_UNSUPPORTED, where,
                           "Type 0x%x needs garbage collection or exceptions, which this engine "
                           "does not have.",
                           (uint32_t)byte);
    return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed value type 0x%x.",
                       (uint32_t)byte);
}

static int heap_matches(uint32_t sub, uint32_t super)
{
    if (sub == super)
        return 1;
    if (super == HEAP_FUNC)
        return sub == HEAP_NOFUNC || sub < HEAP_ABSTRACT;
    if (super < HEAP_ABSTRACT)
        return sub == HEAP_NOFUNC;
    return super == HEAP_EXTERN && sub == HEAP_NOEXTERN;
}

int type_matches(const struct nidus_module *module, nidus_type sub, nidus_type super)
{
    (void)module; /* declared supertypes will need it */
    if (sub == super || sub == TYPE_ANY || super == TYPE_ANY)
        return 1;
    if (!type_is_ref(sub) || !type_is_ref(super))
        return 0;
    if (type_is_nullable(sub) && !type_is_nullable(super))
        return 0;
    return heap_matches(NIDUS_TYPE_HEAP(sub), NIDUS_TYPE_HEAP(super));
}

const char *type_name(nidus_type type)
{
    static const char *const names[] = {"any type", "i32", "i64", "f32", "f64", "v128"};
    if (!type_is_ref(type))
        return NIDUS_TYPE_KIND(type) <= 5 ? names[NIDUS_TYPE_KIND(type)] : "unknown type";
    switch (NIDUS_TYPE_HEAP(type)) {
    case HEAP_FUNC:
        return type_is_nullable(type) ? "funcref" : "(ref func)";
    case HEAP_EXTERN:
        return type_is_nullable(type) ? "externref" : "(ref extern)";
    case HEAP_NOFUNC:
    case HEAP_NOEXTERN:
        return "reference to nothing";
    default:
        return type_is_nullable(type) ? "nullable reference to a function type"
                                      : "reference to a function type";
    }
}
