/* Ending by abort: the output up to then is there, the exit says how. */
#include <stdlib.h>
#include "report.h"

int main(void) {
  printf("before\n");
  fflush(stdout);
  abort();
}
