/*
 * Internal code of one function, and the translator that makes it.
 *
 * Translation is deterministic: translating again gives the same units. So no map from internal
 * code to wasm offsets is kept; when somebody asks where a unit came from, the function is
 * translated once more with a watch on that unit.
 */
#ifndef NIDUS_CORE_CODE_H
#define NIDUS_CORE_CODE_H

#include "module.h"

enum op {
#define OP(name, units) OP_##name,
#include "ops.def"
    OP_COUNT
};

/* Units of 16 bits per operation, the jumps of a BR_TABLE not counted. */
extern const uint8_t op_units[OP_COUNT];

/*
 * Where a frame holds references, for the collector. Locals that are references are so all the time.
 * Of the operands, point i says which hold references before the operation at its unit, and at all units up to
 * the next point: those of its node, of the node's parent, and so on.
 */
struct root_node {
    uint32_t parent; /* NO_INDEX ends it */
    uint16_t slot;
};

struct root_point {
    uint32_t unit;
    uint32_t node; /* NO_INDEX for none */
};

#define NO_SLOT UINT16_MAX

/*
 * One catch clause, or with HANDLER_DELEGATE a delegate: exceptions of units from start to before end
 * go to it. Clauses of inner blocks come before those of outer ones.
 */
enum handler_kind { HANDLER_CATCH, HANDLER_DELEGATE };

struct handler {
    uint32_t start;
    uint32_t end;
    uint32_t unit;   /* where to go on; of a delegate: the level of the block that it names */
    uint32_t tag;    /* in its module; NO_INDEX catches all */
    uint32_t level;  /* how many labels are around its block */
    uint16_t values; /* the slots that get the exception's values */
    uint16_t caught; /* the slot that gets the exception itself, or NO_SLOT */
    uint8_t kind;
};

/* One block, its units last: a call finds them without one more load. */
struct code {
    uint64_t *image;       /* what the slots after the parameters start as: zeros and constants */
    uint32_t image_cells;  /* even: a frame has room for one more */
    uint32_t param_cells;
    uint32_t result_cells;
    uint32_t frame_cells;  /* all slots of a frame, and room for its results */
    uint32_t entry_cost;   /* fuel */
    uint32_t unit_count;
    struct root_node *root_nodes;
    struct root_point *root_points;
    uint16_t *ref_locals;
    struct handler *handlers;
    uint32_t root_node_count;
    uint32_t root_point_count;
    uint32_t ref_local_count;
    uint32_t handler_count;
    uint8_t too_large;     /* needs more slots than operands can name: calling it traps */
    uint16_t units[];
};

/* Translates function `index` (not imported) into module->bodies[...].code; does nothing if that is
 * done. The only failure is NIDUS_ERROR_NO_MEMORY. */
NIDUS_CHECK enum nidus_code translate_function(struct nidus_module *module, uint32_t index);
/* The offset in the module of the instruction whose internal code holds unit `unit`. */
NIDUS_CHECK enum nidus_code translate_locate(struct nidus_module *module, uint32_t index,
                                             uint32_t unit, size_t *offset);
void code_free(const struct nidus_allocator *allocator, struct code *code);

#endif
