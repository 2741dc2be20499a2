/*
 * test_rewriter.c: programs rewritten as they stream by: what is added, what passes unchanged, how little is
 * held, and lack of memory. That they run as before, tests/unit/toolchain/rewrite.test.js shows.
 */
#include <nidus/engine.h>

#include "allocation.h"
#include "kit.h"
#include "rewriter.h"
#include "writer.h"

enum { MEMORY_SIZE = 0x3F, MEMORY_GROW = 0x40 };

/* What a test varies of a program that otherwise can be rewritten. */
struct shape {
  uint8_t memory_flags; /* of the memory's limits */
  uint8_t import;       /* the kind of an import; 0: a function */
  uint8_t global;       /* the type of the second global */
  bool no_exports, start, long_head;
  const uint8_t *code; /* of the second function, without its locals; NULL: as C libraries have it */
  uint32_t code_size;
  uint32_t padding; /* bytes of nop in the first function */
};

static void put_section(struct writer *module, uint8_t id, struct writer *contents) {
  writer_byte(module, id);
  writer_u32(module, contents->length);
  writer_bytes(module, contents->bytes, contents->length);
  contents->length = 0;
}

#define PUT(writer, ...)                                   \
  do {                                                     \
    static const uint8_t put[] = {__VA_ARGS__};            \
    writer_bytes(writer, put, sizeof put);                 \
  } while (0)

/* `sbrk` as C libraries have it, whose bytes occur in the data too. */
static struct writer program(const struct shape *shape) {
  static const uint8_t sbrk[] = {MEMORY_SIZE, 0, 0x1A, 0x20, 0, 0x41, 16, 0x76, MEMORY_GROW, 0, 0x0B};
  const uint8_t *code = shape->code ? shape->code : sbrk;
  uint32_t code_size = shape->code ? shape->code_size : sizeof sbrk;
  struct writer module = {0}, section = {0};
  PUT(&module, 0, 'a', 's', 'm', 1, 0, 0, 0);
  if (shape->long_head) {
    struct writer custom = {0};
    require(writer_room(&custom, REWRITER_LONGEST + 2));
    memset(custom.bytes, 1, REWRITER_LONGEST + 2);
    custom.length = REWRITER_LONGEST + 2;
    put_section(&module, 0, &custom);
    free(custom.bytes);
  }
  PUT(&section, 3, 0x60, 0, 0, 0x60, 1, 0x7F, 1, 0x7F, 0x60, 1, 0x7E, 0);
  put_section(&module, 1, &section);
  PUT(&section, 1, 1, 'e', 1, 'f');
  writer_byte(&section, shape->import);
  if (shape->import == 0) writer_byte(&section, 2);
  if (shape->import == 2) PUT(&section, 0, 1);
  if (shape->import == 3) PUT(&section, 0x7F, 0);
  put_section(&module, 2, &section);
  PUT(&section, 2, 0, 1);
  put_section(&module, 3, &section);
  if (shape->import != 2) {
    writer_byte(&section, 1);
    writer_byte(&section, shape->memory_flags);
    PUT(&section, 2, 100);
    section.length -= shape->memory_flags & 1 ? 0 : 1;
    put_section(&module, 5, &section);
  }
  PUT(&section, 3, 0x7F, 1, 0x41, 0x80, 0x80, 4, 0x0B);
  writer_byte(&section, shape->global ? shape->global : 0x7E);
  writer_byte(&section, 1);
  if (shape->global == 0x70) PUT(&section, 0xD0, 0x70, 0x0B);
  else PUT(&section, 0x42, 0x7F, 0x0B);
  PUT(&section, 0x7F, 0, 0x41, 9, 0x0B);
  put_section(&module, 6, &section);
  PUT(&section, 1, 1, 'm', 2, 0);
  if (!shape->no_exports) put_section(&module, 7, &section);
  section.length = 0;
  PUT(&section, 1);
  if (shape->start) put_section(&module, 8, &section);
  section.length = 0;
  writer_u32(&section, 2);
  writer_u32(&section, shape->padding + 2);
  writer_byte(&section, 0);
  for (uint32_t i = 0; i < shape->padding; i++) writer_byte(&section, 1);
  writer_byte(&section, 0x0B);
  writer_u32(&section, code_size + 1);
  writer_byte(&section, 0);
  writer_bytes(&section, code, code_size);
  put_section(&module, 10, &section);
  PUT(&section, 1, 0, 0x41, 16, 0x0B, 4, 0x40, 0, 0x3F, 0);
  put_section(&module, 11, &section);
  free(section.bytes);
  require(!module.failed);
  return module;
}

