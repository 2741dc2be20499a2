/* The rewriter through its C interface: renamed imports, names that clash, memory that runs out. */
#include <nidus/rewrite.h>

#include "kit.h"

/*
 * (module (import "env" "tick" (func (param i32)))
 *         (import "env" "mem" (memory 1 2))
 *         (import "env" "g" (global (mut i64)))
 *         (global (mut i32) (i32.const 7))
 *         (func (export "f") (loop (call 0 (i32.const 1)) (br 0))))
 */
static const uint8_t guest[] = {
    0, 'a', 's', 'm', 1, 0, 0, 0,
    1, 8, 2, 0x60, 1, 0x7F, 0, 0x60, 0, 0,
    2, 33, 3, 3, 'e', 'n', 'v', 4, 't', 'i', 'c', 'k', 0, 0, 3, 'e', 'n', 'v', 3, 'm', 'e', 'm', 2, 1, 1, 2,
    3, 'e', 'n', 'v', 1, 'g', 3, 0x7E, 1,
    3, 2, 1, 1,
    6, 6, 1, 0x7F, 1, 0x41, 7, 0x0B,
    7, 5, 1, 1, 'f', 0, 1,
    10, 13, 1, 11, 0, 0x03, 0x40, 0x41, 1, 0x10, 0, 0x0C, 0, 0x0B, 0x0B};

/*
 * (module (rec (type $s (sub (struct (field i32)))) (type $t (sub final $s (struct (field i32)))))
 *         (type $f (func (param i32)))
 *         (import "env" "tick" (func (type $f)))
 *         (import "env" "wide" (memory i64 1 2))
 *         (import "env" "tiny" (memory 16 32 (pagesize 1)))
 *         (import "env" "things" (table i64 2 8 (ref null $s)))
 *         (import "env" "tag" (tag (type $f)))
 *         (import "env" "root" (global (mut (ref null $t))))
 *         (table 1 (ref null $t) (ref.null $t))
 *         (elem declare func 0)
 *         (func (loop (call 0 (i32.const 1)) (br 0))))
 */
static const uint8_t modern[] = {
    0, 'a', 's', 'm', 1, 0, 0, 0,
    1, 23, 3, 0x4E, 2, 0x50, 0, 0x5F, 1, 0x7F, 0, 0x4F, 1, 0, 0x5F, 1, 0x7F, 0, 0x60, 1, 0x7F, 0, 0x60, 0, 0,
    2, 80, 6, 3, 'e', 'n', 'v', 4, 't', 'i', 'c', 'k', 0, 2, 3, 'e', 'n', 'v', 4, 'w', 'i', 'd', 'e', 2, 5, 1, 2,
    3, 'e', 'n', 'v', 4, 't', 'i', 'n', 'y', 2, 9, 16, 32, 0,
    3, 'e', 'n', 'v', 6, 't', 'h', 'i', 'n', 'g', 's', 1, 0x63, 0, 5, 2, 8,
    3, 'e', 'n', 'v', 3, 't', 'a', 'g', 4, 0, 2, 3, 'e', 'n', 'v', 4, 'r', 'o', 'o', 't', 3, 0x63, 1, 1,
    3, 2, 1, 3,
    4, 10, 1, 0x40, 0, 0x63, 1, 0, 1, 0xD0, 1, 0x0B,
    9, 5, 1, 3, 0, 1, 0,
    10, 13, 1, 11, 0, 0x03, 0x40, 0x41, 1, 0x10, 0, 0x0C, 0, 0x0B, 0x0B};

static struct nidus_module *load(struct nidus_engine *engine, const void *bytes, size_t size)
{
    struct nidus_error error;
    struct nidus_module *module;
    enum nidus_code code = nidus_module_load(engine, bytes, size, NIDUS_LOAD_COPY, &module, &error);
    if (code)
        fprintf(stderr, "%s (at byte %zu)\n", error.text, error.offset);
    CHECK(code == NIDUS_OK);
    return module;
}

static int is(struct nidus_name name, const char *text)
{
    return name.length == strlen(text) && memcmp(name.bytes, text, name.length) == 0;
}

static void rename_tick(void *context, struct nidus_name *from, struct nidus_name *name)
{
    ++*(int *)context;
    if (!is(*name, "tick"))
        return;
    *from = (struct nidus_name){"nidus", 5};
    *name = (struct nidus_name){"a much longer name than tick", 28};
}

static void renames(void)
{
    struct nidus_engine *engine;
    CHECK(nidus_engine_new(NULL, &engine) == NIDUS_OK);
    struct nidus_module *module = load(engine, guest, sizeof guest);
    int asked = 0;
    const struct nidus_rewrite how = {.rename = rename_tick, .context = &asked};
    struct nidus_rewritten out;
    CHECK(nidus_module_rewrite(module, &how, &out, NULL) == NIDUS_OK);
    CHECK(asked == 3);
    struct nidus_module *made = load(engine, out.bytes, out.size);
    static const char *const expected[][2] = {
        {"nidus", "a much longer name than tick"}, {"env", "mem"}, {"env", "g"}};
    CHECK(nidus_module_import_count(made) == 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct nidus_name from, name;
        struct nidus_externtype type, old;
        nidus_module_import(made, i, &from, &name, &type);
        CHECK(is(from, expected[i][0]) && is(name, expected[i][1]));
        nidus_module_import(module, i, &from, &name, &old);
        CHECK(type.kind == old.kind && type.mutable_ == old.mutable_);
        CHECK(type.limits.minimum == old.limits.minimum && type.limits.maximum == old.limits.maximum);
    }
    nidus_module_free(made);
    nidus_rewritten_free(engine, &out);
    nidus_module_free(module);
    nidus_engine_free(engine);
}

