/*
 * main.c: one program that is the shell and all small commands: which one, its name says.
 */
#include <stdlib.h>
#include <string.h>

#include "sh.h"

int cat_main(int, char **), cp_main(int, char **), du_main(int, char **), echo_main(int, char **), env_main(int, char **),
    false_main(int, char **), find_main(int, char **), grep_main(int, char **), head_main(int, char **),
    ln_main(int, char **), ls_main(int, char **), mkdir_main(int, char **), mv_main(int, char **),
    printf_main(int, char **), pwd_main(int, char **), rm_main(int, char **), rmdir_main(int, char **),
    sleep_main(int, char **), sort_main(int, char **), stat_main(int, char **), tail_main(int, char **),
    test_main(int, char **), touch_main(int, char **), true_main(int, char **), wc_main(int, char **),
    xxd_main(int, char **);

static const struct {
  const char *name;
  command run;
} commands[] = {{"[", test_main},       {"cat", cat_main},     {"cp", cp_main},         {"du", du_main},
                {"echo", echo_main},    {"env", env_main},     {"false", false_main},   {"find", find_main},
                {"grep", grep_main},    {"head", head_main},   {"ln", ln_main},         {"ls", ls_main},
                {"mkdir", mkdir_main},  {"mv", mv_main},       {"printf", printf_main}, {"pwd", pwd_main},
                {"rm", rm_main},        {"rmdir", rmdir_main}, {"sh", sh_main},         {"sleep", sleep_main},
                {"sort", sort_main},    {"stat", stat_main},   {"tail", tail_main},     {"test", test_main},
                {"touch", touch_main},  {"true", true_main},   {"wc", wc_main},         {"xxd", xxd_main}};

command command_named(const char *name) {
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(commands[i].name, name) == 0) return commands[i].run;
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *name = argc > 0 ? base_name(argv[0]) : "";
  command run = command_named(name);
  if (!run && argc > 1 && (run = command_named(argv[1]))) {
    name = *++argv;
    argc--;
  }
  if (!run) {
    fprintf(stderr, "%s: there is no such command; call it sh, ls, cat and so on\n", name);
    return 127;
  }
  command_name = name;
  int code = run(argc, argv);
  return run == sh_main || run == test_main ? code : close_output(code);
}
