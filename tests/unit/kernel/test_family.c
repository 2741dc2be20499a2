/*
 * test_family.c: processes that spawn others: what children get, groups, signals, zombies, waiting, the working folder.
 */
#include "family.h"
#include "kit.h"
#include "nidus/process_abi.h"
#include "process_signal.h"
#include "spawn.h"

enum { REQUEST = 40000, ARGV = 41000, ENV = 42000, ACTIONS = 43000, PATH = 44000 };
enum { INT = SIGNAL_INT, KILL = SIGNAL_KILL, TERM = SIGNAL_TERM, CHLD = SIGNAL_CHLD, USR1 = 10 };

/* All processes have one memory, and the kit calls for guest->pid: this makes another one the caller. */
static void become(struct guest *guest, uint32_t pid) {
  require(nidus_process_memory(guest->system, pid, guest_memory(guest)) == 0);
  guest->pid = pid;
}

/* A shell, as the host starts one in the tree; the kit's process is kept to the end. Answers that one. */
static uint32_t begin(struct guest *guest) {
  static const char strings[] = "/box\0sh\0f/dev/null\0f/dev/null\0f/dev/null";
  uint32_t kit = guest->pid;
  make_file(guest, BOX, "tool", "\0asm");
  struct reply reply = {0};
  int32_t pid = spawn_process(guest->system, strings, sizeof strings, 1, 0, SPAWN_ALL_FOLDERS, &reply);
  require(pid > 1);
  become(guest, (uint32_t)pid);
  return kit;
}

static void finish(struct guest *guest, uint32_t kit) {
  (void)nidus_process_finish(guest->system, guest->pid);
  guest->pid = kit;
}

static void request(struct guest *guest, const char *path, uint32_t actions, uint32_t flags, uint32_t group) {
  uint32_t length = (uint32_t)strlen(path);
  memcpy(guest->memory + PATH, path, length);
  memcpy(guest->memory + ARGV, "tool\0-x", 8);
  memcpy(guest->memory + ENV, "PATH=/nowhere:/box\0A=1", 23);
  const uint32_t words[10] = {PATH, length, ARGV, 8, ENV, 23, ACTIONS, actions, flags, group};
  memcpy(guest->memory + REQUEST, words, sizeof words);
}

static void action(struct guest *guest, uint32_t i, uint32_t op, uint32_t fd, uint32_t to) {
  const struct nidus_spawn_action action = {op, fd, to};
  memcpy(guest->memory + ACTIONS + i * sizeof action, &action, sizeof action);
}

