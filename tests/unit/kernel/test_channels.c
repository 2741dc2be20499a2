/*
 * test_channels.c: pipes and socket pairs between processes, and sockets of the host.
 */
#include "kit.h"

enum { R = 10, W = 11, A = 20, B = 21, L = 30, RING = 65536 };

static void vector(struct guest *guest, uint32_t i, uint32_t at, uint32_t length) {
  guest_put_u32(guest, IOVS + i * 8, at);
  guest_put_u32(guest, IOVS + i * 8 + 4, length);
}

static void pipe_up(struct guest *guest) {
  require(nidus_fd_pipe(guest->system, guest->pid, R, guest->pid, W) == 0);
}

static void pair_up(struct guest *guest) {
  require(nidus_fd_pair(guest->system, guest->pid, A, guest->pid, B) == 0);
}

static uint32_t events(struct guest *guest) { return nidus_events(guest->system); }

/* Up to 32 KiB go or come at once, in two vectors. */
static wasi_errno_t push(struct guest *guest, uint32_t fd, uint32_t length, uint8_t from) {
  for (uint32_t i = 0; i < length; i++) guest->memory[DATA + i] = (uint8_t)(from + i * 7);
  vector(guest, 0, DATA, length / 3);
  vector(guest, 1, DATA + length / 3, length - length / 3);
  return guest_call(guest, SYS_fd_write, fd, IOVS, 2, OUT);
}

static void in_order(struct guest *guest) {
  pipe_up(guest);
  struct random random = {random_seed(5)};
  static uint8_t model[RING + 1];
  uint32_t held = 0;
  uint64_t total = 0;
  for (int i = 0; i < 20000; i++) {
    if (random_below(&random, 2)) {
      uint32_t length = (uint32_t)random_below(&random, random_below(&random, 3) ? 500 : DATA_SIZE);
      uint32_t room = RING - held, before = events(guest);
      wasi_errno_t error = push(guest, W, length, (uint8_t)total);
      if (length == 0) {
        OK(error);
      } else if (room == 0 || (length <= 4096 && room < length)) {
        EXPECT(NIDUS_WOULD_BLOCK, error);
        require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_WRITABLE && events(guest) == before);
      } else {
        OK(error);
        uint32_t moved = guest_u32(guest, OUT);
        require(moved == (length < room ? length : room) && events(guest) != before);
        memcpy(model + held, guest->memory + DATA, moved);
        held += moved;
        total += moved;
      }
    } else {
      uint32_t length = 1 + (uint32_t)random_below(&random, DATA_SIZE - 1);
      memset(guest->memory + DATA, 0, length);
      vector(guest, 0, DATA, length / 2);
      vector(guest, 1, DATA + length / 2, length - length / 2);
      wasi_errno_t error = guest_call(guest, SYS_fd_read, R, IOVS, 2, OUT);
      if (held == 0) {
        EXPECT(NIDUS_WOULD_BLOCK, error);
        continue;
      }
      OK(error);
      uint32_t moved = guest_u32(guest, OUT);
      require(moved == (length < held ? length : held) && memcmp(guest->memory + DATA, model, moved) == 0);
      memmove(model, model + moved, held -= moved);
    }
  }
  require(total > 10 * RING);
}

static void ends(struct guest *guest) {
  uint32_t moved;
  char bytes[16];
  struct filestat stat;
  pipe_up(guest);
  OK(do_fstat(guest, R, &stat));
  require(stat.type == WASI_FILETYPE_UNKNOWN);
  EXPECT(WASI_EBADF, do_read(guest, W, bytes, 1, &moved));
  EXPECT(WASI_EBADF, do_write(guest, R, "x", 1, &moved));
  EXPECT(WASI_ESPIPE, do_pread(guest, R, bytes, 1, 0, &moved));
  OK(do_write(guest, W, "last words", 10, &moved));
  OK(do_close(guest, W));
  OK(do_read(guest, R, bytes, 4, &moved));
  require(moved == 4 && memcmp(bytes, "last", 4) == 0);
  OK(do_read(guest, R, bytes, sizeof bytes, &moved));
  require(moved == 6);
  OK(do_read(guest, R, bytes, sizeof bytes, &moved));
  require(moved == 0);
  OK(do_close(guest, R));
  pipe_up(guest);
  OK(do_write(guest, W, "unread", 6, &moved));
  OK(do_close(guest, R));
  enum { PIPE = 13, IGNORE = 1 };
  OK(guest_call(guest, SYS_proc_sigset, PIPE, IGNORE));
  EXPECT(WASI_EPIPE, do_write(guest, W, "x", 1, &moved));
  OK(do_write(guest, W, "", 0, &moved));
  OK(guest_call(guest, SYS_proc_sigset, PIPE, 0));
  EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, W, "x", 1, &moved));
  require(nidus_process_exit_code(guest->system, guest->pid) == NIDUS_EXIT_SIGNAL + PIPE);
}

