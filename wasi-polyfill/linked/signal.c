/*
 * signal.c: signal() and raise() of a guest's <signal.h> (-D_WASI_EMULATED_SIGNAL), known to the kernel, so that a signal
 * from outside calls the handler too: on the way out of the system calls that wait, which then answer EINTR.
 *
 * These calls are the C library's imports by its own names for them; what is defined here stands before the kernel's.
 */
#include "libc.h"

CALL(proc_sigset) int proc_sigset(int signal, int disposition);
CALL(proc_signext) int proc_signext(uint32_t *signal);
#define REAL(name) IMPORT("wasi_snapshot_preview1", #name)
REAL(proc_raise) int real_raise(int signal);
REAL(fd_read) int real_read(int fd, int vectors, int count, int read);
REAL(fd_write) int real_write(int fd, int vectors, int count, int written);
REAL(poll_oneoff) int real_poll(int in, int out, int count, int events);
CALL(proc_wait) int real_wait(int pid, int options, uint32_t *pid_out, uint32_t *status);

typedef void (*handler)(int signal);
enum { DEFAULT, IGNORE, HANDLE, SIGNALS = 32, EINTR = 27 };

WEAK void __SIG_IGN(int signal) { (void)signal; }
WEAK void __SIG_ERR(int signal) { (void)signal; }

static handler handlers[SIGNALS];

WEAK handler signal(int number, handler wanted) {
  int known = wasi_signal(number), how = wanted == __SIG_IGN ? IGNORE : wanted ? HANDLE : DEFAULT;
  int error = number <= 0 || number >= SIGNALS || known < 0 ? EINVAL : proc_sigset(known, how);
  if (error) {
    errno = error;
    return __SIG_ERR;
  }
  handler before = handlers[number];
  handlers[number] = wanted;
  return before;
}

WEAK int raise(int number) {
  handler its = number > 0 && number < SIGNALS ? handlers[number] : NULL;
  if (!its) return answer(real_raise(wasi_signal(number)));
  its(number);
  return 0;
}

/* Calls the handlers of what is pending. */
static int deliver(int result) {
  for (uint32_t next; proc_signext(&next) == 0 && next;) {
    handler its = handlers[libc_signal((int)next)];
    if (its) its(libc_signal((int)next));
  }
  return result;
}

int __imported_wasi_snapshot_preview1_fd_read(int fd, int vectors, int count, int read) {
  return deliver(real_read(fd, vectors, count, read));
}
int __imported_wasi_snapshot_preview1_fd_write(int fd, int vectors, int count, int written) {
  return deliver(real_write(fd, vectors, count, written));
}
int __imported_wasi_snapshot_preview1_poll_oneoff(int in, int out, int count, int events) {
  return deliver(real_poll(in, out, count, events));
}
int nidus_signalled_wait(int pid, int options, uint32_t *pid_out, uint32_t *status) {
  return deliver(real_wait(pid, options, pid_out, status));
}
