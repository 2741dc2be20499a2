/*
 * test_cc.c: the planner of `cc`: the shape of its answers, refusals, and lack of memory. That its plans are the
 * driver's own, tests/unit/toolchain/plan.test.js shows.
 */
#include "allocation.h"
#include "cc.h"
#include "guest.h"
#include "kit.h"

/* A block as text: the strings of the kinds asked for, each followed by a bar. */
static const char *shown(const struct cc_block *block, const char *kinds) {
  static char text[8192];
  size_t length = 0;
  for (uint32_t at = 0; at < block->length; at += (uint32_t)strlen(block->bytes + at) + 1) {
    if (!strchr(kinds, block->bytes[at])) continue;
    size_t size = strlen(block->bytes + at);
    require(length + size + 2 < sizeof text);
    memcpy(text + length, block->bytes + at, size);
    length += size;
    text[length++] = '|';
  }
  text[length] = 0;
  return text;
}

/* Plans a line whose strings are separated by bars: folder, arguments, and after `argc` of them variables. */
static int32_t plan(const char *line, uint32_t argc, uint32_t flags, struct cc_block *block) {
  char strings[512];
  size_t length = strlen(line) + 1;
  require(length <= sizeof strings);
  for (size_t i = 0; i < length; i++) strings[i] = line[i] == '|' ? 0 : line[i];
  return cc_plan(strings, (uint32_t)length, argc, flags, 1, block);
}

static void expect(const char *line, uint32_t argc, uint32_t flags, const char *kinds, const char *text) {
  struct cc_block block;
  require(plan(line, argc, flags, &block) == 0);
  if (strcmp(shown(&block, kinds), text) != 0) {
    fprintf(stderr, "%s: %s\n", line, shown(&block, kinds));
    abort();
  }
  free(block.bytes);
}

static void test_jobs(void) {
  expect("/home|-c|dir/q.c", 2, 0, "jio?", "jclang|idir/q.c|oq.o|");
  expect("/home|-c|dir/q.c|-o|dir/q.o", 4, 0, "jio?", "jclang|idir/q.c|odir/q.o|");
  expect("/home|a.c", 1, 0, "jiot?", "jclang|ia.c|t/tmp/a-9e377a.o|jwasm-ld|i/tmp/a-9e377a.o|oa.out|");
  expect("/home|-c|S.S", 2, 0, "jiot?", "jclang|iS.S|t/tmp/S-9e377a.s|jclang|i/tmp/S-9e377a.s|oS.o|");
  expect("/home|-fsyntax-only|a.c|HOME=/home|TERM=", 2, 0, "jiot?", "jclang|ia.c|");
  expect("/|o.o|-Wl,x,y|-lm|-z|q", 5, 0, "jiao",
         "jwasm-ld|awasm-ld|a-m|awasm32|a-L/usr/lib/wasm32-unknown-wasip1|a-L/usr/lib/wasm32-wasip1|"
         "a/usr/lib/wasm32-wasip1/crt1-command.o|io.o|ao.o|ix|ax|ay|a-lm|a-z|aq|a-lc|"
         "a/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a|a-o|aa.out|oa.out|");
}

