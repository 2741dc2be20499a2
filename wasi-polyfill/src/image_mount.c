/*
 * image_mount.c: volumes in one file as mounts, natively: an image on a device of the host's is the store of a volume.
 * In JavaScript's world the image is a module of its own (image_exports.c).
 */

#include <stdlib.h>
#include <string.h>

#include "block_host.h"
#include "host.h"
#include "image.h"
#include "reply.h"
#include "volume_salvage.h"
#include "volume_state.h"

struct image_store {
  struct volume_store store; /* first */
  struct block_device device;
  struct image *image;
  uint32_t flags;
  uint32_t findings; /* of its opening */
  bool tried;        /* it is mounted to see whether that can be done: it stays open if not */
  bool salvaged;     /* its log contradicted itself */
  uint32_t unusable, moved; /* of it */
  char name[];       /* for messages */
};

/* ---- the store ---- */

static struct image *image_of(struct volume_store *store) { return ((struct image_store *)store)->image; }

static wasi_errno_t store_log(struct volume_store *store, void *context,
                              wasi_errno_t (*take)(void *context, const void *bytes, uint32_t length)) {
  return image_log(image_of(store), context, take);
}

static wasi_errno_t store_load(struct volume_store *store, uint64_t ino, uint64_t index, void *bytes,
                               uint32_t *length) {
  return image_load(image_of(store), ino, index, bytes, length);
}

static wasi_errno_t store_commit(struct volume_store *store, const struct volume_cut *cut) {
  return image_commit(image_of(store), cut);
}

static wasi_errno_t store_keys(struct volume_store *store, void *context,
                               wasi_errno_t (*take)(void *context, uint64_t ino, uint64_t index)) {
  return image_keys(image_of(store), context, take);
}

static void store_close(struct volume_store *store) {
  struct image_store *own = (struct image_store *)store;
  if (own->tried) return;
  /* Not to be marked as closed well is no loss. */
  if (own->image) (void)image_close(own->image);
  block_host_close(&own->device);
  free(own);
}

static const struct volume_store operations = {store_log, store_load, store_commit, store_keys, store_close};

/* ---- messages ---- */

/* A failure, and a string that says what it means, if the errno does not. */
static int32_t refuse(struct reply *reply, uint32_t findings, wasi_errno_t error, const char *name) {
  const char *says = image_says(findings, error), *place = says ? strchr(says, '$') : NULL;
  if (!place) return -(int32_t)error;
  reply_text(reply, says, (uint32_t)(place - says));
  reply_string(reply, name, place + 1);
  return -(int32_t)error;
}

/* ---- a log that contradicts itself ---- */

struct log_copy {
  struct volume_segment *segments;
  uint32_t count;
};

static wasi_errno_t copy_segment(void *context, const void *bytes, uint32_t length) {
  struct log_copy *copy = context;
  struct volume_segment *more = realloc(copy->segments, (copy->count + 1) * sizeof *more);
  if (!more) return WASI_ENOMEM;
  copy->segments = more;
  uint8_t *own = malloc(length);
  if (!own) return WASI_ENOMEM;
  memcpy(own, bytes, length);
  copy->segments[copy->count++] = (struct volume_segment){own, length};
  return WASI_ESUCCESS;
}

/* The log of the image becomes what can be read of it. */
static wasi_errno_t image_salvage(struct image_store *own) {
  struct log_copy copy = {0};
  struct volume_salvaged salvaged = {0};
  wasi_errno_t error = image_log(own->image, &copy, copy_segment);
  if (!error) error = volume_salvage(copy.segments, copy.count, &salvaged);
  const struct volume_cut cut = {.restart = true, .segments = salvaged.segments, .segment_count = salvaged.segment_count};
  if (!error) error = image_commit(own->image, &cut);
  own->salvaged = !error;
  own->unusable = salvaged.unusable;
  own->moved = salvaged.moved;
  volume_salvaged_free(&salvaged);
  for (uint32_t i = 0; i < copy.count; i++) free((void *)(uintptr_t)copy.segments[i].bytes);
  free(copy.segments);
  return error;
}

/* ---- mounting ---- */

