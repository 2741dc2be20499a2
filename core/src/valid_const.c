/* Validation of constant expressions (core specification 3.4.14), extended constants included. */
#include "instructions.h"
#include "valid.h"

typedef VEC(nidus_type) type_stack;

static enum nidus_code push(struct nidus_module *module, struct reader *reader, type_stack *stack,
                            nidus_type type)
{
    if (!VEC_ROOM(&module->engine->config.allocator, stack, 1))
        return error_no_memory(reader->error);
    stack->items[stack->count++] = type;
    return NIDUS_OK;
}

static enum nidus_code arithmetic(struct reader *reader, const uint8_t *where, type_stack *stack,
                                  nidus_type type)
{
    if (stack->count < 2 || stack->items[stack->count - 1] != type ||
        stack->items[stack->count - 2] != type)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Type mismatch in a constant expression: two %s operands are needed.",
                           type_name(type));
    stack->count--;
    return NIDUS_OK;
}

static enum nidus_code pop(struct nidus_module *module, struct reader *reader, const uint8_t *where,
                           type_stack *stack, nidus_type expected)
{
    if (stack->count == 0 || !type_matches(module, stack->items[stack->count - 1], expected))
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Type mismatch in a constant expression: it needs %s.",
                           type_name(expected));
    stack->count--;
    return NIDUS_OK;
}

/* struct.new and array.new in their forms without segments. */
static enum nidus_code read_new(struct nidus_module *module, struct reader *reader, uint32_t id,
                                type_stack *stack)
{
    const uint8_t *where = reader->at;
    int is_struct = id == WASM_STRUCT_NEW || id == WASM_STRUCT_NEW_DEFAULT;
    int by_default = id == WASM_STRUCT_NEW_DEFAULT || id == WASM_ARRAY_NEW_DEFAULT;
    uint32_t index;
    TRY(read_u32(reader, &index));
    if (index >= module->types.count)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "Unknown type %u.", index);
    const struct deftype *type = &module->types.items[index];
    if (type->kind != (is_struct ? KIND_STRUCT : KIND_ARRAY))
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Type mismatch: type %u is not %s type.", index,
                           is_struct ? "a struct" : "an array");
    uint32_t count = is_struct ? type->field_count : 1;
    if (id == WASM_ARRAY_NEW_FIXED) {
        TRY(read_u32(reader, &count));
        if (count > stack->count)
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                               "Type mismatch: array.new_fixed needs %u operands.", count);
    } else if (!is_struct) {
        TRY(pop(module, reader, where, stack, NIDUS_I32));
    }
    for (uint32_t i = count; i-- > 0;) {
        nidus_type storage = type->fields[is_struct ? i : 0].type;
        if (!by_default)
            TRY(pop(module, reader, where, stack,
                    type_is_packed(storage) ? NIDUS_I32 : storage));
        else if (type_is_ref(storage) && !type_is_nullable(storage))
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                               "Type mismatch: %s has no default value.", type_name(storage));
    }
    return push(module, reader, stack, TYPE_REF(type->canonical, 0));
}

/* any.convert_extern and extern.convert_any keep whether it may be null. */
static enum nidus_code convert(struct nidus_module *module, struct reader *reader,
                               const uint8_t *where, type_stack *stack, uint32_t from, uint32_t to)
{
    nidus_type found = stack->count ? stack->items[stack->count - 1] : TYPE_ANY;
    TRY(pop(module, reader, where, stack, TYPE_REF(from, 1)));
    return push(module, reader, stack, TYPE_REF(to, type_is_nullable(found)));
}

static enum nidus_code read_ref_func(struct nidus_module *module, struct reader *reader,
                                     type_stack *stack)
{
    const uint8_t *where = reader->at;
    uint32_t index;
    TRY(read_u32(reader, &index));
    if (index >= module->funcs.count)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where, "Unknown function %u.", index);
    module->declared.items[index] = 1;
    uint32_t heap = module_functype(module, index)->canonical;
    return push(module, reader, stack, TYPE_REF(heap, 0));
}

