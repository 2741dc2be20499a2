// mandelbrot [COLUMNS]: the set in characters, each row twice as high as it is wide.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  static const char shades[] = " .:-=+*%@#";
  int columns = argc > 1 ? atoi(argv[1]) : 72;
  if (columns < 8 || columns > 1000) {
    fprintf(stderr, "mandelbrot: from 8 to 1000 columns\n");
    return 1;
  }
  int rows = columns / 3;
  for (int row = 0; row < rows; row++) {
    for (int column = 0; column < columns; column++) {
      double x = 3.0 * column / columns - 2.2, y = 2.4 * (row + 0.5) / rows - 1.2;
      double re = 0, im = 0;
      int i = 0;
      for (; i < 90 && re * re + im * im < 4; i++) {
        double next = re * re - im * im + x;
        im = 2 * re * im + y;
        re = next;
      }
      putchar(shades[i / 10]);
    }
    putchar('\n');
  }
  return 0;
}
