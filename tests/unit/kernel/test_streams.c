/*
 * test_streams.c: streams of the host, which come in pieces, block, end and fail; and poll_oneoff over them
 * and clocks.
 */
#include "kit.h"

/* One stream of each direction, as the test arranges it. */
struct world {
  const char *incoming; /* what a read gives, at most `piece` bytes at a time */
  size_t incoming_length;
  uint32_t piece;
  int32_t answer; /* instead of data, when not 0 */
  bool ended;
  char outgoing[200000];
  size_t outgoing_length;
  uint32_t room; /* how much a write takes */
  uint32_t reads, writes;
  int32_t ready;
  uint64_t monotonic, realtime;
};

static struct world world;

static int32_t read_stream(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context;
  require(stream == 7);
  world.reads++;
  if (world.answer) return world.answer;
  if (world.incoming_length == 0) return world.ended ? 0 : -(int32_t)NIDUS_WOULD_BLOCK;
  uint32_t count = world.piece < length ? world.piece : length;
  if (count > world.incoming_length) count = (uint32_t)world.incoming_length;
  memcpy(bytes, world.incoming, count);
  world.incoming += count;
  world.incoming_length -= count;
  return (int32_t)count;
}

static int32_t write_stream(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  (void)context;
  require(stream == 8);
  world.writes++;
  if (world.answer) return world.answer;
  if (world.room == 0) return -(int32_t)NIDUS_WOULD_BLOCK;
  uint32_t count = world.room < length ? world.room : length;
  require(world.outgoing_length + count <= sizeof world.outgoing);
  memcpy(world.outgoing + world.outgoing_length, bytes, count);
  world.outgoing_length += count;
  world.room -= count;
  return (int32_t)count;
}

static int32_t stream_is_ready(void *context, uint32_t stream) {
  (void)context, (void)stream;
  return world.ready;
}

static uint64_t read_clock(void *context, uint32_t id) {
  (void)context;
  return id == WASI_CLOCK_MONOTONIC ? world.monotonic : world.realtime;
}

static void arrange(struct guest *guest) {
  memset(&world, 0, sizeof world);
  world.piece = world.room = UINT32_MAX;
  world.monotonic = 1000;
  world.realtime = 5000000;
  guest->host.stream_read = read_stream;
  guest->host.stream_write = write_stream;
  guest->host.stream_ready = stream_is_ready;
  guest->host.clock = read_clock;
  require(nidus_fd_stream(guest->system, guest->pid, 0, 7, NIDUS_STREAM_READABLE | NIDUS_STREAM_TERMINAL) == 0);
  require(nidus_fd_stream(guest->system, guest->pid, 1, 8, NIDUS_STREAM_WRITABLE) == 0);
}

static void incoming(const char *text) {
  world.incoming = text;
  world.incoming_length = strlen(text);
}

static void vector(struct guest *guest, uint32_t i, uint32_t at, uint32_t length) {
  guest_put_u32(guest, IOVS + 8 * i, at);
  guest_put_u32(guest, IOVS + 8 * i + 4, length);
}

static void reads_are_scattered(struct guest *guest) {
  arrange(guest);
  incoming("abcdefghij");
  memset(guest->memory + DATA, '.', 100);
  vector(guest, 0, DATA, 0);
  vector(guest, 1, DATA, 2);
  vector(guest, 2, DATA + 10, 3);
  vector(guest, 3, DATA + 20, 0);
  vector(guest, 4, DATA + 20, 50);
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 5, OUT));
  require(guest_u32(guest, OUT) == 10);
  require(memcmp(guest->memory + DATA, "ab........cde.......fghij.", 26) == 0);
  require(world.reads == 1);
  /* A short read of the host is a short read of the guest. */
  incoming("abcdefghij");
  world.piece = 4;
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 5, OUT));
  require(guest_u32(guest, OUT) == 4 && world.reads == 2);
  /* No room asks the host for nothing. */
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 0 && world.reads == 2);
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 0, OUT));
  require(guest_u32(guest, OUT) == 0 && world.reads == 2);
}

