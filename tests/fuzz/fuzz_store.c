/*
 * fuzz_store.c: the input is the log of a volume, whole or not. It is loaded: either it is refused, or what
 * it holds is a tree, which can be listed, read, changed and flushed. Then more of it comes to a view of the same.
 *
 *   one record:  a byte that says what follows, the inode number, then
 *     inode      type, size (2 bytes and a shift), how many inline bytes follow, mode; or raw bytes
 *     entry      child, length of the name, the name
 *     chunks     index and a shift, count
 *     others     numbers
 *   some end the segment, or the transaction; some segments are raw bytes.
 */
#include "guest.h"
#include "store.h"
#include "volume_log.h"

enum { RECORDS = 400, ROOM = 1 << 18 };

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

static void add_record(struct input *input, struct log_writer *log) {
  uint8_t bytes[512], kind = next_byte(input) % 16;
  uint64_t ino = next_byte(input), index;
  uint32_t length;
  switch (kind) {
    case 0: case 1: case 2: case 3: case 4:
      length = make_record(input, bytes);
      memcpy(log_put(log, LOG_INODE, ino, length), bytes, length);
      break;
    case 5:
      length = next_bytes(input, bytes, next_byte(input));
      memcpy(log_put(log, (enum log_type)(next_byte(input) % 9), ino, length), bytes, length);
      break;
    case 6: case 7: case 8: case 9:
      put(bytes, next_byte(input), 8);
      length = 8 + next_bytes(input, bytes + 8, next_byte(input) % 16);
      memcpy(log_put(log, LOG_ENTRY, ino, length), bytes, length);
      break;
    case 10:
      length = next_bytes(input, bytes, next_byte(input) % 16);
      memcpy(log_put(log, LOG_NO_ENTRY, ino, length), bytes, length);
      break;
    case 11:
      (void)log_put(log, LOG_GONE, ino, 0);
      break;
    case 12: case 13:
      index = next_byte(input);
      put(bytes, index << next_byte(input) % 60, 8);
      /* Each takes its time: half a million are seconds under the sanitisers on a busy machine. */
      put(bytes + 8, (uint64_t)next_byte(input) << next_byte(input) % 12, 4);
      memcpy(log_put(log, LOG_CHUNKS, ino, 12), bytes, 12);
      break;
    case 14:
      put(bytes, next_byte(input), 8);
      memcpy(log_put(log, LOG_CUT, ino, 8), bytes, 8);
      break;
    default:
      (void)log_put(log, LOG_NEXT_INO, ino << next_byte(input) % 64, 0);
  }
}

/* One segment, in memory of exactly its length, so that the sanitiser sees what is read beyond it. */
static uint8_t *next_segment(struct input *input, uint64_t *transaction, uint32_t *length) {
  static uint8_t room[ROOM];
  struct volume_segment segment;
  uint8_t how = next_byte(input);
  struct log_writer log = {.bytes = room, .segments = &segment, .transaction = ++*transaction, .after = *transaction - 1};
  log.flags = *transaction == 1 || how % 16 == 3 ? LOG_CHECKPOINT : 0;
  for (uint32_t i = 1 + how % 32; i > 0 && log.at < ROOM - 1024; i--) add_record(input, &log);
  log_end(&log);
  if (how % 16 == 7) room[next_byte(input) % segment.length] ^= next_byte(input);
  *length = how % 16 == 8 ? segment.length - next_byte(input) % segment.length : segment.length;
  uint8_t *exact = malloc(*length ? *length : 1);
  require(exact);
  memcpy(exact, room, *length);
  return exact;
}

/* The loaded volume is as good as any. */
static void use(struct guest *guest, struct store *store) {
  uint32_t entries = guest_inspect(guest, 3, true).entries;
  memcpy(guest->memory, "a new name", 10);
  if (guest_call(guest, SYS_path_create_directory, 3, 0, 10) == 0) {
    require(guest_inspect(guest, 3, true).entries == entries + 1);
    store_flush(guest, store, true);
    memcpy(guest->memory, "a new name", 10);
    require(guest_call(guest, SYS_path_remove_directory, 3, 0, 10) == 0);
  }
  require(guest_inspect(guest, 3, true).entries == entries);
}

static void run(const uint8_t *data, size_t size, bool view) {
  struct guest guest;
  struct store store = {.invents = true};
  struct input input = {data, data + size};
  uint64_t transaction = 0;
  guest_start(&guest);
  int32_t mount = nidus_mount_volume(guest.system, "/home", 5, view ? NIDUS_VOLUME_VIEW : 0, 0);
  require(mount > 0);
  store.mount = (uint32_t)mount;
  store_serves(&guest, &store);
  guest_preopen(&guest, "/home", 0);
  int32_t end = 0;
  for (int i = 0; i < RECORDS && input.at < input.end && end == 0; i++) {
    uint32_t length;
    uint8_t *segment = next_segment(&input, &transaction, &length);
    int32_t result = nidus_load(guest.system, store.mount, segment, length);
    free(segment);
    require(result == 0 || result == -WASI_EIO);
    if (result == 0 && !view) continue;
    end = nidus_load_end(guest.system, store.mount);
    require(end == 0 || end == -WASI_EIO);
    if (result) break;
    (void)guest_inspect(&guest, 3, true);
  }
  if (!view) end = nidus_load_end(guest.system, store.mount);
  require(end == 0 || end == -WASI_EIO);
  if (end) {
    require(guest_inspect(&guest, 3, true).entries == 0);
  } else if (!view) {
    use(&guest, &store);
  }
  guest.unblock = NULL;
  require(guest_call(&guest, SYS_fd_close, 3) == 0);
  require(nidus_unmount(guest.system, store.mount) == 0);
  guest_stop(&guest);
  store_free(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  run(data, size, false);
  run(data, size, true);
  return 0;
}
