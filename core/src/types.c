/* Equality of recursive groups, subtyping, and the layout of objects; see types.h. */
#include "types.h"

#include <string.h>

/* In a value type compared or hashed: the member of its own group at that distance. */
#define HEAP_RELATIVE 0xE00000u

void type_release(const struct nidus_allocator *allocator, struct deftype *type)
{
    pool_free(allocator, (void *)(uintptr_t)type->shape.params, type->shape.param_count,
              sizeof *type->shape.params);
    pool_free(allocator, (void *)(uintptr_t)type->shape.results, type->shape.result_count,
              sizeof *type->shape.results);
    pool_free(allocator, type->fields, type->field_count, sizeof *type->fields);
    pool_free(allocator, type->supers, (size_t)type->depth + 1, sizeof *type->supers);
}

void types_free_buckets(const struct nidus_allocator *allocator, struct type_table *table)
{
    pool_free(allocator, table->buckets, table->bucket_count, sizeof *table->buckets);
    table->buckets = NULL;
    table->bucket_count = 0;
}

void types_free(const struct nidus_allocator *allocator, struct type_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        type_release(allocator, &table->items[i]);
    types_free_buckets(allocator, table);
    VEC_FREE(allocator, table);
}

/* ---- Equality of groups ---- */

static uint32_t relative_index(uint32_t heap, uint32_t start, uint32_t size)
{
    return heap >= start && heap - start < size ? HEAP_RELATIVE + (heap - start) : heap;
}

static nidus_type relative(nidus_type type, uint32_t start, uint32_t size)
{
    if (!type_is_ref(type) || NIDUS_TYPE_HEAP(type) >= HEAP_ABSTRACT)
        return type;
    return TYPE_REF(relative_index(NIDUS_TYPE_HEAP(type), start, size), type_is_nullable(type));
}

static uint32_t mix(uint32_t hash, uint32_t value)
{
    hash = (hash ^ value) * 0x9E3779B1u;
    return hash ^ hash >> 15;
}

static uint32_t hash_group(const struct type_table *table, uint32_t start, uint32_t size)
{
    uint32_t hash = mix(2166136261u, size);
    for (uint32_t i = start; i < start + size; i++) {
        const struct deftype *type = &table->items[i];
        hash = mix(hash, type->kind | (uint32_t)type->final << 2);
        hash = mix(hash, relative_index(type->super, start, size));
        hash = mix(hash, type->shape.param_count);
        for (uint32_t k = 0; k < type->shape.param_count; k++)
            hash = mix(hash, relative(type->shape.params[k], start, size));
        for (uint32_t k = 0; k < type->shape.result_count; k++)
            hash = mix(hash, relative(type->shape.results[k], start, size));
        for (uint32_t k = 0; k < type->field_count; k++)
            hash = mix(hash, relative(type->fields[k].type, start, size) +
                                 type->fields[k].mutable_);
    }
    return hash;
}

static int same_list(const nidus_type *a, uint32_t a_start, const nidus_type *b, uint32_t b_start,
                     uint32_t count, uint32_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (relative(a[i], a_start, size) != relative(b[i], b_start, size))
            return 0;
    return 1;
}

static int same_type(const struct deftype *a, uint32_t a_start, const struct deftype *b,
                     uint32_t b_start, uint32_t size)
{
    if (a->kind != b->kind || a->final != b->final || a->field_count != b->field_count ||
        a->shape.param_count != b->shape.param_count ||
        a->shape.result_count != b->shape.result_count ||
        relative_index(a->super, a_start, size) != relative_index(b->super, b_start, size))
        return 0;
    for (uint32_t i = 0; i < a->field_count; i++)
        if (a->fields[i].mutable_ != b->fields[i].mutable_ ||
            relative(a->fields[i].type, a_start, size) !=
                relative(b->fields[i].type, b_start, size))
            return 0;
    return same_list(a->shape.params, a_start, b->shape.params, b_start, a->shape.param_count,
                     size) &&
           same_list(a->shape.results, a_start, b->shape.results, b_start, a->shape.result_count,
                     size);
}

static int same_group(const struct type_table *table, uint32_t a, uint32_t b, uint32_t size)
{
    if (table->items[a].group_size != size)
        return 0;
    for (uint32_t i = 0; i < size; i++)
        if (!same_type(&table->items[a + i], a, &table->items[b + i], b, size))
            return 0;
    return 1;
}

