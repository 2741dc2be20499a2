/*
 * rewriter.c: the head of a module, and the bodies as they go by.
 */
#include "rewriter.h"

#include <stdlib.h>
#include <string.h>

#include "nidus/wasi.h"
#include "rewriter_body.h"
#include "writer.h"

enum { SECTION_TYPE = 1, SECTION_IMPORT, SECTION_FUNCTION, SECTION_TABLE, SECTION_MEMORY, SECTION_GLOBAL };
enum { SECTION_EXPORT = 7, SECTION_START, SECTION_CODE = 10, SECTIONS = 32 };
/* What a window may leave behind it: the functions that are added. */
enum { GROW_SIZE = 96, CHECKED_SIZE = 6961, SLACK = 64 + GROW_SIZE + CHECKED_SIZE };

struct section {
  uint8_t id;
  uint8_t *start, *end;
};

/* What the head says that the rewriting needs to know. */
struct facts {
  bool growable, exports; /* there is a type (i32) -> i32; an export section */
  uint32_t grow_type;
  bool plain; /* there is a type () -> () */
  uint32_t plain_type;
  uint32_t tables;
  uint32_t functions; /* imported and own */
  uint32_t memories;
  uint32_t pages; /* of memory at the start */
  bool counts;    /* it is the known build: malloc is to count down */
  uint32_t globals;
  uint32_t mutables;
  bool mutable[REWRITER_GLOBALS];
};

/*
 * Where the bodies lie that have one of the two instructions, counted from the first body. The first of them, of
 * CHECKED_SIZE bytes with its length, is that of a function (i32) -> i32 which the program calls all the time.
 */
struct build {
  const char *fingerprint;
  uint32_t count;
  uint32_t offsets[3];
};

/* malloc, and two around `sbrk`. */
static const struct build known_build = {REWRITER_KNOWN_BUILD, 3, {4692, 65309490, 65789329}};

struct streaming {
  struct rewriter shown;
  struct writer held; /* what arrived, or was made of it; its beginning was given out */
  enum { IN_HEAD, IN_CODE, IN_REST } state;
  bool looks_up;             /* uses what is known */
  const struct build *known; /* NULL: each body is looked at */
  bool counts;               /* the known build's malloc counts down */
  uint32_t plain_type;
  uint32_t next;             /* of the known bodies */
  uint32_t at, size;         /* of the bodies: how much went by, and how much there is */
  uint32_t grow_function, pages_global;
  uint8_t checked[CHECKED_SIZE]; /* malloc's own body, which goes to the end */
};

struct rewriter *rewriter_create(bool known) {
  struct streaming *streaming = calloc(1, sizeof *streaming);
  if (!streaming) return NULL;
  streaming->looks_up = known;
  if (!writer_room(&streaming->held, REWRITER_WINDOW + SLACK)) {
    free(streaming);
    return NULL;
  }
  streaming->shown.into = streaming->held.bytes;
  return &streaming->shown;
}

void rewriter_destroy(struct rewriter *rewriter) {
  if (rewriter) free(((struct streaming *)rewriter)->held.bytes);
  free(rewriter);
}

/* ---- the head ---- */

/* 64 bits of FNV-1a: enough to tell builds apart. */
static void fingerprint(char digits[17], const uint8_t *bytes, const uint8_t *end) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (; bytes < end; bytes++) hash = (hash ^ *bytes) * 0x100000001B3u;
  for (int i = 0; i < 16; i++) digits[i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
  digits[16] = 0;
}

static void read_types(struct scanner scanner, struct facts *facts) {
  static const uint8_t wanted[] = {0x60, 1, TYPE_I32, 1, TYPE_I32};
  uint32_t count = scan_u32(&scanner);
  for (uint32_t i = 0; i < count && !(facts->growable && facts->plain); i++) {
    const uint8_t *at = scanner.at;
    if (scan_byte(&scanner) != 0x60) return; /* a type of the garbage collection proposal */
    for (int part = 0; part < 2; part++) {
      for (uint32_t n = scan_u32(&scanner); n > 0; n--) {
        if (scan_byte(&scanner) < 0x69) return; /* a reference, of more bytes than one */
      }
    }
    if (scanner.failed) return;
    if (!facts->growable && scanner.at - at == sizeof wanted && memcmp(at, wanted, sizeof wanted) == 0) {
      facts->grow_type = i;
      facts->growable = true;
    } else if (!facts->plain && scanner.at - at == 3) {
      facts->plain_type = i;
      facts->plain = true;
    }
  }
}

