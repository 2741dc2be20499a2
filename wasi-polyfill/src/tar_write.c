/*
 * tar_write.c: a tree as a tar archive, piece by piece.
 *
 * The walk is a stack of open folders, each with the cookie of its next entry; so it takes any depth, and the
 * tree may change meanwhile: what is there when the walk comes by is written. One file is being written at a
 * time. Its header has said its size: bytes that it gains are left out, bytes that it loses are zeros.
 *
 * Each entry: pax records first, since the header of 1988 holds neither nanoseconds nor long names, then the
 * header, then contents. Of the names of one file the first has the contents, the others are links to it.
 */
#include <stdlib.h>
#include <string.h>

#include "fs_call.h"
#include "tar.h"
#include "tar_field.h"
#include "tar_header.h"

enum { PIECE = 64 * 1024, HEADS = 1024, NO_LINK = UINT32_MAX, FIELD_NAME = 100 };

static const uint64_t second = 1000000000u;

struct level {
  struct description *folder;
  uint64_t cookie;
  uint32_t path_length;
};

/* A file with several names, of which one was written. */
struct link {
  uint64_t ino;
  uint32_t mount;
  uint32_t name; /* in `names` */
  uint32_t next; /* with the same head */
};

struct tar_writer {
  struct nidus_system *system;
  struct inode *root;  /* pinned; NULL once it has been written */
  struct reply levels; /* struct level */
  struct reply path;   /* of what is being written; names in the archive begin at `base` */
  uint32_t base;
  struct description *file; /* whose contents are being written */
  uint64_t offset, size;
  bool ended;
  struct reply links; /* struct link */
  struct reply names; /* each ended by a NUL */
  uint32_t heads[HEADS];
};

/* ---- headers ---- */

static char *put_digits(char *end, uint64_t number) {
  do *--end = (char)('0' + number % 10);
  while (number /= 10);
  return end;
}

static void put_record(struct reply *records, const char *key, const char *value, uint32_t length) {
  char digits[12], *end = digits + sizeof digits, *at = end - 1;
  uint32_t rest = (uint32_t)strlen(key) + length + 3; /* ' ', '=' and '\n' */
  /* The length counts its own digits: one more may make them one more. */
  for (uint32_t taken = 0; taken != (uint32_t)(end - at);) {
    taken = (uint32_t)(end - at);
    at = put_digits(end, rest + taken);
  }
  reply_text(records, at, (uint32_t)(end - at));
  reply_text(records, " ", 1);
  reply_text(records, key, (uint32_t)strlen(key));
  reply_text(records, "=", 1);
  reply_text(records, value, length);
  reply_text(records, "\n", 1);
}

/* A number of `unit`s, the rest as its fraction: 1 for whole numbers, `second` for nanoseconds. */
static void put_number(struct reply *records, const char *key, uint64_t number, uint64_t unit) {
  char text[32], *end = text + sizeof text, *at = end;
  bool negative = (int64_t)number < 0;
  if (negative) number = -number;
  if (unit > 1) {
    at = put_digits(at, number % unit + unit);
    *at = '.'; /* in place of the one that held the zeros */
  }
  at = put_digits(at, number / unit);
  if (negative) *--at = '-';
  put_record(records, key, at, (uint32_t)(end - at));
}

static void put_padding(struct reply *out, uint64_t size) {
  static const char zeros[TAR_BLOCK];
  reply_text(out, zeros, tar_padding(size));
}

static void put_name(char *field, struct name name) {
  memcpy(field, name.bytes, name.length < FIELD_NAME ? name.length : FIELD_NAME);
}

static void put_header(struct reply *out, char type, struct name name, struct name link,
                       const struct nidus_stat *stat, uint64_t size) {
  char header[TAR_BLOCK] = {0};
  put_name(header, name);
  /* What the fields cannot hold is left to the pax records. */
  tar_put_field(header + 100, 8, stat->mode);
  tar_put_field(header + 108, 8, 0); /* owner and group: root */
  tar_put_field(header + 116, 8, 0);
  tar_put_field(header + 124, 12, size);
  tar_put_field(header + 136, 12, stat->mtime / second); /* a negative one does not fit */
  header[156] = type;
  put_name(header + 157, link);
  tar_seal(header);
  reply_text(out, header, TAR_BLOCK);
}