static void writes_are_gathered(struct guest *guest) {
  arrange(guest);
  memcpy(guest->memory + DATA, "0123456789", 10);
  /* More vectors than are fetched at once. */
  for (uint32_t i = 0; i < 30; i++) vector(guest, i, DATA + i % 10, i % 3);
  OK(guest_call(guest, SYS_fd_write, 1, IOVS, 30, OUT));
  require(guest_u32(guest, OUT) == 30 && world.writes == 1 && world.outgoing_length == 30);
  char expected[31] = "";
  for (uint32_t i = 0; i < 30; i++) strncat(expected, &"01234567890"[i % 10], i % 3);
  require(memcmp(world.outgoing, expected, 29) == 0);
  /* What the host takes counts; the rest is the guest's to write again. */
  world.outgoing_length = 0;
  world.room = 7;
  OK(guest_call(guest, SYS_fd_write, 1, IOVS, 30, OUT));
  require(guest_u32(guest, OUT) == 7 && world.outgoing_length == 7);
  /* Larger than the kernel's buffer. */
  world.room = UINT32_MAX;
  world.outgoing_length = 0;
  for (uint32_t i = 0; i < 6; i++) vector(guest, i, DATA, DATA_SIZE);
  OK(guest_call(guest, SYS_fd_write, 1, IOVS, 6, OUT));
  require(guest_u32(guest, OUT) == 6 * DATA_SIZE && world.outgoing_length == 6 * DATA_SIZE);
  for (uint32_t i = 0; i < 6; i++) require(memcmp(world.outgoing + i * DATA_SIZE, guest->memory + DATA, DATA_SIZE) == 0);
}

static void blocking_changes_nothing(struct guest *guest) {
  arrange(guest);
  vector(guest, 0, DATA, 10);
  memcpy(guest->memory + DATA, "0123456789", 10);
  guest_put_u32(guest, OUT, 77);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_READABLE);
  require(nidus_wait_deadline(guest->system, guest->pid) == NIDUS_NO_DEADLINE);
  require(guest_u32(guest, OUT) == 77 && memcmp(guest->memory + DATA, "0123456789", 10) == 0);
  incoming("xyz");
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 3 && memcmp(guest->memory + DATA, "xyz3456789", 10) == 0);
  world.room = 0;
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_fd_write, 1, IOVS, 1, OUT));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_WRITABLE);
  require(guest_u32(guest, OUT) == 3 && world.outgoing_length == 0);
  world.room = 4;
  OK(guest_call(guest, SYS_fd_write, 1, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 4 && memcmp(world.outgoing, "xyz3", 4) == 0);
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, 0, WASI_FDFLAG_NONBLOCK));
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, 1, WASI_FDFLAG_NONBLOCK));
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_fd_write, 1, IOVS, 1, OUT));
}

static void ends_and_errors_are_passed_on(struct guest *guest) {
  arrange(guest);
  vector(guest, 0, DATA, 10);
  incoming("last");
  world.ended = true;
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 4);
  OK(guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 0);
  world.answer = -WASI_EIO;
  EXPECT(WASI_EIO, guest_call(guest, SYS_fd_read, 0, IOVS, 1, OUT));
  world.answer = -WASI_EPIPE;
  EXPECT(WASI_EPIPE, guest_call(guest, SYS_fd_write, 1, IOVS, 1, OUT));
  world.answer = 0;
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_write, 0, IOVS, 1, OUT));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_read, 1, IOVS, 1, OUT));
}

