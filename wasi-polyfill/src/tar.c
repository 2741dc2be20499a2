/*
 * tar.c: a tar archive as a read-only filesystem, used in place.
 *
 * Mounting reads the headers once and makes a node per file; names and contents stay in the archive,
 * at `archive + offset`. Understood: ustar with prefixes, GNU long names, pax path, linkpath and
 * size, base-256 sizes. Anything else (sparse files, devices) is passed over. The archive is not
 * trusted: every field is checked against its length, once, here.
 *
 * Nodes are numbered in the order of the archive; the children of a folder form a list in that order,
 * so that a readdir cookie is the number of the next child.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "path.h"
#include "system.h"

enum { BLOCK = 512, NO_NODE = UINT32_MAX };

struct tar_node {
  struct inode base;
  const char *name; /* in the archive */
  const char *contents; /* a file's bytes, or a link's target, in the archive */
  uint32_t name_length;
  uint32_t number;
  uint32_t first_child, last_child, next_sibling;
  uint32_t hash_next; /* in the bucket */
};

struct tar_filesystem {
  struct filesystem base;
  char *archive;
  uint32_t length;
  struct tar_node **nodes; /* by number; node 0 is the root */
  uint32_t count;
  uint32_t capacity;
  uint64_t next_ino;
  uint32_t *buckets; /* first node, by hash of (parent, name) */
  uint32_t bucket_count; /* a power of two */
};

/* One header's view of the file that follows it. */
struct tar_entry {
  struct name prefix, name, link;
  const char *contents;
  uint64_t size;
  uint64_t mtime;
  uint32_t mode;
  char type;
};

static const struct inode_ops folder_ops, file_ops, link_ops;

static struct tar_filesystem *tar_of(const struct inode *inode) { return (struct tar_filesystem *)inode->fs; }

/* ---- nodes ---- */

static uint32_t bucket_of(const struct tar_filesystem *fs, uint32_t parent, struct name name) {
  uint32_t hash = 2166136261u ^ parent * 2654435761u;
  for (uint32_t i = 0; i < name.length; i++) hash = (hash ^ (uint8_t)name.bytes[i]) * 16777619u;
  return (hash ^ hash >> 15) & (fs->bucket_count - 1);
}

static struct tar_node *node_find(const struct tar_filesystem *fs, uint32_t parent, struct name name) {
  if (fs->bucket_count == 0) return NULL;
  for (uint32_t i = fs->buckets[bucket_of(fs, parent, name)]; i != NO_NODE; i = fs->nodes[i]->hash_next) {
    struct tar_node *node = fs->nodes[i];
    if (node->base.parent == &fs->nodes[parent]->base && node->name_length == name.length &&
        memcmp(node->name, name.bytes, name.length) == 0) {
      return node;
    }
  }
  return NULL;
}

static bool buckets_grow(struct tar_filesystem *fs) {
  if (fs->count < fs->bucket_count) return true;
  uint32_t bucket_count = fs->bucket_count ? fs->bucket_count * 2 : 64;
  uint32_t *buckets = malloc(bucket_count * sizeof *buckets);
  if (!buckets) return false;
  free(fs->buckets);
  fs->buckets = buckets;
  fs->bucket_count = bucket_count;
  memset(buckets, 0xFF, bucket_count * sizeof *buckets);
  for (uint32_t i = 1; i < fs->count; i++) {
    struct tar_node *node = fs->nodes[i];
    uint32_t parent = ((struct tar_node *)node->base.parent)->number;
    uint32_t bucket = bucket_of(fs, parent, (struct name){node->name, node->name_length});
    node->hash_next = buckets[bucket];
    buckets[bucket] = i;
  }
  return true;
}

