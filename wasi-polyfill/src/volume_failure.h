/*
 * volume_failure.h: what users are told when the store of a volume fails.
 */
#ifndef NIDUS_VOLUME_FAILURE_H
#define NIDUS_VOLUME_FAILURE_H

#include "reply.h"

/* Strings: the volume's name, the name of what was thrown ("Damaged": the kernel refused what was stored), and
 * what it says. Replies with a sentence and returns its negated errno. */
int32_t volume_failure(const char *bytes, uint32_t length, struct reply *reply);

#endif