/* False if one is no function. */
static bool read_imports(struct scanner scanner, struct facts *facts) {
  for (uint32_t count = scan_u32(&scanner); count > 0; count--) {
    scan_past(&scanner, scan_u32(&scanner));
    scan_past(&scanner, scan_u32(&scanner));
    if (scan_byte(&scanner) != 0 || scanner.failed) return false;
    scan_past_leb(&scanner);
    facts->functions++;
  }
  return !scanner.failed;
}

/* False if the state of one cannot be read by JavaScript, or if they are many. */
static bool read_globals(struct scanner scanner, struct facts *facts) {
  facts->globals = scan_u32(&scanner);
  if (facts->globals >= REWRITER_GLOBALS) return false;
  for (uint32_t i = 0; i < facts->globals; i++) {
    uint8_t type = scan_byte(&scanner);
    if (type < 0x7C || type > TYPE_I32) return false; /* a vector or a reference */
    facts->mutable[i] = scan_byte(&scanner) == 1;
    facts->mutables += facts->mutable[i];
    uint8_t opcode = scan_byte(&scanner);
    if (opcode == OP_I32_CONST || opcode == 0x42 || opcode == OP_GLOBAL_GET) scan_past_leb(&scanner);
    else if (opcode == 0x43 || opcode == 0x44) scan_past(&scanner, opcode == 0x43 ? 4 : 8);
    else return false; /* an expression */
    if (scan_byte(&scanner) != OP_END) return false;
  }
  return !scanner.failed;
}

/* False where the module is not of the shape that can be rewritten. */
static bool read_facts(const struct section *sections, uint32_t count, struct facts *facts) {
  bool globals = false;
  for (uint32_t i = 0; i < count; i++) {
    struct scanner scanner = {sections[i].start, sections[i].end, false};
    bool good = true;
    switch (sections[i].id) {
      case SECTION_TYPE:
        read_types(scanner, facts);
        break;
      case SECTION_IMPORT:
        good = read_imports(scanner, facts);
        break;
      case SECTION_FUNCTION:
        facts->functions += scan_u32(&scanner);
        break;
      case SECTION_TABLE:
        facts->tables = scan_u32(&scanner);
        break;
      case SECTION_MEMORY: /* one of 32 bits, not shared */
        facts->memories = scan_u32(&scanner);
        good = scan_byte(&scanner) <= 1;
        facts->pages = scan_u32(&scanner);
        break;
      case SECTION_GLOBAL:
        globals = good = !globals && read_globals(scanner, facts);
        break;
      case SECTION_EXPORT:
        facts->exports = true;
        break;
      default:
        break;
    }
    if (!good || scanner.failed) return false;
  }
  return facts->growable && facts->exports && globals && facts->memories == 1 &&
         facts->functions < REWRITER_FUNCTIONS;
}

static uint32_t leb_size(uint32_t value) {
  uint32_t size = 1;
  for (; value >= 0x80; value >>= 7) size++;
  return size;
}

static void put_export(struct writer *out, const char *digits, const char *last, uint32_t global) {
  uint32_t length = (uint32_t)strlen(last);
  writer_byte(out, (uint8_t)(6 + 16 + 1 + length));
  writer_bytes(out, "nidus:", 6);
  writer_bytes(out, digits, 16);
  writer_byte(out, ':');
  writer_bytes(out, last, length);
  writer_byte(out, 3);
  writer_u32(out, global);
}

/* The names by which core's rewriter (core/src/rewrite.c) exports the same, a table and a global. */
static void put_checks(struct writer *out, uint32_t count_global) {
  static const char check[] = "\x0bnidus:check\x01\x01", count[] = "\x0bnidus:count\x03";
  writer_bytes(out, check, sizeof check - 1);
  writer_bytes(out, count, sizeof count - 1);
  writer_u32(out, count_global);
}

/* Functions and globals that are added: one for the pages, and one for counting down. */
static uint32_t additions(const struct facts *facts) { return facts->counts ? 2 : 1; }

