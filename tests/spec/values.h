/*
 * Values in a command list: `i32:0000002a`, `f32x4:…`, `null`. README.md has the grammar.
 * Integers and float bits are big-endian hexadecimal, lanes from lane 0 on.
 */
#ifndef NIDUS_SPEC_VALUES_H
#define NIDUS_SPEC_VALUES_H

#include <nidus/engine.h>

/* An argument. `type` is the parameter's type, which a null needs. False: the token has no meaning. */
bool value_parse(const char *token, nidus_type type, struct nidus_value *value);

/* Does the value fit the pattern: exact bits, a class of NaN, a kind of reference, or alternatives? */
bool value_matches(const struct nidus_store *store, const char *pattern, const struct nidus_value *value);

/* For messages. */
void value_print(const struct nidus_value *value, char *text, size_t size);

#endif
