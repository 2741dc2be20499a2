/*
 * simple.c: true false echo printf pwd env sleep test.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <nidus/process.h>

#include "util.h"

extern char **environ;

int true_main(int argc, char **argv);
int true_main(int argc, char **argv) {
  (void)argc, (void)argv;
  return 0;
}

int false_main(int argc, char **argv);
int false_main(int argc, char **argv) {
  (void)argc, (void)argv;
  return 1;
}

/* The character of an escape behind its backslash, which is taken; -1: none; -2: the output ends here. */
static int escape(const char **at, bool zero_octal) {
  static const char letters[] = "abfnrtv\\", meanings[] = "\a\b\f\n\r\t\v\\";
  const char *letter = **at ? strchr(letters, **at) : NULL;
  if (letter) {
    (*at)++;
    return (unsigned char)meanings[letter - letters];
  }
  if (**at == 'c') return -2;
  if (zero_octal && **at == '0') (*at)++;
  else if (zero_octal) return -1;
  int value = 0, digits = 0;
  for (; digits < 3 && **at >= '0' && **at <= '7'; digits++) value = value * 8 + *(*at)++ - '0';
  return digits || zero_octal ? value & 255 : -1;
}

/* As dash's: escapes are always understood, -n is the only option. */
int echo_main(int argc, char **argv);
int echo_main(int argc, char **argv) {
  int i = 1;
  bool newline = true;
  if (argc > 1 && strcmp(argv[1], "-n") == 0) {
    newline = false;
    i++;
  }
  for (bool first = true; i < argc; i++, first = false) {
    if (!first) putchar(' ');
    for (const char *at = argv[i]; *at;) {
      if (*at != '\\') {
        putchar(*at++);
        continue;
      }
      at++;
      int c = escape(&at, true);
      if (c == -2) return 0;
      putchar(c < 0 ? '\\' : c);
    }
  }
  if (newline) putchar('\n');
  return 0;
}

int printf_main(int argc, char **argv);
int printf_main(int argc, char **argv) {
  if (argc < 2) return complain("usage: printf FORMAT [ARGUMENT...]") + 1;
  int next = 2, code = 0;
  do {
    int before = next;
    for (const char *at = argv[1]; *at;) {
      if (*at == '\\') {
        at++;
        int c = escape(&at, false);
        if (c == -2) return code;
        putchar(c < 0 ? '\\' : c);
        continue;
      }
      if (*at != '%') {
        putchar(*at++);
        continue;
      }
      if (at[1] == '%') {
        putchar('%');
        at += 2;
        continue;
      }
      size_t length = 1 + strspn(at + 1, "-+ 0#123456789.");
      char conversion = at[length], format[40];
      if (!conversion || !strchr("diouxXcsbfeEgG", conversion) || length > 30) return complain("%s: invalid directive", at);
      memcpy(format, at, length);
      at += length + 1;
      const char *argument = next < argc ? argv[next++] : NULL;
      if (conversion == 's' || conversion == 'b') {
        strcpy(format + length, "s");
        struct text text = {0};
        text_add(&text, "", 0);
        for (const char *c = argument ? argument : ""; *c;) {
          if (conversion == 's' || *c != '\\') {
            text_char(&text, *c++);
            continue;
          }
          c++;
          int value = escape(&c, true);
          if (value == -2) break;
          text_char(&text, value < 0 ? '\\' : (char)value);
        }
        printf(format, text.bytes);
        free(text.bytes);
      } else if (conversion == 'c') {
        if (argument && *argument) putchar(*argument);
      } else if (strchr("fEeGg", conversion)) {
        snprintf(format + length, 4, "%c", conversion);
        printf(format, argument ? strtod(argument, NULL) : 0.0);
      } else {
        char *end = "";
        errno = 0;
        bool character = argument && (*argument == '\'' || *argument == '"');
        long long value = character ? (unsigned char)argument[1] : argument ? strtoll(argument, &end, 0) : 0;
        if (!character && argument && (*end || !*argument)) {
          complain("%s: expected numeric value", argument);
          code = 1;
        }
        snprintf(format + length, 6, "ll%c", conversion);
        printf(format, value);
      }
    }
    if (next == before) break; /* the format takes no arguments */
  } while (next < argc);
  return code;
}

int pwd_main(int argc, char **argv);
int pwd_main(int argc, char **argv) {
  const char *logical = getenv("PWD");
  (void)argc, (void)argv, (void)logical;
  char *cwd = getcwd(NULL, 0);
  if (!cwd) return complain_errno("the working folder is gone");
  puts(cwd);
  free(cwd);
  return 0;
}

int sleep_main(int argc, char **argv);
int sleep_main(int argc, char **argv) {
  if (argc < 2) return complain("missing operand");
  double seconds = 0;
  for (int i = 1; i < argc; i++) {
    char *end;
    double value = strtod(argv[i], &end);
    const char *units = "smhd";
    static const double factors[] = {1, 60, 3600, 86400};
    const char *unit = *end ? strchr(units, *end) : units;
    if (end == argv[i] || value < 0 || !unit || (*end && end[1])) return complain("invalid time interval '%s'", argv[i]);
    seconds += value * factors[unit - units];
  }
  struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&time, &time) < 0 && errno == EINTR) continue;
  return 0;
}

