/*
 * nidus/engine.h - the engine's public interface.
 *
 * The engine decodes, validates, translates and interprets WebAssembly. It knows nothing of WASI,
 * files or JavaScript. Four kinds of object, each freed by its own function:
 *
 *   engine    allocator and limits; has no other state. Outlives everything made from it.
 *   module    decoded and validated bytes. May be instantiated in any number of stores.
 *   store     owns every run-time object: instances, functions, memories, tables, globals, runs.
 *             They live until the store is freed, so a reference held by a guest never dangles.
 *   run       one thread of guest execution with its own stack of frames. It executes in slices
 *             and can stop at any call or loop back edge, be looked at, resumed, or dropped.
 *
 * Invariants: no global state; nothing here recurses on what a guest controls; no byte sequence
 * makes the engine touch memory that it does not own. An engine and what is made from it belong to
 * one thread at a time.
 *
 * Functions that can fail return `enum nidus_code`; with an `error` argument (which may be NULL)
 * they also say where and why in one sentence.
 */
#ifndef NIDUS_ENGINE_H
#define NIDUS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NIDUS_CHECK __attribute__((warn_unused_result))
#else
#define NIDUS_CHECK
#endif

/* ---- Errors ---------------------------------------------------------------------------------- */

enum nidus_code {
    NIDUS_OK = 0,
    NIDUS_ERROR_MALFORMED,   /* the bytes are not a module */
    NIDUS_ERROR_INVALID,     /* a module, but it breaks a validation rule */
    NIDUS_ERROR_UNSUPPORTED, /* uses a feature this engine does not have */
    NIDUS_ERROR_LIMIT,       /* exceeds a limit of the engine's configuration */
    NIDUS_ERROR_NO_MEMORY,   /* the allocator said no */
    NIDUS_ERROR_LINK,        /* an import is missing or has the wrong type */
    NIDUS_ERROR_TRAP,        /* a segment did not fit, or the guest trapped */
    NIDUS_ERROR_USAGE        /* the caller broke a rule of this header */
};

struct nidus_error {
    enum nidus_code code;
    uint32_t trap;   /* enum nidus_trap, when code is NIDUS_ERROR_TRAP */
    size_t offset;   /* byte offset in the module, for MALFORMED, INVALID, UNSUPPORTED and LIMIT */
    char text[192];  /* one sentence */
};

/* ---- Types ----------------------------------------------------------------------------------- */

/*
 * A value type:   31            8 7   5   4   3    0
 *                +---------------+-----+------+------+
 *                |   heap type   |  0  | null | kind |    heap type and null are 0 unless kind is 6
 *                +---------------+-----+------+------+
 * kind: 1 i32, 2 i64, 3 f32, 4 f64, 5 v128, 6 reference. The heap type is a type index of the
 * module the type comes from, or 0xFFFF00 + the binary format's code of an abstract heap type.
 */
typedef uint32_t nidus_type;

#define NIDUS_I32 ((nidus_type)1)
#define NIDUS_I64 ((nidus_type)2)
#define NIDUS_F32 ((nidus_type)3)
#define NIDUS_F64 ((nidus_type)4)
#define NIDUS_V128 ((nidus_type)5)
#define NIDUS_REF ((nidus_type)6)
#define NIDUS_NULLABLE ((nidus_type)16)
#define NIDUS_FUNCREF ((nidus_type)0xFFFF7016u)
#define NIDUS_EXTERNREF ((nidus_type)0xFFFF6F16u)
#define NIDUS_TYPE_KIND(type) ((type)&15u)
#define NIDUS_TYPE_HEAP(type) ((type) >> 8)

/* A reference. NIDUS_NULL is the null of every type. A non-null funcref is a `struct nidus_func *`
 * converted to an integer; an externref is a number below 2^62 that the host likes, and so is what a guest
 * made an anyref of. All other references are to objects of the store's heap; see nidus_ref_kind. */
typedef uint64_t nidus_ref;
#define NIDUS_NULL ((nidus_ref)0)

struct nidus_value {
    nidus_type type;
    union {
        int32_t i32;
        int64_t i64;
        uint32_t f32; /* the bits, so that NaNs survive */
        uint64_t f64;
        uint8_t v128[16];
        nidus_ref ref;
    } of;
};

