/*
 * Structs, arrays and casts outside the loop: | op | wasm | d | a | b | c | e | f | x . | y . |, where x
 * is a type or heap type and y a field, a segment, or whether null is of the type. And 128-bit
 * arithmetic.
 *
 * What makes an object may collect: operands are read from their slots, which are roots, after that.
 */
#include "interp.h"

/* ---- Fields and elements ---- */

/* The low 1 << shift bytes of a slot. */
static void store_field(uint8_t *at, unsigned shift, const union slot *value)
{
    switch (shift) {
    case 0:
        *at = (uint8_t)value->u32;
        break;
    case 1:
        memcpy(at, value, 2);
        break;
    case 2:
        memcpy(at, value, 4);
        break;
    case 3:
        memcpy(at, value, 8);
        break;
    default:
        memcpy(at, value, 16);
        break;
    }
}

static void load_field(union slot *d, const uint8_t *at, unsigned shift, int is_signed)
{
    switch (shift) {
    case 0:
        d->u32 = is_signed ? (uint32_t)(int8_t)*at : *at;
        break;
    case 1: {
        uint16_t value;
        memcpy(&value, at, 2);
        d->u32 = is_signed ? (uint32_t)(int16_t)value : value;
        break;
    }
    case 2:
        memcpy(d, at, 4);
        break;
    case 3:
        memcpy(d, at, 8);
        break;
    default:
        memcpy(d, at, 16);
        break;
    }
}

static uint8_t *element_at(struct heap_array *array, uint64_t index, unsigned shift)
{
    return (uint8_t *)array + ARRAY_HEAD + ((size_t)index << shift);
}

static int outside(uint64_t from, uint64_t count, uint64_t size)
{
    return from > size || count > size - from;
}

/* Elements that are about to be overwritten. */
static void overwrite(struct heap *heap, const struct deftype *type, struct heap_array *array,
                      uint32_t from, uint32_t count)
{
    if (!type->ref_count)
        return;
    /* While marking, what each held counts; else, that something there was written to. */
    uint32_t stretch = heap->marking ? 1 : array->length / HEAP_LINES + 1;
    for (uint32_t i = 0; i < count; i += count - i > stretch ? stretch : count - i)
        heap_write(heap, array, (const nidus_ref *)element_at(array, (uint64_t)from + i, 3));
    if (count)
        heap_write(heap, array, (const nidus_ref *)element_at(array, (uint64_t)from + count - 1, 3));
}

static void fill(struct heap_array *array, const struct deftype *type, uint32_t from,
                 uint32_t count, const union slot *value)
{
    unsigned shift = type->fields->shift;
    uint8_t *at = element_at(array, from, shift);
    for (uint32_t i = 0; i < count; i++, at += (size_t)1 << shift)
        store_field(at, shift, value);
}

/* ---- array.new_fixed, and struct.new of a large one: | op | d | type . | count | slots ... | ---- */

NOINLINE enum nidus_trap interp_new_fixed(struct nidus_run *run)
{
    const uint16_t *pc = run->pc;
    union slot *fp = run->fp;
    struct nidus_store *store = run->head.store;
    uint32_t index = run_func(run)->instance->types[unit32(pc + 2)];
    const struct deftype *type = &store->types.items[index];
    uint32_t count = pc[4];
    if (type->kind == KIND_STRUCT) {
        uint8_t *object = heap_new(store->heap, index, type->size);
        if (UNLIKELY(!object))
            return NIDUS_TRAP_HEAP;
        const struct field *field = type->fields;
        for (uint32_t i = 0; i < count; i++, field++)
            store_field(object + field->offset, field->shift, &fp[pc[5 + i]]);
        fp[pc[1]].u64 = heap_ref(object);
        return NIDUS_TRAP_NONE;
    }
    struct heap_array *array = heap_new_array(store->heap, index, count, 0);
    if (UNLIKELY(!array))
        return NIDUS_TRAP_HEAP;
    unsigned shift = type->fields->shift;
    for (uint32_t i = 0; i < count; i++)
        store_field(element_at(array, i, shift), shift, &fp[pc[5 + i]]);
    fp[pc[1]].u64 = heap_ref(array);
    return NIDUS_TRAP_NONE;
}

