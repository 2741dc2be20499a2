#include "fs_call.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

/* ---- what operations share ---- */

wasi_errno_t fs_answer(struct fs_call *call, uint32_t kind, const void *bytes, uint32_t length) {
  call->kind = kind;
  reply_text(call->answer, bytes, length);
  return WASI_ESUCCESS;
}

bool fs_option(const struct fs_call *call, uint32_t option, bool otherwise) {
  uint32_t given = call->options >> option & 3;
  return given ? given == 1 : otherwise;
}

wasi_errno_t fs_walk(const struct fs_call *call, struct path_walk *walk, const struct name *path, uint32_t flags) {
  wasi_errno_t error = path_walk_host(walk, call->system, path->bytes, path->length, flags);
  if (error || walk->inode || (flags & WALK_NAME)) return error;
  path_walk_end(walk);
  return WASI_ENOENT;
}

wasi_errno_t fs_type(const struct fs_call *call, const struct name *path, uint8_t *type) {
  struct path_walk walk;
  wasi_errno_t error = fs_walk(call, &walk, path, 0);
  if (error) return error;
  *type = walk.inode->type;
  path_walk_end(&walk);
  return WASI_ESUCCESS;
}

bool fs_mode(double given, uint32_t *mode) {
  if (!(given >= 0 && given <= UINT32_MAX)) return false;
  *mode = (uint32_t)given & 07777;
  return true;
}

wasi_errno_t fs_set_new_mode(struct inode *inode, uint32_t mode) {
  wasi_errno_t error = tree_set_mode(inode, mode);
  return error == WASI_ENOTSUP ? WASI_ESUCCESS : error;
}

/* ---- changes of one name ---- */

wasi_errno_t fs_at_name(const struct fs_call *call, const struct name *path,
                        wasi_errno_t (*change)(struct path_walk *walk)) {
  struct path_walk walk;
  wasi_errno_t error = fs_walk(call, &walk, path, WALK_NAME);
  if (error) return error;
  error = change(&walk);
  path_walk_end(&walk);
  return error;
}

static wasi_errno_t fs_unlink(struct fs_call *call) { return fs_at_name(call, &call->path, tree_unlink); }
static wasi_errno_t fs_rmdir(struct fs_call *call) { return fs_at_name(call, &call->path, tree_rmdir); }

wasi_errno_t fs_make_link(const struct fs_call *call, const struct name *target, const struct name *path) {
  struct path_walk walk;
  if (target->length >= PATH_LIMIT) return WASI_ENAMETOOLONG;
  wasi_errno_t error = path_check(target->bytes, target->length);
  if (!error) error = fs_walk(call, &walk, path, WALK_NAME);
  if (error) return error;
  error = tree_create(&walk, WASI_FILETYPE_SYMBOLIC_LINK, *target);
  path_walk_end(&walk);
  return error;
}

static wasi_errno_t fs_symlink(struct fs_call *call) { return fs_make_link(call, &call->path, &call->second); }

/* Runs `change` on two walks. */
static wasi_errno_t between(struct fs_call *call, uint32_t flags,
                            wasi_errno_t (*change)(const struct path_walk *from, const struct path_walk *to)) {
  struct path_walk from, to;
  wasi_errno_t error = fs_walk(call, &from, &call->path, flags);
  if (error) return error;
  error = fs_walk(call, &to, &call->second, WALK_NAME);
  if (!error) {
    error = change(&from, &to);
    path_walk_end(&to);
  }
  path_walk_end(&from);
  return error;
}

static wasi_errno_t fs_link(struct fs_call *call) { return between(call, 0, tree_link); }
static wasi_errno_t fs_rename(struct fs_call *call) { return between(call, WALK_NAME, tree_rename); }

static wasi_errno_t fs_chmod(struct fs_call *call) {
  struct path_walk walk;
  uint32_t mode;
  if (!fs_mode(call->x, &mode)) return WASI_EINVAL;
  wasi_errno_t error = fs_walk(call, &walk, &call->path, WALK_FOLLOW);
  if (error) return error;
  error = tree_set_mode(walk.inode, mode);
  path_walk_end(&walk);
  return error;
}

/* Seconds as nanoseconds, to the microsecond: a double holds no more of today's times. */
static bool time_of(double seconds, uint64_t *nanoseconds) {
  double microseconds = seconds * 1e6;
  if (!(microseconds > -9e15 && microseconds < 9e15)) return false;
  *nanoseconds = (uint64_t)((int64_t)(microseconds + (microseconds < 0 ? -0.5 : 0.5)) * 1000);
  return true;
}

