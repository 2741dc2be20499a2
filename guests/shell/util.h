/*
 * util.h: what the commands share: their table, messages in GNU's form, and text that grows.
 */
#ifndef SHELL_UTIL_H
#define SHELL_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A command: what main() is. */
typedef int (*command)(int argc, char **argv);

/* The command of that name, or NULL. */
command command_named(const char *name);
const char *base_name(const char *path);

/* The running command's name, for messages. */
extern const char *command_name;

/* "name: ..." on standard error; `complain_errno` adds what errno means. Both return 1. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
int complain_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));
int usage_error(int option);
/* What GNU's tools say of stdout that cannot be written; the exit code. */
int close_output(int code);

/* Memory, or the program ends with a sentence. */
void *need(size_t size);
void *need_more(void *bytes, size_t size);
char *need_copy(const char *text);

struct text {
  char *bytes; /* NUL-terminated when not NULL */
  size_t length, capacity;
};
void text_add(struct text *text, const char *bytes, size_t length);
void text_char(struct text *text, char c);
void text_string(struct text *text, const char *string);

/* One line with its newline, if it has one; false at the end. */
bool read_line(FILE *file, struct text *line);

/* folder/name, to be freed. */
char *path_of(const char *folder, const char *name);
/* Opens a file, or standard input for "-"; complains. */
FILE *open_input(const char *path);
void close_input(FILE *file);
/* The names in a folder, sorted, without "." and ".."; negative with errno. */
int list_folder(const char *path, char ***names);
void free_names(char **names, int count);
/* "drwxr-xr-x" */
void mode_text(uint32_t mode, char text[11]);
/* 1.5K, as du -h has it. */
void human_size(uint64_t bytes, char text[16]);
/* Matches a shell pattern. */
bool matches(const char *pattern, const char *text);

#endif
