/*
 * Validation of expressions (core specification 3.4 and its appendix "Validation algorithm").
 *
 * Owns: the operand and control stacks of one validator, reused from function to function.
 * Invariant: one forward pass, linear in the size of the body, no recursion; memory used is bounded
 * by a constant times the size of the body.
 */
#ifndef NIDUS_CORE_VALID_H
#define NIDUS_CORE_VALID_H

#include "module.h"

struct validator;

NIDUS_CHECK enum nidus_code valid_new(struct nidus_module *module, struct validator **validator,
                                      struct nidus_error *error);
void valid_free(struct validator *validator);

/* Validates the body of function `index` (imports first), which the reader holds exactly: locals
 * and expression. Fills in body->loop_constants. */
NIDUS_CHECK enum nidus_code valid_body(struct validator *validator, uint32_t index,
                                       struct body *body, struct reader *reader);

/* Validates a constant expression and leaves the reader after its `end`. Globals below
 * `visible_globals` may be read. */
NIDUS_CHECK enum nidus_code valid_constant(struct nidus_module *module, struct reader *reader,
                                           nidus_type expected, uint32_t visible_globals);

#endif
