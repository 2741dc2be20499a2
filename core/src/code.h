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

struct code {
    uint16_t *units;
    uint64_t *image;       /* what the slots after the parameters start as: zeros and constants */
    uint32_t image_cells;
    uint32_t param_cells;
    uint32_t result_cells;
    uint32_t frame_cells;  /* all slots of a frame, and room for its results */
    uint32_t entry_cost;   /* fuel */
    uint32_t unit_count;
    uint8_t too_large;     /* needs more slots than operands can name: calling it traps */
};

/* Translates function `index` (not imported) into module->bodies[...].code; does nothing if that is
 * done. The only failure is NIDUS_ERROR_NO_MEMORY. */
NIDUS_CHECK enum nidus_code translate_function(struct nidus_module *module, uint32_t index);
/* The offset in the module of the instruction whose internal code holds unit `unit`. */
NIDUS_CHECK enum nidus_code translate_locate(struct nidus_module *module, uint32_t index,
                                             uint32_t unit, size_t *offset);
void code_free(const struct nidus_allocator *allocator, struct code *code);

#endif
