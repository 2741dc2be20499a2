/* The validation rules of structs, arrays, i31 and casts (core specification 3.4.5 to 3.4.7). */
#include "valid_rules.h"

#define MAX_FIXED 10000u /* elements of array.new_fixed: what browsers allow */

static nidus_type unpacked(nidus_type storage)
{
    return type_is_packed(storage) ? NIDUS_I32 : storage;
}

static int has_default(nidus_type storage)
{
    return !type_is_ref(storage) || type_is_nullable(storage);
}

static const struct deftype *type_at(const struct validator *v, uint32_t index)
{
    return &v->module->types.items[index];
}

static nidus_type ref_to(const struct validator *v, uint32_t index, int nullable)
{
    return TYPE_REF(type_at(v, index)->canonical, nullable);
}

static enum nidus_code check_mutable(struct validator *v, const struct field *field)
{
    if (!field->mutable_)
        return VALID_FAIL(v, "Immutable field or array: %s cannot change it.",
                          instruction_name(v->op));
    return NIDUS_OK;
}

static enum nidus_code check_default(struct validator *v, const struct field *field)
{
    if (!has_default(field->type))
        return VALID_FAIL(v, "Type mismatch: %s has no default value for %s.",
                          instruction_name(v->op), type_name(field->type));
    return NIDUS_OK;
}

/* Packed fields are read with a sign, others without. */
static enum nidus_code check_sign(struct validator *v, const struct field *field, int plain)
{
    if (plain == type_is_packed(field->type))
        return VALID_FAIL(v, "Type mismatch: %s reads %s.", instruction_name(v->op),
                          type_name(field->type));
    return NIDUS_OK;
}

/* ---- Structs ---- */

static enum nidus_code rule_struct_new(struct validator *v)
{
    uint32_t index;
    TRY(valid_read_type(v, KIND_STRUCT, &index));
    const struct deftype *type = type_at(v, index);
    for (uint32_t i = type->field_count; i-- > 0;) {
        if (v->op == WASM_STRUCT_NEW)
            TRY(valid_pop(v, unpacked(type->fields[i].type)));
        else
            TRY(check_default(v, &type->fields[i]));
    }
    return valid_push(v, ref_to(v, index, 0));
}

static enum nidus_code rule_struct_access(struct validator *v)
{
    uint32_t index;
    uint32_t at;
    TRY(valid_read_type(v, KIND_STRUCT, &index));
    const struct deftype *type = type_at(v, index);
    TRY(valid_read_index(v, type->field_count, "field", &at));
    const struct field *field = &type->fields[at];
    if (v->op == WASM_STRUCT_SET) {
        TRY(check_mutable(v, field));
        TRY(valid_pop(v, unpacked(field->type)));
        return valid_pop(v, ref_to(v, index, 1));
    }
    TRY(check_sign(v, field, v->op == WASM_STRUCT_GET));
    TRY(valid_pop(v, ref_to(v, index, 1)));
    return valid_push(v, unpacked(field->type));
}

/* ---- Arrays ---- */

static enum nidus_code read_array(struct validator *v, uint32_t *index, const struct field **element)
{
    TRY(valid_read_type(v, KIND_ARRAY, index));
    *element = &type_at(v, *index)->fields[0];
    return NIDUS_OK;
}

static enum nidus_code read_elem(struct validator *v, nidus_type wanted)
{
    uint32_t elem;
    TRY(valid_read_index(v, v->module->elems.count, "elem segment", &elem));
    nidus_type found = v->module->elems.items[elem].type;
    if (!type_is_ref(wanted) || !type_matches(v->module, found, wanted))
        return VALID_FAIL(v, "Type mismatch: a segment of %s for an array of %s.",
                          type_name(found), type_name(wanted));
    return NIDUS_OK;
}

static enum nidus_code read_bytes_segment(struct validator *v, nidus_type storage)
{
    TRY(valid_read_data(v));
    if (type_is_ref(storage))
        return VALID_FAIL(v, "Type mismatch: array type is not numeric or vector: %s fills it with bytes.",
                          instruction_name(v->op));
    return NIDUS_OK;
}

