/*
 * Function bodies with countdown checks.
 *
 * Where all loops of a function call others, they share the count with them: a check stands behind the
 * head of each loop, and at the entry where the plan says so; `spare` is a local of its own:
 *
 *     global.get $count   i64.const COST   i64.sub   local.tee $spare   global.set $count
 *     local.get $spare    i64.const 0      i64.lt_s
 *     if   call $slow   end
 *
 * Where a loop calls nothing that counts, the function has the count to itself, in `spare`, which a host keeps in a
 * register, and puts it back where it ends and around calls:
 *
 *     global.get $count   local.set $spare
 *     block RESULT
 *         ...   local.get $spare   global.set $count   call   global.get $count   local.set $spare
 *         ...   local.get $spare   global.set $count   return
 *     end   local.get $spare   global.set $count
 *
 * The block stands between the body and the function: a branch that left the function leaves the block.
 * Whoever throws or lets an exception pass has put the count back before, so that a handler finds it in the
 * global: legacy catch blocks load it. A clause of try_table leads to a label that branches may lead to as well.
 * Such a label is a landing: who goes there in any other way puts the count back first, and it is loaded
 * behind the label.
 *
 * In a loop that calls nothing that counts even the call of $slow would make the host keep in memory what it has
 * in registers. Therefore it stands outside, and the loop is entered anew behind it:
 *
 *     block $done RESULT   loop $again RESULT
 *         block $slow
 *             loop RESULT
 *                 local.get $spare   i64.const COST   i64.sub   local.tee $spare   i64.const 0   i64.lt_s   br_if $slow
 *                 ...
 *             end   br $done
 *         end
 *         local.get $spare   global.set $count   call $slow
 *         global.get $count   i64.const COST   i64.add   local.set $spare   br $again
 *     end   end
 */
#include <string.h>

#include "rewrite.h"

#define NO_VALUES 0x40 /* the type of a block without parameters and results */

/* Region 0 is the function outside loops, then one region per loop, in the order of their heads. */
struct region {
  uint32_t cost;
  bool counts; /* calls what counts */
};

struct open_block {
  uint32_t around; /* the region that it stands in, while surveyed */
  uint32_t region; /* a loop's own; 0 for other blocks */
  uint32_t depth;  /* how many blocks are around it in the new body */
  uint32_t id;     /* in the order of their heads; 0 is the function */
  bool landing;    /* a clause of try_table leads to its label, in a function that has the count to itself */
  bool outside;    /* a loop whose slow path stands behind it */
};

struct emitter {
  const struct nidus_module *module;
  const struct plan *plan;
  const struct check_indices *indices;
  const struct nidus_allocator *allocator;
  struct code_map *map;
  struct buffer *out;
  struct reader reader;
  const uint8_t *start;  /* of the old body */
  const uint8_t *copied; /* old bytes up to here are in `out` */
  const struct nidus_functype *shape;
  VEC(struct region) regions;
  VEC(struct open_block) blocks;
  VEC(bool) caught; /* by id: whether a clause of try_table leads to the block's label */
  uint32_t depth;
  uint32_t spare; /* a local of type i64 */
  bool own;       /* the function has the count to itself */
};

/* ---- what a body costs ---- */

static enum nidus_code add_region(struct emitter *emitter) {
  if (!VEC_ROOM(emitter->allocator, &emitter->regions, 1)) return error_no_memory(emitter->reader.error);
  emitter->regions.items[emitter->regions.count++] = (struct region){0, false};
  return NIDUS_OK;
}

static enum nidus_code open_block(struct emitter *emitter, struct open_block block) {
  if (!VEC_ROOM(emitter->allocator, &emitter->blocks, 1)) return error_no_memory(emitter->reader.error);
  emitter->blocks.items[emitter->blocks.count++] = block;
  return NIDUS_OK;
}

