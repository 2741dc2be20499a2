/*
 * server.c: a program that is given a socket which listens, and what it does with it, by its first argument:
 *
 *     echo N     takes N connections one after the other, and sends back what each sends
 *     poll N     the same with all of them at once; prints how often it was woken
 *     errors     says what each call answers on one connection, whose other end does as the test does
 *     input      waits for a connection, for standard input and for a clock at once, and says what came, in turns
 *     still MS   waits for a connection that does not come, or a time
 *     leave      takes a connection, sends much, and ends at once
 */
#include "../conformance/check.h"

enum { MOST = 64, ROOM = 8192 };

static i32 listener;
static char buffer[ROOM];

static i32 accepted(i32 flags, i32 *error) {
  i32 fd = 0;
  *error = sock_accept(listener, flags, AT(&fd));
  return fd;
}

static i32 receive(i32 fd, i32 room, i32 *length) {
  __wasi_iovec_t vector = {(uint8_t *)buffer, room};
  uint16_t flags;
  return sock_recv(fd, AT(&vector), 1, 0, AT(length), AT(&flags));
}

static i32 send_some(i32 fd, const char *bytes, i32 length, i32 *sent) {
  __wasi_ciovec_t vector = {(const uint8_t *)bytes, length};
  return sock_send(fd, AT(&vector), 1, 0, AT(sent));
}

static i32 send_all(i32 fd, const char *bytes, i32 length) {
  for (i32 sent = 0; length > 0; bytes += sent, length -= sent) {
    i32 error = send_some(fd, bytes, length, &sent);
    if (error) return error;
  }
  return 0;
}

static void echo(int count) {
  for (; count > 0; count--) {
    i32 error, length;
    i32 fd = accepted(0, &error);
    if (error) exit(10);
    while ((error = receive(fd, ROOM, &length)) == 0 && length > 0) {
      if (send_all(fd, buffer, length)) exit(11);
    }
    if (error) exit(12);
    fd_close(fd);
  }
}

static __wasi_subscription_t readable(i32 fd) {
  __wasi_subscription_t subscription = {.userdata = fd, .u.tag = __WASI_EVENTTYPE_FD_READ};
  subscription.u.u.fd_read.file_descriptor = fd;
  return subscription;
}

static __wasi_subscription_t after(i64 milliseconds) {
  __wasi_subscription_t subscription = {.userdata = 1000, .u.tag = __WASI_EVENTTYPE_CLOCK};
  subscription.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
  subscription.u.u.clock.timeout = milliseconds * 1000000;
  return subscription;
}

static i32 events_of(__wasi_subscription_t *subscriptions, i32 count, __wasi_event_t *events) {
  i32 got = 0;
  if (poll_oneoff(AT(subscriptions), AT(events), count, AT(&got))) exit(20);
  return got;
}

static void poll(int count) {
  static __wasi_subscription_t subscriptions[MOST];
  static __wasi_event_t events[MOST];
  i32 open = 1, woken = 0;
  subscriptions[0] = readable(listener);
  while (count > 0 || open > 1) {
    i32 got = events_of(subscriptions, open, events);
    woken++;
    for (i32 i = 0; i < got; i++) {
      i32 error, length, fd = (i32)events[i].userdata;
      if (events[i].error) exit(21);
      if (fd == listener) {
        fd = accepted(NONBLOCK, &error);
        if (error) exit(22);
        subscriptions[open++] = readable(fd);
        count--;
        continue;
      }
      error = receive(fd, ROOM, &length);
      if (error == __WASI_ERRNO_AGAIN) continue;
      if (error) exit(23);
      if (length > 0) {
        i32 sent;
        /* What does not fit at once is a matter of another test. */
        if (send_some(fd, buffer, length, &sent) || sent != length) exit(24);
        continue;
      }
      fd_close(fd);
      for (i32 at = 1; at < open; at++) {
        if (subscriptions[at].userdata == fd) subscriptions[at] = subscriptions[--open];
      }
    }
  }
  printf("woken %d\n", woken);
}