static void put_entry(struct reply *out, char type, struct name name, struct name link, const struct nidus_stat *stat,
                      uint64_t size) {
  static const struct name of_next = {"PaxHeaders/next", 15}, nothing = {"", 0};
  struct reply records = {0};
  put_record(&records, "path", name.bytes, name.length);
  if (link.length > 0) put_record(&records, "linkpath", link.bytes, link.length);
  if (size >> 33) put_number(&records, "size", size, 1);
  put_number(&records, "mtime", stat->mtime, second);
  put_number(&records, "atime", stat->atime, second);
  put_header(out, 'x', of_next, nothing, stat, records.length);
  reply_text(out, records.bytes, records.length);
  put_padding(out, records.length);
  put_header(out, type, name, link, stat, size);
  if (records.failed) out->failed = true;
  free(records.bytes);
}

/* ---- several names of one file ---- */

/* The name under which the file was written before; or NULL, and this is it. */
static const char *link_of(struct tar_writer *writer, const struct nidus_stat *stat, struct name name) {
  uint32_t *head = &writer->heads[(stat->ino ^ stat->ino >> 10) % HEADS];
  const struct link *links = (const struct link *)(const void *)writer->links.bytes;
  for (uint32_t i = *head; i != NO_LINK; i = links[i].next) {
    if (links[i].ino == stat->ino && links[i].mount == stat->mount) return writer->names.bytes + links[i].name;
  }
  struct link made = {stat->ino, stat->mount, writer->names.length, *head};
  uint32_t number = writer->links.length / sizeof made;
  if (!reply_room(&writer->names, name.length + 1) || !reply_room(&writer->links, sizeof made)) return NULL;
  reply_text(&writer->names, name.bytes, name.length);
  reply_text(&writer->names, "", 1);
  reply_text(&writer->links, (const char *)&made, sizeof made);
  *head = number;
  return NULL;
}

/* ---- the walk ---- */

static struct level *level_top(struct tar_writer *writer) {
  if (writer->levels.length == 0) return NULL;
  return (struct level *)(void *)(writer->levels.bytes + writer->levels.length) - 1;
}

/* Takes over the description. */
static wasi_errno_t level_push(struct tar_writer *writer, struct description *folder) {
  /* Cookies 0 and 1 are "." and "..". */
  struct level level = {folder, 2, writer->path.length};
  reply_text(&writer->levels, (const char *)&level, sizeof level);
  if (!writer->levels.failed) return WASI_ESUCCESS;
  description_drop(folder);
  return WASI_ENOMEM;
}

static void level_pop(struct tar_writer *writer) {
  description_drop(level_top(writer)->folder);
  writer->levels.length -= (uint32_t)sizeof(struct level);
}

/* Writes what is about `inode`, at writer->path, and makes what is in it the next. */
static wasi_errno_t write_inode(struct tar_writer *writer, struct inode *inode, struct reply *out) {
  struct nidus_stat stat;
  char target[PATH_LIMIT];
  struct name name = {writer->path.bytes + writer->base, writer->path.length - writer->base}, link = {"", 0};
  struct description *opened = NULL;
  wasi_errno_t error = inode_stat(inode, &stat);
  if (error) return error;
  uint64_t size = 0;
  char type;
  if (stat.type == WASI_FILETYPE_DIRECTORY) {
    type = '5';
    /* Room for the slash that archives put behind a folder's name. */
    if (!reply_room(&writer->path, 1)) return WASI_ENOMEM;
    writer->path.bytes[writer->path.length] = '/';
    name = (struct name){writer->path.bytes + writer->base, name.length + 1};
    if (name.length == 1) name = (struct name){"./", 2};
    error = description_open(inode_hold(inode), NIDUS_ACCESS_READ, 0, false, &opened);
  } else if (stat.type == WASI_FILETYPE_REGULAR_FILE || stat.type == WASI_FILETYPE_SYMBOLIC_LINK) {
    bool is_link = stat.type == WASI_FILETYPE_SYMBOLIC_LINK;
    const char *first = stat.nlink > 1 ? link_of(writer, &stat, name) : NULL;
    if (writer->links.failed || writer->names.failed) return WASI_ENOMEM;
    type = first ? '1' : is_link ? '2' : '0';
    if (first) {
      link = (struct name){first, (uint32_t)strlen(first)};
    } else if (is_link) {
      link.bytes = target;
      error = inode->ops->readlink(inode, target, sizeof target, &link.length);
    } else if ((size = stat.size) > 0) {
      error = description_open(inode_hold(inode), NIDUS_ACCESS_READ, 0, false, &opened);
    }
  } else {
    return WASI_ESUCCESS;
  }
  if (error) return error;
  put_entry(out, type, name, link, &stat, size);
  if (type == '5') return level_push(writer, opened);
  writer->file = opened;
  writer->offset = 0;
  writer->size = size;
  return WASI_ESUCCESS;
}

