/*
 * allocation.h: allocation under the test's eyes. Programs that include this are linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free, so that every allocation of the kernel is
 * counted, and the n-th can be made to fail.
 */
#ifndef KERNEL_TEST_ALLOCATION_H
#define KERNEL_TEST_ALLOCATION_H

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

/* The allocation after which all fail: 0 none; counts down. Blocks that live, and their bytes. */
static long fail_after = -1;
static bool failed;
static long blocks;
static size_t bytes_held, bytes_peak;

static bool refused(void) {
  if (fail_after < 0) return false;
  if (fail_after > 0) {
    fail_after--;
    return false;
  }
  failed = true;
  return true;
}

static void *held(void *block) {
  if (!block) return NULL;
  blocks++;
  bytes_held += malloc_usable_size(block);
  if (bytes_held > bytes_peak) bytes_peak = bytes_held;
  return block;
}

static void let_go(void *block) {
  if (!block) return;
  blocks--;
  bytes_held -= malloc_usable_size(block);
}

void *__wrap_malloc(size_t size) { return refused() ? NULL : held(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) { return refused() ? NULL : held(__real_calloc(count, size)); }
void *__wrap_realloc(void *block, size_t size) {
  if (refused()) return NULL;
  let_go(block);
  return held(__real_realloc(block, size));
}
void __wrap_free(void *block) {
  let_go(block);
  __real_free(block);
}

#endif
