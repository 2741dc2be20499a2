/* Objects of the heap: what survives a collection and what does not, the heap's limit, what hosts see of
 * objects, and exceptions between guest and host. */
#include "kit.h"
#include "objects_guest.h"

struct shelf {
    struct account account;
    struct nidus_engine *engine;
    struct nidus_module *module;
    struct nidus_store *store;
    struct nidus_linker *linker;
    struct nidus_instance *instance;
    struct nidus_run *run;
};

static enum nidus_code shelf_start(struct shelf *shelf, const struct nidus_config *config,
                                   nidus_host_function host, void *context)
{
    /* anyref is what the format calls 0x6e. */
    const nidus_type params[] = {0xFFFF6E16u, NIDUS_I64}, results[] = {NIDUS_I64};
    const struct nidus_functype type = {2, 1, params, results};
    struct nidus_extern item = {.kind = NIDUS_FUNC};
    enum nidus_code code = nidus_engine_new(config, &shelf->engine);
    if (code == NIDUS_OK)
        code = nidus_module_load(shelf->engine, objects_module, sizeof objects_module,
                                 NIDUS_LOAD_BORROW, &shelf->module, NULL);
    if (code == NIDUS_OK)
        code = nidus_store_new(shelf->engine, &shelf->store);
    if (code == NIDUS_OK)
        code = nidus_linker_new(shelf->store, &shelf->linker);
    if (code == NIDUS_OK)
        code = nidus_func_new(shelf->store, &type, host, context, &item.of.func);
    if (code == NIDUS_OK)
        code = nidus_linker_define(shelf->linker, (struct nidus_name){"host", 4},
                                   (struct nidus_name){"take", 4}, item);
    if (code == NIDUS_OK)
        code = nidus_linker_instantiate(shelf->linker, shelf->module, &shelf->instance, NULL);
    if (code == NIDUS_OK)
        code = nidus_run_new(shelf->store, &shelf->run);
    return code;
}

static void shelf_stop(struct shelf *shelf)
{
    nidus_linker_free(shelf->linker);
    nidus_store_free(shelf->store);
    nidus_module_free(shelf->module);
    nidus_engine_free(shelf->engine);
    CHECK(shelf->account.live == 0);
}

static enum nidus_host_result refuse(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)context;
    (void)slots;
    nidus_call_trap(call, NIDUS_TRAP_HOST, 0, "not expected");
    return NIDUS_HOST_TRAP;
}

static void start(struct shelf *shelf, bool stress, uint64_t heap_bytes, nidus_host_function host,
                  void *context)
{
    *shelf = (struct shelf){0};
    struct nidus_config config = kit_config(&shelf->account);
    config.heap_stress = stress;
    if (heap_bytes)
        config.limits.heap_bytes = heap_bytes;
    CHECK(shelf_start(shelf, &config, host ? host : refuse, context) == NIDUS_OK);
}

static enum nidus_code begin(struct shelf *shelf, struct nidus_run *run, const char *name, int32_t arg)
{
    struct nidus_extern found;
    struct nidus_functype type;
    struct nidus_value value = {.type = NIDUS_I32, .of.i32 = arg};
    CHECK(nidus_instance_find(shelf->instance, name, strlen(name), &found));
    nidus_func_type(found.of.func, &type);
    return nidus_run_start(run, found.of.func, &value, type.param_count);
}

/* Runs an export to its end; the trap, or NIDUS_TRAP_NONE and its result. */
static enum nidus_trap call(struct shelf *shelf, const char *name, int32_t arg, int32_t *result)
{
    struct nidus_value value;
    enum nidus_code code = begin(shelf, shelf->run, name, arg);
    CHECK(code == NIDUS_OK || code == NIDUS_ERROR_NO_MEMORY);
    if (code == NIDUS_ERROR_NO_MEMORY)
        return NIDUS_TRAP_NO_MEMORY;
    while (nidus_run_resume(shelf->run, 100000) == NIDUS_RUN_READY)
        ;
    if (nidus_run_status(shelf->run) == NIDUS_RUN_TRAPPED)
        return nidus_run_trap(shelf->run, NULL);
    CHECK(nidus_run_status(shelf->run) == NIDUS_RUN_DONE);
    nidus_run_results(shelf->run, &value);
    *result = value.of.i32;
    return NIDUS_TRAP_NONE;
}

static int32_t must_call(struct shelf *shelf, const char *name, int32_t arg)
{
    int32_t result = 0;
    CHECK(call(shelf, name, arg, &result) == NIDUS_TRAP_NONE);
    return result;
}

