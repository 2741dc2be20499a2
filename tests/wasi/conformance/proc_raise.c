/* proc_raise: what can be raised without ending; wasmtime, and who else has no signals, says ENOTSUP or ENOSYS. */
#include "check.h"

static bool none;

/* On a host without signals, that is said of every one. */
static void raised(i32 got, i32 expected, int line, const char *what) {
  if (none) check_errno(got, ENOTSUP_, ENOSYS_, line, what);
  else check_errno(got, expected, expected, line, what);
}
#define RAISED(error, signal) raised(proc_raise(signal), error, __LINE__, "proc_raise(" #signal ")")

int main(int argc, char **argv) {
  start(argc, argv);
  i32 code = proc_raise(0);
  none = code == ENOTSUP_ || code == ENOSYS_;
  RAISED(OK, 0);   /* none */
  RAISED(OK, 16);  /* chld */
  RAISED(OK, 17);  /* cont */
  RAISED(OK, 22);  /* urg */
  RAISED(OK, 27);  /* winch */
  RAISED(ENOTSUP_, 18); /* stop: nobody could let the program go on */
  RAISED(ENOTSUP_, 19); /* tstp */
  RAISED(ENOTSUP_, 20); /* ttin */
  RAISED(ENOTSUP_, 21); /* ttou */
  RAISED(EINVAL_, 31);
  RAISED(EINVAL_, 255);
  RAISED(EINVAL_, ~0u);
  return done();
}
