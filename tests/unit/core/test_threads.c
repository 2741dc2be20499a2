/* Threads as engine.wasm offers them (core/wasm/guest.h): turns, waits, and what may fail. */
#include "../../../core/wasm/guest.h"

#include "kit.h"

/*
 * (module
 *   (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
 *   (import "host" "ask" (func $ask (param i32) (result i32)))
 *   (import "env" "memory" (memory 1 1 shared))
 *   (export "memory" (memory 0))
 *   (func $join (param $until i32) (local $seen i32)
 *     (block $done (loop $again
 *       (local.set $seen (i32.atomic.load (i32.const 0)))
 *       (br_if $done (i32.ge_u (local.get $seen) (local.get $until)))
 *       (drop (memory.atomic.wait32 (i32.const 0) (local.get $seen) (i64.const -1)))
 *       (br $again))))
 *   (func (export "race")
 *     (drop (call $spawn (i32.const 0))) (drop (call $spawn (i32.const 0)))
 *     (call $join (i32.const 2))
 *     (drop (call $ask (i32.load (i32.const 32)))))
 *   (func (export "timed")
 *     (drop (call $ask (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 5000)))))
 *   (func (export "stuck")
 *     (drop (call $spawn (i32.const 1)))
 *     (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const -1))))
 *   (func (export "many")
 *     (drop (call $spawn (i32.const 1))) (drop (call $spawn (i32.const 1)))
 *     (drop (call $ask (call $spawn (i32.const 1)))))
 *   (func (export "asks")
 *     (drop (call $spawn (i32.const 2)))
 *     (call $join (i32.const 1)))
 *   (func (export "wasi_thread_start") (param $tid i32) (param $what i32) (local $i i32)
 *     (if (i32.eq (local.get $what) (i32.const 1))
 *       (then (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))))
 *     (if (i32.eq (local.get $what) (i32.const 2)) (then (drop (call $ask (local.get $tid)))))
 *     (if (i32.eqz (local.get $what)) (then
 *       (loop $more
 *         (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1)))
 *         (local.set $i (i32.add (local.get $i) (i32.const 1)))
 *         (br_if $more (i32.lt_u (local.get $i) (i32.const 500))))))
 *     (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
 *     (drop (memory.atomic.notify (i32.const 0) (i32.const -1)))))
 */