static uint32_t spawn(struct guest *guest) {
  OK(guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  return guest_u32(guest, OUT);
}

static uint32_t simple(struct guest *guest) {
  request(guest, "./tool", 0, 0, 0);
  return spawn(guest);
}

/* The host takes the next one; its strings in a static buffer, with blanks between them. */
static const char *taken(struct guest *guest, uint32_t *pid) {
  static char text[1024];
  struct reply reply = {0};
  int32_t result = family_take(guest->system, &reply);
  require(result >= 0 && reply.length < sizeof text);
  *pid = (uint32_t)result;
  memcpy(text, reply.bytes ? reply.bytes : "", reply.length);
  text[reply.length] = 0;
  for (uint32_t i = 0; i < reply.length; i++) text[i] = text[i] ? text[i] : ' ';
  free(reply.bytes);
  return text;
}

static const char *listed(struct guest *guest) {
  static char text[1024];
  struct reply reply = {0};
  require(family_list(guest->system, &reply) > 0 && reply.length < sizeof text);
  memcpy(text, reply.bytes, reply.length);
  text[reply.length] = 0;
  for (uint32_t i = 0; i < reply.length; i++) text[i] = text[i] ? text[i] : '|';
  free(reply.bytes);
  return text;
}

static wasi_errno_t wait_for(struct guest *guest, int32_t pid, uint32_t options) {
  return guest_call(guest, SYS_proc_wait, (uint32_t)pid, options, OUT, OUT + 4);
}

static void whole(struct guest *guest) {
  uint32_t kit = begin(guest), pid, none;
  request(guest, "tool", 0, NIDUS_SPAWN_SEARCH, 0);
  uint32_t child = spawn(guest);
  require(strstr(listed(guest), "|prepared|tool -x|"));
  const char *strings = taken(guest, &pid);
  require(pid == child);
  char start[40];
  require(strncmp(strings, start, (size_t)snprintf(start, sizeof start, "%u 2 tool /box/tool ", guest->pid)) == 0);
  require(strstr(strings, " /box tool -x PATH=/nowhere:/box A=1 "));
  require(*taken(guest, &none) == 0 && none == 0);
  /* What it was given. */
  uint32_t parent = guest->pid;
  become(guest, child);
  OK(guest_call(guest, SYS_args_sizes_get, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 2);
  OK(guest_call(guest, SYS_proc_getpid, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == child && guest_u32(guest, OUT + 4) == parent);
  OK(guest_call(guest, SYS_proc_getcwd, DATA, 100, OUT));
  require(guest_u32(guest, OUT) == 4 && memcmp(guest->memory + DATA, "/box", 4) == 0);
  OK(guest_call(guest, SYS_proc_exit, 7));
  guest->pid = parent;
  EXPECT(NIDUS_WOULD_BLOCK, wait_for(guest, -1, 0)); /* the host is not done with it */
  require(nidus_process_finish(guest->system, child) == 7);
  require(strstr(listed(guest), "|zombie|tool -x|"));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_proc_wait, child, 0, GUEST_SIZE, OUT));
  OK(wait_for(guest, -1, 0));
  require(guest_u32(guest, OUT) == child && guest_u32(guest, OUT + 4) == 7 << 8);
  EXPECT(WASI_ECHILD, wait_for(guest, -1, 0));
  EXPECT(WASI_ECHILD, wait_for(guest, (int32_t)kit, 0));
  finish(guest, kit);
}

static void redirected(struct guest *guest) {
  uint32_t kit = begin(guest), moved, pid;
  char bytes[8];
  OK(guest_call(guest, SYS_fd_pipe, OUT));
  uint32_t reads = guest_u32(guest, OUT), writes = guest_u32(guest, OUT + 4), parent = guest->pid;
  OK(guest_call(guest, SYS_fd_dup, writes, OUT));
  uint32_t copy = guest_u32(guest, OUT);
  action(guest, 0, NIDUS_SPAWN_DUP2, writes, 1);
  action(guest, 1, NIDUS_SPAWN_DUP2, 1, 2);
  action(guest, 2, NIDUS_SPAWN_CLOSE, 0, 0);
  action(guest, 3, NIDUS_SPAWN_DUP2, copy, 40);
  request(guest, "./tool", 4, 0, 0);
  uint32_t child = spawn(guest);
  struct reply reply = {0};
  int32_t answer = family_take(guest->system, &reply);
  free(reply.bytes);
  pid = (uint32_t)answer % PROCESS_LIMIT;
  require(pid == child && (uint32_t)answer == (pid | FAMILY_PIPE));
  OK(do_close(guest, writes));
  OK(do_close(guest, copy));
  become(guest, child);
  EXPECT(WASI_EBADF, do_read(guest, 0, bytes, 1, &moved));
  EXPECT(WASI_EBADF, do_read(guest, reads, bytes, 1, &moved)); /* only what was said is inherited */
  OK(do_write(guest, 1, "one", 3, &moved));
  OK(do_write(guest, 2, "two", 3, &moved));
  OK(do_write(guest, 40, "!", 1, &moved));
  guest->pid = parent;
  OK(do_read(guest, reads, bytes, 8, &moved));
  require(moved == 7 && memcmp(bytes, "onetwo!", 7) == 0);
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, reads, bytes, 8, &moved));
  nidus_process_end(guest->system, child, 0);
  OK(do_read(guest, reads, bytes, 8, &moved));
  require(moved == 0);
  (void)nidus_process_finish(guest->system, child);
  /* dup2 onto a descriptor that is open; copies share the offset. */
  OK(guest_call(guest, SYS_fd_dup2, 0, reads));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_dup2, 99, 1));
  OK(guest_call(guest, SYS_fd_dup2, 1, 1));
  finish(guest, kit);
}