/* The next entry of the folder on top. */
static wasi_errno_t write_entry(struct tar_writer *writer, struct level *level, struct reply *out) {
  struct entry_view view;
  struct inode *inode, *folder = level->folder->inode;
  bool found;
  writer->path.length = level->path_length;
  wasi_errno_t error = folder->ops->next_entry(level->folder, level->cookie, &view, &found);
  if (error) return error;
  if (!found) {
    level_pop(writer);
    return WASI_ESUCCESS;
  }
  if (writer->path.length > writer->base) reply_text(&writer->path, "/", 1);
  reply_text(&writer->path, view.name.bytes, view.name.length);
  if (writer->path.failed) return WASI_ENOMEM;
  error = folder->ops->lookup(folder, view.name, &inode);
  /* What went away meanwhile is not there. */
  if (error && error != WASI_ENOENT) return error;
  uint64_t cookie = level->cookie;
  level->cookie = view.next;
  if (error) return WASI_ESUCCESS;
  error = write_inode(writer, inode_uncover(inode), out);
  inode_drop(inode);
  /* Where it failed, the stack is as it was. */
  if (error) level->cookie = cookie;
  return error;
}

/* The next step of the walk. */
static wasi_errno_t write_next(struct tar_writer *writer, struct reply *out) {
  if (writer->root) {
    wasi_errno_t error = write_inode(writer, writer->root, out);
    if (error) return error;
    inode_unpin(writer->root);
    writer->root = NULL;
    return WASI_ESUCCESS;
  }
  struct level *level = level_top(writer);
  if (level) return write_entry(writer, level, out);
  static const char end[2 * TAR_BLOCK];
  reply_text(out, end, sizeof end);
  writer->ended = true;
  return WASI_ESUCCESS;
}

/* Contents of the file at hand, with what fills up its last block. */
static wasi_errno_t write_contents(struct tar_writer *writer, struct reply *out) {
  uint64_t left = writer->size - writer->offset;
  uint32_t length = left < PIECE ? (uint32_t)left : PIECE, done = 0;
  if (!reply_room(out, length)) return WASI_ENOMEM;
  char *to = out->bytes + out->length;
  wasi_errno_t error = fs_move(writer->file, writer->system, false, writer->offset, to, length, &done);
  if (error) return error;
  if (done == 0) memset(to, 0, done = length);
  out->length += done;
  writer->offset += done;
  if (writer->offset < writer->size) return WASI_ESUCCESS;
  put_padding(out, writer->size);
  description_drop(writer->file);
  writer->file = NULL;
  return WASI_ESUCCESS;
}

/* ---- the calls ---- */

int32_t tar_write_begin(struct nidus_system *system, const char *path, uint32_t length, struct tar_writer **made,
                        struct reply *reply) {
  struct path_walk walk;
  struct tar_writer *writer = *made = calloc(1, sizeof *writer);
  wasi_errno_t error = writer ? path_walk_host(&walk, system, path, length, WALK_FOLLOW) : WASI_ENOMEM;
  if (!error) {
    writer->system = system;
    memset(writer->heads, 0xFF, sizeof writer->heads);
    reply_text(&writer->path, path, length);
    if (path[length - 1] != '/') reply_text(&writer->path, "/", 1);
    writer->base = writer->path.length;
    if (!walk.inode) error = WASI_ENOENT;
    else if (walk.inode->type != WASI_FILETYPE_DIRECTORY) error = WASI_ENOTDIR;
    else if (writer->path.failed) error = WASI_ENOMEM;
    else writer->root = inode_pin(walk.inode);
    path_walk_end(&walk);
  }
  if (!error) return 0;
  tar_write_end(writer);
  *made = NULL;
  return reply_refuse(reply, error, "export", path, "");
}

int32_t tar_write_next(struct tar_writer *writer, struct reply *out) {
  wasi_errno_t error = WASI_ESUCCESS;
  while (!error && !out->failed && out->length < PIECE && !writer->ended) {
    error = writer->file ? write_contents(writer, out) : write_next(writer, out);
  }
  if (out->failed) error = WASI_ENOMEM;
  /* What is there goes out first. */
  if (!error || (error == NIDUS_WOULD_BLOCK && out->length > 0)) return (int32_t)out->length;
  const char *path = "";
  if (reply_room(&writer->path, 1)) {
    writer->path.bytes[writer->path.length] = 0;
    path = writer->path.bytes;
  }
  return reply_refuse(out, error == NIDUS_WOULD_BLOCK ? WASI_EAGAIN : error, "export", path, "");
}

void tar_write_end(struct tar_writer *writer) {
  if (!writer) return;
  while (level_top(writer)) level_pop(writer);
  if (writer->file) description_drop(writer->file);
  if (writer->root) inode_unpin(writer->root);
  free(writer->levels.bytes);
  free(writer->path.bytes);
  free(writer->links.bytes);
  free(writer->names.bytes);
  free(writer);
}
