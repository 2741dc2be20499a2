/* The stacks of validation; see valid_stack.h. */
#include "valid_stack.h"

void valid_params(const struct validator *v, const struct control *control,
                  const nidus_type **types, uint32_t *count)
{
    if (!control->type.is_index) {
        *types = NULL;
        *count = 0;
        return;
    }
    const struct nidus_functype *shape = &v->module->types.items[control->type.index].shape;
    *types = shape->params;
    *count = shape->param_count;
}

void valid_results(const struct validator *v, const struct control *control,
                   const nidus_type **types, uint32_t *count)
{
    if (!control->type.is_index) {
        *types = &control->type.single;
        *count = control->type.single != TYPE_ANY;
        return;
    }
    const struct nidus_functype *shape = &v->module->types.items[control->type.index].shape;
    *types = shape->results;
    *count = shape->result_count;
}

void valid_label_types(const struct validator *v, const struct control *control,
                       const nidus_type **types, uint32_t *count)
{
    if (control->op == WASM_LOOP)
        valid_params(v, control, types, count);
    else
        valid_results(v, control, types, count);
}

enum nidus_code valid_push_slow(struct validator *v, nidus_type type)
{
    if (!VEC_ROOM(v->allocator, &v->operands, 1))
        return error_no_memory(v->reader->error);
    v->operands.items[v->operands.count++] = type;
    return NIDUS_OK;
}

enum nidus_code valid_push_all(struct validator *v, const nidus_type *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        TRY(valid_push(v, types[i]));
    return NIDUS_OK;
}

enum nidus_code valid_pop_any(struct validator *v, nidus_type *type)
{
    if (v->operands.count == v->height) {
        if (v->controls.items[v->controls.count - 1].unreachable) {
            *type = TYPE_ANY;
            return NIDUS_OK;
        }
        return VALID_FAIL(v, "Type mismatch: %s needs an operand and there is none.",
                          instruction_name(v->op));
    }
    *type = v->operands.items[--v->operands.count];
    return NIDUS_OK;
}

enum nidus_code valid_pop_slow(struct validator *v, nidus_type expected)
{
    nidus_type found = 0;
    TRY(valid_pop_any(v, &found));
    if (!type_matches(v->module, found, expected))
        return VALID_FAIL(v, "Type mismatch: %s needs %s and finds %s.", instruction_name(v->op),
                          type_name(expected), type_name(found));
    return NIDUS_OK;
}

enum nidus_code valid_pop_all(struct validator *v, const nidus_type *types, uint32_t count)
{
    while (count > 0)
        TRY(valid_pop(v, types[--count]));
    return NIDUS_OK;
}

enum nidus_code valid_push_control(struct validator *v, uint32_t op, struct block_type type)
{
    if (!VEC_ROOM(v->allocator, &v->controls, 1))
        return error_no_memory(v->reader->error);
    struct control *control = &v->controls.items[v->controls.count++];
    *control = (struct control){
        .op = (uint16_t)op,
        .type = type,
        .height = v->operands.count,
        .initialized = v->init_log.count,
    };
    v->height = control->height;
    if (op == WASM_LOOP)
        v->loop_depth++;
    const nidus_type *types;
    uint32_t count;
    valid_params(v, control, &types, &count);
    return valid_push_all(v, types, count);
}

enum nidus_code valid_pop_control(struct validator *v, struct control *control)
{
    *control = v->controls.items[v->controls.count - 1];
    const nidus_type *types;
    uint32_t count;
    valid_results(v, control, &types, &count);
    TRY(valid_pop_all(v, types, count));
    if (v->operands.count != control->height)
        return VALID_FAIL(v, "Type mismatch: %u values are left over at the end of a block.",
                          v->operands.count - control->height);
    while (v->init_log.count > control->initialized)
        v->initialized.items[v->init_log.items[--v->init_log.count]] = 0;
    if (control->op == WASM_LOOP)
        v->loop_depth--;
    v->controls.count--;
    v->height = v->controls.count > 0 ? v->controls.items[v->controls.count - 1].height : 0;
    return NIDUS_OK;
}

void valid_unreachable(struct validator *v)
{
    v->operands.count = v->height;
    v->controls.items[v->controls.count - 1].unreachable = 1;
}

enum nidus_code valid_local_slow(struct validator *v, uint32_t index, nidus_type *type)
{
    if (index >= v->local_count)
        return VALID_FAIL(v, "Unknown local %u: the function has %u.", index, v->local_count);
    uint32_t low = 0;
    uint32_t high = v->runs.count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index < v->runs.items[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    *type = v->runs.items[low].type;
    return NIDUS_OK;
}

/* initialized and init_log have room for every local. */
void valid_local_set(struct validator *v, uint32_t index)
{
    if (v->initialized.items[index])
        return;
    v->initialized.items[index] = 1;
    v->init_log.items[v->init_log.count++] = index;
}
