/*
 * tty_line.c: the line discipline: what each key does to the line being typed, to the queue and to the screen.
 *
 * It does byte for byte what Linux's does with the same settings (a test compares), but for characters that take
 * two columns or none, which are rubbed out as they are shown, and for a backspace, which is a second erase
 * key (VERASE2) since terminals in browsers send either.
 */
#include <string.h>

#include "process_signal.h"
#include "tty.h"

void tty_reset(struct tty *tty) {
  tty->mode = (struct termios){
      .c_iflag = ICRNL | IMAXBEL | IUTF8,
      .c_oflag = OPOST | ONLCR,
      .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
      .c_cc = {[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1, [VSUSP] = 26,
               [VREPRINT] = 18, [VWERASE] = 23, [VLNEXT] = 22, [VERASE2] = 8}};
}

/* ---- characters ---- */

/* As xterm.js counts unless it is told otherwise; pairs of first and last. Emoji take one column there. */
static const uint16_t combining[][2] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x0615}, {0x064B, 0x065E}, {0x06D6, 0x06DC},
    {0x1160, 0x11FF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x20D0, 0x20EF}, {0x302A, 0x302F}, {0x3099, 0x309A},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE23}, {0xFEFF, 0xFEFF}};
static const uint16_t wide[][2] = {{0x1100, 0x115F}, {0x2329, 0x232A}, {0x2E80, 0x303E}, {0x3040, 0xA4CF},
                                   {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0xFE10, 0xFE19}, {0xFE30, 0xFE6F},
                                   {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}};

static bool among(uint32_t point, const uint16_t (*ranges)[2], size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (point >= ranges[i][0] && point <= ranges[i][1]) return true;
  }
  return false;
}

