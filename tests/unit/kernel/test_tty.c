/*
 * test_tty.c: terminals: keys typed, what the screen gets, and what reads return. test_tty_oracle.c compares with the
 * terminals of Linux.
 */
#include "kit.h"
#include "nidus/tty.h"

enum { STREAM = 9, MODE = 65536, SIZE = 65600 };

/* The terminal's other end. */
struct world {
  const char *keys;
  size_t keys_left;
  bool ended;
  uint8_t screen[400000];
  uint32_t shown;
  uint32_t room; /* what it takes before it blocks */
  uint32_t state;
  uint32_t told;
  uint64_t now;
};

static struct world world;

static int32_t read_keys(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context;
  require(stream == STREAM);
  if (world.keys_left == 0) return world.ended ? 0 : -(int32_t)NIDUS_WOULD_BLOCK;
  uint32_t count = length < world.keys_left ? length : (uint32_t)world.keys_left;
  memcpy(bytes, world.keys, count);
  world.keys += count;
  world.keys_left -= count;
  return (int32_t)count;
}

static int32_t show(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  (void)context;
  require(stream == STREAM);
  if (world.room == 0) return -(int32_t)NIDUS_WOULD_BLOCK;
  uint32_t count = length < world.room ? length : world.room;
  require(world.shown + count <= sizeof world.screen);
  memcpy(world.screen + world.shown, bytes, count);
  world.shown += count;
  world.room -= count;
  return (int32_t)count;
}

static int32_t is_ready(void *context, uint32_t stream) {
  (void)context, (void)stream;
  return (world.keys_left > 0 || world.ended ? NIDUS_STREAM_CAN_READ : 0) | (world.room > 0 ? NIDUS_STREAM_CAN_WRITE : 0);
}

static void learn(void *context, uint32_t stream, uint32_t state) {
  (void)context;
  require(stream == STREAM && state != world.state);
  world.state = state;
  world.told++;
}

static uint64_t read_clock(void *context, uint32_t id) {
  (void)context, (void)id;
  return world.now;
}

static void arrange(struct guest *guest) {
  memset(&world, 0, sizeof world);
  world.room = UINT32_MAX;
  world.now = 1000;
  guest->host.stream_read = read_keys;
  guest->host.stream_write = show;
  guest->host.stream_ready = is_ready;
  guest->host.stream_state = learn;
  guest->host.clock = read_clock;
  require(nidus_tty_open(guest->system, STREAM, 80, 24) == 0);
  for (uint32_t fd = 0; fd < 3; fd++) require(nidus_fd_tty(guest->system, guest->pid, fd, STREAM) == 0);
}

static void type_bytes(struct guest *guest, const char *keys, size_t length) {
  require(world.keys_left == 0);
  world.keys = keys;
  world.keys_left = length;
  nidus_tty_input(guest->system);
}

static void type(struct guest *guest, const char *keys) { type_bytes(guest, keys, strlen(keys)); }

static void shows(const char *text) {
  bool same = world.shown == strlen(text) && memcmp(world.screen, text, world.shown) == 0;
  if (!same) fprintf(stderr, "screen: \"%.*s\"\nwanted: \"%s\"\n", (int)world.shown, (const char *)world.screen, text);
  require(same);
  world.shown = 0;
}

static void reads(struct guest *guest, const char *text) {
  char bytes[8192];
  uint32_t moved;
  OK(do_read(guest, 0, bytes, sizeof bytes, &moved));
  bool same = moved == strlen(text) && memcmp(bytes, text, moved) == 0;
  if (!same) fprintf(stderr, "read:   \"%.*s\"\nwanted: \"%s\"\n", (int)moved, bytes, text);
  require(same);
}

static void blocks(struct guest *guest) {
  char bytes[16];
  uint32_t moved;
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, 0, bytes, sizeof bytes, &moved));
}

static void put_mode(struct guest *guest, const struct termios *mode) {
  memcpy(guest->memory + MODE, mode, sizeof *mode);
  OK(guest_call(guest, SYS_tty_set, 0, TCSANOW, MODE));
}

static struct termios get_mode(struct guest *guest) {
  struct termios mode;
  OK(guest_call(guest, SYS_tty_get, 0, MODE));
  memcpy(&mode, guest->memory + MODE, sizeof mode);
  return mode;
}

