/*
 * test_lacks.c: what a host lacks, in sentences.
 */
#include "kit.h"
#include "lacks.h"

static const char *part(const struct reply *reply, int32_t index) {
  const char *at = reply->bytes;
  for (; index > 0; index--) at += strlen(at) + 1;
  require(at < reply->bytes + reply->length);
  return at;
}

static void each_cost_has_a_sentence(struct guest *guest) {
  (void)guest;
  static const struct {
    uint32_t lacks;
    int32_t count;
    const char *begins[2];
  } cases[] = {
      {0, 0, {0}},
      {LACKS_ISOLATION, 1, {"No cross-origin isolated page"}},
      {LACKS_JSPI, 1, {"Neither JSPI (Chrome 137"}},
      {LACKS_JSPI | LACKS_ISOLATION, 1, {"Neither JSPI (Chrome 137"}},
      {LACKS_MULTI_MEMORY, 1, {"No multi-memory"}},
      {LACKS_JSPI | LACKS_MULTI_MEMORY, 2, {"Neither JSPI", "No multi-memory"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct reply reply = {0};
    require(lacks_tell(cases[i].lacks, &reply) == cases[i].count);
    for (int32_t n = 0; n < cases[i].count; n++) {
      require(strncmp(part(&reply, n), cases[i].begins[n], strlen(cases[i].begins[n])) == 0);
    }
    free(reply.bytes);
  }
}

static void what_cannot_be_done_is_refused(struct guest *guest) {
  (void)guest;
  struct reply reply = {0};
  require(lacks_tell(LACKS_TOOLCHAIN, &reply) == -WASI_ENOENT);
  require(strstr(part(&reply, 0), "no toolchain: give the address") != NULL);
  free(reply.bytes);
}

static const struct test tests[] = {
    {"Each thing a host lacks that costs something has one sentence", each_cost_has_a_sentence},
    {"What a host cannot do is refused with an errno and a sentence", what_cannot_be_done_is_refused},
};

RUN_TESTS(tests)
