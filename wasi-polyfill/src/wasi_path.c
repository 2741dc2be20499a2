/*
 * wasi_path.c: system calls that take a path.
 */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

static const struct name no_target = {NULL, 0};

/* Walks to a path below a descriptor that has `rights`. On success path_walk_end must follow. */
static wasi_errno_t walk_to(struct path_walk *walk, struct process *process, uint32_t fd, uint64_t rights,
                            uint32_t path, uint32_t path_len, uint32_t flags, struct descriptor **directory) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  if (descriptor->description->inode->type != WASI_FILETYPE_DIRECTORY) return WASI_ENOTDIR;
  if ((descriptor->rights_base & rights) != rights) return WASI_ENOTCAPABLE;
  if (directory) *directory = descriptor;
  return path_walk_guest(walk, process, descriptor, path, path_len, flags);
}

/* The walk must have found something. */
static wasi_errno_t found(const struct path_walk *walk) { return walk->inode ? WASI_ESUCCESS : WASI_ENOENT; }

/*
 * The checks before a change are in Linux's order, which programs have come to rely on where several
 * errors apply: the unit tests compare them with Linux for every combination.
 */

/* A new name of that type can be made in the walk's parent; only a folder's may have a slash behind it. */
static wasi_errno_t can_create(const struct path_walk *walk, uint8_t type) {
  if (walk->inode) return WASI_EEXIST;
  if (walk->trailing_slash && type != WASI_FILETYPE_DIRECTORY) return WASI_ENOENT;
  if (walk->parent->fs->read_only) return WASI_EROFS;
  return walk->parent->ops->create ? WASI_ESUCCESS : WASI_EACCES; /* /dev */
}

/* What the walk found can be taken out of its folder. */
static wasi_errno_t can_remove(const struct path_walk *walk) {
  if (walk->parent->fs->read_only) return WASI_EROFS;
  if (!walk->inode) return WASI_ENOENT;
  if (walk->inode->fs != walk->parent->fs) return WASI_EBUSY;
  return walk->parent->ops->unlink ? WASI_ESUCCESS : WASI_EACCES;
}

wasi_errno_t wasi_path_create_directory(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len) {
  struct path_walk walk;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_CREATE_DIRECTORY, path, path_len, WALK_NAME, NULL);
  if (error) return error;
  error = can_create(&walk, WASI_FILETYPE_DIRECTORY);
  if (!error) {
    error = walk.parent->ops->create(walk.parent, walk.name, WASI_FILETYPE_DIRECTORY, no_target, &walk.inode);
  }
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_filestat_get(struct process *process, uint32_t fd, uint32_t flags, uint32_t path,
                                    uint32_t path_len, uint32_t stat_out) {
  struct path_walk walk;
  uint32_t follow = flags & WASI_LOOKUP_SYMLINK_FOLLOW ? WALK_FOLLOW : 0;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_FILESTAT_GET, path, path_len, follow, NULL);
  if (error) return error;
  error = found(&walk);
  if (!error) error = wasi_filestat_out(process, walk.inode, stat_out);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_filestat_set_times(struct process *process, uint32_t fd, uint32_t flags, uint32_t path,
                                          uint32_t path_len, uint64_t atim, uint64_t mtim, uint32_t fst_flags) {
  struct path_walk walk;
  uint32_t follow = flags & WASI_LOOKUP_SYMLINK_FOLLOW ? WALK_FOLLOW : 0;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_FILESTAT_SET_TIMES, path, path_len, follow, NULL);
  if (error) return error;
  error = found(&walk);
  if (!error && walk.inode->fs->read_only) error = WASI_EROFS;
  if (!error) error = wasi_chosen_times(walk.inode, &atim, &mtim, fst_flags);
  if (!error) error = walk.inode->ops->set_times(walk.inode, atim, mtim);
  path_walk_end(&walk);
  return error;
}

