/*
 * tar_import.c: files made from a tar archive that comes in pieces of any length.
 *
 * A machine of four states, which says what the next bytes are:
 *
 *     HEADER --file--> CONTENTS --> PADDING --> HEADER ... --zeros--> ENDED: what follows is passed over
 *        \---about the next entry---> EXTRA --> PADDING
 *
 * `left` counts the bytes that the state still waits for. A call takes bytes as long as it can; a file that
 * has no room yet leaves the rest for the next call.
 *
 * Nothing in an archive is trusted. Names are walked part by part from the folder of the import, through folders
 * alone: never "..", never a symbolic link. A folder's times are set at the end, when nothing is put into it any more.
 */
#include <stdlib.h>
#include <string.h>

#include "fs_call.h"
#include "tar.h"
#include "tar_header.h"

/* What an entry may say of the next one: names, mostly. */
enum { EXTRA_LIMIT = 1 << 20 };

enum state { HEADER, CONTENTS, EXTRA, PADDING, ENDED };

/* BODY: of the entry about the next one; PATH, LINK: names that such entries gave; NAME: of the entry at hand,
 * whole, ended by a NUL; FOLDERS: struct folder_times. */
enum { BODY, PATH, LINK, NAME, FOLDERS, TEXTS };

struct folder_times {
  struct inode *folder; /* pinned */
  uint64_t atime, mtime;
};

struct tar_import {
  struct nidus_system *system;
  struct inode *root; /* pinned */
  enum state state;
  uint64_t left;
  char header[TAR_BLOCK];
  struct tar_entry entry; /* names in `header` and in `extra` */
  struct tar_extra extra; /* names in those two */
  struct reply texts[TEXTS];
  struct description *file; /* whose contents come; NULL: they are passed over */
  uint64_t offset;
};

static const char damaged[] = "the header after it is damaged, or this is no tar archive";
static const char leads_out[] = "it would lie outside of the folder, where nothing is made";
static const char through_link[] = "its path goes through a symbolic link, which may lead anywhere";

/* Refuses with a sentence, or in the errno's own words. */
static int32_t refuse(struct tar_import *import, wasi_errno_t error, const char *sentence, struct reply *reply) {
  const char *name = import->texts[NAME].length > 0 ? import->texts[NAME].bytes : "the beginning of the archive";
  if (sentence[0] == 0) return reply_refuse(reply, error, "import", name, "");
  return reply_refuse(reply, error, "import", name, "Cannot import ", name, ": ", sentence, ".");
}

static void keep_name(struct reply *reply, struct name *name) {
  if (!name->bytes || name->bytes == reply->bytes) return;
  reply->length = 0;
  reply_text(reply, name->bytes, name->length);
  reply_text(reply, "", 1);
  name->bytes = reply->bytes;
}

/* ---- names ---- */

/* Takes the next part of a path that is not "."; empty at its end. */
static struct name take_part(struct name *path) {
  for (;;) {
    struct name part = *path;
    const char *slash = memchr(path->bytes, '/', path->length);
    if (slash) part.length = (uint32_t)(slash - path->bytes);
    uint32_t taken = part.length + (slash != NULL);
    path->bytes += taken;
    path->length -= taken;
    if (part.length > 1 || (part.length == 1 && part.bytes[0] != '.') || path->length == 0) {
      if (part.length == 1 && part.bytes[0] == '.') part.length = 0;
      return part;
    }
  }
}

/* Goes to `part` in the walk's parent: what is there becomes the parent, and a folder is made if nothing is. */
static wasi_errno_t enter(struct path_walk *walk, bool makes, const char **sentence) {
  if (!walk->inode && !makes) return WASI_ENOENT;
  wasi_errno_t error = walk->inode ? WASI_ESUCCESS : tree_mkdir(walk);
  if (error) return error;
  if (walk->inode->type == WASI_FILETYPE_SYMBOLIC_LINK) *sentence = through_link;
  if (walk->inode->type != WASI_FILETYPE_DIRECTORY) return WASI_ENOTDIR;
  inode_drop(walk->parent);
  walk->parent = walk->inode;
  walk->inode = NULL;
  return WASI_ESUCCESS;
}

static wasi_errno_t look(struct path_walk *walk) {
  struct inode *found = NULL;
  wasi_errno_t error = walk->parent->ops->lookup(walk->parent, walk->name, &found);
  if (error == WASI_ENOENT) return WASI_ESUCCESS;
  if (error) return error;
  walk->inode = inode_hold(inode_uncover(found));
  inode_drop(found);
  return WASI_ESUCCESS;
}

