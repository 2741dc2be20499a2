/*
 * sh_expand.c: what words become: tilde, parameters, commands, arithmetic, then splitting, patterns, and quotes gone.
 *
 * A word is expanded into bytes with a kind each, which say what may still happen to them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sh.h"

/* LITERAL: as written; QUOTED: it means itself; EXPANDED: it may be split, too; BORDER: between the fields of "$@". */
enum { LITERAL, QUOTED, EXPANDED, BORDER };

struct piece {
  struct text bytes, kinds;
  bool quotes; /* there were some: even nothing is a field */
};

static void put(struct piece *piece, char c, char kind) {
  text_char(&piece->bytes, c);
  text_char(&piece->kinds, kind);
}

static void put_string(struct piece *piece, const char *string, char kind) {
  for (; *string; string++) put(piece, *string, kind);
}

static void free_piece(struct piece *piece) {
  free(piece->bytes.bytes);
  free(piece->kinds.bytes);
}

void add_word(struct words *words, char *word) {
  if ((words->count & (words->count + 1)) == 0) {
    words->list = need_more(words->list, (size_t)(words->count + 1) * 2 * sizeof *words->list);
  }
  words->list[words->count++] = word;
  words->list[words->count] = NULL;
}

void free_words(struct words *words) {
  for (int i = 0; i < words->count; i++) free(words->list[i]);
  free(words->list);
  *words = (struct words){0};
}

static void expand_into(struct piece *piece, const char *word, const char *end, bool quoted);

/* ---- parameters ---- */

static char number_text[24];

/* The value of a parameter but * and @; NULL when it is not set. */
static const char *parameter(const char *name, size_t length) {
  if (length == 1) {
    int number = -1;
    switch (*name) {
      case '?': number = shell.status; break;
      case '#': number = shell.parameter_count; break;
      case '$': number = shell.pid; break;
      case '!': number = shell.last_background; break;
      case '0': return shell.name;
      case '-': return shell.ends_on_error ? "e" : "";
      default: break;
    }
    if (number >= 0) {
      snprintf(number_text, sizeof number_text, "%d", number);
      return *name == '!' && number == 0 ? NULL : number_text;
    }
  }
  if (*name >= '0' && *name <= '9') {
    int number = atoi(name);
    return number <= shell.parameter_count ? shell.parameters[number - 1] : NULL;
  }
  char copy[256];
  if (length >= sizeof copy) return NULL;
  memcpy(copy, name, length);
  copy[length] = 0;
  return variable(copy);
}

/* How long the name at `at` is: of a variable, digits, or one special character; 0 for none. */
static size_t name_length(const char *at, bool braces) {
  size_t length = 0;
  if (*at >= '0' && *at <= '9') {
    do length++;
    while (braces && at[length] >= '0' && at[length] <= '9');
    return length;
  }
  if (*at && strchr("?#$!*@-", *at)) return 1;
  while (at[length] && is_name(at, length + 1)) length++;
  return length;
}

static void put_parameters(struct piece *piece, bool star, bool quoted) {
  const char *ifs = variable("IFS");
  for (int i = 0; i < shell.parameter_count; i++) {
    if (i > 0 && !quoted) put(piece, 0, BORDER);
    if (i > 0 && quoted && !star) put(piece, 0, BORDER);
    if (i > 0 && quoted && star && (!ifs || *ifs)) put(piece, ifs ? *ifs : ' ', QUOTED);
    put_string(piece, shell.parameters[i], quoted ? QUOTED : EXPANDED);
  }
  if (quoted && (star || shell.parameter_count > 0)) piece->quotes = true;
}