static void set_local(struct guest *guest, tcflag_t on, tcflag_t off) {
  struct termios mode = get_mode(guest);
  mode.c_lflag = (mode.c_lflag | on) & ~off;
  put_mode(guest, &mode);
}

/* ---- canonical mode ---- */

struct row {
  const char *keys, *screen, *read; /* `read` NULL: nothing can be read */
  tcflag_t off;
};

/* One column rubbed out. */
#define B "\b \b"

static const struct row rows[] = {
    {"hello\r", "hello\r\n", "hello\n", 0},
    {"hello\n", "hello\r\n", "hello\n", 0},
    {"hel", "hel", NULL, 0},
    {"ab\177c\r", "ab" B "c\r\n", "ac\n", 0},
    {"ab\bc\r", "ab" B "c\r\n", "ac\n", 0},
    {"\177\177a\r", "a\r\n", "a\n", 0},
    {"\xc3\xa4\xc3\xb6\177\r", "\xc3\xa4\xc3\xb6" B "\r\n", "\xc3\xa4\n", 0},
    {"\xe4\xb8\x96\xe7\x95\x8c\177\r", "\xe4\xb8\x96\xe7\x95\x8c" B B "\r\n", "\xe4\xb8\x96\n", 0},
    /* e and a combining acute are one thing to rub out. */
    {"xe\xcc\x81\177\r", "xe\xcc\x81" B "\r\n", "x\n", 0},
    {"one two\027x\r", "one two" B B B "x\r\n", "one x\n", 0},
    {"one two  \027\027x\r", "one two  " B B B B B B B B B "x\r\n", "x\n", 0},
    {"one\025x\r", "one" B B B "x\r\n", "x\n", 0},
    {"a\001\177b\r", "a^A" B B "b\r\n", "ab\n", 0},
    {"a\t\177b\r", "a\t\b\b\b\b\b\b\bb\r\n", "ab\n", 0},
    {"\x16\x15\r", "^\b^U\r\n", "\x15\n", 0},
    {"\x16\x03\r", "^\b^C\r\n", "\x03\n", 0},
    {"\x16\n\r", "^\b^J\r\n", "\n\n", 0},
    {"ab\022c\r", "ab^R\r\nabc\r\n", "abc\n", 0},
    {"a\032b\r", "a^Zb\r\n", "ab\n", 0},
    {"ab\004", "ab", "ab", 0},
    {"\004", "", "", 0},
    {"secret\r", "", "secret\n", ECHO},
    {"ab\177\r", "ab\177\r\n", "a\n", ECHOE | ECHOCTL},
    {"ab\025c\r", "ab^U\r\nc\r\n", "c\n", ECHOKE},
    {"a\001\r", "a\001\r\n", "a\001\n", ECHOCTL},
    {"\001\177\r", "\001\r\n", "\n", ECHOCTL},
    {"a\003b\r", "a\003b\r\n", "a\003b\n", ISIG | ECHOCTL},
    {"a\027\r", "a^W\r\n", "a\027\n", IEXTEN},
};

static void each_key(struct guest *guest) {
  arrange(guest);
  struct termios usual = get_mode(guest);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    put_mode(guest, &usual);
    set_local(guest, 0, rows[i].off);
    type(guest, rows[i].keys);
    shows(rows[i].screen);
    if (rows[i].read) {
      reads(guest, rows[i].read);
      blocks(guest);
    } else {
      blocks(guest);
      type(guest, "\r");
      shows("\r\n");
      reads(guest, "hel\n");
    }
  }
}

static void line_by_line(struct guest *guest) {
  arrange(guest);
  type(guest, "one\rtwo\r\004three");
  reads(guest, "one\n");
  reads(guest, "two\n");
  reads(guest, "");
  blocks(guest);
  type(guest, "\004");
  /* A read that ends where the line was sent off is not followed by an end of file. */
  char bytes[8];
  uint32_t moved;
  OK(do_read(guest, 0, bytes, 5, &moved));
  require(moved == 5 && memcmp(bytes, "three", 5) == 0);
  blocks(guest);
  type(guest, "in pieces\r");
  OK(do_read(guest, 0, bytes, 3, &moved));
  require(moved == 3 && memcmp(bytes, "in ", 3) == 0);
  reads(guest, "pieces\n");
}