/* Walks to a name of the archive. Without a name it is the folder of the import. On success path_walk_end must follow. */
static wasi_errno_t walk_to(struct tar_import *import, struct name path, bool makes, struct path_walk *walk,
                            const char **sentence) {
  *walk = (struct path_walk){.parent = inode_hold(import->root)};
  wasi_errno_t error = path_check(path.bytes, path.length);
  if (!error && path.bytes[0] == '/') {
    *sentence = leads_out;
    error = WASI_EPERM;
  }
  while (!error) {
    struct name part = take_part(&path);
    if (part.length == 0) {
      if (walk->name.length == 0) walk->inode = inode_hold(walk->parent);
      return WASI_ESUCCESS;
    }
    if (walk->name.length > 0) error = enter(walk, makes, sentence);
    walk->name = part;
    if (!error && !name_is_valid(part)) {
      bool too_long = part.length > NAME_LIMIT;
      if (!too_long) *sentence = leads_out; /* that is what ".." does */
      error = too_long ? WASI_ENAMETOOLONG : WASI_EPERM;
    }
    if (!error) error = look(walk);
  }
  path_walk_end(walk);
  return error;
}

/* ---- entries ---- */

/* Modes and times are kept where they can be: the host's folders have their own. */
static wasi_errno_t set_attributes(struct inode *inode, uint32_t mode, uint64_t atime, uint64_t mtime) {
  wasi_errno_t error = inode->type == WASI_FILETYPE_SYMBOLIC_LINK ? WASI_ESUCCESS : fs_set_new_mode(inode, mode);
  if (!error && inode->ops->set_times) error = inode->ops->set_times(inode, atime, mtime);
  return error == WASI_ENOTSUP ? WASI_ESUCCESS : error;
}

/* What has the entry's name goes, unless it is a folder. */
static wasi_errno_t clear_name(struct path_walk *walk) {
  if (!walk->inode) return WASI_ESUCCESS;
  wasi_errno_t error = tree_unlink(walk);
  if (error) return error;
  inode_drop(walk->inode);
  walk->inode = NULL;
  return WASI_ESUCCESS;
}

static wasi_errno_t make_folder(struct tar_import *import, struct path_walk *walk) {
  wasi_errno_t error = WASI_ESUCCESS;
  if (!walk->inode || walk->inode->type != WASI_FILETYPE_DIRECTORY) {
    error = clear_name(walk);
    if (!error) error = tree_mkdir(walk);
  }
  struct inode *folder = walk->inode;
  if (!error) error = fs_set_new_mode(folder, import->entry.mode);
  if (error) return error;
  struct folder_times times = {folder, import->entry.atime, import->entry.mtime};
  reply_text(&import->texts[FOLDERS], (const char *)&times, sizeof times);
  if (import->texts[FOLDERS].failed) return WASI_ENOMEM;
  (void)inode_pin(folder);
  return WASI_ESUCCESS;
}

static wasi_errno_t make_file(struct tar_import *import, struct path_walk *walk) {
  static const struct opening opening = {
      .oflags = WASI_OFLAG_CREAT | WASI_OFLAG_EXCL, .access = NIDUS_ACCESS_WRITE, .may_create = true};
  wasi_errno_t error = clear_name(walk);
  if (error) return error;
  struct description *description = description_create();
  error = description ? tree_open(walk, &opening, description) : WASI_ENOMEM;
  if (error) return error;
  import->file = description;
  import->offset = 0;
  return WASI_ESUCCESS;
}

static wasi_errno_t make_hard_link(struct tar_import *import, struct path_walk *walk, const char **sentence) {
  struct path_walk from;
  wasi_errno_t error = walk_to(import, import->entry.link, false, &from, sentence);
  if (!error) {
    if (!from.inode) error = WASI_ENOENT;
    /* A link to itself: clearing the name would lose it. */
    else if (from.inode != walk->inode) error = clear_name(walk);
    if (!error && !walk->inode) error = tree_link(&from, walk);
    path_walk_end(&from);
  }
  if (error == WASI_ENOENT) *sentence = "it is a link to a file that is not there";
  return error;
}