/* What becomes of a module that arrives in pieces; a negated errno when it cannot be rewritten. */
static int32_t rewrite(const struct writer *module, uint32_t piece, struct writer *out) {
  struct rewriter *rewriter = rewriter_create(true);
  if (!rewriter) return -WASI_ENOMEM;
  int32_t result = 0;
  for (uint32_t at = 0, length = 1; length > 0 && result == 0; at += length) {
    length = module->length - at < piece ? module->length - at : piece;
    uint32_t most = rewriter->skip ? rewriter->skip : REWRITER_WINDOW;
    if (length > most) length = most;
    if (rewriter->skip) writer_bytes(out, module->bytes + at, length);
    else if (length > 0) memcpy(rewriter->into, module->bytes + at, length);
    result = rewriter_take(rewriter, length);
    writer_bytes(out, rewriter->from, rewriter->length);
  }
  rewriter_destroy(rewriter);
  return result;
}

static void validate(const struct writer *module) {
  struct nidus_engine *engine;
  struct nidus_error error;
  require(nidus_engine_new(NULL, &engine) == NIDUS_OK);
  if (nidus_module_validate(engine, module->bytes, module->length, &error) != NIDUS_OK) {
    fprintf(stderr, "at byte %zu: %s\n", error.offset, error.text);
    require(!"the module is valid");
  }
  nidus_engine_free(engine);
}

static bool contains(const struct writer *module, const void *wanted, uint32_t size) {
  for (uint32_t at = 0; at + size <= module->length; at++) {
    if (memcmp(module->bytes + at, wanted, size) == 0) return true;
  }
  return false;
}

static bool same(const struct writer *a, const struct writer *b) {
  return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static void exports_globals_and_replaces_both_instructions(struct guest *guest) {
  (void)guest;
  struct writer module = program(&(struct shape){.memory_flags = 1}), out = {0};
  validate(&module);
  require(rewrite(&module, REWRITER_WINDOW, &out) == 0);
  validate(&out);
  require(contains(&out, ":pages\3\3", 8) && contains(&out, ":0\3\0", 4) && contains(&out, ":1\3\1", 4));
  require(!contains(&out, ":2", 2));
  /* global.get of the third global; call of the third own function, behind one import. */
  static const uint8_t changed[] = {0x23, 3, 0x1A, 0x20, 0, 0x10, 3, 1, 1, 1, 0x0B};
  require(contains(&out, changed, sizeof changed));
  require(memcmp(out.bytes + out.length - 4, "\x40\0\x3F\0", 4) == 0);
  free(module.bytes);
  free(out.bytes);
}

static void is_the_same_however_the_module_arrives(struct guest *guest) {
  (void)guest;
  struct writer module = program(&(struct shape){.memory_flags = 1, .padding = 150000}), whole = {0};
  require(rewrite(&module, REWRITER_WINDOW, &whole) == 0);
  validate(&whole);
  for (uint32_t piece = 1; piece < 70000; piece = piece * 3 + 1) {
    struct writer out = {0};
    require(rewrite(&module, piece, &out) == 0 && same(&out, &whole));
    free(out.bytes);
  }
  free(module.bytes);
  free(whole.bytes);
}

static void leaves_other_modules_unchanged(struct guest *guest) {
  (void)guest;
  static const struct shape shapes[] = {
      {.import = 2},                      {.memory_flags = 1, .import = 3}, {.memory_flags = 3},
      {.memory_flags = 4},                {.memory_flags = 1, .start = true}, {.memory_flags = 1, .global = 0x70},
      {.memory_flags = 1, .no_exports = true}, {.memory_flags = 1, .long_head = true},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    struct writer module = program(&shapes[i]), out = {0};
    require(rewrite(&module, REWRITER_WINDOW, &out) == 0 && same(&out, &module));
    free(module.bytes);
    free(out.bytes);
  }
  struct writer html = {0}, out = {0};
  writer_bytes(&html, "<!doctype html>", 15);
  require(rewrite(&html, 2, &out) == 0 && same(&out, &html));
  free(html.bytes);
  free(out.bytes);
}

static void refuses_bodies_that_it_does_not_understand(struct guest *guest) {
  (void)guest;
  static const uint8_t bodies[][12] = {
      {0x20, 0, MEMORY_GROW, 0, 0x0B},                                /* grows by pages */
      {0x20, 0, 0x41, 16, 0x74, MEMORY_GROW, 0, 0x0B},                /* another shift */
      {0x20, 0, 0x41, 16, 0x76, 0x01, MEMORY_GROW, 0, 0x0B},          /* something between */
      {MEMORY_SIZE, 1, MEMORY_SIZE, 0, 0x0B},                         /* names its memory */
      {0xD0, 0x70, 0x1A, MEMORY_SIZE, 0, 0x0B},                       /* ref.null */
      {0x20, 0, 0x28, 0x42, MEMORY_SIZE, 0, 0x0B},                    /* an access that names its memory */
      {0xFC, 9, MEMORY_SIZE, 0, 0x0B},                                /* data.drop */
      {0x0E, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, MEMORY_SIZE, 0, 0x0B},     /* br_table without end */
  };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    struct writer module = program(&(struct shape){.memory_flags = 1, .code = bodies[i], .code_size = 12}), out = {0};
    require(rewrite(&module, REWRITER_WINDOW, &out) == -WASI_ENOTSUP);
    free(module.bytes);
    free(out.bytes);
  }
  /* Without the bytes of the two instructions it does not matter. */
  static const uint8_t other[] = {0xD0, 0x70};
  struct writer module = program(&(struct shape){.memory_flags = 1, .code = other, .code_size = 2}), out = {0};
  require(rewrite(&module, REWRITER_WINDOW, &out) == 0 && out.length > module.length);
  free(module.bytes);
  free(out.bytes);
}

