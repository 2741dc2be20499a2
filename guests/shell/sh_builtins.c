/*
 * sh_builtins.c: the commands that are the shell's own: those that work on it, and some that are spared a process.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nidus/process.h>

#include "sh.h"

static int do_nothing(int argc, char **argv) {
  (void)argc, (void)argv;
  return 0;
}

static int do_cd(int argc, char **argv) {
  const char *to = argc > 1 ? argv[1] : variable("HOME");
  if (!to) return complain("HOME not set") + 1;
  bool back = strcmp(to, "-") == 0;
  if (back) to = variable("OLDPWD");
  if (!to) return complain("OLDPWD not set") + 1;
  char *before = getcwd(NULL, 0);
  if (chdir(to) < 0) {
    free(before);
    complain("can't cd to %s", to);
    return 2;
  }
  char *after = getcwd(NULL, 0);
  if (before) set_variable("OLDPWD", before);
  if (after) set_variable("PWD", after);
  if (back && after) puts(after);
  free(before);
  free(after);
  return 0;
}

/* The number that an argument is, or -1, and a sentence. */
static int number_of(const char *text) {
  char *end;
  long number = strtol(text, &end, 10);
  if (*text && !*end && number >= 0 && number < 1 << 30) return (int)number;
  complain("Illegal number: %s", text);
  return -1;
}

static int leave(int how, int argc, char **argv) {
  int number = argc > 1 ? number_of(argv[1]) : shell.status;
  shell.leave = how;
  return shell.status = number < 0 ? 2 : number & 255;
}

static int do_exit(int argc, char **argv) { return leave(EXIT, argc, argv); }

static int do_return(int argc, char **argv) { return leave(shell.functions > 0 ? RETURN : EXIT, argc, argv); }

static int do_break(int argc, char **argv) {
  int levels = argc > 1 ? number_of(argv[1]) : 1;
  if (levels < 1) return 2;
  if (shell.loops == 0) return 0;
  shell.levels = levels < shell.loops ? levels : shell.loops;
  shell.leave = strcmp(argv[0], "break") == 0 ? BREAK : CONTINUE;
  return shell.status = 0;
}

static int do_export(int argc, char **argv) {
  if (argc == 1 || (argc == 2 && strcmp(argv[1], "-p") == 0)) list_variables(true);
  for (int i = 1; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals) *equals = 0;
    if (!is_name(argv[i], strlen(argv[i]))) {
      if (strcmp(argv[i], "-p") != 0) return complain("%s: bad variable name", argv[i]) + 1;
      continue;
    }
    if (equals) set_variable(argv[i], equals + 1);
    export_variable(argv[i]);
  }
  return 0;
}

static int do_unset(int argc, char **argv) {
  bool functions = argc > 1 && strcmp(argv[1], "-f") == 0;
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-') continue;
    if (functions) (void)forget_function(argv[i]);
    else unset_variable(argv[i]);
  }
  return 0;
}

static int do_set(int argc, char **argv) {
  if (argc == 1) list_variables(false);
  int i = 1;
  for (; i < argc && (argv[i][0] == '-' || argv[i][0] == '+') && argv[i][1]; i++) {
    if (strcmp(argv[i], "--") == 0) break;
    for (const char *flag = argv[i] + 1; *flag; flag++) {
      bool on = argv[i][0] == '-';
      if (*flag == 'e') shell.ends_on_error = on;
      else if (*flag == 'x') shell.tells = on;
      else if (*flag == 'u') shell.unset_is_error = on;
      else return complain("Illegal option -%c", *flag) + 1;
    }
  }
  bool marked = i < argc && strcmp(argv[i], "--") == 0;
  if (i == argc) return 0;
  i += marked;
  struct words parameters = {0};
  for (; i < argc; i++) add_word(&parameters, need_copy(argv[i]));
  shell.parameters = parameters.list;
  shell.parameter_count = parameters.count;
  return 0;
}

static int do_shift(int argc, char **argv) {
  int count = argc > 1 ? number_of(argv[1]) : 1;
  if (count < 0) return 2;
  if (count > shell.parameter_count) return complain("can't shift that many") + 1;
  shell.parameters += count;
  shell.parameter_count -= count;
  return 0;
}

