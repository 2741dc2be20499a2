/*
 * What a module is made of, as text for people.
 *
 * Names come from the module and may hold anything: what a terminal would obey, and what would make a line
 * look like two, is escaped.
 */
#include <nidus/inspect.h>
#include <string.h>

#include "module.h"

/* Text on its way out; once `write` has said no, nothing more is given to it. */
struct out {
  nidus_write write;
  void *context;
  bool stopped;
};

static void put(struct out *out, const char *text, size_t length) {
  if (!out->stopped && length > 0) out->stopped = !out->write(out->context, text, length);
}

static void put_text(struct out *out, const char *text) { put(out, text, strlen(text)); }

static void put_u64(struct out *out, uint64_t value, unsigned base) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  if (base == 16) put_text(out, "0x");
  put(out, digits + at, sizeof digits - at);
}

/* Decimal, in groups of three. */
static void put_count(struct out *out, uint64_t value) {
  if (value >= 1000) {
    put_count(out, value / 1000);
    const char rest[] = {',', (char)('0' + value / 100 % 10), (char)('0' + value / 10 % 10), (char)('0' + value % 10)};
    put(out, rest, sizeof rest);
  } else {
    put_u64(out, value, 10);
  }
}

/* "1 page", "2 pages" */
static void put_things(struct out *out, uint64_t count, const char *thing) {
  put_count(out, count);
  put_text(out, " ");
  put_text(out, thing);
  if (count != 1) put_text(out, "s");
}

static void put_escaped(struct out *out, const char *bytes, size_t length) {
  size_t from = 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t c = (uint8_t)bytes[i];
    /* Controls, of C1 (U+0080 to U+009F) too, and what turns or separates lines (U+2028 to U+202E). */
    bool c1 = c == 0xC2 && i + 1 < length && (uint8_t)bytes[i + 1] < 0xA0;
    bool turns = c == 0xE2 && i + 2 < length && (uint8_t)bytes[i + 1] == 0x80 && (uint8_t)bytes[i + 2] >= 0xA8 &&
                 (uint8_t)bytes[i + 2] <= 0xAE;
    if (c >= 0x20 && c != 0x7F && c != '"' && c != '\\' && !c1 && !turns) continue;
    put(out, bytes + from, i - from);
    size_t escaped = turns ? 3 : c1 ? 2 : 1;
    for (size_t k = 0; k < escaped; k++, i++) {
      uint8_t byte = (uint8_t)bytes[i];
      const char hex[] = {'\\', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
      put(out, hex, sizeof hex);
    }
    from = i--;
  }
  put(out, bytes + from, length - from);
}

static void put_name(struct out *out, struct nidus_name name) {
  put_text(out, "\"");
  put_escaped(out, name.bytes, name.length);
  put_text(out, "\"");
}

/* ---- types ---- */

static void put_type(struct out *out, nidus_type type) {
  if (type == TYPE_I8) {
    put_text(out, "i8");
  } else if (type == TYPE_I16) {
    put_text(out, "i16");
  } else if (type_is_ref(type) && NIDUS_TYPE_HEAP(type) < HEAP_ABSTRACT) {
    put_text(out, type_is_nullable(type) ? "(ref null " : "(ref ");
    put_u64(out, NIDUS_TYPE_HEAP(type), 10);
    put_text(out, ")");
  } else {
    put_text(out, type_name(type));
  }
}

static void put_type_list(struct out *out, const char *before, const nidus_type *types, uint32_t count) {
  if (count == 0) return;
  put_text(out, before);
  for (uint32_t i = 0; i < count; i++) {
    put_text(out, " ");
    put_type(out, types[i]);
  }
  put_text(out, ")");
}

static void put_functype(struct out *out, const struct nidus_functype *type) {
  put_text(out, "(func");
  put_type_list(out, " (param", type->params, type->param_count);
  put_type_list(out, " (result", type->results, type->result_count);
  put_text(out, ")");
}

static void put_field(struct out *out, const struct field *field) {
  if (field->mutable_) put_text(out, "(mut ");
  put_type(out, field->type);
  if (field->mutable_) put_text(out, ")");
}

