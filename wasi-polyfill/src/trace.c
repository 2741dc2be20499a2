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

/* The most bytes of a buffer, and the most vectors, that a line shows. */
enum { SHOWN_BYTES = 48, SHOWN_VECTORS = 8 };

/*
 * d  number              x  hexadecimal          X  rights, 64 bits     O  signed 64 bits
 * p  path: pointer and length                    b  buffer to fill: pointer and length
 * w  vectors to write: pointer and count         r  vectors to fill: pointer and count
 * l  lookup flags        o  open flags           f  descriptor flags    t  time flags
 * c  clock               h  whence               @  an address
 * After the blank, what the call gave back:
 * u  *u32   U  *u64   T  text of *u32 bytes in the buffer   R  bytes of the vectors, *u32 of them
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
  ROW(fd_advise, "dOOd")                         \
  ROW(fd_allocate, "dOO")                        \
  ROW(fd_close, "d")                             \
  ROW(fd_datasync, "d")                          \
  ROW(fd_fdstat_get, "d@")                       \
  ROW(fd_fdstat_set_flags, "df")                 \
  ROW(fd_fdstat_set_rights, "dXX")               \
  ROW(fd_filestat_get, "d@")                     \
  ROW(fd_filestat_set_size, "dO")                \
  ROW(fd_filestat_set_times, "dOOt")             \
  ROW(fd_pread, "drO R")                         \
  ROW(fd_prestat_get, "d@")                      \
  ROW(fd_prestat_dir_name, "dp")                 \
  ROW(fd_pwrite, "dwO u")                        \
  ROW(fd_read, "dr R")                           \
  ROW(fd_readdir, "dbO u")                       \
  ROW(fd_renumber, "dd")                         \
  ROW(fd_seek, "dOh U")                          \
  ROW(fd_sync, "d")                              \
  ROW(fd_tell, "d U")                            \
  ROW(fd_write, "dw u")                          \
  ROW(path_create_directory, "dp")               \
  ROW(path_filestat_get, "dlp@")                 \
  ROW(path_filestat_set_times, "dlpOOt")         \
  ROW(path_link, "dlpdp")                        \
  ROW(path_open, "dlpoXXf u")                    \
  ROW(path_readlink, "dpb T")                    \
  ROW(path_remove_directory, "dp")               \
  ROW(path_rename, "dpdp")                       \
  ROW(path_symlink, "pdp")                       \
  ROW(path_unlink_file, "dp")                    \
  ROW(poll_oneoff, "@@d u")                      \
  ROW(proc_exit, "d")                            \
  ROW(proc_raise, "d")                           \
  ROW(sched_yield, "")                           \
  ROW(random_get, "b")                           \
  ROW(sock_accept, "df u")                       \
  ROW(sock_recv, "drx R@")                       \
  ROW(sock_send, "dwx u")                        \
  ROW(sock_shutdown, "dx")                       \
  ROW(proc_spawn, "@ u")                         \
  ROW(proc_wait, "dx uu")                        \
  ROW(proc_kill, "dd")                           \
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

/* The inside of a C string. UTF-8 is left as it is. */
static void put_escaped(struct line *line, const uint8_t *bytes, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    uint8_t c = bytes[i];
    char named = c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : c == '"' || c == '\\' ? (char)c : 0;
    if (named) {
      put(line, '\\');
      put(line, named);
    } else if (c < 0x20 || c == 0x7F) {
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
  uint8_t bytes[PATH_LIMIT];
  uint32_t shown = length < sizeof bytes ? length : SHOWN_BYTES;
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
  uint32_t shown = 0;
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

/* An errno's name, and in parentheses what it means. */
static void put_errno(struct line *line, wasi_errno_t error) {
  uint32_t length;
  const char *at = nidus_errno_texts(&length), *end = at + length;
  while (error > 0 && at < end) error -= *at++ == '\n';
  for (; at < end && *at != ':'; at++) put(line, *at);
  put_text(line, " (");
  for (at += 2; at < end && *at != '\n'; at++) put(line, *at);
  put(line, ')');
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
      put_flags(line, low, "APPEND DSYNC NONBLOCK RSYNC SYNC ");
      return;
    case 't':
      put_flags(line, low, "ATIM ATIM_NOW MTIM MTIM_NOW ");
      return;
    case 'c':
      put_choice(line, low, "REALTIME MONOTONIC PROCESS_CPUTIME THREAD_CPUTIME ");
      return;
    case 'h':
      put_choice(line, low, call->process->snapshot0 ? "CUR END SET " : "SET CUR END ");
      return;
    default:
      put_number(line, low, 10);
  }
}

/* What the call left at the address that is the next argument. */
static void put_result(struct line *line, struct call *call, char letter) {
  uint32_t at = (uint32_t)call->arguments[call->at++];
  uint64_t value = 0;
  if (letter == '@' || !guest_read(call->process, &value, at, letter == 'U' ? 8 : 4)) return;
  put(line, ' ');
  put_number(line, value, 10);
  if (letter == 'u' || letter == 'U') return;
  put(line, ' ');
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
  put_text(&line, nidus_syscall_name(number));
  put(&line, '(');
  for (; *format && *format != ' '; format++) {
    if (call.at > 0) put_text(&line, ", ");
    put_argument(&line, &call, *format);
  }
  put(&line, ')');
  if (process->exit_code < 0 || number != CALL_proc_exit) {
    put_text(&line, " =");
    if (result) {
      put(&line, ' ');
      put_errno(&line, result);
    } else if (*format == ' ') {
      while (*++format) put_result(&line, &call, *format);
    } else {
      put_text(&line, " 0");
    }
  }
  out[line.length++] = '\n';
  return line.length;
}