/* Whether a call leaves the count as it is; and what it costs when the callee does not count that itself. */
static enum nidus_code weigh_call(struct emitter *emitter, uint32_t op, struct reader immediates, bool *plain,
                                  uint32_t *cost) {
  uint32_t callee;
  *plain = false;
  *cost = 0;
  if (op != WASM_CALL && op != WASM_RETURN_CALL) return NIDUS_OK;
  TRY(read_u32(&immediates, &callee));
  if (callee < emitter->module->imported_funcs) return NIDUS_OK;
  const struct function_plan *function = &emitter->plan->functions[callee - emitter->module->imported_funcs];
  *plain = function->plain;
  if (!function->checked) *cost = function->cost;
  return NIDUS_OK;
}

/* From the immediates of try_table to the first clause; *count gets how many there are. */
static enum nidus_code read_clauses(struct reader *reader, uint32_t *count) {
  int64_t type;
  if (*reader->at == 0x63 || *reader->at == 0x64) reader->at++;
  TRY(read_s33(reader, &type));
  return read_u32(reader, count);
}

/* From a catch clause to its label. */
static enum nidus_code skip_tag(struct reader *reader) {
  uint8_t kind;
  uint32_t tag;
  TRY(read_byte(reader, &kind));
  return kind < 2 ? read_u32(reader, &tag) : NIDUS_OK;
}

static enum nidus_code note_clauses(struct emitter *emitter, struct reader immediates) {
  uint32_t count, label;
  TRY(read_clauses(&immediates, &count));
  for (; count > 0; count--) {
    TRY(skip_tag(&immediates));
    TRY(read_u32(&immediates, &label));
    /* One that is not among the open blocks is the function's. */
    uint32_t open = emitter->blocks.count;
    emitter->caught.items[label < open ? emitter->blocks.items[open - 1 - label].id : 0] = true;
  }
  return NIDUS_OK;
}

static enum nidus_code add_label(struct emitter *emitter) {
  if (!VEC_ROOM(emitter->allocator, &emitter->caught, 1)) return error_no_memory(emitter->reader.error);
  emitter->caught.items[emitter->caught.count++] = false;
  return NIDUS_OK;
}

static enum nidus_code survey_body(struct emitter *emitter) {
  struct reader *reader = &emitter->reader;
  const uint8_t *instructions = reader->at;
  uint32_t region = 0;
  emitter->regions.count = emitter->blocks.count = emitter->caught.count = 0;
  TRY(add_region(emitter));
  TRY(add_label(emitter));
  while (reader->at < reader->end) {
    uint32_t op;
    TRY(decode_opcode(reader, &op));
    struct reader immediates = *reader;
    TRY(rewrite_skip_immediates(reader, op));
    emitter->regions.items[region].cost++;
    if (rewrite_is_call(op)) {
      bool plain;
      uint32_t cost;
      TRY(weigh_call(emitter, op, immediates, &plain, &cost));
      if (!plain) emitter->regions.items[region].counts = true;
      emitter->regions.items[region].cost += cost;
    }
    if (op == WASM_TRY_TABLE) TRY(note_clauses(emitter, immediates));
    if (rewrite_opens_block(op)) {
      TRY(open_block(emitter, (struct open_block){.around = region, .id = emitter->caught.count}));
      TRY(add_label(emitter));
    }
    if (op == WASM_LOOP) {
      region = emitter->regions.count;
      TRY(add_region(emitter));
    }
    if (rewrite_closes_block(op) && emitter->blocks.count > 0) {
      bool counts = emitter->regions.items[region].counts;
      region = emitter->blocks.items[--emitter->blocks.count].around;
      if (counts) emitter->regions.items[region].counts = true;
    }
  }
  reader->at = instructions;
  return NIDUS_OK;
}

/* ---- pieces ---- */

static void put_op(struct emitter *emitter, uint8_t op, uint32_t index) {
  put_byte(emitter->out, op);
  put_u32(emitter->out, index);
}

static void put_constant(struct emitter *emitter, int64_t value) {
  put_byte(emitter->out, WASM_I64_CONST);
  put_s64(emitter->out, value);
}

static void put_load(struct emitter *emitter) {
  put_op(emitter, WASM_GLOBAL_GET, emitter->indices->count_global);
  put_op(emitter, WASM_LOCAL_SET, emitter->spare);
}

