// Calls through pointers: shapes with a table of methods, and a state machine of functions.
#include "bench.h"

struct shape;
struct methods {
  uint32_t (*area)(const struct shape *);
  void (*scale)(struct shape *, uint32_t);
};
struct shape {
  const struct methods *methods;
  uint32_t a, b;
};

static uint32_t square_area(const struct shape *s) { return s->a * s->a; }
static uint32_t rectangle_area(const struct shape *s) { return s->a * s->b; }
static uint32_t triangle_area(const struct shape *s) { return s->a * s->b >> 1; }
static uint32_t disc_area(const struct shape *s) { return s->a * s->a * 355 / 113; }
static void scale_one(struct shape *s, uint32_t by) { s->a = (s->a * by & 1023) + 1; }
static void scale_two(struct shape *s, uint32_t by) {
  s->a = (s->a * by & 1023) + 1;
  s->b = ((s->b + by) & 1023) + 1;
}
static const struct methods kinds[] = {
    {square_area, scale_one}, {rectangle_area, scale_two}, {triangle_area, scale_two}, {disc_area, scale_one}};

typedef uint32_t state_fn(uint32_t value);
static uint32_t state_add(uint32_t value) { return value + 0x3c6ef372u; }
static uint32_t state_turn(uint32_t value) { return value << 11 | value >> 21; }
static uint32_t state_flip(uint32_t value) { return value ^ value >> 7; }
static uint32_t state_times(uint32_t value) { return value * 1664525u + 1; }
static state_fn *const states[] = {state_add, state_turn, state_flip, state_times};

enum { SHAPES = 512 };
static struct shape shapes[SHAPES];

uint32_t run(uint32_t n) {
  uint32_t sum = 1, random = 362436069u;
  for (int i = 0; i < SHAPES; i++) {
    uint32_t r = next_random(&random);
    shapes[i] = (struct shape){&kinds[r & 3], (r >> 4 & 255) + 1, (r >> 12 & 255) + 1};
  }
  for (uint32_t i = 0; i < n * 20; i++) {
    uint32_t area = 0;
    for (int k = 0; k < SHAPES; k++) {
      area += shapes[k].methods->area(&shapes[k]);
      shapes[k].methods->scale(&shapes[k], 3 + (i & 7));
    }
    for (int k = 0; k < SHAPES; k++) area = states[area >> 13 & 3](area);
    sum = mix(sum, area);
  }
  return sum;
}
