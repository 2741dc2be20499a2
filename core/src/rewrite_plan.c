/*
 * Which functions need a check at their entry, and what a call costs its caller.
 *
 * A call made inside a loop is behind that loop's check. What can go on without one are the calls outside
 * loops: along them, the call graph must have no cycle without a check, and no tree larger than TREE_LIMIT
 * instructions. Functions are finished in post-order, their callees before them; one that is called
 * while it is itself unfinished closes a cycle, and gets a check. So does one that calls outside loops
 * what is not known: an import, which may call back, or through a table or reference.
 *
 * A function without a check at its entry is paid for by who calls it directly.
 */
#include "rewrite.h"

enum { TREE_LIMIT = 1000, COST_LIMIT = 1 << 30 };

enum progress { UNSEEN, UNFINISHED, FINISHED };

struct planner {
  const struct nidus_module *module;
  struct plan *plan;
  struct nidus_error *error;
  uint32_t *first;        /* by function: where its callees begin in `callees`; they end where the next one's do */
  VEC(uint32_t) callees;  /* defined functions called outside loops */
  uint8_t *progress;
  VEC(struct { uint32_t function; uint32_t next; }) path;
};

enum nidus_code rewrite_skip_locals(struct reader *reader, uint32_t *locals) {
  uint32_t groups;
  *locals = 0;
  TRY(read_u32(reader, &groups));
  for (uint32_t i = 0; i < groups; i++) {
    uint32_t count;
    uint8_t type;
    int64_t heap;
    TRY(read_u32(reader, &count));
    TRY(read_byte(reader, &type));
    if (type == 0x63 || type == 0x64) TRY(read_s33(reader, &heap));
    *locals += count;
  }
  return NIDUS_OK;
}

/* A body's instructions and calls outside loops. */
static enum nidus_code note_body(struct planner *planner, uint32_t i) {
  const struct nidus_module *module = planner->module;
  const struct nidus_allocator *allocator = &module->engine->config.allocator;
  const struct body *body = &module->bodies.items[i];
  struct function_plan *function = &planner->plan->functions[i];
  const uint8_t *bytes = module->bytes + body->offset;
  struct reader reader = {module->bytes, bytes, bytes + body->size, planner->error};
  uint32_t depth = 0, loop = 0; /* open blocks, and how many there were outside the outermost open loop, plus 1 */
  uint32_t locals;
  TRY(rewrite_skip_locals(&reader, &locals));
  function->plain = true;
  while (reader.at < reader.end) {
    uint32_t op, callee;
    TRY(decode_opcode(&reader, &op));
    struct reader immediates = reader;
    TRY(rewrite_skip_immediates(&reader, op));
    if (rewrite_opens_block(op)) {
      depth++;
      if (op == WASM_LOOP && !loop) loop = depth;
      if (op == WASM_LOOP) function->plain = false;
    }
    if (!loop) function->cost++;
    if (rewrite_closes_block(op) && depth-- == loop) loop = 0;
    /* Who catches what it throws reads the count from the global. */
    if (rewrite_throws(op)) function->plain = false;
    if (loop || !rewrite_is_call(op)) continue;
    if (op != WASM_CALL && op != WASM_RETURN_CALL) {
      function->checked = true;
      continue;
    }
    TRY(read_u32(&immediates, &callee));
    if (callee < module->imported_funcs) {
      function->checked = true;
      continue;
    }
    if (!VEC_ROOM(allocator, &planner->callees, 1)) return error_no_memory(planner->error);
    planner->callees.items[planner->callees.count++] = callee - module->imported_funcs;
  }
  return NIDUS_OK;
}

static void finish(struct planner *planner, uint32_t i) {
  struct function_plan *function = &planner->plan->functions[i];
  for (uint32_t c = planner->first[i]; c < planner->first[i + 1]; c++) {
    const struct function_plan *callee = &planner->plan->functions[planner->callees.items[c]];
    /* One that is not finished is checked. */
    if (!callee->plain || callee->checked) function->plain = false;
    if (!callee->checked && function->cost < COST_LIMIT) function->cost += callee->cost;
  }
  if (function->cost > TREE_LIMIT) function->checked = true;
  if (function->checked) function->plain = false;
  planner->progress[i] = FINISHED;
}

static enum nidus_code enter(struct planner *planner, uint32_t function) {
  if (!VEC_ROOM(&planner->module->engine->config.allocator, &planner->path, 1)) return error_no_memory(planner->error);
  planner->path.items[planner->path.count].function = function;
  planner->path.items[planner->path.count++].next = planner->first[function];
  planner->progress[function] = UNFINISHED;
  return NIDUS_OK;
}

static enum nidus_code visit(struct planner *planner, uint32_t root) {
  TRY(enter(planner, root));
  while (planner->path.count > 0) {
    uint32_t function = planner->path.items[planner->path.count - 1].function;
    uint32_t next = planner->path.items[planner->path.count - 1].next++;
    if (next == planner->first[function + 1]) {
      finish(planner, function);
      planner->path.count--;
      continue;
    }
    uint32_t callee = planner->callees.items[next];
    if (planner->progress[callee] == UNFINISHED) planner->plan->functions[callee].checked = true;
    if (planner->progress[callee] == UNSEEN) TRY(enter(planner, callee));
  }
  return NIDUS_OK;
}

static enum nidus_code make_plan(struct planner *planner) {
  const struct nidus_module *module = planner->module;
  const struct nidus_allocator *allocator = &module->engine->config.allocator;
  uint32_t count = module->bodies.count;
  planner->plan->functions = pool_new(allocator, count, sizeof *planner->plan->functions);
  planner->first = pool_new(allocator, count + 1, sizeof *planner->first);
  planner->progress = pool_new(allocator, count, sizeof *planner->progress);
  if (!planner->plan->functions || !planner->first || !planner->progress) return error_no_memory(planner->error);
  for (uint32_t i = 0; i < count; i++) {
    planner->first[i] = planner->callees.count;
    TRY(note_body(planner, i));
  }
  planner->first[count] = planner->callees.count;
  for (uint32_t i = 0; i < count; i++) {
    if (planner->progress[i] == UNSEEN) TRY(visit(planner, i));
  }
  return NIDUS_OK;
}

enum nidus_code rewrite_plan(const struct nidus_module *module, struct plan *plan, struct nidus_error *error) {
  const struct nidus_allocator *allocator = &module->engine->config.allocator;
  struct planner planner = {.module = module, .plan = plan, .error = error};
  enum nidus_code code = make_plan(&planner);
  pool_free(allocator, planner.first, module->bodies.count + 1, sizeof *planner.first);
  pool_free(allocator, planner.progress, module->bodies.count, sizeof *planner.progress);
  VEC_FREE(allocator, &planner.callees);
  VEC_FREE(allocator, &planner.path);
  return code;
}

void plan_free(const struct nidus_module *module, struct plan *plan) {
  pool_free(&module->engine->config.allocator, plan->functions, module->bodies.count, sizeof *plan->functions);
}
