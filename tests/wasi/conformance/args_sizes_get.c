/* args_sizes_get: how many arguments there are, and their bytes with a NUL each. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  i32 count = 0, size = 0, expected = 0;
  for (int i = 0; i < argc; i++) expected += (i32)strlen(argv[i]) + 1;
  SUCCEEDS(args_sizes_get(AT(&count), AT(&size)));
  EQUAL(count, argc);
  EQUAL(count, 6);
  EQUAL(size, expected);
  FAILS(EFAULT, args_sizes_get(NOWHERE, AT(&size)));
  FAILS(EFAULT, args_sizes_get(AT(&count), NOWHERE));
  FAILS(EFAULT, args_sizes_get(last_byte(), AT(&size)));
  FAILS(EFAULT, args_sizes_get(AT(&count), last_byte() - 2));
  return done();
}
