/*
 * Defined types: functions, structs and arrays, in recursive groups (core specification 3.2 and 3.3).
 *
 * A type table holds the types of a module, or of a store, in groups. Two types are the same where
 * their groups are equal as a whole, references within the group being compared by position; every
 * type knows the first one that is the same as `canonical`, and value types name canonical types only.
 * So, within one table, equality of types is equality of numbers.
 *
 * Layout of objects: fields in their order, each at a multiple of its size (16-byte ones of 8), behind
 * a head of OBJECT_HEAD bytes; elements of an array from ARRAY_HEAD on. A subtype's fields begin with
 * its supertype's, so these lie at the same places.
 */
#ifndef NIDUS_CORE_TYPES_H
#define NIDUS_CORE_TYPES_H

#include <nidus/engine.h>

#include "memory_pool.h"

#define NO_INDEX UINT32_MAX

/* Value types; see nidus_type. 0 is the type of operands in unreachable code: a subtype of all. */
#define TYPE_ANY ((nidus_type)0)
/* Storage types of fields, never of values. */
#define TYPE_I8 ((nidus_type)7)
#define TYPE_I16 ((nidus_type)8)

#define HEAP_ABSTRACT 0xFFFF00u
#define HEAP_EXN 0xFFFF69u
#define HEAP_ARRAY 0xFFFF6Au
#define HEAP_STRUCT 0xFFFF6Bu
#define HEAP_I31 0xFFFF6Cu
#define HEAP_EQ 0xFFFF6Du
#define HEAP_ANY 0xFFFF6Eu
#define HEAP_EXTERN 0xFFFF6Fu
#define HEAP_FUNC 0xFFFF70u
#define HEAP_NONE 0xFFFF71u
#define HEAP_NOEXTERN 0xFFFF72u
#define HEAP_NOFUNC 0xFFFF73u
#define HEAP_NOEXN 0xFFFF74u
#define TYPE_REF(heap, nullable) (NIDUS_REF | (nullable ? NIDUS_NULLABLE : 0) | (heap) << 8)

#define OBJECT_HEAD 8u
#define ARRAY_HEAD 16u
#define MAX_FIELDS 10000u
#define MAX_TYPE_DEPTH 63u

static inline int type_is_ref(nidus_type type)
{
    return NIDUS_TYPE_KIND(type) == NIDUS_REF;
}

static inline int type_is_nullable(nidus_type type)
{
    return (type & NIDUS_NULLABLE) != 0;
}

static inline int type_is_packed(nidus_type type)
{
    return type == TYPE_I8 || type == TYPE_I16;
}

/* Slots a value takes in a frame. */
static inline uint32_t type_cells(nidus_type type)
{
    return type == NIDUS_V128 ? 2 : 1;
}

enum type_kind { KIND_FUNC, KIND_STRUCT, KIND_ARRAY };

struct field {
    nidus_type type; /* a value type, or TYPE_I8 or TYPE_I16 */
    uint32_t offset; /* in the object; of an array's element: ARRAY_HEAD */
    uint8_t shift;   /* its size is 1 << shift bytes */
    uint8_t mutable_;
};

struct deftype {
    struct nidus_functype shape; /* KIND_FUNC */
    uint32_t param_cells;
    uint32_t result_cells;
    struct field *fields; /* of a struct; the one of an array */
    uint32_t field_count;
    uint32_t ref_count; /* fields, or parameters, that are references */
    uint32_t size;      /* bytes of a struct, a multiple of 8 */
    uint32_t canonical;
    uint32_t super; /* canonical, or NO_INDEX */
    uint32_t group; /* the first type of its group */
    uint32_t group_size;
    uint32_t next;  /* group with the same hash, in the chain of a bucket; NO_INDEX ends it */
    uint8_t kind;   /* enum type_kind */
    uint8_t final;
    uint8_t depth;  /* how many supertypes it has */
    uint32_t *supers; /* a store's types: at each depth the supertype there, itself at the end */
};

struct type_table {
    struct deftype *items;
    uint32_t count;
    uint32_t room;
    uint32_t *buckets; /* first group of a hash, or NO_INDEX; made by types_close_group */
    uint32_t bucket_count;
};

void types_free(const struct nidus_allocator *allocator, struct type_table *table);
/* What one type owns. */
void type_release(const struct nidus_allocator *allocator, struct deftype *type);
/* The table of equal groups is needed only while groups are added. */
void types_free_buckets(const struct nidus_allocator *allocator, struct type_table *table);

/*
 * Ends the group of types from `start` to the end of the table, whose members name one another by
 * index. Finds the first group equal to it, sets `canonical`, makes every value type and supertype
 * canonical, and computes layouts. False for no memory.
 */
int types_close_group(const struct nidus_allocator *allocator, struct type_table *table,
                      uint32_t start);

/* The topmost type above a heap type: HEAP_ANY, HEAP_FUNC, HEAP_EXTERN or HEAP_EXN. */
uint32_t heap_top(const struct type_table *table, uint32_t heap);
int heap_matches(const struct type_table *table, uint32_t sub, uint32_t super);
/* Whether a value of type `sub` may stand where `super` is expected. */
int types_match(const struct type_table *table, nidus_type sub, nidus_type super);
/* Whether the declared supertype of `index` is one that its contents allow. */
int type_extends(const struct type_table *table, uint32_t index);

static inline const struct deftype *type_of_heap(const struct type_table *table, uint32_t heap)
{
    return heap < HEAP_ABSTRACT ? &table->items[heap] : NULL;
}

/* "i32", "(ref null func)", ... for messages. */
const char *type_name(nidus_type type);

#endif
