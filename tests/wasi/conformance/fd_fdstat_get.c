/* fd_fdstat_get: type, flags and rights of every kind of descriptor. */
#include "check.h"

static __wasi_fdstat_t of(i32 fd) {
  __wasi_fdstat_t stat;
  memset(&stat, 0xAA, sizeof stat);
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  return stat;
}

int main(int argc, char **argv) {
  start(argc, argv);
  SUCCEEDS(fd_fdstat_get(dir, IGNORED));
  EQUAL(of(home).fs_filetype, FOLDER);
  EQUAL(of(dir).fs_filetype, FOLDER);
  EQUAL(of(dir).fs_flags, 0);
  i64 rights = of(home).fs_rights_base;
  TRUE(rights & RIGHT(PATH_OPEN) && rights & RIGHT(FD_READDIR) && rights & RIGHT(PATH_CREATE_FILE));
  TRUE(of(home).fs_rights_inheriting & RIGHT(FD_WRITE));
  TRUE(!(rights & (RIGHT(FD_SEEK) | RIGHT(FD_TELL)))); /* what no folder can do */
  TRUE(!(rights & RIGHT(SOCK_SHUTDOWN)));
  make_file("f", "");
  const i32 flags[] = {0, APPEND, NONBLOCK, APPEND | NONBLOCK};
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    i32 fd = open_file("f", 0, flags[i]);
    EQUAL(of(fd).fs_filetype, FILE_);
    EQUAL(of(fd).fs_flags, flags[i]);
    TRUE(of(fd).fs_rights_base & RIGHT(FD_WRITE) && of(fd).fs_rights_base & RIGHT(FD_READ));
    TRUE(!(of(fd).fs_rights_base & RIGHT(FD_READDIR)));
    fd_close(fd);
  }
  i32 reader = open_to_read("f");
  TRUE(of(reader).fs_rights_base & RIGHT(FD_READ));
  TRUE(!(of(reader).fs_rights_base & RIGHT(FD_WRITE)));
  i32 writer = open_with(dir, "f", 0, RIGHT(FD_WRITE), 0);
  TRUE(!(of(writer).fs_rights_base & RIGHT(FD_READ)));
  TRUE(of(writer).fs_rights_base & RIGHT(FD_WRITE));
  /* Streams cannot seek, and are what they are. */
  for (i32 fd = 0; fd < 3; fd++) {
    SUCCEEDS(fd_fdstat_get(fd, IGNORED));
    TRUE(of(fd).fs_filetype != FOLDER);
    TRUE(!(of(fd).fs_rights_base & RIGHT(FD_READDIR)));
  }
  TRUE(of(1).fs_rights_base & RIGHT(FD_WRITE));
  /* All 24 bytes are written, none behind. */
  uint8_t bytes[25];
  memset(bytes, 0xAA, sizeof bytes);
  must(fd_fdstat_get(dir, AT(bytes)), "fd_fdstat_get");
  EQUAL(bytes[24], 0xAA);
  FAILS(EBADF, fd_fdstat_get(closed(), IGNORED));
  FAILS(EBADF, fd_fdstat_get(~0u, IGNORED));
  FAILS(EFAULT, fd_fdstat_get(dir, NOWHERE));
  FAILS(EFAULT, fd_fdstat_get(dir, last_byte() - 22));
  return done();
}
