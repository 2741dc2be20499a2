/* environ_get: the variables one after the other as NAME=VALUE, each ending in NUL, and the address of each. */
#include "check.h"

static char **pointers;
static i32 count;

static int times(const char *variable) {
  int found = 0;
  for (i32 i = 0; i < count; i++) found += strcmp(pointers[i], variable) == 0;
  return found;
}

int main(int argc, char **argv) {
  start(argc, argv);
  i32 size = 0;
  must(environ_sizes_get(AT(&count), AT(&size)), "environ_sizes_get");
  pointers = malloc((count + 1) * sizeof *pointers);
  char *bytes = malloc(size + 1);
  pointers[count] = bytes + 12345;
  bytes[size] = 'x';
  SUCCEEDS(environ_get(AT(pointers), AT(bytes)));
  TRUE(pointers[count] == bytes + 12345);
  EQUAL(bytes[size], 'x');
  EQUAL(times("EMPTY="), 1);
  EQUAL(times("EQUALS=a=b=c"), 1);
  EQUAL(times("TEXT=h\xc3\xa9llo world"), 1);
  char *next = bytes;
  for (i32 i = 0; i < count; i++) {
    TRUE(pointers[i] == next);
    next += strlen(next) + 1;
  }
  EQUAL(next - bytes, size);
  FAILS(EFAULT, environ_get(AT(pointers), NOWHERE));
  FAILS(EFAULT, environ_get(NOWHERE, AT(bytes)));
  FAILS(EFAULT, environ_get(last_byte() - 1, AT(bytes)));
  return done();
}