/* A section of the head as it is to be. */
static void put_section(struct writer *out, const struct section *section, const struct facts *facts,
                        const char *digits) {
  struct writer added = {0};
  struct scanner scanner = {section->start, section->end, false};
  uint32_t count = 0;
  if (section->id == SECTION_FUNCTION) {
    count = additions(facts);
    for (uint32_t i = 0; i < count; i++) writer_u32(&added, facts->grow_type);
  } else if (section->id == SECTION_TABLE && facts->counts) {
    writer_bytes(&added, (const uint8_t[]){TYPE_FUNCREF, 0, 1}, 3);
    count = 1;
  } else if (section->id == SECTION_GLOBAL) {
    writer_bytes(&added, (const uint8_t[]){TYPE_I32, 1, OP_I32_CONST}, 3);
    writer_s32(&added, facts->pages);
    writer_byte(&added, OP_END);
    count = additions(facts);
    if (facts->counts) { /* nobody comes to the end of it who does not set it */
      const uint8_t most[] = {TYPE_I64, 1, OP_I64_CONST, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xC0, 0, OP_END};
      writer_bytes(&added, most, sizeof most);
    }
  } else if (section->id == SECTION_EXPORT) {
    put_export(&added, digits, "pages", facts->globals);
    for (uint32_t i = 0; i < facts->globals; i++) {
      char index[] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10), 0};
      if (facts->mutable[i]) put_export(&added, digits, i > 99 ? index : i > 9 ? index + 1 : index + 2, i);
    }
    count = facts->mutables + 1;
    if (facts->counts) {
      put_checks(&added, facts->globals + 1);
      count += 2;
    }
  }
  uint32_t all = count ? scan_u32(&scanner) + count : 0;
  uint32_t kept = (uint32_t)(section->end - scanner.at);
  writer_byte(out, section->id);
  writer_u32(out, (count ? leb_size(all) : 0) + kept + added.length);
  if (count) writer_u32(out, all);
  writer_bytes(out, scanner.at, kept);
  writer_bytes(out, added.bytes, added.length);
  out->failed |= added.failed;
  free(added.bytes);
}

/*
 * The function that stands for `memory.grow`, with its length in front; it takes bytes, and answers the pages
 * before. The memory grows by 256 pages and half of what it is, where it can.
 *
 *     n = bytes / 64 KiB
 *     if n > memory.size - pages:
 *       need = n - (memory.size - pages); more = 256 + memory.size / 2
 *       if memory.grow(max(need, more)) == -1 and memory.grow(need) == -1: return -1
 *     pages += n
 *     return pages - n
 */
static uint32_t grow_body(uint8_t out[GROW_SIZE], uint32_t pages_global) {
  enum { N, NEED, MORE };
  const uint8_t pages = (uint8_t)pages_global, get = OP_LOCAL_GET, add = OP_I32_ADD, sub = OP_I32_SUB;
  const uint8_t body[] = {
      1, 2, TYPE_I32, /* two locals */
      get, N, OP_I32_CONST, 16, OP_I32_SHR_U, OP_LOCAL_TEE, N,
      OP_MEMORY_SIZE, 0, OP_GLOBAL_GET, pages, sub, OP_I32_GT_U, OP_IF, BLOCK_VOID,
      get, N, OP_MEMORY_SIZE, 0, OP_GLOBAL_GET, pages, sub, sub, OP_LOCAL_SET, NEED,
      OP_I32_CONST, 0x80, 0x02, OP_MEMORY_SIZE, 0, OP_I32_CONST, 1, OP_I32_SHR_U, add, OP_LOCAL_SET, MORE,
      get, NEED, get, MORE, get, NEED, get, MORE, OP_I32_GT_U, OP_SELECT,
      OP_MEMORY_GROW, 0, OP_I32_CONST, 0x7F, OP_I32_EQ, OP_IF, BLOCK_VOID,
      get, NEED, OP_MEMORY_GROW, 0, OP_I32_CONST, 0x7F, OP_I32_EQ, OP_IF, BLOCK_VOID,
      OP_I32_CONST, 0x7F, OP_RETURN, OP_END, OP_END, OP_END,
      OP_GLOBAL_GET, pages, OP_GLOBAL_GET, pages, get, N, add, OP_GLOBAL_SET, pages, OP_END};
  _Static_assert(sizeof body < GROW_SIZE && sizeof body < 0x80, "the length is one byte");
  out[0] = sizeof body;
  memcpy(out + 1, body, sizeof body);
  return 1 + sizeof body;
}

