/*
 * test_program.c: from what somebody wants to run to what can run, and the sentences for what cannot.
 */
#include "kit.h"
#include "program.h"

/* A block of strings: the literal's own NULs, and the one at its end. */
#define BLOCK(text) text, (uint32_t)sizeof(text)

static const char *part(const struct reply *reply, uint32_t index) {
  const char *at = reply->bytes;
  for (; index > 0; index--) at += strlen(at) + 1;
  require(at < reply->bytes + reply->length);
  return at;
}

static void expect_found(struct guest *guest, const char *strings, uint32_t length, int32_t tier, const char *path) {
  struct reply reply = {0};
  require(program_find(guest->system, strings, length, PROGRAM_NAMED, 0, &reply) == tier);
  require(strcmp(part(&reply, 0), path) == 0);
  free(reply.bytes);
}

static void expect_refused(int32_t result, struct reply *reply, wasi_errno_t error, const char *words,
                           const char *syscall, const char *path) {
  require(result == -(int32_t)error);
  if (!strstr(part(reply, 0), words) || (!*words && *part(reply, 0))) {
    fprintf(stderr, "\"%s\" does not say: %s\n", part(reply, 0), words);
    abort();
  }
  require(strcmp(part(reply, 1), syscall) == 0 && strcmp(part(reply, 2), path) == 0);
  free(reply->bytes);
}

static void expect_unfound(struct guest *guest, const char *strings, uint32_t length, wasi_errno_t error,
                           const char *words, const char *syscall, const char *path) {
  struct reply reply = {0};
  int32_t result = program_find(guest->system, strings, length, PROGRAM_NAMED, 0, &reply);
  expect_refused(result, &reply, error, words, syscall, path);
}

static void commands_are_found(struct guest *guest) {
  OK(do_mkdir(guest, BOX, "bin"));
  OK(do_mkdir(guest, BOX, "home"));
  OK(do_mkdir(guest, BOX, "home/tool"));
  make_file(guest, BOX, "bin/tool", "1");
  make_file(guest, BOX, "home/own", "2");
  expect_found(guest, BLOCK("/box/home\0tool\0/none::/box/home:/box/bin\0auto"), PROGRAM_AUTO, "/box/bin/tool");
  expect_found(guest, BLOCK("/box/home\0tool\0../bin\0direct"), PROGRAM_DIRECT, "/box/home/../bin/tool");
  expect_found(guest, BLOCK("/box/home\0own\0:/none\0interp"), PROGRAM_INTERP, "/box/home/own");
}

static void no_path_is_the_standard_one(struct guest *guest) {
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/", 0);
  OK(do_mkdir(guest, BOX, "usr"));
  OK(do_mkdir(guest, BOX, "usr/bin"));
  make_file(guest, BOX, "usr/bin/tool", "1");
  expect_found(guest, BLOCK("/tmp\0tool\0\0auto"), PROGRAM_AUTO, "/usr/bin/tool");
}

static void paths_are_taken_as_they_are(struct guest *guest) {
  make_file(guest, BOX, "own", "2");
  expect_found(guest, BLOCK("/box\0./own\0/bin\0auto"), PROGRAM_AUTO, "/box/./own");
  expect_found(guest, BLOCK("/\0box/own\0/bin\0auto"), PROGRAM_AUTO, "/box/own");
  expect_found(guest, BLOCK("/tmp\0/box/own\0/bin\0auto"), PROGRAM_AUTO, "/box/own");
}

static void what_is_missing_is_named(struct guest *guest) {
  expect_unfound(guest, BLOCK("/box\0none\0/box:/tmp\0auto"), WASI_ENOENT,
                 "ENOENT: there is no command \"none\": it is neither registered nor in PATH; a program in the working "
                 "folder is started as ./none",
                 "spawn", "none");
  expect_unfound(guest, BLOCK("/box\0\0/box\0auto"), WASI_ENOENT, "there is no command \"\"", "spawn", "");
  expect_unfound(guest, BLOCK("/box\0./none\0/box\0auto"), WASI_ENOENT, "", "stat", "/box/./none");
  expect_unfound(guest, BLOCK("/tmp\0/box\0/\0auto"), WASI_EACCES, "", "spawn", "/box");
  expect_unfound(guest, BLOCK("/box\0tool\0/box\0fast"), WASI_EINVAL, "there is no tier \"fast\" for tool", "spawn",
                 "tool");
  char path[2 * PATH_LIMIT] = "/box";
  memset(path + 5, 'x', PATH_LIMIT);
  path[5 + PATH_LIMIT / 2] = '/';
  memcpy(path + 5 + PATH_LIMIT, "\0/tmp\0auto", 11);
  struct reply reply = {0};
  int32_t result = program_find(guest->system, path, 5 + PATH_LIMIT + 11, PROGRAM_NAMED, 0, &reply);
  expect_refused(result, &reply, WASI_ENAMETOOLONG, "", "stat", path + 5);
}

