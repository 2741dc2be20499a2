/*
 * kernel.h: a small Unix-like kernel for WASI programs, as a native library.
 *
 * A system is one tree of files with its mounts, and the processes that live in it. It owns no thread
 * and never waits: a call that can not go on answers NIDUS_WOULD_BLOCK, having changed nothing, and
 * the embedder decides how to wait and calls again. All state hangs off the handle; one system must
 * not be entered by two threads at once.
 *
 * Functions that can fail return an int32_t: zero or positive on success, the negated WASI errno on
 * failure. Paths are UTF-8, absolute, given with their length. The same calls, without the handle,
 * are the exports of kernel.wasm; docs/kernel-abi.md describes them.
 */
#ifndef NIDUS_KERNEL_H
#define NIDUS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nidus/wasi.h"

struct nidus_system;

/* What nidus_stat and the host's fs_stat fill; 80 bytes, shared with JavaScript. Times in ns. */
struct nidus_stat {
  uint64_t dev;
  uint64_t ino;
  uint32_t type; /* WASI_FILETYPE_… */
  uint32_t mode; /* the twelve permission bits */
  uint64_t nlink;
  uint64_t size;
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t mount;
  uint32_t reserved;
  uint64_t allocated; /* bytes really held */
};

/* A listing from fs_list: entries of struct nidus_host_entry and a name, padded to 8 bytes.
 * Allocated with malloc by the host, freed by the kernel. */
struct nidus_listing {
  void *bytes;
  uint32_t length;
};

struct nidus_host_entry {
  uint64_t ino;
  uint32_t type;
  uint32_t name_length;
};

enum {
  NIDUS_HOST_OPEN_READ = 1,
  NIDUS_HOST_OPEN_WRITE = 2,
  NIDUS_HOST_OPEN_CREATE = 4,
  NIDUS_HOST_OPEN_EXCLUSIVE = 8,
  NIDUS_HOST_OPEN_TRUNCATE = 16
};

enum { NIDUS_SHUTDOWN_READ = 1, NIDUS_SHUTDOWN_WRITE = 2, NIDUS_SHUTDOWN_CLOSE = 4, NIDUS_SHUTDOWN_RELEASE = 8 };
enum { NIDUS_STREAM_CAN_READ = 1, NIDUS_STREAM_CAN_WRITE = 2, NIDUS_STREAM_HUNG_UP = 4 };

/*
 * The world outside, as the kernel sees it. Results of stream and fs functions: a count or zero, or
 * a negated errno; streams may answer -NIDUS_WOULD_BLOCK. Paths of fs functions are relative to the
 * folder numbered `mount`, without leading slash, never with "." or ".." parts, and must not be
 * resolved through symbolic links. A host without folders leaves the fs functions NULL.
 */
