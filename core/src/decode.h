/* What the files of the decoder share: the cursor, and one function per section. */
#ifndef NIDUS_CORE_DECODE_H
#define NIDUS_CORE_DECODE_H

#include "module.h"

struct decoder {
    struct nidus_module *module;
    const struct nidus_allocator *allocator;
    struct reader reader; /* bounded to the current section */
    uint32_t defined_funcs;
};

/* A vector's count, no larger than the bytes left or `limit`. */
NIDUS_CHECK enum nidus_code decode_count(struct decoder *decoder, uint32_t limit, const char *what,
                                         uint32_t *count);
NIDUS_CHECK enum nidus_code decode_type_index(struct decoder *decoder, uint32_t *type);

NIDUS_CHECK enum nidus_code decode_type_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_import_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_table_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_memory_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_tag_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_global_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_export_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_elem_section(struct decoder *decoder);
NIDUS_CHECK enum nidus_code decode_data_section(struct decoder *decoder);

#endif
