/* sock_accept on what is no socket. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  i32 connection = 77;
  make_file("f", "");
  i32 file = open_file("f", 0, 0);
  FAILS(ENOTSOCK, sock_accept(file, 0, AT(&connection)));
  FAILS(ENOTSOCK, sock_accept(file, NONBLOCK, AT(&connection)));
  EITHER(ENOTSOCK, EBADF, sock_accept(dir, 0, AT(&connection)));
  EITHER(ENOTSOCK, EBADF, sock_accept(home, 0, AT(&connection)));
  FAILS(ENOTSOCK, sock_accept(1, 0, AT(&connection)));
  FAILS(ENOTSOCK, sock_accept(file, 0, NOWHERE));
  FAILS(EBADF, sock_accept(closed(), 0, AT(&connection)));
  FAILS(EBADF, sock_accept(~0u, 0, AT(&connection)));
  FAILS(EBADF, sock_accept(1000000, 0, AT(&connection)));
  EQUAL(connection, 77);
  return done();
}
