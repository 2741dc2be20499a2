/*
 * archive_exports.c: the exports of archive.wasm (docs/kernel-abi.md), which a host loads when a tree is first
 * exported or imported. Only compiled to wasm.
 *
 * The module is a part of the kernel that comes later: it works in the kernel's memory, calls the kernel's functions
 * (those that it lacks are its imports) and allocates from the kernel's heap. Its own data and stack lie below
 * the kernel's, in a room that the link of kernel.wasm leaves free (CMakeLists.txt).
 */
#include <string.h>

#include "tar.h"
#include "wasm_give.h"

/* ---- the kernel's heap, instead of one of our own ---- */

__attribute__((import_module("kernel"), import_name("nidus_realloc"))) void *kernel_realloc(void *bytes, size_t size);
__attribute__((import_module("kernel"), import_name("nidus_free"))) void kernel_free(void *bytes);

void *realloc(void *bytes, size_t size) { return kernel_realloc(bytes, size); }
void *malloc(size_t size) { return kernel_realloc(NULL, size); }
void free(void *bytes) { kernel_free(bytes); }

void *calloc(size_t count, size_t size) {
  /* Nothing here asks for more than a structure. */
  void *bytes = kernel_realloc(NULL, count * size);
  if (bytes) memset(bytes, 0, count * size);
  return bytes;
}

/* ---- the calls: what begins is given a path, the one string, and answers a handle, which is good until the end;
 * all others are called alike ---- */

EXPORT("nidus_export_begin")
int32_t export_export_begin(const char *path, uint32_t length, struct nidus_system *system) {
  struct reply reply = {0};
  struct tar_writer *writer;
  int32_t result = tar_write_begin(system, path, length - 1, &writer, &reply);
  return reply_give(&reply, result < 0 ? result : (int32_t)writer);
}

EXPORT("nidus_export_next")
int32_t export_export_next(const char *none, uint32_t length, struct tar_writer *writer) {
  (void)none, (void)length;
  struct reply reply = {0};
  return reply_give(&reply, tar_write_next(writer, &reply));
}

EXPORT("nidus_export_end")
int32_t export_export_end(const char *none, uint32_t length, struct tar_writer *writer) {
  (void)none, (void)length;
  tar_write_end(writer);
  return give(0, NULL, 0);
}

EXPORT("nidus_import_begin")
int32_t export_import_begin(const char *path, uint32_t length, struct nidus_system *system) {
  struct reply reply = {0};
  struct tar_import *import;
  int32_t result = tar_import_begin(system, path, length - 1, &import, &reply);
  return reply_give(&reply, result < 0 ? result : (int32_t)import);
}

EXPORT("nidus_import_take")
int32_t export_import_take(const char *bytes, uint32_t length, struct tar_import *import) {
  struct reply reply = {0};
  return reply_give(&reply, tar_import_take(import, bytes, length, &reply));
}

EXPORT("nidus_import_finish")
int32_t export_import_finish(const char *none, uint32_t length, struct tar_import *import) {
  (void)none, (void)length;
  struct reply reply = {0};
  return reply_give(&reply, tar_import_finish(import, &reply));
}

EXPORT("nidus_import_end")
int32_t export_import_end(const char *none, uint32_t length, struct tar_import *import) {
  (void)none, (void)length;
  tar_import_end(import);
  return give(0, NULL, 0);
}
