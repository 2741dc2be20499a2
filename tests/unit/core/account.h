/*
 * account.h: the allocator of the engine's tests and fuzz target, which counts, and can fail.
 *
 * Invariant: `live` is exact as long as the engine frees each block with the size it was made with,
 * which it promises; where nothing leaks and nothing is freed twice it ends as 0.
 */
#ifndef CORE_TEST_ACCOUNT_H
#define CORE_TEST_ACCOUNT_H

#include <nidus/engine.h>

struct account {
    size_t live;      /* bytes */
    size_t most;      /* what would exceed it fails; 0: no limit */
    unsigned count;   /* allocations and growths so far */
    unsigned fail_at; /* this one and all later ones fail; 0: none */
};

struct nidus_allocator account_allocator(struct account *account);

#endif
