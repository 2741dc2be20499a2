/* poll_oneoff: waits until one of any mix of clocks and descriptors is ready, and says which ones are. */
#include "check.h"

static __wasi_subscription_t in[64];
static __wasi_event_t out[64];
static i32 count, events;

static const i64 millisecond = 1000000;

static __wasi_subscription_t *next(uint8_t tag) {
  __wasi_subscription_t *subscription = &in[count++];
  memset(subscription, 0, sizeof *subscription);
  subscription->userdata = 0x0123456700000000 + count;
  subscription->u.tag = tag;
  return subscription;
}

static void timer(i32 id, i64 timeout, bool absolute) {
  __wasi_subscription_clock_t *clock = &next(__WASI_EVENTTYPE_CLOCK)->u.u.clock;
  clock->id = id;
  clock->timeout = timeout;
  clock->flags = absolute ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0;
}

static void readable(i32 fd) { next(__WASI_EVENTTYPE_FD_READ)->u.u.fd_read.file_descriptor = (int)fd; }
static void writable(i32 fd) { next(__WASI_EVENTTYPE_FD_WRITE)->u.u.fd_write.file_descriptor = (int)fd; }

/* Polls for all that were asked for since the last time. */
static i32 polls(void) {
  memset(out, 0xAA, sizeof out);
  events = 0;
  i32 asked = count;
  count = 0;
  return poll_oneoff(AT(in), AT(out), asked, AT(&events));
}

