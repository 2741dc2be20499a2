/*
 * find.c: find: a walk, and for each path an expression in the order it was written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <nidus/process.h>

#include "util.h"

static struct {
  char **words; /* the expression */
  int count;
  int at; /* while it is evaluated */
  int most, least;
  bool acts; /* it has an action; else what is true is printed */
  bool depth_first;
  bool prune;
  int code;
} find;

struct place {
  const char *path;
  struct stat stat;
  int depth;
};

static bool either(struct place *place, bool run);

static void bad(const char *what, const char *word) {
  complain(what, word);
  exit(1);
}

static const char *argument(const char *word) {
  if (find.at == find.count) bad("missing argument to '%s'", word);
  return find.words[find.at++];
}

/* +N: more, -N: less, N: as many. */
static bool compared(const char *text, long long value) {
  char *end;
  long long wanted = strtoll(text + (*text == '+' || *text == '-'), &end, 10);
  return *text == '+' ? value > wanted : *text == '-' ? value < wanted : value == wanted;
}

static bool sized(const char *text, long long size) {
  size_t length = strlen(text);
  char unit = length ? text[length - 1] : 0;
  long long block = unit == 'c' ? 1 : unit == 'k' ? 1024 : unit == 'M' ? 1 << 20 : unit == 'w' ? 2 : 512;
  return compared(text, (size + block - 1) / block);
}

/* -exec words ;: runs it with {} replaced. */
static bool executes(struct place *place, bool run) {
  struct nidus_spawn how = {.flags = NIDUS_SPAWN_SEARCH};
  char **words = need((size_t)(find.count + 1) * sizeof *words);
  int count = 0, status = 1;
  for (;; count++) {
    const char *word = argument("-exec");
    if (strcmp(word, ";") == 0 || (strcmp(word, "+") == 0 && count > 0)) break;
    struct text text = {0};
    text_add(&text, "", 0);
    for (const char *at = word; *at; at++) {
      if (run && strncmp(at, "{}", 2) == 0) {
        text_string(&text, place->path);
        at++;
      } else text_char(&text, *at);
    }
    words[count] = text.bytes;
  }
  words[count] = NULL;
  pid_t pid;
  if (run && count > 0) {
    fflush(stdout);
    int error = nidus_spawn(&pid, words[0], &how, words, NULL);
    if (error) {
      errno = error;
      find.code = complain_errno("'%s'", words[0]);
    } else {
      while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    }
  }
  free_names(words, count);
  return status == 0;
}

static bool primary(struct place *place, bool run) {
  if (find.at == find.count) bad("an expression is expected%s", "");
  const char *word = find.words[find.at++];
  const struct stat *stat_ = &place->stat;
  if (strcmp(word, "!") == 0 || strcmp(word, "-not") == 0) return !primary(place, run);
  if (strcmp(word, "(") == 0) {
    bool value = either(place, run);
    if (find.at == find.count || strcmp(find.words[find.at++], ")") != 0) bad("a ) is missing%s", "");
    return value;
  }
  if (strcmp(word, "-name") == 0 || strcmp(word, "-iname") == 0) {
    char *pattern = need_copy(argument(word)), *path = need_copy(place->path);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/';) path[--length] = 0;
    char *name = need_copy(base_name(path));
    if (word[1] == 'i') {
      for (char *at = pattern; *at; at++) *at |= *at >= 'A' && *at <= 'Z' ? 32 : 0;
      for (char *at = name; *at; at++) *at |= *at >= 'A' && *at <= 'Z' ? 32 : 0;
    }
    bool found = matches(pattern, *name ? name : "/");
    free(pattern);
    free(path);
    free(name);
    return found;
  }
  if (strcmp(word, "-path") == 0) return matches(argument(word), place->path);
  if (strcmp(word, "-type") == 0) {
    char type = *argument(word);
    return type == 'f' ? S_ISREG(stat_->st_mode) : type == 'd' ? S_ISDIR(stat_->st_mode) : type == 'l' ? S_ISLNK(stat_->st_mode) : false;
  }
  if (strcmp(word, "-size") == 0) return sized(argument(word), stat_->st_size);
  if (strcmp(word, "-empty") == 0) {
    char **names;
    if (!S_ISDIR(stat_->st_mode)) return S_ISREG(stat_->st_mode) && stat_->st_size == 0;
    int count = list_folder(place->path, &names);
    if (count >= 0) free_names(names, count);
    return count == 0;
  }
  if (strcmp(word, "-mtime") == 0 || strcmp(word, "-mmin") == 0) {
    long long age = time(NULL) - stat_->st_mtim.tv_sec;
    return compared(argument(word), age / (word[2] == 't' ? 86400 : 60));
  }
  if (strcmp(word, "-newer") == 0) {
    struct stat other;
    const char *path = argument(word);
    if (stat(path, &other) < 0) bad("'%s': No such file or directory", path);
    int64_t mine = stat_->st_mtim.tv_sec * 1000000000LL + stat_->st_mtim.tv_nsec;
    return mine > other.st_mtim.tv_sec * 1000000000LL + other.st_mtim.tv_nsec;
  }
  if (strcmp(word, "-print") == 0) {
    if (run) puts(place->path);
    return true;
  }
  if (strcmp(word, "-print0") == 0) {
    if (run) fwrite(place->path, 1, strlen(place->path) + 1, stdout);
    return true;
  }
  if (strcmp(word, "-prune") == 0) {
    if (run) find.prune = true;
    return true;
  }
  if (strcmp(word, "-delete") == 0) {
    if (!run) return true;
    bool done = (S_ISDIR(stat_->st_mode) ? rmdir : unlink)(place->path) == 0;
    if (!done) find.code = complain_errno("cannot delete '%s'", place->path);
    return done;
  }
  if (strcmp(word, "-exec") == 0) return executes(place, run);
  if (strcmp(word, "-true") == 0) return true;
  if (strcmp(word, "-false") == 0) return false;
  bad("unknown predicate '%s'", word);
  return false;
}

