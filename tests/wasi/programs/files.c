/* Files through stdio: modes, positions, appending, and what is left in them. */
#include <stdlib.h>
#include <unistd.h>
#include "report.h"

static void show(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) {
    printf("%s: %s\n", path, errno_name());
    return;
  }
  printf("%s: ", path);
  for (int c; (c = fgetc(file)) != EOF;) c >= 32 && c < 127 ? putchar(c) : printf("\\%02x", c);
  printf("\n");
  fclose(file);
}

int main(void) {
  FILE *file = fopen("a", "w");
  fprintf(file, "%d %s %.3f\n", 42, "text", 3.14159);
  REPORT(fclose(file));
  show("a");

  file = fopen("a", "a+");
  fputs("appended", file);
  REPORT(fseek(file, 0, SEEK_SET));
  int number;
  char word[16];
  REPORT(fscanf(file, "%d %15s", &number, word));
  printf("%d %s\n", number, word);
  fputs(" again", file);
  REPORT(fclose(file));
  show("a");

  file = fopen("a", "r+");
  REPORT(fseek(file, -5, SEEK_END));
  REPORT(ftell(file));
  fputs("AGAIN", file);
  REPORT(fseek(file, 100, SEEK_SET));
  fputc('!', file);
  rewind(file);
  REPORT(fgetc(file));
  REPORT(fclose(file));
  show("a");
  REPORT(truncate("a", 10));
  show("a");
  REPORT(truncate("a", 14));
  show("a");

  printf("%s\n", fopen("none", "r") ? "opened" : errno_name());
  printf("%s\n", fopen("none/b", "w") ? "opened" : errno_name());
  printf("%s\n", fopen("a/b", "w") ? "opened" : errno_name());
  printf("%s\n", fopen(".", "w") ? "opened" : errno_name());
  printf("%s\n", fopen("a", "wx") ? "opened" : errno_name());

  /* More than any buffer holds, in pieces that fit no boundary. */
  file = fopen("large", "w+");
  unsigned char piece[777];
  for (unsigned i = 0; i < 3000; i++) {
    memset(piece, (int)(i * 31), sizeof piece);
    fwrite(piece, 1, sizeof piece, file);
  }
  REPORT(ftell(file));
  unsigned long sum = 0;
  rewind(file);
  for (int c; (c = fgetc(file)) != EOF;) sum = sum * 31 + (unsigned long)c & 0xffffffff;
  printf("sum %lu, end %d\n", sum, feof(file) != 0);
  fclose(file);
  REPORT(remove("large"));
  REPORT(remove("large"));
  return 0;
}
