/*
 * toolchain_exports.c: the exports of toolchain.wasm (docs/kernel-abi.md), which a page loads when `cc` is first
 * used. Only compiled to wasm. It touches no system and imports nothing: strings and bytes in, strings and
 * bytes out.
 */
#include <stddef.h>

#include "cc_own.h"
#include "cc_run.h"
#include "prompt_object.h"
#include "rewriter.h"
#include "wasm_give.h"

/* ---- runs of `cc` (cc_run.h) ---- */

static struct cc_answers answers;

EXPORT("nidus_cc_begin")
int32_t export_cc_begin(const char *strings, uint32_t length, uint32_t argc, uint32_t terminal, uint32_t seed,
                        uint32_t pid) {
  struct cc_run *run = cc_run_begin(&answers, strings, length, argc, terminal != 0, seed, pid);
  return give(run ? (int32_t)run : -WASI_ENOMEM, NULL, 0);
}

EXPORT("nidus_cc_next")
int32_t export_cc_next(const char *trap, uint32_t length, struct cc_run *run, int32_t result) {
  (void)length;
  struct reply reply = {0};
  return reply_give(&reply, cc_run_next(run, result, trap, &reply));
}

EXPORT("nidus_cc_says")
int32_t export_cc_says(const char *text, uint32_t length, struct cc_run *run) {
  const struct reply *shown = cc_run_says(run, text, length);
  given.bytes = shown->bytes;
  given.length = shown->length;
  return 0;
}

EXPORT("nidus_cc_end") int32_t export_cc_end(const char *strings, uint32_t length, struct cc_run *run) {
  (void)strings, (void)length;
  struct reply reply = {0};
  cc_run_end(run, &reply);
  return reply_give(&reply, 0);
}

EXPORT("nidus_cc_messages") int32_t export_cc_messages(const char *text, uint32_t length) {
  struct reply reply = {0};
  cc_messages(text, length - 1, &reply);
  reply_string(&reply, "");
  return reply_give(&reply, 0);
}

/* ---- command lines (cc.h) ---- */

EXPORT("nidus_cc_plan")
int32_t export_cc_plan(const char *strings, uint32_t length, uint32_t argc, uint32_t flags, uint32_t seed) {
  struct cc_block block;
  int32_t result = cc_plan(strings, length, argc, flags, seed, &block);
  return give(result, block.bytes, block.length);
}

EXPORT("nidus_cc_driver")
int32_t export_cc_driver(const char *text, uint32_t length, uint32_t verbose, uint32_t seed) {
  struct cc_block block;
  int32_t result = cc_driver(text, length, verbose != 0, seed, &block);
  return give(result, block.bytes, block.length);
}

/* The object file of linked/prompt.c. */
EXPORT("nidus_cc_prompt") int32_t export_cc_prompt(void) {
  given.bytes = prompt_object;
  given.length = sizeof prompt_object;
  return 0;
}

/* What the sysroot is to hold besides its own: the beginning of its archive. */
EXPORT("nidus_cc_own") int32_t export_cc_own(void) {
  uint32_t length = 0;
  uint8_t *bytes = cc_own(&length);
  return give(bytes ? 0 : -WASI_ENOMEM, bytes, length);
}

/* ---- the rewriting of the compiler (rewriter.h) ---- */

_Static_assert(offsetof(struct rewriter, skip) == 12, "docs/kernel-abi.md");

EXPORT("nidus_rewriter") struct rewriter *export_rewriter(uint32_t known) { return rewriter_create(known != 0); }

EXPORT("nidus_rewriter_take") int32_t export_rewriter_take(struct rewriter *rewriter, uint32_t length) {
  return rewriter_take(rewriter, length);
}

EXPORT("nidus_rewriter_end") void export_rewriter_end(struct rewriter *rewriter) { rewriter_destroy(rewriter); }