/* ---- Casts ---- */

int store_ref_is(const struct nidus_store *store, nidus_ref ref, uint32_t heap)
{
    int is_object = ref_is_object(ref);
    switch (heap) {
    case HEAP_ANY:
    case HEAP_EXTERN:
    case HEAP_FUNC:
    case HEAP_EXN:
        return 1;
    case HEAP_EQ:
        return ref >= REF_I31;
    case HEAP_I31:
        return ref >= REF_I31 && !is_object;
    case HEAP_STRUCT:
    case HEAP_ARRAY:
        return is_object && store->types.items[object_type(ref_address(ref))].kind ==
                                (heap == HEAP_STRUCT ? KIND_STRUCT : KIND_ARRAY);
    case HEAP_NONE:
    case HEAP_NOFUNC:
    case HEAP_NOEXTERN:
    case HEAP_NOEXN:
        return 0;
    default:
        break;
    }
    if (is_object)
        return store_type_is(store, object_type(ref_address(ref)), heap);
    return store->types.items[heap].kind == KIND_FUNC && ref < REF_I31 &&
           store_type_is(store, ((const struct nidus_func *)(uintptr_t)ref)->type, heap);
}

static int passes(const struct nidus_instance *instance, nidus_ref ref, const uint16_t *pc)
{
    uint32_t heap = unit32(pc + 8);
    if (ref == NIDUS_NULL)
        return unit32(pc + 10) != 0;
    return store_ref_is(instance->head.store, ref,
                        heap < HEAP_ABSTRACT ? instance->types[heap] : heap);
}

/* ---- Making arrays ---- */