static uint64_t alive(const struct shelf *shelf)
{
    uint64_t bytes, found;
    nidus_store_collect(shelf->store);
    nidus_store_heap(shelf->store, &bytes, &found);
    CHECK(found <= bytes);
    return found;
}

static void drop_kept(struct shelf *shelf)
{
    struct nidus_extern kept;
    struct nidus_value value;
    CHECK(nidus_instance_find(shelf->instance, "kept", 4, &kept));
    nidus_global_get(kept.of.global, &value);
    value.of.ref = NIDUS_NULL;
    CHECK(nidus_global_set(kept.of.global, &value));
}

/* ---- Collections ---- */

static void deep_recursion(void)
{
    struct shelf shelf;
    start(&shelf, true, 0, NULL, NULL);
    CHECK(must_call(&shelf, "keep", 100) == 5050);
    CHECK(must_call(&shelf, "churn", 50) == 210);
    CHECK(must_call(&shelf, "sum", 0) == 5050);
    CHECK(must_call(&shelf, "reverse", 0) == 5050);
    shelf_stop(&shelf);
}

/* A second run makes and collects at every place where the first one stops. */
static void suspended_runs(void)
{
    for (int step = 0; step < 2; step++) {
        struct shelf shelf;
        struct nidus_run *other;
        struct nidus_value value;
        start(&shelf, true, 0, NULL, NULL);
        CHECK(nidus_run_new(shelf.store, &other) == NIDUS_OK);
        CHECK(must_call(&shelf, "keep", 10) == 55);
        CHECK(begin(&shelf, other, "churn", 10) == NIDUS_OK);
        unsigned stops = 0;
        while (nidus_run_status(other) == NIDUS_RUN_READY) {
            nidus_store_collect(shelf.store);
            CHECK(must_call(&shelf, "sum", 0) == 55);
            if (step)
                nidus_run_step(other);
            else
                nidus_run_resume(other, 1);
            stops++;
        }
        nidus_store_collect(shelf.store);
        CHECK(stops > 50 && nidus_run_status(other) == NIDUS_RUN_DONE);
        nidus_run_results(other, &value);
        CHECK(value.of.i32 == 210);
        shelf_stop(&shelf);
    }
}

static void hidden_references(void)
{
    struct shelf shelf;
    start(&shelf, false, 0, NULL, NULL);
    /* 24 MB of live objects: majors run, in steps, while the list is turned round under them. */
    CHECK(must_call(&shelf, "pile", 1000000) == 1000000);
    for (int i = 0; i < 6; i++)
        CHECK(must_call(&shelf, "reverse", 0) == 1000000);
    CHECK(must_call(&shelf, "churn", 300000) == 210 + 297000);
    CHECK(must_call(&shelf, "sum", 0) == 1000000);
    CHECK(alive(&shelf) >= 24000000 && alive(&shelf) < 26000000);
    CHECK(must_call(&shelf, "keep", 1) == 1);
    CHECK(alive(&shelf) < 200000);
    shelf_stop(&shelf);
}

/* 1 % of what is made lives on, scattered over all of it. */
static void sparse_survivors(void)
{
    struct shelf shelf;
    uint64_t bytes, found;
    start(&shelf, false, 0, NULL, NULL);
    CHECK(must_call(&shelf, "sparse", 10000000) == 100000);
    nidus_store_heap(shelf.store, &bytes, &found);
    CHECK(bytes < 3 * 2400000 + (2 << 20));
    CHECK(alive(&shelf) >= 2400000);
    CHECK(must_call(&shelf, "sum", 0) == 100000);
    shelf_stop(&shelf);
}

/* In references looked at, which are the same on every machine. */
static void pauses(void)
{
    /* A nursery of 1 MiB has no more references than this, and a heap of 256 MB no more blocks than 8192. */
    const uint64_t most = (1 << 20) / 8 + 8192;
    struct shelf shelf;
    uint64_t count, longest;
    start(&shelf, false, 0, NULL, NULL);
    nidus_store_pauses(shelf.store, &count, &longest);
    CHECK(count == 0 && longest == 0);
    for (int n = 1; n <= 4; n++) { /* 96 MB at the end */
        CHECK(must_call(&shelf, "pile", 1000000) == n * 1000000);
        nidus_store_pauses(shelf.store, &count, &longest);
        CHECK(count > 20 * (unsigned)n && longest > 1000 && longest < most);
    }
    CHECK(must_call(&shelf, "churn", 300000) == 210 + 297000);
    /* An array of 8 MB that is filled in order: looked at as a whole once, and then where it has changed. */
    CHECK(must_call(&shelf, "index", 1000000) == 1783293664);
    nidus_store_pauses(shelf.store, &count, &longest);
    CHECK(longest < most + 1000000);
    shelf_stop(&shelf);
}