/* The key of /box/own `later` milliseconds after the moment it was last changed. */
static char *key_of(struct guest *guest, uint64_t later) {
  struct nidus_stat stat;
  require(nidus_stat(guest->system, "/box/own", 8, true, &stat) == 0);
  guest->ticks = stat.mtime / 1000000 + later;
  struct reply reply = {0};
  require(program_find(guest->system, BLOCK("/box\0./own\0\0auto"), PROGRAM_NAMED, 0, &reply) == PROGRAM_AUTO);
  char *key = strdup(part(&reply, 1));
  free(reply.bytes);
  return key;
}

static void keys_tell_versions_apart(struct guest *guest) {
  make_file(guest, BOX, "own", "1");
  char *young = key_of(guest, 1), *first = key_of(guest, 100), *again = key_of(guest, 200);
  require(*young == 0 && *first && strcmp(first, again) == 0);
  OK(do_unlink(guest, BOX, "own"));
  make_file(guest, BOX, "own", "2");
  char *second = key_of(guest, 100);
  require(*second && strcmp(first, second) != 0);
  free(young), free(first), free(again), free(second);
}

static void tiers_fit_what_is_given(struct guest *guest) {
  struct reply reply = {0};
  require(program_find(guest->system, BLOCK("/\0p\0\0auto"), PROGRAM_BYTES, 0, &reply) == PROGRAM_AUTO);
  require(program_find(guest->system, BLOCK("/\0p\0\0auto"), PROGRAM_BYTES, 1, &reply) == PROGRAM_INTERP);
  require(program_find(guest->system, BLOCK("/\0p\0\0interp"), PROGRAM_BYTES, 1, &reply) == PROGRAM_INTERP);
  require(program_find(guest->system, BLOCK("/\0p\0\0direct"), PROGRAM_COMPILED, 0, &reply) == PROGRAM_DIRECT);
  require(program_find(guest->system, BLOCK("/\0p\0\0auto"), PROGRAM_COMPILED, 0, &reply) == PROGRAM_DIRECT);
  require(reply.length == 0);
  int32_t result = program_find(guest->system, BLOCK("/\0p\0\0direct"), PROGRAM_BYTES, 1, &reply);
  expect_refused(result, &reply, WASI_EINVAL,
                 "EINVAL: p cannot have a limit of fuel, memory or time on the direct tier; leave the tier out, or "
                 "give interp",
                 "spawn", "p");
  reply = (struct reply){0};
  result = program_find(guest->system, BLOCK("/\0p\0\0auto"), PROGRAM_COMPILED, 1, &reply);
  expect_refused(result, &reply, WASI_EINVAL, "p was compiled for the direct tier; give its bytes or its path", "spawn",
                 "p");
}

#define MEMORY "\0memory\0memory"
#define START "\0_start\0function"
#define CALL(name) "\0wasi_snapshot_preview1\0" name "\0function"
#define SPAWN "\0wasi\0thread-spawn\0function"
#define SHARED "\0env\0memory\0memory"
#define BEGIN "\0wasi_thread_start\0function"

static void expect_needs(const char *strings, uint32_t length, uint32_t imports, int32_t needs, const char *entry) {
  struct reply reply = {0};
  require(program_check(strings, length, imports, &reply) == needs);
  require(strcmp(part(&reply, 0), entry) == 0);
  free(reply.bytes);
}

static void programs_are_seen_through(struct guest *guest) {
  (void)guest;
  expect_needs(BLOCK("p" MEMORY START), 0, 0, "_start");
  expect_needs(BLOCK("p" MEMORY "\0_initialize\0function"), 0, 0, "_initialize");
  expect_needs(BLOCK("p" CALL("fd_read") CALL("proc_exit") MEMORY "\0_initialize\0function" START), 2, PROGRAM_READS,
               "_start");
  expect_needs(BLOCK("p" CALL("poll_oneoff") CALL("fd_read") START MEMORY), 2, PROGRAM_READS | PROGRAM_POLLS, "_start");
  expect_needs(BLOCK("p\0wasi_unstable\0fd_seek\0function iIii" START MEMORY), 1, 0, "_start");
  expect_needs(BLOCK("p\0wasi_snapshot_preview1\0sched_yield\0function " START MEMORY), 1, 0, "_start");
  expect_needs(BLOCK("p" CALL("fd_sync") START MEMORY), 1, PROGRAM_SYNCS, "_start");
  expect_needs(BLOCK("p" CALL("fd_datasync") START MEMORY), 1, PROGRAM_SYNCS, "_start");
  expect_needs(BLOCK("p" SHARED "\0nidus_process\0thread_exit\0function" BEGIN START MEMORY), 2, PROGRAM_THREADS, "_start");
  expect_needs(BLOCK("p" SHARED SPAWN CALL("fd_read") START BEGIN MEMORY), 3, PROGRAM_READS | PROGRAM_THREADS, "_start");
  expect_needs(BLOCK("p" CALL("sock_shutdown") START MEMORY), 1, 0, "_start");
}

