/* What the decoder and the validator say about bad modules: the code, and the offset of the fault. */
#include "guest.h"
#include "kit.h"

#define HEADER 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00

static void refuse(const uint8_t *bytes, size_t size, enum nidus_code code, size_t offset,
                   const char *words)
{
    struct account account = {0};
    struct nidus_config config = kit_config(&account);
    struct nidus_engine *engine;
    struct nidus_error error;
    CHECK(nidus_engine_new(&config, &engine) == NIDUS_OK);
    CHECK(nidus_module_validate(engine, bytes, size, &error) == code);
    CHECK(error.code == code);
    CHECK(error.offset == offset);
    CHECK(strstr(error.text, words));
    nidus_engine_free(engine);
    CHECK(account.live == 0);
}

static void magic(void)
{
    const uint8_t bytes[] = {0x00, 0x61, 0x73, 0x6e, 1, 0, 0, 0};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_MALFORMED, 0, "not a WebAssembly module");
    refuse(bytes, 0, NIDUS_ERROR_MALFORMED, 0, "not a WebAssembly module");
}

static void version(void)
{
    const uint8_t bytes[] = {0x00, 0x61, 0x73, 0x6d, 2, 0, 0, 0};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_MALFORMED, 4, "version");
}

static void section_order(void)
{
    const uint8_t bytes[] = {HEADER, 3, 1, 0, 1, 1, 0};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_MALFORMED, 11, "out of order");
}

static void long_integer(void)
{
    const uint8_t bytes[] = {HEADER, 1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_MALFORMED, 10, "too long");
}

static void type_mismatch(void)
{
    /* (func i64.const 1 i32.eqz drop): the fault is at i32.eqz. */
    const uint8_t bytes[] = {HEADER, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0,
                             0x42,   1, 0x45, 0x1a, 0x0b};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_INVALID, 25, "i32.eqz needs i32 and finds i64");
}

static void unknown_local(void)
{
    const uint8_t bytes[] = {HEADER, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 7, 1, 5, 0,
                             0x20,   9, 0x1a, 0x0b};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_INVALID, 23, "Unknown local 9");
}

static void huge_count(void)
{
    /* Four thousand million types in no bytes: refused before anything is allocated for them. */
    const uint8_t bytes[] = {HEADER, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f};
    refuse(bytes, sizeof bytes, NIDUS_ERROR_MALFORMED, 10, "Unexpected end");
}

static void every_prefix(void)
{
    struct account account = {0};
    struct nidus_config config = kit_config(&account);
    struct nidus_engine *engine;
    CHECK(nidus_engine_new(&config, &engine) == NIDUS_OK);
    size_t before = account.live;
    unsigned accepted = 0;
    for (size_t size = 0; size < sizeof guest_module; size++) {
        struct nidus_error error;
        /* A block of its own, so that a sanitiser sees reading beyond it. */
        uint8_t *copy = malloc(size + 1);
        CHECK(copy);
        memcpy(copy, guest_module, size);
        enum nidus_code code = nidus_module_validate(engine, copy, size, &error);
        accepted += code == NIDUS_OK;
        CHECK(code == NIDUS_OK || (code == NIDUS_ERROR_MALFORMED && error.offset <= size));
        free(copy);
        CHECK(account.live == before);
    }
    CHECK(accepted == 4); /* the header, then types, then imports; and all but the name section */
    nidus_engine_free(engine);
}

static void limits(void)
{
    struct account account = {0};
    struct nidus_config config = kit_config(&account);
    struct nidus_engine *engine;
    struct nidus_error error;
    config.limits.functions = 5;
    CHECK(nidus_engine_new(&config, &engine) == NIDUS_OK);
    CHECK(nidus_module_validate(engine, guest_module, sizeof guest_module, &error) ==
          NIDUS_ERROR_LIMIT);
    CHECK(strstr(error.text, "Too many functions"));
    nidus_engine_free(engine);
    CHECK(account.live == 0);
}

static const struct test tests[] = {
    {"bytes without the magic number are refused at 0", magic},
    {"an unknown version is refused at 4", version},
    {"a section out of order is refused where it starts", section_order},
    {"an integer that is too long is refused where it starts", long_integer},
    {"a type mismatch names the instruction and both types, at its offset", type_mismatch},
    {"an unknown local is refused at its instruction", unknown_local},
    {"a count larger than the bytes left is refused before memory is taken", huge_count},
    {"every prefix of a module is refused within its bytes, and nothing leaks", every_prefix},
    {"more functions than the limit are refused as a limit", limits},
};
RUN_TESTS(tests)
