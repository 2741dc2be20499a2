/* sched_yield: comes back. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  for (int i = 0; i < 100; i++) must(sched_yield(), "sched_yield");
  SUCCEEDS(sched_yield());
  return done();
}
