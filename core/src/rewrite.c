/*
 * The rewriter: section by section, in the old order, with what is added at the end of each.
 *
 *     old   type import function table memory tag global export start elem datacount CODE data custom...
 *     new    +1  renamed   +1     +1                +1    +n                           checks    (debug moved)
 *
 * Code comes first, because debug sections need to know where it went, wherever they stand.
 */
#include "rewrite.h"

#include <string.h>

enum section {
  SECTION_CUSTOM = 0,
  SECTION_TYPE = 1,
  SECTION_IMPORT = 2,
  SECTION_FUNCTION = 3,
  SECTION_TABLE = 4,
  SECTION_GLOBAL = 6,
  SECTION_EXPORT = 7,
  SECTION_CODE = 10,
  SECTION_IDS = 14
};

/* The order in which sections may stand, by id. */
static const uint8_t section_rank[SECTION_IDS] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6};

#define FIRST_COUNT ((int64_t)1 << 62)

struct rewriter {
  const struct nidus_module *module;
  const struct nidus_rewrite *how;
  const struct nidus_allocator *allocator;
  struct nidus_error *error;
  struct buffer out;
  struct buffer code; /* new contents of the code section */
  uint32_t code_base; /* offset of the old ones in the module */
  uint32_t made_base; /* offset of the new ones in the new module */
  struct code_map map;
  struct check_indices indices;
  struct debug_info debug;
  bool checks;
  bool adds_type;
  bool debug_dropped;
};

struct section_view {
  uint8_t id;
  const uint8_t *bytes;
  uint32_t size;
};

static bool next_section(struct reader *reader, struct section_view *section) {
  if (reader->at >= reader->end) return false;
  /* The module is valid: none of these can fail. */
  return read_byte(reader, &section->id) == NIDUS_OK && read_u32(reader, &section->size) == NIDUS_OK &&
         read_bytes(reader, section->size, &section->bytes) == NIDUS_OK;
}

static struct reader sections_of(struct rewriter *rewriter) {
  const uint8_t *bytes = rewriter->module->bytes;
  return (struct reader){bytes, bytes + 8, bytes + rewriter->module->size, rewriter->error};
}

/* ---- what is added ---- */

static uint32_t plain_type(const struct nidus_module *module, bool *missing) {
  for (uint32_t i = 0; i < module->types.count; i++) {
    const struct deftype *type = &module->types.items[i];
    if (type->kind == KIND_FUNC && type->final && type->super == NO_INDEX && type->group_size == 1 &&
        type->shape.param_count == 0 && type->shape.result_count == 0)
      return i;
  }
  *missing = true;
  return module->types.count;
}

static void export_item(struct buffer *out, const char *name, uint8_t kind, uint32_t index) {
  put_name(out, (struct nidus_name){name, strlen(name)});
  put_byte(out, kind);
  put_u32(out, index);
}

static void export_global(struct buffer *out, uint32_t index) {
  char name[] = "nidus:global:\0\0\0\0\0\0\0\0\0\0";
  uint32_t digits = 1, length = (uint32_t)strlen(name);
  for (uint32_t rest = index; rest >= 10; rest /= 10) digits++;
  for (uint32_t i = digits, rest = index; i > 0; rest /= 10) name[length + --i] = (char)('0' + rest % 10);
  export_item(out, name, NIDUS_GLOBAL, index);
}

static bool exports_global(const struct rewriter *rewriter, uint32_t i) {
  return (rewriter->how->flags & NIDUS_REWRITE_GLOBALS) && rewriter->module->globals.items[i].mutable_;
}

static uint32_t added_count(const struct rewriter *rewriter, uint8_t id) {
  const struct nidus_module *module = rewriter->module;
  uint32_t count = 0;
  switch (id) {
    case SECTION_TYPE:
      return rewriter->checks && rewriter->adds_type;
    case SECTION_FUNCTION:
    case SECTION_TABLE:
    case SECTION_GLOBAL:
      return rewriter->checks;
    case SECTION_EXPORT:
      for (uint32_t i = module->imported_globals; i < module->globals.count; i++) count += exports_global(rewriter, i);
      return count + (rewriter->checks ? 2 : 0);
    default:
      return 0;
  }
}