static const uint8_t module[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x12, 0x04, 0x60, 0x01, 0x7f, 0x01, 0x7f,
    0x60, 0x01, 0x7f, 0x00, 0x60, 0x00, 0x00, 0x60, 0x02, 0x7f, 0x7f, 0x00, 0x02, 0x2f, 0x03, 0x04,
    0x77, 0x61, 0x73, 0x69, 0x0c, 0x74, 0x68, 0x72, 0x65, 0x61, 0x64, 0x2d, 0x73, 0x70, 0x61, 0x77,
    0x6e, 0x00, 0x00, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x03, 0x61, 0x73, 0x6b, 0x00, 0x00, 0x03, 0x65,
    0x6e, 0x76, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x03, 0x01, 0x01, 0x03, 0x08, 0x07,
    0x01, 0x02, 0x02, 0x02, 0x02, 0x02, 0x03, 0x07, 0x43, 0x07, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72,
    0x79, 0x02, 0x00, 0x04, 0x72, 0x61, 0x63, 0x65, 0x00, 0x03, 0x05, 0x74, 0x69, 0x6d, 0x65, 0x64,
    0x00, 0x04, 0x05, 0x73, 0x74, 0x75, 0x63, 0x6b, 0x00, 0x05, 0x04, 0x6d, 0x61, 0x6e, 0x79, 0x00,
    0x06, 0x04, 0x61, 0x73, 0x6b, 0x73, 0x00, 0x07, 0x11, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x74, 0x68,
    0x72, 0x65, 0x61, 0x64, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x08, 0x0a, 0xe1, 0x01, 0x07,
    0x26, 0x01, 0x01, 0x7f, 0x02, 0x40, 0x03, 0x40, 0x41, 0x00, 0xfe, 0x10, 0x02, 0x00, 0x21, 0x01,
    0x20, 0x01, 0x20, 0x00, 0x4f, 0x0d, 0x01, 0x41, 0x00, 0x20, 0x01, 0x42, 0x7f, 0xfe, 0x01, 0x02,
    0x00, 0x1a, 0x0c, 0x00, 0x0b, 0x0b, 0x0b, 0x18, 0x00, 0x41, 0x00, 0x10, 0x00, 0x1a, 0x41, 0x00,
    0x10, 0x00, 0x1a, 0x41, 0x02, 0x10, 0x02, 0x41, 0x20, 0x28, 0x02, 0x00, 0x10, 0x01, 0x1a, 0x0b,
    0x10, 0x00, 0x41, 0x04, 0x41, 0x00, 0x42, 0x88, 0x27, 0xfe, 0x01, 0x02, 0x00, 0x10, 0x01, 0x1a,
    0x0b, 0x12, 0x00, 0x41, 0x01, 0x10, 0x00, 0x1a, 0x41, 0x04, 0x41, 0x00, 0x42, 0x7f, 0xfe, 0x01,
    0x02, 0x00, 0x1a, 0x0b, 0x13, 0x00, 0x41, 0x01, 0x10, 0x00, 0x1a, 0x41, 0x01, 0x10, 0x00, 0x1a,
    0x41, 0x01, 0x10, 0x00, 0x10, 0x01, 0x1a, 0x0b, 0x0b, 0x00, 0x41, 0x02, 0x10, 0x00, 0x1a, 0x41,
    0x01, 0x10, 0x02, 0x0b, 0x5b, 0x01, 0x01, 0x7f, 0x20, 0x01, 0x41, 0x01, 0x46, 0x04, 0x40, 0x41,
    0x08, 0x41, 0x00, 0x42, 0x7f, 0xfe, 0x01, 0x02, 0x00, 0x1a, 0x0b, 0x20, 0x01, 0x41, 0x02, 0x46,
    0x04, 0x40, 0x20, 0x00, 0x10, 0x01, 0x1a, 0x0b, 0x20, 0x01, 0x45, 0x04, 0x40, 0x03, 0x40, 0x41,
    0x20, 0x41, 0x20, 0x28, 0x02, 0x00, 0x41, 0x01, 0x6a, 0x36, 0x02, 0x00, 0x20, 0x02, 0x41, 0x01,
    0x6a, 0x21, 0x02, 0x20, 0x02, 0x41, 0xf4, 0x03, 0x49, 0x0d, 0x00, 0x0b, 0x0b, 0x41, 0x00, 0x41,
    0x01, 0xfe, 0x1e, 0x02, 0x00, 0x1a, 0x41, 0x00, 0x41, 0x7f, 0xfe, 0x00, 0x02, 0x00, 0x1a, 0x0b};

enum export_index { MEMORY, RACE, TIMED, STUCK, MANY, ASKS };

static const struct nidus_name program = {"program", 7};

/* What the host was told last and by which thread, and how often it still says that it would block. */
static struct {
    uint32_t told;
    uint32_t thread;
    unsigned blocks;
    unsigned calls;
} seen;

static uint32_t answer(uint32_t index, const uint64_t *slots, uint8_t *memory, size_t size, uint32_t thread)
{
    CHECK(index == 1 && memory && size == 65536);
    seen.calls++;
    if (seen.blocks) {
        seen.blocks--;
        return GUEST_WOULD_BLOCK;
    }
    seen.told = (uint32_t)slots[0];
    seen.thread = thread;
    return 0;
}

struct bed {
    struct account account;
    struct nidus_engine *engine;
    struct guest *guest;
};

/* False: there was no memory for all of it. */
static bool begin(struct bed *bed, unsigned fail_at, uint32_t entry, uint32_t most, uint64_t seed)
{
    memset(bed, 0, sizeof *bed);
    memset(&seen, 0, sizeof seen);
    bed->account.fail_at = fail_at;
    struct nidus_config config = kit_config(&bed->account);
    if (nidus_engine_new(&config, &bed->engine))
        return false;
    bed->guest = guest_new(bed->engine, answer);
    return bed->guest && strncmp(guest_load(bed->guest, module, sizeof module, program), "{\"imports", 9) == 0 &&
           strcmp(guest_start(bed->guest, entry, NIDUS_UNLIMITED, most, seed), "{}") == 0;
}

