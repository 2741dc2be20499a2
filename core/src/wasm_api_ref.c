/* wasm.h: references - their life, identity, host info and conversions. See wasm_api.h. */
#include <stdlib.h>

#include "wasm_api.h"

/* ---- The store's table of engine objects ---- */

static bool in_table(const struct wasm_ref_t *ref)
{
    return ref->kind <= REF_INSTANCE;
}

static struct wasm_ref_t **bucket_of(const struct wasm_store_t *store, const void *object)
{
    /* Allocations are aligned: the low bits say nothing, the high half of the product all. */
    uint64_t hash = ((uint64_t)(uintptr_t)object >> 4) * UINT64_C(0x9E3779B97F4A7C15);
    return &store->buckets[(size_t)(hash >> 32) & (store->bucket_count - 1)];
}

/* Keeps about one reference in a bucket. */
static bool table_room(struct wasm_store_t *store)
{
    if (store->bucket_load < store->bucket_count)
        return true;
    size_t count = store->bucket_count ? store->bucket_count * 2 : 64;
    struct wasm_ref_t **buckets = calloc(count, sizeof(struct wasm_ref_t *));
    if (!buckets)
        return store->bucket_count != 0; /* longer chains do */
    free(store->buckets);
    store->buckets = buckets;
    store->bucket_count = count;
    for (struct wasm_ref_t *ref = store->refs; ref; ref = ref->next)
        if (in_table(ref)) {
            struct wasm_ref_t **bucket = bucket_of(store, ref->object);
            ref->chain = *bucket;
            *bucket = ref;
        }
    return true;
}

/* ---- Life ---- */

struct wasm_ref_t *ref_new(struct wasm_store_t *store, enum ref_kind kind, void *object)
{
    struct wasm_ref_t *ref = malloc(sizeof *ref);
    if (!ref)
        return NULL;
    *ref = (struct wasm_ref_t){
        .kind = kind, .owners = 1, .store = store, .object = object, .next = store->refs};
    if (store->refs)
        store->refs->previous = ref;
    store->refs = ref;
    return ref;
}

struct wasm_ref_t *ref_of(struct wasm_store_t *store, enum ref_kind kind, void *object)
{
    if (!object || !table_room(store))
        return NULL;
    struct wasm_ref_t **bucket = bucket_of(store, object);
    for (struct wasm_ref_t *ref = *bucket; ref; ref = ref->chain)
        if (ref->object == object)
            return ref_hold(ref);
    /* The object lives as long as its handle. */
    if (kind == REF_MANAGED && nidus_ref_hold(store->store, (uintptr_t)object) != NIDUS_OK)
        return NULL;
    struct wasm_ref_t *ref = ref_new(store, kind, object);
    if (!ref) {
        if (kind == REF_MANAGED)
            nidus_ref_release(store->store, (uintptr_t)object);
        return NULL;
    }
    ref->chain = *bucket;
    *bucket = ref;
    store->bucket_load++;
    return ref;
}

struct wasm_ref_t *ref_hold(const struct wasm_ref_t *ref)
{
    struct wasm_ref_t *held = (struct wasm_ref_t *)(uintptr_t)ref;
    held->owners++;
    return held;
}

void ref_finalize(struct wasm_ref_t *ref)
{
    void (*finalizer)(void *) = ref->finalizer;
    void *host_info = ref->host_info;
    ref->finalizer = NULL;
    ref->host_info = NULL;
    if (finalizer)
        finalizer(host_info);
}

static void unlink_ref(struct wasm_ref_t *ref)
{
    struct wasm_store_t *store = ref->store;
    if (ref->previous)
        ref->previous->next = ref->next;
    else
        store->refs = ref->next;
    if (ref->next)
        ref->next->previous = ref->previous;
    if (!in_table(ref))
        return;
    struct wasm_ref_t **at = bucket_of(store, ref->object);
    while (*at != ref)
        at = &(*at)->chain;
    *at = ref->chain;
    store->bucket_load--;
}

void ref_drop(struct wasm_ref_t *ref)
{
    if (!ref || --ref->owners > 0)
        return;
    struct wasm_store_t *store = ref->store;
    if (!store->closed && (ref->pinned || (in_table(ref) && (ref->host_info || ref->finalizer))))
        return;
    unlink_ref(ref);
    ref_finalize(ref);
    if (ref->kind == REF_MANAGED && store->store)
        nidus_ref_release(store->store, (uintptr_t)ref->object);
    if (ref->kind == REF_TRAP)
        trap_story_free(ref->object);
    else if (ref->kind == REF_MODULE)
        shared_module_drop(ref->object);
    free(ref);
    store_settle(store);
}

