/*
 * text.c: cat wc head tail sort xxd.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* There are no threads: a byte costs less without the look for a lock. */
#undef getc
#undef putchar
#define getc getc_unlocked
#define putchar putchar_unlocked

static int read_failed(const char *path) {
  if (errno == 0) errno = EIO;
  return complain_errno("%s", path);
}

/* ---- cat ---- */

static int cat_plain(const char *path) {
  FILE *file = open_input(path);
  if (!file) return 1;
  char bytes[16384];
  int code = 0;
  fflush(stdout);
  for (ssize_t count; (count = read(fileno(file), bytes, sizeof bytes)) != 0;) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      code = read_failed(path);
      break;
    }
    for (ssize_t at = 0, wrote; at < count; at += wrote) {
      wrote = write(1, bytes + at, (size_t)(count - at));
      if (wrote <= 0) {
        close_input(file);
        return complain_errno("write error");
      }
    }
  }
  close_input(file);
  return code;
}

int cat_main(int argc, char **argv);
int cat_main(int argc, char **argv) {
  bool numbers = false, not_empty = false, ends = false, tabs = false, squeeze = false;
  for (int option; (option = getopt(argc, argv, "AETbensuv")) != -1;) {
    switch (option) {
      case 'n': numbers = true; break;
      case 'b': numbers = not_empty = true; break;
      case 'E':
      case 'e': ends = true; break;
      case 'T': tabs = true; break;
      case 'A': ends = tabs = true; break;
      case 's': squeeze = true; break;
      case 'u':
      case 'v': break;
      default: return 1;
    }
  }
  static char *input[] = {"-", NULL};
  char **paths = optind < argc ? argv + optind : input;
  int code = 0;
  long number = 0;
  bool start = true;
  int empty = 0;
  for (; *paths; paths++) {
    if (!numbers && !ends && !tabs && !squeeze) {
      code |= cat_plain(*paths);
      continue;
    }
    FILE *file = open_input(*paths);
    if (!file) {
      code = 1;
      continue;
    }
    for (int c; (c = getc(file)) != EOF;) {
      empty = start && c == '\n' ? empty + 1 : 0;
      if (squeeze && empty > 1) continue;
      if (start && numbers && !(not_empty && c == '\n')) printf("%6ld\t", ++number);
      if (c == '\n' && ends) putchar('$');
      if (c == '\t' && tabs) fputs("^I", stdout);
      else putchar(c);
      start = c == '\n';
      if (start && empty == 0) empty = 0;
    }
    close_input(file);
  }
  return code;
}

/* ---- wc ---- */

struct counts {
  unsigned long long lines, words, characters, bytes, longest;
};

static void print_counts(const struct counts *counts, const bool wanted[5], int width, const char *name) {
  const unsigned long long values[] = {counts->lines, counts->words, counts->characters, counts->bytes, counts->longest};
  const char *between = "";
  for (int i = 0; i < 5; i++) {
    if (!wanted[i]) continue;
    printf("%s%*llu", between, width, values[i]);
    between = " ";
  }
  printf(name ? " %s\n" : "\n", name);
}

int wc_main(int argc, char **argv);
int wc_main(int argc, char **argv) {
  bool wanted[5] = {false, false, false, false, false}, any = false;
  for (int option; (option = getopt(argc, argv, "lwmcL")) != -1; any = true) {
    const char *letters = "lwmcL", *found = strchr(letters, option);
    if (!found) return 1;
    wanted[found - letters] = true;
  }
  if (!any) wanted[0] = wanted[1] = wanted[3] = true;
  static char *input[] = {"-", NULL};
  bool named = optind < argc;
  char **paths = named ? argv + optind : input;
  int count = named ? argc - optind : 1, code = 0, kinds = 0;
  for (int i = 0; i < 5; i++) kinds += wanted[i];
  struct counts total = {0}, *all = need((size_t)count * sizeof *all);
  bool *there = need((size_t)count), pipes = false;
  for (int i = 0; i < count; i++) {
    FILE *file = open_input(paths[i]);
    there[i] = file != NULL;
    code |= !there[i];
    all[i] = (struct counts){0};
    if (!file) continue;
    pipes |= file == stdin;
    struct counts *counts = &all[i];
    bool in_word = false;
    unsigned long long column = 0;
    for (int c; (c = getc(file)) != EOF;) {
      counts->bytes++;
      bool first = (c & 0xC0) != 0x80;
      counts->characters += first;
      if (c == '\n') {
        counts->lines++;
        column = 0;
      } else if (c == '\t') column = (column / 8 + 1) * 8;
      else column += first;
      if (column > counts->longest) counts->longest = column;
      bool space = isspace(c);
      if (!space && !in_word) counts->words++;
      in_word = !space;
    }
    close_input(file);
    total.lines += counts->lines;
    total.words += counts->words;
    total.characters += counts->characters;
    total.bytes += counts->bytes;
    if (counts->longest > total.longest) total.longest = counts->longest;
  }
  /* GNU's width: that of all bytes together, 7 for what is no file, none for one number. */
  int width = 1;
  for (unsigned long long rest = total.bytes; rest >= 10; rest /= 10) width++;
  if (pipes && width < 7) width = 7;
  if (kinds == 1 && count == 1) width = 1;
  for (int i = 0; i < count; i++) {
    if (there[i]) print_counts(&all[i], wanted, width, named ? paths[i] : NULL);
  }
  if (count > 1) print_counts(&total, wanted, width, "total");
  free(all);
  free(there);
  return code;
}

