/*
 * volume_failure.h: what users are told when the store of a volume fails.
 */
#ifndef NIDUS_VOLUME_FAILURE_H
#define NIDUS_VOLUME_FAILURE_H

#include "reply.h"

/* Both reply with a sentence and return its negated errno. */

/* Strings: the volume's name, the name of what its store threw, and what that says. */
int32_t volume_failure(const char *bytes, uint32_t length, struct reply *reply);

/* The kernel refused what was stored, for `error`. The volume's name is the string. */
int32_t volume_damaged(wasi_errno_t error, const char *bytes, uint32_t length, struct reply *reply);

#endif
