#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *command_name = "sh";

const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* ---- messages ---- */

static void say(const char *format, va_list arguments, const char *reason) {
  fflush(stdout);
  fprintf(stderr, "%s: ", command_name);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, reason ? ": %s\n" : "\n", reason);
}

int complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments, NULL);
  va_end(arguments);
  return 1;
}

/* GNU's words where the C library has others. */
static const char *reason_of(int error) {
  switch (error) {
    case ENOENT: return "No such file or directory";
    case EEXIST: return "File exists";
    case EACCES: return "Permission denied";
    case ENOTDIR: return "Not a directory";
    case EISDIR: return "Is a directory";
    case ENOTEMPTY: return "Directory not empty";
    case EROFS: return "Read-only file system";
    case EPERM: return "Operation not permitted";
    case ELOOP: return "Too many levels of symbolic links";
    default: return strerror(error);
  }
}

int complain_errno(const char *format, ...) {
  const char *reason = reason_of(errno);
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments, reason);
  va_end(arguments);
  return 1;
}

int usage_error(int option) { return option == '?' ? 2 : complain("option requires an argument -- '%c'", option) + 1; }

int close_output(int code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  complain_errno("write error");
  return 1;
}

/* ---- memory and text ---- */

void *need(size_t size) { return need_more(NULL, size); }

void *need_more(void *bytes, size_t size) {
  void *more = realloc(bytes, size ? size : 1);
  if (more) return more;
  complain("memory exhausted");
  exit(2);
}

char *need_copy(const char *text) {
  size_t size = strlen(text) + 1;
  return memcpy(need(size), text, size);
}

void text_add(struct text *text, const char *bytes, size_t length) {
  if (length + 1 > text->capacity - text->length) {
    text->capacity = (text->length + length + 1) * 2;
    text->bytes = need_more(text->bytes, text->capacity);
  }
  if (length) memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = 0;
}

void text_char(struct text *text, char c) { text_add(text, &c, 1); }
void text_string(struct text *text, const char *string) { text_add(text, string, strlen(string)); }

bool read_line(FILE *file, struct text *line) {
  line->length = 0;
  for (int c; (c = getc(file)) != EOF;) {
    text_char(line, (char)c);
    if (c == '\n') break;
  }
  return line->length > 0;
}

/* ---- files ---- */

char *path_of(const char *folder, const char *name) {
  size_t length = strlen(folder), rest = strlen(name) + 1;
  bool slash = length > 0 && folder[length - 1] != '/';
  char *path = need(length + slash + rest);
  memcpy(path, folder, length);
  if (slash) path[length] = '/';
  memcpy(path + length + slash, name, rest);
  return path;
}