static struct tar_node *node_add(struct tar_filesystem *fs, struct tar_node *parent, struct name name, uint8_t type) {
  if (fs->count == fs->capacity) {
    uint32_t capacity = fs->capacity ? fs->capacity * 2 : 64;
    struct tar_node **nodes = realloc(fs->nodes, capacity * sizeof *nodes);
    if (!nodes) return NULL;
    fs->nodes = nodes;
    fs->capacity = capacity;
  }
  if (!buckets_grow(fs)) return NULL;
  struct tar_node *node = calloc(1, sizeof *node);
  if (!node) return NULL;
  node->base = (struct inode){.fs = &fs->base, .ino = ++fs->next_ino, .nlink = 1, .references = 1, .type = type};
  node->number = fs->count;
  node->name = name.bytes;
  node->name_length = name.length;
  node->first_child = node->last_child = node->next_sibling = NO_NODE;
  fs->nodes[fs->count++] = node;
  if (!parent) return node;
  node->base.parent = &parent->base;
  uint32_t bucket = bucket_of(fs, parent->number, name);
  node->hash_next = fs->buckets[bucket];
  fs->buckets[bucket] = node->number;
  if (parent->last_child == NO_NODE) {
    parent->first_child = node->number;
  } else {
    fs->nodes[parent->last_child]->next_sibling = node->number;
  }
  parent->last_child = node->number;
  return node;
}

static void node_become(struct tar_node *node, uint8_t type) {
  node->base.type = type;
  node->base.ops = type == WASI_FILETYPE_DIRECTORY       ? &folder_ops
                   : type == WASI_FILETYPE_SYMBOLIC_LINK ? &link_ops
                                                         : &file_ops;
  node->base.nlink = type == WASI_FILETYPE_DIRECTORY ? 2 : 1;
  node->base.size = 0;
  node->contents = NULL;
  if (!node->base.mode) node->base.mode = type == WASI_FILETYPE_DIRECTORY ? 0755 : 0644;
}

/* ---- headers ---- */

static uint32_t field_length(const char *field, uint32_t size) {
  const char *end = memchr(field, 0, size);
  return end ? (uint32_t)(end - field) : size;
}

/* Octal digits with blanks around them, or GNU's base-256. False when it is neither or too large. */
static bool parse_number(const char *field, uint32_t size, uint64_t *value) {
  const uint8_t *at = (const uint8_t *)field;
  uint64_t number = 0;
  if (at[0] & 0x80) {
    if (at[0] != 0x80) return false;
    for (uint32_t i = 1; i < size; i++) {
      if (number >> 55) return false;
      number = number << 8 | at[i];
    }
  } else {
    uint32_t i = 0;
    while (i < size && at[i] == ' ') i++;
    for (; i < size && at[i] >= '0' && at[i] <= '7'; i++) {
      if (number >> 60) return false;
      number = number << 3 | (uint64_t)(at[i] - '0');
    }
    for (; i < size; i++) {
      if (at[i] != ' ' && at[i] != 0) return false;
    }
  }
  *value = number;
  return true;
}

static bool checksum_matches(const char *header) {
  uint64_t stated;
  uint64_t sum = 8 * ' ';
  if (!parse_number(header + 148, 8, &stated)) return false;
  for (uint32_t i = 0; i < BLOCK; i++) {
    if (i < 148 || i >= 156) sum += (uint8_t)header[i];
  }
  return sum == stated;
}

static bool block_is_zero(const char *block) {
  for (uint32_t i = 0; i < BLOCK; i++) {
    if (block[i]) return false;
  }
  return true;
}

static bool key_is(const char *key, uint32_t length, const char *wanted) {
  return strlen(wanted) == length && memcmp(key, wanted, length) == 0;
}

/* pax records: "LENGTH KEY=VALUE\n", LENGTH counting all of it. POSIX.1-2017 pax, extended header. */
static bool parse_pax(const char *at, uint64_t size, struct name *path, struct name *link, uint64_t *file_size,
                      bool *has_size) {
  const char *end = at + size;
  while (at < end) {
    uint64_t length = 0;
    const char *digit = at;
    while (digit < end && *digit >= '0' && *digit <= '9' && length < UINT32_MAX) length = length * 10 + (uint64_t)(*digit++ - '0');
    if (digit == at || digit == end || *digit != ' ' || length > (uint64_t)(end - at)) return false;
    const char *key = digit + 1, *next = at + length;
    if (next <= key || next[-1] != '\n') return false;
    const char *equals = memchr(key, '=', (size_t)(next - key));
    if (!equals) return false;
    uint32_t key_length = (uint32_t)(equals - key);
    struct name value = {equals + 1, (uint32_t)(next - 1 - (equals + 1))};
    if (key_is(key, key_length, "path")) *path = value;
    if (key_is(key, key_length, "linkpath")) *link = value;
    if (key_is(key, key_length, "size")) {
      uint64_t number = 0;
      for (uint32_t i = 0; i < value.length; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9' || number > UINT32_MAX) return false;
        number = number * 10 + (uint64_t)(value.bytes[i] - '0');
      }
      *file_size = number;
      *has_size = true;
    }
    at = next;
  }
  return true;
}