/* The guest goes on with copies of what the host does not hold. */
static void moving(void)
{
    struct shelf shelf;
    struct nidus_extern kept;
    struct nidus_value value;
    start(&shelf, true, 0, NULL, NULL);
    CHECK(nidus_instance_find(shelf.instance, "kept", 4, &kept));
    CHECK(must_call(&shelf, "pile", 3) == 3);
    nidus_global_get(kept.of.global, &value);
    nidus_ref held = value.of.ref;
    CHECK(nidus_ref_hold(shelf.store, held) == NIDUS_OK);
    CHECK(must_call(&shelf, "pile", 30) == 33);
    CHECK(must_call(&shelf, "index", 200) == 19900);
    CHECK(must_call(&shelf, "sparse", 2000) == 33 + 20);
    value.of.ref = held;
    CHECK(nidus_global_set(kept.of.global, &value));
    CHECK(must_call(&shelf, "sum", 0) == 3);
    nidus_ref_release(shelf.store, held);
    shelf_stop(&shelf);
}

static void heap_limit(void)
{
    struct shelf shelf;
    int32_t result;
    start(&shelf, false, 2 << 20, NULL, NULL);
    CHECK(must_call(&shelf, "churn", 200000) == 210 + 198000); /* garbage does not count */
    CHECK(call(&shelf, "pile", 1000000, &result) == NIDUS_TRAP_HEAP);
    uint64_t bytes, found;
    nidus_store_heap(shelf.store, &bytes, &found);
    CHECK(bytes <= 2 << 20 && found > 1 << 20);
    CHECK(call(&shelf, "keep", 10, &result) == NIDUS_TRAP_HEAP); /* the pile is still kept */
    drop_kept(&shelf);
    CHECK(must_call(&shelf, "keep", 10) == 55);
    CHECK(must_call(&shelf, "pile", 10) == 65);
    shelf_stop(&shelf);
}

static bool attempt(unsigned fail_at)
{
    struct shelf shelf = {.account = {.fail_at = fail_at}};
    struct nidus_config config = kit_config(&shelf.account);
    enum nidus_code code = shelf_start(&shelf, &config, refuse, NULL);
    bool through = false;
    CHECK(code == NIDUS_OK || code == NIDUS_ERROR_NO_MEMORY);
    if (code == NIDUS_OK) {
        int32_t result = 0;
        enum nidus_trap trap = call(&shelf, "catch", 3, &result);
        CHECK(trap == NIDUS_TRAP_NONE || trap == NIDUS_TRAP_NO_MEMORY || trap == NIDUS_TRAP_HEAP);
        through = trap == NIDUS_TRAP_NONE;
        CHECK(!through || result == 17);
    }
    shelf_stop(&shelf);
    return through;
}

static void every_allocation(void)
{
    unsigned n = 1;
    while (!attempt(n)) {
        n++;
        CHECK(n < 1000);
    }
    CHECK(n > 30);
}

/* ---- Hosts ---- */

static void holding(void)
{
    struct shelf shelf;
    struct nidus_extern kept;
    struct nidus_value value;
    start(&shelf, true, 0, NULL, NULL);
    CHECK(must_call(&shelf, "keep", 3) == 6);
    uint64_t before = alive(&shelf);
    CHECK(nidus_instance_find(shelf.instance, "kept", 4, &kept));
    nidus_global_get(kept.of.global, &value);
    nidus_ref list = value.of.ref;
    CHECK(nidus_ref_kind(shelf.store, list) == NIDUS_REF_KIND_STRUCT);
    CHECK(nidus_ref_matches(shelf.store, list, value.type));
    CHECK(!nidus_ref_matches(shelf.store, list, NIDUS_FUNCREF));
    CHECK(!nidus_ref_matches(shelf.store, nidus_i31_new(5), value.type));
    CHECK(nidus_i31_value(nidus_i31_new(-5)) == -5);
    CHECK(nidus_ref_kind(shelf.store, nidus_i31_new(0)) == NIDUS_REF_KIND_I31);
    for (int i = 0; i < 100; i++)
        CHECK(nidus_ref_hold(shelf.store, list) == NIDUS_OK);
    value.of.ref = NIDUS_NULL;
    CHECK(nidus_global_set(kept.of.global, &value));
    CHECK(alive(&shelf) == before);
    CHECK(must_call(&shelf, "churn", 5) == 210);
    value.of.ref = list;
    CHECK(nidus_global_set(kept.of.global, &value));
    CHECK(must_call(&shelf, "sum", 0) == 6);
    value.of.ref = NIDUS_NULL;
    CHECK(nidus_global_set(kept.of.global, &value));
    for (int i = 0; i < 100; i++)
        nidus_ref_release(shelf.store, list);
    nidus_ref_release(shelf.store, list); /* once too often: nothing */
    CHECK(alive(&shelf) < before + 24 * 5);
    shelf_stop(&shelf);
}