static void a_tab_goes_back_to_where_it_began(struct guest *guest) {
  uint32_t moved;
  arrange(guest);
  /* The prompt's colours take no column, its umlaut takes one, its wide character two. */
  const char *prompt = "\033[31m\xc3\xa4\xe4\xb8\x96\033[0m> ";
  OK(do_write(guest, 1, prompt, (uint32_t)strlen(prompt), &moved));
  world.shown = 0;
  type(guest, "\t\177");
  shows("\t\b\b\b");
  type(guest, "a\t\tb\177\177\177");
  shows("a\t\tb" B "\b\b\b\b\b\b\b\b\b\b");
}

static void too_long(struct guest *guest) {
  static char line[5000];
  arrange(guest);
  memset(line, 'x', sizeof line);
  type_bytes(guest, line, sizeof line);
  require(world.shown == sizeof line);
  for (uint32_t i = 0; i < sizeof line; i++) require(world.screen[i] == (i < 4095 ? 'x' : 7));
  world.shown = 0;
  type(guest, "\177y\r");
  shows(B "y\r\n");
  char bytes[8192];
  uint32_t moved;
  OK(do_read(guest, 0, bytes, sizeof bytes, &moved));
  require(moved == 4096 && bytes[4093] == 'x' && bytes[4094] == 'y' && bytes[4095] == '\n');
  /* All of it is rubbed out at once, though nobody takes what that shows. */
  type_bytes(guest, line, 4000);
  world.shown = 0;
  world.room = 0;
  type(guest, "\025z\r");
  world.room = UINT32_MAX;
  nidus_tty_input(guest->system);
  require(world.shown == 12000 + 3);
  reads(guest, "z\n");
}

static void pasted(struct guest *guest) {
  static char text[100000];
  arrange(guest);
  struct random random = {random_seed(3)};
  for (uint32_t i = 0; i < sizeof text; i++) text[i] = random_below(&random, 30) ? 'a' + (char)(i % 26) : '\n';
  text[sizeof text - 1] = '\n';
  type_bytes(guest, text, sizeof text);
  require(world.keys_left > 80000);
  char bytes[8192];
  uint32_t moved;
  for (uint32_t at = 0; at < sizeof text; at += moved) {
    OK(do_read(guest, 0, bytes, 1 + (uint32_t)random_below(&random, 100), &moved));
    require(moved > 0 && memcmp(bytes, text + at, moved) == 0);
  }
  require(world.keys_left == 0);
  uint32_t returns = 0;
  for (uint32_t i = 0; i < world.shown; i++) returns += world.screen[i] == '\r';
  require(world.shown == sizeof text + returns);
}

/* ---- raw mode ---- */

static void raw(struct guest *guest) {
  arrange(guest);
  struct termios mode = get_mode(guest);
  cfmakeraw(&mode);
  type(guest, "ahead");
  shows("ahead");
  put_mode(guest, &mode);
  reads(guest, "ahead");
  type(guest, "\003\r\177\033[A\032\xff");
  shows("");
  reads(guest, "\003\r\177\033[A\032\xff");
  blocks(guest);
  uint32_t moved;
  OK(do_write(guest, 1, "a\nb", 3, &moved));
  shows("a\nb");
  /* What was typed meanwhile is a line to who reads lines. */
  type(guest, "typed");
  mode.c_lflag |= ICANON;
  put_mode(guest, &mode);
  reads(guest, "typed");
  blocks(guest);
}

static void counted(struct guest *guest) {
  arrange(guest);
  struct termios mode = get_mode(guest);
  cfmakeraw(&mode);
  mode.c_cc[VMIN] = 3;
  put_mode(guest, &mode);
  type(guest, "ab");
  blocks(guest);
  type(guest, "c");
  reads(guest, "abc");
  mode.c_cc[VMIN] = 0;
  put_mode(guest, &mode);
  reads(guest, "");
  mode.c_cc[VTIME] = 2;
  put_mode(guest, &mode);
  blocks(guest);
  require(nidus_wait_kinds(guest->system, guest->pid) == (NIDUS_WAIT_READABLE | NIDUS_WAIT_CLOCK));
  require(nidus_wait_deadline(guest->system, guest->pid) == 1000 + 200000000);
  world.now += 100000000;
  blocks(guest);
  world.now += 100000000;
  reads(guest, "");
  blocks(guest);
  type(guest, "k");
  reads(guest, "k");
  /* From key to key. */
  mode.c_cc[VMIN] = 5;
  put_mode(guest, &mode);
  blocks(guest);
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_READABLE);
  type(guest, "kl");
  blocks(guest);
  world.now += 200000000;
  reads(guest, "kl");
}