/* ---- head and tail ---- */

/* A count with K or M behind it; false, and a sentence, when it is none. */
static bool count_of(const char *text, long long *count, const char *what) {
  char *end;
  *count = strtoll(text, &end, 10);
  if (*end == 'k' || *end == 'K') *count *= 1024, end++;
  else if (*end == 'M') *count *= 1024 * 1024, end++;
  if (end != text && !*end) return true;
  complain("invalid number of %s: '%s'", what, text);
  return false;
}

/* head -5 means head -n 5. */
static char **old_count(int *argc, char **argv) {
  if (*argc < 2 || argv[1][0] != '-' || argv[1][1] < '0' || argv[1][1] > '9') return argv;
  char **list = need((size_t)(*argc + 2) * sizeof *list);
  list[0] = argv[0];
  list[1] = "-n";
  list[2] = argv[1] + 1;
  for (int i = 2; i <= *argc; i++) list[i + 1] = argv[i];
  ++*argc;
  return list;
}

struct ends {
  long long count;
  bool bytes, quiet, loud, from_start, all_but;
};

static bool end_options(int *argc, char ***argv, struct ends *ends, const char *letters, bool *follows) {
  *argv = old_count(argc, *argv);
  ends->count = 10;
  for (int option; (option = getopt(*argc, *argv, letters)) != -1;) {
    switch (option) {
      case 'n':
      case 'c':
        ends->bytes = option == 'c';
        ends->from_start = *optarg == '+';
        ends->all_but = *optarg == '-';
        if (!count_of(optarg + (ends->from_start || ends->all_but), &ends->count, ends->bytes ? "bytes" : "lines")) return false;
        break;
      case 'q': ends->quiet = true; break;
      case 'v': ends->loud = true; break;
      case 'f': *follows = true; break;
      default: return false;
    }
  }
  return true;
}

/* All that is in the file; its length. */
static struct text whole(FILE *file) {
  struct text text = {0};
  text_add(&text, "", 0);
  char bytes[16384];
  for (size_t count; (count = fread(bytes, 1, sizeof bytes, file)) > 0;) text_add(&text, bytes, count);
  return text;
}

/* Where the last `count` lines or bytes begin. */
static size_t last_part(const struct text *text, const struct ends *ends) {
  size_t at = text->length;
  if (ends->bytes) return ends->count < (long long)at ? at - (size_t)ends->count : 0;
  if (ends->count == 0) return at;
  if (at > 0 && text->bytes[at - 1] == '\n') at--;
  for (long long lines = ends->count; at > 0; at--) {
    if (text->bytes[at - 1] == '\n' && --lines == 0) break;
  }
  return at;
}

static void head_of(FILE *file, const struct ends *ends) {
  if (ends->all_but) {
    struct text text = whole(file);
    fwrite(text.bytes, 1, last_part(&text, ends), stdout);
    free(text.bytes);
    return;
  }
  long long left = ends->count;
  for (int c; left > 0 && (c = getc(file)) != EOF;) {
    putchar(c);
    if (ends->bytes || c == '\n') left--;
  }
}

static void tail_of(FILE *file, const struct ends *ends) {
  if (ends->from_start) {
    long long skip = ends->count - 1;
    for (int c; (c = getc(file)) != EOF;) {
      if (skip <= 0) putchar(c);
      else if (ends->bytes || c == '\n') skip--;
    }
    return;
  }
  struct text text = whole(file);
  size_t at = last_part(&text, ends);
  fwrite(text.bytes + at, 1, text.length - at, stdout);
  free(text.bytes);
}

