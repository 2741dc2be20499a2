/*
 * wasm.h - the standard WebAssembly C API, on top of the Nidus engine.
 *
 * Names, signatures, layouts and ownership are those that the WebAssembly community publishes, so a
 * program written for any engine with this API compiles and links with this one unchanged. What
 * Nidus adds or decides where the API leaves a choice is marked "Nidus:".
 *
 * Ownership. `own` marks who has to delete what:
 *
 *   own T *result           the caller deletes it
 *   own T *parameter        the callee takes it, also when it fails
 *   own T *out              the callee fills it in, the caller deletes what is there afterwards
 *   own vector              the array and every element of it
 *
 * A pointer without `own` is lent: it lives as long as what it was asked from. Deleting NULL does
 * nothing, and a vector is empty after it was deleted.
 *
 * Nidus: functions, globals, tables, memories and instances live until their store is deleted, and so
 * does every reference that a guest was given; their finalizers run then. Traps, foreign objects and
 * modules that no guest was given end with their last owner. A store may be deleted before the
 * references into it: what is left of them can be deleted, and nothing else. An engine may be
 * deleted before its stores.
 *
 * Nidus: an engine and all that is made from it belong to one thread at a time. A shared module may
 * be obtained in stores of other engines of the same thread.
 *
 * Nidus: where memory runs out, a function that gives a pointer gives NULL, one that fills in a
 * vector leaves it empty with data NULL, and one that gives a trap gives a trap that says so.
 */
#ifndef WASM_H
#define WASM_H

/* Programs count on these coming along. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef WASM_API_EXTERN
#define WASM_API_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef char byte_t;
typedef float float32_t;
typedef double float64_t;

/* A value travels through a union: its members must have the sizes of the wasm types. */
static_assert(sizeof(float32_t) == 4 && sizeof(float64_t) == 8, "float and double are IEEE 754");

#define own

/*
 * What many types have in common, said once. All these macros end with the header.
 *
 *   DECLARE_OBJECT   an incomplete type that is deleted
 *   DECLARE_VECTOR   the vector of it; `element` is the type of one item
 *   DECLARE_TYPE     a description: object, vector, copy
 *   DECLARE_HANDLE   a reference: object, copy, identity, host info
 *   DECLARE_REF      a handle that converts to and from wasm_ref_t
 */
#define WASM_H_DECLARE_OBJECT(name)                                                                \
    typedef struct wasm_##name##_t wasm_##name##_t;                                                \
    WASM_API_EXTERN void wasm_##name##_delete(own wasm_##name##_t *);

#define WASM_H_DECLARE_VECTOR(name, element)                                                       \
    typedef struct wasm_##name##_vec_t {                                                           \
        size_t size;                                                                               \
        element *data;                                                                             \
    } wasm_##name##_vec_t;                                                                         \
    WASM_API_EXTERN void wasm_##name##_vec_new_empty(own wasm_##name##_vec_t *out);                \
    WASM_API_EXTERN void wasm_##name##_vec_new_uninitialized(own wasm_##name##_vec_t *out,         \
                                                             size_t size);                         \
    WASM_API_EXTERN void wasm_##name##_vec_new(own wasm_##name##_vec_t *out, size_t size,          \
                                               own element const data[]);                          \
    WASM_API_EXTERN void wasm_##name##_vec_copy(own wasm_##name##_vec_t *out,                      \
                                                const wasm_##name##_vec_t *from);                  \
    WASM_API_EXTERN void wasm_##name##_vec_delete(own wasm_##name##_vec_t *);

#define WASM_H_DECLARE_COPY(name)                                                                  \
    WASM_API_EXTERN own wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *);