static void process_ends(struct guest *guest) {
  uint32_t moved;
  char bytes[4];
  int32_t other = nidus_process_create(guest->system, "b", 2, 1, "", 0, 0);
  require(other > 0);
  require(nidus_fd_pipe(guest->system, guest->pid, R, (uint32_t)other, 1) == 0);
  require(nidus_fd_share(guest->system, (uint32_t)other, 2, (uint32_t)other, 1) == 0);
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, R, bytes, 1, &moved));
  require(nidus_fd_close(guest->system, (uint32_t)other, 1) == 0);
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, R, bytes, 1, &moved)); /* its standard error writes there still */
  uint32_t before = events(guest);
  nidus_process_end(guest->system, (uint32_t)other, 0);
  require(events(guest) != before);
  OK(do_read(guest, R, bytes, 1, &moved));
  require(moved == 0);
  require(nidus_fd_pipe(guest->system, guest->pid, R, (uint32_t)other, 1) == -WASI_ESRCH);
  require(nidus_fd_pipe(guest->system, guest->pid, R, guest->pid, R) == -WASI_EINVAL);
  require(nidus_fd_pipe(guest->system, guest->pid, R, guest->pid, 1 << 30) == -WASI_EMFILE);
  EXPECT(WASI_EBADF, do_read(guest, R, bytes, 1, &moved));
}

static void subscribe(struct guest *guest, uint32_t i, uint32_t fd, uint8_t type) {
  uint32_t at = DATA + i * 48;
  memset(guest->memory + at, 0, 48);
  guest->memory[at] = (uint8_t)(i + 1);
  guest->memory[at + 8] = type;
  guest_put_u32(guest, at + 16, fd);
}

/* Which of reading R and writing W are ready: bits 0 and 1, bits 2 and 3 for hung up; 16: neither. */
static unsigned polled(struct guest *guest) {
  subscribe(guest, 0, R, WASI_EVENTTYPE_FD_READ);
  subscribe(guest, 1, W, WASI_EVENTTYPE_FD_WRITE);
  wasi_errno_t error = guest_call(guest, SYS_poll_oneoff, DATA, DATA + 4096, 2, OUT);
  if (error == NIDUS_WOULD_BLOCK) return 16;
  OK(error);
  unsigned ready = 0;
  for (uint32_t i = 0; i < guest_u32(guest, OUT); i++) {
    uint32_t at = DATA + 4096 + i * 32, bit = guest->memory[at] - 1u;
    if (guest_u32(guest, at + 8) & 0xFFFF) continue; /* EBADF: closed */
    ready |= 1u << bit | (guest->memory[at + 24] ? 4u << bit : 0);
  }
  return ready;
}

static void polling(struct guest *guest) {
  uint32_t moved;
  static uint8_t bytes[DATA_SIZE];
  pipe_up(guest);
  require(polled(guest) == 2);
  OK(do_write(guest, W, "x", 1, &moved));
  require(polled(guest) == 3);
  for (int i = 0; i < 2; i++) OK(push(guest, W, DATA_SIZE, 1));
  require(polled(guest) == 1); /* full */
  OK(do_read(guest, R, bytes, 100, &moved));
  require(polled(guest) == 1); /* not enough room for an atomic write */
  OK(do_read(guest, R, bytes, 4000, &moved));
  require(polled(guest) == 3);
  while (polled(guest) & 1) OK(do_read(guest, R, bytes, sizeof bytes, &moved));
  OK(do_close(guest, W));
  require(polled(guest) == 5);
}

