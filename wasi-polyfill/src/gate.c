/*
 * gate.c: writes the two small modules that stand between a guest and the kernel.
 *
 * The gate has one exported function per system call, each of this form (docs/kernel-abi.md, Gate):
 *
 *     loop
 *       if nidus_enter(pid) { nidus_leave(pid); exit(pid); trap }   it has been ended from outside
 *       result = handler(arguments...)
 *       nidus_leave(pid)
 *       if result == would-block { exit(pid); park(pid); continue }
 *     end
 *     proc_exit and proc_raise: exit(pid), which throws when the process has ended
 *     result
 *
 * The bridge has two functions, `read` and `write`, that copy between the kernel's memory (index 0)
 * and the guest's (index 1). Both modules are a few hundred bytes to a few kilobytes; they are written
 * into one growing buffer, with sections' sizes as five-byte LEB128 so that they can be filled in later.
 */
#include <stdlib.h>
#include <string.h>

#include "nidus/kernel.h"
#include "writer.h"

enum {
  TYPE_I32 = 0x7F,
  TYPE_I64 = 0x7E,
  OP_UNREACHABLE = 0x00,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_END = 0x0B,
  OP_BR = 0x0C,
  OP_RETURN = 0x0F,
  OP_CALL = 0x10,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_SET = 0x21,
  OP_LOCAL_TEE = 0x22,
  OP_GLOBAL_GET = 0x23,
  OP_I32_LOAD = 0x28,
  OP_I64_LOAD = 0x29,
  OP_I32_STORE = 0x36,
  OP_I64_STORE = 0x37,
  OP_MEMORY_SIZE = 0x3F,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_I32_EQ = 0x46,
  OP_I64_GT_U = 0x56,
  OP_I64_ADD = 0x7C,
  OP_I64_SHL = 0x86,
  OP_I64_EXTEND_I32_U = 0xAD,
  BLOCK_VOID = 0x40,
  EXTERN_FUNCTION = 0,
  EXTERN_MEMORY = 2,
  EXTERN_GLOBAL = 3
};

static void put_name(struct writer *writer, const char *name) {
  uint32_t length = (uint32_t)strlen(name);
  writer_u32(writer, length);
  writer_bytes(writer, name, length);
}

/* Leaves room for a size and returns where; close_size fills in how much was written since. */
static uint32_t open_size(struct writer *writer) {
  uint32_t at = writer->length;
  for (int i = 0; i < 5; i++) writer_byte(writer, 0);
  return at;
}

static void close_size(struct writer *writer, uint32_t at) {
  if (writer->failed) return;
  uint32_t size = writer->length - at - 5;
  for (int i = 0; i < 5; i++) writer->bytes[at + (uint32_t)i] = (uint8_t)((size >> (7 * i) & 0x7F) | (i < 4 ? 0x80 : 0));
}

static uint32_t open_section(struct writer *writer, uint8_t id) {
  writer_byte(writer, id);
  return open_size(writer);
}