static enum nidus_code read_global_get(struct nidus_module *module, struct reader *reader,
                                       type_stack *stack, uint32_t visible_globals)
{
    const uint8_t *where = reader->at;
    uint32_t index;
    TRY(read_u32(reader, &index));
    if (index >= visible_globals)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Unknown global %u: a constant expression sees earlier globals only.",
                           index);
    if (module->globals.items[index].mutable_)
        return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                           "Constant expression required: global %u is mutable.", index);
    return push(module, reader, stack, module->globals.items[index].type);
}

static enum nidus_code check_expression(struct nidus_module *module, struct reader *reader,
                                        nidus_type expected, uint32_t visible_globals,
                                        type_stack *stack)
{
    for (;;) {
        const uint8_t *where = reader->at;
        uint32_t id;
        TRY(decode_opcode(reader, &id));
        switch (id) {
        case WASM_I32_CONST: {
            int32_t value;
            TRY(read_s32(reader, &value));
            TRY(push(module, reader, stack, NIDUS_I32));
            break;
        }
        case WASM_I64_CONST: {
            int64_t value;
            TRY(read_s64(reader, &value));
            TRY(push(module, reader, stack, NIDUS_I64));
            break;
        }
        case WASM_F32_CONST:
        case WASM_F64_CONST:
        case WASM_V128_CONST: {
            const uint8_t *bytes;
            size_t size = id == WASM_F32_CONST ? 4 : id == WASM_F64_CONST ? 8 : 16;
            TRY(read_bytes(reader, size, &bytes));
            TRY(push(module, reader, stack,
                     id == WASM_F32_CONST   ? NIDUS_F32
                     : id == WASM_F64_CONST ? NIDUS_F64
                                            : NIDUS_V128));
            break;
        }
        case WASM_REF_NULL: {
            uint32_t heap;
            TRY(decode_heap_type(module, reader, &heap));
            TRY(push(module, reader, stack, TYPE_REF(heap, 1)));
            break;
        }
        case WASM_REF_FUNC:
            TRY(read_ref_func(module, reader, stack));
            break;
        case WASM_GLOBAL_GET:
            TRY(read_global_get(module, reader, stack, visible_globals));
            break;
        case WASM_I32_ADD:
        case WASM_I32_SUB:
        case WASM_I32_MUL:
            TRY(arithmetic(reader, where, stack, NIDUS_I32));
            break;
        case WASM_I64_ADD:
        case WASM_I64_SUB:
        case WASM_I64_MUL:
            TRY(arithmetic(reader, where, stack, NIDUS_I64));
            break;
        case WASM_STRUCT_NEW:
        case WASM_STRUCT_NEW_DEFAULT:
        case WASM_ARRAY_NEW:
        case WASM_ARRAY_NEW_DEFAULT:
        case WASM_ARRAY_NEW_FIXED:
            TRY(read_new(module, reader, id, stack));
            break;
        case WASM_REF_I31:
            TRY(pop(module, reader, where, stack, NIDUS_I32));
            TRY(push(module, reader, stack, TYPE_REF(HEAP_I31, 0)));
            break;
        case WASM_ANY_CONVERT_EXTERN:
            TRY(convert(module, reader, where, stack, HEAP_EXTERN, HEAP_ANY));
            break;
        case WASM_EXTERN_CONVERT_ANY:
            TRY(convert(module, reader, where, stack, HEAP_ANY, HEAP_EXTERN));
            break;
        case WASM_END:
            if (stack->count != 1 || !type_matches(module, stack->items[0], expected))
                return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                                   "Type mismatch: the constant expression must give one %s.",
                                   type_name(expected));
            return NIDUS_OK;
        default:
            return READER_FAIL(reader, NIDUS_ERROR_INVALID, where,
                               "Constant expression required: %s is not constant.",
                               instruction_name(id));
        }
    }
}

enum nidus_code valid_constant(struct nidus_module *module, struct reader *reader,
                               nidus_type expected, uint32_t visible_globals)
{
    type_stack stack = {0};
    enum nidus_code code = check_expression(module, reader, expected, visible_globals, &stack);
    VEC_FREE(&module->engine->config.allocator, &stack);
    return code;
}
