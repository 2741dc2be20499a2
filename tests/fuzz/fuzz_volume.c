/*
 * fuzz_volume.c: a journaled volume against two models.
 *
 * The input is a list of operations on the volume (operations.h), on one file of which the model
 * remembers every byte, and of flushes, some of which fail. What a flush that completes puts and deletes is
 * kept in a store. At the end the volume must hold what the model says, and a second system, loaded
 * from the store after a last flush, must hold the very same tree.
 */
#include "operations.h"

enum { OPERATIONS = 150, MODEL_SIZE = 400000, CHUNK = 65536, STORE_LIMIT = 4096 };
enum { OUT = 0, IOV = 16, NAME = 64, DATA = 4096, DATA_SIZE = 200000 };
/* Too long for the operations to name it. */
static const char MODEL_NAME[] = "what-the-model-remembers";

/* ---- the store: what IndexedDB would hold ---- */

struct stored {
  uint32_t store;
  uint64_t ino, index; /* of a dirent: parent and child */
  uint32_t name_length, length;
  uint8_t *name, *bytes;
};

struct store {
  struct stored *items;
  uint32_t count;
};

static uint8_t *copy_of(const void *bytes, uint32_t length) {
  uint8_t *copy = malloc(length ? length : 1);
  require(copy);
  if (length) memcpy(copy, bytes, length);
  return copy;
}

static bool same_key(const struct stored *item, const struct nidus_flush_record *record) {
  if (item->store != record->store || item->ino != record->ino) return false;
  if (record->op == NIDUS_STORE_DELETE_FROM) return item->store == NIDUS_STORE_DIRENT || item->index >= record->index;
  if (item->store == NIDUS_STORE_CHUNK) return item->index == record->index;
  if (item->store == NIDUS_STORE_INODE) return true;
  return item->name_length == record->name_length && memcmp(item->name, record->name, item->name_length) == 0;
}

static void store_delete(struct store *store, const struct nidus_flush_record *record) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < store->count; i++) {
    if (!same_key(&store->items[i], record)) {
      store->items[kept++] = store->items[i];
      continue;
    }
    free(store->items[i].name);
    free(store->items[i].bytes);
  }
  store->count = kept;
}

static void store_apply(struct store *store, const struct nidus_flush_record *record) {
  store_delete(store, record);
  if (record->op != NIDUS_STORE_PUT) return;
  require(store->count < STORE_LIMIT);
  require(record->store != NIDUS_STORE_CHUNK || record->length <= CHUNK);
  store->items[store->count++] = (struct stored){
      .store = record->store,
      .ino = record->ino,
      .index = record->index,
      .name_length = record->name_length,
      .length = record->length,
      .name = copy_of(record->name, record->name_length),
      .bytes = copy_of(record->bytes, record->length),
  };
}

/* A flush of which all or nothing reaches the store. */
static void flush(struct guest *guest, uint32_t mount, struct store *store, bool ok) {
  int32_t count = nidus_flush_begin(guest->system, mount);
  require(count >= 0);
  for (uint32_t i = 0; ok && i < (uint32_t)count; i++) {
    const struct nidus_flush_record *record = nidus_flush_record(guest->system, mount, i);
    require(record);
    store_apply(store, record);
  }
  nidus_flush_end(guest->system, mount, ok);
}

static void store_free(struct store *store) {
  while (store->count) {
    struct stored *item = &store->items[--store->count];
    free(item->name);
    free(item->bytes);
  }
}

static void load(struct guest *guest, uint32_t mount, const struct store *store) {
  for (uint32_t i = 0; i < store->count; i++) {
    const struct stored *item = &store->items[i];
    if (item->store != NIDUS_STORE_INODE) continue;
    require(nidus_load_inode(guest->system, mount, item->ino, item->bytes, item->length) == 0);
  }
  for (uint32_t i = 0; i < store->count; i++) {
    const struct stored *item = &store->items[i];
    const char *name = (const char *)item->name;
    if (item->store == NIDUS_STORE_DIRENT)
      require(nidus_load_dirent(guest->system, mount, item->ino, name, item->name_length, item->index) == 0);
    if (item->store == NIDUS_STORE_CHUNK)
      require(nidus_load_chunk(guest->system, mount, item->ino, item->index, item->bytes, item->length) == 0);
  }
  require(nidus_load_end(guest->system, mount) == 0);
}

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
  uint32_t base = byte & 0x80 ? (byte >> 4 & 7) * CHUNK : 1u << (byte >> 3 & 15);
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
  uint32_t done = guest_u32(guest, OUT);
  require(done == first + second || (beyond && done >= first && done < first + second));
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
  for (uint32_t at = 0; at <= model->size; at += DATA_SIZE) {
    uint32_t left = model->size - at, length = left < DATA_SIZE ? left : DATA_SIZE;
    vector(guest, 0, DATA, DATA_SIZE);
    require(guest_call(guest, SYS_fd_pread, fd, IOV, 1, at, OUT) == 0);
    require(guest_u32(guest, OUT) == length);
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

static uint32_t mount_volume(struct guest *guest) {
  guest_start(guest);
  int32_t mount = nidus_mount_mem(guest->system, "/box", 4, NIDUS_MOUNT_JOURNALED);
  require(mount >= 0);
  return (uint32_t)mount;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t bytes[MODEL_SIZE];
  static struct stored items[STORE_LIMIT];
  struct guest guest, again;
  struct files files = {0};
  struct input input = {data, data + size};
  struct store store = {items, 0};
  struct model model = {.bytes = bytes};
  memset(bytes, 0, sizeof bytes);
  uint32_t mount = mount_volume(&guest);
  guest_preopen(&guest, "/box", 0);
  model.fd = model_open(&guest, WASI_OFLAG_CREAT);
  for (int i = 0; i < OPERATIONS && input.at < input.end; i++) {
    switch (next_byte(&input) & 7) {
      case 0: flush(&guest, mount, &store, true); break;
      case 1: flush(&guest, mount, &store, false); break;
      case 2: model_write(&guest, &input, &model); break;
      case 3: model_resize(&guest, &input, &model); break;
      case 4: model_allocate(&guest, &input, &model); break;
      default: (void)operate(&guest, &input, &files); break;
    }
  }
  model_check(&guest, model.fd, &model);
  flush(&guest, mount, &store, true);
  require(nidus_volume_dirty(guest.system, mount) == 0);
  uint32_t second_mount = mount_volume(&again);
  load(&again, second_mount, &store);
  guest_preopen(&again, "/box", 0);
  model_check(&again, model_open(&again, 0), &model);
  struct findings before = guest_inspect(&guest, 3, true), after = guest_inspect(&again, 3, true);
  require(before.entries == after.entries && before.digest == after.digest);
  store_free(&store);
  guest_stop(&guest);
  guest_stop(&again);
  return 0;
}