struct nidus_host {
  void *context;
  int32_t (*stream_read)(void *context, uint32_t stream, void *bytes, uint32_t length);
  int32_t (*stream_write)(void *context, uint32_t stream, const void *bytes, uint32_t length);
  int32_t (*stream_ready)(void *context, uint32_t stream);
  /* Both may be NULL where no stream is a socket. stream_accept gives the number of a new stream, which is the
   * kernel's until it calls stream_shutdown with NIDUS_SHUTDOWN_CLOSE. Of others the shared build says with
   * NIDUS_SHUTDOWN_RELEASE that nothing has them open any more. */
  int32_t (*stream_accept)(void *context, uint32_t listener);
  int32_t (*stream_shutdown)(void *context, uint32_t stream, uint32_t how);
  /* Of a terminal, when it changes; NULL: the host does not want to know. NIDUS_TTY_WAITED: a process waits for what
   * is typed; from bit 8 the key that ends who is in the foreground by SIGINT, from bit 16 the one for SIGQUIT;
   * 0 where there is none, or somebody has a handler. */
  void (*stream_state)(void *context, uint32_t stream, uint32_t state);
  uint64_t (*clock)(void *context, uint32_t id);
  uint64_t (*clock_resolution)(void *context, uint32_t id);
  double (*now)(void *context); /* milliseconds since 1970, for time stamps */
  void (*random)(void *context, void *bytes, uint32_t length);
  int32_t (*fs_stat)(void *context, uint32_t mount, const char *path, uint32_t length, struct nidus_stat *out);
  int32_t (*fs_open)(void *context, uint32_t mount, const char *path, uint32_t length, uint32_t flags);
  void (*fs_close)(void *context, int32_t handle);
  int32_t (*fs_fstat)(void *context, int32_t handle, struct nidus_stat *out);
  int32_t (*fs_read)(void *context, int32_t handle, void *bytes, uint32_t length, uint64_t offset);
  int32_t (*fs_write)(void *context, int32_t handle, const void *bytes, uint32_t length, uint64_t offset);
  int32_t (*fs_truncate)(void *context, int32_t handle, uint64_t size);
  int32_t (*fs_sync)(void *context, int32_t handle, uint32_t data_only);
  int32_t (*fs_utimes)(void *context, uint32_t mount, const char *path, uint32_t length, uint64_t atime,
                       uint64_t mtime);
  int32_t (*fs_futimes)(void *context, int32_t handle, uint64_t atime, uint64_t mtime);
  int32_t (*fs_list)(void *context, uint32_t mount, const char *path, uint32_t length, struct nidus_listing *out);
  int32_t (*fs_mkdir)(void *context, uint32_t mount, const char *path, uint32_t length);
  int32_t (*fs_rmdir)(void *context, uint32_t mount, const char *path, uint32_t length);
  int32_t (*fs_unlink)(void *context, uint32_t mount, const char *path, uint32_t length);
  int32_t (*fs_rename)(void *context, uint32_t mount, const char *from, uint32_t from_length, const char *to,
                       uint32_t to_length);
  int32_t (*fs_link)(void *context, uint32_t mount, const char *from, uint32_t from_length, const char *to,
                     uint32_t to_length);
  int32_t (*fs_symlink)(void *context, uint32_t mount, const char *target, uint32_t target_length, const char *path,
                        uint32_t length);
  int32_t (*fs_readlink)(void *context, uint32_t mount, const char *path, uint32_t length, char *buffer,
                         uint32_t buffer_length);
  /* Block devices, which volumes in one file lie on (NULL: there are none): all bytes or an errno; reading beyond
   * the end is -EIO, writing there makes the device longer. What was written before a flush lasts. block_size
   * answers a number that a double holds. After block_close the number may mean another device. */
  int32_t (*block_read)(void *context, uint32_t device, uint64_t at, void *bytes, uint32_t length);
  int32_t (*block_write)(void *context, uint32_t device, uint64_t at, const void *bytes, uint32_t length);
  int32_t (*block_flush)(void *context, uint32_t device);
  double (*block_size)(void *context, uint32_t device);
  int32_t (*block_truncate)(void *context, uint32_t device, uint64_t size);
  int32_t (*block_close)(void *context, uint32_t device);
};

/* A process's linear memory. read and write copy and return 0, or 1 when the guest's range is out of
 * bounds. */
struct nidus_guest_memory {
  void *context;
  uint32_t (*read)(void *context, void *kernel, uint64_t guest, uint32_t length);
  uint32_t (*write)(void *context, uint64_t guest, const void *kernel, uint32_t length);
};

/* A new system with an empty in-memory root, /dev, /tmp and process 1; NULL when memory is short.
 * `host` must outlive it. */
struct nidus_system *nidus_system_create(const struct nidus_host *host);
void nidus_system_destroy(struct nidus_system *system);

enum { NIDUS_MOUNT_READ_ONLY = 1 };
enum { NIDUS_VOLUME_VIEW = 1 };

/* Mounts return a mount number. The archive given to nidus_mount_tar must have come from malloc and
 * belongs to the mount from then on, also when mounting fails. */
int32_t nidus_mount_mem(struct nidus_system *system, const char *path, uint32_t length);
int32_t nidus_mount_tar(struct nidus_system *system, const char *path, uint32_t length, void *archive,
                        uint32_t archive_length);
int32_t nidus_mount_host(struct nidus_system *system, const char *path, uint32_t length, uint32_t host_mount,
                         uint32_t flags);
