/*
 * block_host.c: devices that the host has, by their numbers.
 */
#include "block_host.h"

#include "host.h"

static wasi_errno_t host_read(const struct block_device *device, uint64_t at, void *bytes, uint32_t length) {
  return host_errno(host_block((struct nidus_system *)device->context, read, device->number, at, bytes, length));
}

static wasi_errno_t host_write(const struct block_device *device, uint64_t at, const void *bytes, uint32_t length) {
  return host_errno(host_block((struct nidus_system *)device->context, write, device->number, at, bytes, length));
}

static wasi_errno_t host_flush(const struct block_device *device) {
  return host_errno(host_block((struct nidus_system *)device->context, flush, device->number));
}

static wasi_errno_t host_size(const struct block_device *device, uint64_t *size) {
  double got = host_block((struct nidus_system *)device->context, size, device->number);
  if (got < 0) return (wasi_errno_t)-got;
  *size = (uint64_t)got;
  return WASI_ESUCCESS;
}

static wasi_errno_t host_truncate(const struct block_device *device, uint64_t size) {
  return host_errno(host_block((struct nidus_system *)device->context, truncate, device->number, size));
}

struct block_device block_host(struct nidus_system *system, uint32_t number) {
  static const struct block_operations operations = {host_read, host_write, host_flush, host_size, host_truncate};
  return (struct block_device){&operations, system, number};
}

void block_host_close(const struct block_device *device) {
  (void)host_block((struct nidus_system *)device->context, close, device->number);
}
