/*
 * sh.h: the shell: from text to a tree of commands (sh_parse.c), from words to fields (sh_expand.c), and from the tree to
 * what runs (sh_run.c, sh_builtins.c). Variables and functions are in sh_vars.c.
 *
 * There is no fork. What has to run beside the shell and is no program (a loop in a pipeline, a subshell, $(...)) runs in
 * another shell, which is given the state and the tree as text (sh_text.c): each node can be written as shell text that
 * parses to the same node.
 */
#ifndef SHELL_SH_H
#define SHELL_SH_H

#include "util.h"

enum node_kind { SIMPLE, PIPELINE, AND, OR, SEQUENCE, BACKGROUND, SUBSHELL, GROUP, IF, WHILE, UNTIL, FOR, CASE, FUNCTION };

enum redirect_kind { READS, WRITES, APPENDS, BOTH, COPIES, HERE };

struct redirect {
  struct redirect *next;
  enum redirect_kind kind;
  int fd;
  bool plain;    /* HERE: the text is not to be expanded */
  char *word;    /* the file, the descriptor, or the text */
};

struct words {
  char **list; /* as written, quotes included */
  int count;
};

struct node {
  enum node_kind kind;
  struct node *left, *right, *third;
  struct node *next; /* of a pipeline, and the clauses of CASE */
  struct words words; /* of CASE's clauses the patterns */
  struct words assigns;
  struct redirect *redirects;
  char *name; /* FOR's variable, FUNCTION's name, CASE's word */
  bool negated;
  bool in; /* FOR has a list */
};

/* ---- sh_parse.c ---- */
struct source {
  const char *text;
  size_t at;
  /* More text when it ends amid a command; NULL when there is none. */
  char *(*more)(void);
};
enum parsed { PARSED, PARSED_NOTHING, PARSED_WRONG };
/* The next list up to a newline. What is wrong has been said. */
enum parsed parse(struct source *source, struct node **node);
void free_node(struct node *node);
/* The end of $(...), ${...}, `...`, quoted text that begins at `at`: behind it, or NULL when it does not end. */
const char *skip_substitution(const char *at);
bool is_name(const char *text, size_t length);

/* ---- sh_text.c ---- */
void node_text(const struct node *node, struct text *out);
void quote_text(const char *string, struct text *out);
/* All that another shell has to know. */
void state_text(struct text *out);

/* ---- sh_vars.c ---- */
const char *variable(const char *name);
void set_variable(const char *name, const char *value);
void export_variable(const char *name);
void unset_variable(const char *name);
void import_environment(char **environment);
/* NAME=VALUE of what is exported, with those of `extra` in front; free the list alone. */
char **environment(char *const *extra, int count);
void list_variables(bool exported_only);
void variables_text(struct text *out);
struct node *function_named(const char *name);
/* Takes the node. */
void define_function(const char *name, struct node *body);
bool forget_function(const char *name);
void functions_text(struct text *out);

/* ---- sh_expand.c ---- */
/* The fields of words: split, and patterns replaced by paths. */
struct words expand_words(const struct words *words);
/* One field, neither split nor matched; to be freed. `pattern`: quoted characters get a backslash. */
char *expand_word(const char *word, bool pattern);
/* The text of a here-document. */
char *expand_here(const char *text);
void free_words(struct words *words);
void add_word(struct words *words, char *word);
int64_t arithmetic(const char *text);

/* ---- sh_run.c ---- */
int run_node(struct node *node);
int run_text(const char *text);
/* What the commands in `text` write, without newlines at its end. */
char *output_of(const char *text);

/* ---- sh_builtins.c ---- */
typedef int (*builtin)(int argc, char **argv);
/* `special`: it works on the shell itself, so another shell, not a program, does it in a pipeline. */
builtin builtin_named(const char *name, bool *special);

/* ---- the shell itself ---- */
struct shell {
  const char *name; /* $0 */
  char **parameters;
  int parameter_count;
  int status;
  int last_background;
  int pid; /* $$: that of the outermost one */
  bool interactive;
  bool ends_on_error;  /* -e */
  bool tells;          /* -x */
  bool unset_is_error; /* -u */
  int condition;       /* depth of places where failure is asked for */
  int functions;       /* calls under way */
  int loops;
  int leave; /* BREAK and so on, of `levels` loops */
  int levels;
  bool interrupted;
  bool failed; /* a word could not be expanded */
};
enum { STAY, BREAK, CONTINUE, RETURN, EXIT };
extern struct shell shell;

/* A word cannot be expanded: its command is not run, and a shell that is not interactive ends. Says why. */
void expansion_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

int sh_main(int argc, char **argv);

#endif
