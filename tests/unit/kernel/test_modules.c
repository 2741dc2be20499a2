/*
 * test_modules.c: the bytes of the gate and of the bridge in all variants, read back section by section, and
 * validated by our own engine, which knows multi-memory and memory64; hosts validate what they know of them
 * in modules.test.js.
 */
#include <nidus/engine.h>

#include "kit.h"

struct reader {
  const uint8_t *at, *end;
};

static uint8_t byte_of(struct reader *reader) {
  require(reader->at < reader->end);
  return *reader->at++;
}

static uint32_t u32_of(struct reader *reader) {
  uint32_t value = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = byte_of(reader);
    require(shift < 28 || byte < 16);
    value |= (uint32_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

static void skip_name(struct reader *reader) {
  uint32_t length = u32_of(reader);
  require(length <= (size_t)(reader->end - reader->at));
  reader->at += length;
}

/* Every section ends where its entries do, and they come in order. Returns the number of exports. */
static uint32_t read_module(const uint8_t *bytes, uint32_t length) {
  struct reader module = {bytes, bytes + length};
  uint32_t exports = 0, functions = 0, bodies = 0, last = 0;
  require(length > 8 && memcmp(bytes, "\0asm\1\0\0\0", 8) == 0);
  module.at += 8;
  while (module.at < module.end) {
    uint8_t id = byte_of(&module);
    uint32_t size = u32_of(&module);
    require(id > last && size <= (size_t)(module.end - module.at));
    last = id;
    struct reader section = {module.at, module.at + size};
    module.at += size;
    uint32_t count = u32_of(&section);
    for (uint32_t i = 0; i < count; i++) {
      if (id == 1) { /* type */
        require(byte_of(&section) == 0x60);
        for (int part = 0; part < 2; part++) {
          for (uint32_t n = u32_of(&section); n > 0; n--) require((byte_of(&section) | 1) == 0x7F);
        }
      } else if (id == 2) { /* import */
        skip_name(&section);
        skip_name(&section);
        uint8_t kind = byte_of(&section), flags = byte_of(&section);
        require(kind == 0 || kind == 2 || kind == 3);
        if (kind == 0 && flags >= 0x80) (void)u32_of(&section);
        if (kind == 2) {
          (void)u32_of(&section);
          if (flags & 1) (void)u32_of(&section);
        }
        if (kind == 3) require(byte_of(&section) == 1);
      } else if (id == 3) {
        functions++;
        (void)u32_of(&section);
      } else if (id == 7) {
        skip_name(&section);
        require(byte_of(&section) == 0);
        (void)u32_of(&section);
        exports++;
      } else {
        require(id == 10);
        uint32_t body = u32_of(&section);
        require(body > 0 && body <= (size_t)(section.end - section.at) && section.at[body - 1] == 0x0B);
        section.at += body;
        bodies++;
      }
    }
    require(section.at == section.end);
  }
  require(functions == bodies);
  return exports;
}

static void are_structured(struct guest *guest) {
  uint32_t length;
  (void)guest;
  uint8_t *gate = nidus_gate_module(&length);
  require(gate && read_module(gate, length) == nidus_syscall_count());
  free(gate);
  for (uint32_t flags = 0; flags < 16; flags++) {
    uint8_t *bridge = nidus_bridge_module(flags, &length);
    require(bridge && read_module(bridge, length) == 2 && length < 1024);
    free(bridge);
  }
}

static void validate(struct nidus_engine *engine, const uint8_t *bytes, uint32_t length, uint32_t flags) {
  struct nidus_error error;
  if (nidus_module_validate(engine, bytes, length, &error) == NIDUS_OK) return;
  fprintf(stderr, "flags %u, at byte %zu: %s\n", flags, error.offset, error.text);
  require(!"the module is valid");
}

static void are_valid(struct guest *guest) {
  struct nidus_engine *engine;
  uint32_t length;
  (void)guest;
  require(nidus_engine_new(NULL, &engine) == NIDUS_OK);
  uint8_t *gate = nidus_gate_module(&length);
  validate(engine, gate, length, 0);
  free(gate);
  for (uint32_t flags = 0; flags < 16; flags++) {
    uint8_t *bridge = nidus_bridge_module(flags, &length);
    validate(engine, bridge, length, flags);
    free(bridge);
  }
  nidus_engine_free(engine);
}

static const struct test tests[] = {{"Our engine finds the gate and every bridge valid", are_valid},
                                    {"The gate and every bridge are modules, section by section", are_structured}};
RUN_TESTS(tests)
