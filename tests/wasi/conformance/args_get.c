/* args_get: the arguments one after the other, each ending in NUL, and the address of each. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  i32 count = 0, size = 0;
  must(args_sizes_get(AT(&count), AT(&size)), "args_sizes_get");
  char **pointers = malloc((count + 1) * sizeof *pointers), *bytes = malloc(size + 1);
  pointers[count] = bytes + 12345;
  bytes[size] = 'x';
  SUCCEEDS(args_get(AT(pointers), AT(bytes)));
  TRUE(pointers[count] == bytes + 12345);
  EQUAL(bytes[size], 'x');
  EQUAL(count, 6);
  char *next = bytes;
  for (i32 i = 0; i < count; i++) {
    TRUE(pointers[i] == next);
    TRUE(strcmp(pointers[i], argv[i]) == 0);
    next += strlen(next) + 1;
  }
  EQUAL(next - bytes, size);
  TRUE(strcmp(pointers[3], "") == 0);
  TRUE(strcmp(pointers[4], "two words") == 0);
  TRUE(strcmp(pointers[5], "h\xc3\xa9llo \xf0\x9f\x98\x80") == 0);
  FAILS(EFAULT, args_get(AT(pointers), NOWHERE));
  FAILS(EFAULT, args_get(NOWHERE, AT(bytes)));
  FAILS(EFAULT, args_get(last_byte() - 1, AT(bytes)));
  FAILS(EFAULT, args_get(AT(pointers), last_byte() - 3));
  /* The least that is memory: the bytes end where memory does. */
  SUCCEEDS(args_get(AT(pointers), last_byte() + 1 - size));
  TRUE(strcmp(pointers[4], "two words") == 0);
  return done();
}