static enum nidus_code rule_array_new(struct validator *v)
{
    uint32_t index;
    uint32_t count;
    const struct field *element;
    TRY(read_array(v, &index, &element));
    switch (v->op) {
    case WASM_ARRAY_NEW:
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, unpacked(element->type)));
        break;
    case WASM_ARRAY_NEW_DEFAULT:
        TRY(check_default(v, element));
        TRY(valid_pop(v, NIDUS_I32));
        break;
    case WASM_ARRAY_NEW_FIXED:
        TRY(read_u32(v->reader, &count));
        if (count > MAX_FIXED)
            return READER_FAIL(v->reader, NIDUS_ERROR_LIMIT, v->where,
                               "array.new_fixed of %u elements, where the engine's limit is %u.",
                               count, MAX_FIXED);
        for (; count > 0; count--)
            TRY(valid_pop(v, unpacked(element->type)));
        break;
    default:
        if (v->op == WASM_ARRAY_NEW_DATA)
            TRY(read_bytes_segment(v, element->type));
        else
            TRY(read_elem(v, element->type));
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, NIDUS_I32));
        break;
    }
    return valid_push(v, ref_to(v, index, 0));
}

static enum nidus_code rule_array_access(struct validator *v)
{
    uint32_t index;
    const struct field *element;
    TRY(read_array(v, &index, &element));
    if (v->op == WASM_ARRAY_SET) {
        TRY(check_mutable(v, element));
        TRY(valid_pop(v, unpacked(element->type)));
        TRY(valid_pop(v, NIDUS_I32));
        return valid_pop(v, ref_to(v, index, 1));
    }
    TRY(check_sign(v, element, v->op == WASM_ARRAY_GET));
    TRY(valid_pop(v, NIDUS_I32));
    TRY(valid_pop(v, ref_to(v, index, 1)));
    return valid_push(v, unpacked(element->type));
}

static enum nidus_code rule_array_bulk(struct validator *v)
{
    uint32_t index;
    const struct field *element;
    TRY(read_array(v, &index, &element));
    TRY(check_mutable(v, element));
    if (v->op == WASM_ARRAY_FILL) {
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, unpacked(element->type)));
    } else if (v->op == WASM_ARRAY_COPY) {
        uint32_t from;
        const struct field *source;
        TRY(read_array(v, &from, &source));
        if (source->type != element->type && (!type_is_ref(source->type) ||
                                              !type_matches(v->module, source->type, element->type)))
            return VALID_FAIL(v, "Type mismatch: array types do not match: %s to %s.",
                              type_name(source->type), type_name(element->type));
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, ref_to(v, from, 1)));
    } else {
        if (v->op == WASM_ARRAY_INIT_DATA)
            TRY(read_bytes_segment(v, element->type));
        else
            TRY(read_elem(v, element->type));
        TRY(valid_pop(v, NIDUS_I32));
        TRY(valid_pop(v, NIDUS_I32));
    }
    TRY(valid_pop(v, NIDUS_I32));
    return valid_pop(v, ref_to(v, index, 1));
}

/* ---- Casts ---- */

static enum nidus_code rule_cast(struct validator *v)
{
    uint32_t heap;
    TRY(decode_heap_type(v->module, v->reader, &heap));
    TRY(valid_pop(v, TYPE_REF(heap_top(&v->module->types, heap), 1)));
    if (v->op == WASM_REF_TEST || v->op == WASM_REF_TEST_NULL)
        return valid_push(v, NIDUS_I32);
    return valid_push(v, TYPE_REF(heap, v->op == WASM_REF_CAST_NULL));
}