static bool at_word(const char *word) { return find.at < find.count && strcmp(find.words[find.at], word) == 0; }

static bool both(struct place *place, bool run) {
  bool value = primary(place, run);
  while (find.at < find.count && !at_word("-o") && !at_word("-or") && !at_word(")")) {
    if (at_word("-a") || at_word("-and")) find.at++;
    bool next = primary(place, run && value);
    value = value && next;
  }
  return value;
}

static bool either(struct place *place, bool run) {
  bool value = both(place, run);
  while (at_word("-o") || at_word("-or")) {
    find.at++;
    bool next = both(place, run && !value);
    value = value || next;
  }
  return value;
}

static void judge(struct place *place) {
  find.at = 0;
  find.prune = false;
  if (place->depth < find.least) return;
  bool value = find.count == 0 || either(place, true);
  if (find.at < find.count) bad("'%s' is not expected", find.words[find.at]);
  if (value && !find.acts) puts(place->path);
}

static void visit(const char *path, int depth) {
  struct place place = {.path = path, .depth = depth};
  if (lstat(path, &place.stat) < 0) {
    find.code = complain_errno("'%s'", path);
    return;
  }
  if (!find.depth_first) judge(&place);
  bool enters = S_ISDIR(place.stat.st_mode) && depth < find.most && depth < 256 && (find.depth_first || !find.prune);
  char **names = NULL;
  int count = enters ? list_folder(path, &names) : 0;
  if (count < 0) find.code = complain_errno("'%s'", path);
  for (int i = 0; i < count; i++) {
    char *inner = path_of(path, names[i]);
    visit(inner, depth + 1);
    free(inner);
  }
  if (count > 0) free_names(names, count);
  if (find.depth_first) judge(&place);
}

int find_main(int argc, char **argv);
int find_main(int argc, char **argv) {
  int paths = 1;
  while (paths < argc && argv[paths][0] != '-' && strcmp(argv[paths], "(") != 0 && strcmp(argv[paths], "!") != 0) paths++;
  find.words = need((size_t)argc * sizeof *find.words);
  find.most = 1 << 20;
  static const char *const actions[] = {"-print", "-print0", "-delete", "-exec"};
  for (int i = paths; i < argc; i++) {
    bool most = strcmp(argv[i], "-maxdepth") == 0, least = strcmp(argv[i], "-mindepth") == 0;
    if (most || least) {
      if (i + 1 == argc) bad("missing argument to '%s'", argv[i]);
      *(most ? &find.most : &find.least) = atoi(argv[++i]);
      continue;
    }
    if (strcmp(argv[i], "-depth") == 0) {
      find.depth_first = true;
      continue;
    }
    for (int a = 0; a < 4; a++) find.acts |= strcmp(argv[i], actions[a]) == 0;
    find.depth_first |= strcmp(argv[i], "-delete") == 0;
    find.words[find.count++] = argv[i];
  }
  /* What is wrong with the expression is said before anything is done. */
  struct place none = {.path = "."};
  if (find.count > 0) (void)either(&none, false);
  if (find.at < find.count) bad("'%s' is not expected", find.words[find.at]);
  if (paths == 1) visit(".", 0);
  for (int i = 1; i < paths; i++) visit(argv[i], 0);
  return find.code;
}