/* Canonical groups only are in the buckets. Keeps about one in each. */
static int bucket_room(const struct nidus_allocator *allocator, struct type_table *table)
{
    if (table->bucket_count >= table->count)
        return 1;
    uint32_t count = table->bucket_count ? table->bucket_count * 2 : 64;
    while (count < table->count)
        count *= 2;
    uint32_t *buckets = pool_new(allocator, count, sizeof *buckets);
    if (!buckets)
        return 0;
    types_free_buckets(allocator, table);
    table->buckets = buckets;
    table->bucket_count = count;
    memset(buckets, 0xff, count * sizeof *buckets);
    for (uint32_t i = 0; i < table->count; i += table->items[i].group_size) {
        struct deftype *type = &table->items[i];
        if (type->group_size == 0)
            break; /* the group that is being closed */
        if (type->canonical != i)
            continue;
        uint32_t *bucket = &buckets[hash_group(table, i, type->group_size) & (count - 1)];
        type->next = *bucket;
        *bucket = i;
    }
    return 1;
}

/* ---- Making canonical, and layout ---- */

static nidus_type made_canonical(const struct type_table *table, nidus_type type)
{
    if (!type_is_ref(type) || NIDUS_TYPE_HEAP(type) >= HEAP_ABSTRACT)
        return type;
    return TYPE_REF(table->items[NIDUS_TYPE_HEAP(type)].canonical, type_is_nullable(type));
}

static uint8_t field_shift(nidus_type type)
{
    return type == TYPE_I8                            ? 0
           : type == TYPE_I16                         ? 1
           : type == NIDUS_I32 || type == NIDUS_F32 ? 2
           : type == NIDUS_V128                       ? 4
                                                      : 3;
}

static void lay_out(struct deftype *type)
{
    uint32_t at = type->kind == KIND_ARRAY ? ARRAY_HEAD : OBJECT_HEAD;
    type->ref_count = 0;
    for (uint32_t i = 0; i < type->shape.param_count; i++)
        type->ref_count += (uint32_t)type_is_ref(type->shape.params[i]);
    for (uint32_t i = 0; i < type->field_count; i++) {
        struct field *field = &type->fields[i];
        field->shift = field_shift(field->type);
        uint32_t size = 1u << field->shift;
        uint32_t align = size > 8 ? 8 : size;
        at = (at + align - 1) & ~(align - 1);
        field->offset = at;
        at += size;
        type->ref_count += (uint32_t)type_is_ref(field->type);
    }
    type->size = (at + 7) & ~7u;
}

static void make_canonical(struct type_table *table, struct deftype *type)
{
    nidus_type *params = (nidus_type *)(uintptr_t)type->shape.params;
    nidus_type *results = (nidus_type *)(uintptr_t)type->shape.results;
    for (uint32_t i = 0; i < type->shape.param_count; i++)
        params[i] = made_canonical(table, params[i]);
    for (uint32_t i = 0; i < type->shape.result_count; i++)
        results[i] = made_canonical(table, results[i]);
    for (uint32_t i = 0; i < type->field_count; i++)
        type->fields[i].type = made_canonical(table, type->fields[i].type);
    if (type->super != NO_INDEX) {
        type->super = table->items[type->super].canonical;
        type->depth = (uint8_t)(table->items[type->super].depth + 1);
    }
    lay_out(type);
}

int types_close_group(const struct nidus_allocator *allocator, struct type_table *table,
                      uint32_t start)
{
    uint32_t size = table->count - start;
    if (size == 0)
        return 1;
    if (!bucket_room(allocator, table))
        return 0;
    uint32_t *bucket = &table->buckets[hash_group(table, start, size) & (table->bucket_count - 1)];
    uint32_t found = *bucket;
    while (found != NO_INDEX && !same_group(table, found, start, size))
        found = table->items[found].next;
    if (found == NO_INDEX) {
        table->items[start].next = *bucket;
        *bucket = found = start;
    }
    for (uint32_t i = 0; i < size; i++) {
        table->items[start + i].canonical = found + i;
        table->items[start + i].group = start;
        table->items[start + i].group_size = size;
    }
    for (uint32_t i = 0; i < size; i++)
        make_canonical(table, &table->items[start + i]);
    return 1;
}

/* ---- Subtyping ---- */