static int each_end(int argc, char **argv, const struct ends *ends, void (*run)(FILE *, const struct ends *)) {
  static char *input[] = {"-", NULL};
  int count = argc - optind, code = 0;
  char **paths = count > 0 ? argv + optind : input;
  bool titles = (count > 1 || ends->loud) && !ends->quiet;
  for (int i = 0; paths[i]; i++) {
    FILE *file = strcmp(paths[i], "-") == 0 ? stdin : fopen(paths[i], "r");
    if (!file) {
      complain_errno("cannot open '%s' for reading", paths[i]);
      code = 1;
      continue;
    }
    if (titles) printf("%s==> %s <==\n", i > 0 ? "\n" : "", file == stdin ? "standard input" : paths[i]);
    run(file, ends);
    if (ferror(file)) code = read_failed(paths[i]);
    close_input(file);
  }
  return code;
}

int head_main(int argc, char **argv);
int head_main(int argc, char **argv) {
  struct ends ends = {0};
  bool none;
  if (!end_options(&argc, &argv, &ends, "n:c:qv", &none)) return 1;
  return each_end(argc, argv, &ends, head_of);
}

int tail_main(int argc, char **argv);
int tail_main(int argc, char **argv) {
  struct ends ends = {0};
  bool follows = false;
  if (!end_options(&argc, &argv, &ends, "n:c:qvf", &follows)) return 1;
  int code = each_end(argc, argv, &ends, tail_of);
  FILE *file = follows && argc == optind + 1 ? fopen(argv[optind], "r") : NULL;
  if (!file) return code;
  fseek(file, 0, SEEK_END);
  for (;;) {
    for (int c; (c = getc(file)) != EOF;) putchar(c);
    fflush(stdout);
    clearerr(file);
    usleep(200000);
  }
}

/* ---- sort ---- */

static struct {
  bool reverse, numeric, fold, unique, blanks, stable;
  int from, to; /* fields, from 1; 0: none */
  char separator;
} sorting;

/* The part of a line that is compared. */
static const char *key_of(const char *line, size_t *length) {
  const char *at = line;
  *length = strlen(line);
  if (sorting.from > 0) {
    const char *end = line;
    int field = 1;
    const char *start = NULL;
    while (*end || field <= sorting.from) {
      if (field == sorting.from && !start) start = end;
      if (sorting.separator) {
        while (*end && *end != sorting.separator) end++;
      } else {
        while (isblank((unsigned char)*end)) end++;
        while (*end && !isblank((unsigned char)*end)) end++;
      }
      if (sorting.to && field == sorting.to) break;
      if (!*end) break;
      if (sorting.separator) end++;
      field++;
    }
    at = start ? start : line + strlen(line);
    *length = start ? (size_t)((sorting.to ? end : line + strlen(line)) - start) : 0;
  }
  while (sorting.blanks && *length > 0 && isblank((unsigned char)*at)) at++, --*length;
  return at;
}

static int compare_keys(const char *a, const char *b) {
  size_t a_length, b_length;
  const char *x = key_of(a, &a_length), *y = key_of(b, &b_length);
  if (sorting.numeric) {
    double one = strtod(x, NULL), other = strtod(y, NULL);
    return one < other ? -1 : one > other;
  }
  for (size_t i = 0; i < a_length && i < b_length; i++) {
    int one = (unsigned char)x[i], other = (unsigned char)y[i];
    if (sorting.fold) one = toupper(one), other = toupper(other);
    if (one != other) return one < other ? -1 : 1;
  }
  return a_length < b_length ? -1 : a_length > b_length;
}

static int compare_lines(const void *a, const void *b) {
  const char *one = *(char *const *)a, *other = *(char *const *)b;
  int order = compare_keys(one, other);
  if (order == 0 && !sorting.unique && !sorting.stable) order = strcmp(one, other);
  return sorting.reverse ? -order : order;
}

/* As merge sort, which keeps the order of equal lines. */
static void sort_lines(char **lines, size_t count, char **room) {
  for (size_t run = 1; run < count; run *= 2) {
    for (size_t from = 0; from < count; from += 2 * run) {
      size_t middle = from + run < count ? from + run : count, end = middle + run < count ? middle + run : count;
      size_t a = from, b = middle, to = from;
      while (a < middle && b < end) room[to++] = compare_lines(&lines[b], &lines[a]) < 0 ? lines[b++] : lines[a++];
      while (a < middle) room[to++] = lines[a++];
      while (b < end) room[to++] = lines[b++];
    }
    memcpy(lines, room, count * sizeof *lines);
  }
}