static void put_store(struct emitter *emitter) {
  put_op(emitter, WASM_LOCAL_GET, emitter->spare);
  put_op(emitter, WASM_GLOBAL_SET, emitter->indices->count_global);
}

/* Lowers the count; the new one is in `spare`, and whether it is used up on the stack. */
static void put_countdown(struct emitter *emitter, uint32_t cost, bool loaded) {
  if (loaded) {
    put_op(emitter, WASM_LOCAL_GET, emitter->spare);
  } else {
    put_op(emitter, WASM_GLOBAL_GET, emitter->indices->count_global);
  }
  put_constant(emitter, cost);
  put_byte(emitter->out, WASM_I64_SUB);
  put_op(emitter, WASM_LOCAL_TEE, emitter->spare);
  if (!emitter->own) {
    put_op(emitter, WASM_GLOBAL_SET, emitter->indices->count_global);
    put_op(emitter, WASM_LOCAL_GET, emitter->spare);
  }
  put_constant(emitter, 0);
  put_byte(emitter->out, WASM_I64_LT_S);
}

static void put_check(struct emitter *emitter, uint32_t cost, bool loaded) {
  put_countdown(emitter, cost, loaded);
  put_op(emitter, WASM_IF, NO_VALUES);
  if (emitter->own) put_store(emitter);
  put_op(emitter, WASM_CALL, emitter->indices->slow_function);
  if (emitter->own) put_load(emitter);
  put_byte(emitter->out, WASM_END);
}

/* ---- copying ---- */

static void copy_up_to(struct emitter *emitter, const uint8_t *at) {
  put_bytes(emitter->out, emitter->copied, (size_t)(at - emitter->copied));
  emitter->copied = at;
}

/* Behind an insertion: what follows went where `out` ends now. */
static enum nidus_code put_point(struct emitter *emitter) {
  if (!VEC_ROOM(emitter->allocator, &emitter->map->points, 1)) return error_no_memory(emitter->reader.error);
  emitter->map->points.items[emitter->map->points.count++] =
      (struct code_point){(uint32_t)(emitter->copied - emitter->start), emitter->out->bytes.count};
  return NIDUS_OK;
}

static enum nidus_code put_store_before(struct emitter *emitter, const uint8_t *at) {
  copy_up_to(emitter, at);
  put_store(emitter);
  return put_point(emitter);
}

static enum nidus_code put_load_behind(struct emitter *emitter) {
  copy_up_to(emitter, emitter->reader.at);
  put_load(emitter);
  return put_point(emitter);
}

/* The type of a block that answers what a function does, if one byte can say it: no result, a number or a
 * vector. */
static bool result_type(const struct nidus_functype *shape, uint8_t *type) {
  *type = NO_VALUES;
  if (shape->result_count == 0) return true;
  if (shape->result_count > 1 || shape->results[0] > NIDUS_V128) return false;
  *type = (uint8_t)(0x80 - shape->results[0]);
  return true;
}

/* Whether a loop's type, at `at`, has parameters. */
static bool takes_values(const struct emitter *emitter, const uint8_t *at) {
  struct reader reader = {at, at, emitter->reader.end, emitter->reader.error};
  int64_t type;
  if (*at >= 0x40 && *at < 0x80) return false;
  if (read_s33(&reader, &type) || type < 0) return false;
  return emitter->module->types.items[type].shape.param_count > 0;
}

/* ---- instructions ---- */

static enum nidus_code put_loop(struct emitter *emitter, const uint8_t *at, const uint8_t *immediates,
                                struct open_block *block) {
  const struct region *region = &emitter->regions.items[block->region];
  block->outside = emitter->own && !region->counts && !block->landing && !takes_values(emitter, immediates);
  if (block->outside) {
    copy_up_to(emitter, at);
    put_byte(emitter->out, WASM_BLOCK);
    put_bytes(emitter->out, immediates, (size_t)(emitter->reader.at - immediates));
    put_byte(emitter->out, WASM_LOOP);
    put_bytes(emitter->out, immediates, (size_t)(emitter->reader.at - immediates));
    put_op(emitter, WASM_BLOCK, NO_VALUES);
    emitter->depth += 3;
    TRY(put_point(emitter));
  }
  block->depth = emitter->depth;
  copy_up_to(emitter, emitter->reader.at);
  if (block->outside) {
    put_countdown(emitter, region->cost, true);
    put_op(emitter, WASM_BR_IF, 1);
  } else {
    if (block->landing) put_load(emitter);
    put_check(emitter, region->cost, emitter->own);
  }
  return put_point(emitter);
}

