#include "path.h"

#include <string.h>

#include "guest.h"
#include "system.h"

/* Unicode 15, table 3-7: well-formed UTF-8. */
bool utf8_is_valid(const char *bytes, uint32_t length) {
  const uint8_t *at = (const uint8_t *)bytes, *end = at + length;
  while (at < end) {
    uint8_t lead = *at++;
    if (lead < 0x80) continue;
    uint32_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || (uint32_t)(end - at) < more) return false;
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (*at < low || *at > high) return false;
    for (uint32_t i = 1; i < more; i++) {
      if ((at[i] & 0xC0) != 0x80) return false;
    }
    at += more;
  }
  return true;
}

static bool is_dot(struct name name) { return name.length == 1 && name.bytes[0] == '.'; }
static bool is_dot_dot(struct name name) { return name.length == 2 && name.bytes[0] == '.' && name.bytes[1] == '.'; }

bool name_is_valid(struct name name) {
  if (name.length == 0 || name.length > NAME_LIMIT || is_dot(name) || is_dot_dot(name)) return false;
  if (memchr(name.bytes, '/', name.length) || memchr(name.bytes, 0, name.length)) return false;
  return utf8_is_valid(name.bytes, name.length);
}

wasi_errno_t path_check(const char *path, uint32_t length) {
  if (length == 0) return WASI_ENOENT;
  if (memchr(path, 0, length)) return WASI_EINVAL;
  return utf8_is_valid(path, length) ? WASI_ESUCCESS : WASI_EILSEQ;
}

wasi_errno_t path_copy(struct process *process, char *buffer, uint32_t path, uint32_t length) {
  if (length >= PATH_LIMIT) return WASI_ENAMETOOLONG;
  if (!guest_read(process, buffer, path, length)) return WASI_EFAULT;
  return path_check(buffer, length);
}

/* The folder above, through the borders of mounts; NULL above the root of the tree. */
static struct inode *folder_above(struct inode *inode) {
  while (inode->fs->root == inode) {
    if (!inode->fs->mount_point) return NULL;
    inode = inode->fs->mount_point;
  }
  return inode->parent;
}

uint32_t path_join(char path[PATH_LIMIT], const char *folder, const char *name, uint32_t length) {
  uint32_t used = 0;
  if (length == 0 || name[0] != '/') {
    size_t above = strlen(folder);
    if (above >= PATH_LIMIT - 1) return 0;
    memcpy(path, folder, above);
    used = (uint32_t)above;
    if (used == 0 || path[used - 1] != '/') path[used++] = '/';
  }
  if (length >= PATH_LIMIT - used) return 0;
  memcpy(path + used, name, length);
  path[used + length] = 0;
  return used + length;
}

bool path_is_below(struct inode *inode, struct inode *ancestor) {
  for (; inode; inode = folder_above(inode)) {
    if (inode == ancestor) return true;
  }
  return false;
}

struct position {
  struct inode *at;    /* referenced */
  struct inode *limit; /* ".." does not leave this */
  bool climb;
  uint32_t links; /* symbolic links followed */
  uint32_t start; /* of what remains in walk->path */
  uint32_t end;
};

static void move_to(struct position *position, struct inode *inode) {
  inode_drop(position->at);
  position->at = inode;
}

/* Splices the target of a symbolic link in front of what remains, and moves to where it is relative to. */
static wasi_errno_t splice_link(struct path_walk *walk, struct position *position, struct inode *link,
                                struct nidus_system *system) {
  if (++position->links > SYMLINK_LIMIT) return WASI_ELOOP;
  char target[PATH_LIMIT];
  uint32_t length;
  wasi_errno_t error = link->ops->readlink(link, target, sizeof target, &length);
  if (error) return error;
  if (length == 0) return WASI_ENOENT;
  uint32_t rest = position->end - position->start;
  if (length >= PATH_LIMIT - rest) return WASI_ENAMETOOLONG;
  /* The host's links may hold anything. */
  error = path_check(target, length);
  if (error) return error;
  if (target[0] == '/') {
    if (!position->climb) return WASI_EPERM;
    move_to(position, inode_hold(inode_uncover(system->root)));
  }
  memmove(walk->path + length, walk->path + position->start, rest);
  memcpy(walk->path, target, length);
  position->start = 0;
  position->end = length + rest;
  return WASI_ESUCCESS;
}

static wasi_errno_t walk_up(struct position *position) {
  struct inode *at = position->at;
  if (at == position->limit) return position->climb ? WASI_ESUCCESS : WASI_EPERM;
  struct inode *above = folder_above(at);
  if (!above) return position->climb ? WASI_ESUCCESS : WASI_EPERM;
  move_to(position, inode_hold(above));
  return WASI_ESUCCESS;
}

