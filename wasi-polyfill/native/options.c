#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static bool complain(const char *sentence, const char *about) {
  fprintf(stderr, "nidus run: ");
  fprintf(stderr, sentence, about);
  fprintf(stderr, "; see nidus help\n");
  return false;
}

static bool take_tier(const char *value) {
  if (strcmp(value, "interp") == 0 || strcmp(value, "auto") == 0) return true;
  if (strcmp(value, "direct") == 0) {
    fputs("nidus run: the native program has no direct tier, which is the JIT of a JavaScript host; use --tier interp\n",
          stderr);
    return false;
  }
  return complain("there is no tier %s: it is direct, interp or auto", value);
}

static bool take_fuel(struct options *options, const char *value) {
  char *end;
  errno = 0;
  options->limits.fuel = strtoull(value, &end, 10);
  if (errno || *end || end == value || *value == '-') return complain("--fuel takes a number of instructions, not %s", value);
  return true;
}

/* NAME=NUMBER; seconds may have a fraction. */
static bool take_limit(struct options *options, const char *value) {
  const struct {
    const char *name;
    uint64_t *limit;
    double unit;
  } limits[] = {{"descriptors=", &options->limits.descriptors, 1}, {"file-size=", &options->limits.file_size, 1},
                {"output=", &options->limits.output, 1},           {"memory=", &options->limits.memory, 1},
                {"time=", &options->limits.nanoseconds, 1e9}};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    size_t length = strlen(limits[i].name);
    if (strncmp(value, limits[i].name, length) != 0) continue;
    char *end;
    double number = strtod(value + length, &end);
    if (*end || end == value + length || !(number >= 0 && number * limits[i].unit < 9e18)) break;
    *limits[i].limit = (uint64_t)(number * limits[i].unit);
    return true;
  }
  return complain("--limit takes descriptors=N, file-size=BYTES, output=BYTES, memory=BYTES or time=SECONDS, not %s", value);
}

/* The last one of a name counts. */
static void set_variable(struct options *options, const char *variable, size_t name_length) {
  int i = 0;
  while (i < options->env_count && strncmp(options->env[i], variable, name_length + 1) != 0) i++;
  options->env[i] = variable;
  if (i == options->env_count) options->env_count++;
}

/* NAME=VALUE; a name alone hands on what nidus itself has, if it has it. */
static bool take_variable(struct options *options, const char *value) {
  size_t length = strcspn(value, "=");
  if (length == 0) return complain("--env %s lacks a name: NAME=VALUE", value);
  for (char **own = environ; !value[length] && own && *own; own++) {
    if (strncmp(*own, value, length) == 0 && (*own)[length] == '=') set_variable(options, *own, length);
  }
  if (value[length]) set_variable(options, value, length);
  return true;
}

static bool take_option(struct options *options, const char *name, size_t length, const char *value) {
  if (length == 5 && memcmp(name, "--dir", 5) == 0) {
    options->dirs[options->dir_count++] = value;
    return true;
  }
  if (length == 8 && memcmp(name, "--volume", 8) == 0) {
    options->volumes[options->volume_count++] = value;
    return true;
  }
  if (length == 5 && memcmp(name, "--env", 5) == 0) return take_variable(options, value);
  if (length == 8 && memcmp(name, "--listen", 8) == 0) {
    options->listens[options->listen_count++] = value;
    return true;
  }
  if (length == 6 && memcmp(name, "--tier", 6) == 0) return take_tier(value);
  if (length == 7 && memcmp(name, "--limit", 7) == 0) return take_limit(options, value);
  return take_fuel(options, value);
}

static bool is_option(const char *name, size_t length) {
  static const char *const known[] = {"--dir", "--volume", "--env", "--tier", "--fuel", "--limit", "--listen"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strlen(known[i]) == length && memcmp(known[i], name, length) == 0) return true;
  }
  return false;
}

bool options_read(struct options *options, int argc, char **argv) {
  memset(options, 0, sizeof *options);
  options->limits = guest_unlimited;
  options->dirs = calloc((size_t)argc + 1, sizeof *options->dirs);
  options->env = calloc((size_t)argc + 2, /* two more for sockets */ sizeof *options->env);
  options->volumes = calloc((size_t)argc + 1, sizeof *options->volumes);
  options->listens = calloc((size_t)argc + 1, sizeof *options->listens);
  if (!options->dirs || !options->volumes || !options->env || !options->listens) {
    fputs("nidus run: there is no memory for the command line\n", stderr);
    return false;
  }
  int i = 0;
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
    if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    }
    if (strcmp(argv[i], "--trace") == 0) {
      options->trace = true;
      continue;
    }
    const char *equals = strchr(argv[i], '=');
    size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
    if (!is_option(argv[i], length)) return complain("there is no option %s", argv[i]);
    if (!equals && i + 1 >= argc) return complain("the option %s needs a value", argv[i]);
    const char *name = argv[i];
    if (!take_option(options, name, length, equals ? equals + 1 : argv[++i])) return false;
  }
  if (i >= argc) return complain("%s needs a program to run", "nidus run");
  options->program = argv[i];
  /* What the program is called says nothing of where it lies on this machine. */
  char *slash = strrchr(argv[i], '/');
  if (slash && slash[1]) argv[i] = slash + 1;
  options->args = argv + i;
  options->arg_count = argc - i;
  return true;
}

void options_free(struct options *options) {
  free(options->dirs);
  free(options->volumes);
  free(options->env);
  free(options->listens);
}
