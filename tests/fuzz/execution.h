/* What the fuzz targets that execute modules share: imports for any module, and outcomes as one number. */
#ifndef NIDUS_FUZZ_EXECUTION_H
#define NIDUS_FUZZ_EXECUTION_H

#include <nidus/engine.h>

enum { EXECUTION_MOST_IMPORTS = 64 };
#define EXECUTION_FIRST_HASH UINT64_C(14695981039346656037)

/* What a module is given. Its functions answer zeros; `types` are theirs. */
struct imports {
    uint32_t count;
    struct nidus_extern items[EXECUTION_MOST_IMPORTS];
    struct nidus_functype types[EXECUTION_MOST_IMPORTS];
};

/* False: it asks for too many, for a non-null reference, or for more memory than there is. */
bool imports_provide(struct nidus_store *store, const struct nidus_module *module, struct imports *imports);

void execution_mix(uint64_t *hash, uint64_t value);
/* The bits of values; of references only whether they are null. */
void execution_mix_values(uint64_t *hash, const struct nidus_value *values, uint32_t count);
/* The size and the first bytes of the instance's first memory, if it has any. */
void execution_mix_memory(uint64_t *hash, struct nidus_instance *instance);

#endif