static void streams_are_no_files(struct guest *guest) {
  arrange(guest);
  struct filestat stat;
  uint32_t moved;
  char text[4];
  uint64_t position;
  OK(do_fstat(guest, 0, &stat));
  require(stat.type == WASI_FILETYPE_CHARACTER_DEVICE);
  OK(do_fstat(guest, 1, &stat));
  require(stat.type == WASI_FILETYPE_UNKNOWN);
  OK(guest_call(guest, SYS_fd_fdstat_get, 0, OUT));
  require(!(guest_u64(guest, OUT + 8) & (WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_WRITE)));
  EXPECT(WASI_ESPIPE, do_seek(guest, 0, 0, WASI_WHENCE_CUR, &position));
  EXPECT(WASI_ESPIPE, guest_call(guest, SYS_fd_tell, 0, OUT));
  EXPECT(WASI_ESPIPE, do_pread(guest, 0, text, 1, 0, &moved));
  EXPECT(WASI_ESPIPE, do_pwrite(guest, 1, "x", 1, 0, &moved));
  EXPECT(WASI_ENOTDIR, guest_call(guest, SYS_fd_readdir, 0, DATA, 10, 0, OUT));
  EXPECT(WASI_ENOTDIR, do_mkdir(guest, 0, "x"));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_filestat_set_size, 1, 0));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_datasync, 1));
  EXPECT(WASI_ESPIPE, guest_call(guest, SYS_fd_allocate, 1, 0, 1));
  EXPECT(WASI_ESPIPE, guest_call(guest, SYS_fd_advise, 1, 0, 1, 0));
  EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_send, 1, IOVS, 1, 0, OUT));
  EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_recv, 0, IOVS, 1, 0, OUT, OUT));
  EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_shutdown, 0, 3));
  EXPECT(WASI_ENOTSOCK, guest_call(guest, SYS_sock_accept, BOX, 0, OUT));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_sock_accept, 99, 0, OUT));
}

/* ---- poll_oneoff ---- */

enum { IN = DATA, EVENTS = DATA + 4096 };

static void subscribe(struct guest *guest, uint32_t i, uint8_t tag, uint32_t target, uint64_t timeout, uint16_t flags) {
  uint8_t *at = guest->memory + IN + 48 * i;
  uint64_t userdata = 100 + i;
  memset(at, 0, 48);
  memcpy(at, &userdata, 8);
  at[8] = tag;
  memcpy(at + 16, &target, 4);
  memcpy(at + 24, &timeout, 8);
  memcpy(at + 40, &flags, 2);
}

static wasi_errno_t poll_for(struct guest *guest, uint32_t count) {
  return guest_call(guest, SYS_poll_oneoff, IN, EVENTS, count, OUT);
}

static void expect_event(const struct guest *guest, uint32_t i, uint64_t userdata, uint8_t tag, uint16_t error) {
  const uint8_t *at = guest->memory + EVENTS + 32 * i;
  uint16_t got;
  memcpy(&got, at + 8, 2);
  require(guest_u64(guest, EVENTS + 32 * i) == userdata && at[10] == tag && got == error);
}

static void deadlines_hold(struct guest *guest) {
  arrange(guest);
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_MONOTONIC, 500, 0);
  subscribe(guest, 1, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_REALTIME, 300, 0);
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 2));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_CLOCK);
  require(nidus_wait_deadline(guest->system, guest->pid) == 1300);
  /* A restart, too early: the deadline is still the same. */
  world.monotonic = 1299;
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 2));
  require(nidus_wait_deadline(guest->system, guest->pid) == 1300);
  world.monotonic = 1300;
  OK(poll_for(guest, 2));
  require(guest_u32(guest, OUT) == 1);
  expect_event(guest, 0, 101, WASI_EVENTTYPE_CLOCK, 0);
  /* The next call begins anew. */
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 2));
  require(nidus_wait_deadline(guest->system, guest->pid) == 1600);
  world.monotonic = 1800;
  OK(poll_for(guest, 2));
  require(guest_u32(guest, OUT) == 2);
  expect_event(guest, 0, 100, WASI_EVENTTYPE_CLOCK, 0);
  /* A relative time-out counts monotonic time whatever the clock; an absolute one goes with its clock. */
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_REALTIME, 5000700, WASI_SUBCLOCKFLAG_ABSTIME);
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 1));
  require(nidus_wait_deadline(guest->system, guest->pid) == 2500);
  world.realtime = 5000600;
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 1));
  require(nidus_wait_deadline(guest->system, guest->pid) == 1900);
  world.realtime = 5000701;
  OK(poll_for(guest, 1));
  /* Long past, and never. */
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_MONOTONIC, 1, WASI_SUBCLOCKFLAG_ABSTIME);
  OK(poll_for(guest, 1));
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_MONOTONIC, 0, 0);
  OK(poll_for(guest, 1));
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_MONOTONIC, UINT64_MAX, 0);
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 1));
  require(nidus_wait_deadline(guest->system, guest->pid) == NIDUS_NO_DEADLINE);
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, 9, 0, 0);
  subscribe(guest, 1, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_MONOTONIC, 0, 2);
  OK(poll_for(guest, 2));
  expect_event(guest, 0, 100, WASI_EVENTTYPE_CLOCK, WASI_EINVAL);
  expect_event(guest, 1, 101, WASI_EVENTTYPE_CLOCK, WASI_EINVAL);
}