#define WASM_H_DECLARE_TYPE(name)                                                                  \
    WASM_H_DECLARE_OBJECT(name)                                                                    \
    WASM_H_DECLARE_VECTOR(name, wasm_##name##_t *)                                                 \
    WASM_H_DECLARE_COPY(name)

#define WASM_H_DECLARE_HANDLE(name)                                                                \
    WASM_H_DECLARE_OBJECT(name)                                                                    \
    WASM_H_DECLARE_COPY(name)                                                                      \
    WASM_API_EXTERN bool wasm_##name##_same(const wasm_##name##_t *, const wasm_##name##_t *);     \
    WASM_API_EXTERN void *wasm_##name##_get_host_info(const wasm_##name##_t *);                    \
    WASM_API_EXTERN void wasm_##name##_set_host_info(wasm_##name##_t *, void *info);               \
    WASM_API_EXTERN void wasm_##name##_set_host_info_with_finalizer(wasm_##name##_t *, void *info, \
                                                                    void (*finalizer)(void *));

/* The conversions from wasm_ref_t give NULL for a reference to something else. */
#define WASM_H_DECLARE_REF(name)                                                                   \
    WASM_H_DECLARE_HANDLE(name)                                                                    \
    WASM_API_EXTERN wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *);                           \
    WASM_API_EXTERN const wasm_ref_t *wasm_##name##_as_ref_const(const wasm_##name##_t *);         \
    WASM_API_EXTERN wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *);                             \
    WASM_API_EXTERN const wasm_##name##_t *wasm_ref_as_##name##_const(const wasm_ref_t *);

/* `part` is a kind of `whole`. From the whole, NULL when it is of another kind. */
#define WASM_H_DECLARE_CASTS(part, whole)                                                          \
    WASM_API_EXTERN wasm_##whole##_t *wasm_##part##_as_##whole(wasm_##part##_t *);                 \
    WASM_API_EXTERN wasm_##part##_t *wasm_##whole##_as_##part(wasm_##whole##_t *);                 \
    WASM_API_EXTERN const wasm_##whole##_t *wasm_##part##_as_##whole##_const(                      \
        const wasm_##part##_t *);                                                                  \
    WASM_API_EXTERN const wasm_##part##_t *wasm_##whole##_as_##part##_const(                       \
        const wasm_##whole##_t *);

/* ---- Bytes and names ------------------------------------------------------------------------- */

typedef byte_t wasm_byte_t;
WASM_H_DECLARE_VECTOR(byte, wasm_byte_t)

/* A name is UTF-8 without a terminating zero. */
typedef wasm_byte_vec_t wasm_name_t;

#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized /* as published */
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

static inline void wasm_name_new_from_string(own wasm_name_t *out, const char *string)
{
    wasm_name_new(out, strlen(string), string);
}

/* With the zero at its end, as messages want it. */
static inline void wasm_name_new_from_string_nt(own wasm_name_t *out, const char *string)
{
    wasm_name_new(out, strlen(string) + 1, string);
}

/* ---- Configuration, engine, store ------------------------------------------------------------ */

WASM_H_DECLARE_OBJECT(config)
WASM_API_EXTERN own wasm_config_t *wasm_config_new(void);

WASM_H_DECLARE_OBJECT(engine)
WASM_API_EXTERN own wasm_engine_t *wasm_engine_new(void);
WASM_API_EXTERN own wasm_engine_t *wasm_engine_new_with_config(own wasm_config_t *);

WASM_H_DECLARE_OBJECT(store)
WASM_API_EXTERN own wasm_store_t *wasm_store_new(wasm_engine_t *);

/* ---- Types ----------------------------------------------------------------------------------- */

typedef uint8_t wasm_mutability_t;
enum wasm_mutability_enum { WASM_CONST, WASM_VAR };

/* Pages of a memory, elements of a table. Nidus: what 64-bit indices allow beyond 32 bits is given as
 * the largest number. */
typedef struct wasm_limits_t {
    uint32_t min;
    uint32_t max;
} wasm_limits_t;

static const uint32_t wasm_limits_max_default = 0xffffffff; /* no maximum */

WASM_H_DECLARE_TYPE(valtype)

