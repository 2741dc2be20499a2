/*
 * Which extensions of WebAssembly 1.0 a module needs, found in its types, definitions and instructions.
 *
 * What may be known from an instruction alone stands in feature_of; what depends on immediates or types is
 * looked for where these are read. The module is valid: reading cannot fail but for lack of memory.
 */
#include <nidus/inspect.h>

#include "instructions.h"
#include "module.h"
#include "translate.h"

struct support {
  const char *name;
  const char *since[NIDUS_BROWSER_COUNT]; /* Chrome, Firefox, Safari, Node */
};

static const struct support supports[NIDUS_FEATURE_COUNT] = {
    [NIDUS_FEATURE_MUTABLE_GLOBALS] = {"importing and exporting mutable globals", {"74", "61", "12", "12"}},
    [NIDUS_FEATURE_SIGN_EXTENSION] = {"sign extension", {"74", "62", "14.1", "12"}},
    [NIDUS_FEATURE_SATURATING] = {"saturating conversions", {"75", "64", "15", "12.5"}},
    [NIDUS_FEATURE_MULTI_VALUE] = {"multiple values", {"85", "78", "13.1", "15"}},
    [NIDUS_FEATURE_BULK_MEMORY] = {"bulk memory", {"75", "79", "15", "12.5"}},
    [NIDUS_FEATURE_REFERENCE_TYPES] = {"reference types", {"96", "79", "15", "17.2"}},
    [NIDUS_FEATURE_SIMD] = {"fixed-width SIMD", {"91", "89", "16.4", "16.4"}},
    [NIDUS_FEATURE_THREADS] = {"threads", {"74", "79", "14.1", "16.4"}},
    [NIDUS_FEATURE_LEGACY_EXCEPTIONS] = {"legacy exceptions", {"95", "100", "15.2", "17"}},
    [NIDUS_FEATURE_EXTENDED_CONST] = {"extended constant expressions", {"114", "112", "17.4", "21"}},
    [NIDUS_FEATURE_TAIL_CALLS] = {"tail calls", {"112", "121", "18.2", "20"}},
    [NIDUS_FEATURE_RELAXED_SIMD] = {"relaxed SIMD", {"114", "145", NULL, "21"}},
    [NIDUS_FEATURE_TYPED_REFERENCES] = {"typed function references", {"119", "120", "18.2", "22"}},
    [NIDUS_FEATURE_GC] = {"garbage collection", {"119", "120", "18.2", "22"}},
    [NIDUS_FEATURE_MULTI_MEMORY] = {"multiple memories", {"120", "125", NULL, "22"}},
    [NIDUS_FEATURE_MEMORY64] = {"64-bit memories and tables", {"133", "134", NULL, "24"}},
    [NIDUS_FEATURE_EXCEPTIONS] = {"exceptions", {"137", "131", "18.4", "25"}},
    [NIDUS_FEATURE_CUSTOM_PAGE_SIZES] = {"custom page sizes", {NULL, NULL, NULL, NULL}},
    [NIDUS_FEATURE_WIDE_ARITHMETIC] = {"wide arithmetic", {NULL, NULL, NULL, NULL}}};

const char *nidus_feature_name(enum nidus_feature feature) { return supports[feature].name; }

const char *nidus_feature_since(enum nidus_feature feature, enum nidus_browser browser) {
  return supports[feature].since[browser];
}

static void note(struct nidus_feature_use *uses, enum nidus_feature feature, const char *example) {
  if (uses[feature].count == 0) uses[feature].example = example;
  if (uses[feature].count < UINT32_MAX) uses[feature].count++;
}

/* ---- types ---- */

