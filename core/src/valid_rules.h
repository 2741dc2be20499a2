/* What valid.c and valid_rules.c share. */
#ifndef NIDUS_CORE_VALID_RULES_H
#define NIDUS_CORE_VALID_RULES_H

#include "valid_stack.h"

/* Validates the instruction v->op, whose rule is not a plain signature. */
NIDUS_CHECK enum nidus_code valid_special(struct validator *v);
NIDUS_CHECK enum nidus_code valid_memarg(struct validator *v, uint32_t natural, int exact,
                                         nidus_type *address);

/* Lanes of the shape that an extract or replace instruction works on. */
uint32_t valid_lane_count(uint32_t op);

#endif
