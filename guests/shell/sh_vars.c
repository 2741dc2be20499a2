/*
 * sh_vars.c: variables and functions of the shell, as sorted lists, which are short.
 */
#include <stdlib.h>
#include <string.h>

#include "sh.h"

struct variable {
  char *name;
  char *value; /* NULL: exported before it is set */
  bool exported;
  struct node *body; /* of a function */
};

struct table {
  struct variable *list;
  int count, capacity;
};

static struct table variables, functions;

/* Where the name is, or would be. */
static int place(const struct table *table, const char *name, bool *found) {
  int low = 0, high = table->count;
  *found = false;
  while (low < high && !*found) {
    int middle = (low + high) / 2, order = strcmp(table->list[middle].name, name);
    *found = order == 0;
    if (order == 0) low = middle;
    else if (order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

static struct variable *find(const struct table *table, const char *name) {
  bool found;
  int at = place(table, name, &found);
  return found ? &table->list[at] : NULL;
}

static struct variable *make(struct table *table, const char *name) {
  bool found;
  int at = place(table, name, &found);
  if (found) return &table->list[at];
  if (table->count == table->capacity) {
    table->capacity = table->capacity ? table->capacity * 2 : 32;
    table->list = need_more(table->list, (size_t)table->capacity * sizeof *table->list);
  }
  memmove(table->list + at + 1, table->list + at, (size_t)(table->count++ - at) * sizeof *table->list);
  table->list[at] = (struct variable){.name = need_copy(name)};
  return &table->list[at];
}

static void forget(struct table *table, struct variable *variable) {
  free(variable->name);
  free(variable->value);
  free_node(variable->body);
  int at = (int)(variable - table->list);
  memmove(variable, variable + 1, (size_t)(--table->count - at) * sizeof *variable);
}

const char *variable(const char *name) {
  struct variable *found = find(&variables, name);
  return found ? found->value : NULL;
}

void set_variable(const char *name, const char *value) {
  char *copy = need_copy(value); /* which may be the old one */
  struct variable *variable = make(&variables, name);
  free(variable->value);
  variable->value = copy;
}

void export_variable(const char *name) { make(&variables, name)->exported = true; }

void unset_variable(const char *name) {
  struct variable *found = find(&variables, name);
  if (found) forget(&variables, found);
}

void import_environment(char **given) {
  for (; *given; given++) {
    const char *equals = strchr(*given, '=');
    if (!equals || !is_name(*given, (size_t)(equals - *given))) continue;
    char *name = need_copy(*given);
    name[equals - *given] = 0;
    set_variable(name, equals + 1);
    export_variable(name);
    free(name);
  }
}

char **environment(char *const *extra, int count) {
  char **list = need((size_t)(variables.count + count + 1) * sizeof *list);
  int used = 0;
  for (; used < count; used++) list[used] = need_copy(extra[used]);
  for (int i = 0; i < variables.count; i++) {
    const struct variable *variable = &variables.list[i];
    if (!variable->exported || !variable->value) continue;
    size_t length = strlen(variable->name);
    bool given = false;
    for (int e = 0; e < count; e++) given |= strncmp(extra[e], variable->name, length) == 0 && extra[e][length] == '=';
    if (given) continue;
    struct text text = {0};
    text_string(&text, variable->name);
    text_char(&text, '=');
    text_string(&text, variable->value);
    list[used++] = text.bytes;
  }
  list[used] = NULL;
  return list;
}

void list_variables(bool exported_only) {
  for (int i = 0; i < variables.count; i++) {
    const struct variable *variable = &variables.list[i];
    if ((exported_only && !variable->exported) || (!exported_only && !variable->value)) continue;
    struct text text = {0};
    if (exported_only) text_string(&text, "export ");
    text_string(&text, variable->name);
    if (variable->value) {
      text_char(&text, '=');
      quote_text(variable->value, &text);
    }
    puts(text.bytes);
    free(text.bytes);
  }
}

void variables_text(struct text *out) {
  for (int i = 0; i < variables.count; i++) {
    const struct variable *variable = &variables.list[i];
    if (variable->exported || !variable->value) continue;
    text_string(out, variable->name);
    text_char(out, '=');
    quote_text(variable->value, out);
    text_char(out, '\n');
  }
}

struct node *function_named(const char *name) {
  struct variable *found = find(&functions, name);
  return found ? found->body : NULL;
}

void define_function(const char *name, struct node *body) {
  struct variable *function = make(&functions, name);
  if (shell.functions == 0) free_node(function->body); /* else it may be running: it stays */
  function->body = body;
}

bool forget_function(const char *name) {
  struct variable *found = find(&functions, name);
  if (found && shell.functions > 0) found->body = NULL;
  if (found) forget(&functions, found);
  return found != NULL;
}

void functions_text(struct text *out) {
  for (int i = 0; i < functions.count; i++) {
    text_string(out, functions.list[i].name);
    text_string(out, "() ");
    node_text(functions.list[i].body, out);
    text_char(out, '\n');
  }
}