/* Overwrites its slots and collects; the argument is alive all the same. */
static enum nidus_host_result overwriting(void *context, struct nidus_call *call, uint64_t *slots)
{
    struct shelf *shelf = context;
    nidus_ref object = slots[0];
    slots[0] = UINT64_MAX; /* looks like a reference, and is none */
    slots[1] = UINT64_C(0xC000000000000008);
    nidus_store_collect(nidus_instance_store(nidus_call_instance(call)));
    nidus_store_collect(shelf->store);
    CHECK(nidus_ref_kind(shelf->store, object) == NIDUS_REF_KIND_STRUCT);
    slots[0] = 41;
    return NIDUS_HOST_DONE;
}

static enum nidus_host_result throwing(void *context, struct nidus_call *call, uint64_t *slots)
{
    struct shelf *shelf = context;
    struct nidus_extern oops;
    struct nidus_functype type;
    nidus_ref exception;
    CHECK(nidus_instance_find(shelf->instance, "oops", 4, &oops) && oops.kind == NIDUS_TAG);
    struct nidus_externtype tag_type;
    nidus_extern_type(oops, &tag_type);
    type = tag_type.func;
    const struct nidus_value values[] = {{.type = NIDUS_I32, .of.i32 = 100},
                                         {.type = type.params[1], .of.ref = slots[0]}};
    CHECK(nidus_exception_new(shelf->store, oops.of.tag, values, 1, &exception) ==
          NIDUS_ERROR_USAGE);
    CHECK(nidus_exception_new(shelf->store, oops.of.tag, values, 2, &exception) == NIDUS_OK);
    nidus_call_throw(call, exception);
    nidus_store_collect(shelf->store);
    return NIDUS_HOST_THROW;
}

static void host_functions(void)
{
    struct shelf shelf;
    start(&shelf, true, 0, overwriting, &shelf);
    CHECK(must_call(&shelf, "ask", 1) == 41);
    shelf_stop(&shelf);
    start(&shelf, true, 0, throwing, &shelf);
    CHECK(must_call(&shelf, "ask", 1) == 100 + 1 + 15);
    shelf_stop(&shelf);
}

static void exceptions(void)
{
    struct shelf shelf;
    struct nidus_extern oops;
    struct nidus_value values[2];
    int32_t result;
    start(&shelf, true, 0, NULL, NULL);
    CHECK(must_call(&shelf, "catch", 20) == 17);
    CHECK(call(&shelf, "raise", 9, &result) == NIDUS_TRAP_EXCEPTION);
    CHECK(nidus_run_frame_count(shelf.run) == 10);
    nidus_store_collect(shelf.store);
    nidus_ref exception = nidus_run_exception(shelf.run);
    CHECK(nidus_ref_kind(shelf.store, exception) == NIDUS_REF_KIND_EXCEPTION);
    CHECK(nidus_instance_find(shelf.instance, "oops", 4, &oops));
    CHECK(nidus_exception_tag(exception) == oops.of.tag);
    nidus_exception_values(shelf.store, exception, values);
    CHECK(values[0].of.i32 == 7);
    CHECK(nidus_ref_kind(shelf.store, values[1].of.ref) == NIDUS_REF_KIND_STRUCT);
    shelf_stop(&shelf);
}

static const struct test tests[] = {
    {"what recursion, locals and operands refer to survives a collection at every allocation",
     deep_recursion},
    {"a run keeps its objects wherever it is stopped, by slices or single steps", suspended_runs},
    {"nothing is lost when a list is turned round while a collection goes on in steps",
     hidden_references},
    {"a hundredth that survives takes little more room than it needs", sparse_survivors},
    {"the work of a pause is bounded by what was made since the last one, however large the heap", pauses},
    {"what the host holds is not moved, and what else survives is found where it went", moving},
    {"the heap's limit is a trap, and the store goes on", heap_limit},
    {"an allocator that fails gives an error or a trap, and nothing leaks", every_allocation},
    {"what the host holds stays, and goes when it is released", holding},
    {"a host function may overwrite its slots, collect, and throw", host_functions},
    {"an exception that nobody catches ends the run and can be looked at", exceptions},
};
RUN_TESTS(tests)