static wasi_errno_t link_between(const struct path_walk *from, const struct path_walk *to) {
  wasi_errno_t error = can_create(to, WASI_FILETYPE_REGULAR_FILE);
  if (!error && from->inode->fs != to->parent->fs) error = WASI_EXDEV;
  if (!error && from->inode->type == WASI_FILETYPE_DIRECTORY) error = WASI_EPERM;
  if (!error && !to->parent->ops->link) error = WASI_ENOTSUP;
  return error ? error : to->parent->ops->link(to->parent, to->name, from->inode);
}

wasi_errno_t wasi_path_link(struct process *process, uint32_t old_fd, uint32_t old_flags, uint32_t old_path,
                            uint32_t old_path_len, uint32_t new_fd, uint32_t new_path, uint32_t new_path_len) {
  struct path_walk from, to;
  uint32_t follow = old_flags & WASI_LOOKUP_SYMLINK_FOLLOW ? WALK_FOLLOW : 0;
  wasi_errno_t error =
      walk_to(&from, process, old_fd, WASI_RIGHT_PATH_LINK_SOURCE, old_path, old_path_len, follow, NULL);
  if (error) return error;
  error = found(&from);
  if (!error) {
    error = walk_to(&to, process, new_fd, WASI_RIGHT_PATH_LINK_TARGET, new_path, new_path_len, WALK_NAME, NULL);
  }
  if (!error) {
    error = link_between(&from, &to);
    path_walk_end(&to);
  }
  path_walk_end(&from);
  return error;
}

/* ---- path_open ---- */

struct opening {
  uint32_t oflags;
  uint64_t rights_base;
  uint16_t fdflags;
  uint8_t access;
};

static wasi_errno_t open_existing(const struct path_walk *walk, const struct opening *opening) {
  const struct inode *inode = walk->inode;
  bool creates = opening->oflags & WASI_OFLAG_CREAT;
  bool writes = (opening->access & NIDUS_ACCESS_WRITE) || (opening->oflags & WASI_OFLAG_TRUNC);
  if (creates && (opening->oflags & WASI_OFLAG_EXCL)) return WASI_EEXIST;
  if (inode->type == WASI_FILETYPE_DIRECTORY) return creates || writes ? WASI_EISDIR : WASI_ESUCCESS;
  if (opening->oflags & WASI_OFLAG_DIRECTORY) return WASI_ENOTDIR;
  if (inode->type == WASI_FILETYPE_SYMBOLIC_LINK) return WASI_ELOOP;
  return writes && inode->fs->read_only ? WASI_EROFS : WASI_ESUCCESS;
}

static wasi_errno_t open_new(struct path_walk *walk, const struct opening *opening, const struct descriptor *directory) {
  if (!(opening->oflags & WASI_OFLAG_CREAT)) return WASI_ENOENT;
  if (!(directory->rights_base & WASI_RIGHT_PATH_CREATE_FILE)) return WASI_ENOTCAPABLE;
  wasi_errno_t error = can_create(walk, WASI_FILETYPE_REGULAR_FILE);
  if (error) return error;
  return walk->parent->ops->create(walk->parent, walk->name, WASI_FILETYPE_REGULAR_FILE, no_target, &walk->inode);
}

static wasi_errno_t check_opening(const struct opening *opening, const struct descriptor *directory,
                                  uint64_t rights_inheriting, uint32_t fdflags) {
  if ((opening->oflags & ~(uint32_t)WASI_OFLAG_ALL) || (fdflags & ~(uint32_t)WASI_FDFLAG_ALL)) return WASI_EINVAL;
  if ((opening->oflags & WASI_OFLAG_CREAT) && (opening->oflags & WASI_OFLAG_DIRECTORY)) return WASI_EINVAL;
  uint64_t granted = directory->rights_inheriting;
  if ((opening->rights_base & ~granted) || (rights_inheriting & ~granted)) return WASI_ENOTCAPABLE;
  if ((opening->oflags & WASI_OFLAG_TRUNC) && !(directory->rights_base & WASI_RIGHT_PATH_FILESTAT_SET_SIZE)) {
    return WASI_ENOTCAPABLE;
  }
  return WASI_ESUCCESS;
}