/*
 * A volume in one file, the host's block device `device`, which the kernel closes when the mount goes, and when there
 * is none. `name` is for messages; `budget`: bytes of contents that may lie in memory. fd_sync stores what
 * changed, nidus_image_flush too, and unmounting does not. All three leave strings in `*text` (free it; NULL where
 * there is no memory): what fails a sentence, if the errno does not say it all; nidus_image_check, which reads
 * everything, as many as it returns, each about a thing that is wrong or, with NIDUS_IMAGE_REPAIR, was.
 */
enum { NIDUS_IMAGE_READ_ONLY = 1, NIDUS_IMAGE_REPAIR = 2 };
int32_t nidus_mount_image(struct nidus_system *system, const char *path, uint32_t device, const char *name,
                          uint32_t flags, uint64_t budget, char **text);
int32_t nidus_image_flush(struct nidus_system *system, uint32_t mount, char **text);
int32_t nidus_image_check(struct nidus_system *system, uint32_t mount, char **text);
int32_t nidus_unmount(struct nidus_system *system, uint32_t mount);
/* The most bytes that an in-memory volume may hold (contents as allocated, and some for each file or folder);
 * beyond it is ENOSPC. Less than what it holds is allowed: nothing is lost, nothing can be added. */
int32_t nidus_mount_limit(struct nidus_system *system, uint32_t mount, uint64_t bytes);

int32_t nidus_stat(struct nidus_system *system, const char *path, uint32_t length, bool follow,
                   struct nidus_stat *out);
int32_t nidus_chmod(struct nidus_system *system, const char *path, uint32_t length, uint32_t mode);

/* Strings lie one after the other, each ending in NUL. Returns the process id. */
int32_t nidus_process_create(struct nidus_system *system, const char *argv, uint32_t argv_length, uint32_t argc,
                             const char *env, uint32_t env_length, uint32_t envc);
int32_t nidus_process_memory(struct nidus_system *system, uint32_t pid, struct nidus_guest_memory memory);

/* SOCKET: the sock_ calls work on it. LISTENER: it can only be accepted from, by stream_accept. */
enum {
  NIDUS_STREAM_READABLE = 1,
  NIDUS_STREAM_WRITABLE = 2,
  NIDUS_STREAM_TERMINAL = 4,
  NIDUS_STREAM_SOCKET = 8,
  NIDUS_STREAM_LISTENER = 16,
  NIDUS_STREAM_ALL = 31
};
enum { NIDUS_TTY_WAITED = 1 };
enum { NIDUS_ACCESS_READ = 1, NIDUS_ACCESS_WRITE = 2 };
enum { NIDUS_PREOPEN_CLIMB = 1, NIDUS_PREOPEN_READ_ONLY = 2 };

int32_t nidus_fd_stream(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t stream, uint32_t flags);
int32_t nidus_fd_open(struct nidus_system *system, uint32_t pid, uint32_t fd, const char *path, uint32_t length,
                      uint32_t oflags, uint32_t fdflags, uint32_t access);
int32_t nidus_fd_preopen(struct nidus_system *system, uint32_t pid, const char *path, uint32_t length,
                         const char *name, uint32_t name_length, uint32_t flags);
int32_t nidus_fd_share(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t from_pid, uint32_t from_fd);
/* A pipe: `fd` of process `pid` reads what `writer_fd` of `writer_pid` writes. */
int32_t nidus_fd_pipe(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t writer_pid, uint32_t writer_fd);
/* Two connected stream sockets. */
int32_t nidus_fd_pair(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t other_pid, uint32_t other_fd);
/* Counts the changes of pipes and socket pairs. Who has seen it change must call those processes again that
 * were blocked on a descriptor; it wraps. */
uint32_t nidus_events(struct nidus_system *system);
int32_t nidus_fd_close(struct nidus_system *system, uint32_t pid, uint32_t fd);

/*
 * A terminal over a stream of the host, which gives the keys, takes what the screen gets, and names it: with a line
 * discipline (src/tty.h). The end of the stream hangs up: reading answers what was typed, then the end of the file.
 * The first process that gets it, or the next one after that has ended, is in the foreground and gets its signals.
 * nidus_tty_input is to be called when keys may have come, or the stream takes bytes again; a signal may have ended
 * processes then. nidus_tty_close gives the stream back.
 */
