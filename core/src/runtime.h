/*
 * Run-time objects: what a store owns.
 *
 * Invariant: every object is on its store's list and lives until the store is freed, so objects may
 * point at one another without counting. A memory's `base` and a table's `items` move when they
 * grow; nobody keeps them across something that may grow.
 */
#ifndef NIDUS_CORE_RUNTIME_H
#define NIDUS_CORE_RUNTIME_H

#include <nidus/engine.h>

#include "code.h"
#include "heap.h"

union slot {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
};

_Static_assert(sizeof(union slot) == 8, "a slot is 64 bits");

enum object_kind {
    OBJECT_FUNC,
    OBJECT_TABLE,
    OBJECT_MEMORY,
    OBJECT_GLOBAL,
    OBJECT_TAG,
    OBJECT_INSTANCE,
    OBJECT_RUN
};

/* The head of every object a store owns. */
struct object {
    struct object *next;
    struct nidus_store *store;
    enum object_kind kind;
};

struct nidus_store {
    struct nidus_engine *engine;
    const struct nidus_allocator *allocator;
    struct object *objects;
    struct heap *heap;
    /* Types of all modules and host functions, each group once. Their value types name other types
     * by index here, not by a module's indices. */
    struct type_table types;
    struct nidus_threads *threads; /* those of the guest, or NULL */
};

struct nidus_func {
    struct object head;
    uint32_t type;                    /* in the store */
    uint32_t index;                   /* in its module */
    const struct code *code;          /* NULL: not translated yet, or a host function */
    struct nidus_instance *instance;  /* NULL for a host function */
    nidus_host_function host;
    void *context;
};

struct nidus_table {
    struct object head;
    nidus_ref *items;
    uint64_t size;
    uint64_t room;
    nidus_type element; /* store's terms */
    struct limits limits;
};

struct nidus_memory {
    struct object head;
    uint8_t *base;
    uint64_t length; /* bytes */
    struct limits limits; /* pages; minimum is the current size */
};

struct nidus_global {
    struct object head;
    union slot value[2];
    nidus_type type; /* store's terms */
    uint8_t mutable_;
};

/* The type of an exception. */
struct nidus_tag {
    struct object head;
    uint32_t type; /* in the store */
};

struct elem_items {
    nidus_ref *items; /* NULL once dropped */
    uint32_t count;
    uint32_t room;
};

struct nidus_instance {
    struct object head;
    struct nidus_module *module;
    struct nidus_memory *memory0; /* NULL when it has none, or none with 32-bit addresses */
    struct nidus_func **funcs;
    struct nidus_table **tables;
    struct nidus_memory **memories;
    struct nidus_global **globals;
    struct nidus_tag **tags;
    struct nidus_func *own_funcs; /* the defined ones, side by side */
    uint32_t *types;              /* module's type index -> store's */
    struct elem_items *elems;
    uint8_t *dropped_datas;
};

/* A call under way. The one at the bottom is of the run's stub, which nobody called. */
struct call_frame {
    const uint16_t *pc; /* where to go on in the caller, which is the frame before */
    union slot *fp;     /* the caller's */
    struct nidus_func *func;
    struct nidus_instance *instance; /* the caller's */
};

struct nidus_call {
    struct nidus_run *run;
    struct nidus_instance *instance;
};

#define TRAP_TEXT_SIZE 96

struct nidus_run {
    struct object head;
    enum nidus_status status;
    enum nidus_trap trap;
    int64_t trap_value;
    char trap_text[TRAP_TEXT_SIZE];

    /* Where it goes on. */
    const uint16_t *pc;
    union slot *fp;
    struct nidus_instance *instance; /* its instance, while the loop executes */
    struct call_frame *frames;
    struct call_frame *top;  /* behind the innermost */
    struct call_frame *frames_end;
    union slot *slots;
    union slot *slots_end;

    struct nidus_func stub;  /* stands for the host that started the run; has no instance */
    struct nidus_func *entry;
    struct heap *heap;       /* the store's */
    nidus_ref exception;     /* in flight, or what ended the run */
    uint8_t in_host;         /* a host function is executing: */
    union slot *host_args;   /* ... its slots, which the host may overwrite ... */
    VEC(nidus_ref) host_refs; /* ... and the references that were among its arguments */
    uint64_t fuel;           /* NIDUS_UNLIMITED, or what is left */
    uint64_t fuel_used;
    int64_t debt;            /* what the latest charge overdrew */
    uint8_t executing;
};

/* The function that is executing, of a run that was started. */
static inline struct nidus_func *run_func(const struct nidus_run *run)
{
    return run->top[-1].func;
}

/* ---- store.c ---- */

NIDUS_CHECK void *store_object(struct nidus_store *store, enum object_kind kind, size_t size);
/* The store's index of a function type given in the store's terms. */
NIDUS_CHECK enum nidus_code store_type(struct nidus_store *store, const struct nidus_functype *shape,
                                       uint32_t *index);
