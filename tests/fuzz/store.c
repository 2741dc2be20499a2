#include "store.h"

#include "volume.h"

static struct blob blob_of(const void *bytes, uint32_t length) {
  struct blob blob = {malloc(length ? length : 1), length};
  require(blob.bytes);
  if (length) memcpy(blob.bytes, bytes, length);
  return blob;
}

static void *grown(void *block, uint32_t count, size_t size) {
  /* Powers of two, so that only then the block must move. */
  if (count & (count - 1)) return block;
  block = realloc(block, (count ? 2 * count : 1) * size);
  require(block);
  return block;
}

static void pending_free(struct store *store) {
  for (uint32_t i = 0; i < store->pending_count; i++) free((void *)(uintptr_t)store->pending[i].bytes);
  free(store->pending);
  store->pending = NULL;
  store->pending_count = 0;
  store->flushing = false;
}

static void log_clear(struct store *store) {
  for (uint32_t i = 0; i < store->log_count; i++) free(store->log[i].bytes);
  free(store->log);
  store->log = NULL;
  store->log_count = 0;
}

static void answers_free(struct store *store) {
  for (uint32_t i = 0; i < store->answer_count; i++) free(store->answers[i].blob.bytes);
  free(store->answers);
  store->answers = NULL;
  store->answer_count = 0;
}

void store_free(struct store *store) {
  pending_free(store);
  log_clear(store);
  answers_free(store);
  for (uint32_t i = 0; i < store->chunk_count; i++) free(store->chunks[i].blob.bytes);
  free(store->chunks);
  *store = (struct store){0};
}

static void log_add(struct store *store, const void *bytes, uint32_t length) {
  store->log = grown(store->log, store->log_count, sizeof *store->log);
  store->log[store->log_count++] = blob_of(bytes, length);
}

static struct stored_chunk *chunk_find(const struct store *store, uint64_t ino, uint64_t index) {
  for (uint32_t i = 0; i < store->chunk_count; i++) {
    if (store->chunks[i].ino == ino && store->chunks[i].index == index) return &store->chunks[i];
  }
  return NULL;
}

static void chunk_put(struct store *store, uint64_t ino, uint64_t index, const void *bytes, uint32_t length) {
  struct stored_chunk *chunk = chunk_find(store, ino, index);
  if (chunk) {
    free(chunk->blob.bytes);
  } else {
    store->chunks = grown(store->chunks, store->chunk_count, sizeof *store->chunks);
    chunk = &store->chunks[store->chunk_count++];
  }
  *chunk = (struct stored_chunk){ino, index, blob_of(bytes, length)};
}

static void chunks_cut(struct store *store, uint64_t ino, uint64_t from) {
  for (uint32_t i = store->chunk_count; i-- > 0;) {
    struct stored_chunk *chunk = &store->chunks[i];
    if (chunk->ino != ino || chunk->index < from) continue;
    free(chunk->blob.bytes);
    *chunk = store->chunks[--store->chunk_count];
  }
}

struct store store_copy(const struct store *store) {
  struct store copy = {.mount = store->mount};
  for (uint32_t i = 0; i < store->log_count; i++) log_add(&copy, store->log[i].bytes, store->log[i].length);
  for (uint32_t i = 0; i < store->chunk_count; i++) {
    const struct stored_chunk *chunk = &store->chunks[i];
    chunk_put(&copy, chunk->ino, chunk->index, chunk->blob.bytes, chunk->blob.length);
  }
  return copy;
}

uint64_t store_size(const struct store *store) {
  uint64_t size = 0;
  for (uint32_t i = 0; i < store->log_count; i++) size += store->log[i].length;
  return size;
}

/* ---- loading ---- */

int32_t store_mount(struct guest *guest, struct store *store, const char *path, uint32_t flags, uint64_t budget) {
  int32_t mount = nidus_mount_volume(guest->system, path, (uint32_t)strlen(path), flags, budget);
  require(mount > 0);
  store->mount = (uint32_t)mount;
  int32_t result = 0;
  for (uint32_t i = 0; i < store->log_count && result == 0; i++) {
    result = nidus_load(guest->system, store->mount, store->log[i].bytes, store->log[i].length);
  }
  int32_t end = nidus_load_end(guest->system, store->mount);
  return result ? result : end;
}