static void put_added(struct rewriter *rewriter, uint8_t id, struct buffer *out) {
  const struct nidus_module *module = rewriter->module;
  switch (id) {
    case SECTION_TYPE:
      put_bytes(out, "\x60\x00\x00", 3);
      break;
    case SECTION_FUNCTION:
      put_u32(out, rewriter->indices.slow_type);
      break;
    case SECTION_TABLE:
      put_bytes(out, "\x70\x01\x01\x01", 4); /* funcref, 1 to 1 */
      break;
    case SECTION_GLOBAL:
      put_bytes(out, "\x7E\x01\x42", 3); /* mutable i64, i64.const */
      put_s64(out, FIRST_COUNT);
      put_byte(out, 0x0B);
      break;
    default: {
      for (uint32_t i = module->imported_globals; i < module->globals.count; i++) {
        if (!exports_global(rewriter, i)) continue;
        export_global(out, i);
      }
      if (!rewriter->checks) break;
      export_item(out, "nidus:count", NIDUS_GLOBAL, rewriter->indices.count_global);
      export_item(out, "nidus:check", NIDUS_TABLE, rewriter->indices.slow_table);
    }
  }
}

/* No export of the module may have a name that could be added. */
static enum nidus_code check_names(struct rewriter *rewriter) {
  for (uint32_t i = 0; i < rewriter->module->exports.count; i++) {
    struct nidus_name name = rewriter->module->exports.items[i].name;
    if (name.length >= 6 && memcmp(name.bytes, "nidus:", 6) == 0) {
      return error_set(rewriter->error, NIDUS_ERROR_USAGE, 0,
                       "The module cannot be rewritten: it already exports \"%n\", a name of the rewriter's.", &name);
    }
  }
  return NIDUS_OK;
}

/* ---- sections ---- */

static void put_section(struct rewriter *rewriter, uint8_t id, const struct buffer *contents) {
  put_byte(&rewriter->out, id);
  put_sized(&rewriter->out, contents);
}

/* A vector section with more at its end; `old` NULL where the module has no such section. */
static void put_extended(struct rewriter *rewriter, uint8_t id, const struct section_view *old) {
  struct buffer contents = {.allocator = rewriter->allocator};
  uint32_t count = 0;
  struct reader reader = {NULL, NULL, NULL, rewriter->error};
  if (old) {
    reader = (struct reader){old->bytes, old->bytes, old->bytes + old->size, rewriter->error};
    if (read_u32(&reader, &count)) contents.failed = true;
  }
  put_u32(&contents, count + added_count(rewriter, id));
  put_bytes(&contents, reader.at, (size_t)(reader.end - reader.at));
  put_added(rewriter, id, &contents);
  put_section(rewriter, id, &contents);
  buffer_free(&contents);
}

/* A value type: one byte, or one that announces a heap type. */
static enum nidus_code skip_type(struct reader *reader) {
  uint8_t byte;
  int64_t heap;
  TRY(read_byte(reader, &byte));
  return byte == 0x63 || byte == 0x64 ? read_s33(reader, &heap) : NIDUS_OK;
}

static enum nidus_code skip_limits(struct reader *reader) {
  uint8_t flags;
  uint64_t number;
  uint32_t page_shift;
  TRY(read_byte(reader, &flags));
  TRY(read_u64(reader, &number));
  if (flags & 1) TRY(read_u64(reader, &number));
  return flags & 8 ? read_u32(reader, &page_shift) : NIDUS_OK;
}

static enum nidus_code skip_description(struct reader *reader) {
  uint8_t byte;
  uint32_t index;
  TRY(read_byte(reader, &byte));
  switch (byte) {
    case NIDUS_FUNC:
      return read_u32(reader, &index);
    case NIDUS_TABLE:
      TRY(skip_type(reader));
      return skip_limits(reader);
    case NIDUS_MEMORY:
      return skip_limits(reader);
    case NIDUS_GLOBAL:
      TRY(skip_type(reader));
      return read_byte(reader, &byte);
    default:
      TRY(read_byte(reader, &byte));
      return read_u32(reader, &index);
  }
}

/* Copies each import's description as it is, under names that may be new. */
static enum nidus_code put_renamed(struct rewriter *rewriter, struct reader *reader, struct buffer *contents) {
  uint32_t count;
  TRY(read_u32(reader, &count));
  put_u32(contents, count);
  for (uint32_t i = 0; i < count; i++) {
    struct nidus_name from, name;
    TRY(read_name(reader, &from));
    TRY(read_name(reader, &name));
    const uint8_t *description = reader->at;
    TRY(skip_description(reader));
    rewriter->how->rename(rewriter->how->context, &from, &name);
    put_name(contents, from);
    put_name(contents, name);
    put_bytes(contents, description, (size_t)(reader->at - description));
  }
  return NIDUS_OK;
}

