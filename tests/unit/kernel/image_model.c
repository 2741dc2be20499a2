#include "image_model.h"

static void fill(uint8_t *bytes, uint32_t length, uint64_t seed) {
  struct random random = {seed};
  for (uint32_t i = 0; i < length; i += 8) {
    uint64_t value = random_next(&random);
    memcpy(bytes + i, &value, length - i < 8 ? length - i : 8);
  }
}

static uint8_t *made(uint32_t length, uint64_t seed) {
  uint8_t *bytes = malloc(length ? length : 1);
  require(bytes);
  fill(bytes, length, seed);
  return bytes;
}

static uint64_t log_sum(uint64_t log, const uint8_t *bytes, uint32_t length) {
  uint64_t sum = (log ^ length) * 0x100000001B3u + 1;
  for (uint32_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 0x100000001B3u;
  return sum;
}

void cut_make(struct random_cut *made_cut, struct random *random, uint32_t size, const struct model *before,
              struct model *after) {
  static const uint32_t segment_sizes[] = {200, 9000, 120000}, chunk_counts[] = {3, 6, CUT_CHUNKS + 1};
  struct volume_cut *cut = &made_cut->cut;
  *after = *before;
  *cut = (struct volume_cut){.restart = random_below(random, 12) == 0,
                             .segments = made_cut->segments,
                             .cuts = made_cut->cuts,
                             .chunks = made_cut->chunks};
  if (cut->restart) after->log = 0;
  cut->segment_count = 1 + (uint32_t)random_below(random, CUT_SEGMENTS);
  for (uint32_t i = 0; i < cut->segment_count; i++) {
    uint32_t length = (uint32_t)random_below(random, segment_sizes[size]);
    uint8_t *bytes = made(length, random_next(random) | 1);
    made_cut->segments[i] = (struct volume_segment){bytes, length};
    after->log = log_sum(after->log, bytes, length);
  }
  cut->cut_count = (uint32_t)random_below(random, 4) ? 0 : (uint32_t)random_below(random, CUT_CUTS + 1);
  for (uint32_t i = 0; i < cut->cut_count; i++) {
    uint64_t ino = random_below(random, MODEL_INOS), from = random_below(random, MODEL_CHUNKS);
    made_cut->cuts[i] = (struct volume_chunk_cut){ino, from};
    for (uint64_t k = from; k < MODEL_CHUNKS; k++) after->chunks[ino][k].length = 0;
  }
  uint32_t wanted = (uint32_t)random_below(random, chunk_counts[size]);
  uint64_t ino = random_below(random, MODEL_INOS), index = random_below(random, MODEL_CHUNKS);
  for (cut->chunk_count = 0; cut->chunk_count < wanted; cut->chunk_count++) {
    uint64_t seed = random_next(random) | 1;
    uint32_t length = random_below(random, 2) ? 65536 : 1 + (uint32_t)random_below(random, 65536);
    if (size == 0) length = 1 + (uint32_t)random_below(random, 9000);
    made_cut->chunks[cut->chunk_count] = (struct volume_chunk){ino, index, made(length, seed), length};
    after->chunks[ino][index].seed = seed;
    after->chunks[ino][index].length = length;
    /* Each key once. */
    index = (index + 1) % MODEL_CHUNKS;
    if (index == 0) ino = (ino + 1) % MODEL_INOS;
  }
}

void cut_free(struct random_cut *made_cut) {
  for (uint32_t i = 0; i < made_cut->cut.segment_count; i++) free((void *)made_cut->segments[i].bytes);
  for (uint32_t i = 0; i < made_cut->cut.chunk_count; i++) free((void *)made_cut->chunks[i].bytes);
}

static wasi_errno_t take_segment(void *context, const void *bytes, uint32_t length) {
  uint64_t *log = context;
  *log = log_sum(*log, bytes, length);
  return WASI_ESUCCESS;
}

static wasi_errno_t take_key(void *context, uint64_t ino, uint64_t index) {
  uint32_t *count = context;
  require(ino < MODEL_INOS && index < MODEL_CHUNKS);
  ++*count;
  return WASI_ESUCCESS;
}

bool model_holds(const struct model *model, struct image *image, uint32_t *damaged) {
  static uint8_t got[65536], expected[65536];
  uint32_t count = 0, keys = 0;
  uint64_t log = 0;
  if (image_log(image, &log, take_segment) || log != model->log) return false;
  OK(image_keys(image, &keys, take_key));
  for (uint64_t ino = 0; ino < MODEL_INOS; ino++) {
    for (uint64_t index = 0; index < MODEL_CHUNKS; index++) {
      uint32_t length, right = model->chunks[ino][index].length;
      wasi_errno_t error = image_load(image, ino, index, got, &length);
      if (error == WASI_EIO && damaged && right > 0) {
        ++*damaged;
        ++count;
        continue;
      }
      if (error || length != right) return false;
      count += right > 0;
      fill(expected, right, model->chunks[ino][index].seed);
      if (memcmp(got, expected, right) != 0) return false;
    }
  }
  return count == keys;
}
