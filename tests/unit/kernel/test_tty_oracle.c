/*
 * test_tty_oracle.c: the same random keys, with the same random settings, typed at a terminal of the kernel and at
 * one of Linux: the screens must get the same bytes, and reads must return the same lines.
 *
 * All keys are ASCII, and none is ^H, which is a second erase key here alone; no line comes near the limits. Each
 * round ends in a line of its own, so that it is known when Linux has done all the rest.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "kit.h"

enum { ROUNDS = 400, KEYS = 60, MODE = 65536, STREAM = 9, ROOM = 65536 };

static const char last[] = "#end#\n";

struct record {
  char screen[ROOM], lines[ROOM];
  size_t shown, read;
};

static struct {
  const char *keys;
  size_t left;
  struct record *record;
} ours;

static int32_t read_keys(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context, (void)stream;
  uint32_t count = length < ours.left ? length : (uint32_t)ours.left;
  if (count == 0) return -(int32_t)NIDUS_WOULD_BLOCK;
  memcpy(bytes, ours.keys, count);
  ours.keys += count;
  ours.left -= count;
  return (int32_t)count;
}

static int32_t show(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  (void)context, (void)stream;
  require(ours.record->shown + length <= ROOM);
  memcpy(ours.record->screen + ours.record->shown, bytes, length);
  ours.record->shown += length;
  return (int32_t)length;
}

static int32_t is_ready(void *context, uint32_t stream) {
  (void)context, (void)stream;
  return (ours.left ? NIDUS_STREAM_CAN_READ : 0) | NIDUS_STREAM_CAN_WRITE;
}

static bool ends(const char *bytes, size_t length, const char *text) {
  size_t wanted = strlen(text);
  return length >= wanted && memcmp(bytes + length - wanted, text, wanted) == 0;
}

/* One read's bytes, and a mark, so that where reads end is compared as well. */
static bool add_line(struct record *record, const char *bytes, size_t length) {
  require(record->read + length + 1 <= ROOM);
  memcpy(record->lines + record->read, bytes, length);
  record->read += length;
  record->lines[record->read++] = '|';
  return ends(bytes, length, last);
}

/* Linux's numbers are those of nidus/tty.h; only the structure is another one. */
static void set_ours(struct guest *guest, const struct termios *mode) {
  uint8_t bytes[36] = {0};
  memcpy(bytes, &mode->c_iflag, 4);
  memcpy(bytes + 4, &mode->c_oflag, 4);
  memcpy(bytes + 12, &mode->c_lflag, 4);
  memcpy(bytes + 16, mode->c_cc, 17);
  memcpy(guest->memory + MODE, bytes, sizeof bytes);
  OK(guest_call(guest, SYS_tty_set, 0, 0, MODE));
}

static void run_ours(struct guest *guest, const struct termios *mode, const char *keys, size_t length,
                     struct record *record) {
  char bytes[4096];
  uint32_t moved;
  ours.record = record;
  set_ours(guest, mode);
  ours.keys = keys;
  ours.left = length;
  nidus_tty_input(guest->system);
  do OK(do_read(guest, 0, bytes, sizeof bytes, &moved));
  while (!add_line(record, bytes, moved));
}

static void run_linux(int master, int slave, const struct termios *mode, const char *keys, size_t length,
                      struct record *record) {
  char bytes[4096];
  require(tcsetattr(slave, TCSANOW, mode) == 0);
  require(write(master, keys, length) == (ssize_t)length);
  ssize_t count;
  do require((count = read(slave, bytes, sizeof bytes)) >= 0);
  while (!add_line(record, bytes, (size_t)count));
  bool echoes = mode->c_lflag & ECHO, returns = (mode->c_oflag & OPOST) && (mode->c_oflag & ONLCR);
  if (!echoes && !(mode->c_lflag & ECHONL)) return;
  const char *end = !echoes ? returns ? "\r\n" : "\n" : returns ? "#end#\r\n" : "#end#\n";
  /* Without echo all there is are the newlines of whole lines, which come in order: as many as we have. */
  size_t wanted = echoes ? 0 : ours.record->shown;
  while (echoes ? !ends(record->screen, record->shown, end) : record->shown < wanted) {
    require((count = read(master, record->screen + record->shown, ROOM - record->shown)) > 0);
    record->shown += (size_t)count;
  }
}