/* ---- signals, states, the other end ---- */

static void interrupted(struct guest *guest) {
  arrange(guest);
  type(guest, "half\003");
  shows("half^C");
  require(nidus_process_exit_code(guest->system, guest->pid) == NIDUS_EXIT_SIGNAL + 2);
}

static void interrupts_itself(struct guest *guest) {
  char bytes[8];
  uint32_t moved;
  arrange(guest);
  /* The key is there, and nobody has told the kernel. */
  world.keys = "a\034";
  world.keys_left = 2;
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, 0, bytes, sizeof bytes, &moved));
  shows("a^\\");
  require(nidus_process_exit_code(guest->system, guest->pid) == NIDUS_EXIT_SIGNAL + 3);
}

static void interrupts_polling(struct guest *guest) {
  arrange(guest);
  world.keys = "\003";
  world.keys_left = 1;
  memset(guest->memory + DATA, 0, 96);
  guest->memory[DATA + 8] = WASI_EVENTTYPE_FD_READ;
  guest->memory[DATA + 48 + 8] = WASI_EVENTTYPE_FD_WRITE;
  guest->memory[DATA + 48 + 16] = 1;
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_poll_oneoff, DATA, DATA + 4096, 2, OUT));
  require(nidus_process_exit_code(guest->system, guest->pid) == NIDUS_EXIT_SIGNAL + 2);
}

static void keeps_input(struct guest *guest) {
  arrange(guest);
  /* Another process is in front. */
  int32_t other = nidus_process_create(guest->system, "b", 2, 1, "", 0, 0);
  require(other > 0 && nidus_fd_tty(guest->system, (uint32_t)other, 0, STREAM) == 0);
  set_local(guest, NOFLSH, 0);
  nidus_process_end(guest->system, guest->pid, 0);
  require(nidus_fd_tty(guest->system, (uint32_t)other, 1, STREAM) == 0);
  type(guest, "a\003");
  require(nidus_process_exit_code(guest->system, (uint32_t)other) == NIDUS_EXIT_SIGNAL + 2);
  require(nidus_process_reap(guest->system, (uint32_t)other) == 0);
}

/* A job of two processes comes to the front, and goes; who started it stays. */
static void jobs(struct guest *guest) {
  uint32_t pids[2];
  arrange(guest);
  for (int i = 0; i < 2; i++) {
    int32_t pid = nidus_process_create(guest->system, "job", 4, 1, "", 0, 0);
    require(pid > 0);
    pids[i] = (uint32_t)pid;
    OK(guest_call(guest, SYS_proc_getpgid, 0, OUT));
  }
  EXPECT(WASI_ESRCH, guest_call(guest, SYS_tty_group, 0, 12345, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_tty_group, 0, pids[0], GUEST_SIZE));
  OK(guest_call(guest, SYS_tty_group, 0, 0, OUT));
  require(guest_u32(guest, OUT) == guest->pid);
  OK(guest_call(guest, SYS_tty_group, 0, pids[0], OUT));
  require(guest_u32(guest, OUT) == pids[0]);
  type(guest, "\003");
  require(nidus_process_exit_code(guest->system, guest->pid) < 0);
  require(nidus_process_exit_code(guest->system, pids[0]) == NIDUS_EXIT_SIGNAL + 2);
  require(nidus_process_exit_code(guest->system, pids[1]) < 0);
  for (int i = 0; i < 2; i++) {
    nidus_process_end(guest->system, pids[i], 0);
    require(nidus_process_reap(guest->system, pids[i]) == 0);
  }
}

