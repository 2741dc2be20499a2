/*
 * large.c: more files than memory, in the folder it runs in. "write FILES SIZE" writes them, in pieces of 1 MiB, and
 * prints "W BYTES". "check FILES SIZE READS SEED" reads so many ranges at random, and one whole file; prints
 * "C BYTES", or what is wrong and where.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

static uint8_t bytes[PIECE];

/* The 8 bytes of a file at a multiple of 8: SplitMix64, so that no two are alike. */
static uint64_t word_at(uint64_t file, uint64_t at) {
  uint64_t z = (file << 40 | at >> 3) + 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static int fail(const char *what, uint64_t file, uint64_t at) {
  printf("%s in file %llu at %llu: %s\n", what, (unsigned long long)file, (unsigned long long)at, strerror(errno));
  return 1;
}

static int open_file(uint64_t file, int flags) {
  char name[32];
  snprintf(name, sizeof name, "%llu", (unsigned long long)file);
  return open(name, flags, 0644);
}

static int write_all(uint64_t files, uint64_t size) {
  for (uint64_t file = 0; file < files; file++) {
    int fd = open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) return fail("no file", file, 0);
    for (uint64_t at = 0; at < size;) {
      size_t length = size - at < PIECE ? (size_t)(size - at) : PIECE;
      for (size_t i = 0; i < length; i += 8) {
        uint64_t word = word_at(file, at + i);
        memcpy(bytes + i, &word, 8);
      }
      ssize_t done = 0;
      for (size_t i = 0; i < length; i += (size_t)done) {
        done = write(fd, bytes + i, length - i);
        if (done <= 0) return fail("cannot write", file, at + i);
      }
      at += length;
    }
    if (fsync(fd) || close(fd)) return fail("cannot sync", file, size);
  }
  printf("W %llu\n", (unsigned long long)(files * size));
  return 0;
}

/* `at` and `length` are multiples of 8. */
static int check(uint64_t file, uint64_t at, size_t length) {
  int fd = open_file(file, O_RDONLY);
  if (fd < 0) return fail("no file", file, at);
  ssize_t done = 0;
  for (size_t i = 0; i < length; i += (size_t)done) {
    done = pread(fd, bytes + i, length - i, (off_t)(at + i));
    if (done <= 0) return fail("cannot read", file, at + i);
  }
  close(fd);
  for (size_t i = 0; i < length; i += 8) {
    uint64_t word = word_at(file, at + i);
    errno = 0;
    if (memcmp(bytes + i, &word, 8) != 0) return fail("wrong bytes", file, at + i);
  }
  return 0;
}

static int check_some(uint64_t files, uint64_t size, uint64_t reads, uint64_t seed) {
  uint64_t total = 0;
  for (uint64_t i = 0; i < reads; i++) {
    uint64_t chosen = word_at(seed, i << 3), file = chosen % files, at = (chosen >> 20) % size & ~7ull;
    size_t length = (size_t)(chosen >> 8) % (200000 - 8) & ~7u;
    length = length + 8 < size - at ? length + 8 : (size_t)(size - at);
    if (check(file, at, length)) return 1;
    total += length;
  }
  for (uint64_t at = 0; at < size; at += PIECE) {
    size_t length = size - at < PIECE ? (size_t)(size - at) : PIECE;
    if (check(seed % files, at, length)) return 1;
    total += length;
  }
  printf("C %llu\n", (unsigned long long)total);
  return 0;
}

int main(int argc, char **argv) {
  uint64_t numbers[4] = {0};
  for (int i = 2; i < argc && i < 6; i++) numbers[i - 2] = strtoull(argv[i], NULL, 10);
  if (argc == 4 && strcmp(argv[1], "write") == 0) return write_all(numbers[0], numbers[1]);
  if (argc == 6 && strcmp(argv[1], "check") == 0) return check_some(numbers[0], numbers[1], numbers[2], numbers[3]);
  fprintf(stderr, "large write FILES SIZE | check FILES SIZE READS SEED\n");
  return 2;
}
