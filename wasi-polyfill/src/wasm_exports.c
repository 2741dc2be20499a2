/*
 * wasm_exports.c: the exports of kernel.wasm (docs/kernel-abi.md). Only compiled to wasm.
 *
 * One instance of the module serves one system. In the shared build several instances, each in its
 * own worker, run over one memory; the process that an instance works for lives in a wasm global,
 * which every instance has for itself.
 */
#include "family.h"
#include "fs.h"
#include "handlers.h"
#include "lacks.h"
#include "path_store.h"
#include "program.h"
#include "spawn.h"
#include "store_host.h"
#include "volume.h"
#include "volume_failure.h"
#include "volume_state.h"
#include "wake.h"
#include "wasm_give.h"

__asm__(
    ".globaltype nidus_current, i32\n"
    ".globl nidus_current\n"
    "nidus_current:\n");

static inline struct process *current(void) {
  struct process *process;
  __asm__ volatile("global.get nidus_current\nlocal.set %0" : "=r"(process));
  return process;
}

static inline void set_current(struct process *process) {
  __asm__ volatile("local.get %0\nglobal.set nidus_current" : : "r"(process));
}

/* In memory, so that all instances of the shared build find it. */
static struct nidus_system *the_system;

#ifdef NIDUS_SHARED
/*
 * The kernel lock: 0 free, 1 held, 2 held and waited for. Held from nidus_enter to nidus_leave, never
 * while parked. Only workers enter a shared kernel: a page's main thread may not wait.
 */
static int kernel_lock;
enum { LOCK_TRIES = 100 }; /* what is done with the lock held is short, mostly */

/*
 * A thread that joined has a word above its stack which says where it is. It is changed here by compare-and-swap, and so
 * is it by who wants to end the thread: he may end one that is outside, and it never comes in again.
 */
enum { THREAD_OUTSIDE, THREAD_INSIDE, THREAD_KILLED };

__asm__(
    ".globaltype nidus_thread, i32\n"
    ".globl nidus_thread\n"
    "nidus_thread:\n");

/* NULL in the first instance, whose thread nobody ends. */
static inline int *this_thread(void) {
  int *word;
  __asm__ volatile("global.get nidus_thread\nlocal.set %0" : "=r"(word));
  return word;
}

/* An instance over a memory that others use too must have a stack of its own: `top` is its end, aligned
 * to 16 bytes, where its word lies. The first instance keeps the one it was linked with. */
EXPORT("nidus_stack") void export_stack(uint32_t top) {
  __asm__(".globaltype __stack_pointer, i32\n");
  __asm__ volatile("local.get %0\nglobal.set nidus_thread" : : "r"(top));
  __asm__ volatile("local.get %0\nglobal.set __stack_pointer" : : "r"(top));
}

bool thread_is_host(void) { return !this_thread(); }

