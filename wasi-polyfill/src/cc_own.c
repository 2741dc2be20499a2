#include "cc_own.h"

#include <stdlib.h>
#include <string.h>

#include "nidus_library.h"
#include "nidus_signal_library.h"
#include "process_abi_header.h"
#include "process_header.h"
#include "tar_field.h"
#include "tty_header.h"

enum { NAME = 0, MODE = 100, SIZE = 124, TYPE = 156 };

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

static uint32_t padded(uint32_t length) { return (length + TAR_HEADER - 1) / TAR_HEADER * TAR_HEADER; }

uint8_t *cc_own(uint32_t *length) {
  *length = 0;
  for (int i = 0; i < COUNT; i++) *length += TAR_HEADER + padded(files[i].length);
  uint8_t *archive = calloc(1, *length), *at = archive;
  for (int i = 0; archive && i < COUNT; i++) {
    char *header = (char *)at;
    strcpy(header + NAME, files[i].path);
    tar_put_field(header + MODE, 8, 0644);
    tar_put_field(header + SIZE, 12, files[i].length);
    header[TYPE] = '0';
    tar_seal(header);
    memcpy(at + TAR_HEADER, files[i].bytes, files[i].length);
    at += TAR_HEADER + padded(files[i].length);
  }
  return archive;
}
