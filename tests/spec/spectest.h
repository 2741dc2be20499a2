/* The host module "spectest" that the specification's scripts import from. */
#ifndef NIDUS_SPEC_SPECTEST_H
#define NIDUS_SPEC_SPECTEST_H

#include <nidus/engine.h>

/* Makes its functions, globals, table and memories in `store` and defines them in `linker`. */
NIDUS_CHECK enum nidus_code spectest_define(struct nidus_store *store, struct nidus_linker *linker);

#endif
