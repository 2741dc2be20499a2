#include "guest.h"

/* Where the inspection keeps things in guest memory; the targets use what lies below. */
enum { RESULT = 32768, STAT = RESULT + 16, IOVEC = STAT + 64, NAME = IOVEC + 16, LISTING = 40960, LISTING_SIZE = 4096 };
enum { CONTENT = 49152, CONTENT_SIZE = 8192 };

/* ---- the host ---- */

static int32_t at_end(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context, (void)stream, (void)bytes, (void)length;
  return 0;
}

static int32_t take_all(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  (void)context, (void)stream, (void)bytes;
  return (int32_t)length;
}

static int32_t always_ready(void *context, uint32_t stream) {
  (void)context, (void)stream;
  return NIDUS_STREAM_CAN_READ | NIDUS_STREAM_CAN_WRITE;
}

static uint64_t tick(void *context, uint32_t id) {
  (void)id;
  return ++((struct guest *)context)->ticks;
}

static uint64_t resolution(void *context, uint32_t id) {
  (void)context, (void)id;
  return 1;
}

static double now(void *context) { return (double)++((struct guest *)context)->ticks; }

static void no_random(void *context, void *bytes, uint32_t length) {
  (void)context;
  memset(bytes, 0x5a, length);
}

/* ---- the guest's memory ---- */

static uint32_t copy_from(void *context, void *kernel, uint64_t at, uint32_t length) {
  struct guest *guest = context;
  if (at > GUEST_SIZE || length > GUEST_SIZE - at) return 1;
  memcpy(kernel, guest->memory + at, length);
  return 0;
}

static uint32_t copy_to(void *context, uint64_t at, const void *kernel, uint32_t length) {
  struct guest *guest = context;
  if (at > GUEST_SIZE || length > GUEST_SIZE - at) return 1;
  memcpy(guest->memory + at, kernel, length);
  return 0;
}

struct nidus_guest_memory guest_memory(struct guest *guest) {
  return (struct nidus_guest_memory){guest, copy_from, copy_to};
}

uint32_t guest_u32(const struct guest *guest, uint32_t at) {
  uint32_t value;
  memcpy(&value, guest->memory + at, sizeof value);
  return value;
}

uint64_t guest_u64(const struct guest *guest, uint32_t at) {
  uint64_t value;
  memcpy(&value, guest->memory + at, sizeof value);
  return value;
}

void guest_put_u32(struct guest *guest, uint32_t at, uint32_t value) {
  memcpy(guest->memory + at, &value, sizeof value);
}

/* ---- starting and stopping ---- */

void guest_start(struct guest *guest) {
  memset(guest, 0, sizeof *guest);
  guest->host = (struct nidus_host){
      .context = guest,
      .stream_read = at_end,
      .stream_write = take_all,
      .stream_ready = always_ready,
      .clock = tick,
      .clock_resolution = resolution,
      .now = now,
      .random = no_random,
  };
  guest->memory = calloc(1, GUEST_SIZE);
  guest->system = nidus_system_create(&guest->host);
  require(guest->memory && guest->system);
  int32_t pid = nidus_process_create(guest->system, "fuzz", 5, 1, "", 0, 0);
  require(pid > 0);
  guest->pid = (uint32_t)pid;
  for (uint32_t fd = 0; fd < 3; fd++) require(nidus_fd_stream(guest->system, guest->pid, fd, fd, 3) >= 0);
  require(nidus_process_memory(guest->system, guest->pid, guest_memory(guest)) >= 0);
}

void guest_preopen(struct guest *guest, const char *folder, uint32_t flags) {
  uint32_t length = (uint32_t)strlen(folder);
  require(nidus_fd_preopen(guest->system, guest->pid, folder, length, folder, length, flags) == 3);
}

void guest_stop(struct guest *guest) {
  nidus_process_end(guest->system, guest->pid, 0);
  require(nidus_process_reap(guest->system, guest->pid) == 0);
  nidus_system_destroy(guest->system);
  free(guest->memory);
}

wasi_errno_t guest_syscall(struct guest *guest, uint32_t number, const uint64_t *arguments) {
  wasi_errno_t error;
  do {
    error = nidus_syscall(guest->system, guest->pid, number, arguments);
  } while (error == NIDUS_WOULD_BLOCK && guest->unblock && guest->unblock(guest));
  require(error <= WASI_ENOTCAPABLE || error == NIDUS_WOULD_BLOCK);
  return error;
}

/* ---- looking at everything ---- */

/* A name of a file that has several. */
struct names {
  uint64_t ino, dev;
  uint64_t links, found;
};

struct folder;

struct inspection {
  struct guest *guest;
  struct findings findings;
  struct names *files;
  uint32_t file_count;
  struct folder *folders; /* still to be listed */
  uint32_t folder_count;
};

struct folder {
  uint32_t fd;
  uint64_t path; /* its hash */
};

/* FNV-1a. */
static uint64_t hash(uint64_t start, const void *bytes, size_t length) {
  for (const uint8_t *at = bytes; length > 0; length--, at++) start = (start ^ *at) * 0x100000001b3u;
  return start;
}

static void *grown(void *block, uint32_t count, size_t size) {
  /* Powers of two, so that only then the block must move. */
  if (count & (count - 1)) return block;
  block = realloc(block, (count ? 2 * count : 1) * size);
  require(block);
  return block;
}

static void count_name(struct inspection *all, uint64_t dev, uint64_t ino, uint64_t links) {
  for (uint32_t i = 0; i < all->file_count; i++)
    if (all->files[i].ino == ino && all->files[i].dev == dev) {
      all->files[i].found++;
      return;
    }
  all->files = grown(all->files, all->file_count, sizeof *all->files);
  all->files[all->file_count++] = (struct names){ino, dev, links, 1};
}

