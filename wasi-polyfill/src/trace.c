/*
 * trace.c: one line about a system call that has been made, as strace writes it:
 *
 *     path_open(3, FOLLOW, "notes", CREAT|TRUNC, rights 0x42, 0x0, APPEND) = 4
 *     fd_read(4, 1024) = 5 "hello"
 *     path_unlink_file(3, "none") = ENOENT (no such file or directory)
 *
 * What each parameter is stands in one table of letters beside the calls. Memory is read after the call;
 * an address that can not be read is printed as a number. Nothing is changed.
 */
#include <string.h>

#include "handlers.h"

/* The most bytes of a buffer and of a path, and the most vectors or subscriptions, that a line shows; and what arguments
 * leave of a line for the result, however long they are. */
enum { SHOWN_BYTES = 48, SHOWN_PATH = 512, SHOWN_VECTORS = 8, RESULT_ROOM = 400 };

/*
 * d  number              x  hexadecimal          X  rights, 64 bits     O  signed 64 bits
 * p  path: pointer and length                    b  buffer to fill: pointer and length
 * w  vectors to write: pointer and count         r  vectors to fill: pointer and count
 * l  lookup flags        o  open flags           f  descriptor flags    t  time flags
 * c  clock               h  whence               @  an address
 * a  advice              g  signal               i  flags of sock_recv  y  flags of sock_shutdown
 * q  subscriptions: pointer, that of the events, and count
 * After the blank, what the call gave back:
 * u  *u32   U  *u64   T  text of *u32 bytes in the buffer   R  bytes of the vectors, *u32 of them
 * F  fdstat   S  filestat   L  length of a prestat   N  name of a preopen   Q  *u32 events
 */
static const char *const formats[] = {
#define ROW(name, format) format,
#define FORMATS                                  \
  ROW(args_get, "@@")                            \
  ROW(args_sizes_get, " uu")                     \
  ROW(environ_get, "@@")                         \
  ROW(environ_sizes_get, " uu")                  \
  ROW(clock_res_get, "c U")                      \
  ROW(clock_time_get, "cO U")                    \
  ROW(fd_advise, "dOOa")                         \
  ROW(fd_allocate, "dOO")                        \
  ROW(fd_close, "d")                             \
  ROW(fd_datasync, "d")                          \
  ROW(fd_fdstat_get, "d F")                      \
  ROW(fd_fdstat_set_flags, "df")                 \
  ROW(fd_fdstat_set_rights, "dXX")               \
  ROW(fd_filestat_get, "d S")                    \
  ROW(fd_filestat_set_size, "dO")                \
  ROW(fd_filestat_set_times, "dOOt")             \
  ROW(fd_pread, "drO R")                         \
  ROW(fd_prestat_get, "d L")                     \
  ROW(fd_prestat_dir_name, "db N")               \
  ROW(fd_pwrite, "dwO u")                        \
  ROW(fd_read, "dr R")                           \
  ROW(fd_readdir, "dbO u")                       \
  ROW(fd_renumber, "dd")                         \
  ROW(fd_seek, "dOh U")                          \
  ROW(fd_sync, "d")                              \
  ROW(fd_tell, "d U")                            \
  ROW(fd_write, "dw u")                          \
  ROW(path_create_directory, "dp")               \
  ROW(path_filestat_get, "dlp S")                \
  ROW(path_filestat_set_times, "dlpOOt")         \
  ROW(path_link, "dlpdp")                        \
  ROW(path_open, "dlpoXXf u")                    \
  ROW(path_readlink, "dpb T")                    \
  ROW(path_remove_directory, "dp")               \
  ROW(path_rename, "dpdp")                       \
  ROW(path_symlink, "pdp")                       \
  ROW(path_unlink_file, "dp")                    \
  ROW(poll_oneoff, "q Q")                        \
  ROW(proc_exit, "d")                            \
  ROW(proc_raise, "g")                           \
  ROW(sched_yield, "")                           \
  ROW(random_get, "b")                           \
  ROW(sock_accept, "df u")                       \
  ROW(sock_recv, "dri R@")                       \
  ROW(sock_send, "dwx u")                        \
  ROW(sock_shutdown, "dy")                       \
  ROW(proc_spawn, "@ u")                         \
  ROW(proc_wait, "dx uu")                        \
  ROW(proc_kill, "dg")                           \
  ROW(proc_getpid, " uu")                        \
  ROW(proc_getpgid, "d u")                       \
  ROW(proc_setpgid, "dd")                        \
  ROW(proc_chdir, "p")                           \
  ROW(proc_getcwd, "b T")                        \
  ROW(proc_sigset, "dd")                         \
  ROW(proc_signext, " u")                        \
  ROW(fd_pipe, "@")                              \
  ROW(fd_dup, "d u")                             \
  ROW(fd_dup2, "dd")                             \
  ROW(tty_get, "d@")                             \
  ROW(tty_set, "dd@")                            \
  ROW(tty_size, "d@")                           \
  ROW(tty_group, "dd u")
    FORMATS};