uint32_t tty_width(uint32_t point) {
  if (point < combining[0][0]) return 1;
  if (point >= 0x20000) return point <= 0x3FFFD ? 2 : 1;
  if (among(point, combining, sizeof combining / sizeof *combining)) return 0;
  return among(point, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

static bool is_control(uint32_t byte) { return byte < 0x20 || byte == 0x7F; }
static bool continues(uint32_t byte) { return (byte & 0xC0) == 0x80; }

/* A byte inside an escape sequence: 0 when it is the last one. */
static uint8_t escape_after(uint8_t escape, uint8_t byte) {
  switch (escape) {
    case 1: return byte == '[' ? 2 : byte == ']' ? 3 : 0;
    case 2: return byte >= 0x40 && byte < 0x7F ? 0 : 2;
    default: return byte == 7 ? 0 : byte == 0x1B ? 1 : 3;
  }
}

static void cursor_step(struct tty_cursor *cursor, uint8_t byte) {
  if (cursor->escape) {
    cursor->escape = escape_after(cursor->escape, byte);
  } else if (cursor->missing && continues(byte)) {
    cursor->point = cursor->point << 6 | (byte & 0x3F);
    if (--cursor->missing == 0) cursor->column += tty_width(cursor->point);
  } else {
    cursor->missing = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0;
    cursor->point = byte & (0x3F >> cursor->missing);
    if (byte == '\r') cursor->column = 0;
    if (byte == '\b' && cursor->column > 0) cursor->column--;
    if (byte == '\t') cursor->column = (cursor->column | 7) + 1;
    if (byte == 0x1B) cursor->escape = 1;
    if (byte < 0xC0 && !is_control(byte)) cursor->column++;
  }
}

void tty_advance(struct tty_cursor *cursor, const uint8_t *bytes, uint32_t length) {
  /* What stands before the last CR does not matter, and a flood of lines must cost nothing here. */
  uint32_t at = length;
  while (at > 0 && bytes[at - 1] != '\r') at--;
  if (at > 0) *cursor = (struct tty_cursor){0};
  for (; at < length; at++) cursor_step(cursor, bytes[at]);
}

/* ---- the way to the screen ---- */

static bool adds_return(const struct tty *tty) { return (tty->mode.c_oflag & OPOST) && (tty->mode.c_oflag & ONLCR); }

uint32_t tty_cook(const struct tty *tty, const uint8_t *from, uint32_t length, uint8_t *to) {
  if (!adds_return(tty)) {
    memmove(to, from, length);
    return length;
  }
  uint32_t made = 0;
  for (uint32_t i = 0; i < length; i++) {
    uint8_t byte = from[i];
    if (byte == '\n') to[made++] = '\r';
    to[made++] = byte;
  }
  return made;
}

uint32_t tty_uncook(const struct tty *tty, const uint8_t *cooked, uint32_t count, bool *half) {
  *half = adds_return(tty) && cooked[count] == '\n';
  uint32_t added = 0;
  if (adds_return(tty)) {
    for (uint32_t i = 0; i < count; i++) added += cooked[i] == '\n';
  }
  return count - added;
}

static void show(struct tty *tty, uint8_t byte) {
  uint8_t cooked[2];
  uint32_t length = tty_cook(tty, &byte, 1, cooked);
  if (tty->pending_length + length > TTY_PENDING) return; /* who has made its line longer by switching modes */
  memcpy(tty->pending + tty->pending_length, cooked, length);
  tty->pending_length += length;
  tty_advance(&tty->cursor, cooked, length);
}

static bool has(const struct tty *tty, tcflag_t flag) { return tty->mode.c_lflag & flag; }

static void echo(struct tty *tty, uint8_t key) {
  if (has(tty, ECHOCTL) && is_control(key) && key != '\t') {
    show(tty, '^');
    key ^= 0x40;
  }
  show(tty, key);
}

/* ---- the queue ---- */

static uint16_t at(const struct tty *tty, uint32_t i) { return tty->queue[(tty->start + i) % TTY_QUEUE]; }

static void push(struct tty *tty, uint16_t entry) {
  tty->queue[(tty->start + tty->length++) % TTY_QUEUE] = entry;
  if (!has(tty, ICANON) || (entry & TTY_END)) tty->ready = tty->length;
}

void tty_forget_input(struct tty *tty) {
  tty->start = tty->ready = tty->length = 0;
  tty->literal = false;
}

void tty_hang_up(struct tty *tty) {
  tty->hung_up = true;
  tty->ready = tty->length;
}

/* What was typed ahead is kept: lines become bytes, and bytes a line that can be read. */
void tty_change(struct tty *tty, const struct termios *mode) {
  bool switched = (tty->mode.c_lflag ^ mode->c_lflag) & ICANON;
  tty->mode = *mode;
  if (!switched) return;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < tty->length; i++) {
    uint16_t entry = at(tty, i);
    if (!(entry & TTY_EOF)) tty->queue[(tty->start + kept++) % TTY_QUEUE] = entry & 0xFF;
  }
  tty->ready = tty->length = kept;
  tty->literal = false;
  if (kept > 0 && has(tty, ICANON)) tty->queue[(tty->start + kept - 1) % TTY_QUEUE] |= TTY_END;
}

/* ---- erasing ---- */

/* Where the last character before `end` begins, in the line being typed. */
static uint32_t before(const struct tty *tty, uint32_t end) {
  uint32_t begin = end - 1;
  if (!(tty->mode.c_iflag & IUTF8)) return begin;
  while (begin > tty->ready && continues(at(tty, begin))) begin--;
  return begin;
}

/* How many columns the screen shows of entries from `from` to `end`; the first one is in column `column`. */
static uint32_t columns(const struct tty *tty, uint32_t from, uint32_t end, uint32_t column) {
  struct tty_cursor cursor = {.column = column};
  for (uint32_t i = from; i < end; i++) {
    uint8_t byte = (uint8_t)at(tty, i);
    if (!is_control(byte) || byte == '\t') {
      cursor_step(&cursor, byte);
    } else {
      cursor.missing = 0;
      cursor.column += has(tty, ECHOCTL) ? 2 : 0;
    }
  }
  return cursor.column - column;
}

static void rub_out(struct tty *tty, uint32_t from) {
  uint32_t end = tty->length;
  tty->length = from;
  if (!has(tty, ECHO)) return;
  bool tab = at(tty, from) == '\t';
  uint32_t column = tab ? tty->line_column + columns(tty, tty->ready, from, tty->line_column) : 0;
  for (uint32_t count = columns(tty, from, end, column); count > 0; count--) {
    show(tty, '\b');
    if (tab) continue;
    show(tty, ' ');
    show(tty, '\b');
  }
}

static void erase_character(struct tty *tty, uint8_t key) {
  if (tty->length == tty->ready) return;
  uint32_t from = before(tty, tty->length);
  /* Marks go with what they stand on. */
  while (from > tty->ready && columns(tty, from, tty->length, 0) == 0 && at(tty, from) >= 0x80) from = before(tty, from);
  if (has(tty, ECHO) && !has(tty, ECHOE)) {
    tty->length = from;
    echo(tty, key);
  } else {
    rub_out(tty, from);
  }
}

static bool in_word(uint32_t byte) {
  return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static void erase_word(struct tty *tty) {
  for (bool seen = false; tty->length > tty->ready;) {
    uint32_t from = before(tty, tty->length);
    bool word = in_word(at(tty, from));
    if (seen && !word) return;
    seen |= word;
    rub_out(tty, from);
  }
}

static void erase_line(struct tty *tty, uint8_t key) {
  if (has(tty, ECHO) && has(tty, ECHOE) && has(tty, ECHOK) && has(tty, ECHOKE)) {
    while (tty->length > tty->ready) rub_out(tty, before(tty, tty->length));
    return;
  }
  bool typed = tty->length > tty->ready;
  tty->length = tty->ready;
  if (!typed || !has(tty, ECHO)) return;
  echo(tty, key);
  if (has(tty, ECHOK)) show(tty, '\n');
}

static void show_again(struct tty *tty, uint8_t key) {
  echo(tty, key);
  show(tty, '\n');
  tty->line_column = tty->cursor.column;
  for (uint32_t i = tty->ready; i < tty->length; i++) echo(tty, (uint8_t)at(tty, i));
}

/* ---- keys ---- */

static bool is_key(const struct tty *tty, uint8_t key, uint32_t which) { return key && key == tty->mode.c_cc[which]; }

static uint32_t signal_of(const struct tty *tty, uint8_t key) {
  return is_key(tty, key, VINTR) ? SIGNAL_INT : is_key(tty, key, VQUIT) ? SIGNAL_QUIT : 0;
}

/* A character like any other. */
static void insert(struct tty *tty, uint8_t key, uint16_t mark) {
  if (has(tty, ICANON) && !mark && tty->length - tty->ready >= TTY_LINE) {
    if (tty->mode.c_iflag & IMAXBEL) show(tty, 7);
    return;
  }
  if (has(tty, ECHO)) {
    if (tty->length == tty->ready) tty->line_column = tty->cursor.column;
    echo(tty, key);
  }
  push(tty, key | mark);
}

/* What canonical mode makes of a key; false when it is nothing special. */
static bool edit(struct tty *tty, uint8_t key) {
  bool extended = has(tty, IEXTEN);
  if (is_key(tty, key, VERASE) || is_key(tty, key, VERASE2)) {
    erase_character(tty, key);
  } else if (is_key(tty, key, VKILL)) {
    erase_line(tty, key);
  } else if (extended && is_key(tty, key, VWERASE)) {
    erase_word(tty);
  } else if (extended && is_key(tty, key, VLNEXT)) {
    tty->literal = true;
    if (has(tty, ECHO) && has(tty, ECHOCTL)) {
      show(tty, '^');
      show(tty, '\b');
    }
  } else if (extended && has(tty, ECHO) && is_key(tty, key, VREPRINT)) {
    show_again(tty, key);
  } else if (key == '\n') {
    if (has(tty, ECHO) || has(tty, ECHONL)) show(tty, '\n');
    push(tty, '\n' | TTY_END);
  } else if (is_key(tty, key, VEOF)) {
    push(tty, TTY_EOF | TTY_END);
  } else if (is_key(tty, key, VEOL)) {
    insert(tty, key, TTY_END);
  } else {
    return false;
  }
  return true;
}

bool tty_key(struct tty *tty, uint8_t key, uint32_t *signal) {
  *signal = 0;
  if (tty->length == TTY_QUEUE || tty->pending_length > TTY_ECHO_MOST) return false;
  if (tty->literal) {
    tty->literal = false;
    insert(tty, key, 0);
    return true;
  }
  if (has(tty, ISIG)) {
    *signal = signal_of(tty, key);
    if (*signal && !has(tty, NOFLSH)) tty_forget_input(tty);
    if (*signal || is_key(tty, key, VSUSP)) {
      if (has(tty, ECHO)) echo(tty, key);
      return true;
    }
  }
  if (key == '\r') {
    if (tty->mode.c_iflag & IGNCR) return true;
    if (tty->mode.c_iflag & ICRNL) key = '\n';
  } else if (key == '\n' && (tty->mode.c_iflag & INLCR)) {
    key = '\r';
  }
  if (has(tty, ICANON) && edit(tty, key)) return true;
  if (key == '\n' && !has(tty, ICANON)) {
    if (has(tty, ECHO)) show(tty, '\n');
    push(tty, key);
  } else {
    insert(tty, key, 0);
  }
  return true;
}
