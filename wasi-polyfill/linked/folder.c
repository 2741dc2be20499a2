/*
 * folder.c: the working folder of a guest that includes nidus/process.h: the kernel's, so that children begin in it.
 *
 * The program knows its working folder as the preopen "." and may climb out of it, up to the system's root. proc_chdir
 * makes that descriptor another folder; so every path, relative or absolute, is resolved by the kernel from there.
 * Where folders were given one by one there is none, and paths are found as the C library finds them.
 */
#include "libc.h"

CALL(proc_chdir) int proc_chdir(const char *path, uint32_t length);
CALL(proc_getcwd) int proc_getcwd(char *buffer, uint32_t size, uint32_t *length);
IMPORT("wasi_snapshot_preview1", "fd_prestat_get") int prestat_get(int fd, uint32_t *prestat);
IMPORT("wasi_snapshot_preview1", "fd_prestat_dir_name") int prestat_name(int fd, char *path, uint32_t length);
int __wasilibc_find_abspath(const char *path, const char **prefix, const char **relative);

enum { NOT_LOOKED = 0, NONE = -1, ENOTCAPABLE = 76 };

/* The descriptor of the working folder, or NONE. */
static int working_folder(void) {
  static int found = NOT_LOOKED;
  if (found != NOT_LOOKED) return found;
  uint32_t prestat[2], length;
  char name[1];
  found = NONE;
  if (proc_getcwd(name, 0, &length) == ENOTCAPABLE) return found;
  for (int fd = 3; prestat_get(fd, prestat) == 0; fd++) {
    if (prestat[1] == 1 && prestat_name(fd, name, 1) == 0 && name[0] == '.') found = fd;
  }
  return found;
}

/* Called by the C library for each path, where it is linked. */
WEAK int __wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative, size_t *length,
                                       int can_realloc) {
  (void)length, (void)can_realloc;
  int folder = working_folder();
  if (folder == NONE) return __wasilibc_find_abspath(path, prefix, (const char **)relative);
  *prefix = "";
  *relative = (char *)path;
  return folder;
}

WEAK int nidus_chdir(const char *path) { return answer(proc_chdir(path, (uint32_t)strlen(path))); }

WEAK char *nidus_getcwd(char *buffer, size_t size) {
  enum { PATH_MOST = 4096 };
  char *own = NULL;
  uint32_t length;
  if (!buffer) {
    size = size ? size : PATH_MOST;
    buffer = own = malloc(size);
  }
  int error = !buffer ? ENOMEM : size == 0 ? EINVAL : proc_getcwd(buffer, (uint32_t)size - 1, &length);
  if (!error) {
    buffer[length] = 0;
    return buffer;
  }
  free(own);
  errno = error;
  return NULL;
}
