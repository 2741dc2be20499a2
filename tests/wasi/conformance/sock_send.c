/* sock_send on what is no socket. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  struct { i32 at, length; } vector = {PATH("sent")};
  i32 length = 77;
  make_file("f", "contents");
  i32 file = open_file("f", 0, 0);
  FAILS(ENOTSOCK, sock_send(file, AT(&vector), 1, 0, AT(&length)));
  FAILS(ENOTSOCK, sock_send(file, AT(&vector), 1, 1, AT(&length)));
  EITHER(ENOTSOCK, EBADF, sock_send(dir, AT(&vector), 1, 0, AT(&length)));
  FAILS(ENOTSOCK, sock_send(1, AT(&vector), 1, 0, AT(&length)));
  FAILS(ENOTSOCK, sock_send(file, NOWHERE, 1, 0, AT(&length)));
  FAILS(EBADF, sock_send(closed(), AT(&vector), 1, 0, AT(&length)));
  FAILS(EBADF, sock_send(~0u, AT(&vector), 1, 0, AT(&length)));
  EQUAL(length, 77);
  TRUE(strcmp(contents("f"), "contents") == 0);
  return done();
}
