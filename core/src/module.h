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

#include "memory_pool.h"
#include "reader.h"

struct nidus_engine {
    struct nidus_config config;
};

#define NO_INDEX UINT32_MAX

/* Value types; see nidus_type. 0 is the type of operands in unreachable code: a subtype of all. */
#define TYPE_ANY ((nidus_type)0)
#define HEAP_ABSTRACT 0xFFFF00u
#define HEAP_FUNC 0xFFFF70u
#define HEAP_EXTERN 0xFFFF6Fu
#define HEAP_NOFUNC 0xFFFF73u
#define HEAP_NOEXTERN 0xFFFF72u
#define TYPE_REF(heap, nullable) (NIDUS_REF | (nullable ? NIDUS_NULLABLE : 0) | (heap) << 8)

static inline int type_is_ref(nidus_type type)
{
    return NIDUS_TYPE_KIND(type) == NIDUS_REF;
}

static inline int type_is_nullable(nidus_type type)
{
    return (type & NIDUS_NULLABLE) != 0;
}

/* Slots a value takes in a frame. */
static inline uint32_t type_cells(nidus_type type)
{
    return type == NIDUS_V128 ? 2 : 1;
}

struct functype {
    struct nidus_functype shape;
    uint32_t canonical;    /* the first type index of the module with the same shape */
    uint32_t param_cells;
    uint32_t result_cells;
};

struct limits {
    uint64_t minimum;
    uint64_t maximum; /* NIDUS_NO_MAXIMUM for none */
    uint8_t is64;
    uint8_t shared;
};

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
    struct code *code;       /* NULL until translated */
};

struct nidus_module {
    struct nidus_engine *engine;
    uint32_t references;
    uint8_t owns_bytes;
    uint8_t has_data_count;
    const uint8_t *bytes;
    size_t size;

    VEC(struct functype) types;
    VEC(struct import) imports;
    VEC(uint32_t) funcs; /* type index of every function, imports first */
    VEC(struct table_type) tables;
    VEC(struct limits) memories;
    VEC(struct global_type) globals;
    VEC(uint32_t) tags; /* type index of every tag; they can be linked, but not thrown yet */
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

static inline const struct functype *module_functype(const struct nidus_module *module,
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
}

/* ---- decode.c, decode_sections.c ---- */

/* Decodes the whole module and validates everything but function bodies. */
NIDUS_CHECK enum nidus_code decode_module(struct nidus_module *module, struct nidus_error *error);

/* The parts of the type grammar that function bodies need too. */
NIDUS_CHECK enum nidus_code decode_heap_type(const struct nidus_module *module,
                                             struct reader *reader, uint32_t *heap);
NIDUS_CHECK enum nidus_code decode_value_type(const struct nidus_module *module,
                                              struct reader *reader, nidus_type *type);
/* The id of the instruction at the cursor; see instructions.def. Fails on an unknown one. */
NIDUS_CHECK enum nidus_code decode_opcode(struct reader *reader, uint32_t *id);

/* Whether a value of type `sub` may stand where `super` is expected. */
int type_matches(const struct nidus_module *module, nidus_type sub, nidus_type super);
/* "i32", "(ref null func)", ... for messages. */
const char *type_name(nidus_type type);

#endif