/* A byte at a time, for what follows the line is another command's. */
static int do_read(int argc, char **argv) {
  bool raw = false;
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; i++) {
    if (strcmp(argv[i], "-r") == 0) raw = true;
    else if (strcmp(argv[i], "-p") == 0 && i + 1 < argc) fputs(argv[++i], stderr);
    else return complain("Illegal option %s", argv[i]) + 1;
  }
  fflush(stdout);
  struct text line = {0}, kinds = {0};
  text_add(&line, "", 0);
  int status = 1;
  for (char c; read(0, &c, 1) == 1;) {
    if (c == '\\' && !raw) {
      if (read(0, &c, 1) != 1) break;
      if (c == '\n') continue;
      text_char(&line, c);
      text_char(&kinds, 1);
      continue;
    }
    if (c == '\n') {
      status = 0;
      break;
    }
    text_char(&line, c);
    text_char(&kinds, 0);
  }
  const char *ifs = variable("IFS");
  if (!ifs) ifs = " \t\n";
  size_t at = 0;
#define SPLITS(i) (!kinds.bytes[i] && line.bytes[i] && strchr(ifs, line.bytes[i]))
#define BLANK(i) (SPLITS(i) && strchr(" \t\n", line.bytes[i]))
  while (at < line.length && BLANK(at)) at++;
  if (i == argc) set_variable("REPLY", line.bytes + at);
  for (; i < argc; i++) {
    size_t end = at;
    if (i == argc - 1) {
      end = line.length;
      while (end > at && BLANK(end - 1)) end--;
    } else {
      while (end < line.length && !SPLITS(end)) end++;
    }
    struct text value = {0};
    text_add(&value, line.bytes + at, end - at);
    set_variable(argv[i], value.bytes);
    free(value.bytes);
    at = end;
    while (at < line.length && BLANK(at)) at++;
    if (at < line.length && SPLITS(at) && i < argc - 1) at++;
    while (at < line.length && BLANK(at)) at++;
  }
  free(line.bytes);
  free(kinds.bytes);
  return status;
}

static int do_dot(int argc, char **argv) {
  if (argc < 2) return complain("a file is needed") + 1;
  FILE *file = fopen(argv[1], "r");
  if (!file) return complain("cannot open %s", argv[1]) + 1;
  struct text text = {0}, line = {0};
  text_add(&text, "", 0);
  while (read_line(file, &line)) text_add(&text, line.bytes, line.length);
  fclose(file);
  shell.functions++; /* `return` ends the file */
  int status = run_text(text.bytes);
  shell.functions--;
  if (shell.leave == RETURN) shell.leave = STAY;
  free(text.bytes);
  free(line.bytes);
  return status;
}

static int do_eval(int argc, char **argv) {
  struct text text = {0};
  text_add(&text, "", 0);
  for (int i = 1; i < argc; i++) {
    if (i > 1) text_char(&text, ' ');
    text_string(&text, argv[i]);
  }
  shell.status = 0;
  int status = run_text(text.bytes);
  free(text.bytes);
  return status;
}

/* With a command: it runs, and the shell ends as it did. */
static int do_exec(int argc, char **argv) {
  if (argc == 1) return 0;
  struct text text = {0};
  for (int i = 1; i < argc; i++) {
    quote_text(argv[i], &text);
    text_char(&text, ' ');
  }
  int status = run_text(text.bytes);
  free(text.bytes);
  shell.leave = EXIT;
  return shell.status = status;
}