/* The event of the n-th subscription, counted from 1, or NULL. */
static __wasi_event_t *event_of(i32 n) {
  for (i32 i = 0; i < events; i++) {
    if (out[i].userdata == 0x0123456700000000 + n) return &out[i];
  }
  return NULL;
}
#define HAPPENED(n, code, kind)                         \
  do {                                                  \
    TRUE(event_of(n) != NULL);                          \
    if (event_of(n)) check_errno(event_of(n)->error, code##_, code##_, __LINE__, "the event"); \
    if (event_of(n)) EQUAL(event_of(n)->type, kind);    \
  } while (0)

static i64 now(i32 id) {
  i64 time = 0;
  must(clock_time_get(id, 1, AT(&time)), "clock_time_get");
  return time;
}

static void clocks(void) {
  const i32 ids[] = {__WASI_CLOCKID_MONOTONIC, __WASI_CLOCKID_REALTIME};
  for (int i = 0; i < 2; i++) {
    i64 begin = now(__WASI_CLOCKID_MONOTONIC);
    timer(ids[i], 20 * millisecond, false);
    SUCCEEDS(polls());
    EQUAL(events, 1);
    TRUE(now(__WASI_CLOCKID_MONOTONIC) - begin >= 19 * millisecond);
    HAPPENED(1, OK, __WASI_EVENTTYPE_CLOCK);
    begin = now(__WASI_CLOCKID_MONOTONIC);
    timer(ids[i], now(ids[i]) + 20 * millisecond, true);
    SUCCEEDS(polls());
    TRUE(now(__WASI_CLOCKID_MONOTONIC) - begin >= 15 * millisecond);
    HAPPENED(1, OK, __WASI_EVENTTYPE_CLOCK);
    timer(ids[i], 1, true); /* long ago */
    SUCCEEDS(polls());
    HAPPENED(1, OK, __WASI_EVENTTYPE_CLOCK);
    timer(ids[i], 0, false);
    SUCCEEDS(polls());
    HAPPENED(1, OK, __WASI_EVENTTYPE_CLOCK);
  }
  /* Several: the nearest ends the wait; all that are due are told. */
  i64 begin = now(__WASI_CLOCKID_MONOTONIC);
  timer(__WASI_CLOCKID_MONOTONIC, 3600000 * millisecond, false);
  timer(__WASI_CLOCKID_MONOTONIC, 10 * millisecond, false);
  timer(__WASI_CLOCKID_REALTIME, ~0ull, false);
  SUCCEEDS(polls());
  EQUAL(events, 1);
  HAPPENED(2, OK, __WASI_EVENTTYPE_CLOCK);
  TRUE(now(__WASI_CLOCKID_MONOTONIC) - begin < 60000 * millisecond);
  timer(__WASI_CLOCKID_MONOTONIC, 0, false);
  timer(__WASI_CLOCKID_REALTIME, 0, false);
  timer(__WASI_CLOCKID_MONOTONIC, 3600000 * millisecond, false);
  SUCCEEDS(polls());
  EQUAL(events, 2);
}

/* What cannot be waited for is told as an event, or by the call. */
static void refused(i32 code, i32 error, int line) {
  if (code != OK) check_errno(code, error, EINVAL_, line, "poll_oneoff");
  else check_errno(out[0].error, error, error, line, "the event of poll_oneoff");
}

static void descriptors(void) {
  make_file("f", "contents");
  make_file("empty", "");
  i32 fd = open_file("f", 0, 0), empty = open_file("empty", 0, 0);
  readable(fd);
  SUCCEEDS(polls());
  EQUAL(events, 1);
  HAPPENED(1, OK, __WASI_EVENTTYPE_FD_READ);
  EQUAL(out[0].fd_readwrite.nbytes, 8);
  EQUAL(out[0].fd_readwrite.flags, 0);
  must(fd_seek(fd, 6, __WASI_WHENCE_SET, IGNORED), "fd_seek");
  readable(fd);
  SUCCEEDS(polls());
  EQUAL(out[0].fd_readwrite.nbytes, 2);
  writable(fd);
  SUCCEEDS(polls());
  HAPPENED(1, OK, __WASI_EVENTTYPE_FD_WRITE);
  readable(empty); /* at the end of a file a read does not wait */
  SUCCEEDS(polls());
  HAPPENED(1, OK, __WASI_EVENTTYPE_FD_READ);
  EQUAL(out[0].fd_readwrite.nbytes, 0);
  writable(1);
  writable(2);
  SUCCEEDS(polls());
  EQUAL(events, 2);
  /* Mixed: what is ready ends the wait for the clock at once. */
  i64 begin = now(__WASI_CLOCKID_MONOTONIC);
  timer(__WASI_CLOCKID_MONOTONIC, 3600000 * millisecond, false);
  readable(fd);
  writable(fd);
  readable(empty);
  timer(__WASI_CLOCKID_REALTIME, 3600000 * millisecond, false);
  SUCCEEDS(polls());
  EQUAL(events, 3);
  HAPPENED(2, OK, __WASI_EVENTTYPE_FD_READ);
  HAPPENED(3, OK, __WASI_EVENTTYPE_FD_WRITE);
  HAPPENED(4, OK, __WASI_EVENTTYPE_FD_READ);
  TRUE(now(__WASI_CLOCKID_MONOTONIC) - begin < 60000 * millisecond);
  /* Descriptors that are none are told, and do not keep the others from it. */
  readable(closed());
  writable(~0u);
  readable(fd);
  SUCCEEDS(polls());
  EQUAL(events, 3);
  HAPPENED(1, EBADF, __WASI_EVENTTYPE_FD_READ);
  HAPPENED(2, EBADF, __WASI_EVENTTYPE_FD_WRITE);
  HAPPENED(3, OK, __WASI_EVENTTYPE_FD_READ);
  readable(without(open_file("f", 0, 0), RIGHT(POLL_FD_READWRITE)));
  refused(polls(), ENOTCAPABLE_, __LINE__);
  /* As many as there may be. */
  for (int i = 0; i < 32; i++) readable(fd), writable(fd);
  SUCCEEDS(polls());
  EQUAL(events, 64);
}

static void input(void) {
  char bytes[16];
  struct { i32 at, length; } vector = {AT(bytes), sizeof bytes};
  i32 length = 0, total = 0;
  i64 limit = 20000 * millisecond;
  do {
    timer(__WASI_CLOCKID_MONOTONIC, limit, false);
    readable(0);
    must(polls(), "poll_oneoff");
    if (!event_of(2)) break;
    must(fd_read(0, AT(&vector), 1, AT(&length)), "fd_read");
    total += length;
  } while (length > 0);
  EQUAL(total, 9);
  /* The end is readable, and stays so. */
  readable(0);
  SUCCEEDS(polls());
  EQUAL(events, 1);
  HAPPENED(1, OK, __WASI_EVENTTYPE_FD_READ);
}

int main(int argc, char **argv) {
  start(argc, argv);
  clocks();
  descriptors();
  input();
  timer(77, 0, false);
  refused(polls(), EINVAL_, __LINE__);
  FAILS(EINVAL, poll_oneoff(AT(in), AT(out), 0, AT(&events)));
  FAILS(EFAULT, poll_oneoff(NOWHERE, AT(out), 1, AT(&events)));
  FAILS(EFAULT, poll_oneoff(last_byte() - 8, AT(out), 1, AT(&events)));
  timer(__WASI_CLOCKID_MONOTONIC, 0, false);
  FAILS(EFAULT, poll_oneoff(AT(in), NOWHERE, 1, AT(&events)));
  FAILS(EFAULT, poll_oneoff(AT(in), last_byte() - 8, 1, AT(&events)));
  FAILS(EFAULT, poll_oneoff(AT(in), AT(out), 1, NOWHERE));
  EITHER(EINVAL, EFAULT, poll_oneoff(AT(in), AT(out), 0xFFFFFFFF, AT(&events)));
  EITHER(EINVAL, EFAULT, poll_oneoff(AT(in), AT(out), 1u << 28, AT(&events)));
  count = 0;
  next(3);
  FAILS(EINVAL, polls());
  next(255);
  FAILS(EINVAL, polls());
  return done();
}
