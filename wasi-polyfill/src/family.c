#include "family.h"

#include <string.h>

#include "process_signal.h"
#include "program.h"
#include "wake.h"

/* ---- ending ---- */

void family_orphan(struct process *process) {
  struct nidus_system *system = process->system;
  for (uint32_t pid = 2; pid < system->process_capacity; pid++) {
    struct process *child = system->processes[pid];
    if (!child || child->parent != process->pid) continue;
    child->parent = 1;
    if (child->finished) system_drop_process(system, child);
  }
}

void family_finish(struct process *process) {
  struct nidus_system *system = process->system;
  if (process->prepared) system->prepared--;
  process->prepared = false;
  process->finished = true;
  if (process->parent == 1) {
    system_drop_process(system, process);
    return;
  }
  process_signal(system_process(system, process->parent), SIGNAL_CHLD);
  system->events++;
  wake_process(system_process(system, process->parent)); /* it may wait for this one */
}

uint32_t family_count(const struct process *process) {
  const struct nidus_system *system = process->system;
  uint32_t count = 0;
  for (uint32_t pid = 2; pid < system->process_capacity; pid++) {
    const struct process *other = system->processes[pid];
    count += other && other->counted == process->counted;
  }
  return count;
}

/* ---- for the host ---- */

static void reply_number(struct reply *reply, uint32_t number) {
  reply_digits(reply, number);
  reply_text(reply, "", 1);
}

/* What it may come to wait for at the descriptors it begins with. */
static uint32_t waits_of(const struct process *process) {
  uint32_t waits = 0;
  for (uint32_t fd = 0; fd < process->descriptor_count; fd++) {
    const struct description *description = process->descriptors[fd].description;
    if (!description || !description->inode->ops->ready) continue;
    waits |= inode_is_channel(description->inode) ? FAMILY_PIPE : fd == 0 ? FAMILY_STREAM : 0;
  }
  return waits;
}

int32_t family_take(struct nidus_system *system, struct reply *reply) {
  for (uint32_t pid = 2; system->prepared > 0 && pid < system->process_capacity; pid++) {
    struct process *process = system->processes[pid];
    if (!process || !process->prepared) continue;
    reply_number(reply, process->parent);
    reply_number(reply, process->argc);
    reply_string(reply, process->name);
    reply_string(reply, process->path);
    struct nidus_stat stat;
    if (*process->path && nidus_stat(system, process->path, (uint32_t)strlen(process->path), true, &stat) == 0) {
      program_key(system, &stat, reply);
    } else {
      reply_string(reply, "");
    }
    reply_string(reply, process->cwd ? process->cwd : "/");
    reply_text(reply, process->argv, process->argv_length);
    reply_text(reply, process->env, process->env_length);
    if (reply->failed) return -WASI_ENOMEM;
    process->prepared = false;
    system->prepared--;
    return (int32_t)(pid | waits_of(process));
  }
  return 0;
}

int32_t family_list(struct nidus_system *system, struct reply *reply) {
  int32_t count = 0;
  for (uint32_t pid = 1; pid < system->process_capacity; pid++) {
    const struct process *process = system->processes[pid];
    if (!process) continue;
    count++;
    reply_number(reply, pid);
    reply_number(reply, process->pid == 1 ? 0 : process->parent);
    reply_number(reply, process->group);
    reply_string(reply, process->exit_code >= 0 ? "zombie" : process->prepared ? "prepared" : "running");
    const char *argument = process->argv;
    for (uint32_t i = 0; i < process->argc; i++, argument += strlen(argument) + 1) {
      if (i > 0) reply_text(reply, " ", 1);
      reply_text(reply, argument, (uint32_t)strlen(argument));
    }
    reply_text(reply, "", 1);
  }
  return count;
}