/*
 * What takes the place of malloc's body, whose length it keeps: malloc(n) counts, and calls what the table has when it has
 * counted below zero; then what malloc was, which is the last function. False where it has no room.
 */
static bool put_counting_body(struct streaming *streaming, uint8_t *entry, uint8_t *start, uint8_t *end) {
  const uint8_t count = (uint8_t)(streaming->pages_global + 1), plain = (uint8_t)streaming->plain_type;
  const uint8_t body[] = {
      0, /* no locals */
      OP_GLOBAL_GET, count, OP_I64_CONST, 0x80, 0x04, OP_I64_SUB, OP_GLOBAL_SET, count, /* 512 */
      OP_GLOBAL_GET, count, OP_I64_CONST, 0, OP_I64_LT_S, OP_IF, BLOCK_VOID,
      OP_I32_CONST, 0, OP_CALL_INDIRECT, plain, 1, OP_END,
      OP_LOCAL_GET, 0, OP_CALL};
  uint32_t index = streaming->grow_function + 1;
  if (end - entry != CHECKED_SIZE || (size_t)(end - start) < sizeof body + 6) return false;
  memcpy(streaming->checked, entry, CHECKED_SIZE);
  memset(start, OP_NOP, (size_t)(end - start));
  memcpy(start, body, sizeof body);
  uint8_t *at = start + sizeof body;
  for (; index >= 0x80; index >>= 7) *at++ = (uint8_t)(index | 0x80);
  *at = (uint8_t)index;
  end[-1] = OP_END;
  return true;
}

