/*
 * A bounded cursor over a module's bytes, and the errors found there.
 *
 * Invariant: start <= at <= end; nothing is read outside. Every function either advances past what
 * it read, or records one error (the first stays) with the offset from `start` and returns its code.
 */
#ifndef NIDUS_CORE_READER_H
#define NIDUS_CORE_READER_H

#include <nidus/engine.h>

struct reader {
    const uint8_t *start; /* offset 0 of error messages */
    const uint8_t *at;
    const uint8_t *end;
    struct nidus_error *error; /* never NULL here */
};

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum nidus_code try_code_ = (call);                                                        \
        if (try_code_ != NIDUS_OK)                                                                 \
            return try_code_;                                                                      \
    } while (0)

/* Sets `error` (may be NULL). The format knows %s, %u (uint32_t), %l (uint64_t), %x (uint32_t) and
 * %n (struct nidus_name *). */
enum nidus_code error_set(struct nidus_error *error, enum nidus_code code, size_t offset,
                          const char *format, ...);
enum nidus_code error_no_memory(struct nidus_error *error);

/* error_set at the offset of `where`. */
#define READER_FAIL(reader, code, where, ...)                                                      \
    error_set((reader)->error, (code), (size_t)((where) - (reader)->start), __VA_ARGS__)

NIDUS_CHECK enum nidus_code read_byte(struct reader *reader, uint8_t *byte);
NIDUS_CHECK enum nidus_code read_u32_slow(struct reader *reader, uint32_t *value);
NIDUS_CHECK enum nidus_code read_u64_slow(struct reader *reader, uint64_t *value);
NIDUS_CHECK enum nidus_code read_s32_slow(struct reader *reader, int32_t *value);
NIDUS_CHECK enum nidus_code read_s33(struct reader *reader, int64_t *value);
NIDUS_CHECK enum nidus_code read_s64(struct reader *reader, int64_t *value);
/* `size` bytes in place. */
NIDUS_CHECK enum nidus_code read_bytes(struct reader *reader, size_t size, const uint8_t **bytes);
/* A vector of bytes that must be UTF-8. */
NIDUS_CHECK enum nidus_code read_name(struct reader *reader, struct nidus_name *name);

/* Most integers have one byte: that much is read in place. */
NIDUS_CHECK static inline enum nidus_code read_u32(struct reader *reader, uint32_t *value)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *value = *reader->at++;
        return NIDUS_OK;
    }
    return read_u32_slow(reader, value);
}

NIDUS_CHECK static inline enum nidus_code read_u64(struct reader *reader, uint64_t *value)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *value = *reader->at++;
        return NIDUS_OK;
    }
    return read_u64_slow(reader, value);
}

NIDUS_CHECK static inline enum nidus_code read_s32(struct reader *reader, int32_t *value)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *value = (*reader->at++ ^ 0x40) - 0x40; /* bit 6 is the sign */
        return NIDUS_OK;
    }
    return read_s32_slow(reader, value);
}

#endif