/* Fills in, for every type of the module, the store's index. */
NIDUS_CHECK enum nidus_code store_map_types(struct nidus_store *store,
                                            const struct nidus_module *module, uint32_t *map);
static inline int store_type_is(const struct nidus_store *store, uint32_t sub, uint32_t super)
{
    const struct deftype *type = &store->types.items[sub];
    uint32_t depth = store->types.items[super].depth;
    return sub == super || (type->depth > depth && type->supers[depth] == super);
}
/* Whether a reference that is not null is of a heap type in the store's terms. */
int store_ref_is(const struct nidus_store *store, nidus_ref ref, uint32_t heap);
/* A module's value type in the store's terms. */
nidus_type store_value_type(const struct nidus_instance *instance, nidus_type type);
NIDUS_CHECK enum nidus_code memory_create(struct nidus_store *store, const struct limits *limits,
                                          struct nidus_memory **memory);
NIDUS_CHECK enum nidus_code table_create(struct nidus_store *store, nidus_type element,
                                         const struct limits *limits, nidus_ref init,
                                         struct nidus_table **table);
void run_release(struct nidus_run *run);
/* A constant expression; leaves the reader behind it. `value` is two slots. */
NIDUS_CHECK enum nidus_code constant_evaluate(struct nidus_instance *instance,
                                              struct reader *reader, union slot *value);

/* ---- interp_memory.c, interp_bulk.c, interp_objects.c, interp.c: families outside the loop. pc is at the
 * operation; the answer is NIDUS_TRAP_NONE or a trap. ---- */

enum nidus_trap interp_memory(struct nidus_instance *instance, union slot *fp, const uint16_t *pc);
enum nidus_trap interp_bulk(struct nidus_instance *instance, union slot *fp, const uint16_t *pc);
enum nidus_trap interp_convert(uint32_t op, union slot *d, const union slot *a);
void interp_simd(union slot *fp, const uint16_t *pc);
/* The run's pc, fp and func are up to date for these, since they may collect. */
enum nidus_trap interp_new_fixed(struct nidus_run *run);
enum nidus_trap interp_object(struct nidus_run *run);
void interp_wide(union slot *fp, const uint16_t *pc);

/* ---- reference.c ---- */

/* Between values and slots; answer how many slots the value takes. */
size_t value_put(union slot *slot, const struct nidus_value *value);
size_t value_get(const union slot *slot, nidus_type type, struct nidus_value *value);
/* Whether the values are of the types of a function's parameters. */
int values_match(const struct nidus_store *store, const struct nidus_functype *shape,
                 const struct nidus_value *values, size_t count);

/* ---- threads.c ---- */

/* Of a run that waits in the middle of an instruction, and executes it again when it goes on. No guest sees it. */
#define TRAP_PARKED ((enum nidus_trap)NIDUS_TRAP_COUNT)
/* Of a thread's run that a host function has ended. */
#define TRAP_ENDED ((enum nidus_trap)(NIDUS_TRAP_COUNT + 1))

void threads_free(struct nidus_threads *threads);
/* An atomic wait by the thread that executes; `equal`: the memory holds what it expects. `answer` is the
 * instruction's, unless TRAP_PARKED is answered. */
enum nidus_trap threads_wait(struct nidus_threads *threads, const struct nidus_memory *memory, uint64_t address,
                             int equal, int64_t timeout, uint32_t *answer);
/* Wakes as many as `most` of those that wait there; answers how many. */
uint32_t threads_notify(struct nidus_threads *threads, const struct nidus_memory *memory, uint64_t address,
                        uint32_t most);

/* ---- exception.c ---- */

/* Goes on at the handler of the exception, with the run's pc, fp, func and depth; or answers
 * NIDUS_TRAP_EXCEPTION and leaves the frames. */
enum nidus_trap interp_throw(struct nidus_run *run, nidus_ref ref, int skip_innermost);
/* OP_THROW. */
enum nidus_trap interp_throw_tag(struct nidus_run *run);

/* table.init and memory.init; also for active segments. */
enum nidus_trap table_init(struct nidus_instance *instance, uint32_t table, uint32_t elem,
                           uint64_t to, uint64_t from, uint64_t count);
enum nidus_trap memory_init(struct nidus_instance *instance, uint32_t memory, uint32_t data,
                            uint64_t to, uint64_t from, uint64_t count);
void elem_drop(struct nidus_instance *instance, uint32_t elem);

/* ---- interp.c ---- */

enum stop { STOP_EXIT, STOP_TRAP, STOP_SLICE, STOP_BLOCK, STOP_STEP };

/* Runs until something stops it; `fuel` is decreased by what was charged and may end below zero.
 * State is in the run before and after. */
enum stop interp_run(struct nidus_run *run, int64_t *fuel);
enum stop interp_step(struct nidus_run *run, int64_t *fuel);
/* The code that starts a run. */
extern const uint16_t interp_stub[2];

#endif
