/*
 * fuzz_rewriter.c: the input is a module, whose last byte is also the size of its pieces. However it arrives, the
 * same comes out; of a valid module a valid one, or none. Reading beyond it is the sanitiser's finding.
 */
#include <nidus/engine.h>

#include "guest.h"
#include "rewriter.h"
#include "writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What becomes of a module; false: it cannot be rewritten. */
static bool rewrite(const uint8_t *bytes, size_t size, uint32_t piece, struct writer *out) {
  struct rewriter *rewriter = rewriter_create(true);
  require(rewriter);
  bool good = true;
  for (size_t at = 0; good;) {
    uint32_t length = size - at < piece ? (uint32_t)(size - at) : piece;
    if (rewriter->skip && length > rewriter->skip) length = rewriter->skip;
    if (rewriter->skip) writer_bytes(out, bytes + at, length);
    else if (length > 0) memcpy(rewriter->into, bytes + at, length);
    int32_t result = rewriter_take(rewriter, length);
    require(result == 0 || result == -WASI_ENOTSUP);
    good = result == 0;
    writer_bytes(out, rewriter->from, rewriter->length);
    at += length;
    if (length == 0) break;
  }
  rewriter_destroy(rewriter);
  return good;
}

static bool is_valid(struct nidus_engine *engine, const uint8_t *bytes, size_t size) {
  struct nidus_error error;
  return nidus_module_validate(engine, bytes, size, &error) == NIDUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  struct writer whole = {0}, pieces = {0};
  bool good = rewrite(data, size, REWRITER_WINDOW, &whole);
  require(good == rewrite(data, size, 1 + data[size - 1], &pieces));
  if (good) {
    require(whole.length == pieces.length);
    require(whole.length == 0 || memcmp(whole.bytes, pieces.bytes, whole.length) == 0);
    struct nidus_engine *engine = NULL;
    require(nidus_engine_new(NULL, &engine) == NIDUS_OK);
    if (is_valid(engine, data, size)) require(is_valid(engine, whole.bytes, whole.length));
    nidus_engine_free(engine);
  }
  free(whole.bytes);
  free(pieces.bytes);
  return 0;
}