int sort_main(int argc, char **argv);
int sort_main(int argc, char **argv) {
  const char *output = NULL;
  for (int option; (option = getopt(argc, argv, "rnfubst:k:o:")) != -1;) {
    switch (option) {
      case 'r': sorting.reverse = true; break;
      case 'n': sorting.numeric = true; break;
      case 'f': sorting.fold = true; break;
      case 'u': sorting.unique = true; break;
      case 'b': sorting.blanks = true; break;
      case 's': sorting.stable = true; break;
      case 't': sorting.separator = *optarg; break;
      case 'o': output = optarg; break;
      case 'k': {
        char *end;
        sorting.from = (int)strtol(optarg, &end, 10);
        sorting.to = 0;
        for (;; end++) {
          if (*end == 'n') sorting.numeric = true;
          else if (*end == 'r') sorting.reverse = true;
          else if (*end == 'f') sorting.fold = true;
          else if (*end == 'b') sorting.blanks = true;
          else if (*end == ',') {
            sorting.to = (int)strtol(end + 1, &end, 10);
            end--;
          } else break;
        }
        if (sorting.from < 1 || *end) return complain("invalid key '%s'", optarg) + 1;
        break;
      }
      default: return 2;
    }
  }
  static char *input[] = {"-", NULL};
  char **lines = NULL;
  size_t count = 0, capacity = 0;
  for (char **path = optind < argc ? argv + optind : input; *path; path++) {
    FILE *file = strcmp(*path, "-") == 0 ? stdin : fopen(*path, "r");
    if (!file) {
      complain_errno("cannot read: %s", *path);
      return 2;
    }
    struct text line = {0};
    while (read_line(file, &line)) {
      if (line.bytes[line.length - 1] == '\n') line.bytes[line.length - 1] = 0;
      if (count == capacity) {
        capacity = capacity ? capacity * 2 : 256;
        lines = need_more(lines, capacity * sizeof *lines);
      }
      lines[count++] = need_copy(line.bytes);
    }
    free(line.bytes);
    close_input(file);
  }
  if (output && !freopen(output, "w", stdout)) return complain_errno("open failed: %s", output) + 1;
  char **room = need(count * sizeof *room);
  sort_lines(lines, count, room);
  for (size_t i = 0; i < count; i++) {
    if (!sorting.unique || i == 0 || compare_keys(lines[i - 1], lines[i]) != 0) puts(lines[i]);
  }
  return 0;
}

/* ---- xxd ---- */

int xxd_main(int argc, char **argv);
int xxd_main(int argc, char **argv) {
  bool plain = false, reverse = false, upper = false;
  long long most = -1, skip = 0;
  int columns = 0, group = 2;
  for (int option; (option = getopt(argc, argv, "pruc:g:l:s:")) != -1;) {
    switch (option) {
      case 'p': plain = true; break;
      case 'r': reverse = true; break;
      case 'u': upper = true; break;
      case 'c': columns = atoi(optarg); break;
      case 'g': group = atoi(optarg); break;
      case 'l': most = strtoll(optarg, NULL, 0); break;
      case 's': skip = strtoll(optarg, NULL, 0); break;
      default: return 1;
    }
  }
  if (columns <= 0) columns = plain ? 30 : 16;
  if (columns > 256) return complain("invalid number of columns (max. 256).");
  if (group <= 0) group = columns;
  FILE *file = open_input(optind < argc ? argv[optind] : "-");
  if (!file) return 2;
  if (reverse) {
    struct text line = {0};
    while (read_line(file, &line)) {
      const char *at = plain ? line.bytes : strchr(line.bytes, ':');
      if (!at) continue;
      at += !plain;
      for (int digits = 0, value = 0; *at && *at != '\n'; at++) {
        if (!plain && at[0] == ' ' && at[1] == ' ') break;
        if (!isxdigit((unsigned char)*at)) continue;
        value = value * 16 + (isdigit((unsigned char)*at) ? *at - '0' : tolower((unsigned char)*at) - 'a' + 10);
        if (++digits == 2) {
          putchar(value);
          digits = value = 0;
        }
      }
    }
    free(line.bytes);
    close_input(file);
    return 0;
  }
  for (long long left = skip; left > 0 && getc(file) != EOF;) left--;
  unsigned char bytes[256];
  for (unsigned long long offset = (unsigned long long)skip;;) {
    size_t want = most >= 0 && most < columns ? (size_t)most : (size_t)columns, count = fread(bytes, 1, want, file);
    if (count == 0) break;
    if (most >= 0) most -= (long long)count;
    if (!plain) printf("%08llx: ", offset);
    for (int i = 0; i < columns; i++) {
      if ((size_t)i < count) printf(upper ? "%02X" : "%02x", bytes[i]);
      else if (!plain) fputs("  ", stdout);
      if (!plain && (i % group == group - 1 || i == columns - 1)) putchar(' ');
    }
    if (!plain) {
      putchar(' ');
      for (size_t i = 0; i < count; i++) putchar(bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '.');
    }
    putchar('\n');
    offset += count;
  }
  close_input(file);
  return 0;
}