static void print(const char *what, const char *bytes, size_t length) {
  fprintf(stderr, "%s", what);
  for (size_t i = 0; i < length; i++) {
    fprintf(stderr, bytes[i] >= ' ' && bytes[i] < 127 ? "%c" : "\\x%02x", (uint8_t)bytes[i]);
  }
  fprintf(stderr, "\n");
}

static void as_linux(struct guest *guest) {
  static struct record mine, its;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0) {
    printf("(this machine has no terminals: not compared)\n");
    return;
  }
  require(grantpt(master) == 0 && unlockpt(master) == 0);
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  struct termios usual;
  require(slave >= 0 && tcgetattr(slave, &usual) == 0);
  guest->host.stream_read = read_keys;
  guest->host.stream_write = show;
  guest->host.stream_ready = is_ready;
  require(nidus_tty_open(guest->system, STREAM, 80, 24) == 0);
  require(nidus_fd_tty(guest->system, guest->pid, 0, STREAM) == 0);
  uint64_t seed = random_seed(11);
  printf("SEED=%llu\n", (unsigned long long)seed);
  struct random random = {seed};
  static const char keys[] = "abcdefg hi_j k1   .,\t\t\001\033\r\r\n\177\177\177\177\025\027\027\027\026\004\022";
  static const tcflag_t local[] = {ECHO, ECHOE, ECHOK, ECHOKE, ECHOCTL, ECHONL, IEXTEN};
  static const tcflag_t input[] = {ICRNL, IGNCR, INLCR};
  for (int round = 0; round < ROUNDS; round++) {
    struct termios mode = usual;
    mode.c_iflag = IMAXBEL | IUTF8 | ICRNL;
    mode.c_oflag = OPOST | ONLCR;
    mode.c_lflag = ICANON | ECHO | ECHOE | ECHOK | ECHOKE | ECHOCTL | IEXTEN;
    if (random_below(&random, 2)) mode.c_lflag ^= local[random_below(&random, 7)];
    if (random_below(&random, 3) == 0) mode.c_lflag ^= local[random_below(&random, 7)];
    if (random_below(&random, 4) == 0) mode.c_iflag ^= input[random_below(&random, 3)];
    if (random_below(&random, 5) == 0) mode.c_oflag ^= random_below(&random, 2) ? OPOST : ONLCR;
    if (random_below(&random, 5) == 0) mode.c_cc[VEOL] = '.';
    bool by_return = mode.c_iflag & INLCR; /* then a newline ends no line */
    if (by_return && (mode.c_iflag & (ICRNL | IGNCR)) != ICRNL) continue;
    const char newline = by_return ? '\r' : '\n';
    /* Where a newline does not go back to the left, Linux does not count columns; and it counts what a terminal
     * takes for an escape sequence. */
    bool counts = (mode.c_oflag & OPOST) && (mode.c_oflag & ONLCR);
    char typed[KEYS + 16];
    size_t length = 0, most = random_below(&random, KEYS);
    typed[length++] = newline; /* both begin at the left */
    while (length <= most) {
      char key = keys[random_below(&random, sizeof keys - 1)];
      bool apart = (key == '\t' && !counts) || (key == '\033' && !(mode.c_lflag & ECHOCTL));
      typed[length++] = apart ? 'x' : key;
    }
    const char end[] = {newline, newline, '#', 'e', 'n', 'd', '#', newline};
    memcpy(typed + length, end, sizeof end);
    mine.shown = mine.read = its.shown = its.read = 0;
    run_ours(guest, &mode, typed, length + 8, &mine);
    run_linux(master, slave, &mode, typed, length + 8, &its);
    bool same = mine.read == its.read && memcmp(mine.lines, its.lines, its.read) == 0 && mine.shown == its.shown &&
                memcmp(mine.screen, its.screen, its.shown) == 0;
    if (!same) {
      fprintf(stderr, "round %d, iflag %o, oflag %o, lflag %o\n", round, mode.c_iflag, mode.c_oflag, mode.c_lflag);
      print("keys:         ", typed, length + 8);
      print("lines, ours:  ", mine.lines, mine.read);
      print("lines, Linux: ", its.lines, its.read);
      print("screen, ours: ", mine.screen, mine.shown);
      print("screen, Linux:", its.screen, its.shown);
      require(same);
    }
  }
  close(slave);
  close(master);
}

static const struct test tests[] = {{"a terminal does what one of Linux does", as_linux}};

RUN_TESTS(tests)