/* Reads the head if it is whole, and puts the new one in its place; *done is where it ends. */
static int32_t rewrite_head(struct streaming *streaming, uint32_t *done) {
  static const uint8_t magic[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  struct writer *held = &streaming->held;
  struct scanner scanner = {held->bytes, held->bytes + held->length, false};
  struct section sections[SECTIONS];
  struct facts facts = {0};
  uint32_t count = 0, size;
  streaming->state = IN_REST; /* unless it turns out to be of the right shape, or not whole */
  if (memcmp(held->bytes, magic, held->length < 8 ? held->length : 8) != 0) return 0;
  scan_past(&scanner, 8);
  for (;;) {
    uint8_t id = scan_byte(&scanner);
    size = scan_u32(&scanner);
    if (scanner.failed || id == SECTION_CODE) break;
    /* Not a start function, a count of data segments, or what is newer. */
    if (id > SECTION_CODE || id == SECTION_START || count == SECTIONS) return 0;
    sections[count].id = id;
    sections[count].start = scanner.at;
    scan_past(&scanner, size);
    sections[count++].end = scanner.at;
  }
  uint8_t *code = scanner.at;
  uint32_t bodies = scan_u32(&scanner);
  if (scanner.failed) {
    if (held->length < REWRITER_LONGEST) streaming->state = IN_HEAD;
    return 0;
  }
  if (size > UINT32_MAX - SLACK || size < (uint32_t)(scanner.at - code)) return 0;
  if (!read_facts(sections, count, &facts)) return 0;

  char digits[17];
  uint8_t grow[GROW_SIZE];
  struct writer made = {0};
  fingerprint(digits, held->bytes, scanner.at);
  const bool known = strcmp(digits, known_build.fingerprint) == 0;
  facts.counts = known && facts.plain && facts.plain_type < 0x80 && facts.tables == 1 &&
                 facts.globals + 1 < REWRITER_GLOBALS;
  const uint32_t all = bodies + additions(&facts);
  writer_bytes(&made, magic, sizeof magic);
  for (uint32_t i = 0; i < count; i++) put_section(&made, &sections[i], &facts, digits);
  streaming->size = size - (uint32_t)(scanner.at - code);
  writer_byte(&made, SECTION_CODE);
  writer_u32(&made, leb_size(all) + streaming->size + grow_body(grow, facts.globals) +
                        (facts.counts ? CHECKED_SIZE : 0));
  writer_u32(&made, all);
  *done = made.length;
  writer_bytes(&made, scanner.at, (uint32_t)(scanner.end - scanner.at));
  free(held->bytes);
  *held = made;
  if (made.failed) return -WASI_ENOMEM;
  streaming->state = IN_CODE;
  streaming->grow_function = facts.functions;
  streaming->pages_global = facts.globals;
  streaming->counts = facts.counts;
  streaming->plain_type = facts.plain_type;
  if (streaming->looks_up && known) streaming->known = &known_build;
  return 0;
}

/* ---- the bodies ---- */

/* How many bytes follow that need not be looked at. */
static uint32_t unsuspicious(const struct streaming *streaming) {
  const struct build *known = streaming->known;
  if (!known) return 0;
  uint32_t end = streaming->next < known->count ? known->offsets[streaming->next] : streaming->size;
  if (end > streaming->size) end = streaming->size;
  return end > streaming->at ? end - streaming->at : 0;
}

/* Puts the added functions behind the last body. */
static int32_t end_code(struct streaming *streaming, uint32_t *done) {
  struct writer *held = &streaming->held;
  uint8_t grow[GROW_SIZE];
  const uint32_t first = grow_body(grow, streaming->pages_global);
  const uint32_t size = first + (streaming->counts ? CHECKED_SIZE : 0);
  if (!writer_room(held, size)) return -WASI_ENOMEM;
  uint8_t *end = held->bytes + *done;
  memmove(end + size, end, held->length - *done);
  memcpy(end, grow, first);
  memcpy(end + first, streaming->checked, size - first);
  held->length += size;
  *done += size;
  streaming->state = IN_REST;
  return 0;
}

/* Rewrites the bodies that are whole; *done moves to where they end. */
static int32_t rewrite_bodies(struct streaming *streaming, uint32_t *done) {
  const struct writer *held = &streaming->held;
  while (streaming->at < streaming->size) {
    uint32_t have = held->length - *done, left = streaming->size - streaming->at, step = unsuspicious(streaming);
    if (step > 0) {
      if (step > have) step = have;
    } else {
      uint8_t *start = held->bytes + *done;
      struct scanner scanner = {start, start + (have < left ? have : left), false};
      uint32_t size = scan_u32(&scanner);
      uint8_t *body = scanner.at;
      bool counted = !scanner.failed;
      scan_past(&scanner, size);
      if (scanner.failed) {
        /* It is not whole yet, if it can be at all. */
        return have >= left || (!counted && have >= 5) || size > REWRITER_LONGEST ? -WASI_ENOTSUP : 0;
      }
      if (!rewriter_body(body, scanner.at, streaming->grow_function, streaming->pages_global)) return -WASI_ENOTSUP;
      if (streaming->counts && streaming->at == known_build.offsets[0] &&
          !put_counting_body(streaming, start, body, scanner.at)) {
        return -WASI_ENOTSUP;
      }
      if (streaming->known) streaming->next++;
      step = (uint32_t)(scanner.at - start);
    }
    if (step == 0) return 0;
    streaming->at += step;
    *done += step;
  }
  return end_code(streaming, done);
}

int32_t rewriter_take(struct rewriter *rewriter, uint32_t length) {
  struct streaming *streaming = (struct streaming *)rewriter;
  struct writer *held = &streaming->held;
  uint32_t done = 0;
  int32_t result = 0;
  if (length > (rewriter->skip ? rewriter->skip : REWRITER_WINDOW)) return -WASI_EINVAL;
  if (!rewriter->skip) held->length += length;
  else if (streaming->state == IN_CODE) streaming->at += length;
  held->length -= rewriter->length;
  if (held->length > 0) memmove(held->bytes, held->bytes + rewriter->length, held->length);
  rewriter->length = 0;
  if (length == 0) streaming->state = IN_REST;
  if (streaming->state == IN_HEAD) result = rewrite_head(streaming, &done);
  if (streaming->state == IN_CODE && result == 0) result = rewrite_bodies(streaming, &done);
  if (streaming->state == IN_REST) done = held->length;
  if (result == 0 && !writer_room(held, REWRITER_WINDOW + SLACK)) result = -WASI_ENOMEM;
  if (result < 0) {
    streaming->state = IN_REST;
    held->length = done = 0;
  }
  rewriter->into = held->bytes + held->length;
  rewriter->from = held->bytes;
  rewriter->length = done;
  rewriter->skip = 0;
  if (streaming->state == IN_REST) rewriter->skip = UINT32_MAX;
  else if (streaming->state == IN_CODE && done == held->length) rewriter->skip = unsuspicious(streaming);
  return result;
}
