/*
 * sh_parse.c: from text to nodes, by recursive descent, one function for each rule of POSIX's grammar.
 */
#include <stdlib.h>
#include <string.h>

#include "sh.h"

enum token { WORD, NEWLINE, SEMICOLON, AMPERSAND, PIPE, AND_IF, OR_IF, DOUBLE_SEMICOLON, OPEN, CLOSE, LESS, GREATER, END, WRONG };
enum { DEPTH_LIMIT = 200 };

struct parser {
  struct source *source;
  enum token token;
  char *word; /* of a WORD, or the operator of a redirection */
  int fd;     /* in front of a redirection, or -1 */
  bool failed;
  int depth;
  struct redirect *heres[16]; /* whose text comes after the line */
  bool strip[16];
  int here_count;
};

static struct node *parse_list(struct parser *parser, bool stop_at_newline);
static struct node *parse_command(struct parser *parser);

bool is_name(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return length > 0;
}

static void fail(struct parser *parser, const char *what) {
  if (!parser->failed) complain("Syntax error: %s", what);
  parser->failed = true;
  parser->token = WRONG;
}

/* ---- characters ---- */

const char *skip_substitution(const char *at) {
  if (*at == '\'') {
    for (at++; *at && *at != '\'';) at++;
    return *at ? at + 1 : NULL;
  }
  if (*at == '`') {
    for (at++; *at && *at != '`'; at++) {
      if (*at == '\\' && at[1]) at++;
    }
    return *at ? at + 1 : NULL;
  }
  if (*at == '"') {
    for (at++; *at && *at != '"';) {
      if (*at == '\\' && at[1]) at += 2;
      else if (*at == '`' || (*at == '$' && (at[1] == '(' || at[1] == '{'))) {
        if (!(at = skip_substitution(at))) return NULL;
      } else at++;
    }
    return *at ? at + 1 : NULL;
  }
  /* $( or ${ */
  char open = at[1], close = open == '(' ? ')' : '}';
  int depth = 1;
  for (at += 2; *at;) {
    if (*at == '\\' && at[1]) at += 2;
    else if (*at == '\'' || *at == '"' || *at == '`' || (*at == '$' && (at[1] == '(' || at[1] == '{'))) {
      if (!(at = skip_substitution(at))) return NULL;
    } else if (*at == close) {
      at++;
      if (--depth == 0) return at;
    } else if (*at++ == open) depth++;
  }
  return NULL;
}

/* Asks for more text, behind what there is; false when there is none. */
static bool more(struct parser *parser) {
  struct source *source = parser->source;
  char *text = source->more ? source->more() : NULL;
  if (!text) return false;
  source->text = text;
  return true;
}

static const char *here(const struct parser *parser) { return parser->source->text + parser->source->at; }

/* The end of the word at hand, NULL when quotes do not end. */
static const char *word_end(const char *at) {
  while (*at && !strchr(" \t\n;&|<>()", *at)) {
    if (*at == '\\') at += at[1] ? 2 : 1;
    else if (*at == '\'' || *at == '"' || *at == '`' || (*at == '$' && (at[1] == '(' || at[1] == '{'))) {
      if (!(at = skip_substitution(at))) return NULL;
    } else at++;
  }
  return at;
}

static void take_heres(struct parser *parser) {
  for (int i = 0; i < parser->here_count; i++) {
    struct redirect *redirect = parser->heres[i];
    char *end = redirect->word, *to = end;
    redirect->plain = strpbrk(end, "'\"\\") != NULL;
    for (char *from = end; *from; from++) {
      if (*from != '\'' && *from != '"' && *from != '\\') *to++ = *from;
    }
    *to = 0;
    struct text text = {0};
    text_add(&text, "", 0);
    for (;;) {
      if (!*here(parser) && !more(parser)) break;
      const char *line = here(parser);
      size_t length = strcspn(line, "\n");
      parser->source->at += length + (line[length] == '\n');
      if (parser->strip[i]) {
        for (; length > 0 && *line == '\t'; length--) line++;
      }
      if (strlen(end) == length && memcmp(line, end, length) == 0) break;
      text_add(&text, line, length);
      text_char(&text, '\n');
    }
    free(redirect->word);
    redirect->word = text.bytes;
  }
  parser->here_count = 0;
}

