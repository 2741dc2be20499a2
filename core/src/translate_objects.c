/*
 * Instructions on structs, arrays, i31 and references. Reads and writes of whole 32-bit and 64-bit
 * fields and elements have operations in the loop; the others go through OP_OBJECT, which carries the
 * wasm instruction's id and all operands in fixed fields. Also here: 128-bit arithmetic.
 */
#include "translate.h"

static const struct deftype *read_type(struct translator *t, uint32_t *index, enum nidus_code *code)
{
    *code = read_u32(&t->reader, index);
    return *code == NIDUS_OK ? &t->module->types.items[*index] : NULL;
}

#define READ_TYPE(type, index)                                                                     \
    enum nidus_code type##_code;                                                                   \
    uint32_t index;                                                                                \
    const struct deftype *type = read_type(t, &index, &type##_code);                               \
    TRY(type##_code)

static enum width storage_width(nidus_type storage)
{
    return type_is_packed(storage) ? WIDTH32 : type_width(storage);
}

/* Pops `inputs` operands, pushes a result unless there is none (has_result), and emits OP_OBJECT. */
static enum nidus_code emit_object(struct translator *t, uint32_t inputs, int has_result,
                                   enum width width, uint32_t x, uint32_t y)
{
    uint16_t in[5] = {0};
    uint16_t d = 0;
    for (uint32_t i = inputs; i-- > 0;)
        TRY(use_popped(t, &in[i]));
    if (has_result)
        TRY(push_temp(t, width, &d));
    TRY(emit_op(t, OP_OBJECT));
    emit(t, t->op);
    if (has_result)
        emit_dest(t, d);
    else
        emit(t, 0);
    for (int i = 0; i < 5; i++)
        emit(t, in[i]);
    emit32(t, x);
    emit32(t, y);
    return NIDUS_OK;
}

/* ---- Making objects ---- */

#define MOST_SMALL 8192u /* bytes of a struct whose layout is part of the operation that makes it */
#define MOST_UNROLLED 4u /* slots of a struct that has an operation for just their number */

/* The slots of the topmost `count` operands, each with its place in the struct. */
static enum nidus_code emit_layout(struct translator *t, const struct deftype *type, uint32_t count)
{
    uint32_t height = t->stack.count - count;
    uint32_t cells = 0;
    for (uint32_t i = 0; i < count; i++)
        cells += type_cells(type->fields[i].type);
    TRY(emit_room(t, 2 + 2 * cells));
    emit(t, type->size);
    emit(t, cells);
    for (uint32_t i = 0; i < count; i++) {
        const struct entry *entry = &t->stack.items[height + i];
        uint32_t slot = entry->kind == ENTRY_TEMP ? entry->home : entry->local;
        for (uint32_t cell = 0; cell < type_cells(type->fields[i].type); cell++) {
            emit(t, slot + cell);
            emit(t, type->fields[i].offset + 8 * cell);
        }
    }
    if (cells >= 1 && cells <= MOST_UNROLLED)
        t->units.items[t->last] = (uint16_t)(OP_STRUCT_NEW1 + cells - 1);
    return NIDUS_OK;
}

/* struct.new and array.new_fixed; ops.def has the forms. */
static enum nidus_code make_from_operands(struct translator *t, const struct deftype *type,
                                          uint32_t index, uint32_t count)
{
    int small = type->kind == KIND_STRUCT && type->size <= MOST_SMALL;
    enum op op = small ? OP_STRUCT_NEW : OP_NEW_FIXED;
    uint16_t d;
    uint16_t slot;
    uint32_t height = t->stack.count - count;
    /* Constants first: they may need operations of their own. Popped entries stay in the array. */
    for (uint32_t i = height; i < t->stack.count; i++)
        if (t->stack.items[i].kind == ENTRY_CONST) {
            struct entry entry = t->stack.items[i];
            TRY(use(t, &entry, &slot));
            t->stack.items[i].local = slot;
        }
    TRY(emit_room(t, op_units[op] + 2 * count));
    TRY(emit_op(t, op));
    uint32_t dest = t->units.count;
    emit(t, 0);
    emit32(t, index);
    if (small) {
        TRY(emit_layout(t, type, count));
    } else {
        emit(t, count);
        for (uint32_t i = height; i < height + count; i++) {
            const struct entry *entry = &t->stack.items[i];
            emit(t, entry->kind == ENTRY_TEMP ? entry->home : entry->local);
        }
    }
    drop_to(t, height);
    TRY(push_temp(t, WIDTH_REF, &d));
    t->units.items[dest] = d;
    t->last_dest = dest;
    return NIDUS_OK;
}

static enum nidus_code make(struct translator *t)
{
    uint32_t y = 0;
    READ_TYPE(type, index);
    switch (t->op) {
    case WASM_STRUCT_NEW:
        return make_from_operands(t, type, index, type->field_count);
    case WASM_STRUCT_NEW_DEFAULT:
        return emit_object(t, 0, 1, WIDTH_REF, index, 0);
    case WASM_ARRAY_NEW_FIXED:
        TRY(read_u32(&t->reader, &y));
        return make_from_operands(t, type, index, y);
    case WASM_ARRAY_NEW_DEFAULT:
        return emit_object(t, 1, 1, WIDTH_REF, index, 0);
    case WASM_ARRAY_NEW:
        return emit_object(t, 2, 1, WIDTH_REF, index, 0);
    default: /* from a segment */
        TRY(read_u32(&t->reader, &y));
        return emit_object(t, 2, 1, WIDTH_REF, index, y);
    }
}

/* ---- Reading and writing ---- */

static enum nidus_code struct_access(struct translator *t)
{
    uint32_t at;
    READ_TYPE(type, index);
    TRY(read_u32(&t->reader, &at));
    const struct field *field = &type->fields[at];
    uint16_t a;
    uint16_t value = 0;
    uint16_t d;
    int set = t->op == WASM_STRUCT_SET;
    if (field->offset > UINT16_MAX || (field->shift != 2 && field->shift != 3))
        return emit_object(t, set ? 2 : 1, !set, storage_width(field->type), index, at);
    if (set)
        TRY(use_popped(t, &value));
    TRY(use_popped(t, &a));
    if (set) {
        TRY(emit_op(t, type_is_ref(field->type) ? OP_STRUCT_SET_REF
                       : field->shift == 2      ? OP_STRUCT_SET32
                                                : OP_STRUCT_SET64));
        emit(t, a);
        emit(t, value);
    } else {
        TRY(push_temp(t, type_width(field->type), &d));
        TRY(emit_op(t, field->shift == 2 ? OP_STRUCT_GET32 : OP_STRUCT_GET64));
        emit_dest(t, d);
        emit(t, a);
    }
    emit(t, field->offset);
    return NIDUS_OK;
}

static enum nidus_code array_access(struct translator *t)
{
    READ_TYPE(type, index);
    const struct field *element = &type->fields[0];
    uint16_t a;
    uint16_t i;
    uint16_t value = 0;
    uint16_t d;
    int set = t->op == WASM_ARRAY_SET;
    if (element->shift != 2 && element->shift != 3)
        return emit_object(t, set ? 3 : 2, !set, storage_width(element->type), index, 0);
    if (set)
        TRY(use_popped(t, &value));
    TRY(use_popped(t, &i));
    TRY(use_popped(t, &a));
    if (set) {
        TRY(emit_op(t, type_is_ref(element->type) ? OP_ARRAY_SET_REF
                       : element->shift == 2      ? OP_ARRAY_SET32
                                                  : OP_ARRAY_SET64));
        emit(t, a);
        emit(t, i);
        emit(t, value);
        return NIDUS_OK;
    }
    TRY(push_temp(t, type_width(element->type), &d));
    TRY(emit_op(t, element->shift == 2 ? OP_ARRAY_GET32 : OP_ARRAY_GET64));
    emit_dest(t, d);
    emit(t, a);
    emit(t, i);
    return NIDUS_OK;
}

static enum nidus_code array_bulk(struct translator *t)
{
    uint32_t y = 0;
    READ_TYPE(type, index);
    (void)type;
    if (t->op == WASM_ARRAY_FILL)
        return emit_object(t, 4, 0, WIDTH32, index, 0);
    TRY(read_u32(&t->reader, &y));
    return emit_object(t, t->op == WASM_ARRAY_COPY ? 5 : 4, 0, WIDTH32, index, y);
}

static enum nidus_code one_operand(struct translator *t, enum op op, enum width width)
{
    uint16_t a;
    uint16_t d;
    TRY(use_popped(t, &a));
    TRY(push_temp(t, width, &d));
    TRY(emit_op(t, op));
    emit_dest(t, d);
    emit(t, a);
    return NIDUS_OK;
}

/* ---- Casts ---- */

static enum nidus_code cast(struct translator *t)
{
    uint32_t heap;
    int test = t->op == WASM_REF_TEST || t->op == WASM_REF_TEST_NULL;
    int nullable = t->op == WASM_REF_TEST_NULL || t->op == WASM_REF_CAST_NULL;
    TRY(decode_heap_type(t->module, &t->reader, &heap));
    return emit_object(t, 1, 1, test ? WIDTH32 : WIDTH_REF, heap, (uint32_t)nullable);
}

/* The reference stays where it is, one of the label's values and of those behind the branch; the
 * answer of the test lies above it. */
enum nidus_code object_branch(struct translator *t)
{
    uint8_t flags;
    uint32_t depth;
    uint32_t from;
    uint32_t heap;
    uint16_t test;
    TRY(read_byte(&t->reader, &flags));
    TRY(read_u32(&t->reader, &depth));
    TRY(decode_heap_type(t->module, &t->reader, &from));
    TRY(decode_heap_type(t->module, &t->reader, &heap));
    TRY(settle_top(t, 1));
    uint16_t ref = t->stack.items[t->stack.count - 1].home;
    TRY(push_temp(t, WIDTH32, &test));
    (void)pop(t);
    TRY(emit_op(t, OP_OBJECT));
    emit(t, WASM_REF_TEST);
    emit(t, test);
    emit(t, ref);
    for (int i = 0; i < 4; i++)
        emit(t, 0);
    emit32(t, heap);
    emit32(t, flags >> 1);
    enum op op = t->op == WASM_BR_ON_CAST ? OP_BR_IF : OP_BR_UNLESS;
    return control_conditional(t, (struct branch){op, test, 0, 1}, control_label(t, depth));
}

/* ---- 128-bit arithmetic ---- */

static enum nidus_code wide(struct translator *t)
{
    uint16_t in[4] = {0};
    uint16_t low;
    uint16_t high;
    for (uint32_t i = t->op == WASM_I64_ADD128 || t->op == WASM_I64_SUB128 ? 4 : 2; i-- > 0;)
        TRY(use_popped(t, &in[i]));
    TRY(push_temp(t, WIDTH64, &low));
    TRY(push_temp(t, WIDTH64, &high)); /* the next slot */
    TRY(emit_op(t, OP_WIDE));
    emit(t, t->op);
    emit(t, low);
    for (int i = 0; i < 4; i++)
        emit(t, in[i]);
    return NIDUS_OK;
}

enum nidus_code object_instruction(struct translator *t)
{
    switch (t->op) {
    case WASM_STRUCT_GET:
    case WASM_STRUCT_GET_S:
    case WASM_STRUCT_GET_U:
    case WASM_STRUCT_SET:
        return struct_access(t);
    case WASM_ARRAY_GET:
    case WASM_ARRAY_GET_S:
    case WASM_ARRAY_GET_U:
    case WASM_ARRAY_SET:
        return array_access(t);
    case WASM_ARRAY_LEN:
        return one_operand(t, OP_ARRAY_LEN, WIDTH32);
    case WASM_ARRAY_FILL:
    case WASM_ARRAY_COPY:
    case WASM_ARRAY_INIT_DATA:
    case WASM_ARRAY_INIT_ELEM:
        return array_bulk(t);
    case WASM_REF_TEST:
    case WASM_REF_TEST_NULL:
    case WASM_REF_CAST:
    case WASM_REF_CAST_NULL:
        return cast(t);
    case WASM_ANY_CONVERT_EXTERN:
    case WASM_EXTERN_CONVERT_ANY:
        return NIDUS_OK; /* both hierarchies have one representation */
    case WASM_REF_I31:
        return one_operand(t, OP_I31_NEW, WIDTH_REF);
    case WASM_I31_GET_S:
        return one_operand(t, OP_I31_GET_S, WIDTH32);
    case WASM_I31_GET_U:
        return one_operand(t, OP_I31_GET_U, WIDTH32);
    case WASM_I64_ADD128:
    case WASM_I64_SUB128:
    case WASM_I64_MUL_WIDE_S:
    case WASM_I64_MUL_WIDE_U:
        return wide(t);
    default:
        return make(t);
    }
}