/* What is left of `value` without what the pattern matches: at its start or end, the shortest or longest. */
static char *trimmed(const char *value, const char *pattern, bool start, bool longest) {
  size_t length = strlen(value);
  char *copy = need_copy(value);
  for (size_t i = 0; i <= length; i++) {
    size_t cut = longest ? length - i : i; /* bytes that are tried */
    if (start) {
      char kept = copy[cut];
      copy[cut] = 0;
      bool match = matches(pattern, copy);
      copy[cut] = kept;
      if (match) {
        memmove(copy, copy + cut, length - cut + 1);
        return copy;
      }
    } else if (matches(pattern, copy + length - cut)) {
      copy[length - cut] = 0;
      return copy;
    }
  }
  return copy;
}

static char *slice(const char *from, const char *end) {
  size_t length = (size_t)(end - from);
  char *copy = need(length + 1);
  memcpy(copy, from, length);
  copy[length] = 0;
  return copy;
}

static void put_value(struct piece *piece, const char *value, bool quoted) {
  put_string(piece, value, quoted ? QUOTED : EXPANDED);
}

/* ${...}, from behind the brace to before the closing one. */
static void put_braces(struct piece *piece, const char *at, const char *end, bool quoted) {
  bool counts = *at == '#' && at + 1 < end;
  if (counts) at++;
  size_t length = name_length(at, true);
  const char *rest = at + length;
  if (length == 0 || rest > end) {
    expansion_error("%.*s: bad substitution", (int)(end - at), at);
    return;
  }
  bool all = *at == '@' || *at == '*';
  const char *value = all ? (shell.parameter_count > 0 ? "" : NULL) : parameter(at, length);
  char *kept = value ? need_copy(value) : NULL;
  if (counts) {
    char number[24];
    int count = all ? shell.parameter_count : 0;
    for (const char *c = all ? NULL : kept; c && *c; c++) count += ((unsigned char)*c & 0xC0) != 0x80;
    snprintf(number, sizeof number, "%d", count);
    put_value(piece, number, quoted);
    free(kept);
    return;
  }
  bool colon = *rest == ':' && rest < end;
  if (colon) rest++;
  char operator = rest < end ? *rest : 0;
  bool empty = !kept || (colon && !*kept && !all);
  if (operator && strchr("-=+?", operator)) {
    bool uses = operator == '+' ? !empty : empty;
    char *name = slice(at, at + length), *word = slice(rest + 1, end);
    if (uses && operator == '=') {
      char *expanded = expand_word(word, false);
      set_variable(name, expanded);
      put_value(piece, expanded, quoted);
      free(expanded);
    } else if (uses && operator == '?') {
      char *expanded = expand_word(word, false);
      expansion_error("%s: %s", name, *expanded ? expanded : "parameter not set");
      free(expanded);
    } else if (uses) {
      expand_into(piece, word, word + strlen(word), quoted);
    } else if (operator != '+') {
      if (all) put_parameters(piece, *at == '*', quoted);
      else put_value(piece, kept, quoted);
    }
    free(name);
    free(word);
  } else if (operator == '%' || operator == '#') {
    bool longest = rest[1] == operator && rest + 1 < end;
    char *word = slice(rest + 1 + longest, end), *pattern = expand_word(word, true);
    char *left = trimmed(kept ? kept : "", pattern, operator == '#', longest);
    put_value(piece, left, quoted);
    free(left);
    free(pattern);
    free(word);
  } else if (operator || colon) {
    expansion_error("%.*s: bad substitution", (int)(end - at), at);
  } else if (all) {
    put_parameters(piece, *at == '*', quoted);
  } else {
    if (!kept && shell.unset_is_error) expansion_error("%.*s: parameter not set", (int)length, at);
    put_value(piece, kept ? kept : "", quoted);
  }
  free(kept);
}

/* ---- $ and ` ---- */

static const char *put_command(struct piece *piece, char *command, const char *end, bool quoted) {
  char *output = output_of(command);
  put_value(piece, output, quoted);
  free(output);
  free(command);
  return end;
}

/* What begins there does not end: nothing is behind it. */
static const char *unclosed(const char *at) {
  expansion_error("bad substitution");
  return at + strlen(at);
}

