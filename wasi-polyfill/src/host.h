/*
 * host.h: calls to the world outside. In kernel.wasm these are imports of module `host`; natively
 * they go through the struct nidus_host given to nidus_system_create.
 */
#ifndef NIDUS_HOST_H
#define NIDUS_HOST_H

#include "system.h"

#ifdef __wasm__

#define HOST_IMPORT(name) __attribute__((import_module("host"), import_name(name)))
HOST_IMPORT("stream_read") int32_t import_stream_read(uint32_t stream, void *bytes, uint32_t length);
HOST_IMPORT("stream_write") int32_t import_stream_write(uint32_t stream, const void *bytes, uint32_t length);
HOST_IMPORT("stream_ready") int32_t import_stream_ready(uint32_t stream);
HOST_IMPORT("stream_accept") int32_t import_stream_accept(uint32_t listener);
HOST_IMPORT("stream_shutdown") int32_t import_stream_shutdown(uint32_t stream, uint32_t how);
HOST_IMPORT("stream_state") void import_stream_state(uint32_t stream, uint32_t state);
HOST_IMPORT("changed") void import_changed(void); /* shared build only */
HOST_IMPORT("now") double import_now(void);
HOST_IMPORT("monotonic") double import_monotonic(void);
HOST_IMPORT("random") void import_random(void *bytes, uint32_t length);
HOST_IMPORT("fs_stat") int32_t import_fs_stat(uint32_t mount, const char *path, uint32_t length, struct nidus_stat *out);
HOST_IMPORT("fs_open") int32_t import_fs_open(uint32_t mount, const char *path, uint32_t length, uint32_t flags);
HOST_IMPORT("fs_close") void import_fs_close(int32_t handle);
HOST_IMPORT("fs_fstat") int32_t import_fs_fstat(int32_t handle, struct nidus_stat *out);
HOST_IMPORT("fs_read") int32_t import_fs_read(int32_t handle, void *bytes, uint32_t length, uint64_t offset);
HOST_IMPORT("fs_write") int32_t import_fs_write(int32_t handle, const void *bytes, uint32_t length, uint64_t offset);
HOST_IMPORT("fs_truncate") int32_t import_fs_truncate(int32_t handle, uint64_t size);
HOST_IMPORT("fs_sync") int32_t import_fs_sync(int32_t handle, uint32_t data_only);
HOST_IMPORT("fs_utimes")
int32_t import_fs_utimes(uint32_t mount, const char *path, uint32_t length, uint64_t atime, uint64_t mtime);
HOST_IMPORT("fs_futimes") int32_t import_fs_futimes(int32_t handle, uint64_t atime, uint64_t mtime);
HOST_IMPORT("fs_list")
int32_t import_fs_list(uint32_t mount, const char *path, uint32_t length, struct nidus_listing *out);
HOST_IMPORT("fs_mkdir") int32_t import_fs_mkdir(uint32_t mount, const char *path, uint32_t length);
HOST_IMPORT("fs_rmdir") int32_t import_fs_rmdir(uint32_t mount, const char *path, uint32_t length);
HOST_IMPORT("fs_unlink") int32_t import_fs_unlink(uint32_t mount, const char *path, uint32_t length);
HOST_IMPORT("fs_rename")
int32_t import_fs_rename(uint32_t mount, const char *from, uint32_t from_length, const char *to, uint32_t to_length);
HOST_IMPORT("fs_link")
int32_t import_fs_link(uint32_t mount, const char *from, uint32_t from_length, const char *to, uint32_t to_length);
HOST_IMPORT("fs_symlink")
int32_t import_fs_symlink(uint32_t mount, const char *target, uint32_t target_length, const char *path,
                          uint32_t length);
HOST_IMPORT("fs_readlink")
int32_t import_fs_readlink(uint32_t mount, const char *path, uint32_t length, char *buffer, uint32_t buffer_length);

HOST_IMPORT("store_segment") int32_t import_store_segment(uint32_t store, struct nidus_listing *out);
HOST_IMPORT("store_load") int32_t import_store_load(uint32_t store, double ino, double index, void *bytes);
HOST_IMPORT("store_commit") int32_t import_store_commit(uint32_t store, uint32_t records);
HOST_IMPORT("store_close") void import_store_close(uint32_t store);

#define host_stream_read(system, ...) ((void)(system), import_stream_read(__VA_ARGS__))
#define host_stream_write(system, ...) ((void)(system), import_stream_write(__VA_ARGS__))
#define host_stream_ready(system, stream) ((void)(system), import_stream_ready(stream))
#define host_stream_accept(system, listener) ((void)(system), import_stream_accept(listener))
#define host_stream_shutdown(system, ...) ((void)(system), import_stream_shutdown(__VA_ARGS__))
#define host_stream_state(system, ...) ((void)(system), import_stream_state(__VA_ARGS__))
/* wasm_clock.c */
uint64_t wasm_clock(uint32_t id);
uint64_t wasm_clock_resolution(void);
#define host_clock(system, id) ((void)(system), wasm_clock(id))
#define host_clock_resolution(system, id) ((void)(system), (void)(id), wasm_clock_resolution())
#define host_now(system) ((void)(system), import_now())
#define host_random(system, ...) ((void)(system), import_random(__VA_ARGS__))
#define host_fs(system, operation, ...) ((void)(system), import_fs_##operation(__VA_ARGS__))

#else

#define host_stream_read(system, ...) (system)->host->stream_read((system)->host->context, __VA_ARGS__)
#define host_stream_write(system, ...) (system)->host->stream_write((system)->host->context, __VA_ARGS__)
#define host_stream_ready(system, stream) (system)->host->stream_ready((system)->host->context, stream)
#define host_stream_accept(system, listener) \
  ((system)->host->stream_accept ? (system)->host->stream_accept((system)->host->context, listener) : -WASI_ENOTSUP)
#define host_stream_shutdown(system, ...) \
  ((system)->host->stream_shutdown ? (system)->host->stream_shutdown((system)->host->context, __VA_ARGS__) : -WASI_ENOTSUP)
#define host_stream_state(system, ...) \
  ((system)->host->stream_state ? (system)->host->stream_state((system)->host->context, __VA_ARGS__) : (void)0)
#define host_clock(system, id) (system)->host->clock((system)->host->context, id)
#define host_clock_resolution(system, id) (system)->host->clock_resolution((system)->host->context, id)
#define host_now(system) (system)->host->now((system)->host->context)
#define host_random(system, ...) (system)->host->random((system)->host->context, __VA_ARGS__)
#define host_fs(system, operation, ...) (system)->host->fs_##operation((system)->host->context, __VA_ARGS__)
#define host_block(system, operation, ...) (system)->host->block_##operation((system)->host->context, __VA_ARGS__)

#endif

/* The host's answer as an errno: WASI_ESUCCESS for zero and above. */
static inline wasi_errno_t host_errno(int32_t result) {
  return result < 0 ? (wasi_errno_t)-result : WASI_ESUCCESS;
}

#endif
