/*
 * wasi_path.c: system calls that take a path.
 */
#include <stdlib.h>

#include "handlers.h"
#include "tree.h"

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

/* The same, following a link at the end if the lookup flags of a call say so. */
static wasi_errno_t look_up(struct path_walk *walk, struct process *process, uint32_t fd, uint64_t rights,
                            uint32_t path, uint32_t path_len, uint32_t lookupflags) {
  if (lookupflags & ~(uint32_t)WASI_LOOKUP_SYMLINK_FOLLOW) return WASI_EINVAL;
  return walk_to(walk, process, fd, rights, path, path_len, lookupflags ? WALK_FOLLOW : 0, NULL);
}

wasi_errno_t wasi_path_create_directory(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len) {
  struct path_walk walk;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_CREATE_DIRECTORY, path, path_len, WALK_NAME, NULL);
  if (error) return error;
  error = tree_mkdir(&walk);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_filestat_get(struct process *process, uint32_t fd, uint32_t flags, uint32_t path,
                                    uint32_t path_len, uint32_t stat_out) {
  struct path_walk walk;
  wasi_errno_t error = look_up(&walk, process, fd, WASI_RIGHT_PATH_FILESTAT_GET, path, path_len, flags);
  if (error) return error;
  error = tree_found(&walk);
  if (!error) error = wasi_filestat_out(process, walk.inode, stat_out);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_filestat_set_times(struct process *process, uint32_t fd, uint32_t flags, uint32_t path,
                                          uint32_t path_len, uint64_t atim, uint64_t mtim, uint32_t fst_flags) {
  struct path_walk walk;
  wasi_errno_t error = look_up(&walk, process, fd, WASI_RIGHT_PATH_FILESTAT_SET_TIMES, path, path_len, flags);
  if (error) return error;
  error = tree_found(&walk);
  if (!error && walk.inode->fs->read_only) error = WASI_EROFS;
  if (!error) error = wasi_chosen_times(walk.inode, &atim, &mtim, fst_flags);
  if (!error) error = walk.inode->ops->set_times(walk.inode, atim, mtim);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_link(struct process *process, uint32_t old_fd, uint32_t old_flags, uint32_t old_path,
                            uint32_t old_path_len, uint32_t new_fd, uint32_t new_path, uint32_t new_path_len) {
  struct path_walk from, to;
  wasi_errno_t error = look_up(&from, process, old_fd, WASI_RIGHT_PATH_LINK_SOURCE, old_path, old_path_len, old_flags);
  if (error) return error;
  error = tree_found(&from);
  if (!error) {
    error = walk_to(&to, process, new_fd, WASI_RIGHT_PATH_LINK_TARGET, new_path, new_path_len, WALK_NAME, NULL);
  }
  if (!error) {
    error = tree_link(&from, &to);
    path_walk_end(&to);
  }
  path_walk_end(&from);
  return error;
}

/* ---- path_open ---- */

static wasi_errno_t check_opening(const struct opening *opening, const struct descriptor *directory,
                                  uint64_t rights_base, uint64_t rights_inheriting, uint32_t fdflags) {
  if ((opening->oflags & ~(uint32_t)WASI_OFLAG_ALL) || (fdflags & ~(uint32_t)WASI_FDFLAG_ALL)) return WASI_EINVAL;
  if ((opening->oflags & WASI_OFLAG_CREAT) && (opening->oflags & WASI_OFLAG_DIRECTORY)) return WASI_EINVAL;
  uint64_t granted = directory->rights_inheriting;
  if ((rights_base & ~granted) || (rights_inheriting & ~granted)) return WASI_ENOTCAPABLE;
  if ((opening->oflags & WASI_OFLAG_TRUNC) && !(directory->rights_base & WASI_RIGHT_PATH_FILESTAT_SET_SIZE)) {
    return WASI_ENOTCAPABLE;
  }
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_path_open(struct process *process, uint32_t fd, uint32_t dirflags, uint32_t path, uint32_t path_len,
                            uint32_t oflags, uint64_t rights_base, uint64_t rights_inheriting, uint32_t fdflags,
                            uint32_t opened_fd_out) {
  struct path_walk walk;
  struct descriptor *directory;
  struct opening opening = {.oflags = oflags, .fdflags = (uint16_t)fdflags};
  if (rights_base & (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_READDIR)) opening.access |= NIDUS_ACCESS_READ;
  if (rights_base & (WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE)) {
    opening.access |= NIDUS_ACCESS_WRITE;
  }
  if (dirflags & ~(uint32_t)WASI_LOOKUP_SYMLINK_FOLLOW) return WASI_EINVAL;
  /* All that may run out is taken first, so that no file is made or emptied by a call that fails. */
  wasi_errno_t error = descriptor_reserve(process);
  if (error) return error;
  uint32_t flags = tree_open_flags(oflags, dirflags & WASI_LOOKUP_SYMLINK_FOLLOW);
  error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_OPEN, path, path_len, flags, &directory);
  if (error) return error;
  opening.may_create = directory->rights_base & WASI_RIGHT_PATH_CREATE_FILE;
  error = check_opening(&opening, directory, rights_base, rights_inheriting, fdflags);
  uint32_t opened;
  if (!error && !guest_read(process, &opened, opened_fd_out, sizeof opened)) error = WASI_EFAULT;
  struct description *description = error ? NULL : description_create();
  if (!error && !description) error = WASI_ENOMEM;
  if (description) {
    description->climb = directory->description->climb;
    error = tree_open(&walk, &opening, description);
  }
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
  error = tree_found(&walk);
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
  error = tree_rmdir(&walk);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_unlink_file(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len) {
  struct path_walk walk;
  wasi_errno_t error = walk_to(&walk, process, fd, WASI_RIGHT_PATH_UNLINK_FILE, path, path_len, WALK_NAME, NULL);
  if (error) return error;
  error = tree_unlink(&walk);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_path_rename(struct process *process, uint32_t fd, uint32_t old_path, uint32_t old_path_len,
                              uint32_t new_fd, uint32_t new_path, uint32_t new_path_len) {
  struct path_walk from, to;
  wasi_errno_t error = walk_to(&from, process, fd, WASI_RIGHT_PATH_RENAME_SOURCE, old_path, old_path_len, WALK_NAME, NULL);
  if (error) return error;
  error = walk_to(&to, process, new_fd, WASI_RIGHT_PATH_RENAME_TARGET, new_path, new_path_len, WALK_NAME, NULL);
  if (!error) {
    error = tree_rename(&from, &to);
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
  if (!error) error = tree_create(&walk, WASI_FILETYPE_SYMBOLIC_LINK, (struct name){target, old_path_len});
  path_walk_end(&walk);
  return error;
}