uint32_t store_ask(struct guest *guest, struct store *store) {
  struct nidus_want wants[NIDUS_WANTS];
  uint32_t count = nidus_volume_wants(guest->system, store->mount, false, wants);
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t k = 0; k < wants[i].count; k++) {
      static uint8_t byte[1] = {1};
      static const struct stored_chunk invented = {.blob = {byte, 1}};
      const struct stored_chunk *chunk = chunk_find(store, wants[i].ino, wants[i].first + k);
      if (store->invents) chunk = &invented;
      store->answers = grown(store->answers, store->answer_count, sizeof *store->answers);
      store->answers[store->answer_count++] =
          (struct stored_chunk){wants[i].ino, wants[i].first + k,
                                chunk ? blob_of(chunk->blob.bytes, chunk->blob.length) : blob_of("", 0)};
    }
  }
  return count;
}

uint32_t store_answer(struct guest *guest, struct store *store) {
  uint32_t count = store->answer_count;
  for (uint32_t i = 0; i < count; i++) {
    const struct stored_chunk *answer = &store->answers[i];
    store->loads++;
    require(nidus_chunk(guest->system, store->mount, answer->ino, answer->index, answer->blob.bytes,
                        answer->blob.length, store->fails ? WASI_EIO : WASI_ESUCCESS) == 0);
  }
  answers_free(store);
  return count;
}

static bool unblock(struct guest *guest) {
  struct store *store = guest->unblock_context;
  uint32_t kinds = (uint32_t)nidus_wait_kinds(guest->system, guest->pid);
  if (kinds & NIDUS_WAIT_CHUNK) {
    uint32_t had = store->answer_count;
    require(store_ask(guest, store) + had > 0);
    store_answer(guest, store);
    return true;
  }
  if (!(kinds & NIDUS_WAIT_FLUSH)) return false;
  if (!store->flushing) store_begin(guest, store);
  store_end(guest, store, !store->fails);
  return true;
}

void store_serves(struct guest *guest, struct store *store) {
  guest->unblock = unblock;
  guest->unblock_context = store;
}

/* ---- flushing ---- */

void store_apply(struct store *store, const struct volume_cut *cut) {
  if (cut->restart) {
    log_clear(store);
    store->restarts++;
  }
  for (uint32_t i = 0; i < cut->segment_count; i++) log_add(store, cut->segments[i].bytes, cut->segments[i].length);
  for (uint32_t i = 0; i < cut->cut_count; i++) chunks_cut(store, cut->cuts[i].ino, cut->cuts[i].from);
  for (uint32_t i = 0; i < cut->chunk_count; i++) {
    const struct volume_chunk *chunk = &cut->chunks[i];
    chunk_put(store, chunk->ino, chunk->index, chunk->bytes, chunk->length);
  }
}

void store_begin(struct guest *guest, struct store *store) {
  int32_t count = nidus_flush_begin(guest->system, store->mount);
  require(count >= 0);
  store->pending = malloc(((size_t)count + 1) * sizeof *store->pending);
  require(store->pending);
  store->pending_count = (uint32_t)count;
  store->flushing = true;
  uint32_t last = 0;
  for (uint32_t i = 0; i < store->pending_count; i++) {
    struct nidus_flush_record *record = &store->pending[i];
    require(nidus_flush_record(guest->system, store->mount, i, record));
    require(record->kind >= NIDUS_FLUSH_RESTART && record->kind <= NIDUS_FLUSH_CHUNK && record->kind >= last);
    require(record->kind != NIDUS_FLUSH_CHUNK || (record->length > 0 && record->length <= 65536));
    last = record->kind;
    record->bytes = blob_of(record->bytes, record->length).bytes;
  }
  struct nidus_flush_record none;
  require(!nidus_flush_record(guest->system, store->mount, store->pending_count, &none));
  require(nidus_flush_begin(guest->system, store->mount) == -WASI_EBUSY);
}

static void apply(struct store *store, const struct nidus_flush_record *record) {
  switch (record->kind) {
    case NIDUS_FLUSH_RESTART:
      log_clear(store);
      store->restarts++;
      break;
    case NIDUS_FLUSH_SEGMENT:
      log_add(store, record->bytes, record->length);
      break;
    case NIDUS_FLUSH_CUT:
      chunks_cut(store, record->ino, record->index);
      break;
    default:
      chunk_put(store, record->ino, record->index, record->bytes, record->length);
  }
}

void store_end(struct guest *guest, struct store *store, bool ok) {
  if (!store->flushing) return;
  for (uint32_t i = 0; i < store->pending_count && ok; i++) apply(store, &store->pending[i]);
  pending_free(store);
  nidus_flush_end(guest->system, store->mount, ok ? WASI_ESUCCESS : WASI_EIO);
}

void store_flush(struct guest *guest, struct store *store, bool ok) {
  store_begin(guest, store);
  store_end(guest, store, ok);
}

void store_flush_if_idle(struct guest *guest, struct store *store, bool ok) {
  if (!store->flushing) store_flush(guest, store, ok);
}