int32_t nidus_tty_open(struct nidus_system *system, uint32_t stream, uint32_t cols, uint32_t rows);
int32_t nidus_fd_tty(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t stream);
void nidus_tty_input(struct nidus_system *system);
int32_t nidus_tty_resize(struct nidus_system *system, uint32_t stream, uint32_t cols, uint32_t rows);
void nidus_tty_close(struct nidus_system *system, uint32_t stream);

/* The process's calls are (or are no longer) those of wasi_unstable, the snapshot before preview 1: the same
 * functions, of which fd_seek, fd_filestat_get, path_filestat_get and poll_oneoff lay out or number their
 * arguments otherwise. */
int32_t nidus_process_snapshot0(struct nidus_system *system, uint32_t pid, bool older);

/*
 * What a process may use at most. Past it: opening answers EMFILE (descriptor numbers stay below the value);
 * a file is not made longer than the value in bytes (a write is cut short, then EFBIG); and when that many
 * bytes have gone to streams, the next one ends the process, as by SIGXFSZ. When as many milliseconds have
 * passed from now on, the next nidus_process_exit_code ends the process with NIDUS_EXIT_TIME; until then its waits
 * are for a clock, too, as nidus_wait_time tells it.
 */
enum nidus_limit {
  NIDUS_LIMIT_DESCRIPTORS = 1,
  NIDUS_LIMIT_FILE_SIZE,
  NIDUS_LIMIT_OUTPUT,
  NIDUS_LIMIT_TIME,
  NIDUS_LIMIT_PROCESSES /* of it and all that descend from it, ended ones that nobody has waited for included: EAGAIN */
};
int32_t nidus_process_limit(struct nidus_system *system, uint32_t pid, uint32_t limit, uint64_t value);
/* The limit that ended the process, or 0. */
int32_t nidus_process_limit_hit(struct nidus_system *system, uint32_t pid);

/* The code given to proc_exit, NIDUS_EXIT_SIGNAL + signal after a fatal one, -1 while running. */
enum { NIDUS_EXIT_SIGNAL = 256 };
int32_t nidus_process_exit_code(struct nidus_system *system, uint32_t pid);
void nidus_process_end(struct nidus_system *system, uint32_t pid, int32_t code);
int32_t nidus_process_reap(struct nidus_system *system, uint32_t pid);

/* Sends a signal, as WASI numbers it: the process may ignore it or have a handler for it, but for KILL. */
int32_t nidus_process_signal(struct nidus_system *system, uint32_t pid, uint32_t signal);

/* Ends the process, unless it has ended, and forgets it, once its parent has waited for it where another process
 * spawned it. Returns its code, -1 if it was running,
 * NIDUS_EXIT_LIMIT where its output ended it; embedders count their own limits from there on. */
enum { NIDUS_EXIT_LIMIT = 512, NIDUS_EXIT_TIME = 514 };
int32_t nidus_process_finish(struct nidus_system *system, uint32_t pid);

enum { NIDUS_WAIT_CLOCK = 1, NIDUS_WAIT_READABLE = 2, NIDUS_WAIT_WRITABLE = 4, NIDUS_WAIT_FLUSH = 8, NIDUS_WAIT_CHUNK = 16, NIDUS_WAIT_CHILD = 32 };
#define NIDUS_NO_DEADLINE INT64_MAX

/* What the last would-block of the process waits for; the deadline in monotonic nanoseconds. */
int32_t nidus_wait_kinds(struct nidus_system *system, uint32_t pid);
int64_t nidus_wait_deadline(struct nidus_system *system, uint32_t pid);
/* Milliseconds until then, rounded up; 2^31 - 1 at most, and when there is none. */
double nidus_wait_time(struct nidus_system *system, uint32_t pid);

/* The functions that guests import, of wasi_snapshot_preview1, then nidus_process, then nidus_tty: number, module, name,
 * signature ('i' and 'I' for core i32 and i64, proc_exit alone without result) and a call by an array of arguments. */
uint32_t nidus_syscall_count(void);
const char *nidus_syscall_module(uint32_t number);
const char *nidus_syscall_name(uint32_t number);
const char *nidus_syscall_signature(uint32_t number);
wasi_errno_t nidus_syscall(struct nidus_system *system, uint32_t pid, uint32_t number, const uint64_t *arguments);

