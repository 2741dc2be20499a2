/* Types, and the instruction at a cursor: the grammar shared by sections and function bodies. */
#include "instructions.h"
#include "module.h"

enum nidus_code decode_opcode_slow(struct reader *reader, uint32_t *id)
{
    /* Where the instructions behind a prefix begin, and how many ids they have. */
    static const uint16_t prefixed[][2] = {{0x450, 0x20}, {0x100, 0x100}, {0x200, 0x200}, {0x400, 0x50}};
    const uint8_t *where = reader->at;
    uint8_t byte;
    TRY(read_byte(reader, &byte));
    uint32_t found = byte;
    if (byte >= FIRST_PREFIX && byte <= 0xfe) {
        uint32_t sub;
        TRY(read_u32(reader, &sub));
        if (sub >= prefixed[byte - FIRST_PREFIX][1])
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Illegal opcode 0x%x %u.",
                               (uint32_t)byte, sub);
        found = prefixed[byte - FIRST_PREFIX][0] + sub;
    }
    if (instructions[found].immediates == IMM_ILLEGAL)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Illegal opcode 0x%x.",
                           (uint32_t)byte);
    *id = found;
    return NIDUS_OK;
}

static int abstract_heap(uint8_t byte)
{
    return byte >= (HEAP_EXN & 0xff) && byte <= (HEAP_NOEXN & 0xff);
}

static uint32_t note_abstract(struct nidus_module *module, uint8_t byte)
{
    uint32_t heap = HEAP_ABSTRACT | byte;
    if (heap != HEAP_FUNC && heap != HEAP_NOFUNC)
        module->managed = 1;
    return heap;
}

enum nidus_code decode_heap_type(struct nidus_module *module, struct reader *reader, uint32_t *heap)
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
    if (value < -64 || !abstract_heap(byte))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed heap type.");
    *heap = note_abstract(module, byte);
    return NIDUS_OK;
}

enum nidus_code decode_value_type(struct nidus_module *module, struct reader *reader,
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
        *type = TYPE_REF(note_abstract(module, byte), 1);
        return NIDUS_OK;
    }
    return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, where, "Malformed value type 0x%x.",
                       (uint32_t)byte);
}
