/* What valid.c and valid_rules.c share. */
#ifndef NIDUS_CORE_VALID_RULES_H
#define NIDUS_CORE_VALID_RULES_H

#include "valid_stack.h"

/* Validates the instruction v->op, whose rule is not a plain signature. */
NIDUS_CHECK enum nidus_code valid_special(struct validator *v);
NIDUS_CHECK enum nidus_code valid_memarg(struct validator *v, uint32_t natural, int exact,
                                         nidus_type *address);

NIDUS_CHECK enum nidus_code valid_object(struct validator *v);    /* valid_objects.c */
NIDUS_CHECK enum nidus_code valid_exception(struct validator *v); /* valid_exceptions.c */

/* Immediates. */
NIDUS_CHECK enum nidus_code valid_read_block_type(struct validator *v, struct block_type *type);
NIDUS_CHECK enum nidus_code valid_read_index(struct validator *v, uint32_t count, const char *what,
                                             uint32_t *index);
NIDUS_CHECK enum nidus_code valid_read_type(struct validator *v, enum type_kind kind,
                                            uint32_t *index);
NIDUS_CHECK enum nidus_code valid_read_label(struct validator *v, const struct control **control);
NIDUS_CHECK enum nidus_code valid_read_data(struct validator *v);

/* Pops a reference of any type. */
NIDUS_CHECK enum nidus_code valid_pop_ref(struct validator *v, nidus_type *type);
int valid_lists_match(const struct validator *v, const nidus_type *sub, uint32_t sub_count,
                      const nidus_type *super, uint32_t super_count);

/* Lanes of the shape that an extract or replace instruction works on. */
uint32_t valid_lane_count(uint32_t op);

#endif
