/* A program as engine.wasm offers it (core/wasm/guest.h): what its host reads, and what may fail. */
#include "../../../core/wasm/guest.h"

#include "kit.h"

/*
 * (module
 *   (import "host" "a\n\"b" (func $ask (param i32 i64) (result i32)))
 *   (import "host" "tell" (func $tell (param i32)))
 *   (memory (export "memory") 1 3)
 *   (global $begun (mut i32) (i32.const 0))
 *   (func $begin (global.set $begun (i32.const 1)))
 *   (start $begin)
 *   (func (export "main") (param i64)
 *     (call $tell (call $ask (global.get $begun) (local.get 0))))
 *   (func (export "grow") (drop (memory.grow (i32.const 2))) (call $tell (i32.const 7)))
 *   (func $inner (unreachable))
 *   (func (export "trap") (call $inner))
 *   (func (export "endless") (loop (br 0))))
 *
 * with a name section that calls function 5 `in\tner`.
 */
static const uint8_t module[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
    /* types: (i32 i64) -> i32; (i32) -> (); () -> (); (i64) -> () */
    0x01, 0x12, 0x04, 0x60, 0x02, 0x7f, 0x7e, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x00, 0x60, 0x00, 0x00,
    0x60, 0x01, 0x7e, 0x00,
    /* imports */
    0x02, 0x19, 0x02, 0x04, 'h', 'o', 's', 't', 0x04, 'a', '\n', '"', 'b', 0x00, 0x00, 0x04, 'h', 'o',
    's', 't', 0x04, 't', 'e', 'l', 'l', 0x00, 0x01,
    /* functions, memory, global */
    0x03, 0x07, 0x06, 0x02, 0x03, 0x02, 0x02, 0x02, 0x02, 0x05, 0x04, 0x01, 0x01, 0x01, 0x03, 0x06,
    0x06, 0x01, 0x7f, 0x01, 0x41, 0x00, 0x0b,
    /* exports, start */
    0x07, 0x29, 0x05, 0x06, 'm', 'e', 'm', 'o', 'r', 'y', 0x02, 0x00, 0x04, 'm', 'a', 'i', 'n', 0x00,
    0x03, 0x04, 'g', 'r', 'o', 'w', 0x00, 0x04, 0x04, 't', 'r', 'a', 'p', 0x00, 0x06, 0x07, 'e', 'n',
    'd', 'l', 'e', 's', 's', 0x00, 0x07, 0x08, 0x01, 0x02,
    /* code */
    0x0a, 0x30, 0x06, 0x06, 0x00, 0x41, 0x01, 0x24, 0x00, 0x0b, 0x0a, 0x00, 0x23, 0x00, 0x20, 0x00,
    0x10, 0x00, 0x10, 0x01, 0x0b, 0x0b, 0x00, 0x41, 0x02, 0x40, 0x00, 0x1a, 0x41, 0x07, 0x10, 0x01,
    0x0b, 0x03, 0x00, 0x00, 0x0b, 0x04, 0x00, 0x10, 0x05, 0x0b, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00,
    0x0b, 0x0b,
    /* names */
    0x00, 0x10, 0x04, 'n', 'a', 'm', 'e', 0x01, 0x09, 0x01, 0x05, 0x06, 'i', 'n', '\t', 'n', 'e', 'r'};

enum export_index { MEMORY, MAIN, GROW, TRAP, ENDLESS, COUNT };

static const struct nidus_name program = {"prog\\ram", 8};

/* What the host is told, and how often it says that it would block. */
static struct {
    unsigned calls;
    unsigned blocks;
    uint32_t asked;
    uint64_t with;
    uint32_t told;
    size_t size;
    uint8_t *memory;
} seen;

static uint32_t answer(uint32_t index, const uint64_t *slots, uint8_t *memory, size_t size, uint32_t thread)
{
    CHECK(thread == 0);
    seen.calls++;
    if (seen.blocks) {
        seen.blocks--;
        return GUEST_WOULD_BLOCK;
    }
    seen.memory = memory;
    seen.size = size;
    if (index == 1) {
        seen.told = (uint32_t)slots[0];
        return 99; /* nobody asks */
    }
    seen.asked = (uint32_t)slots[0];
    seen.with = slots[1];
    return 42;
}