static wasi_errno_t fs_utimes(struct fs_call *call) {
  struct path_walk walk;
  uint64_t atime, mtime;
  if (!time_of(call->x, &atime) || !time_of(call->y, &mtime)) return WASI_EINVAL;
  wasi_errno_t error = fs_walk(call, &walk, &call->path, WALK_FOLLOW);
  if (error) return error;
  error = walk.inode->fs->read_only ? WASI_EROFS : walk.inode->ops->set_times(walk.inode, atime, mtime);
  path_walk_end(&walk);
  return error;
}

static wasi_errno_t fs_mkdtemp(struct fs_call *call) {
  enum { RANDOM = 6, TRIES = 100 };
  uint32_t length = call->path.length;
  struct name path = {call->buffers[0], length + RANDOM};
  if (length >= PATH_LIMIT - RANDOM) return WASI_ENAMETOOLONG;
  memcpy(call->buffers[0], call->path.bytes, length);
  wasi_errno_t error = WASI_EEXIST;
  for (int i = 0; i < TRIES && error == WASI_EEXIST; i++) {
    uint8_t random[RANDOM];
    host_random(call->system, random, sizeof random);
    for (int k = 0; k < RANDOM; k++) {
      call->buffers[0][length + (uint32_t)k] = "0123456789abcdefghijklmnopqrstuvwxyz"[random[k] % 36];
    }
    error = fs_at_name(call, &path, tree_mkdir);
  }
  return error ? error : fs_answer(call, FS_TEXT, path.bytes, path.length);
}

/* ---- questions ---- */

/* Milliseconds, to the microsecond. */
static double milliseconds(uint64_t nanoseconds) { return (double)((int64_t)nanoseconds / 1000) / 1000; }

/* The fields of node's Stats, then their names. */
static wasi_errno_t answer_stats(struct fs_call *call, struct inode *inode) {
  /* The type bits of st_mode by WASI's types: block and character device, folder, file, sockets, link. */
  static const uint16_t type_bits[] = {0, 0060000, 0020000, 0040000, 0100000, 0140000, 0140000, 0120000};
  struct nidus_stat stat;
  wasi_errno_t error = inode_stat(inode, &stat);
  if (error) return error;
  uint32_t type = stat.type < sizeof type_bits / sizeof *type_bits ? stat.type : 0;
  double ctime = milliseconds(stat.ctime);
  const double fields[] = {type,
                           (double)stat.dev,
                           (double)stat.ino,
                           stat.mode | type_bits[type],
                           (double)stat.nlink,
                           0, /* uid */
                           0, /* gid */
                           0, /* rdev */
                           (double)stat.size,
                           4096, /* blksize */
                           (double)(stat.allocated / 512 + (stat.allocated % 512 != 0)),
                           milliseconds(stat.atime),
                           milliseconds(stat.mtime),
                           ctime,
                           ctime,
                           stat.mount};
  static const char names[] = "type\0dev\0ino\0mode\0nlink\0uid\0gid\0rdev\0size\0blksize\0blocks\0"
                              "atimeMs\0mtimeMs\0ctimeMs\0birthtimeMs\0mount";
  fs_answer(call, FS_STATS, fields, sizeof fields);
  return fs_answer(call, FS_STATS, names, sizeof names - 1);
}

static wasi_errno_t stat_with(struct fs_call *call, uint32_t flags) {
  struct path_walk walk;
  wasi_errno_t error = fs_walk(call, &walk, &call->path, flags);
  if (error) return error;
  error = answer_stats(call, walk.inode);
  path_walk_end(&walk);
  return error;
}

static wasi_errno_t fs_stat(struct fs_call *call) { return stat_with(call, WALK_FOLLOW); }
static wasi_errno_t fs_lstat(struct fs_call *call) { return stat_with(call, 0); }

static wasi_errno_t fs_access(struct fs_call *call) {
  struct path_walk walk;
  wasi_errno_t error = fs_walk(call, &walk, &call->path, WALK_FOLLOW);
  if (!error) path_walk_end(&walk);
  return error;
}

static wasi_errno_t fs_exists(struct fs_call *call) {
  call->kind = FS_NUMBER + !fs_access(call);
  return WASI_ESUCCESS;
}