static void note_type(struct nidus_feature_use *uses, const struct nidus_module *module, nidus_type type) {
  if (NIDUS_TYPE_KIND(type) == NIDUS_V128) note(uses, NIDUS_FEATURE_SIMD, "the type v128");
  if (!type_is_ref(type)) return;
  uint32_t heap = NIDUS_TYPE_HEAP(type);
  if (heap == HEAP_EXN || heap == HEAP_NOEXN) {
    note(uses, NIDUS_FEATURE_EXCEPTIONS, "the type exnref");
  } else if (heap < HEAP_ABSTRACT) {
    bool func = module->types.items[heap].kind == KIND_FUNC;
    note(uses, func ? NIDUS_FEATURE_TYPED_REFERENCES : NIDUS_FEATURE_GC, "a reference to a defined type");
  } else if (heap != HEAP_FUNC && heap != HEAP_EXTERN) {
    note(uses, NIDUS_FEATURE_GC, type_name(type));
  } else {
    note(uses, type_is_nullable(type) ? NIDUS_FEATURE_REFERENCE_TYPES : NIDUS_FEATURE_TYPED_REFERENCES, type_name(type));
  }
}

static void note_types(struct nidus_feature_use *uses, const struct nidus_module *module) {
  for (uint32_t i = 0; i < module->types.count; i++) {
    const struct deftype *type = &module->types.items[i];
    if (type->kind == KIND_STRUCT) note(uses, NIDUS_FEATURE_GC, "a struct type");
    if (type->kind == KIND_ARRAY) note(uses, NIDUS_FEATURE_GC, "an array type");
    if (type->super != NO_INDEX || !type->final) note(uses, NIDUS_FEATURE_GC, "a subtype");
    for (uint32_t f = 0; f < type->field_count; f++) note_type(uses, module, type->fields[f].type);
    if (type->kind != KIND_FUNC) continue;
    if (type->shape.result_count > 1) note(uses, NIDUS_FEATURE_MULTI_VALUE, "a function type");
    for (uint32_t p = 0; p < type->shape.param_count; p++) note_type(uses, module, type->shape.params[p]);
    for (uint32_t r = 0; r < type->shape.result_count; r++) note_type(uses, module, type->shape.results[r]);
  }
}

/* ---- instructions ---- */

/* The feature that brought an instruction; NIDUS_FEATURE_COUNT for those of 1.0. */
static enum nidus_feature feature_of(uint32_t op) {
  if (op >= 0x450) return NIDUS_FEATURE_GC;
  if (op >= 0x400) return NIDUS_FEATURE_THREADS;
  if (op >= 0x300) return NIDUS_FEATURE_RELAXED_SIMD;
  if (op >= 0x200) return NIDUS_FEATURE_SIMD;
  if (op >= 0x113) return NIDUS_FEATURE_WIDE_ARITHMETIC;
  if (op >= WASM_TABLE_GROW) return NIDUS_FEATURE_REFERENCE_TYPES; /* and table.size, table.fill */
  if (op >= WASM_MEMORY_INIT) return NIDUS_FEATURE_BULK_MEMORY;
  if (op >= 0x100) return NIDUS_FEATURE_SATURATING;
  if (op >= WASM_I32_EXTEND8_S && op <= WASM_I64_EXTEND32_S) return NIDUS_FEATURE_SIGN_EXTENSION;
  switch (op) {
    case WASM_TRY:
    case WASM_CATCH:
    case WASM_CATCH_ALL:
    case WASM_RETHROW:
    case WASM_DELEGATE:
      return NIDUS_FEATURE_LEGACY_EXCEPTIONS;
    case WASM_THROW_REF:
    case WASM_TRY_TABLE:
      return NIDUS_FEATURE_EXCEPTIONS;
    case WASM_RETURN_CALL:
    case WASM_RETURN_CALL_INDIRECT:
    case WASM_RETURN_CALL_REF:
      return NIDUS_FEATURE_TAIL_CALLS;
    case WASM_CALL_REF:
    case WASM_REF_AS_NON_NULL:
    case WASM_BR_ON_NULL:
    case WASM_BR_ON_NON_NULL:
      return NIDUS_FEATURE_TYPED_REFERENCES;
    case WASM_SELECT_T:
    case WASM_TABLE_GET:
    case WASM_TABLE_SET:
    case WASM_REF_NULL:
    case WASM_REF_IS_NULL:
    case WASM_REF_FUNC:
      return NIDUS_FEATURE_REFERENCE_TYPES;
    case WASM_REF_EQ:
      return NIDUS_FEATURE_GC;
    default:
      return NIDUS_FEATURE_COUNT;
  }
}