struct nidus_functype {
    uint32_t param_count;
    uint32_t result_count;
    const nidus_type *params;
    const nidus_type *results;
};

enum nidus_kind { NIDUS_FUNC = 0, NIDUS_TABLE = 1, NIDUS_MEMORY = 2, NIDUS_GLOBAL = 3, NIDUS_TAG = 4 };

#define NIDUS_NO_MAXIMUM UINT64_MAX

struct nidus_limits_type {
    uint64_t minimum;
    uint64_t maximum; /* NIDUS_NO_MAXIMUM where the module sets none */
    bool is64;        /* indexed by i64 */
    bool shared;
    bool byte_pages; /* of a memory: its pages are of one byte, not of 65,536 */
};

struct nidus_externtype {
    enum nidus_kind kind;
    struct nidus_functype func;      /* NIDUS_FUNC */
    struct nidus_limits_type limits; /* NIDUS_TABLE (elements) and NIDUS_MEMORY (pages) */
    nidus_type type;                 /* element type of a table, value type of a global */
    bool mutable_;                   /* NIDUS_GLOBAL */
};

/* A name is UTF-8, not terminated by a zero byte: a guest's names may contain zeros. */
struct nidus_name {
    const char *bytes;
    size_t length;
};

/* ---- Engine ---------------------------------------------------------------------------------- */

/* reallocate(user, NULL, 0, n) allocates; reallocate(user, block, old, 0) frees and returns NULL;
 * otherwise it resizes. NULL for a non-zero size means no memory, and leaves the block alone. */
struct nidus_allocator {
    void *(*reallocate)(void *user, void *block, size_t old_size, size_t new_size);
    void *user;
};

struct nidus_limits {
    size_t module_bytes;      /* largest module */
    uint32_t functions;       /* most functions, imported and defined, of one module */
    uint32_t function_bytes;  /* largest function body */
    uint32_t locals;          /* most locals of one function, with its parameters */
    uint32_t tables;          /* most tables of one module, with those imported */
    uint32_t memories;        /* most memories of one module, with those imported */
    uint64_t memory_bytes;    /* largest linear memory; growing beyond it fails as the spec allows */
    uint64_t table_elements;  /* largest table */
    uint32_t call_depth;      /* most frames of one run; beyond it: NIDUS_TRAP_EXHAUSTED */
    uint64_t heap_bytes;      /* largest heap of objects of one store; beyond it: NIDUS_TRAP_HEAP */
    uint32_t stack_bytes;     /* largest operand stack of one run; beyond it: NIDUS_TRAP_EXHAUSTED */
};

struct nidus_config {
    struct nidus_allocator allocator; /* all zero: malloc and free */
    struct nidus_limits limits;
    bool heap_stress; /* for tests: a whole collection at every allocation of an object */
};

struct nidus_engine;
struct nidus_module;
struct nidus_store;
struct nidus_instance;
struct nidus_func;
struct nidus_table;
struct nidus_memory;
struct nidus_global;
struct nidus_tag;
struct nidus_run;
struct nidus_threads;
struct nidus_call;

/* Fills in the documented defaults: 1 GiB modules, 1,000,000 functions, 7,654,321-byte bodies,
 * 50,000 locals, 100,000 tables, 1,000 memories, 4 GiB memories, 10,000,000 table elements, 20,000 frames,
 * 8 MiB of stack, 1 GiB of objects. */
void nidus_config_default(struct nidus_config *config);

/* `config` may be NULL for the defaults. */
NIDUS_CHECK enum nidus_code nidus_engine_new(const struct nidus_config *config,
                                             struct nidus_engine **engine);
void nidus_engine_free(struct nidus_engine *engine);

/* ---- Modules --------------------------------------------------------------------------------- */

enum nidus_load_flags {
    NIDUS_LOAD_COPY = 0,  /* keep a copy of the bytes */
    NIDUS_LOAD_BORROW = 1 /* the caller keeps the bytes alive and unchanged as long as the module */
};

/* Decodes and validates. On success `*module` owns itself until nidus_module_free; instances hold
 * it too, so it may be freed before them. */
