#include "volumes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_run.h"

/* Nanoseconds from a change until it is stored, if nobody asks before. */
#define WRITE_BEHIND INT64_C(500000000)

/* Bytes of contents that are kept in memory. */
#define BUDGET ((uint64_t)256 << 20)

enum { CHECK_WHOLE = 0, CHECK_REPAIRED = 1, CHECK_DAMAGED = 2 };

/* Says what an errno means, or the sentence that came with it. */
static void complain(const char *command, const char *file, int32_t error, const char *text) {
  if (text && *text) {
    fprintf(stderr, "nidus %s: %s\n", command, text);
    return;
  }
  uint32_t length;
  const char *line = nidus_errno_texts(&length), *end = line + length;
  for (int32_t i = 0; i < -error && line < end; i++) line = memchr(line, '\n', (size_t)(end - line)) + 1;
  fprintf(stderr, "nidus %s: the volume %s cannot be used: %.*s\n", command, file, (int)strcspn(line, "\n"), line);
}

/* Opens and mounts; the mount, or a negated errno after a sentence. */
static int32_t mount_file(struct nidus_system *system, struct posix_host *posix, const char *command,
                          const char *file, const char *path, uint32_t flags, bool create) {
  int32_t device = posix_host_add_device(posix, file, create, flags & NIDUS_IMAGE_READ_ONLY);
  if (device == -WASI_EBUSY) {
    fprintf(stderr, "nidus %s: the volume %s is in use: another process has it open\n", command, file);
    return device;
  }
  if (device < 0) {
    complain(command, file, device, NULL);
    return device;
  }
  char *text;
  int32_t mount = nidus_mount_image(system, path, (uint32_t)device, file, flags, BUDGET, &text);
  if (mount < 0) complain(command, file, mount, text);
  free(text);
  return mount;
}

bool volumes_add(struct volumes *volumes, struct posix_host *posix, uint32_t pid, const char *what) {
  char file[4096];
  const char *colons = strstr(what, "::");
  const char *guest = colons ? colons + 2 : "/home";
  size_t length = colons ? (size_t)(colons - what) : strlen(what);
  if (length == 0 || length >= sizeof file || *guest != '/' || volumes->count == VOLUME_LIMIT) {
    fprintf(stderr, "nidus run: --volume takes FILE or FILE::PATH, with an absolute PATH, not %s\n", what);
    return false;
  }
  memcpy(file, what, length);
  file[length] = 0;
  int32_t mount = mount_file(volumes->system, posix, "run", file, guest, 0, true);
  if (mount < 0) return false;
  volumes->mounts[volumes->count++] = (uint32_t)mount;
  uint32_t guest_length = (uint32_t)strlen(guest);
  if (nidus_fd_preopen(volumes->system, pid, guest, guest_length, guest, guest_length, 0) >= 0) return true;
  fprintf(stderr, "nidus run: the volume %s cannot be given to the program as %s\n", file, guest);
  return false;
}

static bool store(struct volumes *volumes, uint32_t mount) {
  char *text;
  int32_t error = nidus_image_flush(volumes->system, mount, &text);
  if (error && !volumes->complained) complain("run", "", error, text);
  volumes->complained = error != 0;
  free(text);
  return error == 0;
}

static bool are_dirty(const struct volumes *volumes) {
  for (uint32_t i = 0; i < volumes->count; i++) {
    if (nidus_volume_dirty(volumes->system, volumes->mounts[i]) > 0) return true;
  }
  return false;
}

bool volumes_store(struct volumes *volumes) {
  bool stored = true;
  for (uint32_t i = 0; i < volumes->count; i++) stored = store(volumes, volumes->mounts[i]) && stored;
  volumes->due = 0;
  return stored;
}

int64_t volumes_tick(struct volumes *volumes, int64_t now) {
  if (!are_dirty(volumes)) {
    volumes->due = 0;
  } else if (volumes->due == 0) {
    volumes->due = now + WRITE_BEHIND;
  } else if (now >= volumes->due) {
    /* What failed is tried again later. */
    if (!volumes_store(volumes)) volumes->due = now + 10 * WRITE_BEHIND;
  }
  return volumes->due ? volumes->due : NIDUS_NO_DEADLINE;
}

/* ---- nidus fsck ---- */

static int check_mounted(struct nidus_system *system, uint32_t mount, const char *file, bool repair) {
  char *text;
  int32_t count = nidus_image_check(system, mount, &text);
  if (count < 0) {
    complain("fsck", file, count, text);
  } else {
    const char *sentence = text;
    for (int32_t i = 0; i < count; i++, sentence += strlen(sentence) + 1) printf("%s: %s\n", file, sentence);
    if (count == 0) printf("%s: whole\n", file);
    else if (repair) printf("%s: repaired\n", file);
    else printf("%s: damaged; nidus fsck --repair keeps what can be read\n", file);
  }
  free(text);
  if (count < 0) return CHECK_DAMAGED;
  return count == 0 ? CHECK_WHOLE : repair ? CHECK_REPAIRED : CHECK_DAMAGED;
}

static int check(struct posix_host *posix, const char *file, bool repair) {
  struct nidus_system *system = nidus_system_create(&posix->host);
  if (!system) {
    fputs("nidus fsck: there is not enough memory\n", stderr);
    return STATUS_CANNOT_RUN;
  }
  uint32_t flags = repair ? NIDUS_IMAGE_REPAIR : NIDUS_IMAGE_READ_ONLY;
  int32_t mount = mount_file(system, posix, "fsck", file, "/volume", flags, false);
  int status = mount >= 0                                             ? check_mounted(system, (uint32_t)mount, file, repair)
               : mount == -WASI_EIO                                   ? CHECK_DAMAGED
                                                                      : STATUS_CANNOT_RUN;
  nidus_system_destroy(system);
  return status;
}

int volumes_check(int argc, char **argv) {
  const char *file = NULL;
  bool repair = false, understood = argc > 0;
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--repair") == 0) repair = true;
    else if (*argv[i] == '-' || file) understood = false;
    else file = argv[i];
  }
  if (!understood || !file) {
    fputs("nidus fsck takes the file of one volume, and --repair; see nidus help\n", stderr);
    return STATUS_CANNOT_RUN;
  }
  struct posix_host posix;
  posix_host_init(&posix);
  int status = check(&posix, file, repair);
  posix_host_close(&posix);
  return status;
}