/* What an instruction's immediates need. */
static enum nidus_code note_immediates(struct nidus_feature_use *uses, const struct nidus_module *module,
                                       struct reader reader, uint32_t op) {
  uint32_t flags, first, second;
  int64_t type;
  switch (instructions[op].immediates) {
    case IMM_BLOCK:
    case IMM_CATCHES:
      if (*reader.at == 0x63 || *reader.at == 0x64) return NIDUS_OK;
      TRY(read_s33(&reader, &type));
      if (type < 0) return NIDUS_OK;
      const struct nidus_functype *shape = &module->types.items[type].shape;
      if (shape->param_count > 0 || shape->result_count > 1) note(uses, NIDUS_FEATURE_MULTI_VALUE, instruction_name(op));
      return NIDUS_OK;
    case IMM_MEMARG:
    case IMM_MEMARG_LANE:
      TRY(read_u32(&reader, &flags));
      if (flags & 64) note(uses, NIDUS_FEATURE_MULTI_MEMORY, instruction_name(op));
      return NIDUS_OK;
    case IMM_TYPE_TABLE:
      TRY(read_u32(&reader, &first));
      TRY(read_u32(&reader, &second));
      if (second > 0) note(uses, NIDUS_FEATURE_REFERENCE_TYPES, instruction_name(op));
      return NIDUS_OK;
    default:
      return NIDUS_OK;
  }
}

static enum nidus_code note_code(struct nidus_feature_use *uses, const struct nidus_module *module, struct reader reader) {
  while (reader.at < reader.end) {
    uint32_t op;
    TRY(decode_opcode(&reader, &op));
    enum nidus_feature feature = feature_of(op);
    if (feature < NIDUS_FEATURE_COUNT) note(uses, feature, instruction_name(op));
    if (op == WASM_RETURN_CALL_REF) note(uses, NIDUS_FEATURE_TYPED_REFERENCES, instruction_name(op));
    TRY(note_immediates(uses, module, reader, op));
    TRY(skip_immediates(&reader, op));
  }
  return NIDUS_OK;
}

/* The declarations of locals, up to the first instruction. */
static enum nidus_code note_locals(struct nidus_feature_use *uses, struct nidus_module *module, struct reader *reader) {
  uint32_t groups, count;
  TRY(read_u32(reader, &groups));
  for (uint32_t i = 0; i < groups; i++) {
    nidus_type type;
    TRY(read_u32(reader, &count));
    TRY(decode_value_type(module, reader, &type));
    note_type(uses, module, type);
  }
  return NIDUS_OK;
}

/* A constant expression at an offset in the module, 0 where there is none. */
static enum nidus_code note_constant(struct nidus_feature_use *uses, const struct nidus_module *module, uint32_t offset,
                                     struct nidus_error *error) {
  if (offset == 0) return NIDUS_OK;
  struct reader reader = {module->bytes, module->bytes + offset, module->bytes + module->size, error};
  for (;;) {
    uint32_t op;
    TRY(decode_opcode(&reader, &op));
    if (op == WASM_END) return NIDUS_OK;
    enum nidus_feature feature = feature_of(op);
    if (feature < NIDUS_FEATURE_COUNT) note(uses, feature, instruction_name(op));
    if (op >= WASM_I32_ADD && op <= WASM_I64_MUL) note(uses, NIDUS_FEATURE_EXTENDED_CONST, instruction_name(op));
    TRY(skip_immediates(&reader, op));
  }
}

/* ---- definitions ---- */

static void note_limits(struct nidus_feature_use *uses, const struct limits *limits, const char *what) {
  if (limits->is64) note(uses, NIDUS_FEATURE_MEMORY64, what);
  if (limits->shared) note(uses, NIDUS_FEATURE_THREADS, "a shared memory");
}

