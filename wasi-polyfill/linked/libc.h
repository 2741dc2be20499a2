/*
 * libc.h: of the guest's C library, what libnidus.a needs: its own headers are not there when this is compiled.
 */
#ifndef NIDUS_LINKED_LIBC_H
#define NIDUS_LINKED_LIBC_H

#include <stddef.h>
#include <stdint.h>

#include "nidus/process_abi.h"

extern int errno;
extern char **__wasilibc_environ;
void __wasilibc_ensure_environ(void);
void *malloc(size_t size);
void free(void *bytes);
size_t strlen(const char *text);
void *memcpy(void *to, const void *from, size_t length);
int strcmp(const char *a, const char *b);

enum { E2BIG = 1, EINVAL = 28, ENOMEM = 48, ERANGE = 68 };

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define CALL(name) IMPORT("nidus_process", #name)
#define WEAK __attribute__((weak))

/* 0, or errno and -1. */
static inline int answer(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

/* <signal.h> counts SIGSTKFLT, which WASI has not. */
enum { SIGSTKFLT = 16 };
static inline int wasi_signal(int signal) { return signal > SIGSTKFLT ? signal - 1 : signal == SIGSTKFLT ? -1 : signal; }
static inline int libc_signal(int signal) { return signal >= SIGSTKFLT ? signal + 1 : signal; }

#endif
