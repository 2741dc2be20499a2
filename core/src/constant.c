/*
 * Evaluation of constant expressions (core specification 3.4.14): validated, so only memory can fail.
 *
 * Nothing is collected in the middle of one, because its operands are nobody's roots.
 */
#include <string.h>

#include "instructions.h"
#include "runtime.h"

typedef VEC(union slot) slot_stack;

static void put_field(uint8_t *at, unsigned shift, const union slot *value)
{
    memcpy(at, value, (size_t)1 << shift); /* the low bytes come first */
}

/* Takes the operands of struct.new, or with `count` of array.new_fixed, off the stack. */
static enum nidus_code make_object(struct nidus_instance *instance, slot_stack *stack, uint32_t id,
                                   uint32_t index, uint32_t count, nidus_ref *ref)
{
    struct nidus_store *store = instance->head.store;
    uint32_t type_index = instance->types[index];
    const struct deftype *type = &store->types.items[type_index];
    unsigned shift = type->fields ? type->fields->shift : 0;
    uint32_t cells = type->kind == KIND_ARRAY ? type_cells(type->fields->type) : 0;
    if (type->kind == KIND_STRUCT) {
        uint8_t *object = heap_new_struct(store->heap, type_index);
        if (!object)
            return NIDUS_ERROR_NO_MEMORY;
        for (uint32_t i = type->field_count; id == WASM_STRUCT_NEW && i-- > 0;) {
            const struct field *field = &type->fields[i];
            stack->count -= type_cells(field->type);
            put_field(object + field->offset, field->shift, &stack->items[stack->count]);
        }
        *ref = heap_ref(object);
        return NIDUS_OK;
    }
    if (id != WASM_ARRAY_NEW_FIXED)
        count = stack->items[--stack->count].u32;
    struct heap_array *array = heap_new_array(store->heap, type_index, count, 1);
    if (!array)
        return NIDUS_ERROR_NO_MEMORY;
    uint8_t *elements = (uint8_t *)array + ARRAY_HEAD;
    if (id == WASM_ARRAY_NEW_FIXED)
        for (uint32_t i = count; i-- > 0;) {
            stack->count -= cells;
            put_field(elements + ((size_t)i << shift), shift, &stack->items[stack->count]);
        }
    if (id == WASM_ARRAY_NEW) {
        stack->count -= cells;
        for (uint32_t i = 0; i < count; i++)
            put_field(elements + ((size_t)i << shift), shift, &stack->items[stack->count]);
    }
    *ref = heap_ref(array);
    return NIDUS_OK;
}

static void arithmetic(slot_stack *stack, uint32_t id)
{
    union slot *a = &stack->items[stack->count - 2];
    const union slot *b = &stack->items[stack->count - 1];
    stack->count--;
    if (id == WASM_I32_ADD)
        a->u32 += b->u32;
    else if (id == WASM_I32_SUB)
        a->u32 -= b->u32;
    else if (id == WASM_I32_MUL)
        a->u32 *= b->u32;
    else if (id == WASM_I64_ADD)
        a->u64 += b->u64;
    else if (id == WASM_I64_SUB)
        a->u64 -= b->u64;
    else
        a->u64 *= b->u64;
}

static enum nidus_code step(struct nidus_instance *instance, struct reader *reader,
                            slot_stack *stack, uint32_t id)
{
    const struct nidus_allocator *allocator = instance->head.store->allocator;
    if (!VEC_ROOM(allocator, stack, 2))
        return NIDUS_ERROR_NO_MEMORY;
    union slot value[2] = {{.u64 = 0}, {.u64 = 0}};
    uint32_t cells = 1;
    const uint8_t *bytes;
    int32_t i32;
    uint32_t index;
    uint32_t count = 0;
    int64_t s33;
    switch (id) {
    case WASM_I32_CONST:
        TRY(read_s32(reader, &i32));
        value->i32 = i32;
        break;
    case WASM_I64_CONST:
        TRY(read_s64(reader, &value->i64));
        break;
    case WASM_F32_CONST:
    case WASM_F64_CONST:
    case WASM_V128_CONST: {
        size_t size = id == WASM_F32_CONST ? 4 : id == WASM_F64_CONST ? 8 : 16;
        TRY(read_bytes(reader, size, &bytes));
        memcpy(value, bytes, size);
        cells += id == WASM_V128_CONST;
        break;
    }
    case WASM_REF_NULL:
        TRY(read_s33(reader, &s33));
        break;
    case WASM_REF_FUNC:
        TRY(read_u32(reader, &index));
        value->u64 = (uintptr_t)instance->funcs[index];
        break;
    case WASM_GLOBAL_GET:
        TRY(read_u32(reader, &index));
        memcpy(value, instance->globals[index]->value, sizeof value);
        cells += instance->globals[index]->type == NIDUS_V128;
        break;
    case WASM_REF_I31:
        value->u64 = REF_I31 | (stack->items[--stack->count].u32 & 0x7fffffff);
        break;
    case WASM_ANY_CONVERT_EXTERN:
    case WASM_EXTERN_CONVERT_ANY:
        return NIDUS_OK;
    case WASM_STRUCT_NEW:
    case WASM_STRUCT_NEW_DEFAULT:
    case WASM_ARRAY_NEW:
    case WASM_ARRAY_NEW_DEFAULT:
    case WASM_ARRAY_NEW_FIXED:
        TRY(read_u32(reader, &index));
        if (id == WASM_ARRAY_NEW_FIXED)
            TRY(read_u32(reader, &count));
        TRY(make_object(instance, stack, id, index, count, &value->u64));
        break;
    default:
        arithmetic(stack, id);
        return NIDUS_OK;
    }
    memcpy(&stack->items[stack->count], value, cells * sizeof *value);
    stack->count += cells;
    return NIDUS_OK;
}

enum nidus_code constant_evaluate(struct nidus_instance *instance, struct reader *reader,
                                  union slot *value)
{
    struct heap *heap = instance->head.store->heap;
    slot_stack stack = {0};
    enum nidus_code code;
    heap->paused++;
    for (;;) {
        uint32_t id;
        if ((code = decode_opcode(reader, &id)) != NIDUS_OK || id == WASM_END)
            break;
        if ((code = step(instance, reader, &stack, id)) != NIDUS_OK)
            break;
    }
    heap->paused--;
    memset(value, 0, 2 * sizeof *value);
    if (code == NIDUS_OK)
        memcpy(value, stack.items, stack.count * sizeof *value);
    VEC_FREE(instance->head.store->allocator, &stack);
    return code;
}