NIDUS_CHECK enum nidus_code nidus_module_load(struct nidus_engine *engine, const void *bytes,
                                              size_t size, unsigned flags,
                                              struct nidus_module **module,
                                              struct nidus_error *error);
void nidus_module_free(struct nidus_module *module);

/* Decodes and validates without keeping anything. */
NIDUS_CHECK enum nidus_code nidus_module_validate(struct nidus_engine *engine, const void *bytes,
                                                  size_t size, struct nidus_error *error);

uint32_t nidus_module_import_count(const struct nidus_module *module);
uint32_t nidus_module_export_count(const struct nidus_module *module);
/* `index` is below the count. What comes back points into the module. */
void nidus_module_import(const struct nidus_module *module, uint32_t index,
                         struct nidus_name *from, struct nidus_name *name,
                         struct nidus_externtype *type);
void nidus_module_export(const struct nidus_module *module, uint32_t index,
                         struct nidus_name *name, struct nidus_externtype *type);

uint32_t nidus_module_custom_count(const struct nidus_module *module);
void nidus_module_custom(const struct nidus_module *module, uint32_t index,
                         struct nidus_name *name, const uint8_t **bytes, size_t *size);

/* From the name section; length 0 where it has none. `function` counts imports first. */
struct nidus_name nidus_module_function_name(const struct nidus_module *module, uint32_t function);

/* Translates every function now instead of at its first call. */
NIDUS_CHECK enum nidus_code nidus_module_translate(struct nidus_module *module,
                                                   struct nidus_error *error);
/* Bytes of function bodies, and bytes of internal code made from them so far. */
void nidus_module_sizes(const struct nidus_module *module, size_t *code_bytes,
                        size_t *internal_bytes);

/* ---- Stores and what they own ---------------------------------------------------------------- */

NIDUS_CHECK enum nidus_code nidus_store_new(struct nidus_engine *engine,
                                            struct nidus_store **store);
void nidus_store_free(struct nidus_store *store);

/* Anything that can be imported or exported. */
struct nidus_extern {
    enum nidus_kind kind;
    union {
        struct nidus_func *func;
        struct nidus_table *table;
        struct nidus_memory *memory;
        struct nidus_global *global;
        struct nidus_tag *tag;
        void *any;
    } of;
};

enum nidus_host_result {
    NIDUS_HOST_DONE = 0,   /* results are in the slots */
    NIDUS_HOST_BLOCK,      /* would block: nothing was changed; called again at the next resume */
    NIDUS_HOST_TRAP,       /* nidus_call_trap was called (else: trap NIDUS_TRAP_HOST) */
    NIDUS_HOST_YIELD,      /* results are in the slots; end the slice now */
    NIDUS_HOST_THROW       /* nidus_call_throw was called: the exception is the guest's to catch */
};

/*
 * A host function, one signature for all. Parameters come in `slots`, one 64-bit slot each (a v128
 * takes two), i32 and f32 in the low half (the high half is undefined); results go there too,
 * starting at slots[0]. A function that answers NIDUS_HOST_BLOCK must not have written to slots.
 */
typedef enum nidus_host_result (*nidus_host_function)(void *context, struct nidus_call *call,
                                                      uint64_t *slots);

NIDUS_CHECK enum nidus_code nidus_func_new(struct nidus_store *store,
                                           const struct nidus_functype *type,
                                           nidus_host_function function, void *context,
                                           struct nidus_func **func);
/* The same, of just the type that import `import` of the module wants, whatever other types that names. */
NIDUS_CHECK enum nidus_code nidus_func_new_import(struct nidus_store *store,
                                                  const struct nidus_module *module,
                                                  uint32_t import, nidus_host_function function,
                                                  void *context, struct nidus_func **func);
NIDUS_CHECK enum nidus_code nidus_table_new(struct nidus_store *store, nidus_type element,
                                            const struct nidus_limits_type *limits, nidus_ref init,
                                            struct nidus_table **table);
NIDUS_CHECK enum nidus_code nidus_memory_new(struct nidus_store *store,
                                             const struct nidus_limits_type *limits,
                                             struct nidus_memory **memory);
NIDUS_CHECK enum nidus_code nidus_global_new(struct nidus_store *store,
                                             const struct nidus_value *value, bool mutable_,
                                             struct nidus_global **global);

