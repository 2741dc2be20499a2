/*
 * Function bodies with countdown checks.
 *
 * A check, at a function's entry and behind the head of each loop; `spare` is a local of its own:
 *
 *     global.get $count   i64.const COST   i64.sub   local.tee $spare   global.set $count
 *     local.get $spare    i64.const 0      i64.lt_s
 *     if   call $slow   end
 *
 * A function that neither loops nor calls ends by itself after its few instructions: it is copied as it is,
 * and whoever calls it in a loop is checked.
 */
#include <string.h>

#include "instructions.h"
#include "rewrite.h"
#include "translate.h"

/* What a body costs: region 0 is the function outside loops, then one region per loop, in the order of
 * their heads. */
struct survey {
  const struct nidus_allocator *allocator;
  VEC(uint32_t) costs;
  VEC(uint32_t) open; /* the region that each open block belongs to */
  bool calls;
};

static bool opens_block(uint32_t op) {
  return op == WASM_BLOCK || op == WASM_LOOP || op == WASM_IF;
}

static bool is_call(uint32_t op) {
  return op == WASM_CALL || op == WASM_CALL_INDIRECT || op == WASM_CALL_REF ||
         op == WASM_RETURN_CALL || op == WASM_RETURN_CALL_INDIRECT || op == WASM_RETURN_CALL_REF;
}

static enum nidus_code survey_body(struct survey *survey, struct reader *reader) {
  uint32_t region = 0;
  survey->costs.count = survey->open.count = 0;
  survey->calls = false;
  if (!VEC_ROOM(survey->allocator, &survey->costs, 1)) return error_no_memory(reader->error);
  survey->costs.items[survey->costs.count++] = 0;
  while (reader->at < reader->end) {
    uint32_t op;
    TRY(decode_opcode(reader, &op));
    TRY(skip_immediates(reader, op));
    survey->costs.items[region]++;
    if (is_call(op)) survey->calls = true;
    if (opens_block(op)) {
      if (!VEC_ROOM(survey->allocator, &survey->open, 1)) return error_no_memory(reader->error);
      survey->open.items[survey->open.count++] = region;
    }
    if (op == WASM_LOOP) {
      if (!VEC_ROOM(survey->allocator, &survey->costs, 1)) return error_no_memory(reader->error);
      region = survey->costs.count;
      survey->costs.items[survey->costs.count++] = 0;
    }
    if (op == WASM_END && survey->open.count > 0) region = survey->open.items[--survey->open.count];
  }
  return NIDUS_OK;
}

static void put_check(struct buffer *out, const struct check_indices *indices, uint32_t spare, uint32_t cost) {
  put_byte(out, WASM_GLOBAL_GET);
  put_u32(out, indices->count_global);
  put_byte(out, WASM_I64_CONST);
  put_s64(out, cost);
  put_byte(out, WASM_I64_SUB);
  put_byte(out, WASM_LOCAL_TEE);
  put_u32(out, spare);
  put_byte(out, WASM_GLOBAL_SET);
  put_u32(out, indices->count_global);
  put_byte(out, WASM_LOCAL_GET);
  put_u32(out, spare);
  put_byte(out, WASM_I64_CONST);
  put_s64(out, 0);
  put_byte(out, WASM_I64_LT_S);
  put_byte(out, WASM_IF);
  put_byte(out, 0x40); /* no parameters, no results */
  put_byte(out, WASM_CALL);
  put_u32(out, indices->slow_function);
  put_byte(out, WASM_END);
}

/* Copies the local declarations with one i64 more; *spare is its index. */
static enum nidus_code put_locals(struct buffer *out, struct reader *reader, uint32_t parameters, uint32_t *spare) {
  uint32_t groups, locals = parameters;
  TRY(read_u32(reader, &groups));
  const uint8_t *declarations = reader->at;
  for (uint32_t i = 0; i < groups; i++) {
    uint32_t count;
    TRY(read_u32(reader, &count));
    locals += count;
    uint8_t type;
    TRY(read_byte(reader, &type));
    int64_t heap;
    if (type == 0x63 || type == 0x64) TRY(read_s33(reader, &heap));
  }
  put_u32(out, groups + 1);
  put_bytes(out, declarations, (size_t)(reader->at - declarations));
  put_u32(out, 1);
  put_byte(out, 0x7E); /* i64 */
  *spare = locals;
  return NIDUS_OK;
}