/* The walk is over: opens what it found, or makes it. Takes over the description, also on failure. */
static wasi_errno_t open_walked(struct path_walk *walk, const struct opening *opening,
                                const struct descriptor *directory, struct description *description) {
  bool creates = opening->oflags & WASI_OFLAG_CREAT;
  wasi_errno_t error = creates && walk->parent && walk->trailing_slash ? WASI_EISDIR : WASI_ESUCCESS;
  if (!error) error = walk->inode ? open_existing(walk, opening) : open_new(walk, opening, directory);
  if (error) {
    free(description);
    return error;
  }
  description->climb = directory->description->climb;
  return description_start(description, inode_hold(walk->inode), opening->access, opening->fdflags,
                           opening->oflags & WASI_OFLAG_TRUNC);
}

wasi_errno_t wasi_path_open(struct process *process, uint32_t fd, uint32_t dirflags, uint32_t path, uint32_t path_len,
                            uint32_t oflags, uint64_t rights_base, uint64_t rights_inheriting, uint32_t fdflags,
                            uint32_t opened_fd_out) {
  struct path_walk walk;
  struct descriptor *directory;
  struct opening opening = {.oflags = oflags, .rights_base = rights_base, .fdflags = (uint16_t)fdflags};
  if (rights_base & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_READDIR)) opening.access |= NIDUS_ACCESS_READ;
  if (rights_base & (WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE)) {
    opening.access |= NIDUS_ACCESS_WRITE;
  }
  /* All that may run out is taken first, so that no file is made or emptied by a call that fails. */
  wasi_errno_t error = descriptor_reserve(process);
  if (error) return error;
  bool creates = oflags & WASI_OFLAG_CREAT;
  bool follows = (dirflags & WASI_LOOKUP_SYMLINK_FOLLOW) && !(creates && (oflags & WASI_OFLAG_EXCL));
  uint32_t flags = (follows ? WALK_FOLLOW : 0) | (creates ? WALK_NAME : 0);
  error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_OPEN, path, path_len, flags, &directory);
  if (error) return error;
  error = check_opening(&opening, directory, rights_inheriting, fdflags);
  uint32_t opened;
  if (!error && !guest_read(process, &opened, opened_fd_out, sizeof opened)) error = WASI_EFAULT;
  struct description *description = error ? NULL : description_create();
  if (!error && !description) error = WASI_ENOMEM;
  if (!error) error = open_walked(&walk, &opening, directory, description);
  path_walk_end(&walk);
  if (error) return error;

  const struct inode *inode = description->inode;
  uint64_t inheriting = inode->type == WASI_FILETYPE_DIRECTORY ? rights_inheriting : 0;
  error = descriptor_add(process, 0, description, rights_base & rights_of(inode, opening.access), inheriting, &opened);
  if (error) {
    description_drop(description);
    return error;
  }
  if (guest_write_u32(process, opened_fd_out, opened)) return WASI_ESUCCESS;
  error = descriptor_close(process, opened);
  return error ? error : WASI_EFAULT;
}