static enum nidus_code put_imports(struct rewriter *rewriter, const struct section_view *old) {
  struct buffer contents = {.allocator = rewriter->allocator};
  struct reader reader = {old->bytes, old->bytes, old->bytes + old->size, rewriter->error};
  enum nidus_code code = put_renamed(rewriter, &reader, &contents);
  if (!code) put_section(rewriter, SECTION_IMPORT, &contents);
  buffer_free(&contents);
  return code;
}

static void put_custom(struct rewriter *rewriter, const struct section_view *old) {
  struct reader reader = {old->bytes, old->bytes, old->bytes + old->size, rewriter->error};
  struct nidus_name name;
  if (read_name(&reader, &name)) return; /* can not be: the module is valid */
  struct buffer contents = {.allocator = rewriter->allocator};
  int debug = rewriter->checks ? debug_section_of(name) : DEBUG_SECTIONS;
  bool kept = debug >= 0 && !(debug < DEBUG_SECTIONS && rewriter->debug_dropped);
  put_name(&contents, name);
  if (kept && debug < DEBUG_SECTIONS) {
    put_bytes(&contents, rewriter->debug.made[debug].bytes.items, rewriter->debug.made[debug].bytes.count);
  } else if (kept && rewriter->checks && is_code_metadata(name)) {
    /* What is malformed means nothing to any host, and would mean something wrong at other offsets. */
    kept = rewrite_metadata(rewriter->module, rewriter->code_base, &rewriter->map, &reader, &contents);
  } else {
    put_bytes(&contents, reader.at, (size_t)(reader.end - reader.at));
  }
  if (kept) put_section(rewriter, SECTION_CUSTOM, &contents);
  buffer_free(&contents);
}

/* The sections that the module does not have but must get, of those that stand before `rank`. */
static void put_missing(struct rewriter *rewriter, uint8_t *done, uint8_t rank) {
  static const uint8_t extended[] = {SECTION_TYPE, SECTION_FUNCTION, SECTION_TABLE, SECTION_GLOBAL, SECTION_EXPORT};
  for (size_t i = 0; i < sizeof extended; i++) {
    uint8_t id = extended[i];
    if (section_rank[id] <= *done || section_rank[id] >= rank || added_count(rewriter, id) == 0) continue;
    put_extended(rewriter, id, NULL);
    *done = section_rank[id];
  }
}

static enum nidus_code put_sections(struct rewriter *rewriter) {
  struct reader reader = sections_of(rewriter);
  struct section_view section;
  uint8_t done = 0;
  put_bytes(&rewriter->out, rewriter->module->bytes, 8);
  while (next_section(&reader, &section)) {
    if (section.id == SECTION_CUSTOM) {
      put_custom(rewriter, &section);
      continue;
    }
    put_missing(rewriter, &done, section_rank[section.id]);
    done = section_rank[section.id];
    if (section.id == SECTION_IMPORT && rewriter->how->rename) {
      TRY(put_imports(rewriter, &section));
    } else if (section.id == SECTION_CODE && rewriter->checks) {
      put_section(rewriter, SECTION_CODE, &rewriter->code);
      rewriter->made_base = rewriter->out.bytes.count - rewriter->code.bytes.count;
    } else if (added_count(rewriter, section.id) > 0) {
      put_extended(rewriter, section.id, &section);
    } else {
      put_byte(&rewriter->out, section.id);
      put_u32(&rewriter->out, section.size);
      put_bytes(&rewriter->out, section.bytes, section.size);
    }
  }
  put_missing(rewriter, &done, UINT8_MAX);
  return rewriter->out.failed ? error_no_memory(rewriter->error) : NIDUS_OK;
}

/* ---- code and debug information, before everything else ---- */

static enum nidus_code make_code(struct rewriter *rewriter) {
  struct reader reader = sections_of(rewriter);
  struct section_view section;
  while (next_section(&reader, &section)) {
    if (section.id != SECTION_CODE) continue;
    rewriter->code_base = (uint32_t)(section.bytes - rewriter->module->bytes);
    return rewrite_code(rewriter->module, rewriter->code_base, &rewriter->indices, &rewriter->code, &rewriter->map,
                        rewriter->error);
  }
  return NIDUS_OK;
}

