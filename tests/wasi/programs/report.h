/* What the programs share: every call is printed with its result, errno by name, so that a difference
 * between two systems shows as a differing line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *errno_name(void) {
  switch (errno) {
    case EACCES: return "EACCES";
    case EBADF: return "EBADF";
    case EEXIST: return "EEXIST";
    case EINVAL: return "EINVAL";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENOENT: return "ENOENT";
    case ENOTDIR: return "ENOTDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case EPERM: return "EPERM";
    case ESPIPE: return "ESPIPE";
    case EXDEV: return "EXDEV";
    default: return strerror(errno);
  }
}

#define REPORT(call)                                              \
  do {                                                            \
    errno = 0;                                                    \
    long result = (long)(call);                                   \
    if (result < 0) printf("%s = %s\n", #call, errno_name());     \
    else printf("%s = %ld\n", #call, result);                     \
  } while (0)