static wasi_errno_t make_symbolic_link(struct tar_import *import, struct path_walk *walk) {
  const struct tar_entry *entry = &import->entry;
  if (entry->link.length >= PATH_LIMIT) return WASI_ENAMETOOLONG;
  wasi_errno_t error = path_check(entry->link.bytes, entry->link.length);
  if (!error) error = clear_name(walk);
  if (!error) error = tree_create(walk, WASI_FILETYPE_SYMBOLIC_LINK, entry->link);
  return error ? error : set_attributes(walk->inode, 0, entry->atime, entry->mtime);
}

static wasi_errno_t make_at(struct tar_import *import, struct path_walk *walk, const char **sentence) {
  switch (import->entry.kind) {
    case TAR_FOLDER: return make_folder(import, walk);
    case TAR_HARD_LINK: return make_hard_link(import, walk, sentence);
    case TAR_SYMBOLIC_LINK: return make_symbolic_link(import, walk);
    default: return make_file(import, walk);
  }
}

/* The entry at hand is whole but for its contents: makes what it is about. */
static wasi_errno_t make_entry(struct tar_import *import, const char **sentence) {
  struct tar_entry *entry = &import->entry;
  struct path_walk walk;
  tar_entry_complete(entry, &import->extra);
  import->texts[NAME].length = 0;
  if (entry->prefix.length > 0) {
    reply_text(&import->texts[NAME], entry->prefix.bytes, entry->prefix.length);
    reply_text(&import->texts[NAME], "/", 1);
  }
  reply_text(&import->texts[NAME], entry->name.bytes, entry->name.length);
  reply_text(&import->texts[NAME], "", 1);
  if (import->texts[NAME].failed) return WASI_ENOMEM;
  if (entry->kind == TAR_UNKNOWN) {
    *sentence = "it is of a kind that cannot be imported, such as a sparse file";
    return WASI_ENOTSUP;
  }
  if (entry->kind != TAR_SPECIAL) {
    struct name name = {import->texts[NAME].bytes, import->texts[NAME].length - 1};
    wasi_errno_t error = walk_to(import, name, true, &walk, sentence);
    if (error) return error;
    error = make_at(import, &walk, sentence);
    path_walk_end(&walk);
    if (error) return error;
  }
  /* Not before: a call that would block is made again. */
  import->extra = (struct tar_extra){0};
  import->state = CONTENTS;
  import->left = entry->size;
  return WASI_ESUCCESS;
}

/* ---- the states ---- */

/* The entry about the next one is there in whole. */
static wasi_errno_t take_extra(struct tar_import *import, const char **sentence) {
  struct tar_extra *extra = &import->extra;
  const struct reply *body = &import->texts[BODY];
  if (import->entry.kind == TAR_LONG_NAME) extra->path = tar_long_name(body->bytes, body->length);
  if (import->entry.kind == TAR_LONG_LINK) extra->link = tar_long_name(body->bytes, body->length);
  if (import->entry.kind == TAR_PAX && !tar_pax_read(body->bytes, body->length, extra)) {
    *sentence = damaged;
    return WASI_EINVAL;
  }
  keep_name(&import->texts[PATH], &extra->path);
  keep_name(&import->texts[LINK], &extra->link);
  return import->texts[PATH].failed || import->texts[LINK].failed ? WASI_ENOMEM : WASI_ESUCCESS;
}

static wasi_errno_t take_header(struct tar_import *import, const char **sentence) {
  struct tar_entry *entry = &import->entry;
  if (tar_block_is_zero(import->header)) {
    import->state = ENDED;
    return WASI_ESUCCESS;
  }
  if (!tar_header_read(import->header, entry) || (tar_is_extra(entry->kind) && entry->size > EXTRA_LIMIT)) {
    *sentence = damaged;
    return WASI_EINVAL;
  }
  if (!tar_is_extra(entry->kind)) return make_entry(import, sentence);
  import->state = EXTRA;
  import->left = entry->size;
  import->texts[BODY].length = 0;
  /* An address, even for nothing. */
  return reply_room(&import->texts[BODY], (uint32_t)entry->size + 1) ? WASI_ESUCCESS : WASI_ENOMEM;
}

static wasi_errno_t close_file(struct tar_import *import) {
  if (!import->file) return WASI_ESUCCESS;
  const struct tar_entry *entry = &import->entry;
  wasi_errno_t error = set_attributes(import->file->inode, entry->mode, entry->atime, entry->mtime);
  if (error == NIDUS_WOULD_BLOCK) return error;
  description_drop(import->file);
  import->file = NULL;
  return error;
}

