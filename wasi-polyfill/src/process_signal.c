#include "process_signal.h"

#include "wake.h"

static uint32_t bit(uint32_t signal) { return (uint32_t)1 << signal; }

/* The default action is to do nothing: of those that stop a process, too, since nobody could let it go on. */
static bool harmless(uint32_t signal) {
  return signal == 0 || signal == SIGNAL_CHLD || signal == SIGNAL_URG || signal == SIGNAL_WINCH ||
         (signal >= SIGNAL_CONT && signal <= SIGNAL_TTOU);
}

void process_signal(struct process *process, uint32_t signal) {
  if (process->exit_code >= 0 || process->pid == 1 || signal > SIGNAL_LAST || (process->ignored & bit(signal))) return;
  struct nidus_system *system = process->system; /* of a process that may be forgotten when it ends */
  uint32_t pid = process->pid;
  if (process->handled & bit(signal)) process->pending |= bit(signal);
  else if (harmless(signal)) return;
  else process_end(process, NIDUS_EXIT_SIGNAL + (int32_t)signal);
  system->events++;
  wake_process(system_process(system, pid));
  wake_host(system); /* which stops a thread that computes */
}

uint32_t process_group_signal(struct nidus_system *system, uint32_t group, uint32_t signal) {
  uint32_t count = 0;
  for (uint32_t pid = 2; pid < system->process_capacity; pid++) {
    struct process *process = system_running(system, pid);
    if (!process || process->group != group) continue;
    process_signal(process, signal);
    count++;
  }
  return count;
}

bool process_take_late_signal(struct process *process) {
  if (!process->signalled) return false;
  uint32_t signal = process->signalled;
  process->signalled = 0;
  process_signal(process, signal);
  return process->exit_code >= 0;
}

wasi_errno_t process_disposition(struct process *process, uint32_t signal, uint32_t disposition) {
  if (signal == 0 || signal > SIGNAL_LAST || signal == SIGNAL_KILL || signal == SIGNAL_STOP) return WASI_EINVAL;
  if (disposition > SIGNAL_HANDLE) return WASI_EINVAL;
  process->ignored &= ~bit(signal);
  process->handled &= ~bit(signal);
  if (disposition == SIGNAL_IGNORE) process->ignored |= bit(signal);
  if (disposition == SIGNAL_HANDLE) process->handled |= bit(signal);
  else process->pending &= ~bit(signal);
  tty_signals_changed(process->system);
  return WASI_ESUCCESS;
}

uint32_t process_take_signal(struct process *process) {
  uint32_t ready = process->pending & process->handled;
  for (uint32_t signal = 1; signal <= SIGNAL_LAST; signal++) {
    if (!(ready & bit(signal))) continue;
    process->pending &= ~bit(signal);
    return signal;
  }
  return 0;
}