static void arrive_at_folder(struct path_walk *walk, struct position *position, bool trailing_slash, bool dot_dot) {
  walk->parent = NULL;
  walk->dot_dot = dot_dot;
  walk->name = (struct name){"", 0};
  walk->inode = position->at;
  walk->trailing_slash = trailing_slash;
  position->at = NULL;
}

/* One step. *arrived: the walk is over and its results are set. */
static wasi_errno_t step(struct path_walk *walk, struct position *position, uint32_t flags, bool *arrived,
                         struct nidus_system *system) {
  uint32_t start = position->start, end = position->end;
  while (start < end && walk->path[start] == '/') start++;
  if (start == end) {
    arrive_at_folder(walk, position, true, false);
    *arrived = true;
    return WASI_ESUCCESS;
  }
  uint32_t stop = start;
  while (stop < end && walk->path[stop] != '/') stop++;
  uint32_t next = stop;
  while (next < end && walk->path[next] == '/') next++;
  bool last = next == end, trailing_slash = last && next > stop;
  struct name name = {walk->path + start, stop - start};
  /* What remains keeps its slash, so that a link spliced in front of it stays apart from it. */
  position->start = stop;

  if (position->at->type != WASI_FILETYPE_DIRECTORY) return WASI_ENOTDIR;
  if (name.length > NAME_LIMIT) return WASI_ENAMETOOLONG;
  if (is_dot(name) || is_dot_dot(name)) {
    wasi_errno_t error = is_dot(name) ? WASI_ESUCCESS : walk_up(position);
    if (error || !last) return error;
    arrive_at_folder(walk, position, trailing_slash, is_dot_dot(name));
    *arrived = true;
    return WASI_ESUCCESS;
  }
  struct inode *found = NULL;
  wasi_errno_t error = position->at->ops->lookup(position->at, name, &found);
  if (error == WASI_ENOENT && last) error = WASI_ESUCCESS;
  if (error) return error;
  if (found && found->mounted) {
    struct inode *root = inode_hold(inode_uncover(found));
    inode_drop(found);
    found = root;
  }
  bool follow = !last || (trailing_slash ? !(flags & WALK_NAME) : (flags & WALK_FOLLOW) != 0);
  if (found && follow && found->type == WASI_FILETYPE_SYMBOLIC_LINK) {
    error = splice_link(walk, position, found, system);
    inode_drop(found);
    return error;
  }
  if (!last) {
    move_to(position, found);
    return WASI_ESUCCESS;
  }
  if (found && trailing_slash && !(flags & WALK_NAME) && found->type != WASI_FILETYPE_DIRECTORY) {
    inode_drop(found);
    return WASI_ENOTDIR;
  }
  walk->parent = position->at;
  walk->name = name;
  walk->inode = found;
  walk->trailing_slash = trailing_slash;
  walk->dot_dot = false;
  position->at = NULL;
  *arrived = true;
  return WASI_ESUCCESS;
}

static wasi_errno_t walk_from(struct path_walk *walk, struct nidus_system *system, struct inode *start, bool climb,
                              uint32_t length, uint32_t flags) {
  struct inode *root = inode_uncover(system->root);
  bool absolute = walk->path[0] == '/';
  if (absolute && !climb) return WASI_EPERM;
  struct inode *from = absolute ? root : inode_uncover(start);
  struct position position = {
      .at = inode_hold(from), .limit = climb ? root : from, .climb = climb, .start = 0, .end = length};
  walk->parent = walk->inode = NULL;
  bool arrived = false;
  wasi_errno_t error = WASI_ESUCCESS;
  while (!error && !arrived) error = step(walk, &position, flags, &arrived, system);
  if (position.at) inode_drop(position.at);
  return error;
}

wasi_errno_t path_walk_guest(struct path_walk *walk, struct process *process, const struct descriptor *directory,
                             uint32_t path, uint32_t length, uint32_t flags) {
  if (directory->description->inode->type != WASI_FILETYPE_DIRECTORY) return WASI_ENOTDIR;
  wasi_errno_t error = path_copy(process, walk->path, path, length);
  if (error) return error;
  return walk_from(walk, process->system, directory->description->inode, directory->description->climb, length,
                   flags);
}

wasi_errno_t path_walk_host(struct path_walk *walk, struct nidus_system *system, const char *path, uint32_t length,
                            uint32_t flags) {
  if (length >= PATH_LIMIT) return WASI_ENAMETOOLONG;
  wasi_errno_t error = path_check(path, length);
  if (error) return error;
  memcpy(walk->path, path, length);
  return walk_from(walk, system, system->root, true, length, flags);
}

void path_walk_end(struct path_walk *walk) {
  if (walk->parent) inode_drop(walk->parent);
  if (walk->inode) inode_drop(walk->inode);
  walk->parent = walk->inode = NULL;
}