/* The type's parameters are an exception's values; it has no results. */
NIDUS_CHECK enum nidus_code nidus_tag_new(struct nidus_store *store,
                                          const struct nidus_functype *type,
                                          struct nidus_tag **tag);

/* The types of run-time objects; what comes back points into the store. */
void nidus_func_type(const struct nidus_func *func, struct nidus_functype *type);
void nidus_extern_type(struct nidus_extern item, struct nidus_externtype *type);

/* A memory may move when it grows: ask again after every slice. */
uint8_t *nidus_memory_data(const struct nidus_memory *memory, size_t *size);
uint64_t nidus_memory_pages(const struct nidus_memory *memory);
/* Grows by `pages`; false (and nothing changed) when it cannot. */
bool nidus_memory_grow(struct nidus_memory *memory, uint64_t pages);

uint64_t nidus_table_size(const struct nidus_table *table);
bool nidus_table_grow(struct nidus_table *table, uint64_t elements, nidus_ref init);
/* False beyond the end. */
bool nidus_table_get(const struct nidus_table *table, uint64_t index, nidus_ref *ref);
bool nidus_table_set(struct nidus_table *table, uint64_t index, nidus_ref ref);

void nidus_global_get(const struct nidus_global *global, struct nidus_value *value);
/* False when the global is immutable or the type differs. */
bool nidus_global_set(struct nidus_global *global, const struct nidus_value *value);

/* ---- Objects of the heap --------------------------------------------------------------------- */

/*
 * Structs, arrays and exceptions live in the store's heap and are freed when nothing refers to them
 * any more. What the host has read of them (a result, an argument, a table's element) stays valid
 * until something runs or makes an object in the store; for longer, the host holds it.
 */
enum nidus_ref_kind {
    NIDUS_REF_KIND_NULL,
    NIDUS_REF_KIND_HOST, /* a function, or a number of the host's: the type says which */
    NIDUS_REF_KIND_I31,
    NIDUS_REF_KIND_STRUCT,
    NIDUS_REF_KIND_ARRAY,
    NIDUS_REF_KIND_EXCEPTION
};

enum nidus_ref_kind nidus_ref_kind(const struct nidus_store *store, nidus_ref ref);
/* Whether a reference is of a type, which is in the terms of nidus_func_type and nidus_extern_type. */
bool nidus_ref_matches(const struct nidus_store *store, nidus_ref ref, nidus_type type);

/* Keeps an object; what is not one needs no keeping. As many releases as holds let it go. */
NIDUS_CHECK enum nidus_code nidus_ref_hold(struct nidus_store *store, nidus_ref ref);
void nidus_ref_release(struct nidus_store *store, nidus_ref ref);

nidus_ref nidus_i31_new(int32_t value); /* its low 31 bits */
int32_t nidus_i31_value(nidus_ref ref);

/* NIDUS_ERROR_USAGE when the values are not the tag's. */
NIDUS_CHECK enum nidus_code nidus_exception_new(struct nidus_store *store, struct nidus_tag *tag,
                                                const struct nidus_value *values, size_t count,
                                                nidus_ref *ref);
struct nidus_tag *nidus_exception_tag(nidus_ref ref);
/* `values` has room for the parameters of the tag's type. */
void nidus_exception_values(const struct nidus_store *store, nidus_ref ref,
                            struct nidus_value *values);

/* Frees every object that nothing refers to, now. */
void nidus_store_collect(struct nidus_store *store);
/* Bytes that the heap has, and those of the objects that the latest collection found alive. */
void nidus_store_heap(const struct nidus_store *store, uint64_t *bytes, uint64_t *alive);
/* How often guests were stopped for collecting, and the longest stop, in references and blocks of 32 KiB looked at.
 * Whole collections, by nidus_store_collect or when the heap is full, do not count. */
void nidus_store_pauses(const struct nidus_store *store, uint64_t *count, uint64_t *longest);

/* ---- Instances ------------------------------------------------------------------------------- */

/*
 * Links (imports in the module's order), allocates, and copies active segments. It does not run
 * the start function, which might block: the caller runs nidus_instance_start in a run of its own,
 * or calls nidus_instance_run_start. A segment that does not fit gives NIDUS_ERROR_TRAP; what it
 * had written before stays written, as the spec says.
 */