#define SAY(...) printf("%s: %d\n", #__VA_ARGS__, (int)(__VA_ARGS__))

static void errors(void) {
  i32 error, length = 0, sent = 0, fd = 0;
  __wasi_fdstat_t stat;
  SAY(fd_fdstat_get(listener, AT(&stat)));
  printf("type %d\n", stat.fs_filetype);
  SAY(fd_prestat_get(listener, AT(buffer)));
  SAY(fd_fdstat_set_flags(listener, NONBLOCK));
  SAY(sock_accept(listener, 0, AT(&fd)));
  SAY(fd_fdstat_set_flags(listener, 0));
  SAY(sock_accept(listener, 1, AT(&fd)));
  SAY(receive(listener, 1, &length));
  SAY(send_some(listener, "x", 1, &sent));
  SAY(sock_shutdown(listener, 3));
  SAY(fd_seek(listener, 0, 0, AT(buffer)));
  fflush(stdout);
  SAY(sock_accept(listener, NONBLOCK, AT(&fd)));
  SAY(receive(fd, 4, &length));
  printf("accepted\n");
  fflush(stdout);
  SAY(fd_fdstat_set_flags(fd, 0));
  SAY(receive(fd, 4, &length));
  printf("%.*s\n", (int)length, buffer);
  SAY(sock_shutdown(fd, 0));
  SAY(sock_shutdown(fd, 4));
  SAY(send_all(fd, "bye", 3));
  SAY(sock_shutdown(fd, __WASI_SDFLAGS_WR));
  SAY(send_some(fd, "x", 1, &sent));
  __wasi_ciovec_t vector = {(const uint8_t *)"x", 1};
  SAY(fd_write(fd, AT(&vector), 1, AT(&sent)));
  SAY(receive(fd, ROOM, &length));
  printf("%.*s\n", (int)length, buffer);
  SAY(receive(fd, ROOM, &length));
  printf("%d\n", (int)length);
  SAY(fd_close(fd));
  SAY(fd_close(listener));
  SAY(sock_accept(listener, 0, AT(&fd)));
}

static void input(void) {
  __wasi_event_t events[3];
  for (int turn = 0; turn < 3; turn++) {
    __wasi_subscription_t subscriptions[] = {readable(0), readable(listener), after(turn == 0 ? 20 : 600000)};
    i32 got = events_of(subscriptions, 3, events), error, length = 0;
    for (i32 i = 0; i < got; i++) {
      i32 fd = (i32)events[i].userdata;
      if (fd == 0) {
        __wasi_iovec_t vector = {(uint8_t *)buffer, ROOM};
        if (fd_read(0, AT(&vector), 1, AT(&length))) exit(30);
        printf("input %.*s\n", (int)length, buffer);
      } else if (fd == listener) {
        fd = accepted(0, &error);
        printf("connection %d\n", (int)error);
        fd_close(fd);
      } else {
        printf("clock\n");
      }
      fflush(stdout);
    }
  }
}

static void leave(void) {
  i32 error, fd = accepted(0, &error);
  if (error) exit(40);
  memset(buffer, 'z', ROOM);
  for (int i = 0; i < 512; i++) {
    if (send_all(fd, buffer, ROOM)) exit(41);
  }
  exit(7);
}

int main(int argc, char **argv) {
  const char *first = getenv("LISTEN_FDS_FIRST_FD"), *count = getenv("LISTEN_FDS");
  if (!first || !count || atoi(count) != 1 || argc < 2) return 2;
  listener = (i32)atoi(first);
  int number = argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(argv[1], "echo") == 0) echo(number);
  if (strcmp(argv[1], "poll") == 0) poll(number);
  if (strcmp(argv[1], "errors") == 0) errors();
  if (strcmp(argv[1], "input") == 0) input();
  if (strcmp(argv[1], "leave") == 0) leave();
  if (strcmp(argv[1], "still") == 0) {
    __wasi_event_t events[2];
    __wasi_subscription_t subscriptions[] = {readable(listener), after(number)};
    printf("%d\n", (int)events_of(subscriptions, 2, events));
  }
  return 0;
}
