/*
 * cc.h: what `cc` and `c++` do: from a command line to the list of programs to run.
 *
 * Both functions are pure: bytes in, a block of bytes out. A block is a sequence of NUL-terminated strings, of
 * which the first byte says what the rest is:
 *
 *     j  a new job begins: its tool, `clang` or `wasm-ld`      o  the file it makes (none: standard output)
 *     a  its next argument, the program's name first           t  the same, to be removed after the last job
 *     i  a file it reads                                       r  text of the driver's for the user
 *     ?  there is no plan: the driver must be asked. Letters say how: a it answers by itself, so it is
 *        run as it stands; f its answer depends on a file, and is not to be kept; v its list is to be shown
 */
#ifndef NIDUS_CC_H
#define NIDUS_CC_H

#include <stdbool.h>
#include <stdint.h>

struct cc_block {
  char *bytes; /* free with free() */
  uint32_t length;
  uint32_t capacity;
  bool failed; /* memory was short */
};

enum cc_flags {
  CC_CXX = 1, /* the command is c++ */
  CC_ASK = 2  /* the compiler is not the build whose driver is known: no plan */
};

/*
 * Plans a command line. `strings` are NUL-terminated: the working folder, then `argc` arguments without the
 * program's name, then the environment as NAME=VALUE. `seed` makes the names of temporary files; two plans with
 * different seeds differ in them. 0, or a negated errno.
 */
int32_t cc_plan(const char *strings, uint32_t length, uint32_t argc, uint32_t flags, uint32_t seed,
                struct cc_block *out);

/*
 * Reads what the driver prints with -###. With `verbose`, its banner and its list are for the user too.
 * With a `seed`, temporary files get other names; with 0 they keep theirs.
 */
int32_t cc_driver(const char *text, uint32_t length, bool verbose, uint32_t seed, struct cc_block *out);

#endif
