// Waits for input that does not come.
#include <stdio.h>

int main(void) { return getchar(); }
