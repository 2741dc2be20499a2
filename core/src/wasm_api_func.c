/*
 * wasm.h: functions - those of the host, and calls. Each nested call has a run of its own, kept for
 * the next call at that depth.
 */
#include <stdlib.h>

#include "wasm_api.h"

/* ---- Calls ---- */

struct wasm_ref_t *call_func(struct wasm_store_t *store, struct nidus_func *func,
                             const struct nidus_value *args, size_t arg_count,
                             struct nidus_value *results)
{
    if (store->nesting == CALL_NESTING_MOST)
        return trap_say(store, nidus_trap_text(NIDUS_TRAP_EXHAUSTED));
    struct nidus_run **run = &store->runs[store->nesting];
    if (!*run && nidus_run_new(store->store, run) != NIDUS_OK)
        return trap_no_memory(store);
    struct nidus_error error;
    const char *text = error.text;
    store->nesting++;
    enum nidus_code code = nidus_run_call(*run, func, args, arg_count, results, &error);
    store->nesting--;
    if (code == NIDUS_OK)
        return NULL;
    struct wasm_ref_t *trap = store->pending;
    store->pending = NULL;
    if (code == NIDUS_ERROR_TRAP)
        (void)nidus_run_trap(*run, &text);
    if (code == NIDUS_ERROR_NO_MEMORY)
        return trap_no_memory(store);
    if (!trap)
        trap = trap_say(store, text);
    if (code == NIDUS_ERROR_TRAP)
        trap_trace(trap, *run);
    return trap;
}

static struct wasm_ref_t *call_with_values(struct wasm_store_t *store, struct nidus_func *func,
                                           const struct nidus_functype *type,
                                           struct nidus_value *values, const wasm_val_vec_t *args,
                                           wasm_val_vec_t *results)
{
    struct nidus_value *answers = values + type->param_count;
    for (uint32_t i = 0; i < type->param_count; i++)
        if (!value_to_engine(store, &args->data[i], type->params[i], &values[i]))
            return trap_say(store, "an argument does not fit the function's type");
    struct wasm_ref_t *trap = call_func(store, func, values, type->param_count, answers);
    if (trap || !results || !results->size)
        return trap;
    for (uint32_t i = 0; i < type->result_count; i++)
        if (!value_from_engine(store, &answers[i], &results->data[i])) {
            while (i-- > 0)
                wasm_val_delete(&results->data[i]);
            return trap_no_memory(store);
        }
    return NULL;
}

wasm_trap_t *wasm_func_call(const wasm_func_t *handle, const wasm_val_vec_t *args,
                            wasm_val_vec_t *results)
{
    struct wasm_store_t *store = handle->ref.store;
    struct nidus_func *func = handle->ref.object;
    struct nidus_functype type;
    struct nidus_value few[16];
    struct nidus_value *values = few;
    nidus_func_type(func, &type);
    size_t count = (size_t)type.param_count + type.result_count;
    if ((args ? args->size : 0) != type.param_count)
        return (wasm_trap_t *)trap_say(store, "the function takes another number of arguments");
    if (results && results->size && results->size < type.result_count)
        return (wasm_trap_t *)trap_say(store, "the vector has no room for the function's results");
    for (uint32_t i = 0; i < type.result_count; i++)
        if (type.results[i] == NIDUS_V128)
            return (wasm_trap_t *)trap_say(store, "the function gives a v128, which no wasm_val_t "
                                                  "can hold");
    if (count > sizeof few / sizeof few[0])
        values = malloc(count * sizeof *values);
    if (!values)
        return (wasm_trap_t *)trap_no_memory(store);
    struct wasm_ref_t *trap = call_with_values(store, func, &type, values, args, results);
    if (values != few)
        free(values);
    return (wasm_trap_t *)trap;
}

/* ---- Functions of the host ---- */

struct closure {
    struct closure *next; /* of the store */
    struct wasm_store_t *store;
    struct nidus_functype type; /* points into the engine's store */
    wasm_func_callback_t callback; /* or NULL, and the one below */
    wasm_func_callback_with_env_t callback_with_env;
    void *env;
    void (*finalizer)(void *);
};

void closures_free(struct wasm_store_t *store)
{
    while (store->closures) {
        struct closure *closure = store->closures;
        store->closures = closure->next;
        if (closure->finalizer)
            closure->finalizer(closure->env);
        free(closure);
    }
}

static struct wasm_ref_t *take_results(const struct closure *closure, const wasm_val_vec_t *results,
                                       uint64_t *slots)
{
    for (uint32_t i = 0; i < closure->type.result_count; i++) {
        struct nidus_value value;
        if (!value_to_engine(closure->store, &results->data[i], closure->type.results[i], &value))
            return trap_say(closure->store, "a host function gave a result that does not fit its type");
        memcpy(&slots[i], &value.of.i64, sizeof slots[i]);
    }
    return NULL;
}

