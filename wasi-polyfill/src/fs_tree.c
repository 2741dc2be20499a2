/*
 * fs_tree.c: what the host does to folders with all that is in them.
 *
 * A tree is taken as a list first, made by fs_list_tree: entries in the order of their names, folder after
 * folder, each folder before what lies in it. Removing goes through the list from its end, copying from
 * its beginning; so nothing recurses, and a copy does not see what it makes itself.
 *
 *     one entry of the list:  the digit of its WASI file type, its path below the folder, NUL
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fs_call.h"

/* Is `record` in the list that of a folder? */
static bool is_folder(const char *record) { return record[0] == '0' + WASI_FILETYPE_DIRECTORY; }

/* Puts `below` behind `folder` into one of the call's two buffers. */
static wasi_errno_t join(struct fs_call *call, int which, const struct name *folder, const char *below,
                         uint32_t length) {
  char *out = call->buffers[which];
  uint32_t at = folder->length;
  if (at >= PATH_LIMIT || length >= PATH_LIMIT - at - 1) return WASI_ENAMETOOLONG;
  memcpy(out, folder->bytes, at);
  if (at > 0 && out[at - 1] != '/') out[at++] = '/';
  memcpy(out + at, below, length);
  call->joined[which] = (struct name){out, at + length};
  return WASI_ESUCCESS;
}

/* ---- listing ---- */

/* Heapsort, of records by their names: in place, and never slower than n log n. */
static void sift(const char **records, uint32_t root, uint32_t count) {
  const char *record = records[root];
  for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && strcmp(records[child] + 1, records[child + 1] + 1) < 0) child++;
    if (strcmp(record + 1, records[child] + 1) >= 0) break;
    records[root] = records[child];
  }
  records[root] = record;
}

static void sort(const char **records, uint32_t count) {
  for (uint32_t i = count / 2; i-- > 0;) sift(records, i, count);
  for (uint32_t i = count; i-- > 1;) {
    const char *last = records[i];
    records[i] = records[0];
    records[0] = last;
    sift(records, 0, i);
  }
}

/* Appends the entries of an open folder, unsorted. */
static wasi_errno_t read_entries(struct description *description, struct reply *raw, uint32_t *count) {
  struct inode *folder = description->inode;
  struct entry_view view;
  bool found;
  wasi_errno_t error;
  /* Cookies 0 and 1 are "." and "..". */
  for (uint64_t cookie = 2;; cookie = view.next, ++*count) {
    error = folder->ops->next_entry(description, cookie, &view, &found);
    if (error || !found) return error;
    char type = (char)('0' + view.type);
    reply_text(raw, &type, 1);
    reply_text(raw, view.name.bytes, view.name.length);
    reply_text(raw, "", 1);
  }
}

/* Appends the records of `raw` to the list, in order, each name after `prefix`. */
static void append_sorted(struct reply *list, const char *prefix, uint32_t prefix_length, const struct reply *raw,
                          uint32_t count) {
  const char **records = raw->failed ? NULL : malloc((count + 1) * sizeof *records);
  if (!records) {
    list->failed = true;
    return;
  }
  const char *at = raw->bytes;
  for (uint32_t i = 0; i < count; i++, at += strlen(at) + 1) records[i] = at;
  sort(records, count);
  for (uint32_t i = 0; i < count; i++) {
    const char *name = records[i] + 1;
    reply_text(list, records[i], 1);
    reply_text(list, prefix, prefix_length);
    if (prefix_length > 0) reply_text(list, "/", 1);
    reply_text(list, name, (uint32_t)strlen(name) + 1);
  }
  free(records);
}

/* Appends what lies in the folder `path`, each name after the last `below` bytes of its path. */
static wasi_errno_t list_folder(struct fs_call *call, const struct name *path, uint32_t below) {
  struct path_walk walk;
  fs_about(call, "scandir", path, NULL);
  wasi_errno_t error = fs_walk(call, &walk, path, WALK_FOLLOW);
  if (error) return error;
  struct description *description;
  error = walk.inode->type == WASI_FILETYPE_DIRECTORY
              ? description_open(inode_hold(walk.inode), NIDUS_ACCESS_READ, 0, false, &description)
              : WASI_ENOTDIR;
  path_walk_end(&walk);
  if (error) return error;
  struct reply raw = {0};
  uint32_t count = 0;
  error = read_entries(description, &raw, &count);
  description_drop(description);
  if (!error) append_sorted(&call->list, path->bytes + path->length - below, below, &raw, count);
  free(raw.bytes);
  return !error && call->list.failed ? WASI_ENOMEM : error;
}