wasi_errno_t wasi_path_readlink(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len, uint32_t buf,
                                uint32_t buf_len, uint32_t bufused_out) {
  struct path_walk walk;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_READLINK, path, path_len, 0, NULL);
  if (error) return error;
  /* The path is not needed any more; its buffer holds the target. */
  uint32_t length = 0;
  error = found(&walk);
  if (!error) error = walk.inode->ops->readlink(walk.inode, walk.path, sizeof walk.path, &length);
  path_walk_end(&walk);
  if (error) return error;
  if (length > buf_len) length = buf_len;
  if (!guest_write(process, buf, walk.path, length)) return WASI_EFAULT;
  return guest_write_u32(process, bufused_out, length) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_path_remove_directory(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len) {
  struct path_walk walk;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_REMOVE_DIRECTORY, path, path_len, WALK_NAME, NULL);
  if (error) return error;
  if (!walk.parent) {
    error = walk.dot_dot ? WASI_ENOTEMPTY : WASI_EINVAL; /* rmdir(2) */
  } else {
    error = can_remove(&walk);
  }
  if (!error && walk.inode->type != WASI_FILETYPE_DIRECTORY) error = WASI_ENOTDIR;
  if (!error) error = walk.parent->ops->rmdir(walk.parent, walk.name, walk.inode);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_unlink_file(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len) {
  struct path_walk walk;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_UNLINK_FILE, path, path_len, WALK_NAME, NULL);
  if (error) return error;
  if (walk.inode && walk.inode->type == WASI_FILETYPE_DIRECTORY) {
    error = WASI_EISDIR;
  } else if (walk.inode && walk.trailing_slash) {
    error = WASI_ENOTDIR;
  } else {
    error = can_remove(&walk);
  }
  if (!error) error = walk.parent->ops->unlink(walk.parent, walk.name, walk.inode);
  path_walk_end(&walk);
  return error;
}

/* rename(2): what `from` names takes the place of `to`. */
static wasi_errno_t rename_between(const struct path_walk *from, const struct path_walk *to) {
  if (!from->parent || !to->parent) return WASI_EBUSY;
  if (to->parent->fs != from->parent->fs) return WASI_EXDEV;
  wasi_errno_t error = can_remove(from);
  if (error) return error;
  bool folder = from->inode->type == WASI_FILETYPE_DIRECTORY;
  if (!folder && (from->trailing_slash || to->trailing_slash)) return WASI_ENOTDIR;
  if (folder && path_is_below(to->parent, from->inode)) return WASI_EINVAL;
  if (to->inode) {
    if (to->inode->type == WASI_FILETYPE_DIRECTORY && path_is_below(from->parent, to->inode)) return WASI_ENOTEMPTY;
    if (to->inode == from->inode) return WASI_ESUCCESS;
    error = can_remove(to);
    if (error) return error;
    bool onto_folder = to->inode->type == WASI_FILETYPE_DIRECTORY;
    if (folder && !onto_folder) return WASI_ENOTDIR;
    if (!folder && onto_folder) return WASI_EISDIR;
  }
  return from->parent->ops->rename(from->parent, from->name, from->inode, to->parent, to->name, to->inode);
}

wasi_errno_t wasi_path_rename(struct process *process, uint32_t fd, uint32_t old_path, uint32_t old_path_len,
                              uint32_t new_fd, uint32_t new_path, uint32_t new_path_len) {
  struct path_walk from, to;
  wasi_errno_t error = walk_to(&from, process, fd, WASI_RIGHT_PATH_RENAME_SOURCE, old_path, old_path_len, WALK_NAME, NULL);
  if (error) return error;
  error = walk_to(&to, process, new_fd, WASI_RIGHT_PATH_RENAME_TARGET, new_path, new_path_len, WALK_NAME, NULL);
  if (!error) {
    error = rename_between(&from, &to);
    path_walk_end(&to);
  }
  path_walk_end(&from);
  return error;
}

wasi_errno_t wasi_path_symlink(struct process *process, uint32_t old_path, uint32_t old_path_len, uint32_t fd,
                               uint32_t new_path, uint32_t new_path_len) {
  char target[PATH_LIMIT];
  wasi_errno_t error = path_copy(process, target, old_path, old_path_len);
  if (error) return error;
  struct path_walk walk;
  struct descriptor *directory;
  error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_SYMLINK, new_path, new_path_len, WALK_NAME, &directory);
  if (error) return error;
  /* A link that the sandbox could never follow is refused when it is made. */
  if (target[0] == '/' && !directory->description->climb) error = WASI_EPERM;
  if (!error) error = can_create(&walk, WASI_FILETYPE_SYMBOLIC_LINK);
  if (!error) {
    error = walk.parent->ops->create(walk.parent, walk.name, WASI_FILETYPE_SYMBOLIC_LINK,
                                     (struct name){target, old_path_len}, &walk.inode);
  }
  path_walk_end(&walk);
  return error;
}
