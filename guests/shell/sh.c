/*
 * sh.c: the shell as a command: its arguments, scripts, and lines from a terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nidus/process.h>

#include "sh.h"

extern char **environ;
struct shell shell;

/* ---- lines from standard input ---- */

static struct text typed;

/* Another line behind what there is; a byte at a time where commands read on from the same place. */
static char *one_line(void) {
  size_t before = typed.length;
  if (shell.interactive) {
    const char *prompt = variable(before ? "PS2" : "PS1");
    fflush(stdout);
    fputs(prompt ? prompt : before ? "> " : "$ ", stderr);
  }
  for (char c;;) {
    ssize_t count = read(0, &c, 1);
    if (count < 0 && errno == EINTR) {
      if (!shell.interrupted) continue;
      typed.length = 0;
      return NULL;
    }
    if (count <= 0) break;
    text_char(&typed, c);
    if (c == '\n') break;
  }
  return typed.length > before ? typed.bytes : NULL;
}

static int run_lines(void) {
  while (shell.leave == STAY) {
    typed.length = 0;
    shell.interrupted = false;
    char *line = one_line();
    if (!line) {
      if (shell.interrupted) {
        fputs("\n", stderr);
        continue;
      }
      break;
    }
    struct source source = {.text = line, .more = one_line};
    struct node *node;
    while (shell.leave == STAY && !shell.interrupted) {
      enum parsed parsed = parse(&source, &node);
      if (parsed == PARSED_NOTHING) break;
      if (parsed == PARSED_WRONG) {
        shell.status = 2;
        if (!shell.interactive) return 2;
        break;
      }
      if (node) run_node(node);
      free_node(node);
    }
    if (shell.interrupted) shell.status = 130;
  }
  if (shell.interactive && shell.leave == STAY) fputs("\n", stderr);
  return shell.status;
}

static void interrupt(int signal) {
  (void)signal;
  shell.interrupted = true;
}

/* ---- scripts ---- */

static char *whole_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) {
    complain("cannot open %s: %s", path, errno == ENOENT ? "No such file" : strerror(errno));
    return NULL;
  }
  struct text text = {0};
  text_add(&text, "", 0);
  char bytes[4096];
  for (size_t count; (count = fread(bytes, 1, sizeof bytes, file)) > 0;) text_add(&text, bytes, count);
  fclose(file);
  return text.bytes;
}

static int run_script(const char *path) {
  char *text = whole_file(path);
  return text ? run_text(text) : 127;
}

int sh_main(int argc, char **argv) {
  shell.name = argv[0];
  shell.pid = getpid();
  import_environment(environ);
  char *cwd = getcwd(NULL, 0);
  if (cwd) set_variable("PWD", cwd);
  free(cwd);
  int i = 1;
  bool text = false, forced = false, standard = false;
  for (; i < argc && (argv[i][0] == '-' || argv[i][0] == '+') && argv[i][1]; i++) {
    if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    }
    for (const char *flag = argv[i] + 1; *flag; flag++) {
      bool on = argv[i][0] == '-';
      if (*flag == 'c') text = on;
      else if (*flag == 'e') shell.ends_on_error = on;
      else if (*flag == 'x') shell.tells = on;
      else if (*flag == 'u') shell.unset_is_error = on;
      else if (*flag == 'i') forced = on;
      else if (*flag == 's') standard = on;
      else if (*flag != 'l') return complain("Illegal option -%c", *flag) + 1;
    }
  }
  if (text && i == argc) return complain("-c requires an argument") + 1;
  const char *what = i < argc && (text || !standard) ? argv[i++] : NULL;
  if (text && i < argc) shell.name = argv[i++];
  else if (!text && what) shell.name = what;
  shell.parameters = argv + i;
  shell.parameter_count = argc - i;
  int status;
  if (text) status = run_text(what);
  else if (what) status = run_script(what);
  else {
    shell.interactive = forced || (isatty(0) && isatty(2));
    if (shell.interactive) signal(SIGINT, interrupt);
    status = run_lines();
  }
  fflush(stdout);
  return status;
}
