/*
 * inspect.h: `nidus inspect`: what a module is made of, and what it asks of hosts.
 */
#ifndef NIDUS_NATIVE_INSPECT_H
#define NIDUS_NATIVE_INSPECT_H

#include <stddef.h>

/* Prints it, or on stderr why the bytes are no valid module; the exit status. */
int inspect(const char *name, const void *bytes, size_t size);

#endif