/* Reads the next token. */
static void advance(struct parser *parser) {
  if (parser->failed) return;
  free(parser->word);
  parser->word = NULL;
  parser->fd = -1;
  struct source *source = parser->source;
  const char *at;
  for (;;) {
    at = here(parser);
    while (*at == ' ' || *at == '\t' || (*at == '\\' && at[1] == '\n')) at += *at == '\\' ? 2 : 1;
    if (*at == '#') at += strcspn(at, "\n");
    if (*at != '\\' || at[1]) break;
    source->at = (size_t)(at - source->text); /* the line goes on */
    if (!more(parser)) break;
  }
  source->at = (size_t)(at - source->text);
  static const struct {
    const char *text;
    enum token token;
  } operators[] = {{"\n", NEWLINE}, {";;", DOUBLE_SEMICOLON}, {";", SEMICOLON}, {"&&", AND_IF}, {"&", AMPERSAND},
                   {"||", OR_IF},   {"|", PIPE},              {"(", OPEN},      {")", CLOSE}};
  if (!*at) {
    parser->token = END;
    return;
  }
  for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
    size_t length = strlen(operators[i].text);
    if (strncmp(at, operators[i].text, length) != 0) continue;
    source->at += length;
    parser->token = operators[i].token;
    if (parser->token == NEWLINE) take_heres(parser);
    return;
  }
  const char *digits = at;
  while (*digits >= '0' && *digits <= '9') digits++;
  if (*digits == '<' || *digits == '>') {
    if (digits > at) parser->fd = atoi(at);
    static const char *const redirections[] = {"<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"};
    for (size_t i = 0; i < sizeof redirections / sizeof redirections[0]; i++) {
      size_t length = strlen(redirections[i]);
      if (strncmp(digits, redirections[i], length) != 0) continue;
      parser->word = need_copy(redirections[i]);
      parser->token = *digits == '<' ? LESS : GREATER;
      source->at += (size_t)(digits - at) + length;
      return;
    }
  }
  const char *end;
  while (!(end = word_end(at))) {
    if (!more(parser)) {
      fail(parser, "a quote or substitution is not closed");
      return;
    }
    at = here(parser);
  }
  size_t length = (size_t)(end - at);
  parser->word = need(length + 1);
  memcpy(parser->word, at, length);
  parser->word[length] = 0;
  source->at += length;
  parser->token = WORD;
}

static bool is_word(const struct parser *parser, const char *word) {
  return parser->token == WORD && strcmp(parser->word, word) == 0;
}

static void skip_newlines(struct parser *parser) {
  for (;;) {
    while (parser->token == NEWLINE) advance(parser);
    if (parser->token != END || !more(parser)) return;
    advance(parser);
  }
}

static void expect(struct parser *parser, const char *word) {
  skip_newlines(parser);
  if (is_word(parser, word)) {
    advance(parser);
    return;
  }
  char what[80];
  snprintf(what, sizeof what, "%.30s is expected, not %.30s", word, parser->token == WORD ? parser->word : "the end of the line");
  fail(parser, what);
}

/* ---- nodes ---- */

static struct node *make(enum node_kind kind, struct node *left, struct node *right) {
  struct node *node = need(sizeof *node);
  *node = (struct node){.kind = kind, .left = left, .right = right};
  return node;
}

static char *take_word(struct parser *parser) {
  char *word = parser->word;
  parser->word = NULL;
  advance(parser);
  return word;
}

/* A redirection, if one is at hand. */
static bool take_redirect(struct parser *parser, struct node *node) {
  if (parser->token != LESS && parser->token != GREATER) return false;
  struct redirect *redirect = need(sizeof *redirect);
  *redirect = (struct redirect){.fd = parser->fd >= 0 ? parser->fd : parser->token == LESS ? 0 : 1};
  char operator[4];
  strcpy(operator, parser->word);
  advance(parser);
  struct redirect **last = &node->redirects;
  while (*last) last = &(*last)->next;
  *last = redirect;
  if (parser->token != WORD) {
    fail(parser, "a redirection needs a word");
    return true;
  }
  redirect->kind = strcmp(operator, "<") == 0    ? READS
                   : strcmp(operator, ">>") == 0 ? APPENDS
                   : strcmp(operator, "<>") == 0 ? BOTH
                   : operator[1] == '&'          ? COPIES
                   : operator[0] == '<'          ? HERE
                                                 : WRITES;
  redirect->word = parser->word;
  parser->word = NULL;
  if (redirect->kind == HERE && operator[2] != '<') {
    if (parser->here_count == 16) fail(parser, "too many here-documents in one line");
    else {
      parser->strip[parser->here_count] = operator[2] == '-';
      parser->heres[parser->here_count++] = redirect;
    }
  } else if (redirect->kind == HERE) {
    struct text text = {0};
    text_string(&text, redirect->word);
    text_char(&text, '\n');
    free(redirect->word);
    redirect->word = text.bytes;
    /* <<<'...' of our own making is literal; else the word is expanded, quotes and all. */
    redirect->plain = false;
    redirect->kind = HERE;
    char *quote = redirect->word;
    size_t length = strlen(quote);
    if (*quote == '\'' && length > 2 && quote[length - 2] == '\'') {
      struct text plain = {0};
      for (const char *at = quote + 1; at < quote + length - 2; at++) {
        if (strncmp(at, "'\\''", 4) == 0) {
          text_char(&plain, '\'');
          at += 3;
        } else text_char(&plain, *at);
      }
      text_char(&plain, '\n');
      free(redirect->word);
      redirect->word = plain.bytes;
      redirect->plain = true;
    }
  }
  advance(parser);
  return true;
}

