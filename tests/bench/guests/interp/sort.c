// Sorting: quicksort with a comparison function, heapsort in place, merge sort of records.
#include "bench.h"

enum { COUNT = 4096 };
struct record {
  uint32_t key, value;
};
static uint32_t numbers[COUNT];
static struct record records[COUNT], spare[COUNT];

static int ascending(const uint32_t *a, const uint32_t *b) { return *a < *b ? -1 : *a > *b; }
static int by_low_half(const uint32_t *a, const uint32_t *b) { return (int)(*a & 0xffff) - (int)(*b & 0xffff); }

static void quicksort(uint32_t *low, uint32_t *high, int (*compare)(const uint32_t *, const uint32_t *)) {
  while (low < high) {
    uint32_t pivot = low[(high - low) / 2], *i = low, *j = high;
    while (i <= j) {
      while (compare(i, &pivot) < 0) i++;
      while (compare(j, &pivot) > 0) j--;
      if (i <= j) {
        uint32_t t = *i;
        *i++ = *j;
        *j-- = t;
      }
    }
    if (j - low < high - i) {
      quicksort(low, j, compare);
      low = i;
    } else {
      quicksort(i, high, compare);
      high = j;
    }
  }
}

static void sift(uint32_t *heap, uint32_t at, uint32_t count) {
  uint32_t value = heap[at];
  for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && heap[child] < heap[child + 1]) child++;
    if (heap[child] <= value) break;
    heap[at] = heap[child];
  }
  heap[at] = value;
}

static void heapsort(uint32_t *heap, uint32_t count) {
  for (uint32_t i = count / 2; i-- > 0;) sift(heap, i, count);
  for (uint32_t end = count; end-- > 1;) {
    uint32_t t = heap[0];
    heap[0] = heap[end];
    heap[end] = t;
    sift(heap, 0, end);
  }
}

static void merge_sort(void) {
  struct record *from = records, *to = spare;
  for (uint32_t width = 1; width < COUNT; width *= 2) {
    for (uint32_t start = 0; start < COUNT; start += 2 * width) {
      uint32_t left = start, middle = start + width, right = middle, end = middle + width;
      for (uint32_t at = start; at < end; at++)
        to[at] = left < middle && (right >= end || from[left].key <= from[right].key) ? from[left++] : from[right++];
    }
    struct record *t = from;
    from = to;
    to = t;
  }
}

static void fill(uint32_t seed) {
  for (int i = 0; i < COUNT; i++) numbers[i] = next_random(&seed);
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1;
  for (uint32_t i = 0; i < n; i++) {
    fill(i + 1);
    quicksort(numbers, numbers + COUNT - 1, ascending);
    sum = mix(sum, numbers[i % COUNT]);
    quicksort(numbers, numbers + COUNT - 1, by_low_half);
    sum = mix(sum, numbers[i % COUNT] & 0xffff);
    heapsort(numbers, COUNT);
    sum = mix(sum, numbers[COUNT / 2]);
    for (int k = 0; k < COUNT; k++) records[k] = (struct record){numbers[k] * 2654435761u, (uint32_t)k};
    merge_sort();
    sum = mix(sum, records[i % COUNT].value);
  }
  return sum;
}