static void refused(struct guest *guest) {
  uint32_t kit = begin(guest);
  request(guest, "./none", 0, 0, 0);
  EXPECT(WASI_ENOENT, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  request(guest, "/box", 0, 0, 0);
  EXPECT(WASI_EACCES, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  request(guest, "", 0, 0, 0);
  EXPECT(WASI_ENOENT, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  request(guest, "./tool", 0, 64, 0);
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  request(guest, "./tool", 0, NIDUS_SPAWN_GROUP, 4000);
  EXPECT(WASI_EPERM, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  request(guest, "./tool", NIDUS_SPAWN_ACTIONS + 1, 0, 0);
  EXPECT(WASI_E2BIG, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  const uint32_t wrong[][3] = {{NIDUS_SPAWN_DUP2, 50, 1}, {NIDUS_SPAWN_DUP2, 1, 64}, {9, 1, 1}, {NIDUS_SPAWN_CLOSE, 3, 0}};
  const wasi_errno_t errors[] = {WASI_EBADF, WASI_EBADF, WASI_EINVAL, WASI_EINVAL};
  for (int i = 0; i < 4; i++) {
    request(guest, "./tool", 1, 0, 0);
    action(guest, 0, wrong[i][0], wrong[i][1], wrong[i][2]);
    EXPECT(errors[i], guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  }
  request(guest, "./tool", 1, 0, 0);
  action(guest, 0, NIDUS_SPAWN_DUP2, 1, 3);
  EXPECT(WASI_EBUSY, guest_call(guest, SYS_proc_spawn, REQUEST, OUT)); /* a folder's place */
  request(guest, "./tool", 0, 0, 0);
  guest_put_u32(guest, REQUEST + 12, 7); /* argv without its last NUL */
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  guest_put_u32(guest, REQUEST + 12, GUEST_SIZE);
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_proc_spawn, GUEST_SIZE - 8, OUT));
  uint32_t none;
  require(*taken(guest, &none) == 0);
  /* One that was given its folders one by one sees no more than these, and can spawn nothing. */
  uint32_t shell = guest->pid;
  guest->pid = kit;
  request(guest, "/box/tool", 0, 0, 0);
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_proc_getcwd, DATA, 100, OUT));
  guest->pid = shell;
  finish(guest, kit);
}

static void folders(struct guest *guest) {
  uint32_t kit = begin(guest), fd;
  uint32_t child = simple(guest), shell = guest->pid;
  uint32_t dot = 3;
  for (char name = 0; name != '.'; dot++) {
    OK(guest_call(guest, SYS_fd_prestat_dir_name, dot, DATA, 100));
    name = (char)guest->memory[DATA];
  }
  dot--;
  OK(do_mkdir(guest, dot, "in"));
  OK(do_symlink(guest, dot, "in", "link"));
  memcpy(guest->memory + PATH, "link/../link", 12);
  OK(guest_call(guest, SYS_proc_chdir, PATH, 12));
  make_file(guest, dot, "here", "text");
  OK(guest_call(guest, SYS_proc_getcwd, DATA, 100, OUT));
  require(guest_u32(guest, OUT) == 7 && memcmp(guest->memory + DATA, "/box/in", 7) == 0);
  EXPECT(WASI_ERANGE, guest_call(guest, SYS_proc_getcwd, DATA, 6, OUT));
  /* A child's working folder is its own. */
  become(guest, child);
  OK(do_open(guest, dot, "in/here", 0, READ_RIGHTS, 0, &fd));
  guest->pid = shell;
  EXPECT(WASI_ENOENT, guest_call(guest, SYS_proc_chdir, PATH, 4));
  memcpy(guest->memory + PATH, "here", 4);
  EXPECT(WASI_ENOTDIR, guest_call(guest, SYS_proc_chdir, PATH, 4));
  memcpy(guest->memory + PATH, "..", 2);
  OK(guest_call(guest, SYS_proc_chdir, PATH, 2));
  OK(do_open(guest, dot, "in/here", 0, READ_RIGHTS, 0, &fd));
  (void)nidus_process_finish(guest->system, child);
  finish(guest, kit);
}

static void signalled(struct guest *guest) {
  uint32_t kit = begin(guest), shell = guest->pid, moved;
  char bytes[4];
  OK(guest_call(guest, SYS_proc_sigset, CHLD, SIGNAL_HANDLE));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_sigset, KILL, SIGNAL_IGNORE));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_sigset, 31, SIGNAL_IGNORE));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_sigset, INT, 3));
  request(guest, "./tool", 0, NIDUS_SPAWN_GROUP, 0);
  uint32_t a = spawn(guest);
  request(guest, "./tool", 0, NIDUS_SPAWN_GROUP, a);
  uint32_t b = spawn(guest), pid;
  taken(guest, &pid);
  taken(guest, &pid);
  become(guest, b);
  OK(guest_call(guest, SYS_proc_sigset, INT, SIGNAL_HANDLE));
  OK(guest_call(guest, SYS_fd_pipe, OUT));
  uint32_t reads = guest_u32(guest, OUT);
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, reads, bytes, 1, &moved));
  guest->pid = shell;
  uint32_t before = nidus_events(guest->system);
  OK(guest_call(guest, SYS_proc_kill, (uint32_t)-(int32_t)a, INT));
  require(nidus_events(guest->system) != before);
  require(nidus_process_exit_code(guest->system, a) == NIDUS_EXIT_SIGNAL + INT);
  require(nidus_process_exit_code(guest->system, shell) == -1);
  guest->pid = b;
  EXPECT(WASI_EINTR, do_read(guest, reads, bytes, 1, &moved));
  OK(guest_call(guest, SYS_proc_signext, OUT));
  require(guest_u32(guest, OUT) == INT);
  OK(guest_call(guest, SYS_proc_signext, OUT));
  require(guest_u32(guest, OUT) == 0);
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, reads, bytes, 1, &moved));
  require(process_group_signal(guest->system, a, TERM) == 1);
  require(nidus_process_exit_code(guest->system, b) == NIDUS_EXIT_SIGNAL + TERM);
  guest->pid = shell;
  require(nidus_process_finish(guest->system, a) == NIDUS_EXIT_SIGNAL + INT);
  OK(guest_call(guest, SYS_proc_signext, OUT));
  require(guest_u32(guest, OUT) == CHLD);
  OK(wait_for(guest, -(int32_t)a, 0));
  require(guest_u32(guest, OUT) == a && guest_u32(guest, OUT + 4) == INT);
  OK(wait_for(guest, (int32_t)b, NIDUS_WAIT_NO_HANG));
  require(guest_u32(guest, OUT) == 0);
  EXPECT(NIDUS_WOULD_BLOCK, wait_for(guest, 0 - (int32_t)a, 0));
  require(nidus_wait_kinds(guest->system, shell) == NIDUS_WAIT_CHILD);
  require(nidus_process_finish(guest->system, b) == NIDUS_EXIT_SIGNAL + TERM);
  EXPECT(WASI_ECHILD, wait_for(guest, 0, 0)); /* none in its own group */
  EXPECT(WASI_ESRCH, guest_call(guest, SYS_proc_kill, 4000, 0));
  EXPECT(WASI_EPERM, guest_call(guest, SYS_proc_kill, 1, KILL));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_kill, b, 31));
  OK(guest_call(guest, SYS_proc_kill, b, 0)); /* a zombie is there */
  /* Ignored is inherited, a handler is not. */
  OK(guest_call(guest, SYS_proc_sigset, USR1, SIGNAL_IGNORE));
  uint32_t child = simple(guest);
  require(nidus_process_signal(guest->system, child, USR1) == 0);
  require(nidus_process_exit_code(guest->system, child) == -1);
  require(nidus_process_signal(guest->system, child, KILL) == 0);
  OK(wait_for(guest, (int32_t)child, 0)); /* the host never had it */
  require(guest_u32(guest, OUT + 4) == KILL);
  finish(guest, kit);
}