static void handled(struct guest *guest) {
  char bytes[8];
  uint32_t moved;
  arrange(guest);
  OK(guest_call(guest, SYS_proc_sigset, 2, 2));
  OK(guest_call(guest, SYS_proc_sigset, 27, 2));
  require(world.state == 28 << 16); /* ^C does not end it any more */
  world.keys = "ab\003";
  world.keys_left = 3;
  EXPECT(WASI_EINTR, do_read(guest, 0, bytes, sizeof bytes, &moved));
  OK(guest_call(guest, SYS_proc_signext, OUT));
  require(guest_u32(guest, OUT) == 2);
  require(nidus_tty_resize(guest->system, STREAM, 100, 30) == 0);
  EXPECT(WASI_EINTR, do_read(guest, 0, bytes, sizeof bytes, &moved));
  OK(guest_call(guest, SYS_proc_signext, OUT));
  require(guest_u32(guest, OUT) == 27);
  blocks(guest);
}

static void told(struct guest *guest) {
  arrange(guest);
  require(world.state == (3 << 8 | 28 << 16));
  blocks(guest);
  require(world.state == (3 << 8 | 28 << 16 | NIDUS_TTY_WAITED));
  type(guest, "ab");
  require(world.state & NIDUS_TTY_WAITED);
  blocks(guest);
  uint32_t before = world.told;
  type(guest, "\r");
  require(!(world.state & NIDUS_TTY_WAITED) && world.told == before + 1);
  reads(guest, "ab\n");
  require(world.told == before + 1);
  struct termios mode = get_mode(guest);
  cfmakeraw(&mode);
  put_mode(guest, &mode);
  require(world.state == 0);
}

static void ready_when_a_line_is_there(struct guest *guest) {
  arrange(guest);
  memset(guest->memory + DATA, 0, 48);
  guest->memory[DATA + 8] = WASI_EVENTTYPE_FD_READ;
  type(guest, "ab");
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_poll_oneoff, DATA, DATA + 4096, 1, OUT));
  world.keys = "\r";
  world.keys_left = 1;
  OK(guest_call(guest, SYS_poll_oneoff, DATA, DATA + 4096, 1, OUT));
  require(guest_u32(guest, OUT) == 1);
}

static void hung_up(struct guest *guest) {
  arrange(guest);
  type(guest, "one\rhal");
  world.ended = true;
  nidus_tty_input(guest->system);
  reads(guest, "one\n");
  reads(guest, "hal");
  reads(guest, "");
  reads(guest, "");
  uint32_t moved;
  world.shown = 0;
  OK(do_write(guest, 1, "still\n", 6, &moved));
  shows("still\r\n");
  nidus_tty_close(guest->system, STREAM);
  EXPECT(WASI_EIO, do_write(guest, 1, "gone", 4, &moved));
  reads(guest, "");
}

static void sizes(struct guest *guest) {
  struct winsize size;
  arrange(guest);
  OK(guest_call(guest, SYS_tty_size, 2, SIZE));
  memcpy(&size, guest->memory + SIZE, sizeof size);
  require(size.ws_col == 80 && size.ws_row == 24 && size.ws_xpixel == 0);
  require(nidus_tty_resize(guest->system, STREAM, 100000, 50) == 0);
  OK(guest_call(guest, SYS_tty_size, 0, SIZE));
  memcpy(&size, guest->memory + SIZE, sizeof size);
  require(size.ws_col == 65535 && size.ws_row == 50);
  require(nidus_tty_resize(guest->system, 1234, 1, 1) == -WASI_ENXIO);
  EXPECT(WASI_ENOTTY, guest_call(guest, SYS_tty_size, BOX, SIZE));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_tty_get, 77, MODE));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_tty_set, 0, 3, MODE));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_tty_set, 0, 0, GUEST_SIZE - 10));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_tty_get, 0, GUEST_SIZE - 10));
  struct filestat stat;
  OK(do_fstat(guest, 0, &stat));
  require(stat.type == WASI_FILETYPE_CHARACTER_DEVICE);
  require(nidus_tty_open(guest->system, STREAM, 1, 1) == -WASI_EEXIST);
  require(nidus_fd_tty(guest->system, guest->pid, 5, 1234) == -WASI_ENXIO);
}

/* ---- output ---- */

