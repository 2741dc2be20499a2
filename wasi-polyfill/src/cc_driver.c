/*
 * cc_driver.c: what clang's own driver answers to `-###`, read as jobs.
 *
 * Invariant: what the driver says to the user (warnings, errors, versions) is passed on word for word; its list
 * of jobs is not, unless it was asked for.
 */
#include <stdlib.h>

#include "cc_options.h"
#include "nidus/wasi.h"

struct command {
  uint32_t first, count; /* of the words */
  char *output;          /* NULL: none, or standard output */
  uint32_t digits;       /* of a temporary output: where its six digits are; 0: it is none */
};

struct answer {
  const char *at, *end; /* of the driver's text */
  char **words;
  uint32_t word_count;
  struct command *commands;
  uint32_t command_count;
};

static const char *end_of_line(const char *at, const char *end) {
  const char *newline = memchr(at, '\n', (size_t)(end - at));
  return newline ? newline + 1 : end;
}

static bool at_word(const struct answer *answer) {
  return answer->end - answer->at >= 2 && answer->at[0] == ' ' && answer->at[1] == '"';
}

/* Whether a line begins as those do with which `-###` begins. */
static bool is_banner(const char *at, size_t length) {
  static const char *const beginnings[] = {"clang version", "Target:", "Thread model:", "InstalledDir:",
                                           "Build config:", "Configuration file:"};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
    size_t wanted = strlen(beginnings[i]);
    if (length >= wanted && memcmp(at, beginnings[i], wanted) == 0) return true;
  }
  return false;
}

static bool is_line(const char *at, size_t length, const char *line) {
  return length == strlen(line) && memcmp(at, line, length) == 0;
}

/* Text for the user; a NUL, which no text has, would end the string. */
static void put_rest(struct cc_block *out, const char *from, const char *end) {
  while (from < end) {
    const char *nul = memchr(from, 0, (size_t)(end - from));
    const char *stop = nul ? nul : end;
    cc_text(out, "r", 1);
    cc_text(out, from, (uint32_t)(stop - from));
    cc_text(out, "", 1);
    from = nul ? nul + 1 : end;
  }
}

/* Reads one command, whose words go to `to`; answers where they end. An argument may contain a line break. */
static char *read_command(struct answer *answer, char *to) {
  struct command *command = &answer->commands[answer->command_count++];
  *command = (struct command){.first = answer->word_count};
  while (at_word(answer)) {
    answer->words[answer->word_count++] = to;
    for (answer->at += 2; answer->at < answer->end && *answer->at != '"'; answer->at++) {
      if (*answer->at == '\\' && answer->at + 1 < answer->end) answer->at++;
      if (*answer->at) *to++ = *answer->at;
    }
    *to++ = 0;
    if (answer->at < answer->end) answer->at++;
  }
  answer->at = end_of_line(answer->at, answer->end);
  /* The first word is the path of the program, empty where that is clang itself; then the name follows. */
  if (answer->words[command->first][0] == 0) command->first++;
  command->count = answer->word_count - command->first;
  if (command->count == 0) answer->command_count--;
  return to;
}

/* Where the digits are in the name of a temporary file as the driver makes it; 0: it is none. */
static uint32_t temporary_digits(const char *path) {
  size_t at = strlen(path), end = at;
  for (; at > 0; at--) {
    unsigned char c = (unsigned char)path[at - 1];
    if (c != '_' && (c | 32u) - 'a' >= 26 && c - (unsigned)'0' >= 10) break;
  }
  if (at == end || at < 14 || path[at - 1] != '.' || path[at - 8] != '-' || !cc_starts(path, "/tmp/")) return 0;
  return strspn(path + at - 7, "0123456789abcdef") == 6 && !memchr(path, '\n', at) ? (uint32_t)at - 7 : 0;
}