/* ---- from entries to nodes ---- */

/* The child folder of that name, made where it is missing or was something else. */
static struct tar_node *folder_step(struct tar_filesystem *fs, struct tar_node *folder, struct name name) {
  struct tar_node *child = node_find(fs, folder->number, name);
  if (!child) child = node_add(fs, folder, name, WASI_FILETYPE_DIRECTORY);
  if (child && child->base.ops != &folder_ops) {
    child->base.mode = 0;
    node_become(child, WASI_FILETYPE_DIRECTORY);
  }
  return child;
}

/* Walks `path` from *folder, making folders, up to its last component, which is left in *last. False
 * when a component may not be (then the entry is passed over) or memory is short (*folder NULL). */
static bool path_descend(struct tar_filesystem *fs, struct name path, struct tar_node **folder, struct name *last) {
  uint32_t at = 0;
  while (at < path.length) {
    uint32_t stop = at;
    while (stop < path.length && path.bytes[stop] != '/') stop++;
    struct name part = {path.bytes + at, stop - at};
    at = stop + 1;
    if (part.length == 0 || (part.length == 1 && part.bytes[0] == '.')) continue;
    if (!name_is_valid(part)) return false;
    if (last->length > 0) *folder = folder_step(fs, *folder, *last);
    if (!*folder) return false;
    *last = part;
  }
  return true;
}

static struct tar_node *hard_link_target(struct tar_filesystem *fs, struct name path) {
  struct tar_node *node = fs->nodes[0];
  uint32_t at = 0;
  while (node && at < path.length) {
    uint32_t stop = at;
    while (stop < path.length && path.bytes[stop] != '/') stop++;
    struct name part = {path.bytes + at, stop - at};
    at = stop + 1;
    if (part.length == 0 || (part.length == 1 && part.bytes[0] == '.')) continue;
    node = node_find(fs, node->number, part);
  }
  return node && node->base.ops == &file_ops ? node : NULL;
}

/* False only when memory is short. */
static bool entry_add(struct tar_filesystem *fs, const struct tar_entry *entry) {
  struct tar_node *folder = fs->nodes[0];
  struct name last = {NULL, 0};
  if (!path_descend(fs, entry->prefix, &folder, &last)) return folder != NULL;
  if (!path_descend(fs, entry->name, &folder, &last)) return folder != NULL;
  if (last.length == 0) return true;
  uint8_t type = entry->type == '5'   ? WASI_FILETYPE_DIRECTORY
                 : entry->type == '2' ? WASI_FILETYPE_SYMBOLIC_LINK
                                      : WASI_FILETYPE_REGULAR_FILE;
  struct tar_node *target = entry->type == '1' ? hard_link_target(fs, entry->link) : NULL;
  if (entry->type == '1' && !target) return true;
  if (type == WASI_FILETYPE_SYMBOLIC_LINK && (entry->link.length == 0 || entry->link.length >= PATH_LIMIT)) return true;
  struct tar_node *node = node_find(fs, folder->number, last);
  /* A folder that already has children stays one, whatever a later entry says; a link to itself says nothing. */
  if (node && node->first_child != NO_NODE && type != WASI_FILETYPE_DIRECTORY) return true;
  if (node && node == target) return true;
  /* Whatever had the name before: this is another file. */
  if (node && type != WASI_FILETYPE_DIRECTORY) node->base.ino = ++fs->next_ino;
  if (!node) node = node_add(fs, folder, last, type);
  if (!node) return false;
  node->base.mode = entry->mode & 07777;
  node_become(node, type);
  node->base.atime = node->base.mtime = node->base.ctime = entry->mtime;
  if (target) {
    node->contents = target->contents;
    node->base.size = target->base.size;
    node->base.ino = target->base.ino;
  } else if (type == WASI_FILETYPE_REGULAR_FILE) {
    node->contents = entry->contents;
    node->base.size = entry->size;
  } else if (type == WASI_FILETYPE_SYMBOLIC_LINK) {
    node->contents = entry->link.bytes;
    node->base.size = entry->link.length;
  }
  return true;
}

