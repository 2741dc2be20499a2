#include "block_sim.h"

enum { SECTOR = 512 };

static struct block_sim *sim_of(const struct block_device *device) { return device->context; }

/* Whether this call is one that fails. */
static bool fails(struct block_sim *sim) {
  sim->calls++;
  return sim->fail_at && sim->calls >= sim->fail_at && sim->calls - sim->fail_at < sim->fail_calls;
}

static void note(struct block_sim *sim, uint64_t at, const void *bytes, uint32_t length) {
  if (sim->write_count == sim->write_capacity) {
    sim->write_capacity = sim->write_capacity * 2 + 16;
    sim->writes = realloc(sim->writes, sim->write_capacity * sizeof *sim->writes);
    require(sim->writes);
  }
  struct sim_write *write = &sim->writes[sim->write_count++];
  *write = (struct sim_write){at, bytes ? malloc(length) : NULL, length};
  if (bytes) {
    require(write->bytes);
    memcpy(write->bytes, bytes, length);
  }
}

static wasi_errno_t sim_read(const struct block_device *device, uint64_t at, void *bytes, uint32_t length) {
  struct block_sim *sim = sim_of(device);
  if (at > sim->size || length > sim->size - at) return WASI_EIO;
  memcpy(bytes, sim->bytes + at, length);
  return WASI_ESUCCESS;
}

static void put(uint8_t *into, uint64_t *size, uint64_t at, const void *bytes, uint32_t length) {
  if (at > *size) memset(into + *size, 0, at - *size);
  memcpy(into + at, bytes, length);
  if (at + length > *size) *size = at + length;
}

static void store(struct block_sim *sim, uint64_t at, const void *bytes, uint32_t length) {
  require(at + length <= sim->capacity);
  put(sim->bytes, &sim->size, at, bytes, length);
}

static wasi_errno_t sim_write(const struct block_device *device, uint64_t at, const void *bytes, uint32_t length) {
  struct block_sim *sim = sim_of(device);
  bool failing = fails(sim), full = at + length > sim->limit && at + length > sim->size;
  if (failing || full) {
    /* A part of it has been written. */
    uint32_t part = length / 2 / SECTOR * SECTOR;
    if (full && at + part > sim->limit) part = at < sim->limit ? (uint32_t)(sim->limit - at) : 0;
    if (part > 0) {
      note(sim, at, bytes, part);
      store(sim, at, bytes, part);
    }
    return failing ? sim->failure : WASI_ENOSPC;
  }
  note(sim, at, bytes, length);
  store(sim, at, bytes, length);
  return WASI_ESUCCESS;
}

static void forget_writes(struct block_sim *sim) {
  for (uint32_t i = 0; i < sim->write_count; i++) free(sim->writes[i].bytes);
  sim->write_count = 0;
}

static wasi_errno_t sim_flush(const struct block_device *device) {
  struct block_sim *sim = sim_of(device);
  if (fails(sim)) return sim->failure;
  for (uint32_t i = 0; i < sim->write_count; i++) {
    const struct sim_write *write = &sim->writes[i];
    if (write->bytes) put(sim->lasting, &sim->lasting_size, write->at, write->bytes, write->length);
    else if (write->at < sim->lasting_size) sim->lasting_size = write->at;
  }
  forget_writes(sim);
  return WASI_ESUCCESS;
}

static wasi_errno_t sim_size(const struct block_device *device, uint64_t *size) {
  *size = sim_of(device)->size;
  return WASI_ESUCCESS;
}

static wasi_errno_t sim_truncate(const struct block_device *device, uint64_t size) {
  struct block_sim *sim = sim_of(device);
  if (fails(sim)) return sim->failure;
  require(size <= sim->size);
  note(sim, size, NULL, 0);
  sim->size = size;
  return WASI_ESUCCESS;
}

static const struct block_operations operations = {sim_read, sim_write, sim_flush, sim_size, sim_truncate};

void sim_open(struct block_sim *sim, uint64_t capacity, struct block_device *device) {
  *sim = (struct block_sim){.capacity = capacity, .limit = capacity, .failure = WASI_EIO, .fail_calls = 1};
  sim->bytes = calloc(1, capacity);
  sim->lasting = calloc(1, capacity);
  require(sim->bytes && sim->lasting);
  *device = (struct block_device){&operations, sim, 0};
}

void sim_close(struct block_sim *sim) {
  forget_writes(sim);
  free(sim->writes);
  free(sim->bytes);
  free(sim->lasting);
}

void sim_crash(struct block_sim *sim, struct random *random) {
  /* In how many of a hundred cases a sector is kept. */
  static const uint8_t chances[] = {0, 10, 50, 90, 100};
  uint64_t chance = chances[random_below(random, sizeof chances)];
  bool in_order = random_below(random, 2);
  memcpy(sim->bytes, sim->lasting, sim->lasting_size);
  sim->size = sim->lasting_size;
  while (sim->write_count > 0) {
    uint32_t i = in_order ? 0 : (uint32_t)random_below(random, sim->write_count);
    struct sim_write write = sim->writes[i];
    memmove(&sim->writes[i], &sim->writes[i + 1], (--sim->write_count - i) * sizeof write);
    if (!write.bytes && write.at < sim->size && random_below(random, 100) < chance) sim->size = write.at;
    for (uint64_t at = write.at, end = write.at + write.length; at < end;) {
      uint64_t next = (at / SECTOR + 1) * SECTOR < end ? (at / SECTOR + 1) * SECTOR : end;
      if (random_below(random, 100) < chance) store(sim, at, write.bytes + (at - write.at), (uint32_t)(next - at));
      at = next;
    }
    free(write.bytes);
  }
  /* The size may have lasted without the bytes. */
  if (random_below(random, 4) == 0 && sim->size + SECTOR <= sim->limit) {
    uint8_t garbage[SECTOR];
    memset(garbage, 0xA5, sizeof garbage);
    store(sim, sim->size, garbage, sizeof garbage);
  }
  memcpy(sim->lasting, sim->bytes, sim->size);
  sim->lasting_size = sim->size;
  sim->fail_at = 0;
}