/* The rows are in the order of the table of system calls. */
#define SYSCALL0(name) CALL_##name,
#define SYSCALL1(name, ...) CALL_##name,
#define SYSCALLV1(name, ...) CALL_##name,
#define SYSCALL2(name, ...) CALL_##name,
#define SYSCALL3(name, ...) CALL_##name,
#define SYSCALL4(name, ...) CALL_##name,
#define SYSCALL5(name, ...) CALL_##name,
#define SYSCALL6(name, ...) CALL_##name,
#define SYSCALL7(name, ...) CALL_##name,
#define SYSCALL9(name, ...) CALL_##name,
enum {
#include "syscalls.def"
  CALL_COUNT
};
#include "syscalls_undef.h"
#undef ROW
#define ROW(name, format) ROW_##name,
enum { FORMATS ROW_COUNT };
#undef ROW
#define ROW(name, format) _Static_assert((int)ROW_##name == (int)CALL_##name, "the rows are in order");
FORMATS
_Static_assert((int)ROW_COUNT == (int)CALL_COUNT, "each call has a row");

/* A line under construction; what does not fit is left out, but never the newline. */
struct line {
  char *bytes;
  uint32_t length;
  uint32_t room;
};

static void put(struct line *line, char c) {
  if (line->length < line->room) line->bytes[line->length++] = c;
}

static void put_text(struct line *line, const char *text) {
  while (*text) put(line, *text++);
}

static void put_number(struct line *line, uint64_t value, uint32_t base) {
  char digits[20];
  uint32_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  while (count > 0) put(line, digits[--count]);
}

static void put_hex(struct line *line, uint64_t value) {
  put_text(line, "0x");
  put_number(line, value, 16);
}

static void put_signed(struct line *line, int64_t value) {
  if (value < 0) put(line, '-');
  put_number(line, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value, 10);
}

/* The bytes that begin a character beyond ASCII, or 0: UTF-8, and no control character, which a terminal might obey. */
static uint32_t character(const uint8_t *bytes, uint32_t length) {
  uint32_t count = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
  bool whole = count <= length && utf8_is_valid((const char *)bytes, count);
  return whole && !(bytes[0] == 0xC2 && bytes[1] < 0xA0) ? count : 0;
}

/* The inside of a C string. UTF-8 is left as it is. */
static void put_escaped(struct line *line, const uint8_t *bytes, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    uint8_t c = bytes[i];
    char named = c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : c == '"' || c == '\\' ? (char)c : 0;
    uint32_t count = c >= 0x80 ? character(bytes + i, length - i) : 0;
    if (count > 0) {
      for (uint32_t k = 0; k < count; k++) put(line, (char)bytes[i + k]);
      i += count - 1;
    } else if (named) {
      put(line, '\\');
      put(line, named);
    } else if (c < 0x20 || c >= 0x7F) {
      put_text(line, "\\x");
      put(line, "0123456789abcdef"[c >> 4]);
      put(line, "0123456789abcdef"[c & 15]);
    } else {
      put(line, (char)c);
    }
  }
}