NIDUS_CHECK enum nidus_code nidus_instance_new(struct nidus_store *store,
                                               struct nidus_module *module,
                                               const struct nidus_extern *imports,
                                               size_t import_count,
                                               struct nidus_instance **instance,
                                               struct nidus_error *error);
/* The start function, or NULL. */
struct nidus_func *nidus_instance_start(const struct nidus_instance *instance);
/* Runs it to its end with no limits of fuel; blocking is an error here. */
NIDUS_CHECK enum nidus_code nidus_instance_run_start(struct nidus_instance *instance,
                                                     struct nidus_error *error);

/* Puts the globals, tables and segments that it has of its own back as nidus_instance_new made them. Memories, and
 * what it imports, stay as they are. */
NIDUS_CHECK enum nidus_code nidus_instance_renew(struct nidus_instance *instance, struct nidus_error *error);

struct nidus_module *nidus_instance_module(const struct nidus_instance *instance);
struct nidus_store *nidus_instance_store(const struct nidus_instance *instance);
/* By the module's export index. */
struct nidus_extern nidus_instance_export(struct nidus_instance *instance, uint32_t index);
/* False when there is no such export. */
bool nidus_instance_find(struct nidus_instance *instance, const char *name, size_t length,
                         struct nidus_extern *found);
/* Memory `index` of the instance, exported or not; NULL beyond the last. */
struct nidus_memory *nidus_instance_memory(const struct nidus_instance *instance, uint32_t index);

/* ---- Linker: a table of names for imports ---------------------------------------------------- */

struct nidus_linker;

NIDUS_CHECK enum nidus_code nidus_linker_new(struct nidus_store *store,
                                             struct nidus_linker **linker);
void nidus_linker_free(struct nidus_linker *linker);
/* Later definitions of the same name replace earlier ones. Names are copied. */
NIDUS_CHECK enum nidus_code nidus_linker_define(struct nidus_linker *linker, struct nidus_name from,
                                                struct nidus_name name, struct nidus_extern item);
/* Every export of the instance under the module name `from`. */
NIDUS_CHECK enum nidus_code nidus_linker_define_instance(struct nidus_linker *linker,
                                                         struct nidus_name from,
                                                         struct nidus_instance *instance);
/* Looks the imports up and calls nidus_instance_new; a missing one gives NIDUS_ERROR_LINK. */
NIDUS_CHECK enum nidus_code nidus_linker_instantiate(struct nidus_linker *linker,
                                                     struct nidus_module *module,
                                                     struct nidus_instance **instance,
                                                     struct nidus_error *error);

/* ---- Runs ------------------------------------------------------------------------------------ */

enum nidus_trap {
    NIDUS_TRAP_NONE = 0,
    NIDUS_TRAP_UNREACHABLE,
    NIDUS_TRAP_MEMORY_BOUNDS,
    NIDUS_TRAP_TABLE_BOUNDS,
    NIDUS_TRAP_UNDEFINED_ELEMENT,     /* call_indirect beyond the end of the table */
    NIDUS_TRAP_UNINITIALIZED_ELEMENT, /* call_indirect of a null element */
    NIDUS_TRAP_INDIRECT_TYPE,         /* call_indirect of a function of another type */
    NIDUS_TRAP_DIVIDE_BY_ZERO,
    NIDUS_TRAP_INTEGER_OVERFLOW,
    NIDUS_TRAP_INVALID_CONVERSION,    /* a NaN to an integer */
    NIDUS_TRAP_EXHAUSTED,             /* call depth or stack bytes */
    NIDUS_TRAP_NULL_REFERENCE,
    NIDUS_TRAP_UNALIGNED_ATOMIC,
    NIDUS_TRAP_NOT_SHARED,            /* atomic wait on a memory that is not shared */
    NIDUS_TRAP_DEADLOCK,              /* atomic wait without time-out that nobody can end */
    NIDUS_TRAP_NO_MEMORY,             /* the allocator said no while the guest ran */
    NIDUS_TRAP_TOO_LARGE,             /* a function needs more than 65,535 slots */
    NIDUS_TRAP_HOST,                  /* a host function ended the run; see nidus_call_trap */
    NIDUS_TRAP_ARRAY_BOUNDS,
    NIDUS_TRAP_CAST,                  /* ref.cast to a type that the reference is not of */
    NIDUS_TRAP_HEAP,                  /* no room for an object; see nidus_limits.heap_bytes */
    NIDUS_TRAP_EXCEPTION,             /* nobody caught it; see nidus_run_exception */
    NIDUS_TRAP_COUNT
};