static void put_deftype(struct out *out, const struct deftype *type) {
  bool sub = type->super != NO_INDEX || !type->final;
  if (sub) put_text(out, type->final ? "(sub final" : "(sub");
  if (sub && type->super != NO_INDEX) {
    put_text(out, " ");
    put_u64(out, type->super, 10);
  }
  if (sub) put_text(out, " ");
  if (type->kind == KIND_FUNC) {
    put_functype(out, &type->shape);
  } else if (type->kind == KIND_ARRAY) {
    put_text(out, "(array ");
    put_field(out, &type->fields[0]);
    put_text(out, ")");
  } else {
    put_text(out, "(struct");
    for (uint32_t i = 0; i < type->field_count; i++) {
      put_text(out, " (field ");
      put_field(out, &type->fields[i]);
      put_text(out, ")");
    }
    put_text(out, ")");
  }
  if (sub) put_text(out, ")");
}

/* ---- parts of the module ---- */

static void put_limits(struct out *out, const struct nidus_limits_type *limits, const char *thing) {
  if (limits->is64) put_text(out, "64-bit, ");
  put_count(out, limits->minimum);
  if (limits->maximum != NIDUS_NO_MAXIMUM) {
    put_text(out, " to ");
    put_count(out, limits->maximum);
  }
  put_text(out, " ");
  put_text(out, thing);
  put_text(out, "s");
  if (limits->maximum == NIDUS_NO_MAXIMUM) put_text(out, " or more");
  if (limits->byte_pages) put_text(out, " of 1 byte");
  if (limits->shared) put_text(out, ", shared");
}

static void put_externtype(struct out *out, const struct nidus_externtype *type) {
  switch (type->kind) {
    case NIDUS_FUNC:
      put_functype(out, &type->func);
      break;
    case NIDUS_TABLE:
      put_text(out, "table of ");
      put_type(out, type->type);
      put_text(out, ", ");
      put_limits(out, &type->limits, "element");
      break;
    case NIDUS_MEMORY:
      put_text(out, "memory, ");
      put_limits(out, &type->limits, "page");
      break;
    case NIDUS_GLOBAL:
      put_text(out, type->mutable_ ? "global, mutable " : "global ");
      put_type(out, type->type);
      break;
    default:
      put_text(out, "tag ");
      put_functype(out, &type->func);
  }
}

static const char *const section_names[] = {"custom", "type",   "import",  "function", "table", "memory",     "global",
                                            "export", "start",  "element", "code",     "data",  "data count", "tag"};

/* The module is valid, so the sections follow one another to its end. */
static enum nidus_code put_sections(struct out *out, const struct nidus_module *module, struct nidus_error *error) {
  struct reader reader = {module->bytes, module->bytes + 8, module->bytes + module->size, error};
  put_text(out, "sections\n");
  while (reader.at < reader.end) {
    size_t at = (size_t)(reader.at - reader.start);
    uint8_t id;
    uint32_t size, count;
    TRY(read_byte(&reader, &id));
    TRY(read_u32(&reader, &size));
    struct reader contents = {reader.start, reader.at, reader.at + size, error};
    put_text(out, "  ");
    put_u64(out, at, 16);
    put_text(out, "  ");
    put_text(out, section_names[id]);
    if (id == 0) {
      struct nidus_name name;
      TRY(read_name(&contents, &name));
      put_text(out, " ");
      put_name(out, name);
    } else if (id != 8 && id != 12) {
      TRY(read_u32(&contents, &count));
      put_text(out, ", ");
      put_count(out, count);
      put_text(out, count == 1 ? " entry" : " entries");
    }
    put_text(out, ", ");
    put_things(out, size, "byte");
    put_text(out, "\n");
    reader.at += size;
  }
  return NIDUS_OK;
}

static void put_types(struct out *out, const struct nidus_module *module) {
  if (module->types.count > 0) put_text(out, "types\n");
  for (uint32_t i = 0; i < module->types.count; i++) {
    put_text(out, "  ");
    put_u64(out, i, 10);
    put_text(out, "  ");
    put_deftype(out, &module->types.items[i]);
    put_text(out, "\n");
  }
}

static void put_imports(struct out *out, const struct nidus_module *module) {
  uint32_t count = nidus_module_import_count(module);
  if (count > 0) put_text(out, "imports\n");
  for (uint32_t i = 0; i < count; i++) {
    struct nidus_name from, name;
    struct nidus_externtype type;
    nidus_module_import(module, i, &from, &name, &type);
    put_text(out, "  ");
    put_name(out, from);
    put_text(out, " ");
    put_name(out, name);
    put_text(out, "  ");
    put_externtype(out, &type);
    put_text(out, "\n");
  }
}