/* A string of guest memory, cut where it is long; its address when it can not be read. */
static void put_string(struct line *line, struct process *process, uint32_t at, uint32_t length) {
  uint8_t bytes[SHOWN_PATH];
  uint32_t shown = length < sizeof bytes ? length : (uint32_t)sizeof bytes;
  if (!guest_read(process, bytes, at, shown)) {
    put_hex(line, at);
    return;
  }
  put(line, '"');
  put_escaped(line, bytes, shown);
  put_text(line, shown < length ? "\"..." : "\"");
}

/* The first bytes of vectors in guest memory, at most `length` of them. */
static void put_vectors(struct line *line, struct process *process, uint32_t vectors, uint32_t count, uint64_t length) {
  uint32_t shown = 0, first[2];
  if (count > 0 && !guest_read(process, first, vectors, sizeof first)) {
    put_hex(line, vectors);
    return;
  }
  put(line, '"');
  for (uint32_t i = 0; i < count && i < SHOWN_VECTORS && shown < SHOWN_BYTES && shown < length; i++) {
    uint32_t vector[2];
    uint8_t bytes[SHOWN_BYTES];
    if (!guest_read(process, vector, vectors + i * 8, sizeof vector)) break;
    uint32_t most = SHOWN_BYTES - shown;
    if (most > length - shown) most = (uint32_t)(length - shown);
    if (most > vector[1]) most = vector[1];
    if (!guest_read(process, bytes, vector[0], most)) break;
    put_escaped(line, bytes, most);
    shown += most;
  }
  put_text(line, shown < length ? "\"..." : "\"");
}

/* The bytes that vectors ask for; saturates. */
static uint64_t vectors_length(struct process *process, uint32_t vectors, uint32_t count) {
  uint64_t length = 0;
  for (uint32_t i = 0; i < count && i < IOVEC_LIMIT; i++) {
    uint32_t vector[2];
    if (!guest_read(process, vector, vectors + i * 8, sizeof vector)) break;
    length += vector[1];
  }
  return length;
}

/* Names of bits, from bit 0, each ending in a blank; what has no name is printed as a number. */
static void put_flags(struct line *line, uint32_t flags, const char *names) {
  bool some = false;
  for (uint32_t bit = 1; *names; bit <<= 1) {
    const char *end = strchr(names, ' ');
    if (flags & bit) {
      if (some) put(line, '|');
      while (names < end) put(line, *names++);
      some = true;
      flags &= ~bit;
    }
    names = end + 1;
  }
  if (flags == 0 && some) return;
  if (some) put(line, '|');
  if (flags == 0) put(line, '0');
  else put_hex(line, flags);
}

/* The value's name among those of a list, each ending in a blank. */
static void put_choice(struct line *line, uint64_t value, const char *names) {
  for (uint64_t i = 0; *names; i++) {
    const char *end = strchr(names, ' ');
    if (i == value) {
      while (names < end) put(line, *names++);
      return;
    }
    names = end + 1;
  }
  put_number(line, value, 10);
}

/* An errno's name; and, if wanted, in parentheses what it means. */
static void put_errno(struct line *line, wasi_errno_t error, bool meaning) {
  uint32_t length;
  const char *at = nidus_errno_texts(&length), *end = at + length;
  while (error > 0 && at < end) error -= *at++ == '\n';
  for (; at < end && *at != ':'; at++) put(line, *at);
  if (!meaning) return;
  put_text(line, " (");
  for (at += 2; at < end && *at != '\n'; at++) put(line, *at);
  put(line, ')');
}

static const char fdflag_names[] = "APPEND DSYNC NONBLOCK RSYNC SYNC ";
static const char clock_names[] = "REALTIME MONOTONIC PROCESS_CPUTIME THREAD_CPUTIME ";
static const char event_names[] = "CLOCK READ WRITE ";

static void put_filetype(struct line *line, uint8_t type) {
  put_choice(line, type, "UNKNOWN BLOCK_DEVICE CHARACTER_DEVICE DIRECTORY REGULAR_FILE SOCKET_DGRAM SOCKET_STREAM "
                         "SYMBOLIC_LINK ");
}