static int do_wait(int argc, char **argv) {
  int status = 0, code = 0;
  if (argc == 1) {
    while (waitpid(-1, &status, 0) > 0 || errno == EINTR) continue;
    return 0;
  }
  for (int i = 1; i < argc; i++) {
    int pid = number_of(argv[i]);
    if (pid < 0) return 2;
    code = waitpid(pid, &status, 0) < 0 ? 127 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return code;
}

static int do_kill(int argc, char **argv) {
  static const struct {
    const char *name;
    int signal;
  } names[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"TERM", SIGTERM},
               {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT}};
  int signal = SIGTERM, i = 1, status = 0;
  if (argc > 1 && argv[1][0] == '-') {
    const char *name = argv[1] + 1;
    if (strcmp(name, "s") == 0 && argc > 2) name = argv[++i];
    i++;
    if (strncmp(name, "SIG", 3) == 0) name += 3;
    signal = *name >= '0' && *name <= '9' ? number_of(name) : -1;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
      if (strcmp(names[n].name, name) == 0) signal = names[n].signal;
    }
    if (signal < 0) return complain("bad signal %s", name) + 1;
  }
  if (i == argc) return complain("usage: kill [-SIGNAL] PID...") + 1;
  for (; i < argc; i++) {
    bool group = argv[i][0] == '-';
    int pid = number_of(argv[i] + group);
    if (pid < 0) status = 2;
    else if (kill(group ? -pid : pid, signal) < 0) status = complain_errno("%s", argv[i]);
  }
  return status;
}

/* What a name would run. */
static int do_command(int argc, char **argv) {
  if (argc < 2) return 0;
  bool asks = strcmp(argv[0], "type") == 0 || strcmp(argv[1], "-v") == 0;
  if (!asks) {
    struct node *function = function_named(argv[1]);
    struct text text = {0};
    for (int i = 1; i < argc; i++) {
      quote_text(argv[i], &text);
      text_char(&text, ' ');
    }
    (void)function;
    int status = run_text(text.bytes);
    free(text.bytes);
    return status;
  }
  bool type = strcmp(argv[0], "type") == 0, special;
  int status = 0;
  for (int i = type ? 1 : 2; i < argc; i++) {
    if (function_named(argv[i])) {
      printf(type ? "%s is a shell function\n" : "%s\n", argv[i]);
      continue;
    }
    if (builtin_named(argv[i], &special)) {
      printf(type ? "%s is a shell builtin\n" : "%s\n", argv[i]);
      continue;
    }
    const char *folders = variable("PATH");
    bool found = false;
    for (const char *at = folders ? folders : "/bin"; *at && !found; at += *at == ':') {
      size_t length = strcspn(at, ":");
      struct text path = {0};
      text_add(&path, at, length);
      text_char(&path, '/');
      text_string(&path, argv[i]);
      struct stat stat_;
      found = stat(path.bytes, &stat_) == 0 && S_ISREG(stat_.st_mode);
      if (found && type) printf("%s is %s\n", argv[i], path.bytes);
      else if (found) puts(path.bytes);
      free(path.bytes);
      at += length;
    }
    if (found) continue;
    if (type) printf("%s: not found\n", argv[i]);
    status = type ? 127 : 127;
  }
  return status;
}

/* What another shell is told of this one (sh_text.c). */
static int do_status(int argc, char **argv) {
  if (argc < 3) return 0;
  shell.pid = atoi(argv[2]);
  return atoi(argv[1]);
}

builtin builtin_named(const char *name, bool *special) {
  static const struct {
    const char *name;
    builtin run;
  } own[] = {{":", do_nothing},     {".", do_dot},         {"break", do_break}, {"cd", do_cd},       {"command", do_command},
             {"continue", do_break}, {"eval", do_eval},     {"exec", do_exec},   {"exit", do_exit},   {"export", do_export},
             {"kill", do_kill},     {"local", do_export},  {"read", do_read},   {"readonly", do_export},
             {"return", do_return}, {"set", do_set},       {"shift", do_shift}, {"type", do_command}, {"unset", do_unset},
             {"wait", do_wait},     {"_status", do_status}};
  *special = true;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    if (strcmp(own[i].name, name) == 0) return own[i].run;
  }
  static const char *const spared[] = {"[", "echo", "false", "printf", "pwd", "test", "true"};
  *special = false;
  for (size_t i = 0; i < sizeof spared / sizeof spared[0]; i++) {
    if (strcmp(spared[i], name) == 0) return command_named(name);
  }
  return NULL;
}