/* Names of one file share its number: counts them. */
static bool count_links(struct tar_filesystem *fs) {
  uint32_t *links = calloc(fs->next_ino + 1, sizeof *links);
  if (!links) return false;
  for (uint32_t i = 0; i < fs->count; i++) links[fs->nodes[i]->base.ino]++;
  for (uint32_t i = 0; i < fs->count; i++) {
    struct inode *inode = &fs->nodes[i]->base;
    if (inode->ops == &folder_ops && inode->parent) inode->parent->nlink++;
    if (inode->ops != &folder_ops) inode->nlink = links[inode->ino];
  }
  free(links);
  return true;
}

static void parse_header(const char *header, struct tar_entry *entry) {
  uint64_t number;
  bool ustar = memcmp(header + 257, "ustar", 5) == 0 && header[262] == 0;
  entry->name = (struct name){header, field_length(header, 100)};
  entry->prefix = (struct name){header + 345, ustar ? field_length(header + 345, 155) : 0};
  entry->link = (struct name){header + 157, field_length(header + 157, 100)};
  entry->mode = parse_number(header + 100, 8, &number) ? (uint32_t)number : 0;
  entry->mtime = parse_number(header + 136, 12, &number) && number < UINT32_MAX * 4ull ? number * 1000000000u : 0;
  entry->type = header[156] ? header[156] : '0';
}

static wasi_errno_t read_archive(struct tar_filesystem *fs) {
  struct name long_path = {NULL, 0}, long_link = {NULL, 0};
  uint64_t pax_size = 0;
  bool has_pax_size = false;
  uint32_t at = 0;
  while (fs->length - at >= BLOCK) {
    const char *header = fs->archive + at;
    if (block_is_zero(header)) return count_links(fs) ? WASI_ESUCCESS : WASI_ENOMEM;
    struct tar_entry entry;
    uint64_t size;
    if (!checksum_matches(header) || !parse_number(header + 124, 12, &size)) return WASI_EINVAL;
    parse_header(header, &entry);
    bool describes_next = entry.type == 'L' || entry.type == 'K' || entry.type == 'x' || entry.type == 'g';
    if (has_pax_size && !describes_next) size = pax_size;
    /* Symbolic links, devices, folders and FIFOs have no contents; some archivers give a size all the same. */
    if (entry.type >= '2' && entry.type <= '6') size = 0;
    at += BLOCK;
    if (size > fs->length - at) return WASI_EINVAL;
    entry.contents = fs->archive + at;
    entry.size = size;
    uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
    at = padded > fs->length - at ? fs->length : at + (uint32_t)padded;
    if (entry.type == 'L') {
      long_path = (struct name){entry.contents, field_length(entry.contents, (uint32_t)size)};
    } else if (entry.type == 'K') {
      long_link = (struct name){entry.contents, field_length(entry.contents, (uint32_t)size)};
    } else if (entry.type == 'x') {
      if (!parse_pax(entry.contents, size, &long_path, &long_link, &pax_size, &has_pax_size)) return WASI_EINVAL;
    } else if (entry.type != 'g') {
      if (long_path.bytes) {
        entry.name = long_path;
        entry.prefix.length = 0;
      }
      if (long_link.bytes) entry.link = long_link;
      bool known = entry.type == '0' || entry.type == '7' || entry.type == '1' || entry.type == '2' || entry.type == '5';
      if (known && !entry_add(fs, &entry)) return WASI_ENOMEM;
      long_path = long_link = (struct name){NULL, 0};
      has_pax_size = false;
    }
  }
  /* An archive without its closing zero blocks was cut at a border of entries: not a whole one. */
  return WASI_EINVAL;
}

