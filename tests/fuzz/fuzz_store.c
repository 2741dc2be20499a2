/*
 * fuzz_store.c: the input is the store of a volume, whole or not. It is loaded: either it is refused, or what
 * it holds is a tree, which can be listed, read, changed and flushed.
 *
 *   one record:  a byte that says what follows, the inode number, then
 *     inode      type, size (2 bytes and a shift), how many inline bytes follow, mode; or raw bytes
 *     dirent     child, length of the name, the name
 *     chunk      index and a shift, length (2 bytes), whether 32 KiB more, the byte that it repeats
 */
#include "guest.h"

enum { RECORDS = 400 };

struct input {
  const uint8_t *at, *end;
};

static uint8_t next_byte(struct input *input) { return input->at < input->end ? *input->at++ : 0; }

static uint32_t next_bytes(struct input *input, uint8_t *out, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) out[i] = next_byte(input);
  return length;
}

static void put(uint8_t *at, uint64_t value, size_t size) { memcpy(at, &value, size); }

static uint32_t make_record(struct input *input, uint8_t *bytes) {
  static const uint8_t types[] = {WASI_FILETYPE_DIRECTORY, WASI_FILETYPE_REGULAR_FILE, WASI_FILETYPE_SYMBOLIC_LINK};
  uint8_t type = types[next_byte(input) % 3];
  uint64_t size = next_byte(input) | (uint64_t)next_byte(input) << 8;
  size <<= next_byte(input) % 48;
  uint32_t inline_length = type == WASI_FILETYPE_DIRECTORY ? 0 : next_byte(input) % 200;
  memset(bytes, 0, 64);
  bytes[0] = 1;
  bytes[1] = type;
  bytes[2] = inline_length > 0;
  put(bytes + 4, next_byte(input), 4);
  put(bytes + 12, inline_length, 4);
  put(bytes + 16, inline_length ? inline_length : size, 8);
  return 64 + next_bytes(input, bytes + 64, inline_length);
}

static int32_t load_inode(struct guest *guest, struct input *input, uint32_t mount, bool raw) {
  uint8_t bytes[512];
  uint64_t ino = next_byte(input);
  uint32_t length = raw ? next_bytes(input, bytes, next_byte(input)) : make_record(input, bytes);
  /* Of exact length, so that the sanitiser sees what is read beyond it. */
  uint8_t *exact = malloc(length ? length : 1);
  require(exact);
  memcpy(exact, bytes, length);
  int32_t result = nidus_load_inode(guest->system, mount, ino, exact, length);
  free(exact);
  return result;
}

static int32_t load_dirent(struct guest *guest, struct input *input, uint32_t mount) {
  uint64_t parent = next_byte(input), child = next_byte(input);
  uint8_t name[16];
  uint32_t length = next_bytes(input, name, next_byte(input) % sizeof name);
  return nidus_load_dirent(guest->system, mount, parent, (const char *)name, length, child);
}

static int32_t load_chunk(struct guest *guest, struct input *input, uint32_t mount) {
  static uint8_t chunk[65535 + 32768];
  uint64_t ino = next_byte(input), index = next_byte(input);
  index <<= next_byte(input) % 60;
  uint32_t length = next_byte(input) | (uint32_t)next_byte(input) << 8;
  length += next_byte(input) & 1 ? 32768 : 0;
  memset(chunk, next_byte(input), length);
  return nidus_load_chunk(guest->system, mount, ino, index, chunk, length);
}

/* The loaded volume is as good as any. */
static void use(struct guest *guest, uint32_t mount) {
  uint32_t entries = guest_inspect(guest, 3, true).entries;
  memcpy(guest->memory, "a new name", 10);
  if (guest_call(guest, SYS_path_create_directory, 3, 0, 10) == 0) {
    require(guest_inspect(guest, 3, true).entries == entries + 1);
    require(nidus_flush_begin(guest->system, mount) >= 3); /* two inodes and an entry */
    nidus_flush_end(guest->system, mount, true);
    require(guest_call(guest, SYS_path_remove_directory, 3, 0, 10) == 0);
  }
  require(guest_inspect(guest, 3, true).entries == entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct guest guest;
  struct input input = {data, data + size};
  guest_start(&guest);
  int32_t mount = nidus_mount_mem(guest.system, "/home", 5, NIDUS_MOUNT_JOURNALED);
  require(mount > 0);
  for (int i = 0; i < RECORDS && input.at < input.end; i++) {
    uint8_t kind = next_byte(&input) % 8;
    int32_t result = kind == 7   ? load_inode(&guest, &input, (uint32_t)mount, true)
                     : kind >= 4 ? load_inode(&guest, &input, (uint32_t)mount, false)
                     : kind >= 2 ? load_dirent(&guest, &input, (uint32_t)mount)
                                 : load_chunk(&guest, &input, (uint32_t)mount);
    require(result == 0 || result == -WASI_EIO);
    if (result) break;
  }
  int32_t end = nidus_load_end(guest.system, (uint32_t)mount);
  require(end == 0 || end == -WASI_EIO);
  guest_preopen(&guest, "/home", 0);
  if (end == 0) {
    use(&guest, (uint32_t)mount);
  } else {
    require(guest_inspect(&guest, 3, true).entries == 0);
  }
  require(guest_call(&guest, SYS_fd_close, 3) == 0);
  require(nidus_unmount(guest.system, (uint32_t)mount) == 0);
  guest_stop(&guest);
  return 0;
}