typedef uint8_t wasm_valkind_t;
enum wasm_valkind_enum {
    WASM_I32,
    WASM_I64,
    WASM_F32,
    WASM_F64,
    WASM_V128, /* Nidus: only in types that are asked of modules and objects; no wasm_val_t holds one */
    WASM_EXTERNREF = 128,
    WASM_FUNCREF
};

/* NULL for anything but i32, i64, f32, f64, externref and funcref. Nidus: in types that are asked of
 * modules and objects, externref stands for all references to no function, and funcref for references to
 * defined types too; objects of the guest's heap come as opaque references of kind WASM_EXTERNREF. */
WASM_API_EXTERN own wasm_valtype_t *wasm_valtype_new(wasm_valkind_t);
WASM_API_EXTERN wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t *);

static inline bool wasm_valkind_is_num(wasm_valkind_t kind)
{
    return kind < WASM_EXTERNREF;
}

static inline bool wasm_valkind_is_ref(wasm_valkind_t kind)
{
    return !wasm_valkind_is_num(kind);
}

static inline bool wasm_valtype_is_num(const wasm_valtype_t *type)
{
    return wasm_valkind_is_num(wasm_valtype_kind(type));
}

static inline bool wasm_valtype_is_ref(const wasm_valtype_t *type)
{
    return wasm_valkind_is_ref(wasm_valtype_kind(type));
}

WASM_H_DECLARE_TYPE(functype)
WASM_API_EXTERN own wasm_functype_t *wasm_functype_new(own wasm_valtype_vec_t *params,
                                                       own wasm_valtype_vec_t *results);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *);

WASM_H_DECLARE_TYPE(globaltype)
WASM_API_EXTERN own wasm_globaltype_t *wasm_globaltype_new(own wasm_valtype_t *, wasm_mutability_t);
WASM_API_EXTERN const wasm_valtype_t *wasm_globaltype_content(const wasm_globaltype_t *);
WASM_API_EXTERN wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t *);

WASM_H_DECLARE_TYPE(tabletype)
WASM_API_EXTERN own wasm_tabletype_t *wasm_tabletype_new(own wasm_valtype_t *,
                                                         const wasm_limits_t *);
