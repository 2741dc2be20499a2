/*
 * main.c: the native `nidus`: runs a WASI program on the interpreter, with host folders.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_run.h"
#include "host_posix.h"
#include "inspect.h"
#include "options.h"
#include "volumes.h"

static const char usage[] =
    "nidus run [options] PROGRAM.wasm [ARGUMENT...]   run a WASI program on the interpreter\n"
    "  --dir HOST[::GUEST]    give it a folder of this machine, under the name GUEST\n"
    "  --env NAME[=VALUE]     set a variable; a name alone hands on the one that nidus has\n"
    "  --volume FILE[::PATH]  give it the volume that lies in FILE, which is made if it is not there, as PATH (/home)\n"
    "  --tier interp|auto     the native program has the interpreter only\n"
    "  --fuel N               stop it after about N instructions\n"
    "  --limit NAME=N         descriptors=N, file-size=BYTES, output=BYTES, memory=BYTES, time=SECONDS\n"
    "  --listen HOST:PORT     give it a socket that listens there (or unix:PATH), at the descriptor after the folders\n"
    "  --trace                print each system call, its arguments and its result, on standard error\n"
    "nidus fsck [--repair] FILE  check the volume in FILE: status 0 whole, 1 repaired, 2 damaged\n"
    "nidus inspect MODULE.wasm print its sections, types, imports, exports and features, and which hosts run it\n"
    "nidus help               print this\n"
    "nidus --version          print the version\n";

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  char *bytes = NULL;
  size_t length = 0, capacity = 0;
  for (;;) {
    if (length == capacity) {
      capacity = capacity ? capacity * 2 : 1 << 16;
      char *bigger = realloc(bytes, capacity);
      if (!bigger) break;
      bytes = bigger;
    }
    size_t count = fread(bytes + length, 1, capacity - length, file);
    length += count;
    if (count == 0) {
      bool ok = !ferror(file);
      fclose(file);
      if (ok) {
        *size = length;
        return bytes;
      }
      free(bytes);
      return NULL;
    }
  }
  fclose(file);
  free(bytes);
  return NULL;
}

/* The strings one after the other, each ending in NUL; NULL when memory is short. */
static char *join(const char *const *strings, int count, uint32_t *length) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += strlen(strings[i]) + 1;
  char *block = malloc(total ? total : 1);
  if (!block || total > UINT32_MAX) {
    free(block);
    return NULL;
  }
  char *at = block;
  for (int i = 0; i < count; i++) {
    size_t size = strlen(strings[i]) + 1;
    memcpy(at, strings[i], size);
    at += size;
  }
  *length = (uint32_t)total;
  return block;
}

static int32_t create_process(struct nidus_system *system, const struct options *options) {
  uint32_t argv_length = 0, env_length = 0;
  char *argv = join((const char *const *)options->args, options->arg_count, &argv_length);
  char *env = join(options->env, options->env_count, &env_length);
  int32_t pid = -WASI_ENOMEM;
  if (argv && env) {
    pid = nidus_process_create(system, argv, argv_length, (uint32_t)options->arg_count, env, env_length,
                               (uint32_t)options->env_count);
  }
  free(argv);
  free(env);
  return pid;
}

static bool attach_streams(struct nidus_system *system, uint32_t pid) {
  for (uint32_t fd = 0; fd < 3; fd++) {
    uint32_t flags = fd == 0 ? NIDUS_STREAM_READABLE : NIDUS_STREAM_WRITABLE;
    if (isatty((int)fd)) flags |= NIDUS_STREAM_TERMINAL;
    if (nidus_fd_stream(system, pid, fd, fd, flags) < 0) return false;
  }
  return true;
}

/* Mounts HOST at a place of its own and preopens it as GUEST. */
static bool give_folder(struct nidus_system *system, struct posix_host *posix, uint32_t pid, const char *dir,
                        int number) {
  char host[4096], place[32];
  const char *colons = strstr(dir, "::");
  size_t length = colons ? (size_t)(colons - dir) : strlen(dir);
  const char *guest = colons ? colons + 2 : dir;
  if (length == 0 || length >= sizeof host || !*guest) {
    fprintf(stderr, "nidus run: --dir takes HOST or HOST::GUEST, not %s\n", dir);
    return false;
  }
  memcpy(host, dir, length);
  host[length] = 0;
  snprintf(place, sizeof place, "/mnt/%d", number);
  int32_t folder = posix_host_add_folder(posix, host);
  if (folder < 0) {
    fprintf(stderr, "nidus run: the folder %s cannot be given to the program: ", host);
    perror(NULL);
    return false;
  }
  uint32_t place_length = (uint32_t)strlen(place);
  if (nidus_mount_host(system, place, place_length, (uint32_t)folder, 0) < 0 ||
      nidus_fd_preopen(system, pid, place, place_length, guest, (uint32_t)strlen(guest), 0) < 0) {
    fprintf(stderr, "nidus run: the folder %s cannot be mounted\n", host);
    return false;
  }
  return true;
}

