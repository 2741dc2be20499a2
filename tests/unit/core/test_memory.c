/* Running out of memory: at every allocation in turn, an error or a trap, and nothing leaks. */
#include "kit.h"

static enum nidus_host_result host(void *context, struct nidus_call *call, uint64_t *slots)
{
    (void)context;
    (void)call;
    (void)slots;
    return NIDUS_HOST_DONE;
}

/* From engine to result with the n-th allocation failing; true when it got through. */
static bool attempt(unsigned fail_at)
{
    struct account account = {.fail_at = fail_at};
    struct nidus_config config = kit_config(&account);
    struct rig rig = {0};
    bool through = false;
    enum nidus_code code = rig_start(&rig, &config, host, NULL);
    CHECK(code == NIDUS_OK || code == NIDUS_ERROR_NO_MEMORY);
    if (code == NIDUS_OK) {
        struct nidus_value n = {.type = NIDUS_I32, .of.i32 = 12};
        struct nidus_value result;
        struct nidus_error error;
        code = nidus_run_call(rig.run, rig_export(&rig, "fib"), &n, 1, &result, &error);
        CHECK(code == NIDUS_OK || code == NIDUS_ERROR_NO_MEMORY ||
              (code == NIDUS_ERROR_TRAP && error.trap == NIDUS_TRAP_NO_MEMORY));
        through = code == NIDUS_OK;
        CHECK(!through || result.of.i32 == 144);
    }
    rig_stop(&rig);
    CHECK(account.live == 0);
    return through;
}

static void every_allocation(void)
{
    unsigned n = 1;
    while (!attempt(n)) {
        n++;
        CHECK(n < 1000);
    }
    CHECK(n > 20);
}

static void growing(void)
{
    struct account account = {0};
    struct nidus_config config = kit_config(&account);
    struct rig rig = {0};
    const int32_t pages = 1;
    CHECK(rig_start(&rig, &config, host, NULL) == NIDUS_OK);
    rig_begin(&rig, "grow", &pages);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == 1);
    account.fail_at = account.count + 1;
    rig_begin(&rig, "grow", &pages);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == -1);
    CHECK(nidus_memory_pages(nidus_instance_memory(rig.instance, 0)) == 2);
    account.fail_at = 0;
    rig_begin(&rig, "grow", &pages);
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == 2);
    rig_begin(&rig, "grow", &pages); /* its maximum is 3 */
    CHECK(nidus_run_resume(rig.run, NIDUS_UNLIMITED) == NIDUS_RUN_DONE);
    CHECK(rig_result(&rig) == -1);
    rig_stop(&rig);
    CHECK(account.live == 0);
}

static const struct test tests[] = {
    {"whichever allocation fails, it is an error or a trap, and nothing leaks", every_allocation},
    {"a memory that cannot grow says so and stays as it was", growing},
};
RUN_TESTS(tests)
