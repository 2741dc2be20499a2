/*
 * cc_messages.c: clang's messages as data.
 *
 * The text is clang's own and reaches the user as it is; this reads it. Invariant: reading never fails and passes
 * over what it does not know: source lines, carets, include chains.
 */
#include <stdlib.h>
#include <string.h>

#include "cc_options.h"
#include "cc_run.h"

struct span {
  const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Moves past a literal; false, and nowhere, if it is not there. */
static bool skip(struct span *line, const char *literal) {
  size_t length = strlen(literal);
  if ((size_t)(line->end - line->at) < length || memcmp(line->at, literal, length) != 0) return false;
  line->at += length;
  return true;
}

static void put(struct reply *json, const char *literal) { reply_text(json, literal, (uint32_t)strlen(literal)); }

static void put_byte(struct reply *json, char byte) {
  if (byte == '"' || byte == '\\') {
    reply_text(json, "\\", 1);
  } else if ((unsigned char)byte < 0x20) {
    put(json, "\\u00");
    reply_text(json, &"0123456789abcdef"[byte >> 4 & 15], 1);
    byte = "0123456789abcdef"[byte & 15];
  }
  reply_text(json, &byte, 1);
}

/* A string of JSON; with `escapes`, those of a fix-it are undone: \\, \", \n and octal bytes of UTF-8. */
static void put_string(struct reply *json, struct span text, bool escapes) {
  reply_text(json, "\"", 1);
  while (text.at < text.end) {
    char c = *text.at++;
    if (escapes && c == '\\' && text.at < text.end) {
      int octal = 0, digits = 0;
      while (digits < 3 && text.end - text.at > digits && text.at[digits] >= '0' && text.at[digits] <= '7')
        octal = octal * 8 + text.at[digits++] - '0';
      c = *text.at;
      text.at += digits == 3 ? 3 : 1;
      if (digits == 3) c = (char)octal;
      else if (c == 'n') c = '\n';
      else if (c == 't') c = '\t';
      else if (c == 'r') c = '\r';
    }
    put_byte(json, c);
  }
  reply_text(json, "\"", 1);
}

/* A number as it stands, without zeros in front, which JSON does not know; null if there is none. */
static void put_number(struct reply *json, struct span digits) {
  while (digits.end - digits.at > 1 && *digits.at == '0') digits.at++;
  if (digits.at == digits.end) put(json, "null");
  else reply_text(json, digits.at, (uint32_t)(digits.end - digits.at));
}

static struct span take_number(struct span *line) {
  struct span number = {line->at, line->at};
  while (number.end < line->end && is_digit(*number.end)) number.end++;
  line->at = number.end;
  return number;
}

/* What stands between quotes, up to the closing one, escapes and all. */
static struct span take_quoted(struct span *line) {
  struct span text = {line->at, line->at};
  while (text.end < line->end && *text.end != '"') text.end += *text.end == '\\' && line->end - text.end > 1 ? 2 : 1;
  line->at = text.end;
  return text;
}

/* `fix-it:"main.c":{3:12-3:12}:";"`, of -fdiagnostics-parseable-fixits. */
static bool put_fixit(struct reply *json, struct span line, bool first, bool wanted) {
  static const char *const before[] = {":", "-", ":", "}:\""};
  struct span numbers[4], file, text;
  if (!skip(&line, "fix-it:\"")) return false;
  file = take_quoted(&line);
  bool good = skip(&line, "\":{");
  for (int i = 0; good && i < 4; i++) {
    numbers[i] = take_number(&line);
    good = numbers[i].at < numbers[i].end && skip(&line, before[i]);
  }
  if (!good) return false;
  text = take_quoted(&line);
  if (!skip(&line, "\"") || line.at != line.end) return false;
  if (!wanted) return true;
  static const char *const names[] = {",\"line\":", ",\"column\":", ",\"endLine\":", ",\"endColumn\":"};
  put(json, first ? "{\"file\":" : ",{\"file\":");
  put_string(json, file, true);
  for (int i = 0; i < 4; i++) {
    put(json, names[i]);
    put_number(json, numbers[i]);
  }
  put(json, ",\"text\":");
  put_string(json, text, true);
  put(json, "}");
  return true;
}

/* Where `what:LINE:COLUMN: ` ends before a severity: goes back over a number with a colon behind it, if it is one. */
static struct span number_before(struct span *file) {
  const char *at = file->end;
  while (at > file->at && is_digit(at[-1])) at--;
  struct span number = {at, file->end};
  if (at == file->end || at == file->at || at[-1] != ':') return (struct span){at, at};
  file->end = at - 1;
  return number;
}

/* `main.c:3:5: error: ...`; the location may be missing (`clang: error: ...`) or partial. */
static bool put_message(struct reply *json, struct span line, bool first) {
  static const char *const severities[] = {"fatal error", "error", "warning", "note", "remark"};
  struct span file = {line.at, line.at}, column = file, row = file, option = file;
  const char *severity = NULL;
  for (const char *at = line.at; !severity; at++) {
    if (at == line.end) return false;
    if (at > line.at && !(at - line.at >= 2 && at[-1] == ' ' && at[-2] == ':')) continue;
    for (int i = 0; i < 5 && !severity; i++) {
      struct span rest = {at, line.end};
      if (!skip(&rest, severities[i]) || !skip(&rest, ": ")) continue;
      severity = severities[i];
      if (at > line.at) file.end = at - 2;
      line.at = rest.at;
    }
  }
  column = number_before(&file);
  row = number_before(&file);
  if (row.at == row.end) row = column, column.at = column.end;
  /* The option is in brackets at the end: ` [-Wunused-variable]`. */
  if (line.end > line.at && line.end[-1] == ']') {
    const char *from = line.end - 1;
    while (from > line.at && from[-1] != ']') from--;
    for (; line.end - from > 5; from++) {
      if (memcmp(from, " [-W", 4) != 0) continue;
      option = (struct span){from + 2, line.end - 1};
      line.end = from;
      break;
    }
  }
  char name[8] = "";
  size_t length = (size_t)(file.end - file.at);
  if (length < sizeof name) memcpy(name, file.at, length), name[length] = 0;
  put(json, first ? "{\"file\":" : "]},{\"file\":");
  /* Programs that speak of themselves stand where a file does otherwise. */
  if (length == 0 || cc_one_of(name, "cc c++ clang clang++ ld wasm-ld error")) put(json, "null");
  else put_string(json, file, false);
  put(json, ",\"line\":");
  put_number(json, row);
  put(json, ",\"column\":");
  put_number(json, column);
  put(json, ",\"severity\":\"");
  reply_text(json, severity, (uint32_t)strcspn(severity, " "));
  put(json, "\",\"message\":");
  put_string(json, line, false);
  put(json, ",\"option\":");
  if (option.at == option.end) put(json, "null");
  else put_string(json, option, false);
  put(json, ",\"fixits\":[");
  return true;
}

/* Takes out what terminals read as colour and the like; answers the new end. */
static char *plain(char *at, const char *end) {
  char *to = at;
  for (const char *from = at; from < end;) {
    const char *next = from + 1;
    if (*from == 0x1B && next < end && *next == '[') {
      do next++;
      while (next < end && (is_digit(*next) || *next == ';'));
      if (next < end && (unsigned char)((*next | 32) - 'a') < 26) {
        from = next + 1;
        continue;
      }
    }
    *to++ = *from++;
  }
  return to;
}

void cc_messages(const char *text, uint32_t length, struct reply *json) {
  struct reply copy = {0};
  put(json, "[");
  reply_text(&copy, text, length);
  if (copy.failed) {
    json->failed = true;
    return;
  }
  bool message = false, fixit = false;
  const char *end = copy.bytes ? plain(copy.bytes, copy.bytes + length) : NULL;
  for (const char *at = copy.bytes; at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    struct span line = {at, newline ? newline : end};
    at = newline ? newline + 1 : end;
    if (line.end > line.at && line.end[-1] == '\r') line.end--;
    if (put_fixit(json, line, !fixit, message)) {
      fixit = message;
    } else if (put_message(json, line, !message)) {
      message = true;
      fixit = false;
    }
  }
  free(copy.bytes);
  put(json, message ? "]}]" : "]");
}