struct bed {
    struct account account;
    struct nidus_engine *engine;
    struct guest *guest;
    const char *text;
};

/* False: no memory for so much as a guest. */
static bool make(struct bed *bed)
{
    struct nidus_config config = kit_config(&bed->account);
    memset(&seen, 0, sizeof seen);
    if (nidus_engine_new(&config, &bed->engine))
        return false;
    bed->guest = guest_new(bed->engine, answer);
    return bed->guest != NULL;
}

static void load(struct bed *bed)
{
    CHECK(make(bed));
    bed->text = guest_load(bed->guest, module, sizeof module, program);
}

static void drop(struct bed *bed)
{
    guest_free(bed->guest);
    nidus_engine_free(bed->engine);
    CHECK(bed->account.live == 0);
}

static void begin(struct bed *bed, uint32_t entry, uint64_t fuel)
{
    load(bed);
    CHECK(strncmp(bed->text, "{\"imports\"", 10) == 0);
    CHECK(strcmp(guest_start(bed->guest, entry, fuel, 0, 0), "{}") == 0);
}

static enum nidus_status finish(struct guest *guest)
{
    enum nidus_status status;
    while ((status = guest_resume(guest, 0)) == NIDUS_RUN_READY)
        ;
    return status;
}

static void test_description(void)
{
    struct bed bed = {0};
    load(&bed);
    CHECK(strcmp(bed.text,
                 "{\"imports\":[{\"module\":\"host\",\"name\":\"a\\u000a\\u0022b\",\"kind\":\"function\","
                 "\"params\":[0,1]},{\"module\":\"host\",\"name\":\"tell\",\"kind\":\"function\","
                 "\"params\":[0]}],\"exports\":[{\"name\":\"memory\",\"kind\":\"memory\"},"
                 "{\"name\":\"main\",\"kind\":\"function\"},{\"name\":\"grow\",\"kind\":\"function\"},"
                 "{\"name\":\"trap\",\"kind\":\"function\"},"
                 "{\"name\":\"endless\",\"kind\":\"function\"}]}") == 0);
    drop(&bed);
}

static void test_refusal(void)
{
    struct bed bed = {0};
    uint8_t broken[sizeof module];
    memcpy(broken, module, sizeof module);
    broken[8] = 0x0d; /* a tag section without tags */
    CHECK(make(&bed));
    bed.text = guest_load(bed.guest, broken, sizeof broken, program);
    CHECK(strncmp(bed.text, "{\"message\":\"", 12) == 0);
    CHECK(strstr(bed.text, " (at byte "));
    drop(&bed);
}

static void test_calls(void)
{
    struct bed bed = {0};
    begin(&bed, MAIN, NIDUS_UNLIMITED);
    CHECK(finish(bed.guest) == NIDUS_RUN_DONE);
    CHECK(seen.calls == 2 && seen.asked == 1 && seen.with == 0 && seen.told == 42);
    CHECK(seen.memory && seen.size == 65536);
    CHECK(guest_resume(bed.guest, 0) == NIDUS_RUN_DONE);
    drop(&bed);
}

static void test_blocking(void)
{
    struct bed bed = {0};
    begin(&bed, MAIN, NIDUS_UNLIMITED);
    seen.blocks = 2;
    CHECK(finish(bed.guest) == NIDUS_RUN_BLOCKED);
    CHECK(finish(bed.guest) == NIDUS_RUN_BLOCKED);
    CHECK(finish(bed.guest) == NIDUS_RUN_DONE);
    CHECK(seen.calls == 4 && seen.told == 42);
    drop(&bed);
}

static void test_growth(void)
{
    struct bed bed = {0};
    begin(&bed, GROW, NIDUS_UNLIMITED);
    CHECK(finish(bed.guest) == NIDUS_RUN_DONE);
    CHECK(seen.told == 7 && seen.size == 3 * 65536);
    drop(&bed);
}