static void come_in(void) {
  int outside = THREAD_OUTSIDE;
  if (!this_thread() || __atomic_compare_exchange_n(this_thread(), &outside, THREAD_INSIDE, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
  for (;;) __builtin_wasm_memory_atomic_wait32(this_thread(), THREAD_KILLED, -1); /* until it is ended */
}

static void go_out(void) {
  if (this_thread()) __atomic_store_n(this_thread(), THREAD_OUTSIDE, __ATOMIC_RELEASE);
}

static void lock(void) {
  come_in();
  for (int tries = 0; tries < LOCK_TRIES; tries++) {
    int expected = 0;
    if (__atomic_compare_exchange_n(&kernel_lock, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    if (expected == 2) break;
  }
  while (__atomic_exchange_n(&kernel_lock, 2, __ATOMIC_ACQUIRE) != 0) {
    __builtin_wasm_memory_atomic_wait32(&kernel_lock, 2, -1);
  }
}

static void unlock(void) {
  if (__atomic_exchange_n(&kernel_lock, 0, __ATOMIC_RELEASE) == 2) {
    __builtin_wasm_memory_atomic_notify(&kernel_lock, 1);
  }
  go_out();
}
#else
static inline void lock(void) {}
static inline void unlock(void) {}
#endif

EXPORT("nidus_enter") int32_t export_enter(uint32_t pid) {
  /* V8 11.3 (Node 20) may lose locals over an atomic wait in its baseline code: pid waits in the global. */
  set_current((struct process *)pid);
  lock();
  struct process *process = system_process(the_system, (uint32_t)current());
  set_current(process);
  /* One that was ended while it computed, or between waking up and going on, must not call any more. */
  return process && process->exit_code < 0 ? 0 : -WASI_ESRCH;
}

/* Behind nidus_enter: it is the process's thread of that number that calls. */
EXPORT("nidus_thread") int32_t export_thread(uint32_t thread) {
  struct process *process = current();
  return process ? process_thread(process, thread) : WASI_ESRCH;
}

/* How many threads the process may have beside its first one. */
EXPORT("nidus_process_threads") int32_t export_process_threads(uint32_t pid, uint32_t most) {
  struct process *process = system_process(the_system, pid);
  return process ? process_threads(process, most) : WASI_ESRCH;
}

/* As nidus_process_memory, for another thread than the first one. */
EXPORT("nidus_thread_memory")
int32_t export_thread_memory(uint32_t pid, uint32_t thread, guest_read_function read, guest_write_function write) {
  struct process *process = system_process(the_system, pid);
  if (!process || process->exit_code >= 0 || !process->others || thread > process->thread_most) return -WASI_ESRCH;
  struct call_state *call = thread == process->thread ? &process->call : &process->others[thread];
  *call = (struct call_state){.read_deadline = NIDUS_NO_DEADLINE, .read = read, .write = write};
  return 0;
}

/* Where the words of a thread lie, which are as the first three of nidus_process_words; 0: it has none. */
EXPORT("nidus_thread_words") struct thread_words *export_thread_words(uint32_t pid, uint32_t thread) {
  struct process *process = system_process(the_system, pid);
  return process && process->words && thread <= process->thread_most ? &process->words[thread] : NULL;
}

EXPORT("nidus_leave") void export_leave(uint32_t pid) {
  (void)pid;
  unlock();
}

EXPORT("nidus_boot") int32_t export_boot(void) {
  if (!the_system) the_system = nidus_system_create(NULL);
  return the_system ? 0 : -WASI_ENOMEM;
}

EXPORT("nidus_alloc") void *export_alloc(uint32_t size) { return malloc(size); }

/* ---- modules ---- */

static int32_t give_module(uint8_t *bytes, uint32_t length) { return give(bytes ? 0 : -WASI_ENOMEM, bytes, length); }

EXPORT("nidus_gate") int32_t export_gate(void) {
  uint32_t length = 0;
  uint8_t *bytes = nidus_gate_module(&length);
  return give_module(bytes, length);
}

EXPORT("nidus_bridge") int32_t export_bridge(uint32_t flags) {
  uint32_t length = 0;
  uint8_t *bytes = nidus_bridge_module(flags, &length);
  return give_module(bytes, length);
}

EXPORT("nidus_errno_texts") int32_t export_errno_texts(void) {
  given.bytes = nidus_errno_texts(&given.length);
  return 0;
}

/* ---- calls with strings (reply.h) ---- */

EXPORT("nidus_program_find")
int32_t export_program_find(const char *strings, uint32_t length, uint32_t source, uint32_t limited) {
  struct reply reply = {0};
  return reply_give(&reply, program_find(the_system, strings, length, source, limited, &reply));
}

EXPORT("nidus_program_check")
int32_t export_program_check(const char *strings, uint32_t length, uint32_t imports) {
  struct reply reply = {0};
  return reply_give(&reply, program_check(strings, length, imports, &reply));
}

EXPORT("nidus_program_unheld") int32_t export_program_unheld(const char *strings, uint32_t length) {
  (void)strings, (void)length;
  struct reply reply = {0};
  return reply_give(&reply, program_unheld(&reply));
}

EXPORT("nidus_lacks") int32_t export_lacks(const char *strings, uint32_t length, uint32_t lacks) {
  (void)strings, (void)length;
  struct reply reply = {0};
  return reply_give(&reply, lacks_tell(lacks, &reply));
}

/* A number of the host's; NaN, which it gives where nothing is said, is no limit. */
static uint64_t limit_of(double value) { return value < (double)INT64_MAX ? (uint64_t)value : UINT64_MAX; }

/* The limits are those of enum nidus_limit, in its order. */
EXPORT("nidus_spawn")
int32_t export_spawn(const char *strings, uint32_t length, uint32_t argc, uint32_t envc, uint32_t preopens,
                     double descriptors, double file_size, double output, double time, double processes) {
  struct reply reply = {0};
  int32_t pid = spawn_process(the_system, strings, length, argc, envc, preopens, &reply);
  const double limits[] = {descriptors, file_size, output, time * 1000, processes};
  for (uint32_t i = 0; i < 5; i++) (void)nidus_process_limit(the_system, (uint32_t)pid, i + 1, limit_of(limits[i]));
  return reply_give(&reply, pid);
}

EXPORT("nidus_volume_failure") int32_t export_volume_failure(const char *strings, uint32_t length) {
  struct reply reply = {0};
  return reply_give(&reply, volume_failure(strings, length, &reply));
}

EXPORT("nidus_fs")
int32_t export_fs(const char *values, uint32_t length, uint32_t operation, uint32_t first, uint32_t options, double x,
                  double y) {
  struct reply reply = {0};
  return reply_give(&reply, fs_perform(the_system, operation, values, first, length - first, options, x, y, &reply));
}

/* For archive.wasm, whose calls are about a system. */
EXPORT("nidus_system") struct nidus_system *export_system(void) { return the_system; }

/* Mounts at a path, the one string. */
static int32_t mounted(const char *path, int32_t mount) {
  struct reply reply = {0};
  return reply_give(&reply, mount < 0 ? reply_refuse(&reply, (wasi_errno_t)-mount, "mount", path, "") : mount);
}

EXPORT("nidus_mount_volume")
int32_t export_mount_volume(const char *path, uint32_t length, uint32_t flags, double budget) {
  return mounted(path, nidus_mount_volume(the_system, path, length - 1, flags, limit_of(budget)));
}

EXPORT("nidus_mount_mem") int32_t export_mount_mem(const char *path, uint32_t length) {
  return mounted(path, nidus_mount_mem(the_system, path, length - 1));
}

EXPORT("nidus_mount_paths") int32_t export_mount_paths(const char *path, uint32_t length) {
  return mounted(path, nidus_mount_paths(the_system, path, length - 1));
}

EXPORT("nidus_mount_tar")
int32_t export_mount_tar(const char *path, uint32_t length, void *archive, uint32_t archive_length) {
  return mounted(path, nidus_mount_tar(the_system, path, length - 1, archive, archive_length));
}

EXPORT("nidus_mount_store")
int32_t export_mount_store(const char *path, uint32_t length, uint32_t store, uint32_t flags, double budget) {
  return mounted(path, store_mount(the_system, path, length - 1, store, flags, limit_of(budget)));
}

EXPORT("nidus_volume_flush") int32_t export_volume_flush(uint32_t mount) { return volume_flush(the_system, mount); }

EXPORT("nidus_mount_host")
int32_t export_mount_host(const char *path, uint32_t length, uint32_t host_mount, uint32_t flags) {
  return mounted(path, nidus_mount_host(the_system, path, length - 1, host_mount, flags));
}

/* ---- the calls of kernel.h, for the one system ---- */

EXPORT("nidus_unmount") int32_t export_unmount(uint32_t mount) { return nidus_unmount(the_system, mount); }

EXPORT("nidus_process_create")
int32_t export_process_create(const char *argv, uint32_t argv_length, uint32_t argc, const char *env,
                              uint32_t env_length, uint32_t envc) {
  return nidus_process_create(the_system, argv, argv_length, argc, env, env_length, envc);
}

/* Table indices of the bridge's functions: in wasm a function pointer is such an index. */
EXPORT("nidus_process_memory")
int32_t export_process_memory(uint32_t pid, guest_read_function read, guest_write_function write) {
  struct process *process = system_process(the_system, pid);
  if (!process || process->exit_code >= 0) return -WASI_ESRCH;
  process->call.read = read;
  process->call.write = write;
#ifdef NIDUS_SHARED
  process->local = !this_thread();
#endif
  return 0;
}

#ifdef NIDUS_SHARED
EXPORT("nidus_volume_serve") void export_volume_serve(uint32_t mount) { volume_serve(the_system, mount); }

_Static_assert(offsetof(struct process, wait_kinds) == 4 && offsetof(struct process, wait_deadline) == 8 &&
                   offsetof(struct process, exit_code) == 16 && offsetof(struct process, parked) == 0,
               "docs/kernel-abi.md");

EXPORT("nidus_process_words") const void *export_process_words(uint32_t pid) { return system_process(the_system, pid); }
EXPORT("nidus_wake") void export_wake(void) { wake_threads(the_system); }
EXPORT("nidus_listen") void export_listen(void) { the_system->listening = true; }
#endif

EXPORT("nidus_fd_stream") int32_t export_fd_stream(uint32_t pid, uint32_t fd, uint32_t stream, uint32_t flags) {
  return nidus_fd_stream(the_system, pid, fd, stream, flags);
}

EXPORT("nidus_fd_open")
int32_t export_fd_open(uint32_t pid, uint32_t fd, const char *path, uint32_t length, uint32_t oflags,
                       uint32_t fdflags, uint32_t access) {
  return nidus_fd_open(the_system, pid, fd, path, length, oflags, fdflags, access);
}

EXPORT("nidus_fd_preopen")
int32_t export_fd_preopen(uint32_t pid, const char *path, uint32_t length, const char *name, uint32_t name_length,
                          uint32_t flags) {
  return nidus_fd_preopen(the_system, pid, path, length, name, name_length, flags);
}

EXPORT("nidus_fd_share") int32_t export_fd_share(uint32_t pid, uint32_t fd, uint32_t from_pid, uint32_t from_fd) {
  return nidus_fd_share(the_system, pid, fd, from_pid, from_fd);
}

EXPORT("nidus_fd_pipe")
int32_t export_fd_pipe(uint32_t pid, uint32_t fd, uint32_t writer_pid, uint32_t writer_fd) {
  return nidus_fd_pipe(the_system, pid, fd, writer_pid, writer_fd);
}

EXPORT("nidus_fd_pair")
int32_t export_fd_pair(uint32_t pid, uint32_t fd, uint32_t other_pid, uint32_t other_fd) {
  return nidus_fd_pair(the_system, pid, fd, other_pid, other_fd);
}

EXPORT("nidus_events") uint32_t export_events(void) { return nidus_events(the_system); }

EXPORT("nidus_tty_open") int32_t export_tty_open(uint32_t stream, uint32_t cols, uint32_t rows) {
  return nidus_tty_open(the_system, stream, cols, rows);
}

EXPORT("nidus_tty_resize") int32_t export_tty_resize(uint32_t stream, uint32_t cols, uint32_t rows) {
  return nidus_tty_resize(the_system, stream, cols, rows);
}

EXPORT("nidus_tty_input") void export_tty_input(void) { nidus_tty_input(the_system); }
EXPORT("nidus_tty_close") void export_tty_close(uint32_t stream) { nidus_tty_close(the_system, stream); }

EXPORT("nidus_fd_close") int32_t export_fd_close(uint32_t pid, uint32_t fd) {
  return nidus_fd_close(the_system, pid, fd);
}

EXPORT("nidus_mount_limit") int32_t export_mount_limit(uint32_t mount, double bytes) {
  return nidus_mount_limit(the_system, mount, limit_of(bytes));
}

EXPORT("nidus_process_snapshot0") int32_t export_process_snapshot0(uint32_t pid, uint32_t older) {
  return nidus_process_snapshot0(the_system, pid, older);
}

EXPORT("nidus_process_limit") int32_t export_process_limit(uint32_t pid, uint32_t limit, double value) {
  return nidus_process_limit(the_system, pid, limit, limit_of(value));
}

EXPORT("nidus_process_limit_hit") int32_t export_process_limit_hit(uint32_t pid) {
  return nidus_process_limit_hit(the_system, pid);
}

#ifndef NIDUS_SHARED /* of a command that runs one program in one thread */
EXPORT("nidus_trace")
uint32_t export_trace(uint32_t pid, uint32_t number, const uint64_t *arguments, uint32_t result, char *out,
                      uint32_t size) {
  return nidus_trace(the_system, pid, number, arguments, result, out, size);
}
#endif

EXPORT("nidus_process_exit_code") int32_t export_process_exit_code(uint32_t pid) {
  return nidus_process_exit_code(the_system, pid);
}

EXPORT("nidus_process_end") void export_process_end(uint32_t pid, int32_t code) {
  nidus_process_end(the_system, pid, code);
}

EXPORT("nidus_process_finish") int32_t export_process_finish(uint32_t pid) {
  return nidus_process_finish(the_system, pid);
}

EXPORT("nidus_process_signal") int32_t export_process_signal(uint32_t pid, uint32_t signal) {
  return nidus_process_signal(the_system, pid, signal);
}

EXPORT("nidus_prepared") uint32_t export_prepared(void) { return the_system->prepared; }

EXPORT("nidus_process_take") int32_t export_process_take(const char *strings, uint32_t length) {
  (void)strings, (void)length;
  struct reply reply = {0};
  return reply_give(&reply, family_take(the_system, &reply));
}

EXPORT("nidus_processes") int32_t export_processes(const char *strings, uint32_t length) {
  (void)strings, (void)length;
  struct reply reply = {0};
  return reply_give(&reply, family_list(the_system, &reply));
}

EXPORT("nidus_process_reap") int32_t export_process_reap(uint32_t pid) { return nidus_process_reap(the_system, pid); }

EXPORT("nidus_wait_kinds") int32_t export_wait_kinds(uint32_t pid) { return nidus_wait_kinds(the_system, pid); }
EXPORT("nidus_wait_time") double export_wait_time(uint32_t pid) { return nidus_wait_time(the_system, pid); }
EXPORT("nidus_wait_deadline") int64_t export_wait_deadline(uint32_t pid) {
  return nidus_wait_deadline(the_system, pid);
}

EXPORT("nidus_volume_dirty") int32_t export_volume_dirty(uint32_t mount) {
  return nidus_volume_dirty(the_system, mount);
}

EXPORT("nidus_flush_begin") int32_t export_flush_begin(uint32_t mount) { return nidus_flush_begin(the_system, mount); }

_Static_assert(sizeof(struct nidus_stat) == 80, "docs/kernel-abi.md");

/* As JavaScript's numbers. */
EXPORT("nidus_flush_record") const double *export_flush_record(uint32_t mount, uint32_t i) {
  static double fields[5];
  struct nidus_flush_record record;
  if (!nidus_flush_record(the_system, mount, i, &record)) return NULL;
  fields[0] = record.kind;
  fields[1] = (double)record.ino;
  fields[2] = (double)record.index;
  fields[3] = (double)(uintptr_t)record.bytes;
  fields[4] = record.length;
  return fields;
}

EXPORT("nidus_flush_end") void export_flush_end(uint32_t mount, uint32_t error) {
  nidus_flush_end(the_system, mount, (wasi_errno_t)error);
}

/* Gives three numbers for each range. */
EXPORT("nidus_volume_writable") void export_volume_writable(uint32_t mount) { nidus_volume_writable(the_system, mount); }

EXPORT("nidus_volume_wants") int32_t export_volume_wants(uint32_t mount, uint32_t all) {
  static double fields[3 * NIDUS_WANTS];
  struct nidus_want wants[NIDUS_WANTS];
  uint32_t count = nidus_volume_wants(the_system, mount, all, wants);
  for (uint32_t i = 0; i < count; i++) {
    fields[3 * i] = (double)wants[i].ino;
    fields[3 * i + 1] = (double)wants[i].first;
    fields[3 * i + 2] = wants[i].count;
  }
  (void)give((int32_t)count, NULL, 0);
  given.bytes = fields;
  given.length = count * 3 * sizeof *fields;
  return (int32_t)count | (nidus_volume_crowded(the_system, mount) ? 64 : 0);
}

EXPORT("nidus_chunk")
int32_t export_chunk(const void *bytes, uint32_t length, uint32_t mount, double ino, double index, uint32_t error) {
  (void)give(0, NULL, 0);
  return nidus_chunk(the_system, mount, (uint64_t)ino, (uint64_t)index, bytes, length, (wasi_errno_t)error);
}

/* The keys are pairs of numbers, as JavaScript has them. */
EXPORT("nidus_volume_check")
int32_t export_volume_check(const double *numbers, uint32_t length, uint32_t mount, uint32_t repair) {
  struct reply reply = {0};
  uint32_t count = length / (2 * sizeof *numbers);
  struct nidus_chunk_key *keys = malloc(length + 1);
  for (uint32_t i = 0; keys && i < count; i++) keys[i] = (struct nidus_chunk_key){(uint64_t)numbers[2 * i], (uint64_t)numbers[2 * i + 1]};
  int32_t result = keys ? volume_check(the_system, mount, keys, count, repair, &reply) : -WASI_ENOMEM;
  free(keys);
  return reply_give(&reply, result);
}

EXPORT("nidus_load") int32_t export_load(const void *bytes, uint32_t length, uint32_t mount) {
  (void)give(0, NULL, 0);
  return nidus_load(the_system, mount, bytes, length);
}

EXPORT("nidus_load_end")
int32_t export_load_end(const char *strings, uint32_t length, uint32_t mount, double bytes) {
  struct reply reply = {0};
  int32_t end = nidus_load_end(the_system, mount);
  (void)nidus_mount_limit(the_system, mount, limit_of(bytes));
  return reply_give(&reply, end < 0 ? volume_damaged((wasi_errno_t)-end, strings, length, &reply) : end);
}

EXPORT("nidus_paths_dirty") int32_t export_paths_dirty(uint32_t mount) {
  return nidus_paths_dirty(the_system, mount);
}

EXPORT("nidus_paths_begin") int32_t export_paths_begin(uint32_t mount) {
  struct reply reply = {0};
  return reply_give(&reply, nidus_paths_begin(the_system, mount, &reply));
}

EXPORT("nidus_paths_end") void export_paths_end(uint32_t mount, uint32_t error) {
  nidus_paths_end(the_system, mount, error);
}

/* ---- wasi_snapshot_preview1, with its exact core signatures ---- */

#define SYSCALL0(name) EXPORT(#name) wasi_errno_t call_##name(void) { return wasi_##name(current()); }
#define SYSCALL1(name, t1, p1) \
  EXPORT(#name) wasi_errno_t call_##name(TYPE_##t1 p1) { return wasi_##name(current(), p1); }
#define SYSCALLV1(name, t1, p1) \
  EXPORT(#name) void call_##name(TYPE_##t1 p1) { (void)wasi_##name(current(), p1); }
#define SYSCALL2(name, t1, p1, t2, p2) \
  EXPORT(#name) wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2) { return wasi_##name(current(), p1, p2); }
#define SYSCALL3(name, t1, p1, t2, p2, t3, p3)                                      \
  EXPORT(#name) wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3) { \
    return wasi_##name(current(), p1, p2, p3);                                      \
  }
#define SYSCALL4(name, t1, p1, t2, p2, t3, p3, t4, p4)                                             \
  EXPORT(#name) wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4) { \
    return wasi_##name(current(), p1, p2, p3, p4);                                                 \
  }
#define SYSCALL5(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5)                                                \
  EXPORT(#name)                                                                                              \
  wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, TYPE_##t5 p5) {         \
    return wasi_##name(current(), p1, p2, p3, p4, p5);                                                       \
  }
#define SYSCALL6(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6)                                             \
  EXPORT(#name)                                                                                                   \
  wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, TYPE_##t5 p5, TYPE_##t6 p6) { \
    return wasi_##name(current(), p1, p2, p3, p4, p5, p6);                                                        \
  }
#define SYSCALL7(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7)                                     \
  EXPORT(#name)                                                                                                   \
  wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, TYPE_##t5 p5, TYPE_##t6 p6,   \
                             TYPE_##t7 p7) {                                                                      \
    return wasi_##name(current(), p1, p2, p3, p4, p5, p6, p7);                                                    \
  }
#define SYSCALL9(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7, t8, p8, t9, p9)                     \
  EXPORT(#name)                                                                                                   \
  wasi_errno_t call_##name(TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, TYPE_##t5 p5, TYPE_##t6 p6,   \
                             TYPE_##t7 p7, TYPE_##t8 p8, TYPE_##t9 p9) {                                          \
    return wasi_##name(current(), p1, p2, p3, p4, p5, p6, p7, p8, p9);                                            \
  }
#include "syscalls.def"
#include "syscalls_undef.h"