static int32_t image_mount(struct nidus_system *system, const char *path, uint32_t device, const char *name, uint32_t flags,
                    uint64_t budget, struct reply *reply) {
  struct block_device block = block_host(system, device);
  size_t length = strlen(name) + 1;
  struct image_store *own = calloc(1, sizeof *own + length);
  uint64_t salt;
  host_random(system, &salt, sizeof salt);
  wasi_errno_t error = WASI_ENOMEM;
  if (own) {
    own->store = operations;
    own->device = block;
    own->flags = flags;
    memcpy(own->name, name, length);
    error = image_open(&block, flags, salt, &own->image, &own->findings);
  }
  uint32_t findings = own ? own->findings : 0;
  if (error) {
    block_host_close(&block);
    free(own);
    return refuse(reply, findings, error, name);
  }
  uint32_t how = flags & IMAGE_READ_ONLY ? NIDUS_VOLUME_VIEW : 0;
  bool repair = flags & IMAGE_REPAIR;
  own->tried = repair;
  int32_t mount = volume_mount(system, path, (uint32_t)strlen(path), &own->store, how, budget);
  /* Only one that is to be repaired is still there when it could not be mounted. */
  if (repair) own->tried = false;
  if (repair && mount == -WASI_EIO) {
    error = image_salvage(own);
    if (!error) mount = volume_mount(system, path, (uint32_t)strlen(path), &own->store, how, budget);
    else store_close(&own->store);
  } else if (repair && mount < 0) {
    store_close(&own->store);
  }
  return mount < 0 ? refuse(reply, 0, (wasi_errno_t)-mount, name) : mount;
}

/* The store of a mount, if it is an image. */
static struct image_store *store_at(struct nidus_system *system, uint32_t mount) {
  const struct mem_filesystem *fs = volume_at(system, mount);
  struct volume_store *store = fs ? fs->volume->store : NULL;
  return store && store->close == store_close ? (struct image_store *)store : NULL;
}

static int32_t image_flush(struct nidus_system *system, uint32_t mount, struct reply *reply) {
  struct image_store *own = store_at(system, mount);
  if (!own) return -WASI_EINVAL;
  int32_t result = volume_flush(system, mount);
  return result < 0 ? refuse(reply, 0, (wasi_errno_t)-result, own->name) : 0;
}

/* ---- the check ---- */

struct inspection {
  struct mem_filesystem *fs;
  struct reply *reply;
  int32_t count;
  bool repair;
};

/* An entry that leads to the inode, and the folder it is in; NULL for the root and for what has no name. */
static const struct mem_entry *entry_of(const struct volume *volume, const struct mem_inode *child,
                                        struct mem_inode **parent) {
  EACH_INODE(volume, folder) {
    if (folder->base.type != WASI_FILETYPE_DIRECTORY) continue;
    for (uint32_t i = folder->directory.first; i < folder->directory.used; i++) {
      *parent = folder;
      if (folder->directory.entries[i].inode == child) return &folder->directory.entries[i];
    }
  }
  return NULL;
}

/* The path of an inode below its mount, in `path`: its end, if it does not fit. */
static const char *path_of(const struct volume *volume, struct mem_inode *inode, char *path, size_t size) {
  char *at = path + size - 1;
  *at = 0;
  for (const struct mem_entry *entry; (entry = entry_of(volume, inode, &inode));) {
    uint32_t length = entry->name->length;
    if (length + 1 > (size_t)(at - path)) break;
    at -= length;
    memcpy(at, entry->name->bytes, length);
    *--at = '/';
  }
  return *at ? at : "/ (a file without a name)";
}

static const char *decimal(uint64_t number, char digits[21]) {
  char *at = digits + 20;
  *at = 0;
  do *--at = (char)('0' + number % 10);
  while (number /= 10);
  return at;
}

static void chunk_damaged(void *context, uint64_t ino, uint64_t index) {
  struct inspection *inspection = context;
  struct volume *volume = inspection->fs->volume;
  struct mem_inode *inode = volume_find(volume, ino);
  char path[1024], first[21], last[21];
  uint64_t start = index << CHUNK_BITS;
  inspection->count++;
  if (!inode || inode->base.type != WASI_FILETYPE_REGULAR_FILE || start >= inode->base.size) {
    reply_string(inspection->reply, "there are damaged contents that belong to no file");
    return;
  }
  uint64_t end = inode->base.size - start < CHUNK_SIZE ? inode->base.size : start + CHUNK_SIZE;
  reply_string(inspection->reply, path_of(volume, inode, path, sizeof path), ": bytes ", decimal(start, first), " to ",
               decimal(end - 1, last), inspection->repair ? " were damaged; they are zeros now" : " are damaged");
}