static void others_are_refused(struct guest *guest) {
  (void)guest;
  static const struct {
    const char *strings;
    uint32_t length, imports;
    const char *words;
  } cases[] = {
      {BLOCK("p\0env\0memory\0memory" START MEMORY), 1,
       "p imports its memory (env.memory), which only programs with threads may"},
      {BLOCK("p" SPAWN START BEGIN MEMORY), 1, "p has threads but does not import env.memory"},
      {BLOCK("p" SPAWN SHARED SHARED START BEGIN MEMORY), 3, "p imports its memory (env.memory)"},
      {BLOCK("p" SPAWN "\0a\0memory\0memory" START BEGIN MEMORY), 2, "p imports its memory (a.memory)"},
      {BLOCK("p" SPAWN SHARED START MEMORY), 2, "p imports wasi.thread-spawn but exports no function wasi_thread_start"},
      {BLOCK("p\0env\0run\0function" START MEMORY), 1,
       "p imports env.run (function), which Nidus does not provide; build it for wasm32-wasi"},
      {BLOCK("p" CALL("fd_fly") START MEMORY), 1, "p imports wasi_snapshot_preview1.fd_fly (function)"},
      {BLOCK("p\0env\0run\0function iI" START MEMORY), 1, "p imports env.run (function), which"},
      {BLOCK("p\0wasi_snapshot_preview1\0fd_close\0function I" START MEMORY), 1,
       "p imports wasi_snapshot_preview1.fd_close with other parameters than it has; build it for wasm32-wasi"},
      {BLOCK("p\0wasi_snapshot_preview1\0fd_close\0function " START MEMORY), 1, "with other parameters"},
      {BLOCK("p\0wasi_unstable\0sched_yield\0function i" START MEMORY), 1, "with other parameters"},
      {BLOCK("p\0wasi_snapshot_preview1\0fd_read\0global" START MEMORY), 1, "fd_read (global)"},
      {BLOCK("p\0an HTML page"), PROGRAM_NO_MODULE, "ENOEXEC: p is an HTML page, not a WebAssembly module"},
      {BLOCK("p\0a component"), PROGRAM_NO_MODULE, "module; build it as a module for wasm32-wasip1"},
      {BLOCK("p" START), 0, "p exports no memory called \"memory\""},
      {BLOCK("p" START "\0memory\0function"), 0, "p exports no memory"},
      {BLOCK("p" MEMORY "\0_start\0global"), 0, "p exports neither _start nor _initialize: it is a library"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct reply reply = {0};
    int32_t result = program_check(cases[i].strings, cases[i].length, cases[i].imports, &reply);
    expect_refused(result, &reply, WASI_ENOEXEC, cases[i].words, "spawn", "p");
  }
}

static void short_blocks_are_refused(struct guest *guest) {
  struct reply reply = {0};
  require(program_check("p", 1, 0, &reply) == -WASI_EINVAL);
  require(program_check(BLOCK("p" CALL("fd_read")), 2, &reply) == -WASI_EINVAL);
  require(program_check(BLOCK("p"), UINT32_MAX - 1, &reply) == -WASI_EINVAL);
  require(program_check(BLOCK("p\0memory"), 0, &reply) == -WASI_ENOEXEC);
  require(program_find(guest->system, "", 0, PROGRAM_NAMED, 0, &reply) == -WASI_EINVAL);
  require(program_unheld(&reply) == -WASI_ENOTSUP);
  require(strncmp(part(&reply, 0), "ENOTSUP: the program waits", 26) == 0);
  free(reply.bytes);
}

static const struct test tests[] = {
    {"A command is the regular file of its name in the first folder of PATH that has one", commands_are_found},
    {"Without PATH the usual folders are searched", no_path_is_the_standard_one},
    {"A command with a slash is a path", paths_are_taken_as_they_are},
    {"What cannot be found is refused by name", what_is_missing_is_named},
    {"A file's key changes with its contents, and a file that may change unseen has none", keys_tell_versions_apart},
    {"The tier is the one asked for, if what is given and its limits allow it", tiers_fit_what_is_given},
    {"A program's entry and what it may wait for are read from its imports and exports", programs_are_seen_through},
    {"A module that is no program for this kernel is refused with a sentence", others_are_refused},
    {"Strings that are not as counted are refused", short_blocks_are_refused},
};
RUN_TESTS(tests)
