#include "guest_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nidus/engine.h"
#include "volumes.h"

/* Fuel of one slice: some milliseconds. */
#define SLICE 2000000u

struct guest {
  struct nidus_system *system;
  struct posix_host *posix;
  uint32_t pid;
  const char *name;
  struct guest_limits limits;
  int64_t deadline; /* monotonic, or NIDUS_NO_DEADLINE */
  bool trace;
  struct volumes *volumes;
  struct nidus_instance *instance;
};

/* What an imported system call knows. */
struct imported {
  struct guest *guest;
  uint32_t number;
  bool older; /* from wasi_unstable */
};

/* ---- memory ---- */

static uint8_t *guest_range(struct guest *guest, uint64_t address, uint32_t length) {
  struct nidus_memory *memory = guest->instance ? nidus_instance_memory(guest->instance, 0) : NULL;
  if (!memory) return NULL;
  size_t size;
  uint8_t *data = nidus_memory_data(memory, &size);
  return length <= size && address <= size - length ? data + address : NULL;
}

static uint32_t copy_in(void *context, void *kernel, uint64_t address, uint32_t length) {
  const uint8_t *from = guest_range(context, address, length);
  if (!from) return 1;
  if (length) memcpy(kernel, from, length);
  return 0;
}

static uint32_t copy_out(void *context, uint64_t address, const void *kernel, uint32_t length) {
  uint8_t *to = guest_range(context, address, length);
  if (!to) return 1;
  if (length) memcpy(to, kernel, length);
  return 0;
}

/* ---- imports ---- */

/* A line on standard error, in one piece, with the process's own output before it. */
static void trace(const struct imported *imported, const uint64_t *arguments, wasi_errno_t result) {
  const struct guest *guest = imported->guest;
  char line[2048];
  uint32_t length = nidus_trace(guest->system, guest->pid, imported->number, arguments, result, line, sizeof line);
  fwrite(line, 1, length, stderr);
}

static enum nidus_host_result system_call(void *context, struct nidus_call *call, uint64_t *slots) {
  const struct imported *imported = context;
  struct guest *guest = imported->guest;
  if (imported->older) (void)nidus_process_snapshot0(guest->system, guest->pid, true);
  posix_host_enter(guest->posix);
  wasi_errno_t error = nidus_syscall(guest->system, guest->pid, imported->number, slots);
  if (guest->trace && error != NIDUS_WOULD_BLOCK) trace(imported, slots, error);
  if (imported->older) (void)nidus_process_snapshot0(guest->system, guest->pid, false);
  if (nidus_process_exit_code(guest->system, guest->pid) >= 0) {
    nidus_call_trap(call, NIDUS_TRAP_HOST, 0, "the process has ended");
    return NIDUS_HOST_TRAP;
  }
  if (error == NIDUS_WOULD_BLOCK) return NIDUS_HOST_BLOCK;
  slots[0] = error;
  return NIDUS_HOST_DONE;
}

static bool define_system_calls(struct guest *guest, struct nidus_store *store, struct nidus_linker *linker,
                                struct imported *imported, bool older) {
  static const nidus_type result = NIDUS_I32;
  for (uint32_t i = 0; i < nidus_syscall_count(); i++) {
    nidus_type parameters[16];
    const char *signature = nidus_syscall_signature(i), *name = nidus_syscall_name(i), *module = nidus_syscall_module(i);
    if (older && strcmp(module, nidus_syscall_module(0)) != 0) continue;
    if (older) module = "wasi_unstable";
    uint32_t count = (uint32_t)strlen(signature);
    for (uint32_t p = 0; p < count; p++) parameters[p] = signature[p] == 'i' ? NIDUS_I32 : NIDUS_I64;
    struct nidus_functype type = {count, strcmp(name, "proc_exit") != 0, parameters, &result};
    struct nidus_extern item = {.kind = NIDUS_FUNC};
    imported[i] = (struct imported){guest, i, older};
    if (nidus_func_new(store, &type, system_call, &imported[i], &item.of.func)) return false;
    if (nidus_linker_define(linker, (struct nidus_name){module, strlen(module)}, (struct nidus_name){name, strlen(name)}, item)) return false;
  }
  return true;
}

/* ---- running ---- */

static int report(const struct guest *guest, const char *what, const char *why) {
  fprintf(stderr, "nidus: %s %s: %s\n", guest->name, what, why);
  return STATUS_CANNOT_RUN;
}

static int report_trap(const struct guest *guest, struct nidus_run *run) {
  const char *text;
  enum nidus_trap trap = nidus_run_trap(run, &text);
  fprintf(stderr, "nidus: %s trapped: %s\n", guest->name, text ? text : nidus_trap_text(trap));
  uint32_t count = nidus_run_frame_count(run);
  const uint32_t most = 20;
  for (uint32_t i = 0; i < count && i < most; i++) {
    struct nidus_frame frame;
    if (nidus_run_frame(run, i, &frame)) break;
    fprintf(stderr, "    at %.*s (function %u, byte 0x%zx)\n", frame.name.length ? (int)frame.name.length : 1,
            frame.name.length ? frame.name.bytes : "?", frame.function, frame.offset);
  }
  if (count > most) fprintf(stderr, "    and %u more\n", count - most);
  return STATUS_TRAP;
}

static int64_t monotonic_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t deadline_after(uint64_t nanoseconds) {
  int64_t now = monotonic_now();
  return nanoseconds < (uint64_t)(NIDUS_NO_DEADLINE - now) ? now + (int64_t)nanoseconds : NIDUS_NO_DEADLINE;
}

/* Says which limit has ended the program. */
static int report_limit(const struct guest *guest, const char *what) {
  fprintf(stderr, "nidus: %s was stopped: %s (see --limit)\n", guest->name, what);
  return STATUS_NO_FUEL;
}

