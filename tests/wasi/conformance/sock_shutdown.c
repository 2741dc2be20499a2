/* sock_shutdown on what is no socket. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  i32 file = open_file("f", 0, 0);
  FAILS(ENOTSOCK, sock_shutdown(file, __WASI_SDFLAGS_RD));
  FAILS(ENOTSOCK, sock_shutdown(file, __WASI_SDFLAGS_WR));
  FAILS(ENOTSOCK, sock_shutdown(file, __WASI_SDFLAGS_RD | __WASI_SDFLAGS_WR));
  EITHER(ENOTSOCK, EINVAL, sock_shutdown(file, 0));
  EITHER(ENOTSOCK, EINVAL, sock_shutdown(file, 255));
  EITHER(ENOTSOCK, EBADF, sock_shutdown(dir, __WASI_SDFLAGS_RD));
  FAILS(ENOTSOCK, sock_shutdown(1, __WASI_SDFLAGS_WR));
  FAILS(EBADF, sock_shutdown(closed(), __WASI_SDFLAGS_RD));
  FAILS(EBADF, sock_shutdown(~0u, __WASI_SDFLAGS_RD));
  put(file, "still written");
  TRUE(strcmp(contents("f"), "still written") == 0);
  return done();
}
