#include "tree.h"

#include <stdlib.h>

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

wasi_errno_t tree_create(struct path_walk *walk, uint8_t type, struct name target) {
  wasi_errno_t error = can_create(walk, type);
  return error ? error : walk->parent->ops->create(walk->parent, walk->name, type, target, &walk->inode);
}

wasi_errno_t tree_mkdir(struct path_walk *walk) { return tree_create(walk, WASI_FILETYPE_DIRECTORY, no_target); }

wasi_errno_t tree_link(const struct path_walk *from, const struct path_walk *to) {
  wasi_errno_t error = can_create(to, WASI_FILETYPE_REGULAR_FILE);
  if (!error && from->inode->fs != to->parent->fs) error = WASI_EXDEV;
  if (!error && from->inode->type == WASI_FILETYPE_DIRECTORY) error = WASI_EPERM;
  if (!error && !to->parent->ops->link) error = WASI_ENOTSUP;
  return error ? error : to->parent->ops->link(to->parent, to->name, from->inode);
}

wasi_errno_t tree_rename(const struct path_walk *from, const struct path_walk *to) {
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

wasi_errno_t tree_unlink(struct path_walk *walk) {
  if (walk->inode && walk->inode->type == WASI_FILETYPE_DIRECTORY) return WASI_EISDIR;
  if (walk->inode && walk->trailing_slash) return WASI_ENOTDIR;
  wasi_errno_t error = can_remove(walk);
  return error ? error : walk->parent->ops->unlink(walk->parent, walk->name, walk->inode);
}

wasi_errno_t tree_rmdir(struct path_walk *walk) {
  if (!walk->parent) return walk->dot_dot ? WASI_ENOTEMPTY : WASI_EINVAL; /* rmdir(2) */
  wasi_errno_t error = can_remove(walk);
  if (!error && walk->inode->type != WASI_FILETYPE_DIRECTORY) error = WASI_ENOTDIR;
  return error ? error : walk->parent->ops->rmdir(walk->parent, walk->name, walk->inode);
}

wasi_errno_t tree_set_mode(struct inode *inode, uint32_t mode) {
  if (inode->fs->read_only) return WASI_EROFS;
  return inode->ops->set_mode ? inode->ops->set_mode(inode, mode) : WASI_ENOTSUP;
}

/* ---- open ---- */

uint32_t tree_open_flags(uint32_t oflags, bool follow) {
  bool creates = oflags & WASI_OFLAG_CREAT;
  bool follows = follow && !(creates && (oflags & WASI_OFLAG_EXCL));
  return (follows ? WALK_FOLLOW : 0) | (creates ? WALK_NAME : 0);
}

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

static wasi_errno_t open_new(struct path_walk *walk, const struct opening *opening) {
  if (!(opening->oflags & WASI_OFLAG_CREAT)) return WASI_ENOENT;
  if (!opening->may_create) return WASI_ENOTCAPABLE;
  return tree_create(walk, WASI_FILETYPE_REGULAR_FILE, no_target);
}

wasi_errno_t tree_open(struct path_walk *walk, const struct opening *opening, struct description *description) {
  bool creates = opening->oflags & WASI_OFLAG_CREAT;
  wasi_errno_t error = creates && walk->parent && walk->trailing_slash ? WASI_EISDIR : WASI_ESUCCESS;
  if (!error) error = walk->inode ? open_existing(walk, opening) : open_new(walk, opening);
  if (error) {
    free(description);
    return error;
  }
  return description_start(description, inode_hold(walk->inode), opening->access, opening->fdflags,
                           opening->oflags & WASI_OFLAG_TRUNC);
}
