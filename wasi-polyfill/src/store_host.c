#include "store_host.h"

#include <stdlib.h>

#include "host.h"

struct host_store {
  struct volume_store store; /* first */
  uint32_t number;
};

static uint32_t number_of(const struct volume_store *store) { return ((const struct host_store *)store)->number; }

/* The host hands over one segment after the other, in memory from nidus_alloc; 0: there are no more. */
static wasi_errno_t store_log(struct volume_store *store, void *context,
                              wasi_errno_t (*take)(void *context, const void *bytes, uint32_t length)) {
  for (;;) {
    struct nidus_listing segment = {NULL, 0};
    int32_t result = import_store_segment(number_of(store), &segment);
    if (result <= 0) return host_errno(result);
    wasi_errno_t error = take(context, segment.bytes, segment.length);
    free(segment.bytes);
    if (error) return error;
  }
}

static wasi_errno_t store_load(struct volume_store *store, uint64_t ino, uint64_t index, void *bytes,
                               uint32_t *length) {
  int32_t result = import_store_load(number_of(store), (double)ino, (double)index, bytes);
  *length = result > 0 ? (uint32_t)result : 0;
  return host_errno(result);
}

/* The host asks for the records (nidus_flush_record) during the call. */
static wasi_errno_t store_commit(struct volume_store *store, const struct volume_cut *cut) {
  uint32_t records = cut->restart + cut->segment_count + cut->cut_count + cut->chunk_count;
  return host_errno(import_store_commit(number_of(store), records));
}

static void store_close(struct volume_store *store) {
  import_store_close(number_of(store));
  free(store);
}

int32_t store_mount(struct nidus_system *system, const char *path, uint32_t length, uint32_t number, uint32_t flags,
                    uint64_t budget) {
  struct host_store *own = calloc(1, sizeof *own);
  if (!own) {
    import_store_close(number);
    return -WASI_ENOMEM;
  }
  own->store = (struct volume_store){.log = store_log, .load = store_load, .commit = store_commit, .close = store_close};
  own->number = number;
  return volume_mount(system, path, length, &own->store, flags, budget);
}
