// Asks for a name and an age, and answers: input by scanf, with what to say when there is none.
#include <stdio.h>

int main(void) {
  char name[64];
  int age;
  printf("What is your name? ");
  fflush(stdout);
  if (scanf("%63s", name) != 1) {
    fprintf(stderr, "greet: no name was given\n");
    return 1;
  }
  printf("And how old are you, %s? ", name);
  fflush(stdout);
  if (scanf("%d", &age) != 1 || age < 0) {
    fprintf(stderr, "greet: an age is a number, zero or more\n");
    return 1;
  }
  printf("Next year you will be %d.\n", age + 1);
  return 0;
}
