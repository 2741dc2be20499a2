/* Runs: fuel, slices, blocking hosts, exhaustion, traps and backtraces. */
#include "guest.h"
#include "kit.h"

/* Blocks as often as it is told, then answers its argument plus 100. */
static enum nidus_host_result slow_host(void *context, struct nidus_call *call, uint64_t *slots)
{
    int *blocks = context;
    CHECK(nidus_call_instance(call));
    if ((*blocks)-- > 0)
        return NIDUS_HOST_BLOCK;
    slots[0] = (uint32_t)slots[0] + 100u;
    return NIDUS_HOST_DONE;
}

static enum nidus_host_result yielding_host(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)context;
    (void)call;
    slots[0] = 1;
    return NIDUS_HOST_YIELD;
}

static enum nidus_host_result exiting_host(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)context;
    nidus_call_trap(call, NIDUS_TRAP_HOST, (int32_t)slots[0], "the guest called exit");
    return NIDUS_HOST_TRAP;
}

static struct rig started(nidus_host_function host, void *context)
{
    struct rig rig = {0};
    CHECK(rig_start(&rig, NULL, host, context) == NIDUS_OK);
    return rig;
}

static void slices_do_not_matter(void)
{
    const int32_t n = 15;
    uint64_t used[3];
    const uint64_t slices[] = {NIDUS_UNLIMITED, 1000, 1};
    for (int i = 0; i < 3; i++) {
        struct rig rig = started(slow_host, NULL);
        unsigned resumes = 0;
        rig_begin(&rig, "fib", &n);
        while (nidus_run_resume(rig.run, slices[i]) == NIDUS_RUN_READY)
            resumes++;
        CHECK(rig_result(&rig) == 610);
        CHECK(i == 0 ? resumes == 0 : resumes > 5);
        used[i] = nidus_run_fuel_used(rig.run);
        rig_stop(&rig);
    }
    CHECK(used[0] > 1973 && used[0] == used[1] && used[0] == used[2]); /* 1,973 calls */
}

static void fuel_is_exact(void)
{
    const int32_t n = 1000;
    struct rig rig = started(slow_host, NULL);
    rig_begin(&rig, "sum", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    uint64_t cost = nidus_run_fuel_used(rig.run);
    CHECK(cost >= 9 * 999 && cost < 9 * 1001); /* nine instructions in the loop */

    nidus_run_set_fuel(rig.run, cost);
    rig_begin(&rig, "sum", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(nidus_run_fuel(rig.run) == 0);

    nidus_run_set_fuel(rig.run, cost - 1);
    rig_begin(&rig, "sum", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_NO_FUEL);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_NO_FUEL);
    nidus_run_set_fuel(rig.run, 1000000);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == 500500);
    rig_stop(&rig);
}

static void blocking_restarts(void)
{
    const int32_t n = 7;
    int blocks = 2;
    struct rig rig = started(slow_host, &blocks);
    rig_begin(&rig, "ask", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_BLOCKED);
    CHECK(nidus_run_frame_count(rig.run) == 1);
    uint64_t used = nidus_run_fuel_used(rig.run);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_BLOCKED);
    CHECK(nidus_run_fuel_used(rig.run) == used);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == 108);
    rig_stop(&rig);
}

static void yielding_ends_the_slice(void)
{
    const int32_t n = 7;
    struct rig rig = started(yielding_host, NULL);
    rig_begin(&rig, "ask", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_READY);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == 2);
    rig_stop(&rig);
}

static void hosts_end_runs(void)
{
    const int32_t n = 42;
    const char *text;
    struct rig rig = started(exiting_host, NULL);
    rig_begin(&rig, "ask", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_TRAPPED);
    CHECK(nidus_run_trap(rig.run, &text) == NIDUS_TRAP_HOST);
    CHECK(strcmp(text, "the guest called exit") == 0);
    CHECK(nidus_run_trap_value(rig.run) == 42);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_TRAPPED);
    rig_stop(&rig);
}

