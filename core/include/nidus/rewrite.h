/*
 * nidus/rewrite.h - making a changed module from a valid one, for the direct tier.
 *
 * The new module computes what the old one does, and besides can be counted, interrupted and looked
 * into by its host. Indices of types, functions, globals, tables and memories stay what they were: what
 * is added is added at the end of each index space. Every section is kept, names included; the addresses in
 * DWARF (versions 2 to 5) and in code metadata (branch hints) follow the code.
 */
#ifndef NIDUS_REWRITE_H
#define NIDUS_REWRITE_H

#include <nidus/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum nidus_rewrite_flags {
  /*
   * Countdown checks. A mutable i64 global, exported as "nidus:count", starts at 2^62 and is lowered, by the
   * instructions that may follow, at every loop head (what stands in its body, inner loops not counted)
   * and at the entry of functions from which calls outside loops lead far: back to the function itself, to
   * functions that are not known (imports, tables, references), or through more than 1000 instructions.
   * What other functions have outside loops is counted with each direct call of them. Between two checks there
   * is therefore a bounded number of instructions, and two runs of the same work count the same.
   *
   * When the count falls below zero, element 0 of a table exported as "nidus:check" is called: a function
   * () -> () that the host sets beforehand, and that may suspend, throw, or raise the count and return. A count
   * that it leaves below zero becomes zero, so that it is asked again at the next check.
   *
   * A function with a loop that calls nothing keeps the count in a local, and puts it into the global before it
   * calls a function that counts or the one of the table, and when it returns. A trap in it thus loses what it
   * counted since then: the global shows more than there is left, by what has run in that one function. What is
   * thrown loses nothing, wherever it is caught.
   *
   * What the function of the table throws the guest can catch, as with any import; but the count stays used up, so
   * that the next check asks again. A trap nobody can catch.
   */
  NIDUS_REWRITE_CHECKS = 1,
  /* Every mutable global that the module defines is exported as "nidus:global:INDEX". */
  NIDUS_REWRITE_GLOBALS = 2
};

/* Asked for every import; `from` and `name` may be changed to other names, which are copied. */
typedef void (*nidus_rename)(void *context, struct nidus_name *from, struct nidus_name *name);

struct nidus_rewrite {
  unsigned flags;
  nidus_rename rename; /* NULL: imports keep their names */
  void *context;
};

/* Code from offset `to` of the new module on, up to the next point's, is the old one's from offset `from` on; what was
 * inserted stands at the end of that. */
struct nidus_moved {
  uint32_t from;
  uint32_t to;
};

struct nidus_rewritten {
  uint8_t *bytes;
  size_t size;
  /* The module had debug sections that are not DWARF 2 to 5, or are malformed: they were left out,
   * because their addresses would be wrong. */
  bool debug_dropped;
  /* With checks: where all code went, in ascending order. */
  struct nidus_moved *moved;
  size_t moved_count;
};

/*
 * NIDUS_ERROR_USAGE when the module already exports a name that would be added. NIDUS_ERROR_LIMIT when the
 * new module would be larger than the engine allows. The result is freed with nidus_rewritten_free.
 */
NIDUS_CHECK enum nidus_code nidus_module_rewrite(const struct nidus_module *module,
                                                 const struct nidus_rewrite *how,
                                                 struct nidus_rewritten *out, struct nidus_error *error);
void nidus_rewritten_free(struct nidus_engine *engine, struct nidus_rewritten *rewritten);

#ifdef __cplusplus
}
#endif

#endif
