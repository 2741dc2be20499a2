// notes [TEXT...]: adds a line to notes.txt, then prints all of them. Run it twice, or reload the page in
// between: what a program writes stays.
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char NAME[] = "notes.txt";

static int add(int count, char **words) {
  FILE *file = fopen(NAME, "a");
  if (!file) return -1;
  for (int i = 0; i < count; i++) fprintf(file, "%s%s", i ? " " : "", words[i]);
  fputc('\n', file);
  return fclose(file);
}

int main(int argc, char **argv) {
  if (argc > 1 && add(argc - 1, argv + 1) != 0) {
    fprintf(stderr, "notes: cannot write %s: %s\n", NAME, strerror(errno));
    return 1;
  }
  FILE *file = fopen(NAME, "r");
  if (!file) {
    printf("No notes yet. Give one as arguments.\n");
    return 0;
  }
  char line[256];
  for (int number = 1; fgets(line, sizeof line, file); number++) printf("%2d. %s", number, line);
  fclose(file);
  return 0;
}