/* ---- the filesystem ---- */

static wasi_errno_t tar_lookup(struct inode *directory, struct name name, struct inode **found) {
  struct tar_node *node = node_find(tar_of(directory), ((struct tar_node *)directory)->number, name);
  if (!node) return WASI_ENOENT;
  *found = inode_hold(&node->base);
  return WASI_ESUCCESS;
}

static wasi_errno_t tar_next_entry(struct description *description, uint64_t cookie, struct entry_view *view,
                                   bool *found) {
  struct tar_filesystem *fs = tar_of(description->inode);
  struct tar_node *folder = (struct tar_node *)description->inode;
  uint32_t number = cookie <= 3 ? folder->first_child : cookie - 3 < fs->count ? (uint32_t)(cookie - 3) : NO_NODE;
  /* A cookie that this folder never gave out is the end. */
  *found = number != NO_NODE && fs->nodes[number]->base.parent == &folder->base;
  if (!*found) return WASI_ESUCCESS;
  struct tar_node *node = fs->nodes[number];
  view->next = node->next_sibling == NO_NODE ? UINT64_MAX : node->next_sibling + 3ull;
  view->ino = node->base.ino;
  view->type = node->base.type;
  view->name = (struct name){node->name, node->name_length};
  return WASI_ESUCCESS;
}

static wasi_errno_t tar_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  struct tar_node *node = (struct tar_node *)description->inode;
  while (offset < node->base.size) {
    uint32_t run = transfer_run(transfer);
    uint64_t left = node->base.size - offset;
    uint32_t length = run < left ? run : (uint32_t)left;
    if (length == 0 || !transfer_to_guest(transfer, node->contents + offset, length)) break;
    offset += length;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t tar_readlink(struct inode *inode, char *buffer, uint32_t size, uint32_t *length) {
  *length = inode->size < size ? (uint32_t)inode->size : size;
  memcpy(buffer, ((struct tar_node *)inode)->contents, *length);
  return WASI_ESUCCESS;
}

static wasi_errno_t tar_sync(struct description *description, bool data_only, uint64_t *awaited) {
  (void)description, (void)data_only, (void)awaited;
  return WASI_ESUCCESS;
}

static void tar_release(struct inode *inode) { (void)inode; /* the filesystem keeps its nodes */ }

static const struct inode_ops folder_ops = {.lookup = tar_lookup,
                                            .next_entry = tar_next_entry,
                                            .readlink = inode_no_readlink,
                                            .read = inode_no_read,
                                            .write = inode_no_read,
                                            .sync = tar_sync,
                                            .release = tar_release};

static const struct inode_ops file_ops = {
    .readlink = inode_no_readlink, .read = tar_read, .sync = tar_sync, .release = tar_release};

static const struct inode_ops link_ops = {.readlink = tar_readlink, .release = tar_release};

static void tar_destroy(struct filesystem *base) {
  struct tar_filesystem *fs = (struct tar_filesystem *)base;
  for (uint32_t i = 0; i < fs->count; i++) free(fs->nodes[i]);
  free(fs->nodes);
  free(fs->buckets);
  free(fs->archive);
  free(fs);
}

struct filesystem *tar_filesystem_create(struct nidus_system *system, void *archive, uint32_t length,
                                         wasi_errno_t *error) {
  struct tar_filesystem *fs = calloc(1, sizeof *fs);
  if (!fs) {
    free(archive);
    *error = WASI_ENOMEM;
    return NULL;
  }
  fs->base.system = system;
  fs->base.destroy = tar_destroy;
  fs->base.read_only = true;
  fs->archive = archive;
  fs->length = length;
  struct tar_node *root = node_add(fs, NULL, (struct name){"", 0}, WASI_FILETYPE_DIRECTORY);
  *error = root ? WASI_ESUCCESS : WASI_ENOMEM;
  if (root) {
    node_become(root, WASI_FILETYPE_DIRECTORY);
    fs->base.root = &root->base;
    *error = read_archive(fs);
  }
  if (!*error) return &fs->base;
  tar_destroy(&fs->base);
  return NULL;
}