uint32_t heap_top(const struct type_table *table, uint32_t heap)
{
    const struct deftype *type = type_of_heap(table, heap);
    if (type)
        return type->kind == KIND_FUNC ? HEAP_FUNC : HEAP_ANY;
    switch (heap) {
    case HEAP_FUNC:
    case HEAP_NOFUNC:
        return HEAP_FUNC;
    case HEAP_EXTERN:
    case HEAP_NOEXTERN:
        return HEAP_EXTERN;
    case HEAP_EXN:
    case HEAP_NOEXN:
        return HEAP_EXN;
    default:
        return HEAP_ANY;
    }
}

static int is_bottom(uint32_t heap)
{
    return heap >= HEAP_NONE && heap <= HEAP_NOEXN;
}

int heap_matches(const struct type_table *table, uint32_t sub, uint32_t super)
{
    if (sub == super)
        return 1;
    if (is_bottom(sub))
        return heap_top(table, sub) == heap_top(table, super);
    const struct deftype *type = type_of_heap(table, sub);
    switch (super) {
    case HEAP_ANY:
    case HEAP_FUNC:
        return heap_top(table, sub) == super;
    case HEAP_EQ:
        return type ? type->kind != KIND_FUNC
                    : sub == HEAP_I31 || sub == HEAP_STRUCT || sub == HEAP_ARRAY;
    case HEAP_STRUCT:
        return type && type->kind == KIND_STRUCT;
    case HEAP_ARRAY:
        return type && type->kind == KIND_ARRAY;
    default:
        break;
    }
    while (type && type->super != NO_INDEX) {
        if (type->super == super)
            return 1;
        type = &table->items[type->super];
    }
    return 0;
}

int types_match(const struct type_table *table, nidus_type sub, nidus_type super)
{
    if (sub == super || sub == TYPE_ANY || super == TYPE_ANY)
        return 1;
    if (!type_is_ref(sub) || !type_is_ref(super))
        return 0;
    if (type_is_nullable(sub) && !type_is_nullable(super))
        return 0;
    return heap_matches(table, NIDUS_TYPE_HEAP(sub), NIDUS_TYPE_HEAP(super));
}

static int lists_match(const struct type_table *table, const nidus_type *sub, uint32_t sub_count,
                       const nidus_type *super, uint32_t super_count)
{
    if (sub_count != super_count)
        return 0;
    for (uint32_t i = 0; i < sub_count; i++)
        if (!types_match(table, sub[i], super[i]))
            return 0;
    return 1;
}

int type_extends(const struct type_table *table, uint32_t index)
{
    const struct deftype *sub = &table->items[index];
    const struct deftype *super = &table->items[sub->super];
    if (super->final || super->kind != sub->kind || sub->field_count < super->field_count)
        return 0;
    for (uint32_t i = 0; i < super->field_count; i++) {
        const struct field *a = &sub->fields[i];
        const struct field *b = &super->fields[i];
        if (a->mutable_ != b->mutable_ ||
            (a->mutable_ ? a->type != b->type : !types_match(table, a->type, b->type)))
            return 0;
    }
    return lists_match(table, super->shape.params, super->shape.param_count, sub->shape.params,
                       sub->shape.param_count) &&
           lists_match(table, sub->shape.results, sub->shape.result_count, super->shape.results,
                       super->shape.result_count);
}

/* ---- Names ---- */

const char *type_name(nidus_type type)
{
    static const char *const names[] = {"any type", "i32",         "i64", "f32", "f64",
                                        "v128",     "a reference", "i8",  "i16"};
    static const char *const abstract[][2] = {
        {"(ref exn)", "exnref"},       {"(ref array)", "arrayref"},   {"(ref struct)", "structref"},
        {"(ref i31)", "i31ref"},       {"(ref eq)", "eqref"},         {"(ref any)", "anyref"},
        {"(ref extern)", "externref"}, {"(ref func)", "funcref"},     {"(ref none)", "nullref"},
        {"(ref noextern)", "nullexternref"}, {"(ref nofunc)", "nullfuncref"},
        {"(ref noexn)", "nullexnref"}};
    uint32_t heap = NIDUS_TYPE_HEAP(type);
    if (!type_is_ref(type))
        return NIDUS_TYPE_KIND(type) < 9 ? names[NIDUS_TYPE_KIND(type)] : "unknown type";
    if (heap >= HEAP_EXN && heap <= HEAP_NOEXN)
        return abstract[heap - HEAP_EXN][type_is_nullable(type)];
    return type_is_nullable(type) ? "nullable reference to a defined type"
                                  : "reference to a defined type";
}