static void make_debug(struct rewriter *rewriter) {
  const struct nidus_module *module = rewriter->module;
  bool known = true;
  for (uint32_t i = 0; i < module->customs.count; i++) {
    const struct custom_section *custom = &module->customs.items[i];
    int which = debug_section_of(custom->name);
    if (which < 0) known = false;
    if (which < 0 || which >= DEBUG_SECTIONS) continue;
    rewriter->debug.bytes[which] = module->bytes + custom->bytes;
    rewriter->debug.size[which] = custom->size;
  }
  rewriter->debug_dropped = !known || !rewrite_debug(&rewriter->debug, &rewriter->map);
}

static enum nidus_code rewrite_with(struct rewriter *rewriter) {
  const struct nidus_module *module = rewriter->module;
  TRY(check_names(rewriter));
  /* Without code there is nothing to count. */
  rewriter->checks = (rewriter->how->flags & NIDUS_REWRITE_CHECKS) && module->bodies.count > 0;
  rewriter->indices = (struct check_indices){.count_global = module->globals.count,
                                             .slow_function = module->funcs.count,
                                             .slow_type = plain_type(module, &rewriter->adds_type),
                                             .slow_table = module->tables.count};
  if (rewriter->checks) {
    TRY(make_code(rewriter));
    make_debug(rewriter);
  }
  TRY(put_sections(rewriter));
  if (rewriter->out.bytes.count > module->engine->config.limits.module_bytes) {
    return error_set(rewriter->error, NIDUS_ERROR_LIMIT, 0,
                     "The rewritten module is larger than the engine's limit: %u bytes.", rewriter->out.bytes.count);
  }
  return NIDUS_OK;
}

/* Each exactly as large as it is, so that it can be freed by its size. */
static enum nidus_code give(const struct rewriter *rewriter, struct nidus_rewritten *out) {
  uint32_t size = rewriter->out.bytes.count, count = rewriter->map.points.count;
  *out = (struct nidus_rewritten){.bytes = pool_new(rewriter->allocator, size, 1),
                                  .size = size,
                                  .debug_dropped = rewriter->debug_dropped,
                                  .moved = count ? pool_new(rewriter->allocator, count, sizeof *out->moved) : NULL,
                                  .moved_count = count};
  if (!out->bytes || (count && !out->moved)) {
    if (out->bytes) pool_free(rewriter->allocator, out->bytes, size, 1);
    if (out->moved) pool_free(rewriter->allocator, out->moved, count, sizeof *out->moved);
    return error_no_memory(rewriter->error);
  }
  memcpy(out->bytes, rewriter->out.bytes.items, size);
  for (uint32_t i = 0; i < count; i++) {
    const struct code_point *point = &rewriter->map.points.items[i];
    out->moved[i] = (struct nidus_moved){rewriter->code_base + point->from, rewriter->made_base + point->to};
  }
  return NIDUS_OK;
}

enum nidus_code nidus_module_rewrite(const struct nidus_module *module, const struct nidus_rewrite *how,
                                     struct nidus_rewritten *out, struct nidus_error *error) {
  const struct nidus_allocator *allocator = &module->engine->config.allocator;
  struct nidus_error ignored;
  struct rewriter rewriter = {.module = module, .how = how, .allocator = allocator, .error = error ? error : &ignored};
  rewriter.out.allocator = rewriter.code.allocator = allocator;
  for (int i = 0; i < DEBUG_SECTIONS; i++) rewriter.debug.made[i].allocator = allocator;
  enum nidus_code code = rewrite_with(&rewriter);
  if (!code) code = give(&rewriter, out);
  for (int i = 0; i < DEBUG_SECTIONS; i++) buffer_free(&rewriter.debug.made[i]);
  VEC_FREE(allocator, &rewriter.map.points);
  buffer_free(&rewriter.code);
  buffer_free(&rewriter.out);
  return code;
}

void nidus_rewritten_free(struct nidus_engine *engine, struct nidus_rewritten *rewritten) {
  if (!rewritten->bytes) return;
  pool_free(&engine->config.allocator, rewritten->bytes, rewritten->size, 1);
  if (rewritten->moved)
    pool_free(&engine->config.allocator, rewritten->moved, rewritten->moved_count, sizeof *rewritten->moved);
  *rewritten = (struct nidus_rewritten){.bytes = NULL};
}
