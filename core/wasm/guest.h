/*
 * guest.h: a program to run, as the host's thin side drives it: load, start, resume, resume, ...
 *
 * Owns a module, an instance of it for each thread, and the threads. A program of wasi-threads imports one memory, which is
 * shared, and the function "thread-spawn" of "wasi"; both are provided here, and its threads are scheduled by
 * the engine. The host needs to know nothing of types, values or
 * frames: whatever it has to read comes as JSON text, and a call of an imported function comes as the
 * import's index with the arguments where they lie.
 *
 * Invariants: the guest's functions are called only inside guest_resume; a text lies in the guest and
 * is valid until the next function that answers one; running out of memory is an answer, too.
 */
#ifndef NIDUS_CORE_GUEST_H
#define NIDUS_CORE_GUEST_H

#include <nidus/engine.h>

struct guest;

/* What the host answers to a call that would block: nothing was changed; called again at the next resume.
 * No errno is as large. */
enum { GUEST_WOULD_BLOCK = 0x10000 };

/*
 * Thread `thread` of the guest calls import `index`: arguments in `slots`, 64 bits each, i32 in the low half. `memory` is
 * the base of the memory that the guest exports as "memory", which stays where it is during the call;
 * NULL and 0 where there is none. The answer is the function's result, if it has one.
 */
typedef uint32_t (*guest_call)(uint32_t index, const uint64_t *slots, uint8_t *memory, size_t size,
                               uint32_t thread);

/* NULL: no memory. */
struct guest *guest_new(struct nidus_engine *engine, guest_call call);
void guest_free(struct guest *guest);

/*
 * Decodes and validates, once. The bytes stay the caller's, and so does the name, which stands in
 * backtraces: both must live as long as the guest. Answers {"imports", "exports"}, lists in the form of
 * WebAssembly.Module.imports and exports; the import of a function also has "params", a list with 1 for
 * each i64 and 0 for all else. Or {"message": why not, with the place}.
 */
const char *guest_load(struct guest *guest, const void *bytes, size_t size, struct nidus_name name);

/*
 * Links each imported function to guest_call, instantiates, and prepares the module's start function and
 * then its export `entry`, called with zeros. Answers {}, or {"message": why not}. Once, after guest_load or guest_reset. There may be
 * as many as `most` threads beside the first one; `seed` decides how they take turns.
 */
const char *guest_start(struct guest *guest, uint32_t entry, uint64_t fuel, uint32_t most, uint64_t seed);

/* Makes it what it was after guest_load, under another name, whatever it has come to: it can be started again. What was
 * translated stays. Not from within a call of the guest's. */
void guest_reset(struct guest *guest, struct nidus_name name);

/* Goes on for some milliseconds. DONE is the end of the entry. `now`: nanoseconds of a clock that never goes back. */
enum nidus_status guest_resume(struct guest *guest, int64_t now);
/* After NIDUS_RUN_BLOCKED: when it should go on at the latest, of the same clock; INT64_MAX: no thread's wait ends by time. */
int64_t guest_deadline(const struct guest *guest);

/* After NIDUS_RUN_TRAPPED: {"message", "stack": the frames, innermost first, in V8's form}. */
const char *guest_trap(struct guest *guest);

#endif