static enum nidus_trap array_new(struct nidus_run *run, const struct deftype *type, uint32_t index,
                                 const uint16_t *pc)
{
    union slot *fp = run->fp;
    struct heap *heap = run->head.store->heap;
    int by_default = pc[1] == WASM_ARRAY_NEW_DEFAULT;
    uint32_t length = fp[pc[by_default ? 3 : 4]].u32;
    struct heap_array *array = heap_new_array(heap, index, length, by_default);
    if (!array)
        return NIDUS_TRAP_HEAP;
    if (!by_default)
        fill(array, type, 0, length, &fp[pc[3]]);
    fp[pc[2]].u64 = heap_ref(array);
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap array_from_segment(struct nidus_run *run, const struct deftype *type,
                                          uint32_t index, const uint16_t *pc)
{
    union slot *fp = run->fp;
    struct nidus_instance *instance = run_func(run)->instance;
    uint64_t from = fp[pc[3]].u32;
    uint64_t length = fp[pc[4]].u32;
    uint32_t y = unit32(pc + 10);
    unsigned shift = type->fields->shift;
    const uint8_t *source = NULL;
    if (pc[1] == WASM_ARRAY_NEW_DATA) {
        const struct data_segment *segment = &instance->module->datas.items[y];
        if (outside(from, length << shift, instance->dropped_datas[y] ? 0 : segment->size))
            return NIDUS_TRAP_MEMORY_BOUNDS;
        source = instance->module->bytes + segment->bytes + from;
    } else {
        if (outside(from, length, instance->elems[y].count))
            return NIDUS_TRAP_TABLE_BOUNDS;
        source = (const uint8_t *)(instance->elems[y].items + from);
    }
    struct heap_array *array = heap_new_array(run->head.store->heap, index, length, 0);
    if (!array)
        return NIDUS_TRAP_HEAP;
    if (length)
        memcpy(element_at(array, 0, shift), source, (size_t)length << shift);
    fp[pc[2]].u64 = heap_ref(array);
    return NIDUS_TRAP_NONE;
}

/* ---- Bulk operations ---- */

static enum nidus_trap array_copy(struct heap *heap, const struct deftype *type,
                                  const union slot *fp, const uint16_t *pc)
{
    struct heap_array *to = ref_address(fp[pc[3]].u64);
    struct heap_array *from = ref_address(fp[pc[5]].u64);
    uint32_t to_index = fp[pc[4]].u32;
    uint32_t from_index = fp[pc[6]].u32;
    uint32_t count = fp[pc[7]].u32;
    unsigned shift = type->fields->shift;
    if (fp[pc[3]].u64 == NIDUS_NULL || fp[pc[5]].u64 == NIDUS_NULL)
        return NIDUS_TRAP_NULL_REFERENCE;
    if (outside(to_index, count, to->length) || outside(from_index, count, from->length))
        return NIDUS_TRAP_ARRAY_BOUNDS;
    overwrite(heap, type, to, to_index, count);
    memmove(element_at(to, to_index, shift), element_at(from, from_index, shift),
            (size_t)count << shift);
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap array_init(const struct nidus_instance *instance, const struct deftype *type,
                                  const union slot *fp, const uint16_t *pc)
{
    struct heap_array *to = ref_address(fp[pc[3]].u64);
    uint32_t to_index = fp[pc[4]].u32;
    uint64_t from = fp[pc[5]].u32;
    uint64_t count = fp[pc[6]].u32;
    uint32_t y = unit32(pc + 10);
    unsigned shift = type->fields->shift;
    const uint8_t *source;
    if (fp[pc[3]].u64 == NIDUS_NULL)
        return NIDUS_TRAP_NULL_REFERENCE;
    if (outside(to_index, count, to->length))
        return NIDUS_TRAP_ARRAY_BOUNDS;
    if (pc[1] == WASM_ARRAY_INIT_DATA) {
        const struct data_segment *segment = &instance->module->datas.items[y];
        if (outside(from, count << shift, instance->dropped_datas[y] ? 0 : segment->size))
            return NIDUS_TRAP_MEMORY_BOUNDS;
        source = instance->module->bytes + segment->bytes + from;
    } else {
        if (outside(from, count, instance->elems[y].count))
            return NIDUS_TRAP_TABLE_BOUNDS;
        source = (const uint8_t *)(instance->elems[y].items + from);
    }
    overwrite(instance->head.store->heap, type, to, to_index, (uint32_t)count);
    if (count)
        memcpy(element_at(to, to_index, shift), source, (size_t)count << shift);
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap array_fill(struct heap *heap, const struct deftype *type,
                                  const union slot *fp, const uint16_t *pc)
{
    struct heap_array *array = ref_address(fp[pc[3]].u64);
    uint32_t from = fp[pc[4]].u32;
    uint32_t count = fp[pc[6]].u32;
    if (fp[pc[3]].u64 == NIDUS_NULL)
        return NIDUS_TRAP_NULL_REFERENCE;
    if (outside(from, count, array->length))
        return NIDUS_TRAP_ARRAY_BOUNDS;
    overwrite(heap, type, array, from, count);
    fill(array, type, from, count, &fp[pc[5]]);
    return NIDUS_TRAP_NONE;
}

/* ---- Single fields and elements: those that have no operation in the loop ---- */

static enum nidus_trap access_field(const struct deftype *type, union slot *fp, const uint16_t *pc)
{
    const struct field *field = &type->fields[unit32(pc + 10)];
    uint8_t *object = ref_address(fp[pc[3]].u64);
    if (fp[pc[3]].u64 == NIDUS_NULL)
        return NIDUS_TRAP_NULL_REFERENCE;
    if (pc[1] == WASM_STRUCT_SET)
        store_field(object + field->offset, field->shift, &fp[pc[4]]);
    else
        load_field(&fp[pc[2]], object + field->offset, field->shift,
                   pc[1] == WASM_STRUCT_GET_S);
    return NIDUS_TRAP_NONE;
}

static enum nidus_trap access_element(const struct deftype *type, union slot *fp,
                                      const uint16_t *pc)
{
    struct heap_array *array = ref_address(fp[pc[3]].u64);
    uint32_t index = fp[pc[4]].u32;
    unsigned shift = type->fields->shift;
    if (fp[pc[3]].u64 == NIDUS_NULL)
        return NIDUS_TRAP_NULL_REFERENCE;
    if (index >= array->length)
        return NIDUS_TRAP_ARRAY_BOUNDS;
    if (pc[1] == WASM_ARRAY_SET)
        store_field(element_at(array, index, shift), shift, &fp[pc[5]]);
    else
        load_field(&fp[pc[2]], element_at(array, index, shift), shift,
                   pc[1] == WASM_ARRAY_GET_S);
    return NIDUS_TRAP_NONE;
}

NOINLINE enum nidus_trap interp_object(struct nidus_run *run)
{
    const uint16_t *pc = run->pc;
    union slot *fp = run->fp;
    struct nidus_instance *instance = run_func(run)->instance;
    struct nidus_store *store = run->head.store;
    switch (pc[1]) {
    case WASM_REF_TEST:
    case WASM_REF_TEST_NULL:
        fp[pc[2]].u32 = (uint32_t)passes(instance, fp[pc[3]].u64, pc);
        return NIDUS_TRAP_NONE;
    case WASM_REF_CAST:
    case WASM_REF_CAST_NULL:
        if (!passes(instance, fp[pc[3]].u64, pc))
            return NIDUS_TRAP_CAST;
        fp[pc[2]].u64 = fp[pc[3]].u64;
        return NIDUS_TRAP_NONE;
    default:
        break;
    }
    uint32_t index = instance->types[unit32(pc + 8)];
    const struct deftype *type = &store->types.items[index];
    switch (pc[1]) {
    case WASM_STRUCT_NEW_DEFAULT: {
        void *object = heap_new_struct(store->heap, index);
        if (!object)
            return NIDUS_TRAP_HEAP;
        fp[pc[2]].u64 = heap_ref(object);
        return NIDUS_TRAP_NONE;
    }
    case WASM_ARRAY_NEW:
    case WASM_ARRAY_NEW_DEFAULT:
        return array_new(run, type, index, pc);
    case WASM_ARRAY_NEW_DATA:
    case WASM_ARRAY_NEW_ELEM:
        return array_from_segment(run, type, index, pc);
    case WASM_ARRAY_FILL:
        return array_fill(store->heap, type, fp, pc);
    case WASM_ARRAY_COPY:
        return array_copy(store->heap, type, fp, pc);
    case WASM_ARRAY_INIT_DATA:
    case WASM_ARRAY_INIT_ELEM:
        return array_init(instance, type, fp, pc);
    case WASM_ARRAY_GET:
    case WASM_ARRAY_GET_S:
    case WASM_ARRAY_GET_U:
    case WASM_ARRAY_SET:
        return access_element(type, fp, pc);
    default:
        return access_field(type, fp, pc);
    }
}

/* ---- 128-bit arithmetic: | op | wasm | d | a | b | c | e | ---- */

static uint64_t multiply_high(uint64_t a, uint64_t b)
{
    uint64_t a_low = a & UINT32_MAX;
    uint64_t a_high = a >> 32;
    uint64_t b_low = b & UINT32_MAX;
    uint64_t b_high = b >> 32;
    uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
    uint64_t other = a_low * b_high + (middle & UINT32_MAX);
    return a_high * b_high + (middle >> 32) + (other >> 32);
}

NOINLINE void interp_wide(union slot *fp, const uint16_t *pc)
{
    uint64_t a = fp[pc[3]].u64;
    uint64_t b = fp[pc[4]].u64;
    uint64_t c = fp[pc[5]].u64;
    uint64_t e = fp[pc[6]].u64;
    uint64_t low;
    uint64_t high;
    switch (pc[1]) {
    case WASM_I64_ADD128:
        low = a + c;
        high = b + e + (low < a);
        break;
    case WASM_I64_SUB128:
        low = a - c;
        high = b - e - (a < c);
        break;
    default:
        low = a * b;
        high = multiply_high(a, b);
        if (pc[1] == WASM_I64_MUL_WIDE_S)
            high -= ((int64_t)a < 0 ? b : 0) + ((int64_t)b < 0 ? a : 0);
        break;
    }
    fp[pc[2]].u64 = low;
    fp[pc[2] + 1].u64 = high;
}