static void descriptors_are_polled(struct guest *guest) {
  arrange(guest);
  make_file(guest, BOX, "f", "12345");
  uint32_t file, moved;
  char text[2];
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &file));
  OK(do_read(guest, file, text, 2, &moved));
  subscribe(guest, 0, WASI_EVENTTYPE_FD_READ, 0, 0, 0);
  subscribe(guest, 1, WASI_EVENTTYPE_FD_WRITE, 1, 0, 0);
  subscribe(guest, 2, WASI_EVENTTYPE_CLOCK, WASI_CLOCK_MONOTONIC, 100, 0);
  EXPECT(NIDUS_WOULD_BLOCK, poll_for(guest, 3));
  require(nidus_wait_kinds(guest->system, guest->pid) == (NIDUS_WAIT_CLOCK | NIDUS_WAIT_READABLE | NIDUS_WAIT_WRITABLE));
  world.ready = NIDUS_STREAM_CAN_WRITE;
  OK(poll_for(guest, 3));
  require(guest_u32(guest, OUT) == 1);
  expect_event(guest, 0, 101, WASI_EVENTTYPE_FD_WRITE, 0);
  world.ready = NIDUS_STREAM_CAN_READ;
  OK(poll_for(guest, 3));
  expect_event(guest, 0, 100, WASI_EVENTTYPE_FD_READ, 0);
  require(guest_u64(guest, EVENTS + 16) == 1 && guest->memory[EVENTS + 24] == 0);
  world.ready = NIDUS_STREAM_HUNG_UP;
  OK(poll_for(guest, 3));
  require(guest_u32(guest, OUT) == 2 && guest->memory[EVENTS + 24] == WASI_EVENTRWFLAG_HANGUP);
  /* Files are always ready; wrong descriptors say so, each in its event. */
  subscribe(guest, 0, WASI_EVENTTYPE_FD_READ, file, 0, 0);
  subscribe(guest, 1, WASI_EVENTTYPE_FD_WRITE, file, 0, 0);
  subscribe(guest, 2, WASI_EVENTTYPE_FD_READ, 99, 0, 0);
  subscribe(guest, 3, WASI_EVENTTYPE_FD_WRITE, 0, 0, 0);
  OK(poll_for(guest, 4));
  require(guest_u32(guest, OUT) == 4 && guest_u64(guest, EVENTS + 16) == 3);
  expect_event(guest, 0, 100, WASI_EVENTTYPE_FD_READ, 0);
  expect_event(guest, 1, 101, WASI_EVENTTYPE_FD_WRITE, 0);
  expect_event(guest, 2, 102, WASI_EVENTTYPE_FD_READ, WASI_EBADF);
  expect_event(guest, 3, 103, WASI_EVENTTYPE_FD_WRITE, WASI_EBADF);
  EXPECT(WASI_EINVAL, poll_for(guest, 0));
  EXPECT(WASI_EINVAL, poll_for(guest, 5000));
  subscribe(guest, 0, 3, 0, 0, 0);
  EXPECT(WASI_EINVAL, poll_for(guest, 1));
}

static const struct test tests[] = {
    {"One read of the host is scattered over the guest's vectors", reads_are_scattered},
    {"The guest's vectors are gathered into few writes of the host", writes_are_gathered},
    {"A call that would block has changed nothing and can be made again", blocking_changes_nothing},
    {"Ends and errors of the host reach the guest", ends_and_errors_are_passed_on},
    {"A stream is no file, no folder and no socket", streams_are_no_files},
    {"poll_oneoff waits to its deadline, however often it is restarted", deadlines_hold},
    {"poll_oneoff reports each ready or wrong descriptor", descriptors_are_polled}};
RUN_TESTS(tests)