/* Every kind of import is passed by in all its forms; what is added refers to types behind recursive ones. */
static void renames_modern(void)
{
    struct nidus_engine *engine;
    CHECK(nidus_engine_new(NULL, &engine) == NIDUS_OK);
    struct nidus_module *module = load(engine, modern, sizeof modern);
    int asked = 0;
    const struct nidus_rewrite how = {
        .flags = NIDUS_REWRITE_CHECKS | NIDUS_REWRITE_GLOBALS, .rename = rename_tick, .context = &asked};
    struct nidus_rewritten out;
    CHECK(nidus_module_rewrite(module, &how, &out, NULL) == NIDUS_OK);
    CHECK(asked == 6);
    struct nidus_module *made = load(engine, out.bytes, out.size);
    CHECK(nidus_module_import_count(made) == 6);
    for (uint32_t i = 0; i < 6; i++) {
        struct nidus_name from, name, old_from, old_name;
        struct nidus_externtype type, old;
        nidus_module_import(made, i, &from, &name, &type);
        nidus_module_import(module, i, &old_from, &old_name, &old);
        CHECK(type.kind == old.kind && type.mutable_ == old.mutable_);
        CHECK(i == 0 ? is(from, "nidus") : from.length == 3 && name.length == old_name.length);
        if (type.kind != NIDUS_TABLE && type.kind != NIDUS_MEMORY)
            continue;
        CHECK(type.limits.minimum == old.limits.minimum && type.limits.maximum == old.limits.maximum);
        CHECK(type.limits.is64 == old.limits.is64 && type.limits.byte_pages == old.limits.byte_pages);
    }
    CHECK(nidus_module_export_count(made) == 2);
    nidus_module_free(made);
    nidus_rewritten_free(engine, &out);
    nidus_module_free(module);
    nidus_engine_free(engine);
}

static void adds_exports(void)
{
    struct nidus_engine *engine;
    CHECK(nidus_engine_new(NULL, &engine) == NIDUS_OK);
    struct nidus_module *module = load(engine, guest, sizeof guest);
    const struct nidus_rewrite how = {.flags = NIDUS_REWRITE_CHECKS | NIDUS_REWRITE_GLOBALS};
    struct nidus_rewritten out, twice;
    CHECK(nidus_module_rewrite(module, &how, &out, NULL) == NIDUS_OK);
    struct nidus_module *made = load(engine, out.bytes, out.size);
    static const char *const names[] = {"f", "nidus:global:1", "nidus:count", "nidus:check"};
    CHECK(nidus_module_export_count(made) == 4);
    for (uint32_t i = 0; i < 4; i++) {
        struct nidus_name name;
        struct nidus_externtype type;
        nidus_module_export(made, i, &name, &type);
        CHECK(is(name, names[i]));
    }
    struct nidus_error error;
    CHECK(nidus_module_rewrite(made, &how, &twice, &error) == NIDUS_ERROR_USAGE);
    CHECK(strstr(error.text, "nidus:global:1") != NULL);
    nidus_module_free(made);
    nidus_rewritten_free(engine, &out);
    nidus_module_free(module);
    nidus_engine_free(engine);
}

static void survives_lack_of_memory(void)
{
    for (unsigned fail_at = 1;; fail_at++) {
        struct account account = {0};
        const struct nidus_config config = kit_config(&account);
        struct nidus_engine *engine;
        CHECK(nidus_engine_new(&config, &engine) == NIDUS_OK);
        struct nidus_module *module = load(engine, guest, sizeof guest);
        const struct nidus_rewrite how = {.flags = NIDUS_REWRITE_CHECKS | NIDUS_REWRITE_GLOBALS};
        struct nidus_rewritten out;
        account.fail_at = account.count + fail_at;
        enum nidus_code code = nidus_module_rewrite(module, &how, &out, NULL);
        account.fail_at = 0;
        if (code == NIDUS_OK)
            nidus_rewritten_free(engine, &out);
        nidus_module_free(module);
        nidus_engine_free(engine);
        CHECK(account.live == 0);
        if (code == NIDUS_OK)
            return;
        CHECK(code == NIDUS_ERROR_NO_MEMORY);
    }
}

static const struct test tests[] = {
    {"imports get the names that the host chooses, and keep their types", renames},
    {"imports keep their types in every form that these have", renames_modern},
    {"what is added is exported, and a module that has it already is refused", adds_exports},
    {"without memory nothing is made and nothing leaks", survives_lack_of_memory},
};
RUN_TESTS(tests)
