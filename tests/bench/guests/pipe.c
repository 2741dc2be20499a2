/* pipe write MEGABYTES SIZE: writes so much to its standard output, SIZE bytes at a time; pipe read SIZE: reads all there is. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int writes = argc > 3 && strcmp(argv[1], "write") == 0;
  size_t size = (size_t)atoi(argv[argc - 1]);
  long long left = writes ? atoi(argv[2]) * 1000000LL : 1;
  char *bytes = malloc(size);
  if (!bytes) return 1;
  memset(bytes, 'x', size);
  while (left > 0) {
    ssize_t count = writes ? write(1, bytes, size) : read(0, bytes, size);
    if (count < 0) return 1;
    if (!writes && count == 0) break;
    if (writes) left -= count;
  }
  return 0;
}