/* The new body, and the points of the map relative to the two bodies' first bytes. */
static enum nidus_code put_body(struct buffer *out, struct survey *survey, const struct check_indices *indices,
                                struct reader *reader, uint32_t parameters, struct code_map *map) {
  const uint8_t *start = reader->at;
  const struct nidus_allocator *allocator = survey->allocator;
  uint32_t spare, loop = 0;
  TRY(put_locals(out, reader, parameters, &spare));
  const uint8_t *instructions = reader->at;
  TRY(survey_body(survey, reader));
  if (!survey->calls && survey->costs.count == 1) {
    out->bytes.count = 0;
    put_bytes(out, start, (size_t)(reader->end - start));
    return NIDUS_OK;
  }
  if (!VEC_ROOM(allocator, &map->points, survey->costs.count + 1)) return error_no_memory(reader->error);
  put_check(out, indices, spare, survey->costs.items[0]);
  reader->at = instructions;
  const uint8_t *copied = instructions;
  map->points.items[map->points.count++] =
      (struct code_point){(uint32_t)(instructions - start), out->bytes.count};
  while (reader->at < reader->end) {
    uint32_t op;
    TRY(decode_opcode(reader, &op));
    TRY(skip_immediates(reader, op));
    if (op != WASM_LOOP) continue;
    put_bytes(out, copied, (size_t)(reader->at - copied));
    copied = reader->at;
    put_check(out, indices, spare, survey->costs.items[++loop]);
    map->points.items[map->points.count++] = (struct code_point){(uint32_t)(copied - start), out->bytes.count};
  }
  put_bytes(out, copied, (size_t)(reader->end - copied));
  return NIDUS_OK;
}

static enum nidus_code put_bodies(const struct nidus_module *module, uint32_t base,
                                  const struct check_indices *indices, struct buffer *out, struct buffer *body,
                                  struct survey *survey, struct code_map *map, struct nidus_error *error) {
  if (!VEC_ROOM(out->allocator, &map->points, 1)) return error_no_memory(error);
  map->points.items[map->points.count++] = (struct code_point){0, 0};
  put_u32(out, module->bodies.count + 1);
  for (uint32_t i = 0; i < module->bodies.count; i++) {
    const struct body *from = &module->bodies.items[i];
    const uint8_t *bytes = module->bytes + from->offset;
    struct reader reader = {module->bytes, bytes, bytes + from->size, error};
    uint32_t parameters = module_functype(module, module->imported_funcs + i)->shape.param_count;
    uint32_t first = map->points.count;
    if (!VEC_ROOM(out->allocator, &map->points, 1)) return error_no_memory(error);
    map->points.items[map->points.count++] = (struct code_point){0, 0};
    body->bytes.count = 0;
    TRY(put_body(body, survey, indices, &reader, parameters, map));
    put_u32(out, body->bytes.count);
    for (uint32_t p = first; p < map->points.count; p++) {
      map->points.items[p].from += from->offset - base;
      map->points.items[p].to += out->bytes.count;
    }
    put_bytes(out, body->bytes.items, body->bytes.count);
    if (body->failed || out->failed) return error_no_memory(error);
    map->end = from->offset + from->size - base;
  }
  body->bytes.count = 0;
  put_u32(body, 0); /* no locals */
  put_byte(body, WASM_I32_CONST);
  put_s64(body, 0);
  put_byte(body, WASM_CALL_INDIRECT);
  put_u32(body, indices->slow_type);
  put_u32(body, indices->slow_table);
  put_byte(body, WASM_END);
  put_sized(out, body);
  return out->failed ? error_no_memory(error) : NIDUS_OK;
}

enum nidus_code rewrite_code(const struct nidus_module *module, uint32_t base, const struct check_indices *indices,
                             struct buffer *out, struct code_map *map, struct nidus_error *error) {
  struct buffer body = {.allocator = out->allocator};
  struct survey survey = {.allocator = out->allocator};
  enum nidus_code code = put_bodies(module, base, indices, out, &body, &survey, map, error);
  VEC_FREE(out->allocator, &survey.costs);
  VEC_FREE(out->allocator, &survey.open);
  buffer_free(&body);
  return code;
}

uint32_t code_map_address(const struct code_map *map, uint32_t address) {
  if (address > map->end || map->points.count == 0) return address;
  uint32_t low = 0, high = map->points.count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (map->points.items[middle].from <= address) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return map->points.items[low].to + (address - map->points.items[low].from);
}