/* The state has all that it waited for. */
static wasi_errno_t state_end(struct tar_import *import, const char **sentence) {
  enum state state = import->state;
  wasi_errno_t error = WASI_ESUCCESS;
  if (state == HEADER) return take_header(import, sentence);
  if (state == EXTRA) error = take_extra(import, sentence);
  if (state == CONTENTS) error = close_file(import);
  if (error) return error;
  bool padded = state == PADDING;
  import->state = padded ? HEADER : PADDING;
  import->left = padded ? TAR_BLOCK : tar_padding(import->entry.size);
  return WASI_ESUCCESS;
}

/* Takes some of the bytes that the state waits for. */
static wasi_errno_t state_take(struct tar_import *import, const char *bytes, uint32_t *length) {
  if (import->left < *length) *length = (uint32_t)import->left;
  if (import->state == HEADER) memcpy(import->header + TAR_BLOCK - import->left, bytes, *length);
  if (import->state == EXTRA) reply_text(&import->texts[BODY], bytes, *length);
  if (import->state == CONTENTS && import->file) {
    /* They are only read: transfers have one direction of const. */
    wasi_errno_t error = fs_move(import->file, import->system, true, import->offset, (char *)(uintptr_t)bytes, *length, length);
    if (error) return error;
    if (*length == 0) return WASI_EIO;
    import->offset += *length;
  }
  import->left -= *length;
  return WASI_ESUCCESS;
}

/* ---- the calls ---- */

int32_t tar_import_begin(struct nidus_system *system, const char *path, uint32_t length, struct tar_import **made,
                         struct reply *reply) {
  struct path_walk walk;
  struct reply unused = {0};
  struct tar_import *import = *made = calloc(1, sizeof *import);
  int32_t result = import ? fs_perform(system, FS_MKDIR, path, length, 0, 1 << FS_RECURSIVE, -1, -1, &unused) : -WASI_ENOMEM;
  free(unused.bytes);
  wasi_errno_t error = result < 0 ? (wasi_errno_t)-result : path_walk_host(&walk, system, path, length, WALK_FOLLOW);
  if (!error) {
    import->system = system;
    import->left = TAR_BLOCK;
    if (walk.inode) import->root = inode_pin(walk.inode);
    path_walk_end(&walk);
    if (import->root) return 0;
    error = WASI_ENOENT;
  }
  tar_import_end(import);
  *made = NULL;
  return reply_refuse(reply, error, "import", path, "");
}

int32_t tar_import_take(struct tar_import *import, const char *bytes, uint32_t length, struct reply *reply) {
  const char *sentence = "";
  wasi_errno_t error = WASI_ESUCCESS;
  uint32_t taken = 0;
  while (import->state != ENDED) {
    if (import->left == 0) {
      error = state_end(import, &sentence);
      if (error) break;
      continue;
    }
    uint32_t piece = length - taken;
    if (piece == 0) break;
    error = state_take(import, bytes + taken, &piece);
    if (error) break;
    taken += piece;
  }
  if (import->state == ENDED) return (int32_t)length;
  if (!error || (error == NIDUS_WOULD_BLOCK && taken > 0)) return (int32_t)taken;
  return refuse(import, error == NIDUS_WOULD_BLOCK ? WASI_EAGAIN : error, sentence, reply);
}

int32_t tar_import_finish(struct tar_import *import, struct reply *reply) {
  if (import->state != ENDED) {
    const char *sentence = import->state == HEADER ? "the archive ends after it without saying that this is its end: it was cut off"
                                                   : "the archive was cut off in the middle of it";
    return refuse(import, WASI_EINVAL, sentence, reply);
  }
  struct folder_times *times = (struct folder_times *)(void *)import->texts[FOLDERS].bytes;
  for (uint32_t i = 0; i < import->texts[FOLDERS].length / sizeof *times; i++) {
    struct inode *folder = times[i].folder;
    wasi_errno_t error = folder->ops->set_times ? folder->ops->set_times(folder, times[i].atime, times[i].mtime) : WASI_ESUCCESS;
    if (error && error != WASI_ENOTSUP) return refuse(import, error, "", reply);
  }
  return 0;
}

void tar_import_end(struct tar_import *import) {
  if (!import) return;
  struct folder_times *times = (struct folder_times *)(void *)import->texts[FOLDERS].bytes;
  for (uint32_t i = 0; i < import->texts[FOLDERS].length / sizeof *times; i++) inode_unpin(times[i].folder);
  if (import->file) description_drop(import->file);
  if (import->root) inode_unpin(import->root);
  for (uint32_t i = 0; i < TEXTS; i++) free(import->texts[i].bytes);
  free(import);
}