/* The specification's words for it, such as "out of bounds memory access". */
const char *nidus_trap_text(enum nidus_trap trap);

enum nidus_status {
    NIDUS_RUN_IDLE = 0, /* nothing started */
    NIDUS_RUN_READY,    /* started or between slices: resume to go on */
    NIDUS_RUN_DONE,     /* returned; results can be read */
    NIDUS_RUN_TRAPPED,  /* cannot be resumed; the frames can still be read */
    NIDUS_RUN_BLOCKED,  /* a host function would block; resume calls it again */
    NIDUS_RUN_NO_FUEL   /* out of fuel; add some and resume */
};

#define NIDUS_UNLIMITED UINT64_MAX

NIDUS_CHECK enum nidus_code nidus_run_new(struct nidus_store *store, struct nidus_run **run);
/* Optional: the store frees its runs too. */
void nidus_run_free(struct nidus_run *run);

/*
 * Fuel. One unit is one wasm instruction, charged in advance: entering a function pays for the
 * instructions of its body that lie outside loops, taking a loop's back edge for those of the loop
 * since the last such point in the text. It depends on module and input alone. A new run has
 * NIDUS_UNLIMITED. The run stops when a charge takes the fuel below zero.
 */
void nidus_run_set_fuel(struct nidus_run *run, uint64_t fuel);
/* What is left (0 when the last charge overdrew it), and what was used since the run was made. */
uint64_t nidus_run_fuel(const struct nidus_run *run);
uint64_t nidus_run_fuel_used(const struct nidus_run *run);

/* Prepares a call; NIDUS_ERROR_USAGE when arguments do not match. Drops what ran before. */
NIDUS_CHECK enum nidus_code nidus_run_start(struct nidus_run *run, struct nidus_func *func,
                                            const struct nidus_value *args, size_t arg_count);
/*
 * Goes on for about `slice` units of fuel (NIDUS_UNLIMITED: until something else ends it). Hosts
 * should choose slices of 1 to 10 ms: the interpreter gets faster when it is re-entered, and the
 * page can breathe. Interrupts are what happens between slices.
 */
enum nidus_status nidus_run_resume(struct nidus_run *run, uint64_t slice);
/* Executes one internal operation (usually several wasm instructions). */
enum nidus_status nidus_run_step(struct nidus_run *run);
enum nidus_status nidus_run_status(const struct nidus_run *run);
/* After NIDUS_RUN_DONE. `results` has room for the function's results. */
void nidus_run_results(const struct nidus_run *run, struct nidus_value *results);

/* Start, resume to the end, results: for callers who need neither slices nor blocking (which is a
 * NIDUS_ERROR_USAGE here). A trap gives NIDUS_ERROR_TRAP and leaves the run to be looked at. */
NIDUS_CHECK enum nidus_code nidus_run_call(struct nidus_run *run, struct nidus_func *func,
                                           const struct nidus_value *args, size_t arg_count,
                                           struct nidus_value *results, struct nidus_error *error);

/* After NIDUS_RUN_TRAPPED. The text is the host's if the host gave one. */
enum nidus_trap nidus_run_trap(const struct nidus_run *run, const char **text);
/* The code a host function gave to nidus_call_trap. */
int64_t nidus_run_trap_value(const struct nidus_run *run);

/* After NIDUS_TRAP_EXCEPTION: what nobody caught. */
nidus_ref nidus_run_exception(const struct nidus_run *run);

struct nidus_frame {
    struct nidus_instance *instance;
    uint32_t function; /* index in its module, imports first */
    size_t offset;     /* of the instruction, from the first byte of the module */
    struct nidus_name name;
};