/* At '$'; answers what is behind it. */
static const char *put_dollar(struct piece *piece, const char *at, const char *end, bool quoted) {
  const char *behind;
  if (at[1] == '{') {
    behind = skip_substitution(at);
    if (!behind) return unclosed(at);
    put_braces(piece, at + 2, behind - 1, quoted);
    return behind;
  }
  if (at[1] == '(') {
    behind = skip_substitution(at);
    if (!behind) return unclosed(at);
    if (at[2] == '(' && behind[-2] == ')') {
      char *inner = slice(at + 3, behind - 2), *expanded = expand_here(inner), number[24];
      snprintf(number, sizeof number, "%lld", (long long)arithmetic(expanded));
      put_value(piece, number, quoted);
      free(expanded);
      free(inner);
      return behind;
    }
    return put_command(piece, slice(at + 2, behind - 1), behind, quoted);
  }
  size_t length = at + 1 < end ? name_length(at + 1, false) : 0;
  if (length == 0) {
    put(piece, '$', quoted ? QUOTED : LITERAL);
    return at + 1;
  }
  if (at[1] == '@' || at[1] == '*') put_parameters(piece, at[1] == '*', quoted);
  else {
    const char *value = parameter(at + 1, length);
    if (!value && shell.unset_is_error) expansion_error("%.*s: parameter not set", (int)length, at + 1);
    put_value(piece, value ? value : "", quoted);
  }
  return at + 1 + length;
}

static const char *put_backquotes(struct piece *piece, const char *at, bool quoted) {
  const char *behind = skip_substitution(at);
  if (!behind) return unclosed(at);
  char *command = slice(at + 1, behind - 1), *to = command;
  for (const char *from = command; *from; from++) {
    if (*from == '\\' && (from[1] == '\\' || from[1] == '`' || from[1] == '$')) from++;
    *to++ = *from;
  }
  *to = 0;
  return put_command(piece, command, behind, quoted);
}

/* Between double quotes, or in a here-document. */
static void put_double(struct piece *piece, const char *at, const char *end, bool document) {
  while (at < end) {
    if (*at == '\\' && at + 1 < end && (strchr("$`\\\n", at[1]) || (at[1] == '"' && !document))) {
      if (at[1] != '\n') put(piece, at[1], QUOTED);
      at += 2;
    } else if (*at == '$') {
      at = put_dollar(piece, at, end, true);
    } else if (*at == '`') {
      at = put_backquotes(piece, at, true);
    } else {
      put(piece, *at++, QUOTED);
    }
  }
}

static void expand_into(struct piece *piece, const char *at, const char *end, bool quoted) {
  if (quoted) {
    put_double(piece, at, end, false);
    return;
  }
  while (at < end) {
    if (*at == '\'') {
      const char *behind = skip_substitution(at);
      if (!behind) behind = end + 1;
      for (at++; at < behind - 1; at++) put(piece, *at, QUOTED);
      at = behind;
      piece->quotes = true;
    } else if (*at == '"') {
      const char *behind = skip_substitution(at);
      if (!behind) {
        (void)unclosed(at);
        return;
      }
      int before = shell.parameter_count;
      size_t length = piece->bytes.length;
      put_double(piece, at + 1, behind - 1, false);
      /* "$@" without parameters is no field at all. */
      bool nothing = piece->bytes.length == length && before == 0 && behind - at == 4 && strncmp(at, "\"$@\"", 4) == 0;
      if (!nothing) piece->quotes = true;
      at = behind;
    } else if (*at == '\\') {
      if (at + 1 < end && at[1] != '\n') put(piece, at[1], QUOTED);
      at += 2;
    } else if (*at == '$') {
      at = put_dollar(piece, at, end, false);
    } else if (*at == '`') {
      at = put_backquotes(piece, at, false);
    } else {
      put(piece, *at++, LITERAL);
    }
  }
}

