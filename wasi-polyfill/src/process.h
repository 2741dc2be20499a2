/*
 * process.h: processes, their descriptors, and the open descriptions behind these.
 *
 * As in POSIX, a descriptor is a number of one process; the open file description behind it holds
 * the offset and flags, and may be shared by several descriptors. Rights belong to the descriptor.
 * Invariant: table slots past `descriptor_count` do not exist, empty ones have no description;
 * `lowest_free` is a lower bound of the lowest empty slot.
 */
#ifndef NIDUS_PROCESS_H
#define NIDUS_PROCESS_H

#include "inode.h"

enum { DESCRIPTOR_LIMIT = 1 << 16, THREAD_LAST = 4095 };

struct description {
  struct inode *inode; /* referenced */
  uint64_t offset;
  uint32_t references;
  uint16_t fdflags;
  uint8_t access; /* NIDUS_ACCESS_… */
  bool climb;     /* ".." and absolute links may leave the folder, up to the system's root */
  char *preopen;  /* the name of a preopen, NUL-terminated, or NULL */
  uint32_t preopen_length;
  int32_t host_handle;           /* host folders: the open file, or -1 */
  struct description *open_next; /* host folders: another one of the same inode with a file */
  struct nidus_listing listing; /* host folders: a snapshot, taken when reading starts anew */
  uint32_t listing_offset;      /* where the entry of cookie listing_cookie begins */
  uint64_t listing_cookie;
};

struct descriptor {
  struct description *description;
  uint64_t rights_base;
  uint64_t rights_inheriting;
};

#ifdef __wasm__
/* The bridge's functions, called through kernel.wasm's table. */
typedef uint32_t (*guest_read_function)(void *kernel, uint32_t guest, uint32_t length);
typedef uint32_t (*guest_write_function)(uint32_t guest, const void *kernel, uint32_t length);
#endif

/* What a system call that is being restarted left of itself. */
struct call_state {
  uint64_t flush_awaited; /* the flush that an fd_sync, or a synchronous write, waits for; 0 when none */
  uint32_t written;       /* bytes that such a write has written, and which are not stored yet */
  uint64_t poll_started;  /* monotonic: when the poll_oneoff that is being restarted began */
  int64_t read_deadline;  /* when a read of a terminal waits no longer (VTIME), or NIDUS_NO_DEADLINE */
  bool polling;
#ifdef __wasm__
  guest_read_function read; /* NULL: the kernel's own memory (process 1), or not bound yet */
  guest_write_function write;
#endif
};

/* What the threads of the host look at without a call, of each thread of a process. */
struct thread_words {
  _Alignas(8) uint32_t parked; /* 1: its call would block until something has changed (wake.h) */
  uint32_t wait_kinds;
  int64_t wait_deadline;
};

struct process {
  /* What other threads look at without a call (nidus_process_words); in this order. */
  _Alignas(8) uint32_t parked; /* 1: its call would block until something has changed (wake.h) */
  uint32_t wait_kinds;
  int64_t wait_deadline;
  int32_t exit_code; /* -1 while running */
  bool local;        /* the host's own thread runs it, which is told when it is woken */
  const void *awaited; /* while it sleeps: the channel, or NULL for anything */
  struct process *sleep_next;
  struct process **sleep_link; /* NULL: it is no sleeper */
  struct nidus_system *system;
#ifndef __wasm__
  struct nidus_guest_memory memory;
#endif
  struct descriptor *descriptors;
  uint32_t descriptor_count;
  uint32_t lowest_free;
  uint32_t pid;
  char *argv;
  char *env;
  uint32_t argc;
  uint32_t argv_length;
  uint32_t envc;
  uint32_t env_length;
  uint32_t parent;
  uint32_t group;
  char *cwd;         /* the working folder, absolute, NUL-terminated; NULL: its folders were given one by one */
  char *name;        /* of a process that is prepared: what it was spawned as, */
  char *path;        /* and its file, or "" */
  bool prepared;     /* the host has not taken it yet (family.h) */
  bool finished;     /* it has ended, and the host is done with it */
  uint32_t ignored;  /* signals, by their numbers' bits (process_signal.h) */
  uint32_t handled;
  uint32_t pending;
  uint32_t most_processes; /* that may be at a time of it and its descendants: of those that have the same `counted` */
  uint32_t counted;
  struct call_state call;    /* of the thread `thread`; of the others below: */
  struct call_state *others; /* by their numbers; NULL: it has none */
  struct thread_words *words; /* of the same; the first one's are above */
  uint32_t thread;            /* whose system calls come now; the first one is 0 */
  uint32_t thread_most;
  bool snapshot0; /* speaks wasi_unstable: another fd_seek, filestat and subscription */
  uint8_t limit_hit; /* NIDUS_LIMIT_… that ended the process, or 0 */
  uint32_t descriptor_limit;
  uint64_t file_size_limit;
  int64_t time_limit;    /* monotonic: when it is ended, NIDUS_NO_DEADLINE for never */
  uint64_t output_left; /* bytes that may still go to streams */
  uint8_t signalled;     /* a signal that it is sent when its system call is over, or 0 */
};