/* Frame 0 is the innermost. Works whenever the run is not executing. */
uint32_t nidus_run_frame_count(const struct nidus_run *run);
NIDUS_CHECK enum nidus_code nidus_run_frame(const struct nidus_run *run, uint32_t index,
                                            struct nidus_frame *frame);

/* ---- Threads --------------------------------------------------------------------------------- */

/*
 * Runs of one store that take turns: the threads of a guest, over a memory that they share. One of them executes at
 * a time, for a short piece of its fuel; which one is next, and for how long, is drawn from the seed, so the same
 * seed gives the same interleaving wherever the host answers the same. A piece may end at any instruction. Atomic
 * waits park a thread until another one notifies it or its time is over; a host function that would block
 * parks the thread that called it, alone; one that answers NIDUS_HOST_YIELD lets another thread have its turn.
 */

/* Threads beside the first one: `most`, at a time. The store frees what it has; it can have one such group. */
NIDUS_CHECK enum nidus_code nidus_threads_new(struct nidus_store *store, uint32_t most, uint64_t seed,
                                              struct nidus_threads **threads);
/* For all of them together; NIDUS_UNLIMITED unless it is called. */
void nidus_threads_set_fuel(struct nidus_threads *threads, uint64_t fuel);
/*
 * Makes a thread that calls `first`, which takes nothing (NULL: nothing comes first), and then `func`. The first one
 * made is number 0, whose return ends the group; the number of others is free again when they have returned.
 * NIDUS_ERROR_LIMIT: there are as many as there may be.
 */
NIDUS_CHECK enum nidus_code nidus_threads_start(struct nidus_threads *threads, struct nidus_func *first,
                                                struct nidus_func *func, const struct nidus_value *args,
                                                size_t arg_count, uint32_t *number);
/*
 * Goes on for about `slice` units of fuel. `now` is in nanoseconds, of a clock that never goes back.
 * NIDUS_RUN_DONE: the first thread has returned. NIDUS_RUN_TRAPPED: one of them trapped, or all wait for each
 * other (NIDUS_TRAP_DEADLOCK); nidus_threads_run is it. NIDUS_RUN_BLOCKED: nobody can go on before a host function
 * can, or the time of nidus_threads_deadline has come. Threads in a host function that would block call it again in each slice.
 */
enum nidus_status nidus_threads_resume(struct nidus_threads *threads, uint64_t slice, int64_t now);
/* The number of the thread that executes, or was the last to. */
uint32_t nidus_threads_current(const struct nidus_threads *threads);
/* For a host function that the current thread calls, which then answers NIDUS_HOST_TRAP: the thread ends as if its
 * function had returned. */
void nidus_threads_end(struct nidus_call *call);
/* A word of `memory` that each thread has for itself: what a library keeps that was built for one. It is put away and
 * brought back as threads take turns, and is 0 where a thread begins. */
void nidus_threads_set_word(struct nidus_threads *threads, struct nidus_memory *memory, uint64_t address);
/* Whether the number is a thread's that has not returned. */
bool nidus_threads_alive(const struct nidus_threads *threads, uint32_t number);
/* The run of the current thread. */
struct nidus_run *nidus_threads_run(const struct nidus_threads *threads);
/* When the first of the atomic waits is over, or INT64_MAX. */
int64_t nidus_threads_deadline(const struct nidus_threads *threads);

/* ---- For host functions ---------------------------------------------------------------------- */

struct nidus_run *nidus_call_run(const struct nidus_call *call);
/* The instance that calls; NULL when the host itself started the host function. */
struct nidus_instance *nidus_call_instance(const struct nidus_call *call);
/* Memory 0 of the calling instance: base and size, or NULL and 0 when it has none. */
uint8_t *nidus_call_memory(const struct nidus_call *call, size_t *size);
/* Ends the run: the function must then return NIDUS_HOST_TRAP. `text` (may be NULL) is copied, at
 * most 95 bytes; `value` is for the host, an exit status for instance. */
void nidus_call_trap(struct nidus_call *call, enum nidus_trap trap, int64_t value,
                     const char *text);

/* Throws an exception into the guest: the function must then return NIDUS_HOST_THROW. */
void nidus_call_throw(struct nidus_call *call, nidus_ref exception);

#ifdef __cplusplus
}
#endif

#endif