static void test_trap(void)
{
    struct bed bed = {0};
    begin(&bed, TRAP, NIDUS_UNLIMITED);
    CHECK(finish(bed.guest) == NIDUS_RUN_TRAPPED);
    bed.text = guest_trap(bed.guest);
    CHECK(strncmp(bed.text, "{\"message\":\"unreachable\",\"stack\":\"", 33) == 0);
    CHECK(strstr(bed.text, "\"    at in\\u0009ner (prog\\u005cram:wasm-function[5]:0x"));
    CHECK(strstr(bed.text, "\\n    at  (prog\\u005cram:wasm-function[6]:0x"));
    CHECK(strcmp(bed.text + strlen(bed.text) - 3, ")\"}") == 0);
    drop(&bed);
}

static void test_fuel(void)
{
    struct bed bed = {0};
    begin(&bed, ENDLESS, 100000);
    CHECK(finish(bed.guest) == NIDUS_RUN_NO_FUEL);
    drop(&bed);
    bed = (struct bed){0};
    begin(&bed, ENDLESS, NIDUS_UNLIMITED);
    for (int i = 0; i < 5; i++)
        CHECK(guest_resume(bed.guest, 0) == NIDUS_RUN_READY);
    drop(&bed);
}

static void test_entries(void)
{
    const uint32_t none[] = {MEMORY, COUNT, UINT32_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct bed bed = {0};
        load(&bed);
        CHECK(strcmp(guest_start(bed.guest, none[i], NIDUS_UNLIMITED, 0, 0),
                     "{\"message\":\"The entry is not a function.\"}") == 0);
        drop(&bed);
    }
}

static void test_types(void)
{
    struct bed bed = {0};
    /* (module (import "a" "b" (func (param f32))) (func (export "main"))) */
    static const uint8_t unfit[] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02,
                                    0x60, 0x01, 0x7d, 0x00, 0x60, 0x00, 0x00, 0x02, 0x07, 0x01, 0x01,
                                    'a',  0x01, 'b',  0x00, 0x00, 0x03, 0x02, 0x01, 0x01, 0x07, 0x08,
                                    0x01, 0x04, 'm',  'a',  'i',  'n',  0x00, 0x01, 0x0a, 0x04, 0x01,
                                    0x02, 0x00, 0x0b};
    CHECK(make(&bed));
    bed.text = guest_load(bed.guest, unfit, sizeof unfit, program);
    CHECK(strstr(bed.text, "\"params\":[0]"));
    CHECK(strncmp(guest_start(bed.guest, 0, NIDUS_UNLIMITED, 0, 0),
                  "{\"message\":\"Incompatible import type: \\u0022a\\u0022 \\u0022b\\u0022 is", 60) == 0);
    drop(&bed);
}

/* The whole life of a program that traps, with every allocation from the n-th on failing. */
static void test_no_memory(void)
{
    unsigned passed = 0, refused = 0;
    for (unsigned n = 1; passed < 2; n++) {
        struct bed bed = {0};
        bed.account.fail_at = n;
        CHECK(n < 1000);
        bool good = make(&bed);
        good = good && strncmp(guest_load(bed.guest, module, sizeof module, program), "{\"imports", 9) == 0;
        good = good && strcmp(guest_start(bed.guest, TRAP, NIDUS_UNLIMITED, 0, 0), "{}") == 0;
        if (good) {
            CHECK(finish(bed.guest) == NIDUS_RUN_TRAPPED);
            bed.text = guest_trap(bed.guest);
            CHECK(strncmp(bed.text, "{\"message\":\"", 12) == 0);
            passed += strstr(bed.text, "unreachable") != NULL;
        } else {
            refused++;
        }
        drop(&bed);
    }
    CHECK(refused > 5);
}

static const struct test tests[] = {
    {"imports and exports are told as JSON, whatever their names", test_description},
    {"what is no module is refused, with the place", test_refusal},
    {"the start function runs before the entry, and imports answer", test_calls},
    {"a call that would block is made again", test_blocking},
    {"a memory that grew is told at the next call", test_growth},
    {"a trap tells its frames by name and place", test_trap},
    {"a slice ends, and so does fuel", test_fuel},
    {"only an exported function can be the entry", test_entries},
    {"imports of other types than system calls have are refused", test_types},
    {"running out of memory anywhere is an answer, and leaves nothing behind", test_no_memory},
};

RUN_TESTS(tests)