static void orphans(struct guest *guest) {
  uint32_t kit = begin(guest), zombie = simple(guest), running = simple(guest), never = simple(guest), pid;
  taken(guest, &pid);
  taken(guest, &pid);
  require(nidus_process_finish(guest->system, zombie) == -1);
  require(nidus_process_exit_code(guest->system, zombie) == 0);
  require(nidus_process_finish(guest->system, guest->pid) == -1);
  require(nidus_process_exit_code(guest->system, zombie) == -WASI_ESRCH); /* reaped with its parent */
  require(nidus_process_finish(guest->system, running) == -1);
  require(nidus_process_exit_code(guest->system, running) == -WASI_ESRCH);
  require(nidus_process_signal(guest->system, never, TERM) == 0);
  require(nidus_process_exit_code(guest->system, never) == -WASI_ESRCH);
  guest->pid = kit;
}

static void limited(struct guest *guest) {
  uint32_t kit = begin(guest);
  require(nidus_process_limit(guest->system, guest->pid, NIDUS_LIMIT_PROCESSES, 3) == 0);
  uint32_t child = simple(guest), shell = guest->pid;
  become(guest, child);
  (void)simple(guest);
  request(guest, "./tool", 0, 0, 0);
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  guest->pid = shell;
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_proc_spawn, REQUEST, OUT));
  (void)nidus_process_finish(guest->system, child);
  EXPECT(WASI_EAGAIN, guest_call(guest, SYS_proc_spawn, REQUEST, OUT)); /* a zombie counts */
  OK(wait_for(guest, (int32_t)child, 0));
  (void)spawn(guest);
  finish(guest, kit);
}

static const struct test tests[] = {
    {"A child is made whole, runs, ends, and is waited for once", whole},
    {"A child gets the descriptors that the actions give it, and no others", redirected},
    {"What cannot be spawned is refused, and nothing is made", refused},
    {"The working folder is what relative paths begin at, and each process's own", folders},
    {"Signals end, are ignored, or wait for the handler and interrupt", signalled},
    {"Orphans are reaped without a parent", orphans},
    {"The number of processes is limited for a program with all its descendants", limited},
};

RUN_TESTS(tests)