static bool is_imported_or_exported(const struct nidus_module *module, uint32_t global) {
  if (global < module->imported_globals) return true;
  for (uint32_t i = 0; i < module->exports.count; i++) {
    const struct export *export = &module->exports.items[i];
    if (export->kind == NIDUS_GLOBAL && export->index == global) return true;
  }
  return false;
}

static enum nidus_code note_definitions(struct nidus_feature_use *uses, const struct nidus_module *module,
                                        struct nidus_error *error) {
  for (uint32_t i = 0; i < module->memories.count; i++) {
    note_limits(uses, &module->memories.items[i], "a memory");
    if (module->memories.items[i].page_shift != DEFAULT_PAGE_SHIFT) {
      note(uses, NIDUS_FEATURE_CUSTOM_PAGE_SIZES, "a memory");
    }
    if (i > 0) note(uses, NIDUS_FEATURE_MULTI_MEMORY, "another memory");
  }
  for (uint32_t i = 0; i < module->tables.count; i++) {
    const struct table_type *table = &module->tables.items[i];
    note_limits(uses, &table->limits, "a table");
    if (table->element != NIDUS_FUNCREF) note_type(uses, module, table->element);
    if (table->init) note(uses, NIDUS_FEATURE_TYPED_REFERENCES, "a table's initial value");
    if (i > 0) note(uses, NIDUS_FEATURE_REFERENCE_TYPES, "another table");
    TRY(note_constant(uses, module, table->init, error));
  }
  for (uint32_t i = 0; i < module->globals.count; i++) {
    const struct global_type *global = &module->globals.items[i];
    note_type(uses, module, global->type);
    if (global->mutable_ && is_imported_or_exported(module, i)) note(uses, NIDUS_FEATURE_MUTABLE_GLOBALS, "a global");
    TRY(note_constant(uses, module, global->init, error));
  }
  for (uint32_t i = 0; i < module->datas.count; i++) {
    const struct data_segment *segment = &module->datas.items[i];
    if (segment->mode != SEGMENT_ACTIVE) note(uses, NIDUS_FEATURE_BULK_MEMORY, "a passive data segment");
    if (segment->mode == SEGMENT_ACTIVE) TRY(note_constant(uses, module, segment->offset, error));
  }
  for (uint32_t i = 0; i < module->elems.count; i++) {
    const struct elem_segment *segment = &module->elems.items[i];
    if (segment->mode == SEGMENT_PASSIVE) note(uses, NIDUS_FEATURE_BULK_MEMORY, "a passive element segment");
    if (segment->mode == SEGMENT_DECLARED || segment->expressions) {
      note(uses, NIDUS_FEATURE_REFERENCE_TYPES, "an element segment");
    }
    if (segment->mode == SEGMENT_ACTIVE) TRY(note_constant(uses, module, segment->offset, error));
  }
  return NIDUS_OK;
}

enum nidus_code nidus_module_features(const struct nidus_module *module, struct nidus_feature_use *uses,
                                      struct nidus_error *error) {
  struct nidus_error unused;
  if (!error) error = &unused;
  for (int i = 0; i < NIDUS_FEATURE_COUNT; i++) uses[i] = (struct nidus_feature_use){0, NULL};
  note_types(uses, module);
  if (module->has_data_count) note(uses, NIDUS_FEATURE_BULK_MEMORY, "the data count section");
  TRY(note_definitions(uses, module, error));
  for (uint32_t i = 0; i < module->bodies.count; i++) {
    const uint8_t *bytes = module->bytes + module->bodies.items[i].offset;
    struct reader reader = {module->bytes, bytes, bytes + module->bodies.items[i].size, error};
    TRY(note_locals(uses, (struct nidus_module *)module, &reader));
    TRY(note_code(uses, module, reader));
  }
  /* Throwing and tags are common to both forms of exceptions: a module that catches in neither can be
   * linked with either, and hosts got them with the first. */
  if (module->tags.count > 0 && uses[NIDUS_FEATURE_EXCEPTIONS].count == 0) {
    note(uses, NIDUS_FEATURE_LEGACY_EXCEPTIONS, "a tag");
  }
  return NIDUS_OK;
}
