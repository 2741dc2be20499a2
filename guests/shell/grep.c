/*
 * grep.c: grep, with the C library's regular expressions.
 */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

static struct {
  regex_t *patterns;
  int pattern_count;
  bool invert, numbers, counts, names, no_names, only, quiet, silent, whole_line, whole_word, fixed, with_names;
  long before, after, most;
  int code; /* 0: something was found, 1: nothing, 2: an error */
} grep;

static void add_pattern(const char *text, int flags) {
  /* Each line is a pattern of its own. */
  for (;;) {
    size_t length = strcspn(text, "\n");
    struct text pattern = {0};
    text_add(&pattern, "", 0);
    if (grep.whole_line) text_string(&pattern, flags & REG_EXTENDED ? "^(" : "^\\(");
    for (size_t i = 0; i < length; i++) {
      if (grep.fixed && strchr("\\.[]*^$+?(){}|", text[i]) && (flags & REG_EXTENDED)) text_char(&pattern, '\\');
      text_char(&pattern, text[i]);
    }
    if (grep.whole_line) text_string(&pattern, flags & REG_EXTENDED ? ")$" : "\\)$");
    grep.patterns = need_more(grep.patterns, (size_t)(grep.pattern_count + 1) * sizeof *grep.patterns);
    int error = regcomp(&grep.patterns[grep.pattern_count], pattern.bytes, flags);
    if (error) {
      char why[120];
      regerror(error, &grep.patterns[grep.pattern_count], why, sizeof why);
      complain("%s: %s", text, why);
      exit(2);
    }
    grep.pattern_count++;
    free(pattern.bytes);
    text += length;
    if (!*text++) return;
  }
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The first match from `at` on. */
static bool find(const char *line, size_t at, regmatch_t *match) {
  bool found = false;
  for (int i = 0; i < grep.pattern_count; i++) {
    size_t from = at;
    regmatch_t here;
    while (regexec(&grep.patterns[i], line + from, 1, &here, from > 0 ? REG_NOTBOL : 0) == 0) {
      size_t start = from + (size_t)here.rm_so, end = from + (size_t)here.rm_eo;
      if (grep.whole_word && ((start > 0 && is_word(line[start - 1])) || is_word(line[end]))) {
        from = start + 1;
        if (!line[start]) break;
        continue;
      }
      if (!found || (regoff_t)start < match->rm_so || ((regoff_t)start == match->rm_so && (regoff_t)end > match->rm_eo)) {
        *match = (regmatch_t){(regoff_t)start, (regoff_t)end};
      }
      found = true;
      break;
    }
  }
  return found;
}

static void put_start(const char *name, long number, char mark) {
  if (grep.with_names) printf("%s%c", name, mark);
  if (grep.numbers) printf("%ld%c", number, mark);
}

static void search_file(FILE *file, const char *name) {
  struct text line = {0};
  char **kept = grep.before > 0 ? need((size_t)grep.before * sizeof *kept) : NULL;
  long kept_count = 0, number = 0, count = 0, after = 0, printed = 0;
  while (read_line(file, &line)) {
    number++;
    if (line.bytes[line.length - 1] == '\n') line.bytes[--line.length] = 0;
    regmatch_t match;
    bool hit = find(line.bytes, 0, &match) != grep.invert;
    if (hit) {
      count++;
      if (grep.code == 1) grep.code = 0;
      if (grep.quiet) break;
      if (!grep.counts && !grep.names && !grep.no_names) {
        if ((grep.before || grep.after) && printed && printed < number - kept_count - 1) puts("--");
        for (long i = 0; i < kept_count; i++) {
          put_start(name, number - kept_count + i, '-');
          puts(kept[i]);
        }
        if (grep.only && !grep.invert) {
          for (size_t at = 0; find(line.bytes, at, &match);) {
            if (match.rm_eo > match.rm_so) {
              put_start(name, number, ':');
              printf("%.*s\n", (int)(match.rm_eo - match.rm_so), line.bytes + match.rm_so);
            }
            at = (size_t)match.rm_eo + (match.rm_eo == match.rm_so);
            if (at >= line.length) break;
          }
        } else if (!grep.only) {
          put_start(name, number, ':');
          puts(line.bytes);
        }
        printed = number;
      }
      for (long i = 0; i < kept_count; i++) free(kept[i]);
      kept_count = 0;
      after = grep.after;
      if (grep.names || grep.no_names || (grep.most >= 0 && count >= grep.most)) break;
    } else if (after > 0 && !grep.counts) {
      after--;
      put_start(name, number, '-');
      puts(line.bytes);
      printed = number;
    } else if (grep.before > 0) {
      if (kept_count == grep.before) {
        free(kept[0]);
        memmove(kept, kept + 1, (size_t)--kept_count * sizeof *kept);
      }
      kept[kept_count++] = need_copy(line.bytes);
    }
  }
  for (long i = 0; i < kept_count; i++) free(kept[i]);
  free(kept);
  free(line.bytes);
  if (grep.quiet) return;
  if (grep.counts) {
    if (grep.with_names) printf("%s:", name);
    printf("%ld\n", count);
  }
  if (grep.names ? count > 0 : grep.no_names && count == 0) puts(name);
}

/* `unnamed`: the working folder, which was not asked for by name. */
static void search(const char *path, bool recursive, bool unnamed, int depth) {
  struct stat stat_;
  bool standard = strcmp(path, "-") == 0;
  if (!standard && stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
    if (!recursive) {
      if (!grep.silent) fprintf(stderr, "grep: %s: Is a directory\n", path);
      grep.code = 2;
      return;
    }
    char **names;
    int count = depth < 256 ? list_folder(path, &names) : 0;
    for (int i = 0; i < count; i++) {
      char *inner = unnamed ? need_copy(names[i]) : path_of(path, names[i]);
      search(inner, true, false, depth + 1);
      free(inner);
    }
    if (count > 0) free_names(names, count);
    return;
  }
  FILE *file = standard ? stdin : fopen(path, "r");
  if (!file) {
    if (!grep.silent) complain_errno("%s", path);
    grep.code = 2;
    return;
  }
  search_file(file, standard ? "(standard input)" : path);
  close_input(file);
}

int grep_main(int argc, char **argv);
int grep_main(int argc, char **argv) {
  struct text patterns = {0};
  int flags = REG_NEWLINE;
  bool recursive = false, given = false;
  int names = 0;
  grep.most = -1;
  grep.code = 1;
  for (int option; (option = getopt(argc, argv, "EFGivncloLqsxwhHrRe:f:A:B:C:m:")) != -1;) {
    switch (option) {
      case 'E': flags |= REG_EXTENDED; break;
      case 'G': break;
      case 'F': grep.fixed = true; flags |= REG_EXTENDED; break;
      case 'i': flags |= REG_ICASE; break;
      case 'v': grep.invert = true; break;
      case 'n': grep.numbers = true; break;
      case 'c': grep.counts = true; break;
      case 'l': grep.names = true; break;
      case 'L': grep.no_names = true; break;
      case 'o': grep.only = true; break;
      case 'q': grep.quiet = true; break;
      case 's': grep.silent = true; break;
      case 'x': grep.whole_line = true; break;
      case 'w': grep.whole_word = true; break;
      case 'h': names = -1; break;
      case 'H': names = 1; break;
      case 'r':
      case 'R': recursive = true; break;
      case 'e':
        if (given) text_char(&patterns, '\n');
        text_string(&patterns, optarg);
        given = true;
        break;
      case 'A': grep.after = atol(optarg); break;
      case 'B': grep.before = atol(optarg); break;
      case 'C': grep.before = grep.after = atol(optarg); break;
      case 'm': grep.most = atol(optarg); break;
      default: return 2;
    }
  }
  if (!given) {
    if (optind == argc) return complain("usage: grep [OPTION]... PATTERN [FILE]...") + 1;
    text_string(&patterns, argv[optind++]);
  }
  add_pattern(patterns.bytes, flags);
  int count = argc - optind;
  grep.with_names = names > 0 || (names == 0 && (count > 1 || recursive));
  if (count == 0) search(recursive ? "." : "-", recursive, true, 0);
  for (int i = optind; i < argc; i++) search(argv[i], recursive, false, 0);
  return grep.code;
}
