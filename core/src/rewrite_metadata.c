/*
 * Code metadata: custom sections named metadata.code.*, branch hints among them, which say something of
 * single instructions. They all have one form: for each function its index and, in order, entries of
 * an offset from the body's first byte and some bytes. The offsets follow the code.
 */
#include <string.h>

#include "rewrite.h"

bool is_code_metadata(struct nidus_name name) {
  static const char prefix[] = "metadata.code.";
  return name.length > strlen(prefix) && memcmp(name.bytes, prefix, strlen(prefix)) == 0;
}

static enum nidus_code put_entries(struct buffer *out, struct reader *reader, const struct code_map *map,
                                   uint32_t body) {
  uint32_t count, offset, size;
  const uint8_t *bytes;
  TRY(read_u32(reader, &count));
  put_u32(out, count);
  for (; count > 0; count--) {
    TRY(read_u32(reader, &offset));
    TRY(read_u32(reader, &size));
    TRY(read_bytes(reader, size, &bytes));
    put_u32(out, code_map_address(map, body + offset) - code_map_address(map, body));
    put_u32(out, size);
    put_bytes(out, bytes, size);
  }
  return NIDUS_OK;
}

bool rewrite_metadata(const struct nidus_module *module, uint32_t base, const struct code_map *map,
                      struct reader *reader, struct buffer *out) {
  uint32_t functions;
  if (read_u32(reader, &functions)) return false;
  put_u32(out, functions);
  for (; functions > 0; functions--) {
    uint32_t index;
    if (read_u32(reader, &index) || index < module->imported_funcs || index >= module->funcs.count) return false;
    put_u32(out, index);
    uint32_t body = module->bodies.items[index - module->imported_funcs].offset - base;
    if (put_entries(out, reader, map, body)) return false;
  }
  return reader->at == reader->end;
}