static void holds_no_more_than_a_head_and_a_body(struct guest *guest) {
  (void)guest;
  struct writer module = program(&(struct shape){.memory_flags = 1, .padding = REWRITER_LONGEST - 100000}), out = {0};
  require(writer_room(&out, module.length + 4096));
  size_t before = bytes_held;
  bytes_peak = before;
  require(rewrite(&module, REWRITER_WINDOW, &out) == 0);
  require(bytes_peak - before < 3 * (size_t)REWRITER_LONGEST && bytes_held == before);
  free(module.bytes);
  out.length = 0;
  module = program(&(struct shape){.memory_flags = 1, .padding = REWRITER_LONGEST + 1});
  require(rewrite(&module, REWRITER_WINDOW, &out) == -WASI_ENOTSUP);
  free(module.bytes);
  free(out.bytes);
}

static void survives_modules_that_end_anywhere_or_are_broken(struct guest *guest) {
  (void)guest;
  struct writer module = program(&(struct shape){.memory_flags = 1});
  for (uint32_t length = 0; length < module.length; length++) {
    struct writer cut = {.bytes = module.bytes, .length = length}, out = {0};
    require(rewrite(&cut, 7, &out) == 0 && out.length >= length);
    free(out.bytes);
  }
  for (uint32_t at = 0; at < module.length; at++) {
    for (unsigned value = 0; value < 256; value += 5) {
      uint8_t old = module.bytes[at];
      struct writer out = {0};
      module.bytes[at] = (uint8_t)(old ^ value);
      int32_t result = rewrite(&module, 31, &out);
      require(result == 0 || result == -WASI_ENOTSUP);
      module.bytes[at] = old;
      free(out.bytes);
    }
  }
  free(module.bytes);
}

static void takes_no_more_than_it_said(struct guest *guest) {
  (void)guest;
  struct rewriter *rewriter = rewriter_create(true);
  require(rewriter && rewriter->skip == 0 && rewriter_take(rewriter, REWRITER_WINDOW + 1) == -WASI_EINVAL);
  rewriter_destroy(rewriter);
  rewriter_destroy(NULL);
}

/* Each allocation fails in turn: an errno, and nothing is held. */
static void reports_lack_of_memory(struct guest *guest) {
  (void)guest;
  struct writer module = program(&(struct shape){.memory_flags = 1, .padding = 300000}), out = {0};
  require(writer_room(&out, module.length + 4096));
  long before = blocks;
  int failures = 0;
  for (bool done = false; !done; failures++) {
    failed = false;
    fail_after = failures;
    out.length = 0;
    int32_t result = rewrite(&module, REWRITER_WINDOW, &out);
    fail_after = -1;
    require(failed ? result == -WASI_ENOMEM : result == 0);
    require(blocks == before);
    done = !failed;
  }
  require(failures >= 6);
  free(module.bytes);
  free(out.bytes);
}

static const struct test tests[] = {
    {"exports globals and replaces both instructions", exports_globals_and_replaces_both_instructions},
    {"is the same however the module arrives", is_the_same_however_the_module_arrives},
    {"leaves other modules unchanged", leaves_other_modules_unchanged},
    {"refuses bodies that it does not understand", refuses_bodies_that_it_does_not_understand},
    {"holds no more than a head and a body", holds_no_more_than_a_head_and_a_body},
    {"survives modules that end anywhere or are broken", survives_modules_that_end_anywhere_or_are_broken},
    {"takes no more than it said", takes_no_more_than_it_said},
    {"reports lack of memory", reports_lack_of_memory},
};

RUN_TESTS(tests)