/* A tilde in front, and what is behind it. */
static const char *put_tilde(struct piece *piece, const char *word) {
  if (*word != '~' || (word[1] && word[1] != '/')) return word;
  const char *home = variable("HOME");
  if (!home) return word;
  put_string(piece, home, QUOTED);
  return word + 1;
}

static struct piece expanded(const char *word) {
  struct piece piece = {0};
  text_add(&piece.bytes, "", 0);
  text_add(&piece.kinds, "", 0);
  const char *end = word + strlen(word);
  expand_into(&piece, put_tilde(&piece, word), end, false);
  return piece;
}

/* The bytes from one place to another; with `pattern`, what is quoted gets a backslash. */
static char *field_text(const struct piece *piece, size_t from, size_t to, bool pattern) {
  struct text text = {0};
  text_add(&text, "", 0);
  for (size_t i = from; i < to; i++) {
    char c = piece->bytes.bytes[i], kind = piece->kinds.bytes[i];
    if (kind == BORDER) {
      text_char(&text, ' ');
      continue;
    }
    if (pattern && kind == QUOTED && strchr("*?[]\\-!^", c) && c) text_char(&text, '\\');
    text_char(&text, c);
  }
  return text.bytes;
}

char *expand_word(const char *word, bool pattern) {
  struct piece piece = expanded(word);
  char *text = field_text(&piece, 0, piece.bytes.length, pattern);
  free_piece(&piece);
  return text;
}

char *expand_here(const char *text) {
  struct piece piece = {0};
  text_add(&piece.bytes, "", 0);
  put_double(&piece, text, text + strlen(text), true);
  free(piece.kinds.bytes);
  return piece.bytes.bytes;
}

/* ---- patterns that are paths ---- */

static bool is_pattern(const char *text) {
  for (; *text; text++) {
    if (*text == '\\' && text[1]) text++;
    else if (strchr("*?[", *text)) return true;
  }
  return false;
}

static char *without_backslashes(const char *text) {
  char *copy = need_copy(text), *to = copy;
  for (const char *from = copy; *from; from++) {
    if (*from == '\\' && from[1]) from++;
    *to++ = *from;
  }
  *to = 0;
  return copy;
}

