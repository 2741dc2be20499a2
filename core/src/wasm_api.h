/*
 * The standard C API (wasm.h) on top of the engine: what its files share.
 *
 * A reference of the API is a `struct wasm_ref_t`; wasm_func_t, wasm_trap_t and the rest are that
 * under other names, so conversions are casts after a look at `kind`. It owns the host info and, for
 * what the engine does not know (traps, modules), the object itself.
 *
 * Invariants:
 *   - an engine object has at most one reference, found through its store's hash table; so two
 *     references are the same object exactly when they are the same pointer;
 *   - a reference is on its store's list; it ends when it has no owner, unless it is `pinned` (a
 *     guest was given it as an externref) or stands for an engine object with host info: then it
 *     ends with the store;
 *   - a `struct wasm_store_t` ends when it was deleted and its last reference has ended. In between
 *     it is `closed`: its engine objects are gone.
 *
 * Objects of the API come from malloc; the engine's own come from the engine's allocator.
 */
#ifndef NIDUS_CORE_WASM_API_H
#define NIDUS_CORE_WASM_API_H

#include <nidus/engine.h>
#include <wasm.h>

/* Externals have the API's numbers. Everything up to REF_INSTANCE is an engine object. */
enum ref_kind {
    REF_FUNC = WASM_EXTERN_FUNC,
    REF_GLOBAL = WASM_EXTERN_GLOBAL,
    REF_TABLE = WASM_EXTERN_TABLE,
    REF_MEMORY = WASM_EXTERN_MEMORY,
    REF_MANAGED, /* of the engine's heap, or an i31 */
    REF_INSTANCE,
    REF_MODULE,
    REF_TRAP,
    REF_FOREIGN
};

struct wasm_ref_t {
    enum ref_kind kind;
    bool pinned;
    size_t owners;
    struct wasm_store_t *store;
    void *object; /* nidus_func and so on; a nidus_ref; wasm_shared_module_t; struct trap_story; NULL */
    void *host_info;
    void (*finalizer)(void *);
    struct wasm_ref_t *next;
    struct wasm_ref_t *previous;
    struct wasm_ref_t *chain; /* the next with the same hash */
};

#define REF_STRUCT(name)                                                                           \
    struct wasm_##name##_t {                                                                       \
        struct wasm_ref_t ref;                                                                     \
    };
REF_STRUCT(func)
REF_STRUCT(global)
REF_STRUCT(table)
REF_STRUCT(memory)
REF_STRUCT(extern)
REF_STRUCT(instance)
REF_STRUCT(module)
REF_STRUCT(trap)
REF_STRUCT(foreign)
#undef REF_STRUCT

struct wasm_engine_t {
    size_t owners; /* the host, stores, modules */
    struct nidus_engine *engine;
};

struct wasm_shared_module_t {
    size_t owners;
    struct wasm_engine_t *engine;
    struct nidus_module *module;
};

/* What a trap says, and where it happened. */
struct trap_story {
    wasm_message_t message;
    wasm_frame_vec_t frames; /* innermost first */
};

/* Guests that call the host that calls guests use the host's stack: this many times at most. */
enum { CALL_NESTING_MOST = 200 };

struct closure;

struct wasm_store_t {
    struct wasm_engine_t *engine;
    struct nidus_store *store;
    bool closed;
    struct wasm_ref_t *refs;
    struct wasm_ref_t **buckets; /* of the references to engine objects, by address */
    size_t bucket_count;         /* a power of two */
    size_t bucket_load;
    struct closure *closures;    /* functions of the host */
    struct nidus_run *runs[CALL_NESTING_MOST];
    unsigned nesting;            /* runs in use */
    struct wasm_ref_t *pending;  /* own: the trap that ended the innermost run */
    struct wasm_ref_t *no_memory; /* own: a trap for when none can be made */
};

/* An externtype's head; which type it is stands in `kind`. */
struct wasm_externtype_t {
    wasm_externkind_t kind;
};

struct wasm_functype_t {
    struct wasm_externtype_t head;
    wasm_valtype_vec_t params;
    wasm_valtype_vec_t results;
};

struct wasm_globaltype_t {
    struct wasm_externtype_t head;
    wasm_mutability_t mutability;
    wasm_valtype_t *content;
};

struct wasm_tabletype_t {
    struct wasm_externtype_t head;
    wasm_limits_t limits;
    wasm_valtype_t *element;
};

struct wasm_memorytype_t {
    struct wasm_externtype_t head;
    wasm_limits_t limits;
};

/* ---- wasm_api_types.c ---- */

/* An own description of what the engine describes; NULL for a tag, and for no memory. */
wasm_externtype_t *type_from_engine(const struct nidus_externtype *type);
wasm_valkind_t kind_from_engine(nidus_type type);
/* False for a v128: the API has no values of it. */
bool kind_to_engine(wasm_valkind_t kind, nidus_type *type);
void limits_to_engine(const wasm_limits_t *from, struct nidus_limits_type *to);

/* ---- wasm_api_ref.c ---- */

/* An own reference to something that the engine does not know; NULL for no memory. */
struct wasm_ref_t *ref_new(struct wasm_store_t *store, enum ref_kind kind, void *object);
/* An own reference to an engine object, which may be NULL; NULL for no memory. */
struct wasm_ref_t *ref_of(struct wasm_store_t *store, enum ref_kind kind, void *object);
struct wasm_ref_t *ref_hold(const struct wasm_ref_t *ref);
void ref_drop(struct wasm_ref_t *ref);
/* Runs the finalizer, once. */
void ref_finalize(struct wasm_ref_t *ref);

/* ---- wasm_api_value.c ---- */

/* Whether the reference, which may be NULL, fits the type; gives the engine's form of it. */
bool ref_to_engine(struct wasm_store_t *store, struct wasm_ref_t *ref, nidus_type type,
                   nidus_ref *out);
/* False for no memory. */
bool ref_from_engine(struct wasm_store_t *store, nidus_ref ref, nidus_type type,
                     struct wasm_ref_t **out);
bool value_to_engine(struct wasm_store_t *store, const wasm_val_t *value, nidus_type type,
                     struct nidus_value *out);
bool value_from_engine(struct wasm_store_t *store, const struct nidus_value *value,
                       wasm_val_t *out);

/* ---- wasm_api_store.c ---- */

struct wasm_engine_t *engine_hold(struct wasm_engine_t *engine);
void engine_drop(struct wasm_engine_t *engine);
/* Frees a closed store that has no reference left. */
void store_settle(struct wasm_store_t *store);

/* ---- wasm_api_module.c ---- */

void shared_module_drop(struct wasm_shared_module_t *shared);

/* ---- wasm_api_trap.c ---- */

/* An own trap with this sentence; never NULL. */
struct wasm_ref_t *trap_say(struct wasm_store_t *store, const char *text);
/* An own trap that says that there is no memory. */
struct wasm_ref_t *trap_no_memory(struct wasm_store_t *store);
/* Notes the frames of the run, unless the trap has some already. */
void trap_trace(struct wasm_ref_t *trap, const struct nidus_run *run);
void trap_story_free(struct trap_story *story);

/* ---- wasm_api_func.c ---- */

/* Calls with values that fit the type; NULL, or an own trap. */
struct wasm_ref_t *call_func(struct wasm_store_t *store, struct nidus_func *func,
                             const struct nidus_value *args, size_t arg_count,
                             struct nidus_value *results);
void closures_free(struct wasm_store_t *store);

/* ---- wasm_api_extern.c ---- */

struct nidus_extern extern_to_engine(const struct wasm_ref_t *ref);

#endif
