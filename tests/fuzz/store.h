/*
 * store.h: the store of a persistent volume, in memory, for tests: it keeps the log and the chunks, takes flushes that
 * may take their time and fail, and answers for chunks, at once or later.
 */
#ifndef FUZZ_STORE_H
#define FUZZ_STORE_H

#include "guest.h"

struct blob {
  uint8_t *bytes;
  uint32_t length;
};

struct stored_chunk {
  uint64_t ino, index;
  struct blob blob;
};

struct store {
  struct blob *log;
  uint32_t log_count;
  struct stored_chunk *chunks;
  uint32_t chunk_count;
  uint32_t mount;   /* of the volume it serves */
  uint64_t restarts;
  uint64_t loads;   /* chunks given */
  bool fails;       /* flushes and requests for chunks do */
  bool invents;     /* gives a byte for every chunk */
  /* A flush under way, and answers that have not been given yet. */
  struct nidus_flush_record *pending;
  uint32_t pending_count;
  bool flushing;
  struct stored_chunk *answers;
  uint32_t answer_count;
};

void store_free(struct store *store);
/* The copy must be freed, too. */
struct store store_copy(const struct store *store);

/* Mounts a volume at `path` and loads the log. Returns what nidus_load and nidus_load_end answered. */
int32_t store_mount(struct guest *guest, struct store *store, const char *path, uint32_t flags, uint64_t budget);
/* Calls that would block are answered for by the store from now on. */
void store_serves(struct guest *guest, struct store *store);

/* What the cut of a volume that is served in the same call changes. */
struct volume_cut;
void store_apply(struct store *store, const struct volume_cut *cut);

/* Takes the cut of a flush; ends it, so that all of it or nothing is stored; both. */
void store_begin(struct guest *guest, struct store *store);
void store_end(struct guest *guest, struct store *store, bool ok);
void store_flush(struct guest *guest, struct store *store, bool ok);
void store_flush_if_idle(struct guest *guest, struct store *store, bool ok);

/* Looks up what is wanted, as it is stored now; gives it, then or later. Answers how much there was. */
uint32_t store_ask(struct guest *guest, struct store *store);
uint32_t store_answer(struct guest *guest, struct store *store);

uint64_t store_size(const struct store *store); /* of the log */

#endif
