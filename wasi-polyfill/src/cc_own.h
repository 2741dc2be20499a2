/*
 * cc_own.h: Nidus's own headers and library for guests, as they lie in the sysroot: nidus/process.h, and libnidus.a, which
 * `cc` links. Only in toolchain.wasm.
 */
#ifndef NIDUS_CC_OWN_H
#define NIDUS_CC_OWN_H

#include <stdint.h>

/* The files as the beginning of a tar archive, from malloc; NULL when memory is short. */
uint8_t *cc_own(uint32_t *length);

#endif