/* Adds the paths below `folder`, "" for the working one, that match. */
static void match_paths(struct words *found, const char *folder, const char *pattern) {
  size_t slashes = strspn(pattern, "/"), length = strcspn(pattern + slashes, "/");
  struct text base = {0};
  text_string(&base, folder);
  text_add(&base, pattern, slashes);
  char *part = slice(pattern + slashes, pattern + slashes + length);
  const char *rest = pattern + slashes + length;
  struct stat stat_;
  if (!is_pattern(part)) {
    char *name = without_backslashes(part);
    text_string(&base, name);
    free(name);
    if (*rest && strspn(rest, "/") < strlen(rest)) match_paths(found, base.bytes, rest);
    else {
      text_string(&base, rest);
      if (lstat(base.bytes, &stat_) == 0) add_word(found, need_copy(base.bytes));
    }
  } else {
    char **names;
    int count = list_folder(base.length ? base.bytes : ".", &names);
    for (int i = 0; i < count; i++) {
      if ((names[i][0] == '.' && part[0] != '.') || !matches(part, names[i])) continue;
      struct text path = {0};
      text_string(&path, base.bytes ? base.bytes : "");
      text_string(&path, names[i]);
      if (!*rest) add_word(found, need_copy(path.bytes));
      else if (stat(path.bytes, &stat_) == 0 && S_ISDIR(stat_.st_mode)) match_paths(found, path.bytes, rest);
      free(path.bytes);
    }
    if (count >= 0) free_names(names, count);
  }
  free(part);
  free(base.bytes);
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void add_field(struct words *fields, const struct piece *piece, size_t from, size_t to) {
  char *pattern = field_text(piece, from, to, true);
  struct words found = {0};
  bool special = false;
  for (size_t i = from; i < to; i++) special |= piece->kinds.bytes[i] != QUOTED && strchr("*?[", piece->bytes.bytes[i]);
  if (special && is_pattern(pattern)) match_paths(&found, "", pattern);
  free(pattern);
  if (found.count > 0) {
    qsort(found.list, (size_t)found.count, sizeof *found.list, compare);
    for (int i = 0; i < found.count; i++) add_word(fields, found.list[i]);
    free(found.list);
  } else {
    add_word(fields, field_text(piece, from, to, false));
  }
}

static void split(struct words *fields, const struct piece *piece) {
  const char *ifs = variable("IFS");
  if (!ifs) ifs = " \t\n";
  size_t from = 0, length = piece->bytes.length;
  bool open = false; /* a field has begun */
  for (size_t i = 0; i < length; i++) {
    char kind = piece->kinds.bytes[i], c = piece->bytes.bytes[i];
    bool separates = kind == EXPANDED && c && strchr(ifs, c);
    if (kind == BORDER) {
      if (open || piece->quotes) add_field(fields, piece, from, i);
      open = piece->quotes; /* "$@": what follows is a field, be it empty */
      from = i + 1;
    } else if (separates && strchr(" \t\n", c)) {
      if (open) add_field(fields, piece, from, i);
      open = false;
      from = i + 1;
    } else if (separates) {
      add_field(fields, piece, from, i);
      open = false;
      from = i + 1;
      while (from < length && piece->kinds.bytes[from] == EXPANDED && strchr(" \t\n", piece->bytes.bytes[from]) &&
             strchr(ifs, piece->bytes.bytes[from]))
        from++;
      i = from - 1;
    } else {
      if (!open) from = i;
      open = true;
    }
  }
  if (open || (piece->quotes && (length == 0 || from == length))) add_field(fields, piece, from, length);
}

struct words expand_words(const struct words *words) {
  struct words fields = {0};
  for (int i = 0; i < words->count; i++) {
    struct piece piece = expanded(words->list[i]);
    if (piece.bytes.length > 0 || piece.quotes) split(&fields, &piece);
    free_piece(&piece);
  }
  return fields;
}

/* ---- arithmetic ---- */

struct sum {
  const char *at;
  int depth;
};

static int64_t conditional(struct sum *sum);

/* Says so, and leaves nothing to be read. */
static int64_t wrong(struct sum *sum, const char *what) {
  if (!shell.failed) expansion_error("arithmetic expression: %s: \"%s\"", what, sum->at);
  sum->at += strlen(sum->at);
  return 0;
}

static void blanks(struct sum *sum) {
  while (*sum->at == ' ' || *sum->at == '\t' || *sum->at == '\n') sum->at++;
}

static bool take(struct sum *sum, const char *operator) {
  blanks(sum);
  size_t length = strlen(operator);
  if (strncmp(sum->at, operator, length) != 0) return false;
  /* Not the beginning of a longer operator. */
  char next = sum->at[length];
  if (length == 1 && (next == *operator ? strchr("<>&|=", next) != NULL : next == '=' && strchr("<>!", *operator))) return false;
  sum->at += length;
  return true;
}

static int64_t value_of_name(const char *name) {
  const char *value = variable(name);
  return value && *value ? strtoll(value, NULL, 0) : 0;
}

static int64_t unary(struct sum *sum) {
  if (++sum->depth > 100) return wrong(sum, "it is nested too deeply");
  int64_t value;
  blanks(sum);
  if (take(sum, "(")) {
    value = conditional(sum);
    if (!take(sum, ")")) (void)wrong(sum, ") is expected");
  } else if (*sum->at == '-') {
    sum->at++;
    value = (int64_t)(0 - (uint64_t)unary(sum));
  } else if (*sum->at == '+') {
    sum->at++;
    value = unary(sum);
  } else if (*sum->at == '~') {
    sum->at++;
    value = ~unary(sum);
  } else if (take(sum, "!")) {
    value = !unary(sum);
  } else if (*sum->at >= '0' && *sum->at <= '9') {
    char *end;
    value = strtoll(sum->at, &end, 0);
    sum->at = end;
  } else {
    size_t length = name_length(sum->at, false);
    if (length == 0 || !is_name(sum->at, length)) return wrong(sum, "a value is expected");
    char *name = slice(sum->at, sum->at + length);
    sum->at += length;
    blanks(sum);
    static const char *const assigns[] = {"+=", "-=", "*=", "/=", "%="};
    value = value_of_name(name);
    int how = -1;
    for (int i = 0; i < 5 && how < 0; i++) {
      if (strncmp(sum->at, assigns[i], 2) == 0) how = i;
    }
    bool plain = how < 0 && *sum->at == '=' && sum->at[1] != '=';
    if (how >= 0 || plain) {
      sum->at += plain ? 1 : 2;
      int64_t right = conditional(sum);
      if (how >= 3 && right == 0) right = wrong(sum, "division by zero") + 1;
      value = plain      ? right
              : how == 0 ? value + right
              : how == 1 ? value - right
              : how == 2 ? value * right
              : how == 3 ? value / right
                         : value % right;
      char number[24];
      snprintf(number, sizeof number, "%lld", (long long)value);
      set_variable(name, number);
    }
    free(name);
  }
  sum->depth--;
  return value;
}

static const struct {
  const char *text;
  int level;
} operators[] = {{"||", 0}, {"&&", 1}, {"|", 2},  {"^", 3},  {"&", 4}, {"==", 5}, {"!=", 5}, {"<=", 6}, {">=", 6},
                 {"<<", 7}, {">>", 7}, {"<", 6},  {">", 6},  {"+", 8}, {"-", 8},  {"*", 9},  {"/", 9},  {"%", 9}};

static int64_t apply(struct sum *sum, const char *operator, int64_t a, int64_t b) {
  if ((*operator == '/' || *operator == '%') && b == 0) return wrong(sum, "division by zero");
  uint64_t x = (uint64_t)a, y = (uint64_t)b;
  switch (*operator) {
    case '|': return operator[1] ? a || b : a | b;
    case '&': return operator[1] ? a && b : a & b;
    case '^': return a ^ b;
    case '=': return a == b;
    case '!': return a != b;
    case '<': return operator[1] == '<' ? (int64_t)(x << (y & 63)) : operator[1] ? a <= b : a < b;
    case '>': return operator[1] == '>' ? a >> (y & 63) : operator[1] ? a >= b : a > b;
    case '+': return (int64_t)(x + y);
    case '-': return (int64_t)(x - y);
    case '*': return (int64_t)(x * y);
    case '/': return b == -1 ? (int64_t)(0 - x) : a / b;
    default: return b == -1 ? 0 : a % b;
  }
}

static int64_t binary(struct sum *sum, int level) {
  int64_t left = unary(sum);
  for (;;) {
    size_t i = 0, count = sizeof operators / sizeof operators[0];
    const char *before = sum->at;
    while (i < count && (operators[i].level < level || !take(sum, operators[i].text))) i++;
    if (i == count) {
      sum->at = before;
      return left;
    }
    left = apply(sum, operators[i].text, left, binary(sum, operators[i].level + 1));
  }
}

static int64_t conditional(struct sum *sum) {
  int64_t condition = binary(sum, 0);
  if (!take(sum, "?")) return condition;
  int64_t yes = conditional(sum);
  if (!take(sum, ":")) return wrong(sum, ": is expected");
  int64_t no = conditional(sum);
  return condition ? yes : no;
}

int64_t arithmetic(const char *text) {
  struct sum sum = {.at = text};
  blanks(&sum);
  if (!*sum.at) return 0;
  int64_t value = conditional(&sum);
  blanks(&sum);
  return *sum.at ? wrong(&sum, "an operator is expected") : value;
}
