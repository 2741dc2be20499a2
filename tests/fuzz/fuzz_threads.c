/*
 * Any bytes as a program with threads, as engine.wasm runs it (core/wasm/guest.h).
 *
 * What must hold: no access outside the engine's objects (the sanitisers watch), no run beyond its fuel, no slice
 * without an end, and a second execution with the same seed ends alike. The last byte is no part of the module: it is
 * the seed, and from 0xC0 on it chooses an allocation that fails.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/wasm/guest.h"
#include "account.h"
#include "execution.h"

enum {
    FUEL = 20000,
    MOST_BYTES = 64 << 20,
    MOST_THREADS = 5,
    MOST_SLICES = 50,
    MOST_EXPORTS = 16,
};

static uint64_t calls;

static uint32_t answer(uint32_t index, const uint64_t *slots, uint8_t *memory, size_t size, uint32_t thread)
{
    (void)slots;
    if (thread > MOST_THREADS)
        abort();
    if (memory && size)
        memory[calls % size]++;
    execution_mix(&calls, index + thread);
    return calls & 3 ? (uint32_t)calls & 0xff : GUEST_WOULD_BLOCK;
}

static uint64_t execute(const uint8_t *bytes, size_t size, uint32_t entry, uint8_t choice)
{
    struct account account = {.most = MOST_BYTES, .fail_at = choice >= 0xC0 ? 1 + 4u * (choice - 0xC0u) : 0};
    struct nidus_config config;
    struct nidus_engine *engine;
    uint64_t hash = EXECUTION_FIRST_HASH;
    nidus_config_default(&config);
    config.allocator = account_allocator(&account);
    if (nidus_engine_new(&config, &engine))
        return 0;
    calls = choice;
    struct guest *guest = guest_new(engine, answer);
    if (guest && strncmp(guest_load(guest, bytes, size, (struct nidus_name){"fuzz", 4}), "{\"imports", 9) == 0 &&
        strcmp(guest_start(guest, entry, FUEL, MOST_THREADS, choice), "{}") == 0) {
        enum nidus_status status = NIDUS_RUN_READY;
        for (int i = 0; i < MOST_SLICES && (status == NIDUS_RUN_READY || status == NIDUS_RUN_BLOCKED); i++)
            status = guest_resume(guest, i * (int64_t)1000000);
        execution_mix(&hash, status);
        if (status == NIDUS_RUN_TRAPPED && guest_trap(guest)[0] != '{' && !account.fail_at)
            abort();
    }
    execution_mix(&hash, calls);
    guest_free(guest);
    nidus_engine_free(engine);
    if (account.live)
        abort();
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* Of a block of its own, so that reading beyond it is seen. */
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    uint8_t choice = bytes[size - 1];
    for (uint32_t entry = 0; entry < MOST_EXPORTS; entry++)
        if (execute(bytes, size - 1, entry, choice) != execute(bytes, size - 1, entry, choice))
            abort();
    free(bytes);
    return 0;
}