static void drop(struct bed *bed)
{
    guest_free(bed->guest);
    nidus_engine_free(bed->engine);
    CHECK(bed->account.live == 0);
}

static enum nidus_status finish(struct guest *guest, int64_t now)
{
    enum nidus_status status;
    while ((status = guest_resume(guest, now)) == NIDUS_RUN_READY)
        ;
    return status;
}

static uint32_t raced(uint64_t seed)
{
    struct bed bed;
    CHECK(begin(&bed, 0, RACE, 8, seed));
    CHECK(finish(bed.guest, 0) == NIDUS_RUN_DONE);
    drop(&bed);
    return seen.told;
}

static void test_race(void)
{
    unsigned lost = 0, other = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        uint32_t count = raced(seed);
        CHECK(count >= 500 && count <= 1000);
        CHECK(raced(seed) == count);
        lost += count < 1000;
        other += count != raced(seed + 1000);
    }
    CHECK(lost > 5 && other > 5);
}

static void test_time(void)
{
    struct bed bed;
    CHECK(begin(&bed, 0, TIMED, 8, 0));
    CHECK(finish(bed.guest, 100) == NIDUS_RUN_BLOCKED);
    CHECK(guest_deadline(bed.guest) == 5100);
    CHECK(finish(bed.guest, 5099) == NIDUS_RUN_BLOCKED);
    CHECK(finish(bed.guest, 5100) == NIDUS_RUN_DONE);
    CHECK(seen.told == 2 && guest_deadline(bed.guest) == INT64_MAX);
    drop(&bed);
}

static void test_deadlock(void)
{
    struct bed bed;
    CHECK(begin(&bed, 0, STUCK, 8, 0));
    CHECK(finish(bed.guest, 0) == NIDUS_RUN_TRAPPED);
    CHECK(strstr(guest_trap(bed.guest), "atomic wait that nobody can end"));
    CHECK(strstr(guest_trap(bed.guest), "    at  (program:wasm-function[5]:0x"));
    CHECK(finish(bed.guest, 0) == NIDUS_RUN_TRAPPED);
    drop(&bed);
}

static void test_limit(void)
{
    for (uint32_t most = 0; most < 4; most++) {
        struct bed bed;
        CHECK(begin(&bed, 0, MANY, most, 0));
        CHECK(finish(bed.guest, 0) == NIDUS_RUN_DONE);
        CHECK((int32_t)seen.told == (most < 3 ? -6 : 3));
        drop(&bed);
    }
}

static void test_blocking(void)
{
    struct bed bed;
    CHECK(begin(&bed, 0, ASKS, 8, 0));
    seen.blocks = 3;
    for (int i = 0; i < 3; i++)
        CHECK(finish(bed.guest, 0) == NIDUS_RUN_BLOCKED);
    CHECK(finish(bed.guest, 0) == NIDUS_RUN_DONE);
    CHECK(seen.calls == 4 && seen.thread == 1 && seen.told == 1);
    drop(&bed);
}

/* With every allocation from the n-th on failing. A thread that finds no memory is one that cannot be made. */
static void test_no_memory(void)
{
    unsigned passed = 0, refused = 0, fewer = 0;
    for (unsigned n = 1; passed < 2; n++) {
        struct bed bed;
        CHECK(n < 2000);
        if (begin(&bed, n, MANY, 3, 0)) {
            enum nidus_status status = finish(bed.guest, 0);
            CHECK(status == NIDUS_RUN_DONE || status == NIDUS_RUN_TRAPPED);
            if (status == NIDUS_RUN_DONE && (int32_t)seen.told == 3)
                passed++;
            else
                fewer++;
        } else {
            refused++;
        }
        drop(&bed);
    }
    CHECK(refused > 5 && fewer > 5);
}

static const struct test tests[] = {
    {"a race is lost for some seeds, and each time for these", test_race},
    {"a wait ends when the host's clock says so", test_time},
    {"threads that wait for each other trap, where the first one waits", test_deadlock},
    {"as many threads as the limit says, and EAGAIN for the next", test_limit},
    {"a call that would block is made again by the thread that made it", test_blocking},
    {"running out of memory anywhere is an answer, and leaves nothing behind", test_no_memory},
};

RUN_TESTS(tests)
