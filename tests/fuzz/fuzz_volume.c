/*
 * fuzz_volume.c: a persistent volume against two models.
 *
 * The input is a list of operations on the volume (operations.h), on one file of which the model
 * remembers every byte, of flushes, some of which take their time or fail, and of answers for chunks that come late;
 * little of the contents may lie in memory. At the end the volume must hold what the model says, and a second
 * system, loaded from the store after a last flush, must hold the very same tree.
 */
#include "operations.h"
#include "store.h"

enum { OPERATIONS = 150, MODEL_SIZE = 2400000, CHUNK = 65536 };
enum { OUT = 0, IOV = 16, NAME = 64, DATA = 4096, DATA_SIZE = 200000 };
/* Too long for the operations to name it. */
static const char MODEL_NAME[] = "what-the-model-remembers";

/* ---- the model file ---- */

struct model {
  uint8_t *bytes; /* MODEL_SIZE of them, zero beyond size */
  uint32_t size, fd;
  uint8_t turn;
};

static void vector(struct guest *guest, uint32_t number, uint32_t at, uint32_t length) {
  guest_put_u32(guest, IOV + 8 * number, at);
  guest_put_u32(guest, IOV + 8 * number + 4, length);
}

/* Offsets and lengths around the sizes at which a file changes its form, and multiples of a chunk. */
static uint32_t next_size(struct input *input, uint32_t limit) {
  uint8_t byte = next_byte(input);
  uint32_t base = byte & 0x80 ? (byte >> 3 & 15) * 2 * CHUNK : 1u << (byte >> 3 & 15);
  uint32_t size = base + (byte & 7) - 3;
  return (int32_t)size < 0 ? 0 : size < limit ? size : limit;
}

static void model_write(struct guest *guest, struct input *input, struct model *model) {
  uint32_t offset = next_size(input, MODEL_SIZE - DATA_SIZE), first = next_size(input, DATA_SIZE);
  uint32_t second = next_size(input, DATA_SIZE - first);
  memset(guest->memory + DATA, ++model->turn, DATA_SIZE);
  vector(guest, 0, DATA, first);
  /* The second part may lie beyond the guest's memory, or partly so. */
  uint32_t beyond = next_byte(input) & 3 ? 0 : GUEST_SIZE - DATA - first - second / 2;
  vector(guest, 1, DATA + first + beyond, second);
  wasi_errno_t error = guest_call(guest, SYS_fd_pwrite, model->fd, IOV, 2, offset, OUT);
  require(error == 0 || (error == WASI_EFAULT && beyond));
  if (error) return;
  /* Where memory is short, a write may be a short one. */
  uint32_t done = guest_u32(guest, OUT);
  require(done <= first + second && (done > 0 || first + second == 0 || beyond));
  if (done < first) first = done;
  memset(model->bytes + offset, model->turn, first);
  memcpy(model->bytes + offset + first, guest->memory + DATA + first + beyond, done - first);
  if (done && offset + done > model->size) model->size = offset + done;
}

static void model_resize(struct guest *guest, struct input *input, struct model *model) {
  uint32_t size = next_size(input, MODEL_SIZE);
  require(guest_call(guest, SYS_fd_filestat_set_size, model->fd, size) == 0);
  if (size < model->size) memset(model->bytes + size, 0, model->size - size);
  model->size = size;
}

static void model_allocate(struct guest *guest, struct input *input, struct model *model) {
  uint32_t offset = next_size(input, MODEL_SIZE - DATA_SIZE), length = next_size(input, DATA_SIZE);
  wasi_errno_t error = guest_call(guest, SYS_fd_allocate, model->fd, offset, length);
  require(error == (length ? 0 : WASI_EINVAL));
  if (length && offset + length > model->size) model->size = offset + length;
}

static void model_check(struct guest *guest, uint32_t fd, const struct model *model) {
  require(guest_call(guest, SYS_fd_filestat_get, fd, DATA) == 0);
  require(guest_u64(guest, DATA + 32) == model->size);
  for (uint32_t at = 0, length = 1; length > 0; at += length) {
    uint32_t left = model->size - at;
    length = left < DATA_SIZE ? left : DATA_SIZE;
    vector(guest, 0, DATA, DATA_SIZE);
    require(guest_call(guest, SYS_fd_pread, fd, IOV, 1, at, OUT) == 0);
    require(guest_u32(guest, OUT) <= length && (guest_u32(guest, OUT) > 0 || length == 0));
    length = guest_u32(guest, OUT);
    require(memcmp(guest->memory + DATA, model->bytes + at, length) == 0);
  }
}

static uint32_t model_open(struct guest *guest, uint32_t oflags) {
  const uint64_t rights = WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_ALLOCATE |
                          WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_SIZE;
  memcpy(guest->memory + NAME, MODEL_NAME, sizeof MODEL_NAME - 1);
  require(guest_call(guest, SYS_path_open, 3, 0, NAME, sizeof MODEL_NAME - 1, oflags, rights, 0, 0, OUT) == 0);
  return guest_u32(guest, OUT);
}

/* ---- the run ---- */

static void mount_volume(struct guest *guest, struct store *store) {
  guest_start(guest);
  require(store_mount(guest, store, "/box", 0, 0) == 0);
  store_serves(guest, store);
  guest_preopen(guest, "/box", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t bytes[MODEL_SIZE];
  struct guest guest, again;
  struct files files = {0};
  struct input input = {data, data + size};
  struct store store = {0};
  struct model model = {.bytes = bytes};
  memset(bytes, 0, sizeof bytes);
  mount_volume(&guest, &store);
  model.fd = model_open(&guest, WASI_OFLAG_CREAT);
  for (int i = 0; i < OPERATIONS && input.at < input.end; i++) {
    switch (next_byte(&input) & 15) {
      case 0: store_flush_if_idle(&guest, &store, true); break;
      case 1: store_flush_if_idle(&guest, &store, false); break;
      case 2: if (!store.flushing) store_begin(&guest, &store); break;
      case 3: store_end(&guest, &store, true); break;
      case 4: store_end(&guest, &store, false); break;
      case 5: (void)store_ask(&guest, &store); break;
      case 6: (void)store_answer(&guest, &store); break;
      case 7: case 8: model_write(&guest, &input, &model); break;
      case 9: model_resize(&guest, &input, &model); break;
      case 10: model_allocate(&guest, &input, &model); break;
      default: (void)operate(&guest, &input, &files); break;
    }
  }
  model_check(&guest, model.fd, &model);
  store_end(&guest, &store, true);
  store_flush(&guest, &store, true);
  require(nidus_volume_dirty(guest.system, store.mount) == 0);
  struct store copy = store_copy(&store);
  mount_volume(&again, &copy);
  model_check(&again, model_open(&again, 0), &model);
  struct findings before = guest_inspect(&guest, 3, true), after = guest_inspect(&again, 3, true);
  require(before.entries == after.entries && before.digest == after.digest);
  guest_stop(&guest);
  guest_stop(&again);
  store_free(&store);
  store_free(&copy);
  return 0;
}
