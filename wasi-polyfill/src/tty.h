/*
 * tty.h: terminals: what stands between the keys and the screen of a terminal and the processes at it.
 *
 *     terminal of the host                  kernel                                  processes
 *     (xterm.js, a test)
 *                     stream_read  ┌──────────────────────────────────┐  fd_read
 *       keys  ───────────────────▶ │ typed ──▶ discipline ──▶ queue   │ ──────────▶  stdin
 *                                  │             │    └─▶ signal to   │
 *                                  │           echo       foreground  │
 *                     stream_write │             ▼                    │  fd_write
 *       screen ◀────────────────── │ ◀──────── pending ◀── NL → CR NL │ ◀──────────  stdout, stderr
 *                                  └──────────────────────────────────┘
 *
 * tty_line.c is the discipline: what a key does to the queue and the screen; it calls nobody. tty.c is the device:
 * it moves bytes between the host's stream, the two buffers and guests.
 *
 * Both directions press back. Keys are taken from the stream while there is room for them in the queue (and for
 * their echo in `pending`), so a long text that is pasted waits at the host until it is read; only a single line
 * longer than TTY_LINE bytes loses what is beyond, and the bell tells. A process that writes blocks while the
 * host takes nothing.
 *
 * Invariants: ready <= length <= TTY_QUEUE; in canonical mode the `ready` entries are whole lines, of which the last
 * entry has TTY_END, and what follows them is the line being typed; in raw mode all entries are ready and none
 * has a mark. `pending` holds screen bytes, all of which come before those of any later write.
 */
#ifndef NIDUS_TTY_DEVICE_H
#define NIDUS_TTY_DEVICE_H

#include "nidus/tty.h"
#include "system.h"

enum {
  TTY_QUEUE = 8192,
  TTY_LINE = 4095,      /* bytes of one line at most: POSIX's MAX_CANON */
  TTY_PENDING = 16384,  /* room for rubbing out a whole line, three bytes a column */
  TTY_ECHO_MOST = 2048, /* keys are not taken while more echo than this waits for the host */
  TTY_TYPED = 256
};

/* Marks of an entry of the queue: a line ends with it; it is an end of file, and no byte. */
enum { TTY_END = 0x100, TTY_EOF = 0x200 };

/* Where on the screen the next byte goes, as far as erasing tabs needs it. */
struct tty_cursor {
  uint32_t column;
  uint32_t point;  /* of a character that has come in part */
  uint8_t missing; /* bytes of it */
  uint8_t escape;  /* inside an escape sequence: 1 after ESC, 2 in CSI, 3 in OSC */
};

struct tty {
  struct inode base;
  struct tty *next; /* of the system's */
  uint32_t stream;  /* of the host, which both names it and is its other end */
  uint32_t foreground; /* the process group that signals go to */
  uint32_t told;       /* the state that the host was told last */
  struct termios mode;
  struct winsize size;
  bool hung_up; /* no key will follow */
  bool closed;  /* the host has no use for the stream any more */
  bool waited;  /* a process waits to read */
  bool literal; /* the next key is not special */
  uint64_t typed_at; /* when the last key came, monotonic */
  struct tty_cursor cursor;
  uint32_t line_column; /* where the line being typed begins */
  uint32_t start, ready, length; /* of the queue */
  uint32_t typed_next, typed_length;
  uint32_t pending_length;
  uint16_t queue[TTY_QUEUE];
  uint8_t typed[TTY_TYPED];
  uint8_t pending[TTY_PENDING];
};

/* ---- the discipline ---- */

void tty_reset(struct tty *tty);
/* What one key does. False when there is no room now: then nothing has changed. `*signal` is one to be sent, or 0. */
MUST_CHECK bool tty_key(struct tty *tty, uint8_t key, uint32_t *signal);
/* No key will follow: what was typed of a line can be read. */
void tty_hang_up(struct tty *tty);
void tty_change(struct tty *tty, const struct termios *mode);
void tty_forget_input(struct tty *tty);
/* What a process writes, as the screen gets it, at most twice as long; `to` may be `length` bytes before `from`. */
uint32_t tty_cook(const struct tty *tty, const uint8_t *from, uint32_t length, uint8_t *to);
/* How much has been written when the screen took `count` of those bytes, and not the one after them. With `*half` it
 * has of the last one only the CR. */
uint32_t tty_uncook(const struct tty *tty, const uint8_t *cooked, uint32_t count, bool *half);
/* These bytes go to the screen. */
void tty_advance(struct tty_cursor *cursor, const uint8_t *bytes, uint32_t length);
/* Columns that a character takes: 0 for those that combine with the one before, 2 for wide ones. */
uint32_t tty_width(uint32_t point);

#endif
