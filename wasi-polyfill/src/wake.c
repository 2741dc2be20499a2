#include "wake.h"

#ifdef NIDUS_SHARED

#include "host.h"

static void unlink_sleeper(struct process *process) {
  if (!process->sleep_link) return;
  *process->sleep_link = process->sleep_next;
  if (process->sleep_next) process->sleep_next->sleep_link = process->sleep_link;
  process->sleep_link = NULL;
}

void wake_sleep(struct process *process, const void *awaited) {
  struct nidus_system *system = process->system;
  uint32_t *word = process->thread ? &process->words[process->thread].parked : &process->parked;
  process->awaited = process->others ? NULL : awaited; /* each thread may wait for something else */
  __atomic_store_n(word, 1, __ATOMIC_RELEASE);
  if (process->sleep_link) return;
  process->sleep_next = system->sleepers;
  process->sleep_link = &system->sleepers;
  if (system->sleepers) system->sleepers->sleep_link = &process->sleep_next;
  system->sleepers = process;
}

void wake_host(struct nidus_system *system) {
  system->listening = false;
  import_changed();
}

static void wake_word(const struct process *process, uint32_t *word) {
  if (!__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) || process->local) return;
  __builtin_wasm_memory_atomic_notify((int *)word, UINT32_MAX);
}

void wake_process(struct process *process) {
  if (!process || !process->sleep_link) return;
  unlink_sleeper(process);
  wake_word(process, &process->parked);
  for (uint32_t i = 1; process->words && i <= process->thread_most; i++) wake_word(process, &process->words[i].parked);
  if (process->local) wake_host(process->system);
}

static void wake_some(struct nidus_system *system, const void *what, bool threads) {
  for (struct process *process = system->sleepers, *next; process; process = next) {
    next = process->sleep_next;
    if (what && process->awaited && process->awaited != what) continue;
    if (!threads || !process->local) wake_process(process);
  }
}

void wake_changed(struct nidus_system *system, const void *what) {
  system->events++;
  if (system->sleepers) wake_some(system, what, false);
  if (system->listening) wake_host(system);
}

void wake_threads(struct nidus_system *system) { wake_some(system, NULL, true); }

#endif
