// The first program: it prints one line.
#include <stdio.h>

int main(void) {
  puts("hello, nidus");
  return 0;
}
