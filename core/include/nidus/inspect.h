/*
 * inspect.h: what a module is made of, and what it asks of a host.
 */
#ifndef NIDUS_INSPECT_H
#define NIDUS_INSPECT_H

#include <nidus/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Extensions of the first version of WebAssembly, in the order in which hosts got them. */
enum nidus_feature {
  NIDUS_FEATURE_MUTABLE_GLOBALS,
  NIDUS_FEATURE_SIGN_EXTENSION,
  NIDUS_FEATURE_SATURATING,
  NIDUS_FEATURE_MULTI_VALUE,
  NIDUS_FEATURE_BULK_MEMORY,
  NIDUS_FEATURE_REFERENCE_TYPES,
  NIDUS_FEATURE_SIMD,
  NIDUS_FEATURE_THREADS,
  NIDUS_FEATURE_LEGACY_EXCEPTIONS,
  NIDUS_FEATURE_EXTENDED_CONST,
  NIDUS_FEATURE_TAIL_CALLS,
  NIDUS_FEATURE_RELAXED_SIMD,
  NIDUS_FEATURE_TYPED_REFERENCES,
  NIDUS_FEATURE_GC,
  NIDUS_FEATURE_MULTI_MEMORY,
  NIDUS_FEATURE_MEMORY64,
  NIDUS_FEATURE_EXCEPTIONS,
  NIDUS_FEATURE_CUSTOM_PAGE_SIZES,
  NIDUS_FEATURE_WIDE_ARITHMETIC,
  NIDUS_FEATURE_COUNT
};

/* Where a feature shows: how often, and the first place. */
struct nidus_feature_use {
  uint32_t count;      /* instructions, types or sections that need it; 0: it is not used */
  const char *example; /* the first instruction's name, or what else it was */
};

/* Fills in NIDUS_FEATURE_COUNT uses. */
NIDUS_CHECK enum nidus_code nidus_module_features(const struct nidus_module *module, struct nidus_feature_use *uses,
                                                  struct nidus_error *error);

/*
 * Since when a host has a feature, as its makers and browser-compat-data say. Versions are "119" or "18.2";
 * NULL: not in any release, except behind a flag.
 */
enum nidus_browser { NIDUS_CHROME, NIDUS_FIREFOX, NIDUS_SAFARI, NIDUS_NODE, NIDUS_BROWSER_COUNT };
const char *nidus_feature_name(enum nidus_feature feature);
const char *nidus_feature_since(enum nidus_feature feature, enum nidus_browser browser);

/*
 * Describes a module: sections, types, imports, exports, the features it uses, and which hosts can run it
 * directly. The text comes in pieces, as UTF-8; what a name may hold that a terminal would obey is escaped.
 * `write` answers false to stop; then, and when memory is short, the result is NIDUS_ERROR_NO_MEMORY.
 */
typedef bool (*nidus_write)(void *context, const char *text, size_t length);
NIDUS_CHECK enum nidus_code nidus_module_inspect(const struct nidus_module *module, nidus_write write, void *context,
                                                 struct nidus_error *error);

#ifdef __cplusplus
}
#endif

#endif
