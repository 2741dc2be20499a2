/*
 * tar.c: a tar archive as a read-only filesystem, used in place.
 *
 * Mounting reads the headers (tar_header.h) once and makes a node per file; names and contents stay in the
 * archive, at `archive + offset`. Sparse files and devices are passed over. The archive is not trusted: every
 * entry is checked against its length, once, here.
 *
 * Nodes are numbered in the order of the archive; the children of a folder form a list in that order,
 * so that a readdir cookie is the number of the next child.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "path.h"
#include "system.h"
#include "tar_header.h"

enum { NO_NODE = UINT32_MAX };

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
static bool entry_add(struct tar_filesystem *fs, const struct tar_entry *entry, const char *contents) {
  struct tar_node *folder = fs->nodes[0];
  struct name last = {NULL, 0};
  if (!path_descend(fs, entry->prefix, &folder, &last)) return folder != NULL;
  if (!path_descend(fs, entry->name, &folder, &last)) return folder != NULL;
  if (last.length == 0) return true;
  uint8_t type = entry->kind == TAR_FOLDER          ? WASI_FILETYPE_DIRECTORY
                 : entry->kind == TAR_SYMBOLIC_LINK ? WASI_FILETYPE_SYMBOLIC_LINK
                                                    : WASI_FILETYPE_REGULAR_FILE;
  struct tar_node *target = entry->kind == TAR_HARD_LINK ? hard_link_target(fs, entry->link) : NULL;
  if (entry->kind == TAR_HARD_LINK && !target) return true;
  if (type == WASI_FILETYPE_SYMBOLIC_LINK && (entry->link.length == 0 || entry->link.length >= PATH_LIMIT)) return true;
  struct tar_node *node = node_find(fs, folder->number, last);
  /* A folder that already has children stays one, whatever a later entry says; a link to itself says nothing. */
  if (node && node->first_child != NO_NODE && type != WASI_FILETYPE_DIRECTORY) return true;
  if (node && node == target) return true;
  /* Whatever had the name before: this is another file. */
  if (node && type != WASI_FILETYPE_DIRECTORY) node->base.ino = ++fs->next_ino;
  if (!node) node = node_add(fs, folder, last, type);
  if (!node) return false;
  node->base.mode = entry->mode;
  node_become(node, type);
  node->base.atime = entry->atime;
  node->base.mtime = node->base.ctime = entry->mtime;
  if (target) {
    node->contents = target->contents;
    node->base.size = target->base.size;
    node->base.ino = target->base.ino;
  } else if (type == WASI_FILETYPE_REGULAR_FILE) {
    node->contents = contents;
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

static wasi_errno_t read_archive(struct tar_filesystem *fs) {
  struct tar_extra extra = {0};
  uint32_t at = 0;
  while (fs->length - at >= TAR_BLOCK) {
    const char *contents = fs->archive + at + TAR_BLOCK;
    struct tar_entry entry;
    if (tar_block_is_zero(fs->archive + at)) return count_links(fs) ? WASI_ESUCCESS : WASI_ENOMEM;
    if (!tar_header_read(fs->archive + at, &entry)) return WASI_EINVAL;
    if (!tar_is_extra(entry.kind)) tar_entry_complete(&entry, &extra);
    at += TAR_BLOCK;
    if (entry.size > fs->length - at) return WASI_EINVAL;
    uint64_t padded = entry.size + tar_padding(entry.size);
    at = padded > fs->length - at ? fs->length : at + (uint32_t)padded;
    if (entry.kind == TAR_LONG_NAME) {
      extra.path = tar_long_name(contents, (uint32_t)entry.size);
    } else if (entry.kind == TAR_LONG_LINK) {
      extra.link = tar_long_name(contents, (uint32_t)entry.size);
    } else if (entry.kind == TAR_PAX) {
      if (!tar_pax_read(contents, (uint32_t)entry.size, &extra)) return WASI_EINVAL;
    } else if (entry.kind != TAR_PAX_GLOBAL) {
      if (entry.kind < TAR_LONG_NAME && !entry_add(fs, &entry, contents)) return WASI_ENOMEM;
      extra = (struct tar_extra){0};
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