static void test_questions(void) {
  static const char *const unknown[] = {
      "/|-foo", "/|", "/|-", "/|@file.c", "/|-o", "/|-x", "/|-l", "/|-Xclang", "/|-Wl,", "/|a.c/", "/|-Wp,x", "/|.",
  };
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    expect(unknown[i], 1, 0, "j?", strchr(unknown[i], '@') ? "?f|" : "?|");
  expect("/", 0, 0, "j?", "?|");
  expect("/|--version", 1, 0, "j?", "?a|");
  expect("/|-print-search-dirs|-v", 2, 0, "j?", "?av|");
  expect("/|-v|--config=x|a.c", 3, 0, "j?", "?fv|");
  expect("/|a.c|CPATH=/x", 1, 0, "j?", "?|");
  expect("/|a.c|CPATHS=/x", 1, 0, "?", "");
  expect("/|a.c", 1, CC_CXX, "j?", "?|");
  expect("/|x.cc", 1, CC_CXX | CC_ASK, "j?", "?|");
  /* What begins as an option with a value, and is another one. */
  expect("/|-I-|a.c", 2, 0, "j?", "?|");
  expect("/|-isystem-after|x|a.c", 3, 0, "j?", "?|");
  struct cc_block block;
  require(plan("/|a.c", 2, 0, &block) == -WASI_EINVAL && block.length == 0);
  require(plan("/|a.c", UINT32_MAX, 0, &block) == -WASI_EINVAL);
  require(cc_plan("/", 1, 0, 0, 1, &block) == -WASI_EINVAL);
  require(cc_plan("", 0, 0, 0, 1, &block) == -WASI_EINVAL);
}

static const char driver_text[] =
    "clang version 22\nTarget: x\nclang: warning: w\n (in-process)\n"
    " \"\" \"clang\" \"-cc1\" \"-o\" \"/tmp/a-123456.o\" \"-D\" \"A=\\\"\\\\\" \"a\nb.c\"\n"
    " \"/bin/wasm-ld\" \"/tmp/a-123456.o\" \"x=/tmp/a-123456.o,/tmp/a-123456.o\" \"-o\" \"a.out\"\n\n";

static void test_driver(void) {
  struct cc_block block;
  require(cc_driver(driver_text, sizeof driver_text - 1, false, 0, &block) == 0);
  require(strcmp(shown(&block, "jaiotr"),
                 "rclang: warning: w\n|jclang|aclang|a-cc1|a-o|a/tmp/a-123456.o|a-D|aA=\"\\|aa\nb.c|ia\nb.c|"
                 "t/tmp/a-123456.o|jwasm-ld|a/bin/wasm-ld|a/tmp/a-123456.o|i/tmp/a-123456.o|"
                 "ax=/tmp/a-123456.o,/tmp/a-123456.o|a-o|aa.out|oa.out|") == 0);
  free(block.bytes);
  require(cc_driver(driver_text, sizeof driver_text - 1, false, 1, &block) == 0);
  require(strcmp(shown(&block, "it"), "ia\nb.c|t/tmp/a-9e377a.o|i/tmp/a-9e377a.o|") == 0);
  require(strstr(shown(&block, "a"), "ax=/tmp/a-9e377a.o,/tmp/a-9e377a.o|"));
  free(block.bytes);
  require(cc_driver(driver_text, sizeof driver_text - 1, true, 0, &block) == 0);
  require(strstr(shown(&block, "r"), "rclang version 22\n|rTarget: x\n|rclang: warning: w\n|r \"\" \"clang\""));
  free(block.bytes);
  /* Cut off anywhere, it is still read. */
  for (uint32_t length = 0; length < sizeof driver_text; length++) {
    require(cc_driver(driver_text, length, true, 7, &block) == 0);
    free(block.bytes);
  }
}

/* Each allocation fails in turn: an errno, and nothing is held. */
static void test_memory(void) {
  struct cc_block block;
  long before = blocks;
  for (int which = 0; which < 2; which++) {
    int failures = 0;
    for (bool done = false; !done; failures++) {
      failed = false;
      fail_after = failures;
      int32_t result = which ? cc_driver(driver_text, sizeof driver_text - 1, true, 1, &block)
                             : plan("/home|-O2|-g|a.c|b.c|c.c|d.c", 6, 0, &block);
      fail_after = -1;
      require(failed ? result == -WASI_ENOMEM : result == 0);
      free(block.bytes);
      require(blocks == before);
      done = !failed;
    }
    require(failures >= 4);
  }
}

int main(void) {
  test_jobs();
  test_questions();
  test_driver();
  test_memory();
  return 0;
}