/* Lists the folder that the call is about into call->list, with all below it if wanted. */
static wasi_errno_t fs_list_tree(struct fs_call *call, bool recursive) {
  wasi_errno_t error = list_folder(call, &call->path, 0);
  for (uint32_t at = 0; recursive && !error && at < call->list.length;) {
    const char *record = call->list.bytes + at;
    uint32_t length = (uint32_t)strlen(record + 1);
    at += length + 2;
    if (!is_folder(record)) continue;
    /* The list moves as it grows; the joined path stays. */
    error = join(call, 0, &call->path, record + 1, length);
    if (!error) error = list_folder(call, &call->joined[0], length);
  }
  return error;
}

/* An entry as web/stats.js takes it: type, name, "/", then the folder it lies in. */
static wasi_errno_t answer_entry(struct fs_call *call, const char *record) {
  const char *slash = strrchr(record + 1, '/');
  const char *name = slash ? slash + 1 : record + 1;
  const struct name *folder = slash ? &call->joined[0] : &call->path;
  wasi_errno_t error = slash ? join(call, 0, &call->path, record + 1, (uint32_t)(slash - record - 1)) : WASI_ESUCCESS;
  if (error) return error;
  reply_text(call->answer, record, 1);
  reply_text(call->answer, name, (uint32_t)strlen(name));
  reply_text(call->answer, "/", 1);
  reply_text(call->answer, folder->bytes, folder->length);
  reply_text(call->answer, "", 1);
  return WASI_ESUCCESS;
}

wasi_errno_t fs_readdir(struct fs_call *call) {
  bool types = fs_option(call, FS_WITH_FILE_TYPES, false);
  wasi_errno_t error = fs_list_tree(call, fs_option(call, FS_RECURSIVE, false));
  for (uint32_t at = 0; !error && at < call->list.length;) {
    const char *record = call->list.bytes + at;
    uint32_t size = (uint32_t)strlen(record) + 1;
    if (types) {
      error = answer_entry(call, record);
    } else {
      reply_text(call->answer, record + 1, size - 1);
    }
    at += size;
  }
  call->kind = types ? FS_ENTRIES : FS_LIST;
  return error;
}

/* ---- making folders ---- */

/* Makes the folder `path`; *made when it did. */
static wasi_errno_t make_folder(struct fs_call *call, const struct name *path, bool *made) {
  struct path_walk walk;
  uint32_t mode;
  *made = false;
  wasi_errno_t error = fs_walk(call, &walk, path, WALK_NAME);
  if (error) return error;
  error = tree_mkdir(&walk);
  *made = !error;
  if (!error && fs_mode(call->x, &mode)) error = fs_set_new_mode(walk.inode, mode);
  path_walk_end(&walk);
  return error;
}

/* The same where there may be one already; a link to a folder is one. */
static wasi_errno_t have_folder(struct fs_call *call, const struct name *path, bool *made) {
  struct path_walk walk;
  wasi_errno_t error = make_folder(call, path, made);
  /* Whatever the error: a read-only volume may refuse before it looks whether the folder is there. */
  if (!error || *made || fs_walk(call, &walk, path, WALK_FOLLOW)) return error;
  if (walk.inode->type == WASI_FILETYPE_DIRECTORY) error = WASI_ESUCCESS;
  path_walk_end(&walk);
  return error;
}

/* `path` in the second buffer as it is made and answered: absolute, no two slashes in a row, none at its end. */
static wasi_errno_t tidy(struct fs_call *call, const struct name *path, uint32_t *length) {
  char *out = call->buffers[1];
  uint32_t end = 1;
  out[0] = '/';
  for (uint32_t i = 0; i < path->length; i++) {
    if (path->bytes[i] == '/' && out[end - 1] == '/') continue;
    if (end == PATH_LIMIT - 1) return WASI_ENAMETOOLONG;
    out[end++] = path->bytes[i];
  }
  *length = end > 1 && out[end - 1] == '/' ? end - 1 : end;
  return path->length > 0 ? WASI_ESUCCESS : WASI_ENOENT;
}