static enum nidus_code put_loop_end(struct emitter *emitter, const struct open_block *block) {
  copy_up_to(emitter, emitter->reader.at);
  put_op(emitter, WASM_BR, 2);
  put_byte(emitter->out, WASM_END);
  put_store(emitter);
  put_op(emitter, WASM_CALL, emitter->indices->slow_function);
  put_op(emitter, WASM_GLOBAL_GET, emitter->indices->count_global);
  put_constant(emitter, emitter->regions.items[block->region].cost);
  put_byte(emitter->out, WASM_I64_ADD);
  put_op(emitter, WASM_LOCAL_SET, emitter->spare);
  put_op(emitter, WASM_BR, 0);
  put_byte(emitter->out, WASM_END);
  put_byte(emitter->out, WASM_END);
  emitter->depth -= 3;
  return put_point(emitter);
}

/* Labels count the blocks between a branch and its target: there may be more of them now. */
static enum nidus_code put_labels(struct emitter *emitter, struct reader labels, uint32_t count) {
  for (; count > 0; count--) {
    const uint8_t *at = labels.at;
    uint32_t label;
    TRY(read_u32(&labels, &label));
    uint32_t moved = emitter->depth - 1 - emitter->blocks.items[emitter->blocks.count - 1 - label].depth;
    if (moved == label) continue;
    copy_up_to(emitter, at);
    uint32_t before = emitter->out->bytes.count;
    put_u32(emitter->out, moved);
    emitter->copied = labels.at;
    if (emitter->out->bytes.count - before != (size_t)(labels.at - at)) TRY(put_point(emitter));
  }
  return NIDUS_OK;
}

static enum nidus_code put_clauses(struct emitter *emitter, struct reader immediates) {
  uint32_t count, label;
  TRY(read_clauses(&immediates, &count));
  for (; count > 0; count--) {
    TRY(skip_tag(&immediates));
    TRY(put_labels(emitter, immediates, 1));
    TRY(read_u32(&immediates, &label));
  }
  return NIDUS_OK;
}

static bool has_landing(const struct emitter *emitter, struct reader labels, uint32_t count) {
  uint32_t label;
  for (; count > 0; count--) {
    if (read_u32(&labels, &label)) return false; /* can not be: the module is valid */
    if (emitter->blocks.items[emitter->blocks.count - 1 - label].landing) return true;
  }
  return false;
}

static bool is_branch(uint32_t op) {
  uint8_t immediates = instructions[op].immediates;
  return immediates == IMM_LABEL || immediates == IMM_LABELS || immediates == IMM_CAST;
}

static enum nidus_code put_branch(struct emitter *emitter, const uint8_t *at, uint32_t op, struct reader immediates) {
  uint32_t count = 0;
  uint8_t flags;
  if (instructions[op].immediates == IMM_LABELS) TRY(read_u32(&immediates, &count));
  if (instructions[op].immediates == IMM_CAST) TRY(read_byte(&immediates, &flags));
  if (emitter->own && (rewrite_throws(op) || has_landing(emitter, immediates, count + 1)))
    TRY(put_store_before(emitter, at));
  return put_labels(emitter, immediates, count + 1);
}

static enum nidus_code put_call(struct emitter *emitter, const uint8_t *at, uint32_t op, struct reader immediates) {
  bool tail = op == WASM_RETURN_CALL || op == WASM_RETURN_CALL_INDIRECT || op == WASM_RETURN_CALL_REF;
  bool plain;
  uint32_t cost;
  TRY(weigh_call(emitter, op, immediates, &plain, &cost));
  if (plain && !tail) return NIDUS_OK;
  TRY(put_store_before(emitter, at));
  return tail ? NIDUS_OK : put_load_behind(emitter);
}