static enum nidus_code rule_branch_on_cast(struct validator *v)
{
    const struct control *control;
    const nidus_type *types;
    uint32_t count;
    uint32_t from_heap;
    uint32_t to_heap;
    uint8_t flags;
    TRY(read_byte(v->reader, &flags));
    if (flags > 3)
        return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where, "Malformed br_on_cast flags %u.",
                           (uint32_t)flags);
    TRY(valid_read_label(v, &control));
    TRY(decode_heap_type(v->module, v->reader, &from_heap));
    TRY(decode_heap_type(v->module, v->reader, &to_heap));
    nidus_type from = TYPE_REF(from_heap, flags & 1);
    nidus_type to = TYPE_REF(to_heap, flags & 2);
    if (!type_matches(v->module, to, from))
        return VALID_FAIL(v, "Type mismatch: a cast of %s to %s, which is none of its subtypes.",
                          type_name(from), type_name(to));
    /* What is left when it is not of type `to`. */
    nidus_type rest = flags & 2 ? from & ~NIDUS_NULLABLE : from;
    nidus_type taken = v->op == WASM_BR_ON_CAST ? to : rest;
    valid_label_types(v, control, &types, &count);
    if (count == 0 || !type_is_ref(types[count - 1]) ||
        !type_matches(v->module, taken, types[count - 1]))
        return VALID_FAIL(v, "Type mismatch: %s to a label that does not take %s.",
                          instruction_name(v->op), type_name(taken));
    TRY(valid_pop(v, from));
    TRY(valid_pop_all(v, types, count - 1));
    TRY(valid_push_all(v, types, count - 1));
    return valid_push(v, v->op == WASM_BR_ON_CAST ? rest : to);
}

static enum nidus_code rule_convert(struct validator *v)
{
    nidus_type type;
    uint32_t from = v->op == WASM_ANY_CONVERT_EXTERN ? HEAP_EXTERN : HEAP_ANY;
    uint32_t to = v->op == WASM_ANY_CONVERT_EXTERN ? HEAP_ANY : HEAP_EXTERN;
    TRY(valid_pop_ref(v, &type));
    if (!type_matches(v->module, type, TYPE_REF(from, 1)))
        return VALID_FAIL(v, "Type mismatch: %s finds %s.", instruction_name(v->op),
                          type_name(type));
    return valid_push(v, TYPE_REF(to, type_is_nullable(type)));
}

enum nidus_code valid_object(struct validator *v)
{
    switch (v->op) {
    case WASM_STRUCT_NEW:
    case WASM_STRUCT_NEW_DEFAULT:
        return rule_struct_new(v);
    case WASM_STRUCT_GET:
    case WASM_STRUCT_GET_S:
    case WASM_STRUCT_GET_U:
    case WASM_STRUCT_SET:
        return rule_struct_access(v);
    case WASM_ARRAY_NEW:
    case WASM_ARRAY_NEW_DEFAULT:
    case WASM_ARRAY_NEW_FIXED:
    case WASM_ARRAY_NEW_DATA:
    case WASM_ARRAY_NEW_ELEM:
        return rule_array_new(v);
    case WASM_ARRAY_GET:
    case WASM_ARRAY_GET_S:
    case WASM_ARRAY_GET_U:
    case WASM_ARRAY_SET:
        return rule_array_access(v);
    case WASM_ARRAY_LEN:
        TRY(valid_pop(v, TYPE_REF(HEAP_ARRAY, 1)));
        return valid_push(v, NIDUS_I32);
    case WASM_ARRAY_FILL:
    case WASM_ARRAY_COPY:
    case WASM_ARRAY_INIT_DATA:
    case WASM_ARRAY_INIT_ELEM:
        return rule_array_bulk(v);
    case WASM_REF_TEST:
    case WASM_REF_TEST_NULL:
    case WASM_REF_CAST:
    case WASM_REF_CAST_NULL:
        return rule_cast(v);
    case WASM_BR_ON_CAST:
    case WASM_BR_ON_CAST_FAIL:
        return rule_branch_on_cast(v);
    case WASM_ANY_CONVERT_EXTERN:
    case WASM_EXTERN_CONVERT_ANY:
        return rule_convert(v);
    case WASM_REF_I31:
        TRY(valid_pop(v, NIDUS_I32));
        return valid_push(v, TYPE_REF(HEAP_I31, 0));
    case WASM_REF_EQ:
        TRY(valid_pop(v, TYPE_REF(HEAP_EQ, 1)));
        TRY(valid_pop(v, TYPE_REF(HEAP_EQ, 1)));
        return valid_push(v, NIDUS_I32);
    default: /* i31.get_s, i31.get_u */
        TRY(valid_pop(v, TYPE_REF(HEAP_I31, 1)));
        return valid_push(v, NIDUS_I32);
    }
}