wasi_errno_t fs_read_link(const struct fs_call *call, struct path_walk *walk, const struct name *path,
                          struct name *target) {
  wasi_errno_t error = fs_walk(call, walk, path, 0);
  if (error) return error;
  /* The path is not needed any more; its buffer holds the target. */
  target->bytes = walk->path;
  error = walk->inode->ops->readlink(walk->inode, walk->path, sizeof walk->path, &target->length);
  path_walk_end(walk);
  return error;
}

static wasi_errno_t fs_readlink(struct fs_call *call) {
  struct path_walk walk;
  struct name target;
  wasi_errno_t error = fs_read_link(call, &walk, &call->path, &target);
  return error ? error : fs_answer(call, FS_TEXT, target.bytes, target.length);
}

/* ---- the call ---- */

static const struct {
  wasi_errno_t (*run)(struct fs_call *call);
  const char *syscall; /* as node calls it */
} operations[FS_OPERATIONS] = {
    [FS_COPY_FILE] = {fs_copy_file, "copyfile"},
    [FS_CP] = {fs_cp, "cp"},
    [FS_LINK] = {fs_link, "link"},
    [FS_RENAME] = {fs_rename, "rename"},
    [FS_SYMLINK] = {fs_symlink, "symlink"},
    [FS_CHMOD] = {fs_chmod, "chmod"},
    [FS_MKDIR] = {fs_mkdir, "mkdir"},
    [FS_MKDTEMP] = {fs_mkdtemp, "mkdtemp"},
    [FS_RM] = {fs_rm, "rm"},
    [FS_RMDIR] = {fs_rmdir, "rmdir"},
    [FS_TRUNCATE] = {fs_truncate, "open"},
    [FS_UNLINK] = {fs_unlink, "unlink"},
    [FS_UTIMES] = {fs_utimes, "utime"},
    [FS_ACCESS] = {fs_access, "access"},
    [FS_LSTAT] = {fs_lstat, "lstat"},
    [FS_READDIR] = {fs_readdir, "scandir"},
    [FS_READLINK] = {fs_readlink, "readlink"},
    [FS_REALPATH] = {fs_realpath, "realpath"},
    [FS_STAT] = {fs_stat, "stat"},
    [FS_EXISTS] = {fs_exists, "access"},
    [FS_OPEN] = {fs_open, "open"},
    [FS_READ] = {fs_read, "read"},
    [FS_WRITE] = {fs_write, "write"},
    [FS_CLOSE] = {fs_close, "close"},
};

/* Operations whose second value is a path. */
static bool has_two_paths(uint32_t operation) { return operation <= FS_SYMLINK; }

/* "syscall", "path" and "dest", each after the NUL that ends the one before; as many of them as memory is there for. */
static void answer_error(struct fs_call *call) {
  struct reply *answer = call->answer;
  answer->length = 0;
  answer->failed = false;
  reply_text(answer, call->syscall, (uint32_t)strlen(call->syscall));
  for (const struct name *path = call->at; path; path = path == call->to ? NULL : call->to) {
    if (!reply_room(answer, path->length + 1)) return;
    reply_text(answer, "", 1);
    reply_text(answer, path->bytes, path->length);
  }
}

int32_t fs_perform(struct nidus_system *system, uint32_t operation, const char *values, uint32_t first,
                   uint32_t second, uint32_t options, double x, double y, struct reply *reply) {
  if (operation >= FS_OPERATIONS) return -WASI_ENOSYS;
  struct fs_call call;
  memset(&call, 0, offsetof(struct fs_call, buffers));
  call.system = system;
  call.path = (struct name){values, first};
  call.second = (struct name){values + first, second};
  call.options = options;
  call.x = x;
  call.y = y;
  call.copied = operation <= FS_CP ? y : (double)NAN;
  call.answer = reply;
  fs_about(&call, operations[operation].syscall, &call.path, has_two_paths(operation) ? &call.second : NULL);
  wasi_errno_t error = operations[operation].run(&call);
  if (!error && reply->failed) error = WASI_ENOMEM;
  if (error == NIDUS_WOULD_BLOCK) {
    const double on[2] = {operation == FS_CP ? call.step : call.x, call.copied};
    reply->length = 0;
    reply_text(reply, (const char *)on, sizeof on);
  } else if (error) {
    answer_error(&call);
  }
  free(call.list.bytes);
  return error ? -(int32_t)error : (int32_t)call.kind;
}