/* `values` has room for arguments and results. Gives NULL, or an own trap. */
static struct wasm_ref_t *call_host(const struct closure *closure, uint64_t *slots,
                                    wasm_val_t *values)
{
    const struct nidus_functype *type = &closure->type;
    struct wasm_ref_t *trap = NULL;
    wasm_val_vec_t args = {type->param_count, values};
    wasm_val_vec_t results = {type->result_count, values + type->param_count};
    for (uint32_t i = 0; i < type->param_count; i++) {
        struct nidus_value value = {.type = type->params[i]};
        memcpy(&value.of.i64, &slots[i], sizeof slots[i]);
        if (!value_from_engine(closure->store, &value, &args.data[i]))
            trap = trap_no_memory(closure->store);
    }
    for (uint32_t i = 0; i < type->result_count; i++)
        results.data[i] = (wasm_val_t){.kind = kind_from_engine(type->results[i])};
    if (!trap)
        trap = (struct wasm_ref_t *)(closure->callback
                                         ? closure->callback(&args, &results)
                                         : closure->callback_with_env(closure->env, &args,
                                                                      &results));
    if (!trap)
        trap = take_results(closure, &results, slots);
    for (uint32_t i = 0; i < type->param_count + type->result_count; i++)
        wasm_val_delete(&values[i]);
    return trap;
}

static enum nidus_host_result run_closure(void *context, struct nidus_call *call, uint64_t *slots)
{
    const struct closure *closure = context;
    size_t count = (size_t)closure->type.param_count + closure->type.result_count;
    wasm_val_t few[16];
    wasm_val_t *values = few;
    (void)call;
    if (count > sizeof few / sizeof few[0])
        values = malloc(count * sizeof *values);
    struct wasm_ref_t *trap = values ? call_host(closure, slots, values)
                                     : trap_no_memory(closure->store);
    if (values != few)
        free(values);
    if (!trap)
        return NIDUS_HOST_DONE;
    closure->store->pending = trap;
    return NIDUS_HOST_TRAP;
}

static bool types_to_engine(const wasm_valtype_vec_t *from, nidus_type *to)
{
    for (size_t i = 0; i < from->size; i++)
        if (!kind_to_engine(wasm_valtype_kind(from->data[i]), &to[i]))
            return false;
    return true;
}

/* The engine's function for a closure of this type; NULL for no memory, or a v128. */
static struct nidus_func *host_func(struct wasm_store_t *store, const wasm_functype_t *type,
                                    struct closure *closure)
{
    size_t count = type->params.size + type->results.size;
    struct nidus_func *func = NULL;
    nidus_type *types = malloc((count + 1) * sizeof *types);
    if (!types)
        return NULL;
    struct nidus_functype shape = {(uint32_t)type->params.size, (uint32_t)type->results.size, types,
                                   types + type->params.size};
    if (types_to_engine(&type->params, types) &&
        types_to_engine(&type->results, types + type->params.size) &&
        nidus_func_new(store->store, &shape, run_closure, closure, &func) != NIDUS_OK)
        func = NULL;
    free(types);
    return func;
}

static wasm_func_t *new_func(wasm_store_t *store, const wasm_functype_t *type,
                             const struct closure *like)
{
    struct closure *closure = malloc(sizeof *closure);
    if (!closure)
        return NULL;
    *closure = *like;
    struct nidus_func *func = host_func(store, type, closure);
    struct wasm_ref_t *ref = ref_of(store, REF_FUNC, func);
    if (!ref) {
        free(closure); /* nobody can call `func` */
        return NULL;
    }
    nidus_func_type(func, &closure->type);
    closure->store = store;
    closure->next = store->closures;
    store->closures = closure;
    return (wasm_func_t *)ref;
}

wasm_func_t *wasm_func_new(wasm_store_t *store, const wasm_functype_t *type,
                           wasm_func_callback_t callback)
{
    return new_func(store, type, &(struct closure){.callback = callback});
}

wasm_func_t *wasm_func_new_with_env(wasm_store_t *store, const wasm_functype_t *type,
                                    wasm_func_callback_with_env_t callback, void *env,
                                    void (*finalizer)(void *))
{
    return new_func(
        store, type,
        &(struct closure){.callback_with_env = callback, .env = env, .finalizer = finalizer});
}

/* ---- Asking ---- */

wasm_functype_t *wasm_func_type(const wasm_func_t *func)
{
    struct nidus_externtype type = {.kind = NIDUS_FUNC};
    nidus_func_type(func->ref.object, &type.func);
    return (wasm_functype_t *)type_from_engine(&type);
}

size_t wasm_func_param_arity(const wasm_func_t *func)
{
    struct nidus_functype type;
    nidus_func_type(func->ref.object, &type);
    return type.param_count;
}

size_t wasm_func_result_arity(const wasm_func_t *func)
{
    struct nidus_functype type;
    nidus_func_type(func->ref.object, &type);
    return type.result_count;
}