static void put_exports(struct out *out, const struct nidus_module *module) {
  uint32_t count = nidus_module_export_count(module);
  if (count > 0) put_text(out, "exports\n");
  for (uint32_t i = 0; i < count; i++) {
    struct nidus_name name;
    struct nidus_externtype type;
    nidus_module_export(module, i, &name, &type);
    put_text(out, "  ");
    put_name(out, name);
    put_text(out, "  ");
    put_externtype(out, &type);
    put_text(out, "\n");
  }
}

/* ---- what it asks of hosts ---- */

static void put_features(struct out *out, const struct nidus_feature_use *uses) {
  bool some = false;
  put_text(out, "features beyond WebAssembly 1.0\n");
  for (int i = 0; i < NIDUS_FEATURE_COUNT; i++) {
    if (uses[i].count == 0) continue;
    some = true;
    put_text(out, "  ");
    put_text(out, nidus_feature_name((enum nidus_feature)i));
    put_text(out, ": ");
    put_count(out, uses[i].count);
    put_text(out, uses[i].count == 1 ? " use, " : " uses, first ");
    put_text(out, uses[i].example);
    put_text(out, "\n");
  }
  if (!some) put_text(out, "  none\n");
}

/* "18.2" before "18.10", "9" before "10". */
static bool is_later(const char *version, const char *other) {
  uint32_t parts[2][2] = {{0, 0}, {0, 0}};
  const char *texts[2] = {version, other};
  for (int t = 0; t < 2; t++) {
    int part = 0;
    for (const char *at = texts[t]; *at; at++) {
      if (*at == '.') part = 1;
      else parts[t][part] = parts[t][part] * 10 + (uint32_t)(*at - '0');
    }
  }
  return parts[0][0] != parts[1][0] ? parts[0][0] > parts[1][0] : parts[0][1] > parts[1][1];
}

static void put_host(struct out *out, const struct nidus_feature_use *uses, enum nidus_browser browser) {
  static const char *const names[] = {"Chrome and Edge", "Firefox", "Safari", "Node"};
  const char *since = NULL, *because = NULL, *missing = NULL;
  for (int i = 0; i < NIDUS_FEATURE_COUNT; i++) {
    if (uses[i].count == 0) continue;
    const char *version = nidus_feature_since((enum nidus_feature)i, browser);
    if (!version) {
      missing = nidus_feature_name((enum nidus_feature)i);
    } else if (!since || is_later(version, since)) {
      since = version;
      because = nidus_feature_name((enum nidus_feature)i);
    }
  }
  put_text(out, "  ");
  put_text(out, names[browser]);
  if (missing) {
    put_text(out, ": no release yet (");
    put_text(out, missing);
    put_text(out, ")\n");
  } else if (!since) {
    put_text(out, ": every release with WebAssembly\n");
  } else {
    put_text(out, " ");
    put_text(out, since);
    put_text(out, " or newer (");
    put_text(out, because);
    put_text(out, ")\n");
  }
}

enum nidus_code nidus_module_inspect(const struct nidus_module *module, nidus_write write, void *context,
                                     struct nidus_error *error) {
  struct nidus_error unused;
  struct nidus_feature_use uses[NIDUS_FEATURE_COUNT];
  struct out out = {write, context, false};
  if (!error) error = &unused;
  TRY(nidus_module_features(module, uses, error));
  put_things(&out, module->size, "byte");
  put_text(&out, ", ");
  put_things(&out, module->funcs.count - module->imported_funcs, "function");
  put_text(&out, ", valid\n");
  TRY(put_sections(&out, module, error));
  put_types(&out, module);
  put_imports(&out, module);
  put_exports(&out, module);
  if (module->start != NO_INDEX) {
    put_text(&out, "start\n  function ");
    put_u64(&out, module->start, 10);
    put_text(&out, "\n");
  }
  put_features(&out, uses);
  put_text(&out, "hosts that run it directly\n");
  for (int i = 0; i < NIDUS_BROWSER_COUNT; i++) put_host(&out, uses, (enum nidus_browser)i);
  put_text(&out, "  any other host of Nidus: by the interpreter\n");
  return out.stopped ? error_no_memory(error) : NIDUS_OK;
}
