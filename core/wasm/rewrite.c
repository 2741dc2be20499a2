/*
 * rewrite.wasm: the rewriter alone, for the programs of pages whose programs share a thread (web/turns.js). The engine is
 * three times as large, and most such pages need it for nothing else.
 *
 * Owns nothing between calls but what it has given out.
 */
#include <stdint.h>
#include <stdlib.h>

#include <nidus/engine.h>
#include <nidus/rewrite.h>

#define EXPORT(name) __attribute__((export_name(#name), used))

/* Of this interface, not of the package. */
enum { VERSION = 1 };

EXPORT(rewrite_version) uint32_t rewrite_version(void) { return VERSION; }

/* Room for a module; NULL: there is none. */
EXPORT(rewrite_room) void *rewrite_room(uint32_t size) { return malloc(size); }

/* Gives room, or a result, back. */
EXPORT(rewrite_release) void rewrite_release(void *block) { free(block); }

/*
 * Makes a module with countdown checks of the one in `bytes`: where it begins, to be released; *size gets how long it is.
 * NULL: it is to be left as it is, being none, or too large, or having names of the rewriter's.
 */
EXPORT(rewrite_checks) uint8_t *rewrite_checks(const void *bytes, uint32_t length, uint32_t *size)
{
    const struct nidus_rewrite how = {.flags = NIDUS_REWRITE_CHECKS};
    struct nidus_engine *engine = NULL;
    struct nidus_module *module = NULL;
    struct nidus_rewritten made = {NULL, 0, false};

    if (nidus_engine_new(NULL, &engine) != NIDUS_OK)
        return NULL;
    if (nidus_module_load(engine, bytes, length, NIDUS_LOAD_BORROW, &module, NULL) == NIDUS_OK) {
        if (nidus_module_rewrite(module, &how, &made, NULL) != NIDUS_OK)
            made.bytes = NULL;
        nidus_module_free(module);
    }
    nidus_engine_free(engine);
    *size = (uint32_t)made.size;
    return made.bytes;
}
