/* environ_sizes_get: how many variables there are, and their bytes with a NUL each. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  i32 count = 0, size = 0;
  SUCCEEDS(environ_sizes_get(AT(&count), AT(&size)));
  EQUAL(count, 3);
  EQUAL(size, sizeof "EMPTY=" + sizeof "EQUALS=a=b=c" + sizeof "TEXT=h\xc3\xa9llo world");
  char **pointers = malloc(count * sizeof *pointers), *bytes = malloc(size);
  must(environ_get(AT(pointers), AT(bytes)), "environ_get");
  i32 sum = 0;
  for (i32 i = 0; i < count; i++) sum += (i32)strlen(pointers[i]) + 1;
  EQUAL(size, sum);
  FAILS(EFAULT, environ_sizes_get(NOWHERE, AT(&size)));
  FAILS(EFAULT, environ_sizes_get(AT(&count), NOWHERE));
  FAILS(EFAULT, environ_sizes_get(AT(&count), last_byte()));
  return done();
}