static bool is_reserved(const struct parser *parser) {
  static const char *const words[] = {"then", "else", "elif", "fi", "do", "done", "esac", "}"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (is_word(parser, words[i])) return true;
  }
  return false;
}

static struct node *parse_if(struct parser *parser) {
  struct node *node = make(IF, NULL, NULL);
  node->left = parse_list(parser, false);
  expect(parser, "then");
  node->right = parse_list(parser, false);
  if (is_word(parser, "elif")) {
    advance(parser);
    node->third = parse_if(parser);
    return node;
  }
  if (is_word(parser, "else")) {
    advance(parser);
    node->third = parse_list(parser, false);
  }
  expect(parser, "fi");
  return node;
}

static struct node *parse_loop(struct parser *parser, enum node_kind kind) {
  struct node *node = make(kind, NULL, NULL);
  node->left = parse_list(parser, false);
  expect(parser, "do");
  node->right = parse_list(parser, false);
  expect(parser, "done");
  return node;
}

static struct node *parse_for(struct parser *parser) {
  struct node *node = make(FOR, NULL, NULL);
  if (parser->token != WORD || !is_name(parser->word, strlen(parser->word))) {
    fail(parser, "for needs a variable");
    return node;
  }
  node->name = take_word(parser);
  skip_newlines(parser);
  if (is_word(parser, "in")) {
    node->in = true;
    advance(parser);
    while (parser->token == WORD) add_word(&node->words, take_word(parser));
  }
  if (parser->token == SEMICOLON) advance(parser);
  expect(parser, "do");
  node->right = parse_list(parser, false);
  expect(parser, "done");
  return node;
}

static struct node *parse_case(struct parser *parser) {
  struct node *node = make(CASE, NULL, NULL);
  if (parser->token != WORD) {
    fail(parser, "case needs a word");
    return node;
  }
  node->name = take_word(parser);
  expect(parser, "in");
  skip_newlines(parser);
  struct node **last = &node->next;
  while (!parser->failed && !is_word(parser, "esac")) {
    struct node *clause = *last = make(CASE, NULL, NULL);
    last = &clause->next;
    if (parser->token == OPEN) advance(parser);
    while (parser->token == WORD) {
      add_word(&clause->words, take_word(parser));
      if (parser->token != PIPE) break;
      advance(parser);
    }
    if (parser->token != CLOSE) {
      fail(parser, "a pattern of case ends in )");
      break;
    }
    advance(parser);
    clause->left = parse_list(parser, false);
    skip_newlines(parser);
    if (parser->token == DOUBLE_SEMICOLON) advance(parser);
    else if (!is_word(parser, "esac")) fail(parser, ";; or esac is expected");
    skip_newlines(parser);
  }
  if (!parser->failed) advance(parser);
  return node;
}

static bool is_assignment(const char *word) {
  const char *equals = strchr(word, '=');
  return equals && is_name(word, (size_t)(equals - word));
}

static struct node *parse_simple(struct parser *parser) {
  struct node *node = make(SIMPLE, NULL, NULL);
  while (!parser->failed) {
    if (take_redirect(parser, node)) continue;
    if (parser->token == OPEN && node->words.count == 1 && !node->assigns.count && !node->redirects) {
      advance(parser);
      if (parser->token != CLOSE) {
        fail(parser, "( is not expected here");
        break;
      }
      advance(parser);
      skip_newlines(parser);
      node->kind = FUNCTION;
      node->name = node->words.list[0];
      free(node->words.list);
      node->words = (struct words){0};
      node->left = parse_command(parser);
      return node;
    }
    if (parser->token != WORD) break;
    bool assigns = node->words.count == 0 && is_assignment(parser->word);
    add_word(assigns ? &node->assigns : &node->words, take_word(parser));
  }
  return node;
}

