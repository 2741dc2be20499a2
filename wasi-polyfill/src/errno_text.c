/*
 * errno_text.c: what each errno is called and means, in node's words where node has some: the beginning of
 * every error message of the host library.
 *
 * Invariant: the n-th line, from 0, is about the errno n.
 */
#include <nidus/kernel.h>

#define ERRNOS(LINE)                                                  \
  LINE(ESUCCESS, "success")                                           \
  LINE(E2BIG, "argument list too long")                               \
  LINE(EACCES, "permission denied")                                   \
  LINE(EADDRINUSE, "address already in use")                          \
  LINE(EADDRNOTAVAIL, "address not available")                        \
  LINE(EAFNOSUPPORT, "address family not supported")                  \
  LINE(EAGAIN, "resource temporarily unavailable")                    \
  LINE(EALREADY, "connection already in progress")                    \
  LINE(EBADF, "bad file descriptor")                                  \
  LINE(EBADMSG, "bad message")                                        \
  LINE(EBUSY, "resource busy or locked")                              \
  LINE(ECANCELED, "operation canceled")                               \
  LINE(ECHILD, "no child processes")                                  \
  LINE(ECONNABORTED, "software caused connection abort")              \
  LINE(ECONNREFUSED, "connection refused")                            \
  LINE(ECONNRESET, "connection reset by peer")                        \
  LINE(EDEADLK, "resource deadlock would occur")                      \
  LINE(EDESTADDRREQ, "destination address required")                  \
  LINE(EDOM, "argument out of domain")                                \
  LINE(EDQUOT, "disk quota exceeded")                                 \
  LINE(EEXIST, "file already exists")                                 \
  LINE(EFAULT, "bad address in system call argument")                 \
  LINE(EFBIG, "file too large")                                       \
  LINE(EHOSTUNREACH, "host is unreachable")                           \
  LINE(EIDRM, "identifier removed")                                   \
  LINE(EILSEQ, "illegal byte sequence")                               \
  LINE(EINPROGRESS, "operation in progress")                          \
  LINE(EINTR, "interrupted system call")                              \
  LINE(EINVAL, "invalid argument")                                    \
  LINE(EIO, "i/o error")                                              \
  LINE(EISCONN, "socket is already connected")                        \
  LINE(EISDIR, "illegal operation on a directory")                    \
  LINE(ELOOP, "too many symbolic links encountered")                  \
  LINE(EMFILE, "too many open files")                                 \
  LINE(EMLINK, "too many links")                                      \
  LINE(EMSGSIZE, "message too long")                                  \
  LINE(EMULTIHOP, "multihop attempted")                               \
  LINE(ENAMETOOLONG, "name too long")                                 \
  LINE(ENETDOWN, "network is down")                                   \
  LINE(ENETRESET, "connection aborted by network")                    \
  LINE(ENETUNREACH, "network is unreachable")                         \
  LINE(ENFILE, "file table overflow")                                 \
  LINE(ENOBUFS, "no buffer space available")                          \
  LINE(ENODEV, "no such device")                                      \
  LINE(ENOENT, "no such file or directory")                           \
  LINE(ENOEXEC, "exec format error")                                  \
  LINE(ENOLCK, "no locks available")                                  \
  LINE(ENOLINK, "link has been severed")                              \
  LINE(ENOMEM, "not enough memory")                                   \
  LINE(ENOMSG, "no message of the desired type")                      \
  LINE(ENOPROTOOPT, "protocol not available")                         \
  LINE(ENOSPC, "no space left on device")                             \
  LINE(ENOSYS, "function not implemented")                            \
  LINE(ENOTCONN, "socket is not connected")                           \
  LINE(ENOTDIR, "not a directory")                                    \
  LINE(ENOTEMPTY, "directory not empty")                              \
  LINE(ENOTRECOVERABLE, "state not recoverable")                      \
  LINE(ENOTSOCK, "socket operation on non-socket")                    \
  LINE(ENOTSUP, "operation not supported")                            \
  LINE(ENOTTY, "inappropriate ioctl for device")                      \
  LINE(ENXIO, "no such device or address")                            \
  LINE(EOVERFLOW, "value too large for defined data type")            \
  LINE(EOWNERDEAD, "previous owner died")                             \
  LINE(EPERM, "operation not permitted")                              \
  LINE(EPIPE, "broken pipe")                                          \
  LINE(EPROTO, "protocol error")                                      \
  LINE(EPROTONOSUPPORT, "protocol not supported")                     \
  LINE(EPROTOTYPE, "protocol wrong type for socket")                  \
  LINE(ERANGE, "result too large")                                    \
  LINE(EROFS, "read-only file system")                                \
  LINE(ESPIPE, "invalid seek")                                        \
  LINE(ESRCH, "no such process")                                      \
  LINE(ESTALE, "stale file handle")                                   \
  LINE(ETIMEDOUT, "connection timed out")                             \
  LINE(ETXTBSY, "text file is busy")                                  \
  LINE(EXDEV, "cross-device link not permitted")                      \
  LINE(ENOTCAPABLE, "outside of what the descriptor gives access to")

#define POSITION(name, meaning) POSITION_##name,
enum { ERRNOS(POSITION) ERRNO_COUNT };
#define IN_ITS_PLACE(name, meaning) _Static_assert(POSITION_##name == (int)WASI_##name, #name);
ERRNOS(IN_ITS_PLACE)
_Static_assert(ERRNO_COUNT == WASI_ENOTCAPABLE + 1, "an errno has no text");

#define TEXT(name, meaning) #name ": " meaning "\n"
static const char texts[] = ERRNOS(TEXT);

const char *nidus_errno_texts(uint32_t *length) {
  *length = sizeof texts - 1;
  return texts;
}
