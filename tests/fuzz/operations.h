/*
 * operations.h: operations on paths and files, read from a fuzzer's input and run below descriptor 3.
 *
 *   one operation:  opcode, flags, then one or two names, or what a file operation needs
 *   one name:       a byte below 0xf0 picks from a table (low nibble; high nibble: with what it is joined
 *                   by '/'); from 0xf0 on, (byte & 15) bytes of the input stand for themselves
 *
 * The names are few, so that they meet.
 */
#ifndef FUZZ_OPERATIONS_H
#define FUZZ_OPERATIONS_H

#include "guest.h"

struct input {
  const uint8_t *at, *end;
};

/* Zero when there are no more. */
uint8_t next_byte(struct input *input);

/* Writes a name, and a NUL, to `out`, which has NAME_ROOM bytes; returns its length. */
enum { NAME_ROOM = 256 };
uint32_t next_name(struct input *input, char *out);

/* The files that operations have open and use; all zero at the beginning. */
enum { OPEN_FILES = 8 };
struct files {
  uint32_t fd[OPEN_FILES];
  uint32_t next;
};

/* Runs one operation. Returns the inode number of what it looked at, if anything, or 0. */
uint64_t operate(struct guest *guest, struct input *input, struct files *files);

#endif
