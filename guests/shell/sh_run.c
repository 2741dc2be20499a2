/*
 * sh_run.c: from nodes to what runs. Programs are spawned with their redirections as actions; what is the shell's own (a
 * builtin, a function, a loop) runs here, with descriptors put aside meanwhile; and where it would have to run beside
 * the shell, in another shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nidus/process.h>

#include "sh.h"

enum { NOT_FOUND = 127, CANNOT_RUN = 126, SIGNALLED = 128, ACTION_LIMIT = 48 };
/* A descriptor that no redirection names, with room for those that are put aside above it. */
enum { OWN_SHELL_FDS = 10 };

void expansion_error(const char *format, ...) {
  char sentence[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  complain("%s", sentence);
  shell.status = 2;
  shell.failed = true;
  if (!shell.interactive) shell.leave = EXIT;
}

/* ---- redirections ---- */

/* What is done to the descriptors, for a child or for the shell itself. */
struct plan {
  struct nidus_spawn_action actions[ACTION_LIMIT];
  uint32_t count;
  int opened[ACTION_LIMIT]; /* to be closed when it has been used */
  int opened_count;
};

static void plan_end(struct plan *plan) {
  for (int i = 0; i < plan->opened_count; i++) close(plan->opened[i]);
  plan->count = 0;
  plan->opened_count = 0;
}

static bool plan_add(struct plan *plan, uint32_t op, int fd, int to) {
  if (plan->count == ACTION_LIMIT) {
    complain("too many redirections");
    return false;
  }
  plan->actions[plan->count++] = (struct nidus_spawn_action){op, (uint32_t)fd, (uint32_t)to};
  return true;
}

static bool plan_open(struct plan *plan, int fd, int to) {
  if (!plan_add(plan, NIDUS_SPAWN_DUP2, fd, to)) {
    close(fd);
    return false;
  }
  plan->opened[plan->opened_count++] = fd;
  return true;
}

/* A file with this text, open for reading: it has no name any more. */
static int here_file(const char *text) {
  static unsigned number;
  char path[64];
  snprintf(path, sizeof path, "/tmp/sh-%d-%u", getpid(), number++);
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) return -1;
  unlink(path);
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t count = write(fd, text, length);
    if (count <= 0) break;
    text += count;
    length -= (size_t)count;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

static bool plan_redirect(struct plan *plan, const struct redirect *redirect) {
  if (redirect->kind == HERE) {
    char *text = redirect->plain ? need_copy(redirect->word) : expand_here(redirect->word);
    int fd = here_file(text);
    free(text);
    if (fd < 0) complain_errno("cannot make a here-document in /tmp");
    return fd >= 0 && plan_open(plan, fd, redirect->fd);
  }
  char *word = expand_word(redirect->word, false);
  bool done = false;
  if (redirect->kind == COPIES) {
    char *end;
    long from = strtol(word, &end, 10);
    if (strcmp(word, "-") == 0) done = plan_add(plan, NIDUS_SPAWN_CLOSE, redirect->fd, 0);
    else if (*end || end == word || from < 0) complain("%s: Bad file descriptor", word);
    else done = plan_add(plan, NIDUS_SPAWN_DUP2, (int)from, redirect->fd);
  } else {
    static const int flags[] = {O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND, O_RDWR | O_CREAT};
    int fd = open(word, flags[redirect->kind], 0666);
    struct stat stat_;
    if (fd >= 0 && redirect->kind != READS && fstat(fd, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
      close(fd);
      fd = -1;
      errno = EISDIR;
    }
    if (fd < 0) {
      const char *why = errno == ENOENT && redirect->kind == READS ? "cannot open %s" : "cannot create %s";
      char what[600];
      snprintf(what, sizeof what, redirect->kind == READS ? "cannot open %.500s" : why, word);
      complain_errno("%s", what);
    } else done = plan_open(plan, fd, redirect->fd);
  }
  free(word);
  return done;
}

static bool plan_redirects(struct plan *plan, const struct redirect *redirect) {
  for (; redirect; redirect = redirect->next) {
    if (!plan_redirect(plan, redirect)) return false;
  }
  return true;
}

/* The descriptors of the shell that are put aside while something runs in it with others. */
struct aside {
  int fd[ACTION_LIMIT], copy[ACTION_LIMIT];
  int count;
};

static bool apply_here(const struct plan *plan, struct aside *aside) {
  fflush(stdout);
  for (uint32_t i = 0; i < plan->count; i++) {
    const struct nidus_spawn_action *action = &plan->actions[i];
    int to = (int)(action->op == NIDUS_SPAWN_CLOSE ? action->fd : action->to);
    if (aside) {
      aside->fd[aside->count] = to;
      aside->copy[aside->count++] = dup(to); /* -1: it was closed */
    }
    if (action->op == NIDUS_SPAWN_CLOSE) close(to);
    else if (dup2((int)action->fd, to) < 0) {
      complain_errno("%u", (unsigned)action->fd);
      return false;
    }
  }
  return true;
}

static void put_back(struct aside *aside) {
  fflush(stdout);
  clearerr(stdout);
  while (aside->count-- > 0) {
    int fd = aside->fd[aside->count], copy = aside->copy[aside->count];
    if (copy < 0) close(fd);
    else {
      dup2(copy, fd);
      close(copy);
    }
  }
  aside->count = 0;
}

/* ---- waiting ---- */

static int status_of(int status) {
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  return SIGNALLED + WTERMSIG(status);
}

/* Waits for a child; ^C goes to it, too. */
static int wait_for(int pid, bool tells) {
  int status;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return NOT_FOUND;
    if (shell.interrupted) kill(pid, SIGINT);
  }
  int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  static const struct {
    int signal;
    const char *text;
  } texts[] = {{SIGABRT, "Aborted"}, {SIGKILL, "Killed"}, {SIGTERM, "Terminated"}, {SIGXCPU, "CPU time limit exceeded"}};
  for (size_t i = 0; tells && i < sizeof texts / sizeof texts[0]; i++) {
    if (texts[i].signal == signal) fprintf(stderr, "%s\n", texts[i].text);
  }
  if (tells && signal == SIGINT && shell.interactive) fputs("\n", stderr);
  return status_of(status);
}

/* ---- spawning ---- */

/* The program's path: found in PATH, or the name itself when nothing has it. To be freed. */
static char *program_path(const char *name) {
  if (strchr(name, '/')) return need_copy(name);
  const char *folders = variable("PATH");
  if (!folders) folders = "/usr/local/bin:/usr/bin:/bin";
  for (const char *at = folders;; at++) {
    size_t length = strcspn(at, ":");
    char *folder = need(length + 2);
    memcpy(folder, length ? at : ".", length ? length : 1);
    folder[length ? length : 1] = 0;
    char *path = path_of(folder, name);
    free(folder);
    struct stat stat_;
    if (stat(path, &stat_) == 0 && S_ISREG(stat_.st_mode)) return path;
    free(path);
    at += length;
    if (!*at) return need_copy(name);
  }
}

/* Whether the file is text for a shell to run; its #! line, if it has one, in `line`. */
static bool is_script(const char *path, char line[256]) {
  char start[256];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return false;
  ssize_t length = read(fd, start, sizeof start - 1);
  close(fd);
  line[0] = 0;
  if (length < 0 || (length >= 4 && memcmp(start, "\0asm", 4) == 0)) return false;
  start[length] = 0;
  if (memchr(start, 0, (size_t)length)) return false;
  if (strncmp(start, "#!", 2) == 0) {
    start[2 + strcspn(start + 2, "\r\n")] = 0;
    strcpy(line, start + 2);
  }
  return true;
}

static int spawn_path(int *pid, const char *path, const struct plan *plan, char **argv, char **env) {
  struct nidus_spawn how = {plan->actions, plan->count, strchr(path, '/') ? 0 : NIDUS_SPAWN_SEARCH, 0};
  return nidus_spawn(pid, path, &how, argv, env);
}

/* Starts a program or script. Answers 0, or the status that the command has instead. */
static int spawn_program(int *pid, const struct plan *plan, char **argv, int argc, char **env) {
  fflush(stdout);
  char *path = program_path(argv[0]), line[256];
  int error = 0;
  struct stat stat_;
  bool there = strchr(path, '/') && stat(path, &stat_) == 0 && S_ISREG(stat_.st_mode);
  if (there && is_script(path, line)) {
    char *interpreter = line + strspn(line, " \t"), *argument = interpreter + strcspn(interpreter, " \t");
    if (*argument) *argument++ = 0;
    argument += strspn(argument, " \t");
    char **list = need((size_t)(argc + 4) * sizeof *list);
    int count = 0;
    list[count++] = *interpreter ? interpreter : "/bin/sh";
    if (*argument) list[count++] = argument;
    list[count++] = path;
    for (int i = 1; i <= argc; i++) list[count++] = argv[i];
    error = spawn_path(pid, list[0], plan, list, env);
    free(list);
  } else {
    error = spawn_path(pid, path, plan, argv, env);
  }
  free(path);
  if (error == 0) return 0;
  errno = error;
  if (error == ENOENT) complain("%s: not found", argv[0]);
  else complain_errno("%s", argv[0]);
  return error == ENOENT ? NOT_FOUND : CANNOT_RUN;
}

static void free_environment(char **env) {
  for (char **each = env; *each; each++) free(*each);
  free(env);
}

/* Starts another shell for a text, with all that this one knows. */
static int spawn_shell(int *pid, const struct plan *plan, const char *text) {
  fflush(stdout);
  struct text script = {0};
  state_text(&script);
  text_string(&script, text);
  struct words argv = {0};
  const char *const start[] = {"sh", "-c", script.bytes, shell.name};
  for (int i = 0; i < 4; i++) add_word(&argv, need_copy(start[i]));
  for (int i = 0; i < shell.parameter_count; i++) add_word(&argv, need_copy(shell.parameters[i]));
  char **env = environment(NULL, 0);
  int error = spawn_path(pid, "/bin/sh", plan, argv.list, env);
  free_environment(env);
  free_words(&argv);
  free(script.bytes);
  if (error == 0) return 0;
  errno = error;
  complain_errno("cannot start another shell");
  return CANNOT_RUN;
}

static int spawn_node_text(int *pid, const struct plan *plan, const struct node *node) {
  struct text text = {0};
  node_text(node, &text);
  int error = spawn_shell(pid, plan, text.bytes);
  free(text.bytes);
  return error;
}

/* ---- simple commands ---- */

static void tell_words(const struct words *fields) {
  if (!shell.tells) return;
  fflush(stdout);
  fputs("+", stderr);
  for (int i = 0; i < fields->count; i++) fprintf(stderr, " %s", fields->list[i]);
  fputc('\n', stderr);
}

/* Assigns NAME=word: to variables, or, when `into` is there, to that list. */
static void assign(const struct words *assigns, struct words *into) {
  for (int i = 0; i < assigns->count; i++) {
    char *name = need_copy(assigns->list[i]), *equals = strchr(name, '=');
    *equals = 0;
    char *value = expand_word(equals + 1, false);
    if (into) {
      struct text text = {0};
      text_string(&text, name);
      text_char(&text, '=');
      text_string(&text, value);
      add_word(into, text.bytes);
    } else {
      set_variable(name, value);
    }
    free(value);
    free(name);
  }
}

static int run_function(struct node *body, struct words *fields) {
  char **parameters = shell.parameters;
  int count = shell.parameter_count;
  if (shell.functions >= 200) return complain("%s: functions call each other too deeply", fields->list[0]);
  shell.parameters = fields->list + 1;
  shell.parameter_count = fields->count - 1;
  shell.functions++;
  int loops = shell.loops;
  shell.loops = 0;
  int status = run_node(body);
  shell.loops = loops;
  shell.functions--;
  if (shell.leave == RETURN) {
    shell.leave = STAY;
    status = shell.status;
  }
  shell.parameters = parameters;
  shell.parameter_count = count;
  return status;
}

/* A builtin or function, in the shell itself. `exec` and `:` and the like keep what they redirect. */
static int run_here(builtin run, struct node *function, struct words *fields, const struct node *node) {
  struct plan plan = {0};
  struct aside aside = {0};
  bool stays = run && strcmp(fields->list[0], "exec") == 0;
  int status = 2;
  /* Variables in front are for the command alone. */
  struct words before = {0};
  for (int i = 0; i < node->assigns.count; i++) {
    char *name = need_copy(node->assigns.list[i]);
    *strchr(name, '=') = 0;
    const char *value = variable(name);
    add_word(&before, name);
    add_word(&before, value ? need_copy(value) : NULL);
  }
  assign(&node->assigns, NULL);
  if (plan_redirects(&plan, node->redirects) && apply_here(&plan, stays ? NULL : &aside)) {
    plan_end(&plan);
    const char *name = command_name;
    if (run && !function) command_name = fields->list[0];
    status = function ? run_function(function, fields) : run(fields->count, fields->list);
    command_name = name;
  }
  plan_end(&plan);
  put_back(&aside);
  for (int i = 0; i < before.count; i += 2) {
    if (before.list[i + 1]) set_variable(before.list[i], before.list[i + 1]);
    else unset_variable(before.list[i]);
  }
  free_words(&before);
  return status;
}

/* A word could not be expanded; to be asked once. */
static bool expansion_failed(void) {
  bool failed = shell.failed;
  shell.failed = false;
  return failed;
}

static int run_simple(struct node *node) {
  struct words fields = expand_words(&node->words);
  int status = 0;
  bool special;
  if (expansion_failed()) {
    free_words(&fields);
    return 2;
  }
  if (fields.count == 0) {
    struct plan plan = {0};
    shell.status = 0;
    assign(&node->assigns, NULL);
    status = plan_redirects(&plan, node->redirects) ? shell.status : 2;
    if (expansion_failed()) status = 2;
    plan_end(&plan);
    free_words(&fields);
    return status;
  }
  tell_words(&fields);
  struct node *function = function_named(fields.list[0]);
  builtin run = builtin_named(fields.list[0], &special);
  if (function || run) {
    status = run_here(run, function, &fields, node);
  } else {
    struct plan plan = {0};
    struct words extra = {0};
    int pid;
    assign(&node->assigns, &extra);
    char **env = environment(extra.list, extra.count);
    bool ready = plan_redirects(&plan, node->redirects);
    if (expansion_failed()) status = 2;
    else status = ready ? spawn_program(&pid, &plan, fields.list, fields.count, env) : 2;
    bool spawned = status == 0;
    plan_end(&plan);
    free_environment(env);
    free_words(&extra);
    if (spawned) status = wait_for(pid, true);
  }
  free_words(&fields);
  return status;
}

/* ---- what runs beside the shell ---- */

/* Starts a node with a plan; answers 0, or its status instead. */
static int start_node(struct node *node, struct plan *plan, int *pid) {
  bool special = true;
  if (node->kind != SIMPLE || node->words.count == 0) return spawn_node_text(pid, plan, node);
  struct words fields = expand_words(&node->words);
  bool own = fields.count == 0 || function_named(fields.list[0]) || (builtin_named(fields.list[0], &special) && special);
  int status = 0;
  if (own) {
    status = spawn_node_text(pid, plan, node);
  } else {
    struct words extra = {0};
    tell_words(&fields);
    assign(&node->assigns, &extra);
    char **env = environment(extra.list, extra.count);
    status = plan_redirects(plan, node->redirects) ? spawn_program(pid, plan, fields.list, fields.count, env) : 2;
    free_environment(env);
    free_words(&extra);
  }
  free_words(&fields);
  return status;
}

static int run_pipeline(struct node *node) {
  int count = 0;
  for (struct node *part = node->left; part; part = part->next) count++;
  if (count == 1) {
    shell.condition++;
    int status = run_node(node->left->left);
    shell.condition--;
    return node->negated ? !status : status;
  }
  int *pids = need((size_t)count * sizeof *pids), reads = -1, status = 0, i = 0;
  for (struct node *part = node->left; part; part = part->next, i++) {
    struct plan plan = {0};
    int fds[2] = {-1, -1};
    if (part->next && pipe(fds) < 0) {
      complain_errno("a pipe cannot be made");
      fds[0] = fds[1] = -1;
    }
    if (reads >= 0) plan_open(&plan, reads, 0);
    if (fds[1] >= 0) plan_open(&plan, fds[1], 1);
    pids[i] = 0;
    status = start_node(part->left, &plan, &pids[i]);
    if (status != 0) pids[i] = 0;
    plan_end(&plan);
    reads = fds[0];
  }
  for (i = 0; i < count; i++) {
    int code = pids[i] ? wait_for(pids[i], i == count - 1) : status;
    if (i == count - 1) status = code;
  }
  free(pids);
  return node->negated ? !status : status;
}

static int run_background(struct node *node) {
  struct plan plan = {0};
  int pid = 0, null = open("/dev/null", O_RDONLY);
  if (null >= 0) plan_open(&plan, null, 0);
  int status = start_node(node->left, &plan, &pid);
  plan_end(&plan);
  if (status == 0) {
    shell.last_background = pid;
    if (shell.interactive) fprintf(stderr, "%d\n", pid);
  }
  return status;
}

static int run_subshell(struct node *node) {
  struct plan plan = {0};
  int pid = 0, status = spawn_node_text(&pid, &plan, node->left);
  return status ? status : wait_for(pid, true);
}

char *output_of(const char *text) {
  int fds[2], pid;
  struct text output = {0};
  text_add(&output, "", 0);
  if (pipe(fds) < 0) expansion_error("a pipe cannot be made");
  struct plan plan = {0};
  plan_open(&plan, fds[1], 1);
  /* A single program needs no shell around it. */
  struct source source = {.text = text};
  struct node *node = NULL;
  char *trimmed = need_copy(text);
  source.text = trimmed;
  enum parsed parsed = parse(&source, &node);
  bool simple = parsed == PARSED && node && node->kind == SIMPLE && !trimmed[source.at + strspn(trimmed + source.at, " \t\n")];
  int status = parsed == PARSED_WRONG ? 2 : simple ? start_node(node, &plan, &pid) : spawn_shell(&pid, &plan, text);
  free_node(node);
  free(trimmed);
  plan_end(&plan);
  char bytes[4096];
  while (status == 0) {
    ssize_t count = read(fds[0], bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    for (ssize_t i = 0; i < count; i++) {
      if (bytes[i]) text_char(&output, bytes[i]);
    }
  }
  close(fds[0]);
  shell.status = status ? status : wait_for(pid, true);
  while (output.length > 0 && output.bytes[output.length - 1] == '\n') output.bytes[--output.length] = 0;
  return output.bytes;
}

/* ---- compound commands ---- */

static bool asks(struct node *node) {
  shell.condition++;
  int status = run_node(node);
  shell.condition--;
  return status == 0;
}

/* After a loop's body: whether the loop is left. */
static bool leaves(void) {
  if (shell.interrupted) return true;
  if (shell.leave == STAY) return false;
  if (shell.leave != BREAK && shell.leave != CONTINUE) return true;
  if (--shell.levels > 0) return true;
  bool stops = shell.leave == BREAK;
  shell.leave = STAY;
  return stops;
}

static int run_loop(struct node *node) {
  int status = 0;
  shell.loops++;
  while (asks(node->left) == (node->kind == WHILE) && shell.leave == STAY) {
    status = run_node(node->right);
    if (leaves()) break;
  }
  if (shell.leave == BREAK || shell.leave == CONTINUE) (void)leaves();
  shell.loops--;
  return status;
}

static int run_for(struct node *node) {
  int status = 0;
  static char *all[] = {"\"$@\""};
  struct words parameters = {all, 1}, fields = expand_words(node->in ? &node->words : &parameters);
  shell.loops++;
  for (int i = 0; i < fields.count; i++) {
    set_variable(node->name, fields.list[i]);
    status = run_node(node->right);
    if (leaves()) break;
  }
  shell.loops--;
  free_words(&fields);
  return status;
}

static int run_case(struct node *node) {
  char *word = expand_word(node->name, false);
  int status = 0;
  for (struct node *clause = node->next; clause; clause = clause->next) {
    bool found = false;
    for (int i = 0; i < clause->words.count && !found; i++) {
      char *pattern = expand_word(clause->words.list[i], true);
      found = matches(pattern, word);
      free(pattern);
    }
    if (!found) continue;
    if (clause->left) status = run_node(clause->left);
    break;
  }
  free(word);
  return status;
}

static struct node *copy_of(const struct node *node) {
  struct text text = {0};
  struct node *copy = NULL;
  node_text(node, &text);
  struct source source = {.text = text.bytes};
  (void)parse(&source, &copy);
  free(text.bytes);
  return copy;
}

static int run_kind(struct node *node) {
  switch (node->kind) {
    case SIMPLE: return run_simple(node);
    case PIPELINE: return run_pipeline(node);
    case AND: return asks(node->left) && shell.leave == STAY ? run_node(node->right) : shell.status;
    case OR: return !asks(node->left) && shell.leave == STAY ? run_node(node->right) : shell.status;
    case SEQUENCE: {
      int status = run_node(node->left);
      return shell.leave == STAY && !shell.interrupted && node->right ? run_node(node->right) : status;
    }
    case BACKGROUND: return run_background(node);
    case SUBSHELL: return run_subshell(node);
    case GROUP: return run_node(node->left);
    case IF:
      if (asks(node->left)) return shell.leave == STAY ? run_node(node->right) : shell.status;
      return shell.leave == STAY && node->third ? run_node(node->third) : 0;
    case WHILE:
    case UNTIL: return run_loop(node);
    case FOR: return run_for(node);
    case CASE: return run_case(node);
    default: define_function(node->name, copy_of(node->left)); return 0;
  }
}

int run_node(struct node *node) {
  if (!node) return shell.status = 0;
  int status;
  if (node->redirects && node->kind != SIMPLE) {
    struct plan plan = {0};
    struct aside aside = {0};
    status = 2;
    if (plan_redirects(&plan, node->redirects) && apply_here(&plan, &aside)) {
      plan_end(&plan);
      status = run_kind(node);
    }
    plan_end(&plan);
    put_back(&aside);
  } else {
    status = run_kind(node);
  }
  if (shell.leave != EXIT || node->kind == SIMPLE) {
    if (shell.leave == STAY || node->kind == SIMPLE) shell.status = shell.leave == STAY ? status : shell.status;
  }
  bool list = node->kind == AND || node->kind == OR || node->kind == SEQUENCE || node->kind == GROUP || node->kind == IF ||
              node->kind == WHILE || node->kind == UNTIL || node->kind == FOR || node->kind == CASE;
  bool negated = node->kind == PIPELINE && node->negated;
  if (status != 0 && shell.ends_on_error && shell.condition == 0 && !list && !negated) shell.leave = shell.leave == STAY ? EXIT : shell.leave;
  return shell.status;
}

int run_text(const char *text) {
  struct source source = {.text = text};
  while (shell.leave == STAY && !shell.interrupted) {
    struct node *node;
    enum parsed parsed = parse(&source, &node);
    if (parsed == PARSED_NOTHING) break;
    if (parsed == PARSED_WRONG) {
      shell.status = 2;
      break;
    }
    if (node) run_node(node);
    free_node(node);
  }
  return shell.status;
}
