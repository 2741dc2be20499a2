/*
 * options.h: the command line of the native `nidus`.
 */
#ifndef NIDUS_OPTIONS_H
#define NIDUS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest_run.h"

struct options {
  const char **dirs; /* HOST::GUEST or HOST */
  int dir_count;
  const char **volumes; /* FILE::PATH or FILE */
  int volume_count;
  const char **env; /* K=V */
  int env_count;
  const char **listens; /* HOST:PORT or unix:PATH */
  int listen_count;
  struct guest_limits limits;
  bool trace;
  const char *program;
  char **args; /* of the program; args[0] is its name */
  int arg_count;
};

/* Reads what follows `nidus run`. False after a sentence on stderr. The arrays are malloc's. */
bool options_read(struct options *options, int argc, char **argv);
void options_free(struct options *options);

#endif
