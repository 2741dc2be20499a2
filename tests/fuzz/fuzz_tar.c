/*
 * fuzz_tar.c: the input is an archive. It is mounted, and everything in it is listed and read; reading
 * beyond it is the sanitiser's finding, a tree that contradicts itself is guest_inspect's.
 */
#include "guest.h"

#include "archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct guest guest;
  guest_start(&guest);
  void *archive = malloc(size ? size : 1);
  require(archive);
  memcpy(archive, data, size);
  int32_t mount = nidus_mount_tar(guest.system, "/usr", 4, archive, (uint32_t)size);
  if (mount >= 0) {
    guest_preopen(&guest, "/usr", 0);
    struct findings first = guest_inspect(&guest, 3, false);
    /* Read-only: nothing can be made, and looking again finds the same. */
    memcpy(guest.memory, "new", 3);
    require(guest_call(&guest, SYS_path_create_directory, 3, 0, 3) != 0);
    struct findings second = guest_inspect(&guest, 3, false);
    require(first.entries == second.entries && first.digest == second.digest);
    require(nidus_unmount(guest.system, (uint32_t)mount) == -WASI_EBUSY);
    require(guest_call(&guest, SYS_fd_close, 3) == 0);
    require(nidus_unmount(guest.system, (uint32_t)mount) == 0);
  }
  guest_stop(&guest);
  return 0;
}
