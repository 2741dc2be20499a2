/*
 * json.h: JSON text being written.
 *
 * Invariant: when memory runs out, what follows is dropped and json_text answers a message that says
 * so; writers need not look.
 */
#ifndef NIDUS_CORE_JSON_H
#define NIDUS_CORE_JSON_H

#include <stdbool.h>

#include "memory_pool.h"

struct json {
    const struct nidus_allocator *allocator;
    VEC(char) text;
    bool failed;
};

/* Begins anew, in the same room. */
void json_clear(struct json *json);
void json_free(struct json *json);
/* As it is: marks, and words that need no escape. */
void json_raw(struct json *json, const char *text);
/* A part of a string, escaped. */
void json_part(struct json *json, const char *bytes, size_t length);
/* Digits in base 10 or 16. */
void json_number(struct json *json, uint32_t value, uint32_t base);
/* "key": with the mark before it, `{` or `,`. */
void json_key(struct json *json, char mark, const char *key);
/* A whole string. */
void json_string(struct json *json, const char *bytes, size_t length);
/* What was written, ended by a zero byte. */
const char *json_text(struct json *json);

#endif
