/*
 * fuzz_import.c: the input is an archive, of which files are made. Whatever it says, nothing is made outside of
 * its folder; and what is in the folder then comes back as it was from its own archive.
 */
#include "guest.h"

#include "archive.h"
#include "tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Imports in pieces whose size changes; false when the archive was refused. */
static bool import_into(struct guest *guest, const char *path, const uint8_t *data, size_t size, size_t piece) {
  struct tar_import *import;
  struct reply reply = {0};
  require(tar_import_begin(guest->system, path, (uint32_t)strlen(path), &import, &reply) == 0);
  int32_t result = 1;
  for (size_t at = 0; result > 0 && at < size; at += (size_t)result, piece = piece * 3 % 1021 + 1) {
    size_t length = size - at < piece ? size - at : piece;
    char *exact = malloc(length);
    require(exact);
    memcpy(exact, data + at, length);
    result = tar_import_take(import, exact, (uint32_t)length, &reply);
    require(result != 0 && result <= (int32_t)length);
    free(exact);
  }
  if (result >= 0) result = tar_import_finish(import, &reply);
  /* A refusal has a sentence or says at least what was done to what. */
  require(result >= 0 || reply.length >= 3);
  tar_import_end(import);
  free(reply.bytes);
  return result >= 0;
}

static struct reply export_of(struct guest *guest, const char *path) {
  struct tar_writer *writer;
  struct reply all = {0}, piece = {0};
  require(tar_write_begin(guest->system, path, (uint32_t)strlen(path), &writer, &piece) == 0);
  for (int32_t length = 1; length > 0; piece.length = 0) {
    length = tar_write_next(writer, &piece);
    require(length >= 0);
    reply_text(&all, piece.bytes, piece.length);
  }
  tar_write_end(writer);
  free(piece.bytes);
  require(!all.failed);
  return all;
}

/* How many entries there are below a folder. */
static uint32_t entries_in(struct guest *guest, const char *folder) {
  guest_preopen(guest, folder, 0);
  uint32_t entries = guest_inspect(guest, 3, true).entries;
  require(guest_call(guest, SYS_fd_close, 3) == 0);
  return entries;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct guest guest;
  guest_start(&guest);
  (void)import_into(&guest, "/outside/in", data, size, size % 600 + 1);
  struct reply first = export_of(&guest, "/outside/in");
  require(import_into(&guest, "/outside/again", (const uint8_t *)first.bytes, first.length, 300));
  struct reply second = export_of(&guest, "/outside/again");
  require(first.length == second.length && memcmp(first.bytes, second.bytes, first.length) == 0);
  /* What is in the two folders is all that was made. */
  uint32_t in = entries_in(&guest, "/outside/in");
  require(entries_in(&guest, "/outside/again") == in);
  require(entries_in(&guest, "/outside") == 2 + 2 * in);
  require(entries_in(&guest, "/tmp") == 0);
  free(first.bytes);
  free(second.bytes);
  guest_stop(&guest);
  return 0;
}