static enum nidus_code put_opening(struct emitter *emitter, const uint8_t *at, uint32_t op, struct reader immediates,
                                   struct open_block block) {
  block.depth = emitter->depth;
  block.landing = emitter->own && emitter->caught.items[block.id];
  /* The other ways to the label: into a loop, and past an `if` without `else`. */
  if (block.landing && (op == WASM_LOOP || op == WASM_IF)) TRY(put_store_before(emitter, at));
  if (op == WASM_LOOP) TRY(put_loop(emitter, at, immediates.at, &block));
  if (op == WASM_TRY_TABLE) TRY(put_clauses(emitter, immediates));
  TRY(open_block(emitter, block));
  emitter->depth++;
  return NIDUS_OK;
}

/* The next part of a block: else, catch or catch_all. The one before it ends at the label. */
static enum nidus_code put_part(struct emitter *emitter, const uint8_t *at, uint32_t op) {
  if (emitter->blocks.items[emitter->blocks.count - 1].landing) TRY(put_store_before(emitter, at));
  return emitter->own && op != WASM_ELSE ? put_load_behind(emitter) : NIDUS_OK;
}

static enum nidus_code put_closing(struct emitter *emitter, const uint8_t *at, uint32_t op, struct reader immediates) {
  const struct open_block block = emitter->blocks.items[--emitter->blocks.count];
  bool landing = block.landing && block.region == 0; /* a loop's label is at its head */
  emitter->depth--;
  if (landing) TRY(put_store_before(emitter, at));
  if (op == WASM_DELEGATE) TRY(put_labels(emitter, immediates, 1));
  if (block.outside) return put_loop_end(emitter, &block);
  return landing && block.id > 0 ? put_load_behind(emitter) : NIDUS_OK;
}

static enum nidus_code put_instructions(struct emitter *emitter) {
  struct reader *reader = &emitter->reader;
  uint32_t heads = 0, loops = 0;
  while (reader->at < reader->end) {
    const uint8_t *at = reader->at;
    uint32_t op;
    TRY(decode_opcode(reader, &op));
    struct reader immediates = *reader;
    TRY(rewrite_skip_immediates(reader, op));
    if (rewrite_opens_block(op)) {
      struct open_block block = {.id = ++heads, .region = op == WASM_LOOP ? ++loops : 0};
      TRY(put_opening(emitter, at, op, immediates, block));
    } else if (rewrite_closes_block(op)) {
      TRY(put_closing(emitter, at, op, immediates));
    } else if (op == WASM_ELSE || op == WASM_CATCH || op == WASM_CATCH_ALL) {
      TRY(put_part(emitter, at, op));
    } else if (is_branch(op)) {
      TRY(put_branch(emitter, at, op, immediates));
    } else if (emitter->own && (op == WASM_RETURN || rewrite_throws(op))) {
      TRY(put_store_before(emitter, at));
    } else if (emitter->own && rewrite_is_call(op)) {
      TRY(put_call(emitter, at, op, immediates));
    }
  }
  if (emitter->own) {
    copy_up_to(emitter, reader->end - 1);
    put_byte(emitter->out, WASM_END);
    if (!emitter->caught.items[0]) put_store(emitter);
    TRY(put_point(emitter));
  }
  copy_up_to(emitter, reader->end);
  return NIDUS_OK;
}

static bool has_own_count(const struct emitter *emitter, uint8_t *result) {
  if (!result_type(emitter->shape, result)) return false;
  for (uint32_t i = 1; i < emitter->regions.count; i++) {
    if (!emitter->regions.items[i].counts) return true;
  }
  return false;
}

