/* Standard input in the ways programs read it, arguments, variables, and the exit code. */
#include <stdlib.h>
#include <unistd.h>
#include "report.h"

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("[%s]\n", argv[i]);
  printf("%s\n", getenv("NIDUS_TEST") ? getenv("NIDUS_TEST") : "unset");
  printf("%s\n", getenv("NIDUS_NONE") ? "set" : "unset");
  int number = 0;
  double real = 0;
  char word[32];
  REPORT(scanf("%d %lf %31s", &number, &real, word));
  printf("%d %.2f %s\n", number, real, word);
  char line[64];
  REPORT(getchar());
  printf("%s", fgets(line, sizeof line, stdin) ? line : "end\n");
  char *whole = NULL;
  size_t room = 0;
  REPORT(getline(&whole, &room, stdin));
  printf("%zu\n", strlen(whole));
  ungetc('u', stdin);
  REPORT(getchar());
  long rest = 0;
  while (getchar() != EOF) rest++;
  REPORT(rest);
  REPORT(feof(stdin) != 0);
  REPORT(getchar() == EOF);
  REPORT(lseek(1, 0, SEEK_CUR));
  REPORT(isatty(0));
  REPORT(isatty(1));
  fprintf(stderr, "to standard error\n");
  fflush(stdout);
  _Exit(argc + 40);
}