static int exit_status(const struct guest *guest, int32_t code) {
  if (nidus_process_limit_hit(guest->system, guest->pid) == NIDUS_LIMIT_OUTPUT) {
    return report_limit(guest, "it has written as much as it may");
  }
  return code >= NIDUS_EXIT_SIGNAL ? 128 + (code - NIDUS_EXIT_SIGNAL) : code;
}

/* Goes on until the run is over; the exit status. */
static int drive(const struct guest *guest, struct nidus_run *run) {
  for (;;) {
    int64_t now = monotonic_now(), look_again = volumes_tick(guest->volumes, now);
    if (guest->deadline < look_again) look_again = guest->deadline;
    if (now >= guest->deadline) {
      return report_limit(guest, "its time is used up");
    }
    switch (nidus_run_resume(run, SLICE)) {
      case NIDUS_RUN_READY:
        break;
      case NIDUS_RUN_BLOCKED: {
        int64_t deadline = nidus_wait_deadline(guest->system, guest->pid);
        posix_host_wait(guest->posix, deadline < look_again ? deadline : look_again);
        break;
      }
      case NIDUS_RUN_DONE:
        return 0;
      case NIDUS_RUN_NO_FUEL:
        fprintf(stderr, "nidus: %s was stopped: its fuel is used up (after %llu instructions; see --fuel)\n",
                guest->name, (unsigned long long)nidus_run_fuel_used(run));
        return STATUS_NO_FUEL;
      default: {
        int32_t code = nidus_process_exit_code(guest->system, guest->pid);
        if (code < 0) return report_trap(guest, run);
        return exit_status(guest, code);
      }
    }
  }
}

static int call_to_end(const struct guest *guest, struct nidus_run *run, struct nidus_func *function) {
  if (nidus_run_start(run, function, NULL, 0)) {
    return report(guest, "cannot be run", "its entry takes arguments or returns something");
  }
  return drive(guest, run);
}

/* The start function, then _start or, in a reactor, _initialize. */
static int run_instance(struct guest *guest, struct nidus_store *store) {
  struct nidus_run *run;
  if (nidus_run_new(store, &run)) return report(guest, "cannot be run", "there is not enough memory");
  if (guest->limits.fuel != UINT64_MAX) nidus_run_set_fuel(run, guest->limits.fuel);
  struct nidus_func *start = nidus_instance_start(guest->instance);
  if (start) {
    int status = call_to_end(guest, run, start);
    if (status || nidus_process_exit_code(guest->system, guest->pid) >= 0) return status;
  }
  static const char *const entries[] = {"_start", "_initialize"};
  for (int i = 0; i < 2; i++) {
    struct nidus_extern entry;
    if (!nidus_instance_find(guest->instance, entries[i], strlen(entries[i]), &entry)) continue;
    if (entry.kind == NIDUS_FUNC) return call_to_end(guest, run, entry.of.func);
  }
  return report(guest, "cannot be run", "it exports neither _start nor _initialize, so it is not a WASI program");
}

const struct guest_limits guest_unlimited = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

static void set_limits(const struct guest *guest) {
  (void)nidus_process_limit(guest->system, guest->pid, NIDUS_LIMIT_DESCRIPTORS, guest->limits.descriptors);
  (void)nidus_process_limit(guest->system, guest->pid, NIDUS_LIMIT_FILE_SIZE, guest->limits.file_size);
  (void)nidus_process_limit(guest->system, guest->pid, NIDUS_LIMIT_OUTPUT, guest->limits.output);
}

int guest_run(struct nidus_system *system, struct posix_host *posix, uint32_t pid, const char *name,
              const void *bytes, size_t size, const struct guest_limits *limits, bool trace,
              struct volumes *volumes) {
  struct guest guest = {
      .system = system, .posix = posix, .pid = pid, .name = name, .limits = *limits, .trace = trace,
      .volumes = volumes};
  guest.deadline = deadline_after(limits->nanoseconds);
  struct nidus_error error;
  struct nidus_engine *engine = NULL;
  struct nidus_store *store = NULL;
  struct nidus_linker *linker = NULL;
  struct nidus_module *module = NULL;
  uint32_t calls = nidus_syscall_count();
  struct imported *imported = calloc(2 * calls, sizeof *imported);
  int status = STATUS_CANNOT_RUN;
  struct nidus_config config;
  nidus_config_default(&config);
  if (limits->memory < config.limits.memory_bytes) config.limits.memory_bytes = limits->memory;
  set_limits(&guest);
  const struct nidus_guest_memory memory = {.context = &guest, .read = copy_in, .write = copy_out};
  if (!imported || nidus_engine_new(&config, &engine) || nidus_store_new(engine, &store) ||
      nidus_linker_new(store, &linker) || !define_system_calls(&guest, store, linker, imported, false) ||
      !define_system_calls(&guest, store, linker, imported + calls, true) ||
      nidus_process_memory(system, pid, memory) < 0) {
    status = report(&guest, "cannot be run", "there is not enough memory");
  } else if (nidus_module_load(engine, bytes, size, NIDUS_LOAD_BORROW, &module, &error)) {
    fprintf(stderr, "nidus: %s is not a module that can be run: %s (at byte 0x%zx)\n", name, error.text, error.offset);
  } else if (nidus_linker_instantiate(linker, module, &guest.instance, &error)) {
    status = report(&guest, "cannot be instantiated", error.text);
  } else {
    status = run_instance(&guest, store);
  }
  nidus_process_end(system, pid, status);
  if (linker) nidus_linker_free(linker);
  if (store) nidus_store_free(store);
  if (module) nidus_module_free(module);
  if (engine) nidus_engine_free(engine);
  free(imported);
  return status;
}