/* Copies the local declarations with one i64 more. */
static enum nidus_code put_locals(struct emitter *emitter) {
  uint32_t groups, locals;
  struct reader reader = emitter->reader;
  TRY(rewrite_skip_locals(&emitter->reader, &locals));
  TRY(read_u32(&reader, &groups));
  put_u32(emitter->out, groups + 1);
  emitter->copied = reader.at;
  copy_up_to(emitter, emitter->reader.at);
  put_u32(emitter->out, 1);
  put_byte(emitter->out, 0x7E); /* i64 */
  emitter->spare = emitter->shape->param_count + locals;
  return NIDUS_OK;
}

/* The new body, and the points of the map relative to the two bodies' first bytes. */
static enum nidus_code put_body(struct emitter *emitter, const struct function_plan *function) {
  uint8_t result = NO_VALUES;
  TRY(put_locals(emitter));
  TRY(survey_body(emitter));
  if (!function->checked && emitter->regions.count == 1) {
    emitter->out->bytes.count = 0;
    emitter->copied = emitter->start;
    copy_up_to(emitter, emitter->reader.end);
    return NIDUS_OK;
  }
  emitter->own = has_own_count(emitter, &result);
  if (function->checked) {
    put_check(emitter, function->cost, false);
  } else if (emitter->own) {
    put_load(emitter);
  }
  emitter->depth = 0;
  if (emitter->own) {
    put_op(emitter, WASM_BLOCK, result);
    emitter->depth++;
  }
  TRY(put_point(emitter));
  bool landing = emitter->own && emitter->caught.items[0];
  TRY(open_block(emitter, (struct open_block){.depth = emitter->depth++, .landing = landing}));
  return put_instructions(emitter);
}

static enum nidus_code put_bodies(struct emitter *emitter, uint32_t base, struct buffer *out) {
  const struct nidus_module *module = emitter->module;
  const struct check_indices *indices = emitter->indices;
  struct nidus_error *error = emitter->reader.error;
  struct code_map *map = emitter->map;
  struct buffer *body = emitter->out;
  if (!VEC_ROOM(out->allocator, &map->points, 1)) return error_no_memory(error);
  map->points.items[map->points.count++] = (struct code_point){0, 0};
  put_u32(out, module->bodies.count + 1);
  for (uint32_t i = 0; i < module->bodies.count; i++) {
    const struct body *from = &module->bodies.items[i];
    const uint8_t *bytes = module->bytes + from->offset;
    emitter->reader = (struct reader){module->bytes, bytes, bytes + from->size, error};
    emitter->start = emitter->copied = bytes;
    emitter->shape = &module_functype(module, module->imported_funcs + i)->shape;
    uint32_t first = map->points.count;
    if (!VEC_ROOM(out->allocator, &map->points, 1)) return error_no_memory(error);
    map->points.items[map->points.count++] = (struct code_point){0, 0};
    body->bytes.count = 0;
    TRY(put_body(emitter, &emitter->plan->functions[i]));
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
  /* A host that leaves the count used up is asked again at the next check, not at this one. */
  put_op(emitter, WASM_GLOBAL_GET, indices->count_global);
  put_constant(emitter, 0);
  put_byte(body, WASM_I64_LT_S);
  put_op(emitter, WASM_IF, NO_VALUES);
  put_constant(emitter, 0);
  put_op(emitter, WASM_GLOBAL_SET, indices->count_global);
  put_byte(body, WASM_END);
  put_byte(body, WASM_END);
  put_sized(out, body);
  return out->failed ? error_no_memory(error) : NIDUS_OK;
}

enum nidus_code rewrite_code(const struct nidus_module *module, uint32_t base, const struct check_indices *indices,
                             struct buffer *out, struct code_map *map, struct nidus_error *error) {
  struct buffer body = {.allocator = out->allocator};
  struct plan plan = {NULL};
  struct emitter emitter = {.module = module, .plan = &plan, .indices = indices, .allocator = out->allocator,
                            .map = map, .out = &body, .reader = {.error = error}};
  enum nidus_code code = rewrite_plan(module, &plan, error);
  if (!code) code = put_bodies(&emitter, base, out);
  plan_free(module, &plan);
  VEC_FREE(out->allocator, &emitter.regions);
  VEC_FREE(out->allocator, &emitter.blocks);
  VEC_FREE(out->allocator, &emitter.caught);
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