/* The hash of what can be read, going on from `start`. */
static uint64_t read_file(struct inspection *all, uint32_t fd, uint32_t name_length, uint64_t size, uint64_t start) {
  struct guest *guest = all->guest;
  wasi_errno_t error = guest_call(guest, SYS_path_open, fd, 0, NAME, name_length, 0,
                                  WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK, 0, 0, RESULT);
  if (error) return start;
  uint32_t file = guest_u32(guest, RESULT);
  guest_put_u32(guest, IOVEC, CONTENT);
  guest_put_u32(guest, IOVEC + 4, CONTENT_SIZE);
  /* The beginning, and what stands around the end: the middle is no different. */
  uint64_t tail = size > CONTENT_SIZE / 2 ? size - CONTENT_SIZE / 2 : 0;
  for (int part = 0; part < 2; part++) {
    uint64_t from = part ? tail : 0, left = size > from ? size - from : 0;
    require(guest_call(guest, SYS_fd_pread, file, IOVEC, 1, from, RESULT) == 0);
    uint32_t length = guest_u32(guest, RESULT);
    require(length == (left < CONTENT_SIZE ? left : CONTENT_SIZE));
    start = hash(start, guest->memory + CONTENT, length);
  }
  require(guest_call(guest, SYS_fd_close, file) == 0);
  return start;
}

/* One entry of a folder, its name at `at` in guest memory. */
static void inspect_entry(struct inspection *all, struct folder folder, uint32_t at, uint32_t length, uint64_t ino,
                          uint8_t type) {
  struct guest *guest = all->guest;
  uint32_t fd = folder.fd;
  require(length > 0 && length <= 255);
  require(!memchr(guest->memory + at, '/', length) && !memchr(guest->memory + at, 0, length));
  memcpy(guest->memory + NAME, guest->memory + at, length);
  require(guest_call(guest, SYS_path_filestat_get, fd, 0, NAME, length, STAT) == 0);
  uint64_t size = guest_u64(guest, STAT + 32);
  require(guest_u64(guest, STAT + 8) == ino);
  require(guest->memory[STAT + 16] == type);
  all->findings.entries++;
  uint64_t path = hash(folder.path, guest->memory + NAME, length) + 1;
  /* All of the filestat but the device, which depends on what else is mounted, and atime. */
  uint64_t digest = hash(hash(path, guest->memory + STAT + 8, 32), guest->memory + STAT + 48, 8);
  if (type == WASI_FILETYPE_DIRECTORY) {
    uint64_t all_rights = WASI_RIGHT_ALL, writing = WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE;
    uint64_t rights = all_rights & ~(writing | WASI_RIGHT_FD_FILESTAT_SET_SIZE);
    require(guest_call(guest, SYS_path_open, fd, 0, NAME, length, WASI_OFLAG_DIRECTORY, rights, all_rights, 0,
                       RESULT) == 0);
    all->folders = grown(all->folders, all->folder_count, sizeof *all->folders);
    all->folders[all->folder_count++] = (struct folder){guest_u32(guest, RESULT), path};
    all->findings.digest += digest;
    return;
  }
  count_name(all, guest_u64(guest, STAT), ino, guest_u64(guest, STAT + 24));
  if (type == WASI_FILETYPE_REGULAR_FILE) digest = read_file(all, fd, length, size, digest);
  if (type == WASI_FILETYPE_SYMBOLIC_LINK) {
    require(guest_call(guest, SYS_path_readlink, fd, NAME, length, CONTENT, CONTENT_SIZE, RESULT) == 0);
    require(guest_u32(guest, RESULT) == (size < CONTENT_SIZE ? size : CONTENT_SIZE));
    digest = hash(digest, guest->memory + CONTENT, guest_u32(guest, RESULT));
  }
  all->findings.digest += digest;
}

/* Lists with a cookie per entry, so that every cookie is resumed from. */
static void inspect_folder(struct inspection *all, struct folder folder) {
  struct guest *guest = all->guest;
  uint32_t fd = folder.fd;
  uint64_t cookie = 0;
  char(*seen)[256] = NULL;
  uint32_t count = 0;
  for (;;) {
    require(guest_call(guest, SYS_fd_readdir, fd, LISTING, LISTING_SIZE, cookie, RESULT) == 0);
    uint32_t used = guest_u32(guest, RESULT), length = guest_u32(guest, LISTING + 16);
    require(used <= LISTING_SIZE);
    if (used < 24) break;
    require(length <= used - 24);
    uint64_t next = guest_u64(guest, LISTING), ino = guest_u64(guest, LISTING + 8);
    uint8_t type = guest->memory[LISTING + 20];
    require(next != cookie);
    cookie = next;
    const uint8_t *name = guest->memory + LISTING + 24;
    if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.')) continue;
    require(length < sizeof *seen);
    seen = grown(seen, count, sizeof *seen);
    memset(seen[count], 0, sizeof *seen);
    memcpy(seen[count], name, length);
    for (uint32_t i = 0; i < count; i++) require(memcmp(seen[i], seen[count], sizeof *seen));
    count++;
    inspect_entry(all, folder, LISTING + 24, length, ino, type);
  }
  free(seen);
}

struct findings guest_inspect(struct guest *guest, uint32_t fd, bool links) {
  struct inspection all = {.guest = guest};
  inspect_folder(&all, (struct folder){fd, 0xcbf29ce484222325u});
  while (all.folder_count) {
    struct folder folder = all.folders[--all.folder_count];
    inspect_folder(&all, folder);
    require(guest_call(guest, SYS_fd_close, folder.fd) == 0);
  }
  for (uint32_t i = 0; links && i < all.file_count; i++) require(all.files[i].found == all.files[i].links);
  free(all.files);
  free(all.folders);
  return all.findings;
}