WASM_API_EXTERN const wasm_valtype_t *wasm_tabletype_element(const wasm_tabletype_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_tabletype_limits(const wasm_tabletype_t *);

WASM_H_DECLARE_TYPE(memorytype)
WASM_API_EXTERN own wasm_memorytype_t *wasm_memorytype_new(const wasm_limits_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_memorytype_limits(const wasm_memorytype_t *);

WASM_H_DECLARE_TYPE(externtype)

typedef uint8_t wasm_externkind_t;
enum wasm_externkind_enum {
    WASM_EXTERN_FUNC,
    WASM_EXTERN_GLOBAL,
    WASM_EXTERN_TABLE,
    WASM_EXTERN_MEMORY
};

WASM_API_EXTERN wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t *);
WASM_H_DECLARE_CASTS(functype, externtype)
WASM_H_DECLARE_CASTS(globaltype, externtype)
WASM_H_DECLARE_CASTS(tabletype, externtype)
WASM_H_DECLARE_CASTS(memorytype, externtype)

WASM_H_DECLARE_TYPE(importtype)
WASM_API_EXTERN own wasm_importtype_t *wasm_importtype_new(own wasm_name_t *module,
                                                           own wasm_name_t *name,
                                                           own wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_importtype_type(const wasm_importtype_t *);

WASM_H_DECLARE_TYPE(exporttype)
WASM_API_EXTERN own wasm_exporttype_t *wasm_exporttype_new(own wasm_name_t *,
                                                           own wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *);

/* ---- Values ---------------------------------------------------------------------------------- */

struct wasm_ref_t;

/* Nidus: where a value is given, either kind of reference stands for the one that is wanted, because
 * the short-hands at the end of this header name only one; the object itself must fit. */
typedef struct wasm_val_t {
    wasm_valkind_t kind;
    union {
        int32_t i32;
        int64_t i64;
        float32_t f32;
        float64_t f64;
        struct wasm_ref_t *ref; /* NULL is the null of every type */
    } of;
} wasm_val_t;

WASM_API_EXTERN void wasm_val_delete(own wasm_val_t *);
WASM_API_EXTERN void wasm_val_copy(own wasm_val_t *out, const wasm_val_t *);
WASM_H_DECLARE_VECTOR(val, wasm_val_t)

/* ---- References ------------------------------------------------------------------------------ */

/*
 * Host info is one pointer per object, whichever handle it is asked of. Nidus: setting it again
 * first finalizes what was there, unless that is the same pointer.
 */
WASM_H_DECLARE_HANDLE(ref)

/* One step of a backtrace: where a guest's function was. */
WASM_H_DECLARE_OBJECT(frame)
WASM_H_DECLARE_VECTOR(frame, wasm_frame_t *)
WASM_H_DECLARE_COPY(frame)
WASM_API_EXTERN struct wasm_instance_t *wasm_frame_instance(const wasm_frame_t *);
WASM_API_EXTERN uint32_t wasm_frame_func_index(const wasm_frame_t *);
WASM_API_EXTERN size_t wasm_frame_func_offset(const wasm_frame_t *);   /* from the body's start */
WASM_API_EXTERN size_t wasm_frame_module_offset(const wasm_frame_t *); /* from the module's start */

typedef wasm_name_t wasm_message_t; /* ends with a zero byte */

WASM_H_DECLARE_REF(trap)
WASM_API_EXTERN own wasm_trap_t *wasm_trap_new(wasm_store_t *, const wasm_message_t *);
WASM_API_EXTERN void wasm_trap_message(const wasm_trap_t *, own wasm_message_t *out);
/* The innermost frame, or NULL; and all of them from there on outwards. Nidus: at most 128, those of
 * the innermost wasm_func_call that the trap ended. */
WASM_API_EXTERN own wasm_frame_t *wasm_trap_origin(const wasm_trap_t *);
WASM_API_EXTERN void wasm_trap_trace(const wasm_trap_t *, own wasm_frame_vec_t *out);

/* Something of the host's, known by its host info. */
WASM_H_DECLARE_REF(foreign)
WASM_API_EXTERN own wasm_foreign_t *wasm_foreign_new(wasm_store_t *);

/* ---- Modules --------------------------------------------------------------------------------- */

WASM_H_DECLARE_REF(module)
WASM_H_DECLARE_OBJECT(shared_module)

/* NULL when the bytes are no valid module. */
WASM_API_EXTERN own wasm_module_t *wasm_module_new(wasm_store_t *, const wasm_byte_vec_t *binary);
WASM_API_EXTERN bool wasm_module_validate(wasm_store_t *, const wasm_byte_vec_t *binary);
/* Nidus: tags, which this API does not know, are left out. */
WASM_API_EXTERN void wasm_module_imports(const wasm_module_t *, own wasm_importtype_vec_t *out);
WASM_API_EXTERN void wasm_module_exports(const wasm_module_t *, own wasm_exporttype_vec_t *out);
/* Nidus: the serialized form is the module's binary form, and is validated again. */
WASM_API_EXTERN void wasm_module_serialize(const wasm_module_t *, own wasm_byte_vec_t *out);
WASM_API_EXTERN own wasm_module_t *wasm_module_deserialize(wasm_store_t *, const wasm_byte_vec_t *);
WASM_API_EXTERN own wasm_shared_module_t *wasm_module_share(const wasm_module_t *);
WASM_API_EXTERN own wasm_module_t *wasm_module_obtain(wasm_store_t *, const wasm_shared_module_t *);

/* ---- Functions ------------------------------------------------------------------------------- */

WASM_H_DECLARE_REF(func)

/*
 * A function of the host: fills in `results` (given with the kinds of its type, all zero) and
 * returns NULL, or returns a trap, which ends the guest and comes out of wasm_func_call.
 */
typedef own wasm_trap_t *(*wasm_func_callback_t)(const wasm_val_vec_t *args,
                                                 own wasm_val_vec_t *results);
typedef own wasm_trap_t *(*wasm_func_callback_with_env_t)(void *env, const wasm_val_vec_t *args,
                                                          own wasm_val_vec_t *results);

WASM_API_EXTERN own wasm_func_t *wasm_func_new(wasm_store_t *, const wasm_functype_t *,
                                               wasm_func_callback_t);
/* `finalizer` may be NULL; it is not called when the result is NULL. */
WASM_API_EXTERN own wasm_func_t *wasm_func_new_with_env(wasm_store_t *, const wasm_functype_t *,
                                                        wasm_func_callback_with_env_t, void *env,
                                                        void (*finalizer)(void *));
WASM_API_EXTERN own wasm_functype_t *wasm_func_type(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_param_arity(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_result_arity(const wasm_func_t *);
/*
 * NULL, and the results in the vector's first items; or a trap, and the vector as it was. Nidus:
 * arguments that do not fit the type give a trap; an empty vector of results drops them.
 */
WASM_API_EXTERN own wasm_trap_t *wasm_func_call(const wasm_func_t *, const wasm_val_vec_t *args,
                                                wasm_val_vec_t *results);

/* ---- Globals --------------------------------------------------------------------------------- */

WASM_H_DECLARE_REF(global)
/* NULL when the value does not fit the type. */
WASM_API_EXTERN own wasm_global_t *wasm_global_new(wasm_store_t *, const wasm_globaltype_t *,
                                                   const wasm_val_t *);
WASM_API_EXTERN own wasm_globaltype_t *wasm_global_type(const wasm_global_t *);
WASM_API_EXTERN void wasm_global_get(const wasm_global_t *, own wasm_val_t *out);
/* Nidus: changes nothing when the global is constant or the value does not fit. */
WASM_API_EXTERN void wasm_global_set(wasm_global_t *, const wasm_val_t *);

/* ---- Tables ---------------------------------------------------------------------------------- */

WASM_H_DECLARE_REF(table)
typedef uint32_t wasm_table_size_t;
/* `init` and `ref` are lent; false or NULL when they do not fit the element type. */
WASM_API_EXTERN own wasm_table_t *wasm_table_new(wasm_store_t *, const wasm_tabletype_t *,
                                                 wasm_ref_t *init);
WASM_API_EXTERN own wasm_tabletype_t *wasm_table_type(const wasm_table_t *);
/* NULL for a null element, and beyond the end. */
WASM_API_EXTERN own wasm_ref_t *wasm_table_get(const wasm_table_t *, wasm_table_size_t index);
WASM_API_EXTERN bool wasm_table_set(wasm_table_t *, wasm_table_size_t index, wasm_ref_t *ref);
WASM_API_EXTERN wasm_table_size_t wasm_table_size(const wasm_table_t *);
WASM_API_EXTERN bool wasm_table_grow(wasm_table_t *, wasm_table_size_t delta, wasm_ref_t *init);

/* ---- Memories -------------------------------------------------------------------------------- */

WASM_H_DECLARE_REF(memory)
typedef uint32_t wasm_memory_pages_t;
static const size_t MEMORY_PAGE_SIZE = 0x10000;

WASM_API_EXTERN own wasm_memory_t *wasm_memory_new(wasm_store_t *, const wasm_memorytype_t *);
WASM_API_EXTERN own wasm_memorytype_t *wasm_memory_type(const wasm_memory_t *);
/* The bytes may move when the memory grows, by the host or by a guest. */
WASM_API_EXTERN byte_t *wasm_memory_data(wasm_memory_t *);
WASM_API_EXTERN size_t wasm_memory_data_size(const wasm_memory_t *);
WASM_API_EXTERN wasm_memory_pages_t wasm_memory_size(const wasm_memory_t *);
WASM_API_EXTERN bool wasm_memory_grow(wasm_memory_t *, wasm_memory_pages_t delta);

/* ---- Externals: what is imported and exported ------------------------------------------------ */

WASM_H_DECLARE_REF(extern)
WASM_H_DECLARE_VECTOR(extern, wasm_extern_t *)
WASM_API_EXTERN wasm_externkind_t wasm_extern_kind(const wasm_extern_t *);
WASM_API_EXTERN own wasm_externtype_t *wasm_extern_type(const wasm_extern_t *);
WASM_H_DECLARE_CASTS(func, extern)
WASM_H_DECLARE_CASTS(global, extern)
WASM_H_DECLARE_CASTS(table, extern)
WASM_H_DECLARE_CASTS(memory, extern)

/* ---- Instances ------------------------------------------------------------------------------- */

WASM_H_DECLARE_REF(instance)
/*
 * Links the imports in the module's order, allocates, and runs the start function. NULL when that
 * fails; Nidus: then `*trap` says why, also where an import did not fit. `trap` may be NULL.
 */
WASM_API_EXTERN own wasm_instance_t *wasm_instance_new(wasm_store_t *, const wasm_module_t *,
                                                       const wasm_extern_vec_t *imports,
                                                       own wasm_trap_t **trap);
WASM_API_EXTERN void wasm_instance_exports(const wasm_instance_t *, own wasm_extern_vec_t *out);

/* ---- Short-hands ----------------------------------------------------------------------------- */

/* Initializers: of no items, and of the items of an array, which stays the caller's. */
#define WASM_EMPTY_VEC {0, NULL}
#define WASM_ARRAY_VEC(array) {sizeof(array) / sizeof((array)[0]), array}

/* Initializers of a wasm_val_t. */
#define WASM_I32_VAL(number) {.kind = WASM_I32, .of = {.i32 = number}}
#define WASM_I64_VAL(number) {.kind = WASM_I64, .of = {.i64 = number}}
#define WASM_F32_VAL(number) {.kind = WASM_F32, .of = {.f32 = number}}
#define WASM_F64_VAL(number) {.kind = WASM_F64, .of = {.f64 = number}}
#define WASM_REF_VAL(reference) {.kind = WASM_EXTERNREF, .of = {.ref = reference}}
#define WASM_INIT_VAL WASM_REF_VAL(NULL)

/* A host pointer as the number type of its width. */
static inline void wasm_val_init_ptr(own wasm_val_t *out, void *pointer)
{
#if UINTPTR_MAX == UINT32_MAX
    out->kind = WASM_I32;
    out->of.i32 = (int32_t)(intptr_t)pointer;
#else
    out->kind = WASM_I64;
    out->of.i64 = (int64_t)(intptr_t)pointer;
#endif
}

static inline void *wasm_val_ptr(const wasm_val_t *value)
{
#if UINTPTR_MAX == UINT32_MAX
    return (void *)(intptr_t)value->of.i32;
#else
    return (void *)(intptr_t)value->of.i64;
#endif
}

#define WASM_H_DEFINE_VALTYPE(name, kind)                                                          \
    static inline own wasm_valtype_t *wasm_valtype_new_##name(void)                                \
    {                                                                                              \
        return wasm_valtype_new(kind);                                                             \
    }

WASM_H_DEFINE_VALTYPE(i32, WASM_I32)
WASM_H_DEFINE_VALTYPE(i64, WASM_I64)
WASM_H_DEFINE_VALTYPE(f32, WASM_F32)
WASM_H_DEFINE_VALTYPE(f64, WASM_F64)
WASM_H_DEFINE_VALTYPE(externref, WASM_EXTERNREF)
WASM_H_DEFINE_VALTYPE(funcref, WASM_FUNCREF)

/* Nidus: what the short-hands below share. `types` holds the parameters, then the results. */
static inline own wasm_functype_t *wasm_h_functype(own wasm_valtype_t *const types[],
                                                   size_t param_count, size_t result_count)
{
    wasm_valtype_vec_t params, results;
    wasm_valtype_vec_new(&params, param_count, param_count ? types : NULL);
    wasm_valtype_vec_new(&results, result_count, result_count ? types + param_count : NULL);
    if (params.size == param_count && results.size == result_count)
        return wasm_functype_new(&params, &results);
    wasm_valtype_vec_delete(&params);
    wasm_valtype_vec_delete(&results);
    return NULL;
}

/* wasm_functype_new_P_R: P parameters, then R results, each an own wasm_valtype_t *. */
#define WASM_H_DEFINE_FUNCTYPE(param_count, result_count, parameters, list)                        \
    static inline own wasm_functype_t *wasm_functype_new_##param_count##_##result_count parameters \
    {                                                                                              \
        wasm_valtype_t *const types[] = {WASM_H_UNWRAP list};                                      \
        return wasm_h_functype(types, param_count, result_count);                                  \
    }
#define WASM_H_UNWRAP(...) __VA_ARGS__
#define WASM_H_OWN own wasm_valtype_t *

WASM_H_DEFINE_FUNCTYPE(0, 0, (void), (NULL))
WASM_H_DEFINE_FUNCTYPE(1, 0, (WASM_H_OWN p1), (p1))
WASM_H_DEFINE_FUNCTYPE(2, 0, (WASM_H_OWN p1, WASM_H_OWN p2), (p1, p2))
WASM_H_DEFINE_FUNCTYPE(3, 0, (WASM_H_OWN p1, WASM_H_OWN p2, WASM_H_OWN p3), (p1, p2, p3))
WASM_H_DEFINE_FUNCTYPE(0, 1, (WASM_H_OWN r1), (r1))
WASM_H_DEFINE_FUNCTYPE(1, 1, (WASM_H_OWN p1, WASM_H_OWN r1), (p1, r1))
WASM_H_DEFINE_FUNCTYPE(2, 1, (WASM_H_OWN p1, WASM_H_OWN p2, WASM_H_OWN r1), (p1, p2, r1))
WASM_H_DEFINE_FUNCTYPE(3, 1, (WASM_H_OWN p1, WASM_H_OWN p2, WASM_H_OWN p3, WASM_H_OWN r1),
                       (p1, p2, p3, r1))
WASM_H_DEFINE_FUNCTYPE(0, 2, (WASM_H_OWN r1, WASM_H_OWN r2), (r1, r2))
WASM_H_DEFINE_FUNCTYPE(1, 2, (WASM_H_OWN p1, WASM_H_OWN r1, WASM_H_OWN r2), (p1, r1, r2))
WASM_H_DEFINE_FUNCTYPE(2, 2, (WASM_H_OWN p1, WASM_H_OWN p2, WASM_H_OWN r1, WASM_H_OWN r2),
                       (p1, p2, r1, r2))
WASM_H_DEFINE_FUNCTYPE(3, 2,
                       (WASM_H_OWN p1, WASM_H_OWN p2, WASM_H_OWN p3, WASM_H_OWN r1, WASM_H_OWN r2),
                       (p1, p2, p3, r1, r2))

#undef WASM_H_DECLARE_OBJECT
#undef WASM_H_DECLARE_VECTOR
#undef WASM_H_DECLARE_COPY
#undef WASM_H_DECLARE_TYPE
#undef WASM_H_DECLARE_HANDLE
#undef WASM_H_DECLARE_REF
#undef WASM_H_DECLARE_CASTS
#undef WASM_H_DEFINE_VALTYPE
#undef WASM_H_DEFINE_FUNCTYPE
#undef WASM_H_UNWRAP
#undef WASM_H_OWN
#undef own

#ifdef __cplusplus
}
#endif

#endif
