/*
 * process_signal.h: signals of processes, numbered as WASI numbers them (CHLD is 16).
 *
 * A process ignores a signal, has a handler for it, or leaves it to the default action, which ends the process or does
 * nothing. A signal with a handler is pending until the guest takes it (proc_signext), and lets what it
 * waits for answer EINTR. The kernel calls no guest code.
 */
#ifndef NIDUS_PROCESS_SIGNAL_H
#define NIDUS_PROCESS_SIGNAL_H

#include "system.h"

enum {
  SIGNAL_HUP = 1,
  SIGNAL_INT = 2,
  SIGNAL_QUIT = 3,
  SIGNAL_ABRT = 6,
  SIGNAL_KILL = 9,
  SIGNAL_PIPE = 13,
  SIGNAL_TERM = 15,
  SIGNAL_CHLD = 16,
  SIGNAL_CONT = 17,
  SIGNAL_STOP = 18,
  SIGNAL_TTOU = 21, /* TSTP and TTIN are between them */
  SIGNAL_URG = 22,
  SIGNAL_WINCH = 27,
  SIGNAL_LAST = 30
};

enum signal_disposition { SIGNAL_DEFAULT, SIGNAL_IGNORE, SIGNAL_HANDLE };

/* Sends a process a signal; nothing happens to one that has ended, or to process 1. 0 is no signal. */
void process_signal(struct process *process, uint32_t signal);
/* Sends it to all processes of a group; how many there are. */
uint32_t process_group_signal(struct nidus_system *system, uint32_t group, uint32_t signal);
/* EINVAL for what is no signal, KILL and STOP. */
MUST_CHECK wasi_errno_t process_disposition(struct process *process, uint32_t signal, uint32_t disposition);
/* The lowest pending signal that has a handler, which it takes away; 0 when there is none. */
uint32_t process_take_signal(struct process *process);

/* To be called when a process has changed what it does about signals: terminals tell their hosts (tty.c). */
void tty_signals_changed(struct nidus_system *system);

/* Sends it the signal that has come in the middle of its system call (`signalled`), now that this is over; true when
 * that has ended it: then the call is never made again. */
MUST_CHECK bool process_take_late_signal(struct process *process);

/* A call that waits is to answer EINTR. */
static inline bool process_interrupted(const struct process *process) {
  return (process->pending & process->handled) != 0;
}

#endif