/* Makes the folder at `path` and those above it; `first`: the length of the first one made, as tidied, or 0. */
static wasi_errno_t make_folders(struct fs_call *call, const struct name *path, uint32_t *first) {
  struct name *part = &call->joined[1];
  uint32_t length = 0;
  *first = 0;
  fs_about(call, "mkdir", path, NULL);
  wasi_errno_t error = tidy(call, path, &length);
  for (uint32_t stop = 1; !error && stop <= length; stop++) {
    if (stop < length && call->buffers[1][stop] != '/') continue;
    bool made;
    *part = (struct name){call->buffers[1], stop};
    call->at = part;
    error = have_folder(call, part, &made);
    if (made && *first == 0) *first = stop;
    if (error == WASI_EEXIST && stop < length) {
      call->at = path;
      error = WASI_ENOTDIR;
    }
  }
  return error;
}

wasi_errno_t fs_mkdir(struct fs_call *call) {
  bool made;
  uint32_t first;
  if (!fs_option(call, FS_RECURSIVE, false)) return make_folder(call, &call->path, &made);
  wasi_errno_t error = make_folders(call, &call->path, &first);
  return error || first == 0 ? error : fs_answer(call, FS_TEXT, call->buffers[1], first);
}

/* ---- realpath ---- */

/* The path without symbolic links, "." and "..": taken part by part, since a link may lead anywhere. */
wasi_errno_t fs_realpath(struct fs_call *call) {
  struct path_walk walk;
  struct name done = {call->buffers[0], 0}, target;
  char *rest = call->buffers[1];
  uint32_t end, links = 0;
  wasi_errno_t error = tidy(call, &call->path, &end);
  for (uint32_t at = 0, stop = 0; !error; at = stop) {
    while (at < end && rest[at] == '/') at++;
    for (stop = at; stop < end && rest[stop] != '/';) stop++;
    uint32_t part = stop - at;
    if (part == 0) break;
    if (part == 1 && rest[at] == '.') continue;
    if (part == 2 && rest[at] == '.' && rest[at + 1] == '.') {
      while (done.length > 0 && done.bytes[--done.length] != '/') continue;
      continue;
    }
    uint8_t type;
    uint32_t above = done.length;
    if (part >= PATH_LIMIT - above - 1) return WASI_ENAMETOOLONG;
    call->buffers[0][above] = '/';
    memcpy(call->buffers[0] + above + 1, rest + at, part);
    done.length = above + 1 + part;
    error = fs_type(call, &done, &type);
    if (error || type != WASI_FILETYPE_SYMBOLIC_LINK) continue;
    if (++links > SYMLINK_LIMIT) return WASI_ELOOP;
    error = fs_read_link(call, &walk, &done, &target);
    if (error) return error;
    if (target.length >= PATH_LIMIT - (end - stop)) return WASI_ENAMETOOLONG;
    memmove(rest + target.length, rest + stop, end - stop);
    memcpy(rest, target.bytes, target.length);
    end = end - stop + target.length;
    stop = 0;
    done.length = target.length > 0 && rest[0] == '/' ? 0 : above;
  }
  if (done.length == 0) call->buffers[0][done.length++] = '/';
  return error ? error : fs_answer(call, FS_TEXT, done.bytes, done.length);
}

/* ---- removing ---- */

