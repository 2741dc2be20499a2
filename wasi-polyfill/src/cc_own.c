#include "cc_own.h"

#include <stdlib.h>
#include <string.h>

#include "nidus_library.h"
#include "nidus_signal_library.h"
#include "process_abi_header.h"
#include "process_header.h"
#include "tty_header.h"

enum { BLOCK = 512, NAME = 0, MODE = 100, SIZE = 124, SUM = 148, TYPE = 156, MAGIC = 257 };

static const struct {
  const char *path;
  const unsigned char *bytes;
  uint32_t length;
} files[] = {
    {"include/nidus/process.h", process_header, sizeof process_header},
    {"include/nidus/process_abi.h", process_abi_header, sizeof process_abi_header},
    {"include/nidus/tty.h", tty_header, sizeof tty_header},
    {"lib/wasm32-wasip1/libnidus.a", nidus_library, sizeof nidus_library},
    {"lib/wasm32-wasip1/libnidus-signal.a", nidus_signal_library, sizeof nidus_signal_library},
};
enum { COUNT = sizeof files / sizeof files[0] };

static void put_octal(uint8_t *field, uint32_t digits, uint32_t value) {
  while (digits-- > 0) {
    field[digits] = (uint8_t)('0' + (value & 7));
    value >>= 3;
  }
}

static uint32_t padded(uint32_t length) { return (length + BLOCK - 1) / BLOCK * BLOCK; }

uint8_t *cc_own(uint32_t *length) {
  *length = 0;
  for (int i = 0; i < COUNT; i++) *length += BLOCK + padded(files[i].length);
  uint8_t *archive = calloc(1, *length), *at = archive;
  for (int i = 0; archive && i < COUNT; i++) {
    strcpy((char *)at + NAME, files[i].path);
    put_octal(at + MODE, 7, 0644);
    put_octal(at + SIZE, 11, files[i].length);
    at[TYPE] = '0';
    memcpy(at + MAGIC, "ustar\00000", 8);
    memset(at + SUM, ' ', 8);
    uint32_t sum = 0;
    for (int b = 0; b < BLOCK; b++) sum += at[b];
    put_octal(at + SUM, 6, sum);
    at[SUM + 6] = 0;
    memcpy(at + BLOCK, files[i].bytes, files[i].length);
    at += BLOCK + padded(files[i].length);
  }
  return archive;
}