/* The structures are drawn beside the calls that read and write them: wasi_fd.c, wasi_process.c. */
static void put_structure(struct line *line, const struct process *process, char letter, const uint8_t bytes[64]) {
  uint64_t numbers[8];
  uint16_t flags;
  uint32_t word;
  memcpy(numbers, bytes, sizeof numbers);
  memcpy(&flags, bytes + 2, sizeof flags);
  memcpy(&word, bytes + (letter == 'L' ? 4 : 20), sizeof word);
  if (letter == 'L') {
    put_number(line, word, 10);
    return;
  }
  put(line, '{');
  put_filetype(line, letter == 'F' ? bytes[0] : bytes[16]);
  put_text(line, ", ");
  if (letter == 'F') {
    put_flags(line, flags, fdflag_names);
    put_text(line, ", ");
    put_hex(line, numbers[1]);
    put_text(line, ", ");
    put_hex(line, numbers[2]);
  } else {
    put_text(line, "size ");
    put_number(line, numbers[process->snapshot0 ? 3 : 4], 10);
    put_text(line, ", links ");
    put_number(line, process->snapshot0 ? word : numbers[3], 10);
  }
  put(line, '}');
}

/* Subscriptions of poll_oneoff, or its events; the address where they cannot be read. */
static void put_list(struct line *line, struct process *process, uint32_t at, uint32_t count, bool events) {
  uint32_t size = events ? 32 : process->snapshot0 ? 56 : 48;
  for (uint32_t i = 0; i < count; i++, at += size) {
    uint8_t bytes[48];
    if (!guest_read(process, bytes, at, events ? 32 : 48)) {
      put_hex(line, at);
      return;
    }
    put_text(line, i == 0 ? "[" : ", ");
    if (i == SHOWN_VECTORS) {
      put_text(line, "...");
      break;
    }
    uint8_t type = bytes[events ? 10 : 8];
    uint16_t error;
    memcpy(&error, bytes + 8, sizeof error);
    uint64_t timeout;
    uint32_t target, later = process->snapshot0 && type == WASI_EVENTTYPE_CLOCK ? 8 : 0;
    memcpy(&target, bytes + 16 + later, sizeof target);
    memcpy(&timeout, bytes + 24 + later, sizeof timeout);
    bool clock = !events && type == WASI_EVENTTYPE_CLOCK;
    if (clock) put_choice(line, target, clock_names);
    else put_choice(line, type, event_names);
    if (events && !error) continue;
    put(line, ' ');
    if (events) put_errno(line, error, false);
    else put_number(line, clock ? timeout : target, 10);
  }
  put_text(line, count > 0 ? "]" : "[]");
}

struct call {
  struct process *process;
  const uint64_t *arguments;
  uint32_t at;      /* the next argument */
  uint32_t vectors; /* the argument that holds the vectors, or the buffer */
};

static void put_argument(struct line *line, struct call *call, char letter) {
  uint64_t value = call->arguments[call->at++];
  uint32_t low = (uint32_t)value;
  switch (letter) {
    case 'p':
      put_string(line, call->process, low, (uint32_t)call->arguments[call->at++]);
      return;
    case 'b':
    case 'r':
    case 'w': {
      call->vectors = call->at - 1;
      uint32_t count = (uint32_t)call->arguments[call->at++];
      uint64_t length = letter == 'b' ? count : vectors_length(call->process, low, count);
      if (letter == 'w') {
        put_vectors(line, call->process, low, count, length);
        put_text(line, ", ");
      }
      put_number(line, length, 10);
      return;
    }
    case 'q': {
      uint32_t count = (uint32_t)call->arguments[call->at + 1];
      call->vectors = call->at; /* the events */
      call->at += 2;
      put_list(line, call->process, low, count, false);
      put_text(line, ", ");
      put_number(line, count, 10);
      return;
    }
    case 'X':
    case 'x':
    case '@':
      put_hex(line, letter == 'X' ? value : low);
      return;
    case 'O':
      put_signed(line, (int64_t)value);
      return;
    case 'l':
      put_flags(line, low, "FOLLOW ");
      return;
    case 'o':
      put_flags(line, low, "CREAT DIRECTORY EXCL TRUNC ");
      return;
    case 'f':
      put_flags(line, low, fdflag_names);
      return;
    case 't':
      put_flags(line, low, "ATIM ATIM_NOW MTIM MTIM_NOW ");
      return;
    case 'c':
      put_choice(line, low, clock_names);
      return;
    case 'a':
      put_choice(line, low, "NORMAL SEQUENTIAL RANDOM WILLNEED DONTNEED NOREUSE ");
      return;
    case 'g':
      put_choice(line, low, "0 HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT STOP TSTP "
                            "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS ");
      return;
    case 'i':
      put_flags(line, low, "PEEK WAITALL ");
      return;
    case 'y':
      put_flags(line, low, "RD WR ");
      return;
    case 'h':
      put_choice(line, low, call->process->snapshot0 ? "CUR END SET " : "SET CUR END ");
      return;
    default:
      put_number(line, low, 10);
  }
}

