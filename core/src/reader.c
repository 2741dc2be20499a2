/* The cursor of reader.h: LEB128 as in the core specification 5.2.2, names as in 5.2.4. */
#include "reader.h"

#include <stdarg.h>
#include <string.h>

static size_t put_text(char *to, size_t used, size_t room, const char *text, size_t length)
{
    for (size_t i = 0; i < length && used + 1 < room; i++)
        to[used++] = text[i];
    return used;
}

static size_t put_number(char *to, size_t used, size_t room, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    return put_text(to, used, room, digits + at, sizeof digits - at);
}

enum nidus_code error_set(struct nidus_error *error, enum nidus_code code, size_t offset,
                          const char *format, ...)
{
    if (!error)
        return code;
    va_list args;
    va_start(args, format);
    char *to = error->text;
    size_t room = sizeof error->text;
    size_t used = 0;
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            used = put_text(to, used, room, f, 1);
            continue;
        }
        switch (*++f) {
        case 's': {
            const char *text = va_arg(args, const char *);
            used = put_text(to, used, room, text, strlen(text));
            break;
        }
        case 'n': {
            const struct nidus_name *name = va_arg(args, const struct nidus_name *);
            used = put_text(to, used, room, name->bytes, name->length);
            break;
        }
        case 'u':
            used = put_number(to, used, room, va_arg(args, uint32_t), 10);
            break;
        case 'x':
            used = put_number(to, used, room, va_arg(args, uint32_t), 16);
            break;
        case 'l':
            used = put_number(to, used, room, va_arg(args, uint64_t), 10);
            break;
        default:
            used = put_text(to, used, room, f, 1);
        }
    }
    va_end(args);
    to[used] = 0;
    error->code = code;
    error->trap = 0;
    error->offset = offset;
    return code;
}

enum nidus_code error_no_memory(struct nidus_error *error)
{
    return error_set(error, NIDUS_ERROR_NO_MEMORY, 0,
                     "The engine's allocator has no memory left; raise its limit or free something.");
}

enum nidus_code read_byte(struct reader *reader, uint8_t *byte)
{
    if (reader->at == reader->end)
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->at,
                           "Unexpected end: a byte is missing.");
    *byte = *reader->at++;
    return NIDUS_OK;
}

/* `bits` is the width of the integer; the last byte may only carry bits that fit (and, when signed,
 * repeat the sign). */
static enum nidus_code read_leb(struct reader *reader, unsigned bits, int is_signed, uint64_t *value)
{
    const uint8_t *first = reader->at;
    uint64_t result = 0;
    unsigned shift = 0;
    for (;;) {
        if (reader->at == reader->end)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, first,
                               "Unexpected end inside an integer.");
        uint8_t byte = *reader->at++;
        unsigned left = bits - shift;
        if (left < 7) {
            if (byte & 0x80)
                return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, first,
                                   "Integer representation too long.");
            uint8_t unused = (uint8_t)(0x7f & ~((1u << left) - 1));
            uint8_t extra = byte & unused;
            uint8_t wanted = is_signed && (byte >> (left - 1) & 1) ? unused : 0;
            if (extra != wanted)
                return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, first,
                                   "Integer too large for %u bits.", (uint32_t)bits);
        }
        result |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (!(byte & 0x80)) {
            if (is_signed && shift < 64 && byte & 0x40)
                result |= ~UINT64_C(0) << shift;
            *value = result;
            return NIDUS_OK;
        }
        if (shift >= bits)
            return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, first,
                               "Integer representation too long.");
    }
}

enum nidus_code read_u32_slow(struct reader *reader, uint32_t *value)
{
    uint64_t wide = 0;
    TRY(read_leb(reader, 32, 0, &wide));
    *value = (uint32_t)wide;
    return NIDUS_OK;
}

enum nidus_code read_u64_slow(struct reader *reader, uint64_t *value)
{
    return read_leb(reader, 64, 0, value);
}

enum nidus_code read_s32_slow(struct reader *reader, int32_t *value)
{
    uint64_t wide = 0;
    TRY(read_leb(reader, 32, 1, &wide));
    *value = (int32_t)(uint32_t)wide;
    return NIDUS_OK;
}

enum nidus_code read_s33(struct reader *reader, int64_t *value)
{
    uint64_t wide = 0;
    TRY(read_leb(reader, 33, 1, &wide));
    *value = (int64_t)wide;
    return NIDUS_OK;
}

enum nidus_code read_s64(struct reader *reader, int64_t *value)
{
    uint64_t wide = 0;
    TRY(read_leb(reader, 64, 1, &wide));
    *value = (int64_t)wide;
    return NIDUS_OK;
}

enum nidus_code read_bytes(struct reader *reader, size_t size, const uint8_t **bytes)
{
    if (size > (size_t)(reader->end - reader->at))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, reader->at,
                           "Unexpected end: %l bytes are announced, %l are left.", (uint64_t)size,
                           (uint64_t)(reader->end - reader->at));
    *bytes = reader->at;
    reader->at += size;
    return NIDUS_OK;
}

/* Well-formed UTF-8 as Unicode's table 3-7 has it: no overlong forms, no surrogates. */
static int is_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint8_t first = *at++;
        if (first < 0x80)
            continue;
        int follow = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || end - at < follow)
            return 0;
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (*at < low || *at > high)
            return 0;
        for (int i = 1; i < follow; i++)
            if ((at[i] & 0xc0) != 0x80)
                return 0;
        at += follow;
    }
    return 1;
}

enum nidus_code read_name(struct reader *reader, struct nidus_name *name)
{
    uint32_t length;
    TRY(read_u32(reader, &length));
    const uint8_t *bytes = reader->at;
    TRY(read_bytes(reader, length, &bytes));
    if (!is_utf8(bytes, bytes + length))
        return READER_FAIL(reader, NIDUS_ERROR_MALFORMED, bytes,
                           "Malformed UTF-8 encoding in a name.");
    name->bytes = (const char *)bytes;
    name->length = length;
    return NIDUS_OK;
}
