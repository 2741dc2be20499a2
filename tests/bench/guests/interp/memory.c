// Memory: a stencil over a grid, a transposition, and a walk along a shuffled list of 4 MiB.
#include "bench.h"

enum { SIDE = 256, NODES = 1 << 20, STEPS = 40000 };
static uint32_t grid[2][SIDE][SIDE];
static uint32_t following[NODES];

static void shuffle(void) {
  uint32_t random = 521288629u;
  for (uint32_t i = 0; i < NODES; i++) following[i] = i;
  // Sattolo's algorithm: one cycle through all of them.
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t j = next_random(&random) % i, t = following[i];
    following[i] = following[j];
    following[j] = t;
  }
}

static void stencil(uint32_t (*from)[SIDE], uint32_t (*to)[SIDE]) {
  for (int y = 1; y < SIDE - 1; y++)
    for (int x = 1; x < SIDE - 1; x++)
      to[y][x] = (from[y - 1][x] + from[y + 1][x] + from[y][x - 1] + from[y][x + 1] + 4 * from[y][x]) >> 3;
}

static void transpose(uint32_t (*square)[SIDE]) {
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < y; x++) {
      uint32_t t = square[y][x];
      square[y][x] = square[x][y];
      square[x][y] = t;
    }
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1, at = 0;
  if (following[0] == following[1]) shuffle();
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) grid[0][y][x] = grid[1][y][x] = (uint32_t)(y * 2654435761u) ^ (uint32_t)x << 7;
  for (uint32_t i = 0; i < n; i++) {
    stencil(grid[0], grid[1]);
    stencil(grid[1], grid[0]);
    transpose(grid[0]);
    for (int step = 0; step < STEPS; step++) at = following[at];
    sum = mix(sum, at ^ grid[0][i % SIDE][(i * 7) % SIDE]);
  }
  return sum;
}
