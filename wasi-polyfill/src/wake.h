/*
 * wake.h: who is parked, and what lets him look again, where processes run in threads of their own.
 *
 * A process whose system call would block is a sleeper until something has changed that it may wait for. Its word
 * `parked` is 1 from then on, set with the kernel's lock held; who changes something takes it back to 0, with the lock
 * held too, and notifies it. So a thread that waits for the word to leave 1 misses nothing, and nobody is
 * notified who does not wait.
 *
 * In the unshared build one thread runs all, and the host looks at `events` instead.
 */
#ifndef NIDUS_WAKE_H
#define NIDUS_WAKE_H

#include "system.h"

#ifdef NIDUS_SHARED

/* The process's call would block: for a change of `awaited` (a channel), or of anything (NULL). */
void wake_sleep(struct process *process, const void *awaited);
/* It is a sleeper no more, if it was one: it looks again. */
void wake_process(struct process *process);
/* Those that wait for `what`, or for anything, look again; NULL: all. */
void wake_changed(struct nidus_system *system, const void *what);
/* The same of all that run in threads of their own, for the host, which has those of its own thread look by itself. */
void wake_threads(struct nidus_system *system);
/* Tells the host's thread to look at what it does for all. */
void wake_host(struct nidus_system *system);

#else

static inline void wake_sleep(struct process *process, const void *awaited) { (void)process, (void)awaited; }
static inline void wake_process(struct process *process) { (void)process; }
static inline void wake_changed(struct nidus_system *system, const void *what) {
  (void)what;
  system->events++;
}
static inline void wake_host(struct nidus_system *system) { (void)system; }

#endif
#endif
