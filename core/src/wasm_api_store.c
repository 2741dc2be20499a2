/* wasm.h: configurations, engines, and stores with their end. See wasm_api.h for who ends when. */
#include <stdlib.h>

#include "wasm_api.h"

struct wasm_config_t {
    struct nidus_config config;
};

wasm_config_t *wasm_config_new(void)
{
    wasm_config_t *config = malloc(sizeof *config);
    if (config)
        nidus_config_default(&config->config);
    return config;
}

void wasm_config_delete(wasm_config_t *config)
{
    free(config);
}

/* ---- Engines ---- */

static wasm_engine_t *make_engine(const struct nidus_config *config)
{
    wasm_engine_t *engine = malloc(sizeof *engine);
    if (!engine)
        return NULL;
    engine->owners = 1;
    if (nidus_engine_new(config, &engine->engine) != NIDUS_OK) {
        free(engine);
        return NULL;
    }
    return engine;
}

wasm_engine_t *wasm_engine_new(void)
{
    return make_engine(NULL);
}

wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *config)
{
    wasm_engine_t *engine = make_engine(config ? &config->config : NULL);
    wasm_config_delete(config);
    return engine;
}

struct wasm_engine_t *engine_hold(struct wasm_engine_t *engine)
{
    engine->owners++;
    return engine;
}

void engine_drop(struct wasm_engine_t *engine)
{
    if (!engine || --engine->owners > 0)
        return;
    nidus_engine_free(engine->engine);
    free(engine);
}

void wasm_engine_delete(wasm_engine_t *engine)
{
    engine_drop(engine);
}

/* ---- Stores ---- */

wasm_store_t *wasm_store_new(wasm_engine_t *engine)
{
    wasm_store_t *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->engine = engine_hold(engine);
    if (nidus_store_new(engine->engine, &store->store) == NIDUS_OK)
        store->no_memory = trap_say(store, "the host has no memory left");
    if (!store->no_memory) {
        wasm_store_delete(store);
        return NULL;
    }
    return store;
}

void store_settle(struct wasm_store_t *store)
{
    if (!store->closed || store->refs)
        return;
    free(store->buckets);
    engine_drop(store->engine);
    free(store);
}

/*
 * Finalizers first, while everything is still there to be looked at; then the engine's objects; then
 * the references. Meanwhile each reference has one owner more: finalizers may delete references, and
 * the end of one (a trap owns frames, which own instances) must not free those still to be visited.
 */
void wasm_store_delete(wasm_store_t *store)
{
    if (!store)
        return;
    struct wasm_ref_t *first = store->refs;
    struct wasm_ref_t *next;
    for (struct wasm_ref_t *ref = first; ref; ref = ref->next)
        ref->owners++;
    for (struct wasm_ref_t *ref = first; ref; ref = ref->next)
        ref_finalize(ref);
    closures_free(store);
    nidus_store_free(store->store);
    ref_drop(store->no_memory);
    store->closed = true;
    if (!first)
        store_settle(store);
    for (struct wasm_ref_t *ref = first; ref; ref = next) {
        next = ref->next;
        ref_drop(ref); /* the last one may free the store */
    }
}
