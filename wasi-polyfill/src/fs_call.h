/*
 * fs_call.h: one call of fs.h: what was asked, and the answer as it grows.
 *
 * Operations take the call, put their answer into its reply and return an errno. An operation of several
 * steps says before each what it is about to do and to which paths (fs_about), so that an error tells what
 * failed and not only what was asked for. A reply for which memory was short is failed, and so is the call.
 */
#ifndef NIDUS_FS_CALL_H
#define NIDUS_FS_CALL_H

#include "fs.h"
#include "tree.h"

struct fs_call {
  struct nidus_system *system;
  struct name path, second; /* as given */
  uint32_t options;         /* as fs.h says */
  double x, y;              /* not a number: not given */
  uint32_t step;            /* of a copy that goes on: how many entries are done, and how much of the next, */
  double copied;            /* not a number: it has not begun */
  uint32_t kind;            /* of the answer */
  struct reply *answer;
  struct reply list;        /* of fs_list_tree */
  const char *syscall;      /* what is being done, to what: for the error. Both names are the call's own */
  const struct name *at, *to;
  struct name joined[2]; /* paths that the call has put together, in the buffers */
  char buffers[2][PATH_LIMIT];
};

/* Names go by address: wasm passes a structure by copying it to the stack. */
static inline void fs_about(struct fs_call *call, const char *syscall, const struct name *at, const struct name *to) {
  call->syscall = syscall;
  call->at = at;
  call->to = to;
}

bool fs_option(const struct fs_call *call, uint32_t option, bool otherwise);

/* Walks; what is there with WALK_NAME may be nothing. On success path_walk_end must follow. */
MUST_CHECK wasi_errno_t fs_walk(const struct fs_call *call, struct path_walk *walk, const struct name *path,
                                uint32_t flags);
/* The type of what is there, without following a link. */
MUST_CHECK wasi_errno_t fs_type(const struct fs_call *call, const struct name *path, uint8_t *type);

/* Mode bits that were given; false when there are none. */
MUST_CHECK bool fs_mode(double given, uint32_t *mode);
/* A new file's mode: the host's folders keep the modes that the host gives. */
MUST_CHECK wasi_errno_t fs_set_new_mode(struct inode *inode, uint32_t mode);

/* Answers bytes of that kind; for what is left to do: nothing. */
wasi_errno_t fs_answer(struct fs_call *call, uint32_t kind, const void *bytes, uint32_t length);

/* ---- fs.c: one step ---- */
/* Runs `change` on the walk to a name. */
MUST_CHECK wasi_errno_t fs_at_name(const struct fs_call *call, const struct name *path,
                                   wasi_errno_t (*change)(struct path_walk *walk));
MUST_CHECK wasi_errno_t fs_make_link(const struct fs_call *call, const struct name *target, const struct name *path);
/* `target` lies in the walk's buffer; the walk is over. */
MUST_CHECK wasi_errno_t fs_read_link(const struct fs_call *call, struct path_walk *walk, const struct name *path,
                                     struct name *target);

/* ---- fs_tree.c: many steps ---- */
wasi_errno_t fs_mkdir(struct fs_call *call);
wasi_errno_t fs_readdir(struct fs_call *call);
wasi_errno_t fs_realpath(struct fs_call *call);
wasi_errno_t fs_rm(struct fs_call *call);
wasi_errno_t fs_cp(struct fs_call *call);

/* ---- fs_file.c: contents ---- */
/* Reads or writes the kernel's own memory at an offset of a file; `done` bytes have been moved when it succeeds. */
MUST_CHECK wasi_errno_t fs_move(struct description *description, struct nidus_system *system, bool writes,
                                uint64_t offset, void *bytes, uint32_t length, uint32_t *done);
wasi_errno_t fs_open(struct fs_call *call);
wasi_errno_t fs_read(struct fs_call *call);
wasi_errno_t fs_write(struct fs_call *call);
wasi_errno_t fs_close(struct fs_call *call);
wasi_errno_t fs_truncate(struct fs_call *call);
wasi_errno_t fs_copy_file(struct fs_call *call);
MUST_CHECK wasi_errno_t fs_copy_contents(struct fs_call *call, const struct name *from, const struct name *to,
                                         bool exclusive);

#endif
