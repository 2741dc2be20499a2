/*
 * rewriter.h: rewriting a program as it streams by, so that one instance of it can serve many processes.
 *
 * Two things stand in the way of putting an instance back to its beginning (web/image.js): its mutable
 * globals, such as the stack pointer, cannot be reached from outside; and memory that has grown cannot shrink, so
 * that a C library would find its heap in another place. Both are changed here:
 *
 * - the mutable globals are exported;
 * - the program's `memory.size` reads a global, *pages*, and its `memory.grow` calls a function that moves
 *   *pages* and grows the memory only when they run out, by much at a time. (C libraries grow by 64 KiB; V8 makes
 *   a new ArrayBuffer each time, and starts a garbage collection for many of them.)
 *
 *     type import function+1 table memory global+1 export+n element | code: bodies.. +1 | data
 *     '----------------------- head: read, hashed, re-emitted ----'   '- in place --'    '- as it is
 *
 * Of the one build of the compiler that is known, `malloc` counts, too, under the names of core's rewriter (docs/processes.md): a body
 * of the same length takes the place of its own, which comes after all others; a table, a global and their exports are added.
 *
 * The invariant: the new module does what the old one does, on a memory that seems to be *pages* large; only an
 * access beyond, which no correct program makes, need not trap. Bodies keep their length; only those in which the
 * bytes of one of the two instructions occur are decoded. A module of another shape (imported or shared memory, a start
 * function, passive segments) passes unchanged. No input makes the rewriter hold more than twice its longest
 * head and a window, or read or write outside of that.
 *
 * The added exports are called `nidus:FINGERPRINT:pages`, which comes first, and `nidus:FINGERPRINT:INDEX`; the
 * fingerprint, of the head, tells builds of a program apart.
 */
#ifndef NIDUS_REWRITER_H
#define NIDUS_REWRITER_H

#include <stdbool.h>
#include <stdint.h>

/* The fingerprint, as in the names, of the one build of the compiler of which more is known (cc_plan.c). */
#define REWRITER_KNOWN_BUILD "13d3a43fdc84ec94"

enum {
  REWRITER_WINDOW = 64 * 1024,          /* taken at a time, at most */
  REWRITER_LONGEST = 8 * 1024 * 1024,   /* a longer head passes unchanged; a longer body cannot be rewritten */
};

/* What the host reads; the rest is private. */
struct rewriter {
  uint8_t *into;   /* where the next bytes of the module are to be put, a window at most */
  uint8_t *from;   /* what can be passed on: valid until the next call */
  uint32_t length; /* of that */
  uint32_t skip;   /* not 0: as many bytes follow that pass as they are; they are only counted, and not put anywhere */
};

/* NULL: memory is short. Without `known`, each byte of a known build's program is looked at too. */
struct rewriter *rewriter_create(bool known);
void rewriter_destroy(struct rewriter *rewriter);

/*
 * Takes bytes of the module that were put at `into`, or passed by; none: the module has ended, and what was held
 * back is given out. -ENOTSUP: the program cannot be rewritten, which becomes clear only after its
 * beginning was given out.
 */
int32_t rewriter_take(struct rewriter *rewriter, uint32_t length);

#endif