static void put_header(struct writer *writer) {
  static const uint8_t header[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  writer_bytes(writer, header, sizeof header);
}

static void put_type(struct writer *writer, const char *parameters, bool result) {
  writer_byte(writer, 0x60);
  writer_u32(writer, (uint32_t)strlen(parameters));
  for (; *parameters; parameters++) writer_byte(writer, *parameters == 'i' ? TYPE_I32 : TYPE_I64);
  writer_u32(writer, result);
  if (result) writer_byte(writer, TYPE_I32);
}

static void import_function(struct writer *writer, const char *module, const char *name, uint32_t type) {
  put_name(writer, module);
  put_name(writer, name);
  writer_byte(writer, EXTERN_FUNCTION);
  writer_u32(writer, type);
}

static void op(struct writer *writer, uint8_t opcode, uint32_t immediate) {
  writer_byte(writer, opcode);
  writer_u32(writer, immediate);
}

static uint8_t *finish(struct writer *writer, uint32_t *length) {
  if (writer->failed) {
    free(writer->bytes);
    return NULL;
  }
  *length = writer->length;
  return writer->bytes;
}

/* ---- the gate ---- */

/* Function indices of the gate's imports; the handlers follow. Types: 0 (i32)->i32, 1 (i32)->(), then one
 * per system call. */
enum { GATE_ENTER, GATE_LEAVE, GATE_PARK, GATE_EXIT, GATE_HANDLERS };
enum { GATE_TYPE_ENTER, GATE_TYPE_NOTICE, GATE_TYPE_SYSCALLS };

/* proc_exit alone has no result; what it and proc_raise did may have ended the process. */
static bool has_result(uint32_t number) { return strcmp(nidus_syscall_name(number), "proc_exit") != 0; }
static bool may_end(uint32_t number) { return strncmp(nidus_syscall_name(number), "proc_", 5) == 0; }

static void gate_imports(struct writer *writer, uint32_t count) {
  uint32_t section = open_section(writer, 2);
  writer_u32(writer, 1 + GATE_HANDLERS + count);
  put_name(writer, "process");
  put_name(writer, "pid");
  writer_byte(writer, EXTERN_GLOBAL);
  writer_byte(writer, TYPE_I32);
  writer_byte(writer, 1); /* mutable: the instances of an ended process may serve another one */
  import_function(writer, "kernel", "nidus_enter", GATE_TYPE_ENTER);
  import_function(writer, "kernel", "nidus_leave", GATE_TYPE_NOTICE);
  import_function(writer, "host", "park", GATE_TYPE_NOTICE);
  import_function(writer, "host", "exit", GATE_TYPE_NOTICE);
  for (uint32_t i = 0; i < count; i++) {
    import_function(writer, "kernel", nidus_syscall_name(i), GATE_TYPE_SYSCALLS + i);
  }
  close_size(writer, section);
}

static void call_with_pid(struct writer *writer, uint32_t function) {
  op(writer, OP_GLOBAL_GET, 0);
  op(writer, OP_CALL, function);
}

static void gate_function(struct writer *writer, uint32_t number) {
  uint32_t parameters = (uint32_t)strlen(nidus_syscall_signature(number));
  uint32_t body = open_size(writer);
  bool result = has_result(number);
  writer_u32(writer, result); /* one run of locals: the result */
  if (result) {
    writer_u32(writer, 1);
    writer_byte(writer, TYPE_I32);
  }
  op(writer, OP_LOOP, BLOCK_VOID);
  call_with_pid(writer, GATE_ENTER);
  op(writer, OP_IF, BLOCK_VOID);
  call_with_pid(writer, GATE_LEAVE);
  call_with_pid(writer, GATE_EXIT);
  writer_byte(writer, OP_UNREACHABLE);
  writer_byte(writer, OP_END);
  for (uint32_t i = 0; i < parameters; i++) op(writer, OP_LOCAL_GET, i);
  op(writer, OP_CALL, GATE_HANDLERS + number);
  if (result) op(writer, OP_LOCAL_SET, parameters);
  call_with_pid(writer, GATE_LEAVE);
  if (result) {
    op(writer, OP_LOCAL_GET, parameters);
    writer_byte(writer, OP_I32_CONST);
    writer_s32(writer, NIDUS_WOULD_BLOCK);
    writer_byte(writer, OP_I32_EQ);
    op(writer, OP_IF, BLOCK_VOID);
    call_with_pid(writer, GATE_EXIT); /* a limit may have ended it */
    call_with_pid(writer, GATE_PARK);
    op(writer, OP_BR, 1);
    writer_byte(writer, OP_END);
  }
  writer_byte(writer, OP_END);
  if (may_end(number)) call_with_pid(writer, GATE_EXIT);
  if (result) op(writer, OP_LOCAL_GET, parameters);
  writer_byte(writer, OP_END);
  close_size(writer, body);
}

uint8_t *nidus_gate_module(uint32_t *length) {
  struct writer writer = {0};
  uint32_t count = nidus_syscall_count();
  put_header(&writer);
  uint32_t section = open_section(&writer, 1);
  writer_u32(&writer, GATE_TYPE_SYSCALLS + count);
  put_type(&writer, "i", true);
  put_type(&writer, "i", false);
  for (uint32_t i = 0; i < count; i++) put_type(&writer, nidus_syscall_signature(i), has_result(i));
  close_size(&writer, section);
  gate_imports(&writer, count);
  section = open_section(&writer, 3);
  writer_u32(&writer, count);
  for (uint32_t i = 0; i < count; i++) writer_u32(&writer, GATE_TYPE_SYSCALLS + i);
  close_size(&writer, section);
  section = open_section(&writer, 7);
  writer_u32(&writer, count);
  for (uint32_t i = 0; i < count; i++) {
    put_name(&writer, nidus_syscall_name(i));
    writer_byte(&writer, EXTERN_FUNCTION);
    writer_u32(&writer, GATE_HANDLERS + count + i);
  }
  close_size(&writer, section);
  section = open_section(&writer, 10);
  writer_u32(&writer, count);
  for (uint32_t i = 0; i < count; i++) gate_function(&writer, i);
  close_size(&writer, section);
  return finish(&writer, length);
}

/* ---- the bridge ---- */

enum { KERNEL_MEMORY = 0, GUEST_MEMORY = 1 };

static void import_memory(struct writer *writer, const char *module, bool shared, bool wide) {
  put_name(writer, module);
  put_name(writer, "memory");
  writer_byte(writer, EXTERN_MEMORY);
  writer_byte(writer, (uint8_t)((shared ? 3 : 0) | (wide ? 4 : 0)));
  writer_u32(writer, 0);
  if (shared) writer_u32(writer, 65536); /* a shared memory has a maximum; any fits below this */
}

/* A load or store with memory index and natural alignment: memarg bit 6 announces the index. */
static void memory_op(struct writer *writer, uint8_t opcode, uint32_t memory) {
  writer_byte(writer, opcode);
  writer_u32(writer, memory ? 0x40 : 0);
  if (memory) writer_u32(writer, memory);
  writer_u32(writer, 0);
}

/* if length == size { to[0] = from[0] } : moves of four and eight bytes need no call into the host. */
static void bridge_small(struct writer *writer, uint32_t size, uint32_t to, uint32_t from, uint32_t to_local,
                         uint32_t from_local) {
  op(writer, OP_LOCAL_GET, 2);
  writer_byte(writer, OP_I32_CONST);
  writer_s32(writer, size);
  writer_byte(writer, OP_I32_EQ);
  op(writer, OP_IF, BLOCK_VOID);
  op(writer, OP_LOCAL_GET, to_local);
  op(writer, OP_LOCAL_GET, from_local);
  memory_op(writer, size == 4 ? OP_I32_LOAD : OP_I64_LOAD, from);
  memory_op(writer, size == 4 ? OP_I32_STORE : OP_I64_STORE, to);
  writer_byte(writer, OP_I32_CONST);
  writer_s32(writer, 0);
  writer_byte(writer, OP_RETURN);
  writer_byte(writer, OP_END);
}

/* (to, from, length): the guest's range is checked, for a trap here would leave the kernel half-way. */
static void bridge_function(struct writer *writer, bool to_guest, bool wide) {
  uint32_t guest_local = to_guest ? 0 : 1;
  uint32_t to = to_guest ? GUEST_MEMORY : KERNEL_MEMORY, from = to_guest ? KERNEL_MEMORY : GUEST_MEMORY;
  uint32_t body = open_size(writer);
  writer_u32(writer, 0);
  op(writer, OP_LOCAL_GET, guest_local);
  if (!wide) writer_byte(writer, OP_I64_EXTEND_I32_U);
  op(writer, OP_LOCAL_GET, 2);
  writer_byte(writer, OP_I64_EXTEND_I32_U);
  writer_byte(writer, OP_I64_ADD);
  op(writer, OP_MEMORY_SIZE, GUEST_MEMORY);
  if (!wide) writer_byte(writer, OP_I64_EXTEND_I32_U);
  writer_byte(writer, OP_I64_CONST);
  writer_s32(writer, 16);
  writer_byte(writer, OP_I64_SHL);
  writer_byte(writer, OP_I64_GT_U);
  op(writer, OP_IF, BLOCK_VOID);
  writer_byte(writer, OP_I32_CONST);
  writer_s32(writer, 1);
  writer_byte(writer, OP_RETURN);
  writer_byte(writer, OP_END);
  bridge_small(writer, 4, to, from, 0, 1);
  bridge_small(writer, 8, to, from, 0, 1);
  op(writer, OP_LOCAL_GET, 0);
  op(writer, OP_LOCAL_GET, 1);
  op(writer, OP_LOCAL_GET, 2);
  writer_byte(writer, 0xFC); /* memory.copy to from */
  writer_u32(writer, 10);
  writer_u32(writer, to);
  writer_u32(writer, from);
  writer_byte(writer, OP_I32_CONST);
  writer_s32(writer, 0);
  writer_byte(writer, OP_END);
  close_size(writer, body);
}

uint8_t *nidus_bridge_module(uint32_t flags, uint32_t *length) {
  struct writer writer = {0};
  bool host_copy = flags & NIDUS_BRIDGE_HOST_COPY;
  bool wide = flags & NIDUS_BRIDGE_GUEST64;
  put_header(&writer);
  uint32_t section = open_section(&writer, 1);
  writer_u32(&writer, 2);
  put_type(&writer, wide ? "iIi" : "iii", true); /* read(kernel, guest, length) */
  put_type(&writer, wide ? "Iii" : "iii", true); /* write(guest, kernel, length) */
  close_size(&writer, section);
  section = open_section(&writer, 2);
  writer_u32(&writer, 2);
  if (host_copy) {
    import_function(&writer, "host", "read", 0);
    import_function(&writer, "host", "write", 1);
  } else {
    import_memory(&writer, "kernel", flags & NIDUS_BRIDGE_SHARED_KERNEL, false);
    import_memory(&writer, "guest", flags & NIDUS_BRIDGE_SHARED_GUEST, wide);
  }
  close_size(&writer, section);
  if (!host_copy) {
    section = open_section(&writer, 3);
    writer_u32(&writer, 2);
    writer_u32(&writer, 0);
    writer_u32(&writer, 1);
    close_size(&writer, section);
  }
  section = open_section(&writer, 7);
  writer_u32(&writer, 2);
  put_name(&writer, "read");
  writer_byte(&writer, EXTERN_FUNCTION);
  writer_u32(&writer, 0);
  put_name(&writer, "write");
  writer_byte(&writer, EXTERN_FUNCTION);
  writer_u32(&writer, 1);
  close_size(&writer, section);
  if (!host_copy) {
    section = open_section(&writer, 10);
    writer_u32(&writer, 2);
    bridge_function(&writer, false, wide);
    bridge_function(&writer, true, wide);
    close_size(&writer, section);
  }
  return finish(&writer, length);
}