/* Listens on an address and gives the program the socket. */
static bool give_listener(struct nidus_system *system, struct posix_host *posix, uint32_t pid, const char *address,
                          uint32_t fd) {
  uint16_t port;
  const char *why;
  int32_t stream = posix_host_listen(posix, address, &port, &why);
  if (stream < 0) {
    fprintf(stderr, "nidus run: cannot listen on %s: %s\n", address, why);
    return false;
  }
  size_t length = strlen(address);
  if (length > 2 && strcmp(address + length - 2, ":0") == 0) {
    fprintf(stderr, "nidus run: listening on %.*s:%u\n", (int)length - 2, address, port);
  }
  if (nidus_fd_stream(system, pid, fd, (uint32_t)stream, NIDUS_STREAM_LISTENER) == 0) return true;
  fprintf(stderr, "nidus run: there is no memory for the socket at %s\n", address);
  return false;
}

/* Tells the program of its sockets, as systemd and its followers do: how many, and the first descriptor. */
static void tell_listeners(struct options *options, char numbers[2][48]) {
  if (options->listen_count == 0) return;
  for (int i = 0; i < options->env_count; i++) {
    if (strncmp(options->env[i], "LISTEN_FDS", 10) == 0) return;
  }
  snprintf(numbers[0], sizeof numbers[0], "LISTEN_FDS=%d", options->listen_count);
  snprintf(numbers[1], sizeof numbers[1], "LISTEN_FDS_FIRST_FD=%d", 3 + options->dir_count);
  for (int i = 0; i < 2; i++) options->env[options->env_count++] = numbers[i];
}

static int run_in(struct nidus_system *system, struct posix_host *posix, const struct options *options) {
  size_t size;
  char *bytes = read_file(options->program, &size);
  if (!bytes) {
    fprintf(stderr, "nidus run: the program %s cannot be read: ", options->program);
    perror(NULL);
    return STATUS_CANNOT_RUN;
  }
  int status = STATUS_CANNOT_RUN;
  int32_t pid = create_process(system, options);
  bool ready = pid > 0 && attach_streams(system, (uint32_t)pid);
  if (!ready) fputs("nidus run: there is no memory for the process\n", stderr);
  for (int i = 0; ready && i < options->dir_count; i++) {
    ready = give_folder(system, posix, (uint32_t)pid, options->dirs[i], i);
    if (!ready) status = STATUS_USAGE;
  }
  for (int i = 0; ready && i < options->listen_count; i++) {
    ready = give_listener(system, posix, (uint32_t)pid, options->listens[i], (uint32_t)(3 + options->dir_count + i));
    if (!ready) status = STATUS_USAGE;
  }
  struct volumes volumes = {.system = system};
  for (int i = 0; ready && i < options->volume_count; i++) {
    ready = volumes_add(&volumes, posix, (uint32_t)pid, options->volumes[i]);
  }
  if (ready) {
    status = guest_run(system, posix, (uint32_t)pid, options->program, bytes, size,
                       &options->limits, options->trace, &volumes);
    if (!volumes_store(&volumes) && status == 0) status = STATUS_NOT_STORED;
  }
  free(bytes);
  return status;
}

static int run(int argc, char **argv) {
  struct options options;
  struct posix_host posix;
  char numbers[2][48];
  int status = STATUS_USAGE;
  if (options_read(&options, argc, argv)) {
    tell_listeners(&options, numbers);
    posix_host_init(&posix);
    struct nidus_system *system = nidus_system_create(&posix.host);
    if (system) {
      status = run_in(system, &posix, &options);
    } else {
      fputs("nidus run: there is not enough memory\n", stderr);
    }
    nidus_system_destroy(system);
    posix_host_close(&posix);
  }
  options_free(&options);
  return status;
}

static int inspect_file(const char *path) {
  size_t size;
  char *bytes = read_file(path, &size);
  if (!bytes) {
    fprintf(stderr, "nidus inspect: the module %s cannot be read: ", path);
    perror(NULL);
    return STATUS_CANNOT_RUN;
  }
  int status = inspect(path, bytes, size);
  free(bytes);
  return status;
}

/* A standard descriptor that is closed is taken, by what answers EBADF for it: the next file that is opened, a volume or
 * one of the program's, would get its number, and be written over by what goes there. */
static bool take_closed_descriptors(void) {
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) return false;
  }
  return true;
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  if (!take_closed_descriptors()) {
    fputs("nidus: a standard stream is closed, and there is no /dev/null to put in its place\n", stderr);
    return STATUS_CANNOT_RUN;
  }
  if (strcmp(command, "run") == 0) return run(argc - 2, argv + 2);
  if (strcmp(command, "fsck") == 0) return volumes_check(argc - 2, argv + 2);
  if (strcmp(command, "inspect") == 0) {
    if (argc == 3) return inspect_file(argv[2]);
    fputs("nidus inspect takes one module; see nidus help\n", stderr);
    return STATUS_USAGE;
  }
  if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
    fputs(usage, stdout);
    return 0;
  }
  if (strcmp(command, "--version") == 0) {
    puts("nidus " NIDUS_VERSION);
    return 0;
  }
  fprintf(stderr, *command ? "nidus: there is no command %s; see nidus help\n" : "nidus: no command%s; see nidus help\n",
          command);
  return STATUS_USAGE;
}
