/*
 * cc_options.h: a command line of `cc`, understood; shared by the files of the planner.
 */
#ifndef NIDUS_CC_OPTIONS_H
#define NIDUS_CC_OPTIONS_H

#include <string.h>

#include "cc.h"

/* What the command line asks for: the last step that is done. */
enum cc_mode { MODE_LINK, MODE_OBJECT, MODE_ASSEMBLY, MODE_PREPROCESS, MODE_SYNTAX, MODE_DEPENDENCIES };

enum cc_language {
  LANGUAGE_C,
  LANGUAGE_CPP_OUTPUT,
  LANGUAGE_CXX,
  LANGUAGE_CXX_CPP_OUTPUT,
  LANGUAGE_ASSEMBLER,
  LANGUAGE_ASSEMBLER_WITH_CPP,
  LANGUAGES,
  LANGUAGE_LINK = LANGUAGES /* goes to the linker as it is */
};

/* The names -x takes. */
extern const char *const cc_language_names[LANGUAGES];

/* Options of which the last one wins. */
enum cc_setting {
  SET_OPTIMIZE,
  SET_DEBUG,
  SET_NO_WARNINGS,
  SET_PEDANTIC,
  SET_PTHREAD,
  SET_DEPEND_ON,
  SET_PHONY,
  SET_LINEMARKERS,
  SET_STRIP,
  SET_MODEL,
  SET_NOSTDLIB,
  SET_NOSTARTFILES,
  SET_NODEFAULTLIBS,
  SET_NOSTDLIBXX,
  SET_NOSTDINCXX,
  SET_NOTHING, /* changes nothing */
  SET_NULL_CHECKS,
  SET_FRAME_POINTER,
  SET_ALIASING,
  SET_MATH_ERRNO,
  SET_FREESTANDING,
  SET_FUNCTION_SECTIONS,
  SET_DATA_SECTIONS,
  SET_RANGES,
  SET_FIXITS,
  SET_WRAPV,
  SET_UNROLL,
  SET_BUILTIN,
  SET_SHORT_ENUMS,
  SET_CHAR,
  SET_INLINE,
  SET_COMMON,
  SET_EXCEPTIONS,
  SET_RTTI,
  SET_STATICS,
  SET_COLOR,
  SET_CARET,
  SET_STANDARD,
  SET_VISIBILITY,
  SETTINGS
};

/* Options and inputs that accumulate. */
enum cc_kind {
  ITEM_FORGOTTEN,
  ITEM_SOURCE,  /* a file to be compiled or assembled */
  ITEM_LINK,    /* goes to the linker; flag: none, "-z", "-l" (joined), "," (split at commas) */
  ITEM_INCLUDE, /* flag and word, as all below that have a flag */
  ITEM_DEFINE,
  ITEM_LLVM,
  ITEM_CC1,
  ITEM_WARNING,
  ITEM_FEATURE, /* flag: "+" or "-" */
  ITEM_LIBRARY_PATH,
  ITEM_DEPEND_FILE,
  ITEM_DEPEND_TARGET,
  ITEM_KINDS
};

struct cc_item {
  uint8_t kind;
  uint8_t language;
  uint32_t object; /* of a source: the number in its temporary object's name */
  const char *flag, *word;
};

struct cc_options {
  bool cxx;
  enum cc_mode mode;
  const char *output;          /* NULL: none is named */
  const char *value[SETTINGS]; /* cc1's words, a blank between two; NULL: not given */
  struct cc_item *items;       /* in order; at most one for each argument */
  uint32_t item_count;
  uint32_t count[ITEM_KINDS];
};

/*
 * Understands the arguments exactly as the driver of the planned build does; false where one of them is not
 * known for certain. `options` comes with `cxx`, and room for `argc` items.
 */
bool cc_parse(struct cc_options *options, const char *const *argv, uint32_t argc);

/* Whether an item for the linker is a file, by its first character. */
static inline bool cc_is_file(const struct cc_item *item) {
  if (item->kind != ITEM_LINK) return item->kind == ITEM_SOURCE;
  return (!item->flag || item->flag[0] == ',') && item->word[0] != '-';
}

static inline bool cc_starts(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether a word is one of a list with blanks between. */
bool cc_one_of(const char *word, const char *list);

/* The last component of a path. */
const char *cc_base_name(const char *path);
/* The length of a path without its last extension. */
uint32_t cc_stem(const char *path);

/* ---- writing a block ---- */

void cc_text(struct cc_block *block, const char *text, uint32_t length);
/* A whole string of a kind, of one, two or three pieces; NULL ends them. */
void cc_string(struct cc_block *block, char kind, const char *a, const char *b, const char *c);
/* Arguments with a blank between two. */
void cc_words(struct cc_block *block, const char *words);
/* The name of a temporary file as the driver makes it, with the `length` bytes of `stem` in it. */
void cc_temporary(struct cc_block *block, char kind, const char *stem, uint32_t length, uint32_t number,
                  const char *extension);
/* Six hexadecimal digits. */
void cc_hex(char digits[6], uint32_t number);
/* The number for the next temporary file: never the same twice in one plan. */
static inline uint32_t cc_next(uint32_t *seed) { return *seed = (*seed + 0x9E3779) & 0xFFFFFF; }

#endif