FILE *open_input(const char *path) {
  if (strcmp(path, "-") == 0) return stdin;
  struct stat stat_;
  FILE *file = fopen(path, "r");
  if (file && fstat(fileno(file), &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
    fclose(file);
    file = NULL;
    errno = EISDIR;
  }
  if (!file) complain_errno("%s", path);
  return file;
}

void close_input(FILE *file) {
  if (file != stdin) fclose(file);
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int list_folder(const char *path, char ***names) {
  DIR *folder = opendir(path);
  *names = NULL;
  if (!folder) return -1;
  int count = 0, capacity = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (count == capacity) {
      capacity = capacity ? capacity * 2 : 32;
      *names = need_more(*names, (size_t)capacity * sizeof **names);
    }
    (*names)[count++] = need_copy(entry->d_name);
  }
  closedir(folder);
  if (count > 0) qsort(*names, (size_t)count, sizeof **names, compare);
  return count;
}

void free_names(char **names, int count) {
  for (int i = 0; i < count; i++) free(names[i]);
  free(names);
}

void mode_text(uint32_t mode, char text[11]) {
  memcpy(text, "?rwxrwxrwx", 11);
  text[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISCHR(mode) ? 'c' : S_ISSOCK(mode) ? 's' : S_ISREG(mode) ? '-' : 'p';
  /* WASI tells programs the type alone. */
  for (int i = 0; i < 9; i++) {
    if (!(mode & 0777)) text[1 + i] = '?';
    else if (!(mode >> (8 - i) & 1)) text[1 + i] = '-';
  }
}

void human_size(uint64_t bytes, char text[16]) {
  static const char units[] = "KMGTPE";
  if (bytes < 1024) {
    snprintf(text, 16, "%u", (unsigned)bytes);
    return;
  }
  int unit = 0;
  double size = (double)bytes / 1024;
  for (; size >= 1024; unit++) size /= 1024;
  double tenths = (double)(uint64_t)(size * 10);
  if (tenths < size * 10) tenths++; /* GNU rounds up */
  if (tenths < 100) snprintf(text, 16, "%.1f%c", tenths / 10, units[unit]);
  else snprintf(text, 16, "%.0f%c", (double)((uint64_t)size + (size > (double)(uint64_t)size)), units[unit]);
}

/* ---- patterns ---- */

/* The bracket expression at `pattern`, behind its '[': where it ends, or NULL when it is none. */
static const char *bracket(const char *pattern, unsigned char c, bool *found) {
  bool not = *pattern == '!' || *pattern == '^';
  if (not) pattern++;
  *found = false;
  for (bool first = true; *pattern && (first || *pattern != ']'); first = false) {
    static const struct {
      const char *name;
      const char *ranges;
    } classes[] = {{"[:alpha:]", "azAZ"}, {"[:digit:]", "09"}, {"[:alnum:]", "azAZ09"}, {"[:upper:]", "AZ"},
                   {"[:lower:]", "az"},   {"[:space:]", "\t\r  "}, {"[:xdigit:]", "09afAF"}, {"[:punct:]", "!/:@[`{~"}};
    bool named = false;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0] && !named; i++) {
      size_t length = strlen(classes[i].name);
      named = strncmp(pattern, classes[i].name, length) == 0;
      if (!named) continue;
      for (const char *range = classes[i].ranges; *range; range += 2) {
        *found |= c >= (unsigned char)range[0] && c <= (unsigned char)range[1];
      }
      pattern += length;
    }
    if (named) continue;
    if (*pattern == '\\' && pattern[1]) pattern++;
    unsigned char low = (unsigned char)*pattern++, high = low;
    if (*pattern == '-' && pattern[1] && pattern[1] != ']') {
      if (pattern[1] == '\\' && pattern[2]) pattern++;
      high = (unsigned char)pattern[1];
      pattern += 2;
    }
    *found |= c >= low && c <= high;
  }
  if (*pattern != ']') return NULL;
  *found ^= not;
  return pattern + 1;
}

/* How many bytes the character at `text` has. */
static size_t character(const char *text) {
  size_t length = 1;
  while (((unsigned char)*text & 0xC0) == 0xC0 && ((unsigned char)text[length] & 0xC0) == 0x80) length++;
  return length;
}

bool matches(const char *pattern, const char *text) {
  const char *star = NULL, *from = NULL;
  for (;;) {
    bool found = false;
    const char *end;
    if (*pattern == '*') {
      star = ++pattern;
      from = text;
      continue;
    }
    if (!*text && !*pattern) return true;
    size_t step = 1;
    if (*text && *pattern == '?') {
      found = true;
      step = character(text);
      end = pattern + 1;
    } else if (*text && *pattern == '[' && (end = bracket(pattern + 1, (unsigned char)*text, &found))) {
      /* decided */
    } else {
      const char *literal = *pattern == '\\' && pattern[1] ? pattern + 1 : pattern;
      found = *text && *literal == *text;
      end = literal + 1;
    }
    if (found) {
      pattern = end;
      text += step;
      continue;
    }
    if (!star || !*from) return false;
    pattern = star;
    text = from += character(from);
  }
}
