/*
 * fuzz_syscalls.c: the input is a list of system calls with arguments of every kind, which two processes make on a
 * journaled volume, connected sockets and pipes of one's own and between both, a socket that listens, and a terminal;
 * and of what happens to them meanwhile: flushes, keys, signals, limits, a change of the snapshot that they speak. No
 * call may do more than answer, and what a trace tells of it is one line; afterwards the tree must be one, and the host
 * has been given back each connection, once.
 *
 *   one operation:  number of the call (past the last: what happens besides); a byte: of which arguments, by its bits,
 *                   anything may be; then the arguments, each otherwise what its name in the table asks for
 *   one argument:   a byte: below 64 that value, below 128 an address from the table, below 192 a power of
 *                   two give or take one, from 192 on the next bytes of the input themselves
 */
#include "guest.h"
#include "syscalls_undef.h"

/* The names of the parameters. */
#define SYSCALL0(name) {0},
#define SYSCALL1(name, t1, p1) {#p1},
#define SYSCALLV1(name, t1, p1) {#p1},
#define SYSCALL2(name, t1, p1, t2, p2) {#p1, #p2},
#define SYSCALL3(name, t1, p1, t2, p2, t3, p3) {#p1, #p2, #p3},
#define SYSCALL4(name, t1, p1, t2, p2, t3, p3, t4, p4) {#p1, #p2, #p3, #p4},
#define SYSCALL5(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5) {#p1, #p2, #p3, #p4, #p5},
#define SYSCALL6(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6) {#p1, #p2, #p3, #p4, #p5, #p6},
#define SYSCALL7(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7) {#p1, #p2, #p3, #p4, #p5, #p6, #p7},
#define SYSCALL9(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7, t8, p8, t9, p9) \
  {#p1, #p2, #p3, #p4, #p5, #p6, #p7, #p8, #p9},
static const char *const parameters[SYS_COUNT][9] = {
#include "syscalls.def"
};

enum { OPERATIONS = 300, VECTOR_LIMIT = 16, ALLOCATE_LIMIT = 1 << 22 };
enum { PATHS = 256, PATH_SIZE = 16, RESULTS = 4096, VECTORS = 8192, SUBSCRIPTIONS = 12288, SUBSCRIPTION_SIZE = 48 };

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

static bool ends_in(const char *name, const char *end) {
  size_t length = strlen(name), most = strlen(end);
  return length >= most && strcmp(name + length - most, end) == 0;
}

/* What a parameter of that name is for. `before` is the argument before it, the address of what it may be the length of. */
static uint64_t sensible(struct guest *guest, struct input *input, const char *name, uint64_t before) {
  static const struct {
    const char *name;
    uint32_t values;
  } small[] = {{"oflags", 16},  {"dirflags", 2}, {"old_flags", 2},    {"fdflags", 32}, {"flags", 5},     {"fst_flags", 16},
               {"whence", 4},   {"advice", 7},   {"id", 5},           {"how", 4},      {"signal", 31},   {"ri_flags", 4},
               {"si_flags", 2}, {"cookie", 12},  {"nsubscriptions", 5}, {"iovs_len", 5}, {"ri_data_len", 5}, {"si_data_len", 5}};
  /* Nothing; to read, to write, both, and all, of files and folders. */
  static const uint64_t rights[] = {0, 0x200026, 0x400064, 0x8E001FF, 0x3FFFFFFF, 0x3FBFFEBF};
  uint8_t byte = next_byte(input);
  for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
    if (strcmp(name, small[i].name) == 0) return byte % small[i].values;
  }
  if (ends_in(name, "fd") || strcmp(name, "to") == 0) return byte % 20;
  if (ends_in(name, "path_len")) {
    return before < GUEST_SIZE - PATH_SIZE ? strnlen((const char *)guest->memory + before, PATH_SIZE) : byte;
  }
  if (ends_in(name, "path")) return PATHS + (uint64_t)(byte % 16) * PATH_SIZE;
  if (strncmp(name, "rights", 6) == 0) return rights[byte % 6];
  if (strcmp(name, "iovs") == 0 || ends_in(name, "_data")) return VECTORS + (uint64_t)(byte % 8) * 8;
  if (strcmp(name, "in") == 0) return SUBSCRIPTIONS + (uint64_t)(byte % 8) * SUBSCRIPTION_SIZE;
  if (ends_in(name, "_out") || ends_in(name, "buf") || strcmp(name, "out") == 0 || strcmp(name, "argv") == 0) {
    return RESULTS + (uint64_t)(byte % 8) * 512;
  }
  if (ends_in(name, "buf_len")) return byte * 5u;
  if (strcmp(name, "offset") == 0 || strcmp(name, "len") == 0 || strcmp(name, "size") == 0) return byte * 997u;
  return byte;
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

/* ---- the host's terminal ---- */

enum { TERMINAL = 50, KEYS = 64 };
static uint8_t keys[KEYS];
static uint32_t typed;

static int32_t read_keys(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context;
  if (stream != TERMINAL) return 0;
  if (typed == 0) return -(int32_t)NIDUS_WOULD_BLOCK;
  uint32_t count = length < typed ? length : typed;
  memcpy(bytes, keys, count);
  memmove(keys, keys + count, typed - count);
  typed -= count;
  return (int32_t)count;
}

static int32_t is_ready(void *context, uint32_t stream) {
  (void)context;
  return NIDUS_STREAM_CAN_WRITE | (stream != TERMINAL || typed > 0 ? NIDUS_STREAM_CAN_READ : 0);
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

/* A second process, with a folder, and descriptors 10 to 12 of both: a pipe and sockets from one to the other, and a
 * terminal. */
static uint32_t give_partner(struct guest *guest) {
  int32_t pid = nidus_process_create(guest->system, "two", 4, 1, "A=1", 4, 1);
  require(pid > 0);
  uint32_t partner = (uint32_t)pid;
  typed = 0;
  guest->host.stream_read = read_keys;
  guest->host.stream_ready = is_ready;
  for (uint32_t fd = 0; fd < 3; fd++) require(nidus_fd_stream(guest->system, partner, fd, fd, 3) >= 0);
  require(nidus_process_memory(guest->system, partner, guest_memory(guest)) >= 0);
  require(nidus_fd_preopen(guest->system, partner, "/box", 4, ".", 1, NIDUS_PREOPEN_CLIMB) == 3);
  require(nidus_fd_pipe(guest->system, guest->pid, 10, partner, 10) == 0);
  require(nidus_fd_pair(guest->system, guest->pid, 11, partner, 11) == 0);
  require(nidus_tty_open(guest->system, TERMINAL, 80, 24) == 0);
  require(nidus_fd_tty(guest->system, guest->pid, 12, TERMINAL) == 0);
  require(nidus_fd_tty(guest->system, partner, 12, TERMINAL) == 0);
  return partner;
}

static void prepare_memory(struct guest *guest) {
  for (uint32_t i = 0; i < NAME_COUNT; i++) {
    memcpy(guest->memory + PATHS + i * PATH_SIZE, NAMES[i], strlen(NAMES[i]));
  }
  for (uint32_t i = 0; i < VECTOR_LIMIT; i++) {
    guest_put_u32(guest, VECTORS + 8 * i, 16384 + i * 1000);
    guest_put_u32(guest, VECTORS + 8 * i + 4, i * i * 300);
  }
  for (uint32_t i = 0; i < 12; i++) {
    uint32_t at = SUBSCRIPTIONS + i * SUBSCRIPTION_SIZE;
    guest->memory[at + 8] = (uint8_t)(i % 3);
    guest_put_u32(guest, at + 16, i % 3 == WASI_EVENTTYPE_CLOCK ? i / 3 % 2 : i); /* a clock, or a descriptor */
    guest_put_u32(guest, at + 24, i * 100);
  }
}

/* What there is to begin with, for few bytes of input to get far: file a, folder b and link l, and descriptors 13 to 16:
 * of the file to do anything, to write synchronously at its end, and to read; and of the folder. */
static void prepare_files(struct guest *guest) {
  enum { FILE_PATH = PATHS, FOLDER_PATH = PATHS + PATH_SIZE, LINK_PATH = PATHS + 9 * PATH_SIZE };
  static const struct {
    uint32_t path;
    uint32_t oflags;
    uint64_t rights;
    uint32_t fdflags;
  } files[] = {{FILE_PATH, WASI_OFLAG_CREAT, 0x8E001FF, 0},
               {FILE_PATH, 0, 0x8E001FF, WASI_FDFLAG_APPEND | WASI_FDFLAG_DSYNC},
               {FILE_PATH, 0, 0x8200026, 0},
               {FOLDER_PATH, WASI_OFLAG_DIRECTORY, 0x3FBFFEBF, 0}};
  require(guest_call(guest, SYS_path_create_directory, 3, FOLDER_PATH, 1) == 0);
  require(guest_call(guest, SYS_path_symlink, FILE_PATH, 1, 3, LINK_PATH, 1) == 0);
  for (uint32_t i = 0; i < 4; i++) {
    require(guest_call(guest, SYS_path_open, 3, 0, files[i].path, 1, files[i].oflags, files[i].rights, 0x3FFFFFFF,
                       files[i].fdflags, RESULTS) == 0);
    require(guest_u32(guest, RESULTS) == 13 + i);
  }
  require(guest_call(guest, SYS_fd_pwrite, 13, VECTORS + 8, 3, 0, RESULTS) == 0);
}

static void call(struct guest *guest, struct input *input, uint32_t number) {
  uint64_t arguments[9] = {0};
  size_t count = strlen(nidus_syscall_signature(number));
  uint8_t wild = next_byte(input);
  if (number >= SYS_proc_spawn) wild |= 0x80; /* of Nidus's own modules no name says what it means */
  for (size_t i = 0; i < count; i++) {
    bool any = i < 7 ? wild >> i & 1 && wild & 0x80 : wild == 0xFF;
    arguments[i] = any ? next_argument(input) : sensible(guest, input, parameters[number][i], i ? arguments[i - 1] : 0);
  }
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
  wasi_errno_t result = guest_syscall(guest, number, arguments);
  if (result == NIDUS_WOULD_BLOCK) return;
  char line[700];
  uint32_t size = (uint32_t)(sizeof line - number % 3 * 300);
  uint32_t length = nidus_trace(guest->system, guest->pid, number, arguments, result, line, size);
  require(length > 0 && length <= size && line[length - 1] == '\n' && !memchr(line, '\n', length - 1));
}

static void end(struct guest *guest, uint32_t pid) {
  nidus_process_end(guest->system, pid, 0);
  require(nidus_process_reap(guest->system, pid) == 0);
}

/* What happens to a process from outside. */
static void happen(struct guest *guest, struct input *input, uint32_t *partner) {
  uint8_t what = next_byte(input);
  uint32_t self = guest->pid;
  switch (what % 6) {
    case 0:
    case 1: /* the other one's turn */
      guest->pid = *partner;
      *partner = self;
      break;
    case 2:
      while (typed < KEYS && what-- > 128) keys[typed++] = next_byte(input);
      nidus_tty_input(guest->system);
      break;
    case 3:
      (void)nidus_process_limit(guest->system, self, 1 + next_byte(input) % 5, next_argument(input));
      break;
    case 4:
      (void)nidus_process_snapshot0(guest->system, self, what & 64);
      break;
    default:
      (void)nidus_process_signal(guest->system, self, next_byte(input) % 40);
  }
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
  uint32_t partner = give_partner(&guest);
  prepare_memory(&guest);
  prepare_files(&guest);
  for (int i = 0; i < OPERATIONS && input.at < input.end; i++) {
    uint32_t number = next_byte(&input) % (SYS_COUNT + 6);
    if (number < SYS_COUNT) {
      call(&guest, &input, number);
    } else if (number < SYS_COUNT + 3) {
      other(&guest, &input, (uint32_t)mount, &flushing);
    } else {
      happen(&guest, &input, &partner);
    }
  }
  /* One without limits, which looks at the tree when both are gone. */
  end(&guest, partner);
  end(&guest, guest.pid);
  int32_t last = nidus_process_create(guest.system, "last", 5, 1, "", 0, 0);
  require(last > 0);
  guest.pid = (uint32_t)last;
  require(nidus_process_memory(guest.system, guest.pid, guest_memory(&guest)) >= 0);
  int32_t fd = nidus_fd_preopen(guest.system, guest.pid, "/box", 4, "", 0, 0);
  require(fd >= 0);
  guest_inspect(&guest, (uint32_t)fd, true);
  guest_stop(&guest);
  for (uint32_t i = 0; i < accepted; i++) require(closed[i]);
  return 0;
}
