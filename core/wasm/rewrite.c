/*
 * rewrite.wasm: the rewriter alone, for the programs of pages whose programs share a thread (web/turns.js). The engine is
 * three times as large, and most such pages need it for nothing else.
 *
 * Owns nothing between calls but what it has given out.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <nidus/engine.h>
#include <nidus/rewrite.h>

#include "module.h"

#define EXPORT(name) __attribute__((export_name(#name), used))

/* Of this interface, not of the package. */
enum { VERSION = 2 };

_Static_assert(sizeof(struct nidus_rewritten) == 20 && offsetof(struct nidus_rewritten, moved) == 12, "turns.js knows");

EXPORT(rewrite_version) uint32_t rewrite_version(void) { return VERSION; }

/* Room for a module; NULL: there is none. */
EXPORT(rewrite_room) void *rewrite_room(uint32_t size) { return malloc(size); }

/* Gives room, or what a result leads to, back. */
EXPORT(rewrite_release) void rewrite_release(void *block) { free(block); }

/*
 * Makes a module with countdown checks of the one in `bytes`: fills in `made`, of which `bytes` and `moved` are to be released.
 * Answers 0 where it is to be left as it is, being none, or too large, or having names of the rewriter's; 2 where it has a start
 * function; else 1.
 */
EXPORT(rewrite_checks) int32_t rewrite_checks(const void *bytes, uint32_t length, struct nidus_rewritten *made)
{
    const struct nidus_rewrite how = {.flags = NIDUS_REWRITE_CHECKS};
    struct nidus_engine *engine = NULL;
    struct nidus_module *module = NULL;
    int32_t answer = 1;
    enum nidus_code code = nidus_engine_new(NULL, &engine);

    if (code != NIDUS_OK)
        return 0;
    code = nidus_module_load(engine, bytes, length, NIDUS_LOAD_BORROW, &module, NULL);
    if (code == NIDUS_OK) {
        if (module->start != NO_INDEX)
            answer = 2;
        code = nidus_module_rewrite(module, &how, made, NULL);
        nidus_module_free(module);
    }
    nidus_engine_free(engine);
    return code == NIDUS_OK ? answer : 0;
}