/* ---- What every reference can do ---- */

static void set_host_info(struct wasm_ref_t *ref, void *info, void (*finalizer)(void *))
{
    if (ref->host_info != info)
        ref_finalize(ref);
    ref->host_info = info;
    ref->finalizer = finalizer;
}

#define HANDLE(name, head)                                                                         \
    void wasm_##name##_delete(wasm_##name##_t *handle)                                             \
    {                                                                                              \
        if (handle)                                                                                \
            ref_drop(head(handle));                                                                \
    }                                                                                              \
                                                                                                   \
    wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *handle)                             \
    {                                                                                              \
        return handle ? (wasm_##name##_t *)ref_hold(head(handle)) : NULL;                          \
    }                                                                                              \
                                                                                                   \
    bool wasm_##name##_same(const wasm_##name##_t *a, const wasm_##name##_t *b)                    \
    {                                                                                              \
        return a == b;                                                                             \
    }                                                                                              \
                                                                                                   \
    void *wasm_##name##_get_host_info(const wasm_##name##_t *handle)                               \
    {                                                                                              \
        return head(handle)->host_info;                                                            \
    }                                                                                              \
                                                                                                   \
    void wasm_##name##_set_host_info(wasm_##name##_t *handle, void *info)                          \
    {                                                                                              \
        set_host_info(head(handle), info, NULL);                                                   \
    }                                                                                              \
                                                                                                   \
    void wasm_##name##_set_host_info_with_finalizer(wasm_##name##_t *handle, void *info,           \
                                                    void (*finalizer)(void *))                     \
    {                                                                                              \
        set_host_info(head(handle), info, finalizer);                                              \
    }

#define REF(name, is_one)                                                                          \
    HANDLE(name, HEAD)                                                                             \
    wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *handle)                                      \
    {                                                                                              \
        return (wasm_ref_t *)handle;                                                               \
    }                                                                                              \
                                                                                                   \
    const wasm_ref_t *wasm_##name##_as_ref_const(const wasm_##name##_t *handle)                    \
    {                                                                                              \
        return (const wasm_ref_t *)handle;                                                         \
    }                                                                                              \
                                                                                                   \
    wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *ref)                                           \
    {                                                                                              \
        return ref && is_one ? (wasm_##name##_t *)ref : NULL;                                      \
    }                                                                                              \
                                                                                                   \
    const wasm_##name##_t *wasm_ref_as_##name##_const(const wasm_ref_t *ref)                       \
    {                                                                                              \
        return ref && is_one ? (const wasm_##name##_t *)ref : NULL;                                \
    }

#define HEAD(handle) (&(handle)->ref)
#define ITSELF(handle) (handle)

HANDLE(ref, ITSELF)
REF(func, ref->kind == REF_FUNC)
REF(global, ref->kind == REF_GLOBAL)
REF(table, ref->kind == REF_TABLE)
REF(memory, ref->kind == REF_MEMORY)
REF(extern, ref->kind <= REF_MEMORY)
REF(instance, ref->kind == REF_INSTANCE)
REF(module, ref->kind == REF_MODULE)
REF(trap, ref->kind == REF_TRAP)
REF(foreign, ref->kind == REF_FOREIGN)

/* ---- Externals ---- */

#define CASTS(part)                                                                                \
    wasm_extern_t *wasm_##part##_as_extern(wasm_##part##_t *handle)                                \
    {                                                                                              \
        return (wasm_extern_t *)handle;                                                            \
    }                                                                                              \
                                                                                                   \
    const wasm_extern_t *wasm_##part##_as_extern_const(const wasm_##part##_t *handle)              \
    {                                                                                              \
        return (const wasm_extern_t *)handle;                                                      \
    }                                                                                              \
                                                                                                   \
    wasm_##part##_t *wasm_extern_as_##part(wasm_extern_t *item)                                    \
    {                                                                                              \
        return wasm_ref_as_##part((wasm_ref_t *)item);                                             \
    }                                                                                              \
                                                                                                   \
    const wasm_##part##_t *wasm_extern_as_##part##_const(const wasm_extern_t *item)                \
    {                                                                                              \
        return wasm_ref_as_##part##_const((const wasm_ref_t *)item);                               \
    }

CASTS(func)
CASTS(global)
CASTS(table)
CASTS(memory)