static void in_pieces(struct guest *guest) {
  static char text[DATA_SIZE];
  arrange(guest);
  struct random random = {random_seed(7)};
  for (uint32_t i = 0; i < sizeof text; i++) text[i] = "\n\r\nab"[random_below(&random, 5)];
  uint32_t moved, at = 0;
  while (at < sizeof text || world.room == 0) {
    world.room = (uint32_t)random_below(&random, 4);
    wasi_errno_t error = do_write(guest, 1, text + at, sizeof text - at, &moved);
    if (error) EXPECT(NIDUS_WOULD_BLOCK, error);
    else at += moved;
    if (at == sizeof text) world.room = UINT32_MAX;
  }
  nidus_tty_input(guest->system);
  uint32_t shown = 0;
  for (uint32_t i = 0; i < sizeof text; i++) {
    if (text[i] == '\n') require(world.screen[shown++] == '\r');
    require(world.screen[shown++] == (uint8_t)text[i]);
  }
  require(shown == world.shown);
  /* A large one is taken whole. */
  world.shown = 0;
  OK(do_write(guest, 1, text, sizeof text, &moved));
  require(moved == sizeof text && world.shown == shown);
}

static void echo_waits(struct guest *guest) {
  static char line[4000];
  arrange(guest);
  memset(line, 'x', sizeof line);
  world.room = 0;
  type_bytes(guest, line, sizeof line);
  require(world.keys_left > 1000); /* nothing is lost: the rest waits with its echo */
  uint32_t moved;
  EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, 1, "out", 3, &moved));
  require(nidus_wait_kinds(guest->system, guest->pid) == NIDUS_WAIT_WRITABLE);
  world.room = UINT32_MAX;
  nidus_tty_input(guest->system);
  require(world.shown == sizeof line && world.keys_left == 0);
  OK(do_write(guest, 1, "out", 3, &moved));
  require(memcmp(world.screen + sizeof line, "out", 3) == 0);
}

static void limited(struct guest *guest) {
  uint32_t moved;
  arrange(guest);
  require(nidus_process_limit(guest->system, guest->pid, NIDUS_LIMIT_OUTPUT, 5) == 0);
  OK(do_write(guest, 1, "ab\n", 3, &moved));
  OK(do_write(guest, 1, "cdef", 4, &moved));
  require(moved == 2);
  EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, 1, "ef", 2, &moved));
  require(nidus_process_limit_hit(guest->system, guest->pid) == NIDUS_LIMIT_OUTPUT);
  shows("ab\r\ncd");
}

static const struct test tests[] = {
    {"each key does to the line, the screen and the next read what it should", each_key},
    {"a read returns one line at most, and ^D sends off what was typed or ends the file", line_by_line},
    {"rubbing out a tab goes back to where it began, also after a prompt in colours", a_tab_goes_back_to_where_it_began},
    {"a line too long rings the bell and loses only what is beyond", too_long},
    {"what is pasted waits at the host until it is read, and all of it comes", pasted},
    {"in raw mode keys come as they are, with no echo, and what was typed before is kept", raw},
    {"VMIN counts the bytes a read waits for, VTIME the tenths of a second", counted},
    {"^C drops the line and ends the process in the foreground by SIGINT", interrupted},
    {"a process that finds ^\\ itself, reading, ends by SIGQUIT when its call is over", interrupts_itself},
    {"a process that finds ^C itself, polling, ends by SIGINT when its call is over", interrupts_polling},
    {"the next process at a terminal is in the foreground when the first one has ended", keeps_input},
    {"^C goes to the process group that is in the foreground, and to no other", jobs},
    {"a process with handlers for ^C and for a new size is interrupted by them, and goes on", handled},
    {"the host is told when somebody waits, not for each key, and which keys are signals", told},
    {"a poll finds a terminal readable when a line is there, not before", ready_when_a_line_is_there},
    {"after a hang-up comes what was typed, then the end of the file; a closed terminal takes nothing", hung_up},
    {"the window's size is what the host said last, and what is no terminal has none", sizes},
    {"output arrives whole and in order with CR before LF, in whatever pieces the host takes it", in_pieces},
    {"keys wait while nobody takes their echo, and output comes after it", echo_waits},
    {"a limit of output counts what the process writes", limited},
};

RUN_TESTS(tests)