static void pairs(struct guest *guest) {
  uint32_t moved;
  char bytes[16];
  struct filestat stat;
  pair_up(guest);
  OK(do_fstat(guest, A, &stat));
  require(stat.type == WASI_FILETYPE_SOCKET_STREAM);
  OK(do_write(guest, A, "to b", 4, &moved));
  OK(do_write(guest, B, "to a!", 5, &moved));
  OK(do_read(guest, A, bytes, sizeof bytes, &moved));
  require(moved == 5 && memcmp(bytes, "to a!", 5) == 0);
  /* Peeking leaves what there is; waiting for all takes nothing before all is there. */
  vector(guest, 0, DATA, 3);
  vector(guest, 1, DATA + 3, 5);
  for (int i = 0; i < 2; i++) {
    OK(guest_call(guest, SYS_sock_recv, B, IOVS, 2, WASI_RIFLAG_RECV_PEEK, OUT, OUT + 4));
    require(guest_u32(guest, OUT) == 4 && memcmp(guest->memory + DATA, "to b", 4) == 0);
  }
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_sock_recv, B, IOVS, 2, WASI_RIFLAG_RECV_WAITALL, OUT, OUT + 4));
  memcpy(guest->memory + DATA, ", more", 6);
  vector(guest, 0, DATA, 6);
  OK(guest_call(guest, SYS_sock_send, A, IOVS, 1, 0, OUT));
  require(guest_u32(guest, OUT) == 6);
  vector(guest, 0, DATA, 3);
  guest_put_u32(guest, OUT + 4, 0xFFFFFFFF);
  OK(guest_call(guest, SYS_sock_recv, B, IOVS, 2, WASI_RIFLAG_RECV_WAITALL, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 8 && memcmp(guest->memory + DATA, "to b, mo", 8) == 0);
  require((guest_u32(guest, OUT + 4) & 0xFFFF) == 0);
  /* At the end, waiting for all gives what there is. */
  OK(guest_call(guest, SYS_sock_shutdown, A, WASI_SDFLAG_WR));
  OK(guest_call(guest, SYS_sock_recv, B, IOVS, 2, WASI_RIFLAG_RECV_WAITALL, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 2);
  OK(guest_call(guest, SYS_sock_recv, B, IOVS, 2, 0, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 0);
  OK(guest_call(guest, SYS_proc_sigset, 13, 1)); /* SIGPIPE is ignored */
  EXPECT(WASI_EPIPE, do_write(guest, A, "x", 1, &moved));
  OK(do_write(guest, B, "still", 5, &moved));
  OK(guest_call(guest, SYS_sock_shutdown, A, WASI_SDFLAG_RD));
  EXPECT(WASI_EPIPE, do_write(guest, B, "x", 1, &moved));
  OK(do_read(guest, A, bytes, sizeof bytes, &moved));
  require(moved == 5);
  OK(do_read(guest, A, bytes, sizeof bytes, &moved));
  require(moved == 0);
}

static void refusals(struct guest *guest) {
  pair_up(guest);
  pipe_up(guest);
  vector(guest, 0, DATA, 3);
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_sock_recv, A, IOVS, 1, 4, OUT, OUT + 4));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_sock_send, A, IOVS, 1, 1, OUT));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_sock_shutdown, A, 0));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_sock_shutdown, A, 4));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_sock_accept, A, 0, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_sock_recv, A, IOVS, 1, 0, OUT, GUEST_SIZE - 1));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_sock_recv, 99, IOVS, 1, 0, OUT, OUT + 4));
  const uint32_t others[] = {R, BOX, 0};
  for (int i = 0; i < 3; i++) {
    EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_recv, others[i], IOVS, 1, 0, OUT, OUT + 4));
    EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_send, others[i], IOVS, 1, 0, OUT));
    EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_shutdown, others[i], 1));
    EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_accept, others[i], 0, OUT));
  }
  /* Rights that have been given up. */
  OK(guest_call(guest, SYS_fd_fdstat_set_rights, A, WASI_RIGHT_POLL_FD_READWRITE, 0));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_sock_recv, A, IOVS, 1, 0, OUT, OUT + 4));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_sock_send, A, IOVS, 1, 0, OUT));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_sock_shutdown, A, 1));
  /* A read that may not wait. */
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, B, WASI_FDFLAG_NONBLOCK));
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_sock_recv, B, IOVS, 1, 0, OUT, OUT + 4));
}

/* ---- sockets of the host ---- */

static int32_t next_connection;
static uint32_t shutdowns[8], shutdown_count;

static int32_t accept_stream(void *context, uint32_t listener) {
  (void)context;
  require(listener == 5);
  return next_connection;
}