wasi_errno_t fs_rm(struct fs_call *call) {
  uint8_t type;
  call->syscall = "lstat";
  wasi_errno_t error = fs_type(call, &call->path, &type);
  if (error == WASI_ENOENT && fs_option(call, FS_FORCE, false)) return WASI_ESUCCESS;
  if (error) return error;
  call->syscall = "unlink";
  if (type != WASI_FILETYPE_DIRECTORY) return fs_at_name(call, &call->path, tree_unlink);
  call->syscall = "rm";
  if (!fs_option(call, FS_RECURSIVE, false)) return WASI_EISDIR;
  error = fs_list_tree(call, true);
  for (uint32_t end = call->list.length; !error && end > 0;) {
    uint32_t start = end - 1;
    while (start > 0 && call->list.bytes[start - 1]) start--;
    const char *record = call->list.bytes + start;
    bool folder = is_folder(record);
    fs_about(call, folder ? "rmdir" : "unlink", &call->joined[0], NULL);
    error = join(call, 0, &call->path, record + 1, end - start - 2);
    if (!error) error = fs_at_name(call, &call->joined[0], folder ? tree_rmdir : tree_unlink);
    end = start;
  }
  if (error) return error;
  fs_about(call, "rmdir", &call->path, NULL);
  return fs_at_name(call, &call->path, tree_rmdir);
}

/* ---- copying ---- */

/* A file or a symbolic link, of which the link itself is copied. */
static wasi_errno_t copy_entry(struct fs_call *call, const struct name *from, const struct name *to, uint8_t type) {
  struct path_walk walk;
  fs_about(call, "cp", from, to);
  bool begun = call->copied >= 0;
  if (!begun && !fs_walk(call, &walk, to, WALK_FOLLOW)) {
    path_walk_end(&walk);
    if (fs_option(call, FS_ERROR_ON_EXIST, false)) return WASI_EEXIST;
    if (!fs_option(call, FS_FORCE, true)) return WASI_ESUCCESS;
  }
  if (type != WASI_FILETYPE_SYMBOLIC_LINK) return fs_copy_contents(call, from, to, false);
  struct name target;
  wasi_errno_t error = fs_at_name(call, to, tree_unlink);
  if (error == WASI_ENOENT) error = WASI_ESUCCESS;
  if (!error) error = fs_read_link(call, &walk, from, &target);
  return error ? error : fs_make_link(call, &target, to);
}

/* `path` without the slashes at its beginning. */
static struct name relative(struct name path) {
  for (; path.length > 0 && path.bytes[0] == '/'; path.length--) path.bytes++;
  return path;
}

/* Does `inner`, as it is written, lie in `folder` or name it? */
static bool lies_in(const struct name *inner, const struct name *outer) {
  struct name path = relative(*inner), folder = relative(*outer);
  while (folder.length > 0 && folder.bytes[folder.length - 1] == '/') folder.length--;
  if (folder.length == 0) return true;
  if (path.length < folder.length || memcmp(path.bytes, folder.bytes, folder.length) != 0) return false;
  return path.length == folder.length || path.bytes[folder.length] == '/';
}

wasi_errno_t fs_cp(struct fs_call *call) {
  const struct name *from = &call->path, *to = &call->second;
  uint8_t type;
  uint32_t first;
  bool made;
  uint32_t done = call->x >= 0 && call->x <= UINT32_MAX ? (uint32_t)call->x : 0;
  call->x = NAN; /* no mode */
  if (lies_in(to, from)) return WASI_EINVAL;
  fs_about(call, "lstat", from, NULL);
  wasi_errno_t error = fs_type(call, from, &type);
  if (error) return error;
  if (type != WASI_FILETYPE_DIRECTORY) return copy_entry(call, from, to, type);
  fs_about(call, "cp", from, to);
  if (!fs_option(call, FS_RECURSIVE, false)) return WASI_EISDIR;
  error = fs_list_tree(call, true);
  if (!error) error = make_folders(call, to, &first);
  for (uint32_t at = 0; !error && at < call->list.length;) {
    const char *record = call->list.bytes + at;
    uint32_t length = (uint32_t)strlen(record + 1);
    at += length + 2;
    if (call->step < done) {
      call->step++;
      continue;
    }
    fs_about(call, "cp", from, to);
    error = join(call, 0, from, record + 1, length);
    if (!error) error = join(call, 1, to, record + 1, length);
    if (error) return error;
    if (is_folder(record)) {
      fs_about(call, "mkdir", &call->joined[1], NULL);
      error = have_folder(call, &call->joined[1], &made);
    } else {
      error = copy_entry(call, &call->joined[0], &call->joined[1], (uint8_t)(record[0] - '0'));
    }
    if (error) break;
    call->step++;
    call->copied = NAN;
  }
  return error;
}
