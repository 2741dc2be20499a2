/*
 * A module: what the decoder found, what validation promised, and the internal code made so far.
 *
 * Owns: its arrays, a copy of the bytes (unless borrowed), and the internal code of its functions.
 * Invariant: a `struct nidus_module` that exists is decoded whole and valid; every index and offset
 * in it is within bounds. Only `bodies[i].code` changes later, at the first call of a function.
 */
#ifndef NIDUS_CORE_MODULE_H
#define NIDUS_CORE_MODULE_H

#include <nidus/engine.h>

#include "instructions.h"
#include "memory_pool.h"
#include "reader.h"
#include "types.h"

struct nidus_engine {
    struct nidus_config config;
};

struct limits {
    uint64_t minimum;
    uint64_t maximum; /* NIDUS_NO_MAXIMUM for none */
    uint8_t is64;
    uint8_t shared;
    uint8_t page_shift; /* of a memory: its pages are 1 << page_shift bytes */
};

#define DEFAULT_PAGE_SHIFT 16

/* What addresses of that type can reach. */
static inline uint64_t memory_most_pages(const struct limits *limits)
{
    uint64_t bytes_less_one = limits->is64 ? UINT64_MAX : UINT32_MAX;
    return limits->page_shift ? (bytes_less_one >> limits->page_shift) + 1 : bytes_less_one;
}

struct table_type {
    nidus_type element;
    struct limits limits;
    uint32_t init; /* offset of the initial value's expression; 0 for null */
};

struct global_type {
    nidus_type type;
    uint8_t mutable_;
    uint32_t init; /* offset of its expression; 0 when imported */
};

struct import {
    struct nidus_name from;
    struct nidus_name name;
    enum nidus_kind kind;
    uint32_t index; /* in the index space of its kind */
};

struct export {
    struct nidus_name name;
    enum nidus_kind kind;
    uint32_t index;
};

enum segment_mode { SEGMENT_ACTIVE, SEGMENT_PASSIVE, SEGMENT_DECLARED };

struct elem_segment {
    uint8_t mode;
    uint8_t expressions; /* items are expressions, not function indices */
    nidus_type type;
    uint32_t table;
    uint32_t offset; /* of the offset expression */
    uint32_t count;
    uint32_t items; /* offset of the first item */
};

struct data_segment {
    uint8_t mode;
    uint32_t memory;
    uint32_t offset; /* of the offset expression */
    uint32_t size;
    uint32_t bytes; /* offset of the first byte */
};

struct custom_section {
    struct nidus_name name;
    uint32_t bytes;
    uint32_t size;
};

struct code;

struct body {
    uint32_t offset; /* of the locals declarations */
    uint32_t size;
    uint32_t loop_constants; /* constant instructions inside loops, counted by validation */
    uint32_t try_depth;      /* legacy try blocks within one another, counted by validation */
    struct code *code;       /* NULL until translated */
};

struct nidus_module {
    struct nidus_engine *engine;
    uint32_t references;
    uint8_t owns_bytes;
    uint8_t has_data_count;
    uint8_t managed; /* names references that a collector looks after: all but functions */
    const uint8_t *bytes;
    size_t size;

    struct type_table types;
    VEC(struct import) imports;
    VEC(uint32_t) funcs; /* type index of every function, imports first */
    VEC(struct table_type) tables;
    VEC(struct limits) memories;
    VEC(struct global_type) globals;
    VEC(uint32_t) tags; /* type index of every tag */
    VEC(struct export) exports;
    VEC(struct elem_segment) elems;
    VEC(struct data_segment) datas;
    VEC(struct body) bodies;
    VEC(struct custom_section) customs;
    VEC(uint8_t) declared; /* per function: may be named by ref.func */
    uint32_t imported_funcs;
    uint32_t imported_tables;
    uint32_t imported_memories;
    uint32_t imported_globals;
    uint32_t imported_tags;
    uint32_t data_count;
    uint32_t start; /* NO_INDEX for none */
    size_t internal_bytes;
};

static inline const struct deftype *module_functype(const struct nidus_module *module,
                                                     uint32_t function)
{
    return &module->types.items[module->funcs.items[function]];
}

static inline void module_limits(const struct limits *from, struct nidus_limits_type *to)
{
    to->minimum = from->minimum;
    to->maximum = from->maximum;
    to->is64 = from->is64;
    to->shared = from->shared;
    to->byte_pages = from->page_shift == 0;
}

/* ---- decode.c, decode_sections.c ---- */

/* Decodes the whole module and validates everything but function bodies. */
NIDUS_CHECK enum nidus_code decode_module(struct nidus_module *module, struct nidus_error *error);

/* The parts of the type grammar that function bodies need too. */
NIDUS_CHECK enum nidus_code decode_heap_type(struct nidus_module *module, struct reader *reader,
                                             uint32_t *heap);
NIDUS_CHECK enum nidus_code decode_value_type(struct nidus_module *module, struct reader *reader,
                                              nidus_type *type);
/* The id of the instruction at the cursor; see instructions.def. Fails on an unknown one. */
NIDUS_CHECK enum nidus_code decode_opcode_slow(struct reader *reader, uint32_t *id);
NIDUS_CHECK static inline enum nidus_code decode_opcode(struct reader *reader, uint32_t *id)
{
    if (reader->at < reader->end && *reader->at < FIRST_PREFIX &&
        instructions[*reader->at].immediates != IMM_ILLEGAL) {
        *id = *reader->at++;
        return NIDUS_OK;
    }
    return decode_opcode_slow(reader, id);
}

static inline int type_matches(const struct nidus_module *module, nidus_type sub, nidus_type super)
{
    return types_match(&module->types, sub, super);
}

#endif