/* A command: one part of a pipeline. */
static struct node *parse_command(struct parser *parser) {
  struct node *node = NULL;
  if (++parser->depth > DEPTH_LIMIT) fail(parser, "commands are nested too deeply");
  if (parser->failed) return make(SIMPLE, NULL, NULL);
  if (parser->token == OPEN) {
    advance(parser);
    node = make(SUBSHELL, parse_list(parser, false), NULL);
    skip_newlines(parser);
    if (parser->token != CLOSE) fail(parser, ") is expected");
    else advance(parser);
  } else if (is_word(parser, "{")) {
    advance(parser);
    node = make(GROUP, parse_list(parser, false), NULL);
    expect(parser, "}");
  } else if (is_word(parser, "if")) {
    advance(parser);
    node = parse_if(parser);
  } else if (is_word(parser, "while") || is_word(parser, "until")) {
    enum node_kind kind = parser->word[0] == 'w' ? WHILE : UNTIL;
    advance(parser);
    node = parse_loop(parser, kind);
  } else if (is_word(parser, "for")) {
    advance(parser);
    node = parse_for(parser);
  } else if (is_word(parser, "case")) {
    advance(parser);
    node = parse_case(parser);
  } else if (parser->token == WORD || parser->token == LESS || parser->token == GREATER) {
    if (is_reserved(parser)) {
      char what[60];
      snprintf(what, sizeof what, "\"%.30s\" unexpected", parser->word);
      fail(parser, what);
    }
    node = parse_simple(parser);
  } else {
    fail(parser, parser->token == END || parser->token == NEWLINE ? "a command is expected" : "a command is expected before this operator");
    node = make(SIMPLE, NULL, NULL);
  }
  if (node->kind != SIMPLE && node->kind != FUNCTION) {
    while (!parser->failed && take_redirect(parser, node)) continue;
  }
  parser->depth--;
  return node;
}

static struct node *parse_pipeline(struct parser *parser) {
  bool negated = false;
  for (; is_word(parser, "!"); negated = !negated) advance(parser);
  struct node *first = parse_command(parser);
  if (parser->token != PIPE && !negated) return first;
  /* Each part is wrapped, for CASE uses `next` itself. */
  struct node *last = make(GROUP, first, NULL), *node = make(PIPELINE, last, NULL);
  node->negated = negated;
  while (parser->token == PIPE) {
    advance(parser);
    skip_newlines(parser);
    last = last->next = make(GROUP, parse_command(parser), NULL);
  }
  return node;
}

static struct node *parse_and_or(struct parser *parser) {
  struct node *node = parse_pipeline(parser);
  while (parser->token == AND_IF || parser->token == OR_IF) {
    enum node_kind kind = parser->token == AND_IF ? AND : OR;
    advance(parser);
    skip_newlines(parser);
    node = make(kind, node, parse_pipeline(parser));
  }
  return node;
}

static bool list_ends(const struct parser *parser) {
  return parser->token == END || parser->token == CLOSE || parser->token == DOUBLE_SEMICOLON || parser->token == WRONG ||
         is_reserved(parser);
}

static struct node *parse_list(struct parser *parser, bool stop_at_newline) {
  struct node *list = NULL;
  if (!stop_at_newline) skip_newlines(parser);
  while (!list_ends(parser)) {
    struct node *node = parse_and_or(parser);
    bool over = true, line = parser->token == NEWLINE;
    if (parser->token == AMPERSAND) node = make(BACKGROUND, node, NULL);
    list = list ? make(SEQUENCE, list, node) : node;
    if (parser->token == AMPERSAND || parser->token == SEMICOLON) {
      advance(parser);
      over = false;
      line = parser->token == NEWLINE;
    }
    if (line && stop_at_newline) break;
    if (line) {
      skip_newlines(parser);
      over = false;
    }
    if (over && !stop_at_newline && parser->token == END) skip_newlines(parser);
    else if (over) break;
  }
  if (!stop_at_newline && !list && !parser->failed && parser->token != DOUBLE_SEMICOLON && !is_word(parser, "esac")) {
    fail(parser, "a command is expected");
  }
  return list;
}

enum parsed parse(struct source *source, struct node **node) {
  struct parser parser = {.source = source};
  advance(&parser);
  *node = NULL;
  if (parser.token == END) return PARSED_NOTHING;
  if (parser.token != NEWLINE) {
    *node = parse_list(&parser, true);
    if (!parser.failed && parser.token != NEWLINE && parser.token != END) {
      fail(&parser, parser.token == WORD ? "this word is not expected" : "this operator is not expected");
    }
    if (parser.token == END) take_heres(&parser);
  }
  free(parser.word);
  if (!parser.failed) return PARSED;
  free_node(*node);
  *node = NULL;
  return PARSED_WRONG;
}

void free_node(struct node *node) {
  if (!node) return;
  free_node(node->left);
  free_node(node->right);
  free_node(node->third);
  free_node(node->next);
  free_words(&node->words);
  free_words(&node->assigns);
  for (struct redirect *redirect = node->redirects, *next; redirect; redirect = next) {
    next = redirect->next;
    free(redirect->word);
    free(redirect);
  }
  free(node->name);
  free(node);
}