static int32_t shutdown_stream(void *context, uint32_t stream, uint32_t how) {
  (void)context;
  shutdowns[shutdown_count++] = stream << 4 | how;
  return 0;
}

static int32_t read_stream(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context;
  require(length >= 1);
  *(uint8_t *)bytes = (uint8_t)('0' + stream);
  return 1;
}

static void listening(struct guest *guest) {
  guest->host.stream_accept = accept_stream;
  guest->host.stream_shutdown = shutdown_stream;
  guest->host.stream_read = read_stream;
  shutdown_count = 0;
  require(nidus_fd_stream(guest->system, guest->pid, L, 5, NIDUS_STREAM_LISTENER) == 0);
  struct filestat stat;
  OK(do_fstat(guest, L, &stat));
  require(stat.type == WASI_FILETYPE_SOCKET_STREAM);
  next_connection = -(int32_t)NIDUS_WOULD_BLOCK;
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_sock_accept, L, 0, OUT));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_READABLE);
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, L, WASI_FDFLAG_NONBLOCK));
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_sock_accept, L, 0, OUT));
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, L, 0));
  next_connection = -WASI_ECONNABORTED;
  EXPECT(WASI_ECONNABORTED, guest_call(guest, SYS_sock_accept, L, 0, OUT));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_sock_accept, L, WASI_FDFLAG_APPEND, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_sock_accept, L, 0, GUEST_SIZE - 3));
  require(shutdown_count == 0);
  next_connection = 7;
  OK(guest_call(guest, SYS_sock_accept, L, WASI_FDFLAG_NONBLOCK, OUT));
  uint32_t fd = guest_u32(guest, OUT);
  vector(guest, 0, DATA, 3);
  OK(guest_call(guest, SYS_sock_recv, fd, IOVS, 1, 0, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 1 && guest->memory[DATA] == '7');
  OK(guest_call(guest, SYS_sock_send, fd, IOVS, 1, 0, OUT));
  EXPECT(WASI_ENOTSUP, guest_call(guest, SYS_sock_recv, fd, IOVS, 1, WASI_RIFLAG_RECV_PEEK, OUT, OUT + 4));
  OK(guest_call(guest, SYS_fd_fdstat_get, fd, OUT));
  require((guest_u32(guest, OUT) >> 16) == WASI_FDFLAG_NONBLOCK);
  OK(guest_call(guest, SYS_sock_shutdown, fd, WASI_SDFLAG_WR));
  OK(do_close(guest, fd));
  OK(do_close(guest, L));
  require(shutdown_count == 2);
  require(shutdowns[0] == (7u << 4 | NIDUS_SHUTDOWN_WRITE) && shutdowns[1] == (7u << 4 | NIDUS_SHUTDOWN_CLOSE));
}

static void listener_is_no_stream(struct guest *guest) {
  uint32_t moved;
  char bytes[4];
  require(nidus_fd_stream(guest->system, guest->pid, L, 5, NIDUS_STREAM_LISTENER) == 0);
  vector(guest, 0, DATA, 3);
  EXPECT(WASI_ENOTCONN, do_read(guest, L, bytes, 1, &moved));
  EXPECT(WASI_EBADF, do_write(guest, L, "x", 1, &moved));
  EXPECT(WASI_ENOTCONN, guest_call(guest, SYS_sock_recv, L, IOVS, 1, 0, OUT, OUT + 4));
  EXPECT(WASI_ENOTCONN, guest_call(guest, SYS_sock_send, L, IOVS, 1, 0, OUT));
  EXPECT(WASI_ENOTCONN, guest_call(guest, SYS_sock_shutdown, L, 1));
  EXPECT(WASI_ENOTSUP, guest_call(guest, SYS_sock_accept, L, 0, OUT)); /* this host has no sockets */
}

static const struct test tests[] = {
    {"A pipe gives what was written, in its order; 4,096 bytes go whole or not at all", in_order},
    {"A pipe ends with its writer; without a reader, writing is SIGPIPE, or EPIPE where that is ignored", ends},
    {"A process that ends closes its pipes", process_ends},
    {"poll_oneoff knows what a pipe is ready for", polling},
    {"Two sockets are connected both ways", pairs},
    {"What is no socket, and what is not allowed, is refused", refusals},
    {"Connections of a host's listener are accepted and given back", listening},
    {"A listener can only be accepted from", listener_is_no_stream}};

RUN_TESTS(tests)
