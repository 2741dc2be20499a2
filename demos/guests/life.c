// life [GENERATIONS]: Conway's game on a torus, beginning with a glider and a row of ten cells.
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 40, HEIGHT = 20 };
typedef unsigned char board[HEIGHT][WIDTH];

static int neighbours(board from, int y, int x) {
  int count = 0;
  for (int dy = -1; dy <= 1; dy++)
    for (int dx = -1; dx <= 1; dx++)
      if (dy || dx) count += from[(y + dy + HEIGHT) % HEIGHT][(x + dx + WIDTH) % WIDTH];
  return count;
}

static void step(board from, board to) {
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      int count = neighbours(from, y, x);
      to[y][x] = count == 3 || (count == 2 && from[y][x]);
    }
}

static void show(board cells) {
  for (int y = 0; y < HEIGHT; y++) {
    for (int x = 0; x < WIDTH; x++) putchar(cells[y][x] ? '#' : '.');
    putchar('\n');
  }
}

int main(int argc, char **argv) {
  static board boards[2];
  int generations = argc > 1 ? atoi(argv[1]) : 60;
  boards[0][1][2] = boards[0][2][3] = boards[0][3][1] = boards[0][3][2] = boards[0][3][3] = 1;
  for (int x = 15; x < 25; x++) boards[0][10][x] = 1;
  for (int i = 0; i < generations; i++) step(boards[i % 2], boards[(i + 1) % 2]);
  show(boards[generations > 0 ? generations % 2 : 0]);
  return 0;
}
