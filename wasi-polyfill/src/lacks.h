/*
 * lacks.h: what a browser or a page does not give a system, in sentences for the user: what it costs, and what to do
 * about it. Knows nothing of any system; the host says what is missing.
 */
#ifndef NIDUS_LACKS_H
#define NIDUS_LACKS_H

#include "reply.h"

/* The first three cost something; the last one refuses what was asked for. */
enum lack {
  LACKS_JSPI = 1,         /* nothing lets a program wait while the host goes on */
  LACKS_ISOLATION = 2,    /* nor may memory be shared */
  LACKS_MULTI_MEMORY = 4, /* wasm cannot copy between two memories */
  LACKS_TOOLCHAIN = 8,    /* it is to be made ready */
};

/* Answers how many sentences there are, one for each thing that costs something; or a failure. */
int32_t lacks_tell(uint32_t lacks, struct reply *reply);

#endif
