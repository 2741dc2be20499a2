/*
 * fuzz_path.c: the input is a list of operations. They run in a sandbox (/box) beside which lies a file that
 * must never be reached; or, when the first byte is 0xff, they are the host's own (fs.h), on a volume that
 * is soon full, with numbers of every kind. Afterwards the tree must be one: guest_inspect, with link counts.
 */
#include <math.h>

#include "fs.h"
#include "operations.h"

enum { OPERATIONS = 200, OUT = 0, NAMES = 8 };

static uint64_t secret_ino(struct guest *guest) {
  struct nidus_stat stat;
  require(nidus_stat(guest->system, "/secret", 7, false, &stat) == 0);
  require(stat.size == 0 && stat.nlink == 1);
  return stat.ino;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One operation of the host's: number, options, two names, two numbers. */
static void operate_as_host(struct nidus_system *system, struct input *input) {
  static const double numbers[] = {NAN, 0, 1, 2, 3, 0600, 4096, 65537, 1e6, 1e15, 1e300, INFINITY, -1, -1e300, 0.5, 4e9};
  char values[2 * NAME_ROOM];
  uint32_t operation = next_byte(input) % FS_OPERATIONS, options = next_byte(input);
  uint32_t first = next_name(input, values), second;
  if (operation == FS_OPEN) {
    static const char *const flags[] = {"r", "w", "a+", "wx", "r+", "w+", "z", ""};
    second = (uint32_t)snprintf(values + first, NAME_ROOM, "%s", flags[next_byte(input) & 7]);
  } else {
    second = next_name(input, values + first);
  }
  uint8_t given = next_byte(input);
  struct reply reply = {0};
  int32_t kind = fs_perform(system, operation, values, first, second, options, numbers[given & 15],
                            numbers[given >> 4], &reply);
  require(kind >= -WASI_ENOTCAPABLE && !reply.failed);
  if (kind < 0) require(reply.length > 0);
  if (kind == FS_STATS) require(reply.length > 16 * sizeof(double));
  if ((kind == FS_LIST || kind == FS_ENTRIES) && reply.length) require(reply.bytes[reply.length - 1] == 0);
  free(reply.bytes);
}

static void run_as_host(struct input *input) {
  struct guest guest;
  guest_start(&guest);
  /* A copy onto a device would go on for as long as its source says to be long. */
  int32_t instead = nidus_mount_mem(guest.system, "/dev", 4);
  require(instead > 0);
  require(nidus_mount_limit(guest.system, 0, (uint64_t)next_byte(input) << 12) == 0);
  require(nidus_mount_limit(guest.system, (uint32_t)instead, 1 << 16) == 0);
  for (int i = 0; i < OPERATIONS && input->at < input->end; i++) operate_as_host(guest.system, input);
  for (uint32_t fd = 0; fd < OPERATIONS + 4; fd++) (void)nidus_fd_close(guest.system, 1, fd);
  /* A folder on which something is mounted is listed with the number of what lies under it. */
  for (int32_t mount = instead; mount > 0; mount--) require(nidus_unmount(guest.system, (uint32_t)mount) == 0);
  guest_preopen(&guest, "/", 0);
  (void)guest_inspect(&guest, 3, true);
  guest_stop(&guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct guest guest;
  struct files files = {0};
  struct input input = {data, data + size};
  if (size > 0 && data[0] == 0xff) {
    input.at++;
    run_as_host(&input);
    return 0;
  }
  guest_start(&guest);
  guest_preopen(&guest, "/", 0);
  memcpy(guest.memory + NAMES, "boxsecret", 9);
  require(guest_call(&guest, SYS_path_create_directory, 3, NAMES, 3) == 0);
  require(guest_call(&guest, SYS_path_open, 3, 0, NAMES + 3, 6, WASI_OFLAG_CREAT, WASI_RIGHT_FD_READ, 0, 0, OUT) == 0);
  require(guest_call(&guest, SYS_fd_close, guest_u32(&guest, OUT)) == 0);
  require(guest_call(&guest, SYS_fd_close, 3) == 0);
  guest_preopen(&guest, "/box", 0);
  uint64_t secret = secret_ino(&guest);
  for (int i = 0; i < OPERATIONS && input.at < input.end; i++)
    require(operate(&guest, &input, &files) != secret);
  require(secret_ino(&guest) == secret);
  (void)guest_inspect(&guest, 3, true);
  guest_stop(&guest);
  return 0;
}
