/*
 * reply.h: strings on their way in and out of a call: what the host asks with, and what the kernel answers
 * besides a number.
 *
 * Both are blocks of strings, each ending in NUL. A call that fails answers three: a sentence for the user, or an
 * empty one where the errno's own wording says it all; the name of what was called; and the path or name it was
 * about. Invariant: a reply for which memory was short is `failed`; whoever gives it out answers ENOMEM.
 */
#ifndef NIDUS_REPLY_H
#define NIDUS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "nidus/wasi.h"

struct reply {
  char *bytes; /* free with free() */
  uint32_t length;
  uint32_t capacity;
  bool failed; /* memory was short */
};

/* Makes room for that much more, behind what there is; false, and failed, when memory is short. */
bool reply_room(struct reply *reply, uint32_t length);
void reply_text(struct reply *reply, const char *text, uint32_t length);
/* Decimal digits, and nothing behind them. */
void reply_digits(struct reply *reply, uint64_t number);

/* Adds one string, made of pieces. */
#define reply_string(reply, ...) reply_pieces(reply, (const char *const[]){__VA_ARGS__, (const char *)0})
void reply_pieces(struct reply *reply, const char *const *pieces);

/* Replaces what there is by a failure, and returns the negated errno. The pieces make the sentence. */
#define reply_refuse(reply, error, syscall, path, ...) \
  reply_failure(reply, error, syscall, path, (const char *const[]){__VA_ARGS__, (const char *)0})
int32_t reply_failure(struct reply *reply, wasi_errno_t error, const char *syscall, const char *path,
                      const char *const *pieces);

/* What the host asks with. */
struct strings {
  const char *next;
  const char *end;
};

/* How many there are; 0 as well for a block that does not end in NUL, which then holds none. */
uint32_t strings_start(struct strings *strings, const char *bytes, uint32_t length);
/* The next one; an empty one when there is none left. */
const char *strings_next(struct strings *strings);

#endif