/* EINVAL when the strings are not as counted. */
MUST_CHECK wasi_errno_t process_create(struct process **made, struct nidus_system *system, const char *argv, uint32_t argv_length,
                                       uint32_t argc, const char *env, uint32_t env_length, uint32_t envc);
/* A copy, for a process to have; NULL when memory is short. */
char *process_text(const char *text);
void process_end(struct process *process, int32_t code);
void process_free(struct process *process);
/* There may be as many as `most` threads beside the first one; once. */
MUST_CHECK wasi_errno_t process_threads(struct process *process, uint32_t most);
/* The system calls that follow are those of thread `thread`, each of which has a call of its own under way. */
MUST_CHECK wasi_errno_t process_thread(struct process *process, uint32_t thread);
/* The call answers would-block: notes what for. */
MUST_CHECK wasi_errno_t process_block(struct process *process, uint32_t kinds, int64_t deadline);

/* An open in two steps, for callers that must not fail for lack of memory once they have changed
 * something: description_create (NULL when memory is short), then description_start, which takes over the
 * description and the caller's reference to `inode`, also on failure. */
struct description *description_create(void);
/* Frees one that has not been started. */
void description_discard(struct description *description);
/* The folder is a preopen of that name, of `length` bytes, from now on. */
MUST_CHECK wasi_errno_t description_name(struct description *description, const char *name, uint32_t length);
MUST_CHECK wasi_errno_t description_start(struct description *description, struct inode *inode, uint8_t access,
                                          uint16_t fdflags, bool truncate);
/* Both steps at once: takes over the caller's reference, also on failure. */
MUST_CHECK wasi_errno_t description_open(struct inode *inode, uint8_t access, uint16_t fdflags, bool truncate,
                                         struct description **opened);
void description_drop(struct description *description);

/* Makes sure that the next descriptor_add from 0 finds room. Moves the table. */
MUST_CHECK wasi_errno_t descriptor_reserve(struct process *process);
/* Makes sure that these two, the lowest free descriptors, find room. */
MUST_CHECK wasi_errno_t descriptor_reserve_two(struct process *process, uint32_t fds[2]);
/* The lowest free descriptor not below `from`. Takes over the caller's reference to the description on success. */
MUST_CHECK wasi_errno_t descriptor_add(struct process *process, uint32_t from, struct description *description,
                                       uint64_t rights_base, uint64_t rights_inheriting, uint32_t *fd);
/* Puts it at `fd`, closing what was there. Takes over the reference on success. */
MUST_CHECK wasi_errno_t descriptor_place(struct process *process, uint32_t fd, struct description *description,
                                         uint64_t rights_base, uint64_t rights_inheriting);
MUST_CHECK wasi_errno_t descriptor_close(struct process *process, uint32_t fd);
/* EBADF when it is not open, ENOTCAPABLE when it lacks one of `rights`. */
MUST_CHECK wasi_errno_t descriptor_get(struct process *process, uint32_t fd, uint64_t rights,
                                       struct descriptor **found);

/* The rights a descriptor of this kind of file can have at all. */
uint64_t rights_of(const struct inode *inode, uint8_t access);
#define RIGHTS_DIRECTORY_INHERITING WASI_RIGHT_ALL

#endif
