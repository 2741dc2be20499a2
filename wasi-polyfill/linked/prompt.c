/*
 * prompt.c: what `cc` links into programs that read standard input (with --wrap=__stdio_read).
 *
 * musl fills stdin's buffer without a look at stdout, so that a prompt without a newline stays in the
 * buffer while the program waits for its answer. Here it appears first, on a terminal or not.
 *
 * Compiled for the guest, and carried by toolchain.wasm as an object file (nidus_cc_prompt). References are weak: a program that only reads files gets neither stream.
 */
#include <stddef.h>

struct _IO_FILE;

extern struct _IO_FILE *const stdin __attribute__((weak));
extern struct _IO_FILE *const stdout __attribute__((weak));
int fflush(struct _IO_FILE *file);

size_t __real___stdio_read(struct _IO_FILE *file, unsigned char *to, size_t size);
size_t __wrap___stdio_read(struct _IO_FILE *file, unsigned char *to, size_t size);

size_t __wrap___stdio_read(struct _IO_FILE *file, unsigned char *to, size_t size) {
  if (&stdin && &stdout && file == stdin) (void)fflush(stdout);
  return __real___stdio_read(file, to, size);
}
