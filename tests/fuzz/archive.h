/*
 * archive.h: how inputs that are tar archives are mutated: mostly so that the checksum of every header is right
 * again, since behind a wrong one nothing is read. For one source file of a target.
 */
#ifndef FUZZ_ARCHIVE_H
#define FUZZ_ARCHIVE_H

#include <stdio.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 16 == 0) return size;
  for (size_t at = 0; at + 512 <= size; at += 512) {
    unsigned sum = 0;
    char text[8];
    for (int i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? ' ' : data[at + i];
    if (sum == 8 * ' ') continue;
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(data + at + 148, text, sizeof text);
  }
  return size;
}

#endif