static void find_output(const struct answer *answer, struct command *command) {
  for (uint32_t i = command->count - 1; i > 0; i--) {
    if (strcmp(answer->words[command->first + i - 1], "-o") != 0) continue;
    char *named = answer->words[command->first + i];
    if (strcmp(named, "-") == 0) return;
    command->output = named;
    command->digits = temporary_digits(named);
    return;
  }
}

/* Gives a temporary file other digits, wherever its name stands. */
static void rename_temporary(const struct answer *answer, const struct command *command, uint32_t number) {
  char *own = command->output;
  size_t length = strlen(own);
  char digits[6];
  cc_hex(digits, number);
  for (uint32_t i = 0; i < answer->word_count; i++) {
    char *word = answer->words[i];
    if (word == own) continue;
    for (word = strstr(word, own); word; word = strstr(word + length, own)) memcpy(word + command->digits, digits, 6);
  }
  memcpy(own + command->digits, digits, 6);
}

/* Whether a command before this one makes the file. */
static bool is_made(const struct answer *answer, const struct command *command, const char *path) {
  for (const struct command *before = answer->commands; before < command; before++) {
    if (before->output && strcmp(before->output, path) == 0) return true;
  }
  return false;
}

static void put_job(const struct answer *answer, const struct command *command, struct cc_block *out) {
  char *const *words = answer->words + command->first;
  const char *name = cc_base_name(words[0]);
  size_t length = strlen(name);
  bool linking = length >= 2 && strcmp(name + length - 2, "ld") == 0 && (length == 2 || name[length - 3] == '-');
  cc_string(out, 'j', linking ? "wasm-ld" : "clang", NULL, NULL);
  bool last_made = false;
  for (uint32_t i = 0; i < command->count; i++) {
    cc_string(out, 'a', words[i], NULL, NULL);
    last_made = is_made(answer, command, words[i]);
    if (last_made) cc_string(out, 'i', words[i], NULL, NULL);
  }
  /* cc1 and cc1as are given their input last. */
  const char *last = words[command->count - 1];
  if (!linking && !last_made && strcmp(last, "-") != 0) cc_string(out, 'i', last, NULL, NULL);
  if (command->output) cc_string(out, command->digits ? 't' : 'o', command->output, NULL, NULL);
}

int32_t cc_driver(const char *text, uint32_t length, bool verbose, uint32_t seed, struct cc_block *out) {
  *out = (struct cc_block){0};
  /* A word takes three bytes of text at least, and no more bytes than in the text with its NUL. */
  struct answer answer = {.at = text, .end = text + length};
  uint32_t most = length / 3 + 1;
  char *copy = malloc(length + 1);
  answer.words = calloc(most, sizeof *answer.words);
  answer.commands = calloc(most, sizeof *answer.commands);
  bool banner = true;
  char *to = copy;
  if (copy && answer.words && answer.commands) {
    while (answer.at < answer.end) {
      const char *from = answer.at;
      if (at_word(&answer)) {
        to = read_command(&answer, to);
        banner = false;
        if (verbose) put_rest(out, from, answer.at);
        continue;
      }
      answer.at = end_of_line(from, answer.end);
      size_t size = (size_t)(answer.at - from);
      banner = banner && is_banner(from, size);
      bool dull = (banner && !verbose) || is_line(from, size, " (in-process)\n") || is_line(from, size, "\n");
      if (!dull) put_rest(out, from, answer.at);
    }
    for (uint32_t i = 0; i < answer.command_count; i++) find_output(&answer, &answer.commands[i]);
    for (uint32_t i = 0; seed && i < answer.command_count; i++) {
      if (answer.commands[i].digits) rename_temporary(&answer, &answer.commands[i], cc_next(&seed));
    }
    for (uint32_t i = 0; i < answer.command_count; i++) put_job(&answer, &answer.commands[i], out);
  } else {
    out->failed = true;
  }
  free(copy);
  free(answer.words);
  free(answer.commands);
  return out->failed ? -WASI_ENOMEM : 0;
}