int env_main(int argc, char **argv);
int env_main(int argc, char **argv) {
  int i = 1;
  for (; i < argc; i++) {
    if (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "-") == 0) clearenv();
    else if (strcmp(argv[i], "-u") == 0 && i + 1 < argc) unsetenv(argv[++i]);
    else if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    } else break;
  }
  for (char *equals; i < argc && (equals = strchr(argv[i], '=')); i++) {
    *equals = 0;
    setenv(argv[i], equals + 1, 1);
  }
  if (i == argc) {
    for (char **each = environ; each && *each; each++) puts(*each);
    return 0;
  }
  struct nidus_spawn how = {.flags = NIDUS_SPAWN_SEARCH};
  pid_t pid;
  int status, error = nidus_spawn(&pid, argv[i], &how, argv + i, NULL);
  if (error) {
    errno = error;
    complain_errno("'%s'", argv[i]);
    return error == ENOENT ? 127 : 126;
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- test ---- */

struct test {
  char **words;
  int count, at;
  bool wrong;
};

static bool test_or(struct test *test);

static bool is_unary(const char *word) { return word[0] == '-' && word[1] && !word[2] && strchr("bcdefghknprstuwxzLOGS", word[1]); }

static bool is_binary(const char *word) {
  static const char *const operators[] = {"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"};
  for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
    if (strcmp(operators[i], word) == 0) return true;
  }
  return false;
}

static bool about_file(char letter, const char *word) {
  struct stat stat_;
  if (letter == 'n') return *word != 0;
  if (letter == 'z') return *word == 0;
  if (letter == 't') return isatty(atoi(word));
  if ((letter == 'h' || letter == 'L' ? lstat : stat)(word, &stat_) < 0) return false;
  switch (letter) {
    case 'd': return S_ISDIR(stat_.st_mode);
    case 'f': return S_ISREG(stat_.st_mode);
    case 'h':
    case 'L': return S_ISLNK(stat_.st_mode);
    case 'c': return S_ISCHR(stat_.st_mode);
    case 'b': return S_ISBLK(stat_.st_mode);
    case 'S': return S_ISSOCK(stat_.st_mode);
    case 'p':
    case 'g':
    case 'u':
    case 'k': return false;
    case 's': return stat_.st_size > 0;
    default: return true; /* -e; and what WASI tells nothing of: -r -w -x -O -G */
  }
}

static long long number(struct test *test, const char *word) {
  char *end;
  long long value = strtoll(word, &end, 10);
  while (*end == ' ') end++;
  if (!*end && end != word) return value;
  if (!test->wrong) complain("Illegal number: %s", word);
  test->wrong = true;
  return 0;
}

static int64_t modified(const struct stat *stat_) { return stat_->st_mtim.tv_sec * 1000000000LL + stat_->st_mtim.tv_nsec; }

static bool compare(struct test *test, const char *a, const char *operator, const char *b) {
  if (operator[0] != '-') {
    int order = strcmp(a, b);
    return operator[0] == '=' ? order == 0 : operator[0] == '!' ? order != 0 : operator[0] == '<' ? order < 0 : order > 0;
  }
  if (strcmp(operator, "-nt") == 0 || strcmp(operator, "-ot") == 0 || strcmp(operator, "-ef") == 0) {
    struct stat one, other;
    if (stat(a, &one) < 0 || stat(b, &other) < 0) return false;
    if (operator[1] == 'e') return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
    return operator[1] == 'n' ? modified(&one) > modified(&other) : modified(&one) < modified(&other);
  }
  long long x = number(test, a), y = number(test, b);
  switch (operator[1] << 8 | operator[2]) {
    case 'e' << 8 | 'q': return x == y;
    case 'n' << 8 | 'e': return x != y;
    case 'l' << 8 | 't': return x < y;
    case 'l' << 8 | 'e': return x <= y;
    case 'g' << 8 | 't': return x > y;
    default: return x >= y;
  }
}

static bool test_one(struct test *test) {
  int left = test->count - test->at;
  if (left <= 0) {
    test->wrong = true;
    return false;
  }
  char **words = test->words + test->at;
  if (left >= 3 && is_binary(words[1])) {
    test->at += 3;
    return compare(test, words[0], words[1], words[2]);
  }
  if (strcmp(words[0], "!") == 0 && left > 1) {
    test->at++;
    return !test_one(test);
  }
  if (strcmp(words[0], "(") == 0 && left > 1) {
    test->at++;
    bool value = test_or(test);
    if (test->at < test->count && strcmp(test->words[test->at], ")") == 0) test->at++;
    else test->wrong = true;
    return value;
  }
  if (left >= 2 && is_unary(words[0])) {
    test->at += 2;
    return about_file(words[0][1], words[1]);
  }
  test->at++;
  return *words[0] != 0;
}

static bool next_is(struct test *test, const char *word) {
  bool is = test->at < test->count && strcmp(test->words[test->at], word) == 0;
  if (is) test->at++;
  return is;
}

static bool test_and(struct test *test) {
  bool value = test_one(test);
  while (next_is(test, "-a")) value = test_one(test) && value;
  return value;
}

static bool test_or(struct test *test) {
  bool value = test_and(test);
  while (next_is(test, "-o")) value = test_and(test) || value;
  return value;
}

int test_main(int argc, char **argv);
int test_main(int argc, char **argv) {
  if (strcmp(base_name(argv[0]), "[") == 0 && (argc < 2 || strcmp(argv[--argc], "]") != 0)) return complain("missing ]") + 1;
  if (argc == 1) return 1;
  struct test test = {argv + 1, argc - 1, 0, false};
  bool value = test_or(&test);
  if (test.wrong) return 2;
  if (test.at < test.count) return complain("%s: unexpected operator", test.words[test.at]) + 1;
  return !value;
}
