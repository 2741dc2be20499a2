/* sock_recv on what is no socket. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  char bytes[8] = "before";
  struct { i32 at, length; } vector = {AT(bytes), sizeof bytes};
  i32 length = 77, flags = 0;
  make_file("f", "contents");
  i32 file = open_file("f", 0, 0);
  FAILS(ENOTSOCK, sock_recv(file, AT(&vector), 1, 0, AT(&length), AT(&flags)));
  FAILS(ENOTSOCK, sock_recv(file, AT(&vector), 1, __WASI_RIFLAGS_RECV_PEEK, AT(&length), AT(&flags)));
  FAILS(ENOTSOCK, sock_recv(file, AT(&vector), 1, __WASI_RIFLAGS_RECV_WAITALL, AT(&length), AT(&flags)));
  EITHER(ENOTSOCK, EBADF, sock_recv(dir, AT(&vector), 1, 0, AT(&length), AT(&flags)));
  FAILS(ENOTSOCK, sock_recv(0, AT(&vector), 1, 0, AT(&length), AT(&flags)));
  FAILS(ENOTSOCK, sock_recv(file, NOWHERE, 1, 0, AT(&length), AT(&flags)));
  FAILS(EBADF, sock_recv(closed(), AT(&vector), 1, 0, AT(&length), AT(&flags)));
  FAILS(EBADF, sock_recv(~0u, AT(&vector), 1, 0, AT(&length), AT(&flags)));
  EQUAL(length, 77);
  TRUE(strcmp(bytes, "before") == 0);
  i64 offset = 9;
  must(fd_tell(file, AT(&offset)), "fd_tell");
  EQUAL(offset, 0);
  return done();
}
