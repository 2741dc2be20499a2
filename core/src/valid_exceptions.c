/*
 * The validation rules of exceptions: throw, throw_ref and try_table (core specification 3.4.8), and
 * the legacy try, catch, catch_all, delegate and rethrow of the proposal's first version.
 */
#include "valid_rules.h"

static enum nidus_code read_tag(struct validator *v, const struct nidus_functype **shape)
{
    uint32_t index;
    TRY(valid_read_index(v, v->module->tags.count, "tag", &index));
    *shape = &v->module->types.items[v->module->tags.items[index]].shape;
    return NIDUS_OK;
}

static enum nidus_code rule_throw(struct validator *v)
{
    const struct nidus_functype *shape;
    TRY(read_tag(v, &shape));
    TRY(valid_pop_all(v, shape->params, shape->param_count));
    valid_unreachable(v);
    return NIDUS_OK;
}

/* A catch clause: 0 catch, 1 catch_ref, 2 catch_all, 3 catch_all_ref. Its label is one of those
 * around the block, and takes the exception's values and then, with bit 0, the exception. */
static enum nidus_code catch_clause(struct validator *v)
{
    static const struct nidus_functype nothing;
    const struct nidus_functype *shape = &nothing;
    const struct control *control;
    const nidus_type *types;
    uint32_t count;
    uint8_t kind;
    TRY(read_byte(v->reader, &kind));
    if (kind > 3)
        return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where, "Malformed catch clause %u.",
                           (uint32_t)kind);
    if (kind < 2)
        TRY(read_tag(v, &shape));
    TRY(valid_read_label(v, &control));
    valid_label_types(v, control, &types, &count);
    int fits = count == shape->param_count + (kind & 1u);
    if (fits && kind & 1)
        fits = type_matches(v->module, TYPE_REF(HEAP_EXN, 0), types[count - 1]);
    if (!fits || !valid_lists_match(v, shape->params, shape->param_count, types, shape->param_count))
        return VALID_FAIL(v, "Type mismatch: a catch clause gives other values than its label takes.");
    return NIDUS_OK;
}

static enum nidus_code rule_try(struct validator *v)
{
    struct block_type type;
    TRY(valid_read_block_type(v, &type));
    if (type.is_index) {
        const struct nidus_functype *shape = &v->module->types.items[type.index].shape;
        TRY(valid_pop_all(v, shape->params, shape->param_count));
    }
    if (v->op == WASM_TRY_TABLE) {
        uint32_t clauses;
        TRY(read_u32(v->reader, &clauses));
        for (; clauses > 0; clauses--)
            TRY(catch_clause(v));
    } else if (++v->try_depth > v->max_try_depth) {
        v->max_try_depth = v->try_depth;
    }
    return valid_push_control(v, v->op, type);
}

static enum nidus_code rule_catch(struct validator *v)
{
    static const struct nidus_functype nothing;
    const struct nidus_functype *shape = &nothing;
    struct control control;
    uint16_t op = v->controls.items[v->controls.count - 1].op;
    if (op != WASM_TRY && op != WASM_CATCH)
        return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where, "%s without try.",
                           instruction_name(v->op));
    if (v->op == WASM_CATCH)
        TRY(read_tag(v, &shape));
    TRY(valid_pop_control(v, &control));
    TRY(valid_push_control(v, v->op, control.type));
    v->operands.count = control.height; /* the exception's values instead of the block's */
    return valid_push_all(v, shape->params, shape->param_count);
}

static enum nidus_code rule_delegate(struct validator *v)
{
    struct control control;
    const struct control *label;
    const nidus_type *results;
    uint32_t count;
    if (v->controls.items[v->controls.count - 1].op != WASM_TRY)
        return READER_FAIL(v->reader, NIDUS_ERROR_MALFORMED, v->where, "delegate without try.");
    TRY(valid_pop_control(v, &control));
    v->try_depth--;
    TRY(valid_read_label(v, &label));
    valid_results(v, &control, &results, &count);
    return valid_push_all(v, results, count);
}

static enum nidus_code rule_rethrow(struct validator *v)
{
    const struct control *control;
    TRY(valid_read_label(v, &control));
    if (control->op != WASM_CATCH && control->op != WASM_CATCH_ALL)
        return VALID_FAIL(v, "Invalid rethrow label: it leads to no catch block.");
    valid_unreachable(v);
    return NIDUS_OK;
}

enum nidus_code valid_exception(struct validator *v)
{
    switch (v->op) {
    case WASM_THROW:
        return rule_throw(v);
    case WASM_THROW_REF:
        TRY(valid_pop(v, TYPE_REF(HEAP_EXN, 1)));
        valid_unreachable(v);
        return NIDUS_OK;
    case WASM_TRY:
    case WASM_TRY_TABLE:
        return rule_try(v);
    case WASM_CATCH:
    case WASM_CATCH_ALL:
        return rule_catch(v);
    case WASM_DELEGATE:
        return rule_delegate(v);
    default:
        return rule_rethrow(v);
    }
}
