#include "inspect.h"

#include <nidus/inspect.h>
#include <stdio.h>

#include "guest_run.h"

static bool print(void *context, const char *text, size_t length) {
  (void)context;
  return fwrite(text, 1, length, stdout) == length;
}

int inspect(const char *name, const void *bytes, size_t size) {
  struct nidus_engine *engine = NULL;
  struct nidus_module *module = NULL;
  struct nidus_error error = {.text = "there is not enough memory"};
  int status = STATUS_CANNOT_RUN;
  if (nidus_engine_new(NULL, &engine)) {
    fprintf(stderr, "nidus inspect: %s\n", error.text);
  } else if (nidus_module_load(engine, bytes, size, NIDUS_LOAD_BORROW, &module, &error)) {
    fprintf(stderr, "nidus inspect: %s is not a valid module: %s (at byte 0x%zx)\n", name, error.text, error.offset);
  } else {
    printf("%s: ", name);
    status = nidus_module_inspect(module, print, NULL, &error) || fflush(stdout) ? STATUS_CANNOT_RUN : 0;
    if (status) fprintf(stderr, "nidus inspect: the output cannot be written\n");
  }
  if (module) nidus_module_free(module);
  if (engine) nidus_engine_free(engine);
  return status;
}
