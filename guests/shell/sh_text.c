/*
 * sh_text.c: from nodes back to text, and the shell's state as text: what another shell is started with.
 */
#include <stdlib.h>
#include <string.h>

#include "sh.h"

void quote_text(const char *string, struct text *out) {
  text_char(out, '\'');
  for (; *string; string++) {
    if (*string == '\'') text_string(out, "'\\''");
    else text_char(out, *string);
  }
  text_char(out, '\'');
}

static void words_text(const struct words *words, const char *between, struct text *out) {
  for (int i = 0; i < words->count; i++) {
    if (i > 0) text_string(out, between);
    text_string(out, words->list[i]);
  }
}

/* A here-document becomes what our parser takes behind <<<, its last newline being implied. */
static void here_text(const struct redirect *redirect, struct text *out) {
  char *body = redirect->plain ? need_copy(redirect->word) : expand_here(redirect->word);
  size_t length = strlen(body);
  if (length > 0 && body[length - 1] == '\n') {
    body[length - 1] = 0;
    text_string(out, "<<<");
    quote_text(body, out);
  } else {
    text_string(out, "</dev/null");
  }
  free(body);
}

static void redirects_text(const struct redirect *redirect, struct text *out) {
  static const char *const operators[] = {"<", ">", ">>", "<>", ">&"};
  for (; redirect; redirect = redirect->next) {
    char number[16];
    snprintf(number, sizeof number, " %d", redirect->fd);
    text_string(out, number);
    if (redirect->kind == HERE) {
      here_text(redirect, out);
      continue;
    }
    text_string(out, operators[redirect->kind]);
    text_string(out, redirect->word);
  }
}

static void part(const char *before, const struct node *node, const char *after, struct text *out) {
  text_string(out, before);
  if (node) node_text(node, out);
  else text_char(out, ':');
  text_string(out, after);
}

void node_text(const struct node *node, struct text *out) {
  switch (node->kind) {
    case SIMPLE:
      words_text(&node->assigns, " ", out);
      if (node->assigns.count && node->words.count) text_char(out, ' ');
      words_text(&node->words, " ", out);
      break;
    case PIPELINE:
      if (node->negated) text_string(out, "! ");
      for (const struct node *each = node->left; each; each = each->next) {
        part(each == node->left ? "" : " | ", each->left, "", out);
      }
      break;
    case AND:
    case OR:
      part("", node->left, node->kind == AND ? " && " : " || ", out);
      part("", node->right, "", out);
      break;
    case SEQUENCE:
      part("", node->left, "\n", out);
      part("", node->right, "", out);
      break;
    case BACKGROUND:
      /* Alone in its group, so that what follows is not part of it. */
      part("{ ", node->left, " & }", out);
      break;
    case SUBSHELL:
      part("(", node->left, "\n)", out);
      break;
    case GROUP:
      part("{ ", node->left, "\n}", out);
      break;
    case IF:
      part("if ", node->left, "\nthen ", out);
      part("", node->right, "\n", out);
      if (node->third) part("else ", node->third, "\n", out);
      text_string(out, "fi");
      break;
    case WHILE:
    case UNTIL:
      part(node->kind == WHILE ? "while " : "until ", node->left, "\ndo ", out);
      part("", node->right, "\ndone", out);
      break;
    case FOR:
      text_string(out, "for ");
      text_string(out, node->name);
      if (node->in) {
        text_string(out, " in ");
        words_text(&node->words, " ", out);
      }
      part("\ndo ", node->right, "\ndone", out);
      break;
    case CASE:
      text_string(out, "case ");
      text_string(out, node->name);
      text_string(out, " in\n");
      for (const struct node *clause = node->next; clause; clause = clause->next) {
        text_char(out, '(');
        words_text(&clause->words, "|", out);
        part(") ", clause->left, "\n;;\n", out);
      }
      text_string(out, "esac");
      break;
    case FUNCTION:
      text_string(out, node->name);
      part("() ", node->left, "", out);
      break;
  }
  redirects_text(node->redirects, out);
}

void state_text(struct text *out) {
  char line[80];
  variables_text(out);
  functions_text(out);
  snprintf(line, sizeof line, "set -%s%s\n", shell.ends_on_error ? "e" : "", shell.unset_is_error ? "u" : "");
  if (line[5] != '\n') text_string(out, line);
  snprintf(line, sizeof line, "_status %d %d\n", shell.status, shell.pid);
  text_string(out, line);
}
