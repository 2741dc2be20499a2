// Floating point: planets that attract one another (double), and the Mandelbrot set (float and double).
#include "bench.h"

enum { BODIES = 5 };
struct body {
  double x[3], v[3], mass;
};
static struct body bodies[BODIES];

static void place(void) {
  uint32_t random = 88675123u;
  for (int i = 0; i < BODIES; i++) {
    for (int k = 0; k < 3; k++) {
      bodies[i].x[k] = (double)(next_random(&random) >> 8) / (1 << 24) * 10 - 5;
      bodies[i].v[k] = (double)(next_random(&random) >> 8) / (1 << 24) - 0.5;
    }
    bodies[i].mass = i == 0 ? 40 : 0.01 * (i + 1);
  }
}

static void advance(double step) {
  for (int i = 0; i < BODIES; i++)
    for (int j = i + 1; j < BODIES; j++) {
      struct body *a = &bodies[i], *b = &bodies[j];
      double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
      double square = dx * dx + dy * dy + dz * dz + 0.01;
      double pull = step / (square * __builtin_sqrt(square));
      a->v[0] -= dx * b->mass * pull, a->v[1] -= dy * b->mass * pull, a->v[2] -= dz * b->mass * pull;
      b->v[0] += dx * a->mass * pull, b->v[1] += dy * a->mass * pull, b->v[2] += dz * a->mass * pull;
    }
  for (int i = 0; i < BODIES; i++)
    for (int k = 0; k < 3; k++) bodies[i].x[k] += step * bodies[i].v[k];
}

static uint32_t mandelbrot(int size, uint32_t limit) {
  uint32_t inside = 0;
  for (int row = 0; row < size; row++)
    for (int column = 0; column < size; column++) {
      float cx = (float)column * 3.0f / (float)size - 2.0f, cy = (float)row * 2.0f / (float)size - 1.0f;
      float x = 0, y = 0;
      uint32_t i = 0;
      for (; i < limit && x * x + y * y < 4.0f; i++) {
        float t = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = t;
      }
      inside += i;
    }
  return inside;
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1;
  place();
  for (uint32_t i = 0; i < n; i++) {
    for (int step = 0; step < 600; step++) advance(0.001);
    sum = mix(sum, mandelbrot(32, 100));
    for (int b = 0; b < BODIES; b++) {
      union {
        double value;
        uint64_t bits;
      } x = {bodies[b].x[0]};
      sum = mix(sum, (uint32_t)(x.bits >> 20));
    }
  }
  return sum;
}
