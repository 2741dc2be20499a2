#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Externrefs are numbers from 1 on, because 0 is the null reference. */
static nidus_ref extern_ref(const char *digits) { return strtoull(digits, NULL, 10) + 1; }

static bool starts(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* `f32x4:` and the like: lanes in *count of *width bytes; floats where *is_float. */
static const char *vector_shape(const char *token, unsigned *count, unsigned *width, bool *is_float)
{
    static const struct {
        const char *name;
        unsigned count, width;
        bool is_float;
    } shapes[] = {
        {"i8x16:", 16, 1, false}, {"i16x8:", 8, 2, false}, {"i32x4:", 4, 4, false},
        {"i64x2:", 2, 8, false},  {"f32x4:", 4, 4, true},  {"f64x2:", 2, 8, true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (starts(token, shapes[i].name)) {
            *count = shapes[i].count;
            *width = shapes[i].width;
            *is_float = shapes[i].is_float;
            return token + strlen(shapes[i].name);
        }
    }
    return NULL;
}

bool value_parse(const char *token, nidus_type type, struct nidus_value *value)
{
    unsigned count, width;
    bool is_float;
    const char *lanes = vector_shape(token, &count, &width, &is_float);

    memset(value, 0, sizeof *value);
    if (lanes) {
        value->type = NIDUS_V128;
        for (unsigned i = 0; i < count; i++, lanes += strcspn(lanes, ",") + 1) {
            uint64_t bits = strtoull(lanes, NULL, 16);
            memcpy(value->of.v128 + i * width, &bits, width);
        }
    } else if (starts(token, "i32:")) {
        value->type = NIDUS_I32;
        value->of.i32 = (int32_t)strtoul(token + 4, NULL, 16);
    } else if (starts(token, "i64:")) {
        value->type = NIDUS_I64;
        value->of.i64 = (int64_t)strtoull(token + 4, NULL, 16);
    } else if (starts(token, "f32:")) {
        value->type = NIDUS_F32;
        value->of.f32 = (uint32_t)strtoul(token + 4, NULL, 16);
    } else if (starts(token, "f64:")) {
        value->type = NIDUS_F64;
        value->of.f64 = strtoull(token + 4, NULL, 16);
    } else if (strcmp(token, "null") == 0) {
        value->type = type;
        value->of.ref = NIDUS_NULL;
    } else if (starts(token, "extern:") || starts(token, "host:")) {
        value->type = type;
        value->of.ref = extern_ref(strchr(token, ':') + 1);
    } else
        return false;
    return true;
}

/* A float or one lane of a vector: its bits, or a class of NaN (core specification, "NaN patterns"). */
static bool float_matches(const char *pattern, uint64_t bits, unsigned width)
{
    uint64_t quiet = width == 4 ? UINT64_C(0x7fc00000) : UINT64_C(0x7ff8000000000000);
    uint64_t magnitude = width == 4 ? UINT64_C(0x7fffffff) : UINT64_C(0x7fffffffffffffff);

    if (starts(pattern, "canonical"))
        return (bits & magnitude) == quiet;
    if (starts(pattern, "arithmetic"))
        return (bits & quiet) == quiet;
    return strtoull(pattern, NULL, 16) == bits;
}

/* func, extern, any, eq, i31, struct, array, exn, host: a reference of that kind that is not null. */
static bool ref_matches(const struct nidus_store *store, const char *pattern, nidus_ref ref, nidus_type type)
{
    enum nidus_ref_kind kind = nidus_ref_kind(store, ref);
    size_t length = strcspn(pattern, "|");
    static const struct {
        const char *name;
        unsigned kinds; /* bits */
    } patterns[] = {
        {"func", 1u << NIDUS_REF_KIND_HOST},
        {"host", 1u << NIDUS_REF_KIND_HOST},
        {"i31", 1u << NIDUS_REF_KIND_I31},
        {"struct", 1u << NIDUS_REF_KIND_STRUCT},
        {"array", 1u << NIDUS_REF_KIND_ARRAY},
        {"exn", 1u << NIDUS_REF_KIND_EXCEPTION},
        {"eq", 1u << NIDUS_REF_KIND_I31 | 1u << NIDUS_REF_KIND_STRUCT | 1u << NIDUS_REF_KIND_ARRAY},
        {"any", ~(1u << NIDUS_REF_KIND_NULL | 1u << NIDUS_REF_KIND_EXCEPTION)},
        {"extern", ~(1u << NIDUS_REF_KIND_NULL | 1u << NIDUS_REF_KIND_EXCEPTION)},
    };

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strlen(patterns[i].name) == length && strncmp(pattern, patterns[i].name, length) == 0)
            return (patterns[i].kinds >> kind & 1) && nidus_ref_matches(store, ref, type);
    return false;
}

static bool one_matches(const struct nidus_store *store, const char *pattern, const struct nidus_value *value)
{
    unsigned count, width;
    bool is_float;
    const char *lanes = vector_shape(pattern, &count, &width, &is_float);

    if (lanes) {
        if (value->type != NIDUS_V128)
            return false;
        for (unsigned i = 0; i < count; i++, lanes += strcspn(lanes, ",") + 1) {
            uint64_t bits = 0;
            memcpy(&bits, value->of.v128 + i * width, width);
            if (is_float ? !float_matches(lanes, bits, width) : strtoull(lanes, NULL, 16) != bits)
                return false;
        }
        return true;
    }
    switch (NIDUS_TYPE_KIND(value->type)) {
    case 1: return starts(pattern, "i32:") && strtoul(pattern + 4, NULL, 16) == (uint32_t)value->of.i32;
    case 2: return starts(pattern, "i64:") && strtoull(pattern + 4, NULL, 16) == (uint64_t)value->of.i64;
    case 3: return starts(pattern, "f32:") && float_matches(pattern + 4, value->of.f32, 4);
    case 4: return starts(pattern, "f64:") && float_matches(pattern + 4, value->of.f64, 8);
    case 6:
        if (starts(pattern, "extern:") || starts(pattern, "host:"))
            return value->of.ref == extern_ref(strchr(pattern, ':') + 1);
        if (strncmp(pattern, "null", strcspn(pattern, "|")) == 0)
            return value->of.ref == NIDUS_NULL;
        return ref_matches(store, pattern, value->of.ref, value->type);
    default: return false;
    }
}

bool value_matches(const struct nidus_store *store, const char *pattern, const struct nidus_value *value)
{
    for (;; pattern++) {
        if (one_matches(store, pattern, value))
            return true;
        pattern = strchr(pattern, '|');
        if (!pattern)
            return false;
    }
}

void value_print(const struct nidus_value *value, char *text, size_t size)
{
    uint64_t low, high;

    switch (NIDUS_TYPE_KIND(value->type)) {
    case 1: snprintf(text, size, "i32:%08" PRIx32, (uint32_t)value->of.i32); break;
    case 2: snprintf(text, size, "i64:%016" PRIx64, (uint64_t)value->of.i64); break;
    case 3: snprintf(text, size, "f32:%08" PRIx32, value->of.f32); break;
    case 4: snprintf(text, size, "f64:%016" PRIx64, value->of.f64); break;
    case 5:
        memcpy(&low, value->of.v128, 8);
        memcpy(&high, value->of.v128 + 8, 8);
        snprintf(text, size, "i64x2:%016" PRIx64 ",%016" PRIx64, low, high);
        break;
    case 6: snprintf(text, size, "reference %" PRIu64, value->of.ref); break;
    default: snprintf(text, size, "a value of type %#" PRIx32, value->type);
    }
}
