/*
 * nidus/tty.h: how a program asks its terminal for raw mode, and for the size of its window.
 *
 * What POSIX has in <termios.h>, with Linux's numbers, for guests of Nidus: `cc` finds it, and the functions are
 * imports of module `nidus_tty`. They answer 0, or -1 with errno: ENOTTY where the descriptor is no terminal of
 * Nidus's kernel. What stands in the structure and is not named here is kept, and does nothing. There is no job
 * control: what VSUSP (^Z) types is echoed and has no effect. The kernel itself includes this for the numbers.
 */
#ifndef NIDUS_TTY_H
#define NIDUS_TTY_H

#include <stdint.h>

/* c_iflag */
#define INLCR 0000100
#define IGNCR 0000200
#define ICRNL 0000400
#define IMAXBEL 0020000 /* a line too long rings the bell */
#define IUTF8 0040000   /* erasing takes whole characters */
/* c_oflag */
#define OPOST 0000001
#define ONLCR 0000004
/* c_lflag */
#define ISIG 0000001
#define ICANON 0000002
#define ECHO 0000010
#define ECHOE 0000020
#define ECHOK 0000040
#define ECHONL 0000100
#define NOFLSH 0000200
#define ECHOCTL 0001000
#define ECHOKE 0004000
#define IEXTEN 0100000

/* c_cc; a character that is 0 is switched off. */
#define VINTR 0
#define VQUIT 1
#define VERASE 2
#define VKILL 3
#define VEOF 4
#define VTIME 5 /* tenths of a second */
#define VMIN 6
#define VSUSP 10
#define VEOL 11
#define VREPRINT 12
#define VWERASE 14
#define VLNEXT 15
#define VERASE2 17 /* a second one: backspace, beside delete */
#define NCCS 20

#define TCSANOW 0
#define TCSADRAIN 1
#define TCSAFLUSH 2

typedef uint32_t tcflag_t;
typedef uint8_t cc_t;

struct termios {
  tcflag_t c_iflag;
  tcflag_t c_oflag;
  tcflag_t c_cflag;
  tcflag_t c_lflag;
  cc_t c_cc[NCCS];
};

struct winsize {
  uint16_t ws_row;
  uint16_t ws_col;
  uint16_t ws_xpixel; /* 0 */
  uint16_t ws_ypixel; /* 0 */
};

static inline void cfmakeraw(struct termios *termios) {
  termios->c_iflag &= ~(tcflag_t)(INLCR | IGNCR | ICRNL);
  termios->c_oflag &= ~(tcflag_t)OPOST;
  termios->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  termios->c_cc[VMIN] = 1;
  termios->c_cc[VTIME] = 0;
}

#ifdef __wasi__
#include <errno.h>

#define NIDUS_TTY_IMPORT(name) __attribute__((__import_module__("nidus_tty"), __import_name__(name)))
NIDUS_TTY_IMPORT("tty_get") int32_t __nidus_tty_get(int32_t fd, struct termios *out);
NIDUS_TTY_IMPORT("tty_set") int32_t __nidus_tty_set(int32_t fd, int32_t when, const struct termios *termios);
NIDUS_TTY_IMPORT("tty_size") int32_t __nidus_tty_size(int32_t fd, struct winsize *out);
NIDUS_TTY_IMPORT("tty_group") int32_t __nidus_tty_group(int32_t fd, int32_t group, int32_t *out);
#undef NIDUS_TTY_IMPORT

static inline int __nidus_tty_result(int32_t error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

static inline int tcgetattr(int fd, struct termios *out) { return __nidus_tty_result(__nidus_tty_get(fd, out)); }

static inline int tcsetattr(int fd, int when, const struct termios *termios) {
  return __nidus_tty_result(__nidus_tty_set(fd, when, termios));
}

/* The process group that ^C goes to. */
static inline int tcgetpgrp(int fd) {
  int32_t group = -1;
  (void)__nidus_tty_result(__nidus_tty_group(fd, 0, &group));
  return group;
}

static inline int tcsetpgrp(int fd, int group) {
  int32_t now;
  return __nidus_tty_result(group > 0 ? __nidus_tty_group(fd, group, &now) : EINVAL);
}

static inline int tcgetwinsize(int fd, struct winsize *out) {
  return __nidus_tty_result(__nidus_tty_size(fd, out));
}
#endif

#endif
