/*
 * fuzz_syscalls.c: the input is a list of system calls with arguments of every kind, and of flushes of the
 * journaled volume that they work on, two connected sockets, a pipe, and a socket that listens. No call may do more
 * than answer; afterwards the tree must be one, and the host has been given back each connection, once.
 *
 *   one operation:  number of the call (past the last: poke guest memory, or flush), then its arguments
 *   one argument:   a byte: below 64 that value, below 128 an address from the table, below 192 a power of
 *                   two give or take one, from 192 on the next bytes of the input themselves
 */
#include "guest.h"

enum { OPERATIONS = 300, VECTOR_LIMIT = 16, ALLOCATE_LIMIT = 1 << 22 };
enum { PATHS = 256, PATH_SIZE = 16, RESULTS = 4096, VECTORS = 8192 };

static const char *const NAMES[] = {"a", "b", "c", "a/b", "a/c", "b/a", "..", ".", "a/../b", "l", "l/x", "", "/a", "c/", "d", "d/e"};
enum { NAME_COUNT = sizeof NAMES / sizeof NAMES[0] };

struct input {
  const uint8_t *at, *end;
};

static uint8_t next_byte(struct input *input) { return input->at < input->end ? *input->at++ : 0; }

static uint64_t next_bytes(struct input *input, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) value = value << 8 | next_byte(input);
  return value;
}

static uint64_t next_argument(struct input *input) {
  uint8_t byte = next_byte(input);
  if (byte < 64) return byte;
  if (byte < 96) return PATHS + (uint64_t)(byte & 15) * PATH_SIZE;
  if (byte < 112) return RESULTS + (uint64_t)(byte & 15) * 64;
  if (byte < 128) return VECTORS + (uint64_t)(byte & 15) * 8;
  if (byte < 192) return ((uint64_t)1 << (byte & 63)) + next_byte(input) % 3 - 1;
  return next_bytes(input, byte & 8 ? 8 : byte & 4 ? 4 : byte & 2 ? 2 : 1);
}

/* ---- the host's sockets ---- */

enum { CONNECTION_LIMIT = 4096, FIRST_CONNECTION = 100 };
static uint32_t asked, accepted;
static bool closed[CONNECTION_LIMIT];

static int32_t accept_some(void *context, uint32_t listener) {
  (void)context;
  require(listener == 1);
  if (++asked % 4 == 0) return -(int32_t)NIDUS_WOULD_BLOCK;
  if (asked % 7 == 0 || accepted == CONNECTION_LIMIT) return -WASI_ECONNABORTED;
  closed[accepted] = false;
  return (int32_t)(FIRST_CONNECTION + accepted++);
}

static int32_t shut_down(void *context, uint32_t stream, uint32_t how) {
  (void)context;
  require(stream >= FIRST_CONNECTION && stream - FIRST_CONNECTION < accepted && !closed[stream - FIRST_CONNECTION]);
  if (how == NIDUS_SHUTDOWN_CLOSE) closed[stream - FIRST_CONNECTION] = true;
  return 0;
}

/* Descriptors 5 to 9. */
static void give_sockets(struct guest *guest) {
  asked = accepted = 0;
  guest->host.stream_accept = accept_some;
  guest->host.stream_shutdown = shut_down;
  require(nidus_fd_pair(guest->system, guest->pid, 5, guest->pid, 6) == 0);
  require(nidus_fd_pipe(guest->system, guest->pid, 7, guest->pid, 8) == 0);
  require(nidus_fd_stream(guest->system, guest->pid, 9, 1, NIDUS_STREAM_LISTENER) == 0);
}

static void prepare_memory(struct guest *guest) {
  for (uint32_t i = 0; i < NAME_COUNT; i++) {
    memcpy(guest->memory + PATHS + i * PATH_SIZE, NAMES[i], strlen(NAMES[i]));
  }
  for (uint32_t i = 0; i < VECTOR_LIMIT; i++) {
    guest_put_u32(guest, VECTORS + 8 * i, 16384 + i * 1000);
    guest_put_u32(guest, VECTORS + 8 * i + 4, i * i * 300);
  }
}

static void call(struct guest *guest, struct input *input, uint32_t number) {
  uint64_t arguments[9] = {0};
  size_t count = strlen(nidus_syscall_signature(number));
  for (size_t i = 0; i < count; i++) arguments[i] = next_argument(input);
  /* What is allowed but would only take memory and time. */
  if (number == SYS_fd_read || number == SYS_fd_write || number == SYS_fd_pread || number == SYS_fd_pwrite ||
      number == SYS_sock_recv || number == SYS_sock_send) {
    arguments[2] %= VECTOR_LIMIT + 1;
  }
  if (number == SYS_fd_allocate) {
    arguments[1] %= ALLOCATE_LIMIT;
    arguments[2] %= ALLOCATE_LIMIT;
  }
  if (number == SYS_poll_oneoff) arguments[2] %= 100;
  (void)guest_syscall(guest, number, arguments);
}

static void other(struct guest *guest, struct input *input, uint32_t mount, bool *flushing) {
  uint8_t what = next_byte(input);
  if (what < 200) {
    uint32_t at = (uint32_t)next_bytes(input, 2) % (GUEST_SIZE - 32);
    for (uint32_t i = 0; i < what % 32u; i++) guest->memory[at + i] = next_byte(input);
  } else if (*flushing) {
    nidus_flush_end(guest->system, mount, what & 1 ? WASI_ESUCCESS : WASI_EIO);
    *flushing = false;
  } else {
    int32_t count = nidus_flush_begin(guest->system, mount);
    require(count >= 0);
    *flushing = true;
    uint8_t sum = 0;
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
      struct nidus_flush_record record;
      require(nidus_flush_record(guest->system, mount, i, &record));
      for (uint32_t k = 0; k < record.length; k++) sum ^= ((const uint8_t *)record.bytes)[k];
    }
    guest->memory[0] = sum;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct guest guest;
  struct input input = {data, data + size};
  bool flushing = false;
  guest_start(&guest);
  int32_t mount = nidus_mount_volume(guest.system, "/box", 4, 0, UINT64_MAX);
  require(mount > 0);
  guest_preopen(&guest, "/box", 0);
  require(nidus_fd_preopen(guest.system, guest.pid, "/tmp", 4, "tmp", 3, NIDUS_PREOPEN_CLIMB) == 4);
  give_sockets(&guest);
  prepare_memory(&guest);
  for (int i = 0; i < OPERATIONS && input.at < input.end; i++) {
    uint32_t number = next_byte(&input) % (SYS_COUNT + 4);
    if (number < SYS_COUNT) {
      call(&guest, &input, number);
    } else {
      other(&guest, &input, (uint32_t)mount, &flushing);
    }
  }
  if (nidus_process_exit_code(guest.system, guest.pid) < 0) {
    int32_t fd = nidus_fd_preopen(guest.system, guest.pid, "/box", 4, "", 0, 0);
    require(fd >= 3);
    guest_inspect(&guest, (uint32_t)fd, true);
  }
  guest_stop(&guest);
  for (uint32_t i = 0; i < accepted; i++) require(closed[i]);
  return 0;
}