static void depth_is_a_trap(void)
{
    const int32_t n = 0;
    struct account account = {0};
    struct nidus_config config = kit_config(&account);
    struct rig rig = {0};
    config.limits.call_depth = 100;
    CHECK(rig_start(&rig, &config, slow_host, NULL) == NIDUS_OK);
    rig_begin(&rig, "deep", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_TRAPPED);
    CHECK(nidus_run_trap(rig.run, NULL) == NIDUS_TRAP_EXHAUSTED);
    CHECK(nidus_run_frame_count(rig.run) == 101);
    rig_stop(&rig);
    CHECK(account.live == 0);
}

static void stack_bytes_are_a_trap(void)
{
    const int32_t n = 0;
    struct account account = {0};
    struct nidus_config config = kit_config(&account);
    struct rig rig = {0};
    config.limits.call_depth = 1u << 30;
    config.limits.stack_bytes = 1 << 16;
    CHECK(rig_start(&rig, &config, slow_host, NULL) == NIDUS_OK);
    rig_begin(&rig, "deep", &n);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_TRAPPED);
    CHECK(nidus_run_trap(rig.run, NULL) == NIDUS_TRAP_EXHAUSTED);
    rig_stop(&rig);
}

static void tail_calls_take_no_depth(void)
{
    const int32_t n = 100001;
    struct rig rig = started(slow_host, NULL);
    rig_begin(&rig, "odd", &n);
    while (nidus_run_resume(rig.run, 10000) == NIDUS_RUN_READY)
        CHECK(nidus_run_frame_count(rig.run) == 1);
    CHECK(rig_result(&rig) == 1);
    rig_stop(&rig);
}

static void backtraces_name_functions(void)
{
    struct nidus_frame frame;
    const char *text;
    struct rig rig = started(slow_host, NULL);
    rig_begin(&rig, "outer", NULL);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_TRAPPED);
    CHECK(nidus_run_trap(rig.run, &text) == NIDUS_TRAP_MEMORY_BOUNDS);
    CHECK(strcmp(text, "out of bounds memory access") == 0);
    CHECK(nidus_run_frame_count(rig.run) == 2);
    CHECK(nidus_run_frame(rig.run, 0, &frame) == NIDUS_OK);
    CHECK(frame.name.length == 3 && memcmp(frame.name.bytes, "bad", 3) == 0);
    CHECK(frame.offset == GUEST_BAD_LOAD && frame.instance == rig.instance);
    CHECK(nidus_run_frame(rig.run, 1, &frame) == NIDUS_OK);
    CHECK(frame.name.length == 5 && memcmp(frame.name.bytes, "outer", 5) == 0);
    CHECK(frame.offset == GUEST_OUTER_CALL);
    CHECK(nidus_run_frame(rig.run, 2, &frame) == NIDUS_ERROR_USAGE);
    rig_stop(&rig);
}

static void steps_give_the_same(void)
{
    const int32_t n = 10;
    unsigned steps = 0;
    struct rig rig = started(slow_host, NULL);
    rig_begin(&rig, "fib", &n);
    while (nidus_run_step(rig.run) == NIDUS_RUN_READY)
        steps++;
    CHECK(rig_result(&rig) == 55);
    CHECK(steps > 177 * 3); /* 177 calls */
    rig_stop(&rig);
}

static void null_elements_trap(void)
{
    struct rig rig = started(slow_host, NULL);
    rig_begin(&rig, "lost", NULL);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_TRAPPED);
    CHECK(nidus_run_trap(rig.run, NULL) == NIDUS_TRAP_UNINITIALIZED_ELEMENT);
    rig_stop(&rig);
}

static const struct test tests[] = {
    {"results and fuel do not depend on slices", slices_do_not_matter},
    {"one unit too little of fuel stops a run, and it goes on when there is more", fuel_is_exact},
    {"a host function that would block is called again with the same arguments", blocking_restarts},
    {"a host function can end the slice", yielding_ends_the_slice},
    {"a host function can end the run with a value and a text", hosts_end_runs},
    {"calls deeper than the limit trap", depth_is_a_trap},
    {"a stack larger than the limit traps", stack_bytes_are_a_trap},
    {"tail calls take no depth", tail_calls_take_no_depth},
    {"a backtrace has names and the offsets of the instructions", backtraces_name_functions},
    {"single steps give the same result", steps_give_the_same},
    {"calling a null element traps", null_elements_trap},
};
RUN_TESTS(tests)