static void put_preopen(struct line *line, struct process *process, uint32_t fd) {
  struct descriptor *descriptor;
  if (descriptor_get(process, fd, 0, &descriptor) || !descriptor->description->preopen) return;
  put_text(line, " \"");
  put_escaped(line, (const uint8_t *)descriptor->description->preopen, descriptor->description->preopen_length);
  put(line, '"');
}

/* What the call left at the address that is the next argument. */
static void put_result(struct line *line, struct call *call, char letter) {
  if (letter == 'N') {
    put_preopen(line, call->process, (uint32_t)call->arguments[0]);
    return;
  }
  uint32_t at = (uint32_t)call->arguments[call->at++];
  uint64_t value = 0;
  uint8_t bytes[64] = {0};
  bool structure = letter == 'F' || letter == 'S' || letter == 'L';
  uint32_t size = letter == 'S' ? (call->process->snapshot0 ? 56 : 64) : letter == 'F' ? 24 : 8;
  if (letter == '@' || !guest_read(call->process, bytes, at, structure || letter == 'U' ? size : 4)) return;
  memcpy(&value, bytes, sizeof value);
  put(line, ' ');
  if (structure) {
    put_structure(line, call->process, letter, bytes);
    return;
  }
  put_number(line, value, 10);
  if (letter == 'u' || letter == 'U') return;
  put(line, ' ');
  if (letter == 'Q') {
    put_list(line, call->process, (uint32_t)call->arguments[call->vectors], (uint32_t)value, true);
    return;
  }
  uint32_t buffer = (uint32_t)call->arguments[call->vectors];
  uint32_t count = (uint32_t)call->arguments[call->vectors + 1];
  if (letter == 'T') put_string(line, call->process, buffer, value < count ? (uint32_t)value : count);
  else put_vectors(line, call->process, buffer, count, value);
}

uint32_t nidus_trace(struct nidus_system *system, uint32_t pid, uint32_t number, const uint64_t *arguments,
                     wasi_errno_t result, char *out, uint32_t size) {
  struct process *process = system_process(system, pid);
  if (!process || number >= nidus_syscall_count() || size == 0) return 0;
  struct line line = {.bytes = out, .room = size - 1};
  struct call call = {.process = process, .arguments = arguments};
  const char *format = formats[number];
  uint32_t kept = line.room > 2 * RESULT_ROOM ? RESULT_ROOM : 0;
  line.room -= kept;
  put_text(&line, nidus_syscall_name(number));
  put(&line, '(');
  for (; *format && *format != ' '; format++) {
    if (call.at > 0) put_text(&line, ", ");
    put_argument(&line, &call, *format);
  }
  bool cut = line.length == line.room;
  line.room += kept;
  put_text(&line, cut ? "...)" : ")");
  if (process->exit_code < 0 || number != CALL_proc_exit) {
    put_text(&line, " =");
    if (result) {
      put(&line, ' ');
      put_errno(&line, result, true);
    } else if (*format == ' ') {
      while (*++format) put_result(&line, &call, *format);
    } else {
      put_text(&line, " 0");
    }
  }
  out[line.length++] = '\n';
  return line.length;
}