/* ---- chunks that the tree has and the image has not ---- */

struct key_list {
  struct nidus_chunk_key *keys;
  uint32_t count;
};

static wasi_errno_t count_key(void *context, uint64_t ino, uint64_t index) {
  (void)ino, (void)index;
  ++*(uint32_t *)context;
  return WASI_ESUCCESS;
}

static wasi_errno_t list_key(void *context, uint64_t ino, uint64_t index) {
  struct key_list *list = context;
  list->keys[list->count++] = (struct nidus_chunk_key){ino, index};
  return WASI_ESUCCESS;
}

/* Chunks that nothing asks for do no harm. */
static wasi_errno_t inspect_tree(struct image_store *own, struct nidus_system *system, uint32_t mount,
                                 struct inspection *inspection) {
  uint32_t count = 0, missing = 0;
  (void)image_keys(own->image, &count, count_key);
  struct key_list list = {malloc((count + 1) * sizeof *list.keys), 0};
  if (!list.keys) return WASI_ENOMEM;
  (void)image_keys(own->image, &list, list_key);
  struct reply found = {0};
  int32_t result = volume_check(system, mount, list.keys, list.count, inspection->repair, &found);
  free(list.keys);
  for (uint32_t i = 0; i + 7 <= found.length; i++) missing += memcmp(found.bytes + i, "missing", 7) == 0;
  free(found.bytes);
  if (result < 0) return (wasi_errno_t)-result;
  if (missing == 0) return WASI_ESUCCESS;
  char digits[21];
  inspection->count++;
  reply_string(inspection->reply, "of files, ", decimal(missing, digits), " pieces of 64 KiB ",
               inspection->repair ? "were missing; they are holes now" : "are missing");
  result = inspection->repair ? volume_flush(system, mount) : 0;
  return result < 0 ? (wasi_errno_t)-result : WASI_ESUCCESS;
}

static int32_t image_inspect(struct nidus_system *system, uint32_t mount, struct reply *reply) {
  struct image_store *own = store_at(system, mount);
  if (!own) return -WASI_EINVAL;
  bool repair = own->flags & IMAGE_REPAIR;
  struct inspection inspection = {volume_at(system, mount), reply, 0, repair};
  if (own->findings & IMAGE_SUPERBLOCK) {
    reply_string(reply, "one of the two superblocks ", repair ? "was" : "is", " damaged; the other one tells all");
  }
  if (own->findings & IMAGE_LOG) {
    reply_string(reply, "the log was damaged; what was stored after that place is lost, all before it is there");
  }
  if (own->findings & IMAGE_PLACES) reply_string(reply, "contents lay one upon the other; they were given up");
  inspection.count = __builtin_popcount(own->findings) + own->salvaged;
  if (own->salvaged) {
    char unusable[21], moved[21];
    reply_string(reply, "the log contradicted itself: parts of it that could not be used: ", decimal(own->unusable, unusable),
                 "; files and folders that are in lost+found now: ", decimal(own->moved, moved));
  }
  wasi_errno_t error = image_check(own->image, own->flags, &inspection, chunk_damaged);
  if (!error) error = inspect_tree(own, system, mount, &inspection);
  return error ? refuse(reply, 0, error, own->name) : inspection.count;
}

/* ---- the calls of kernel.h ---- */

/* The strings of a reply, which are the caller's. */
static int32_t hand_over(struct reply *reply, int32_t result, char **text) {
  if (reply->failed && result >= 0) result = -WASI_ENOMEM;
  *text = reply->failed ? NULL : reply->bytes;
  if (reply->failed) free(reply->bytes);
  return result;
}

int32_t nidus_mount_image(struct nidus_system *system, const char *path, uint32_t device, const char *name,
                          uint32_t flags, uint64_t budget, char **text) {
  struct reply reply = {0};
  return hand_over(&reply, image_mount(system, path, device, name, flags, budget, &reply), text);
}

int32_t nidus_image_flush(struct nidus_system *system, uint32_t mount, char **text) {
  struct reply reply = {0};
  return hand_over(&reply, image_flush(system, mount, &reply), text);
}

int32_t nidus_image_check(struct nidus_system *system, uint32_t mount, char **text) {
  struct reply reply = {0};
  return hand_over(&reply, image_inspect(system, mount, &reply), text);
}