/* Writes a line about a call that has been made, as strace would, into the `size` bytes of `out`: its length.
 * The line ends in a newline, not in NUL. Where the arguments are too long for it, they are cut, not the result. */
uint32_t nidus_trace(struct nidus_system *system, uint32_t pid, uint32_t number, const uint64_t *arguments,
                     wasi_errno_t result, char *out, uint32_t size);

/*
 * Persistent volumes whose store the host serves: a log of segments, opaque bytes in the order in which they came,
 * and chunks, up to 64 KiB of a file each, by inode number and index (volume.h has stores that need no host).
 *
 * After mounting, the host gives all segments to nidus_load, then calls nidus_load_end, which accepts the
 * tree or answers -EIO: then the volume is empty and is not written. A view (NIDUS_VOLUME_VIEW) is read-only; the
 * same two calls bring it up to date, with all segments of the transactions that its writer has added, in one turn.
 * Brought up to date in the transaction that makes the host the writer, it becomes writable.
 */
int32_t nidus_mount_volume(struct nidus_system *system, const char *path, uint32_t length, uint32_t flags,
                           uint64_t budget);
int32_t nidus_load(struct nidus_system *system, uint32_t mount, const void *bytes, uint32_t length);
int32_t nidus_load_end(struct nidus_system *system, uint32_t mount);
void nidus_volume_writable(struct nidus_system *system, uint32_t mount);

/* One record of a flush. All of them are applied together or not at all, in their order: the log starts anew with what
 * follows; a segment of it; the chunks of `ino` from `index` on are deleted; a chunk is put. */
enum { NIDUS_FLUSH_RESTART = 1, NIDUS_FLUSH_SEGMENT, NIDUS_FLUSH_CUT, NIDUS_FLUSH_CHUNK };
struct nidus_flush_record {
  uint32_t kind;
  uint64_t ino;
  uint64_t index;
  const void *bytes;
  uint32_t length;
};

/* How much has changed since the last flush began; 0: nothing. */
int32_t nidus_volume_dirty(struct nidus_system *system, uint32_t mount);
/* Returns the number of records. What changes from now on belongs to the next flush. */
int32_t nidus_flush_begin(struct nidus_system *system, uint32_t mount);
/* False when there is none with that number; what it points to is valid in the turn of nidus_flush_begin. */
bool nidus_flush_record(struct nidus_system *system, uint32_t mount, uint32_t i, struct nidus_flush_record *record);
/* With an error all of it is to be flushed again, and who waited for this flush is told the error. */
void nidus_flush_end(struct nidus_system *system, uint32_t mount, wasi_errno_t error);

/* Ranges of chunks that somebody waits for and the host has not been asked for. `all`: whatever is not in memory. */
enum { NIDUS_WANTS = 32 };
struct nidus_want {
  uint64_t ino;
  uint64_t first;
  uint32_t count;
};
uint32_t nidus_volume_wants(struct nidus_system *system, uint32_t mount, bool all, struct nidus_want wants[NIDUS_WANTS]);
/* A writer waits for the room that a flush will make. */
bool nidus_volume_crowded(struct nidus_system *system, uint32_t mount);
/* The answer for one chunk, those of a range in their order: its bytes, none where the store has none, or an error. */
int32_t nidus_chunk(struct nidus_system *system, uint32_t mount, uint64_t ino, uint64_t index, const void *bytes,
                    uint32_t length, wasi_errno_t error);

/* A line "ENOENT: no such file or directory" for each errno, in their order from 0; each ends in a newline. */
const char *nidus_errno_texts(uint32_t *length);

/* Bytes of the gate module and of the bridge module; free with free(). NULL when memory is short. */
enum { NIDUS_BRIDGE_SHARED_GUEST = 1, NIDUS_BRIDGE_SHARED_KERNEL = 2, NIDUS_BRIDGE_GUEST64 = 4, NIDUS_BRIDGE_HOST_COPY = 8 };
uint8_t *nidus_gate_module(uint32_t *length);
uint8_t *nidus_bridge_module(uint32_t flags, uint32_t *length);

#endif
