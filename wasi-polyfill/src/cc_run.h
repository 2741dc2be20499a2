/*
 * cc_run.h: one run of `cc`, `c++`, `clang` or `clang++`, step by step.
 *
 * The run says what is to be done next, and is told how that ended; whoever has processes and files does it. What
 * the programs write to standard error goes through the run, which reads it as diagnostics.
 *
 * Invariants: what the user sees is clang's own text; temporary files are named when the run ends, however it
 * ends; a job whose input was not made is not run; the exit code is that of the first job that failed.
 */
#ifndef NIDUS_CC_RUN_H
#define NIDUS_CC_RUN_H

#include "cc.h"
#include "reply.h"

/* What is to be done next, and the strings that come with it. */
enum cc_step {
  CC_END,  /* nothing more: `{"code": …, "diagnostics": […]}` */
  CC_FILE, /* `exists`, `unlink`, `chmod` (to be executable) or `writeFile` (the prompt object), and an absolute
              path. Result: 1, or 0 if not */
  CC_RUN,  /* run the compiler: the program's name, its arguments. Result: its exit code, or -1 */
  CC_QUIZ  /* the same, without standard input and output: it is the driver, asked for its plan */
};

/* What the driver answered to earlier runs, by all that its answers depend on. All zeros is an empty one. */
struct cc_answers {
  struct cc_answer *first;
  uint32_t count;
};

void cc_answers_clear(struct cc_answers *answers);

/*
 * Begins a run; NULL when memory is short, or the strings are not what they should be. `strings`: the build of the
 * compiler as the rewriter tells it, the command, the working folder, `argc` arguments, and the environment.
 * `terminal`: standard error is one. `pid`, as `seed`, makes names of temporary files.
 */
struct cc_run *cc_run_begin(struct cc_answers *answers, const char *strings, uint32_t length, uint32_t argc,
                            bool terminal, uint32_t seed, uint32_t pid);

/* The next step, or a negated errno. `result`: of the step before; `trap`: why the program broke off, or empty. */
int32_t cc_run_next(struct cc_run *run, int32_t result, const char *trap, struct reply *reply);

/* Takes what the program writes to standard error. Answers the text that is now to be shown to the user. */
const struct reply *cc_run_says(struct cc_run *run, const char *text, uint32_t length);

/* Ends a run at any time; answers the files that are to be removed. */
void cc_run_end(struct cc_run *run, struct reply *reply);

/* Clang's messages in a text, as a list in JSON (web/toolchain/commands.js describes it). */
void cc_messages(const char *text, uint32_t length, struct reply *json);

#endif
