/*
 * image_model.h: what an image should hold, as a table in memory, and random cuts for both.
 */
#ifndef KERNEL_TEST_IMAGE_MODEL_H
#define KERNEL_TEST_IMAGE_MODEL_H

#include "block_sim.h"
#include "image.h"

enum { MODEL_INOS = 6, MODEL_CHUNKS = 24, CUT_SEGMENTS = 3, CUT_CHUNKS = 24, CUT_CUTS = 3 };

struct model {
  /* Of each chunk, the seed of its bytes and its length; 0: there is none. */
  struct {
    uint64_t seed;
    uint32_t length;
  } chunks[MODEL_INOS][MODEL_CHUNKS];
  uint64_t log; /* a sum over all segments, each with its length */
};

/* A cut, with the bytes that it points to. */
struct random_cut {
  struct volume_cut cut;
  struct volume_segment segments[CUT_SEGMENTS];
  struct volume_chunk_cut cuts[CUT_CUTS];
  struct volume_chunk chunks[CUT_CHUNKS];
};

/* Makes a cut, and what the model is with it. `size`: 0 small to 2 large. */
void cut_make(struct random_cut *random_cut, struct random *random, uint32_t size, const struct model *before,
              struct model *after);
void cut_free(struct random_cut *random_cut);

/* Whether the image holds exactly that; `damaged`: chunks that answer EIO are counted instead. */
bool model_holds(const struct model *model, struct image *image, uint32_t *damaged);

#endif
