/*
 * fuzz_path.c: the input is a list of operations, run in a sandbox (/box) beside which lies a file that
 * must never be reached. Afterwards the tree must be one: guest_inspect, with link counts.
 */
#include "operations.h"

enum { OPERATIONS = 200, OUT = 0, NAMES = 8 };

static uint64_t secret_ino(struct guest *guest) {
  struct nidus_stat stat;
  require(nidus_stat(guest->system, "/secret", 7, false, &stat) == 0);
  require(stat.size == 0 && stat.nlink == 1);
  return stat.ino;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct guest guest;
  struct files files = {0};
  struct input input = {data, data + size};
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
