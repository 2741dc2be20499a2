/*
 * volume_salvage.c: a tree from whatever records of a log can be read.
 *
 *   records ──sorted by inode──▶ nodes: the last plausible record of each number, unless it is gone after that
 *           ──sorted by folder and name──▶ links: the last entry of each name, between nodes that there are
 *   links ──from the root──▶ reached; what is not reached and was not deleted gets a name in lost+found
 *
 * A folder keeps its newest name. Contents are those that the records tell of, as far as the file reaches; whether
 * the store has them is for the check to say.
 */
#include "volume_salvage.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "path.h"
#include "volume_log.h"

enum { ROOT = 1, MOST_CHUNKS = 1 << 24 };
static const char LOST[] = "lost+found";

/* A record, and when it came. */
struct event {
  struct log_record record;
  uint64_t turn;
};

struct node {
  uint64_t ino;
  const uint8_t *bytes;
  uint32_t length, links, first, end; /* its events: only those after `since` tell of contents */
  uint64_t since;
  bool folder, reached, holds;
};

struct link {
  uint32_t parent, child; /* nodes */
  const uint8_t *name;
  uint32_t length;
  uint64_t turn;
  bool dropped;
  char own[24]; /* names that are made here */
};

struct work {
  struct event *about; /* of inodes */
  struct event *named; /* of folders */
  struct node *nodes;
  struct link *links;
  uint32_t about_count, named_count, node_count, link_count;
  uint8_t root[RECORD_SIZE];
  struct volume_salvaged *out;
};

/* ---- reading ---- */

/* Counts, or with `fill` keeps, what can be read. */
static void read_events(struct work *work, const struct volume_segment *segments, uint32_t count, bool fill) {
  uint64_t turn = 1;
  work->about_count = work->named_count = 1; /* the root that is there in any case; none */
  for (uint32_t i = 0; i < count; i++) {
    struct log_reader log;
    struct log_header header;
    struct log_record record;
    bool usable = log_open(&log, segments[i].bytes, segments[i].length, &header);
    while (usable && log.at < log.end && (usable = log_next(&log, &record))) {
      bool of_folder = record.type == LOG_ENTRY || record.type == LOG_NO_ENTRY;
      uint32_t at = of_folder ? work->named_count++ : work->about_count++;
      if (fill) (of_folder ? work->named : work->about)[at] = (struct event){record, turn};
      turn++;
    }
    if (fill && !usable) work->out->unusable++;
  }
}

static int by_number(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static int by_inode(const void *a, const void *b) {
  const struct event *x = a, *y = b;
  int order = by_number(x->record.ino, y->record.ino);
  return order ? order : by_number(x->turn, y->turn);
}

static int by_name(const struct log_record *x, const struct log_record *y) {
  if (x->ino != y->ino) return by_number(x->ino, y->ino);
  uint32_t least = x->length < y->length ? x->length : y->length;
  int order = memcmp(x->bytes, y->bytes, least);
  return order ? order : by_number(x->length, y->length);
}

static int by_name_and_turn(const void *a, const void *b) {
  const struct event *x = a, *y = b;
  int order = by_name(&x->record, &y->record);
  return order ? order : by_number(x->turn, y->turn);
}

/* The nodes' own numbers ascend, as the events do. */
static void make_nodes(struct work *work) {
  for (uint32_t i = 0, end; i < work->about_count; i = end) {
    struct node node = {.ino = work->about[i].record.ino, .first = i};
    for (end = i; end < work->about_count && work->about[end].record.ino == node.ino; end++) {
      const struct event *event = &work->about[end];
      if (event->record.type == LOG_GONE) node.bytes = NULL;
      if (event->record.type != LOG_INODE) continue;
      const uint8_t *bytes = event->record.bytes;
      if (!record_plausible(bytes, event->record.length) ||
          (node.ino == ROOT && bytes[1] != WASI_FILETYPE_DIRECTORY)) {
        work->out->unusable++;
        continue;
      }
      node.bytes = bytes;
      node.length = event->record.length;
      node.folder = bytes[1] == WASI_FILETYPE_DIRECTORY;
      if (bytes[1] != WASI_FILETYPE_REGULAR_FILE || bytes[2]) node.since = event->turn;
    }
    node.end = end;
    if (!node.bytes && node.ino == ROOT) {
      node.bytes = work->root;
      node.length = RECORD_SIZE;
      node.folder = true;
    }
    if (node.bytes) work->nodes[work->node_count++] = node;
  }
}

static uint32_t find(const struct work *work, uint64_t ino) {
  uint32_t low = 0, high = work->node_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (work->nodes[middle].ino < ino) low = middle + 1;
    else high = middle;
  }
  return low < work->node_count && work->nodes[low].ino == ino ? low : UINT32_MAX;
}

static void make_links(struct work *work) {
  for (uint32_t i = 1; i < work->named_count; i++) {
    const struct log_record *record = &work->named[i].record;
    bool last = i + 1 == work->named_count || by_name(record, &work->named[i + 1].record) != 0;
    if (!last || record->type == LOG_NO_ENTRY) continue;
    uint32_t parent = find(work, record->ino), child = find(work, record->value);
    if (parent == UINT32_MAX) continue; /* the folder is gone */
    struct name name = {(const char *)record->bytes, record->length};
    if (child == UINT32_MAX || !work->nodes[parent].folder || work->nodes[child].ino == ROOT || !name_is_valid(name)) {
      work->out->unusable++;
      continue;
    }
    work->links[work->link_count++] =
        (struct link){.parent = parent, .child = child, .name = record->bytes, .length = record->length, .turn = work->named[i].turn};
  }
  /* Of a folder's names, the newest. */
  for (uint32_t i = 0; i < work->link_count; i++) {
    struct link *link = &work->links[i];
    struct node *child = &work->nodes[link->child];
    if (child->folder && child->links > 0) {
      struct link *other = &work->links[child->since]; /* folders have no contents: the place of their name */
      link->dropped = other->turn > link->turn;
      other->dropped = !link->dropped;
      work->out->unusable++;
    } else {
      child->links++;
    }
    if (child->folder && !link->dropped) child->since = i;
  }
  for (uint32_t i = 0; i < work->link_count; i++) {
    if (!work->links[i].dropped) work->nodes[work->links[i].parent].holds = true;
  }
}

/* ---- what hangs together ---- */

/* As many rounds as the tree is deep, at most. */
static void reach(struct work *work) {
  for (bool more = true; more;) {
    more = false;
    for (uint32_t i = 0; i < work->link_count; i++) {
      const struct link *link = &work->links[i];
      struct node *child = &work->nodes[link->child];
      if (link->dropped || child->reached || !work->nodes[link->parent].reached) continue;
      more = child->reached = true;
    }
  }
}

static bool is_taken(const struct work *work, const char *name, uint32_t length) {
  for (uint32_t i = 0; i < work->link_count; i++) {
    const struct link *link = &work->links[i];
    if (work->nodes[link->parent].ino == ROOT && !link->dropped && link->length == length &&
        memcmp(link->name, name, length) == 0) {
      return true;
    }
  }
  return false;
}

static struct link *add_link(struct work *work, uint32_t parent, uint32_t child) {
  struct link *link = &work->links[work->link_count++];
  *link = (struct link){.parent = parent, .child = child};
  link->name = (const uint8_t *)link->own;
  work->nodes[child].links++;
  return link;
}

/* The folder for what has no name: the last node, made when it is first needed. */
static uint32_t lost_and_found(struct work *work) {
  uint32_t last = work->node_count - 1;
  if (work->out->moved > 0) return last;
  struct node node = {.ino = work->nodes[last].ino + 1, .bytes = work->root, .length = RECORD_SIZE, .folder = true, .reached = true};
  work->nodes[work->node_count++] = node;
  struct link *link = add_link(work, find(work, ROOT), ++last);
  link->length = (uint32_t)strlen(LOST);
  memcpy(link->own, LOST, link->length);
  work->link_count--; /* it does not take its own name */
  while (link->length < sizeof link->own - 1 && is_taken(work, link->own, link->length)) link->own[link->length++] = '~';
  work->link_count++;
  return last;
}

/* Its name there: "#" and its number. */
static void adopt(struct work *work, uint32_t i) {
  struct link *link = add_link(work, lost_and_found(work), i);
  char digits[20], *at = digits + sizeof digits;
  uint64_t number = work->nodes[i].ino;
  do *--at = (char)('0' + number % 10);
  while (number /= 10);
  link->length = 1 + (uint32_t)(digits + sizeof digits - at);
  link->own[0] = '#';
  memcpy(link->own + 1, at, link->length - 1);
  work->nodes[i].reached = true;
  work->out->moved++;
}

static uint32_t links_told(const struct node *node) {
  uint32_t links;
  memcpy(&links, node->bytes + 8, sizeof links);
  return links;
}

static void tie_together(struct work *work) {
  uint32_t count = work->node_count;
  work->nodes[find(work, ROOT)].reached = true;
  reach(work);
  /* What no folder names, and was not deleted; what hangs below it comes along. */
  for (uint32_t i = 0; i < count; i++) {
    const struct node *node = &work->nodes[i];
    if (!node->reached && node->links == 0 && (links_told(node) > 0 || node->holds)) adopt(work, i);
  }
  reach(work);
  /* Folders that hold each other. */
  for (uint32_t i = 0; i < count; i++) {
    struct node *node = &work->nodes[i];
    if (node->reached || !node->folder || node->links == 0) continue;
    work->links[node->since].dropped = true;
    node->links = 0;
    adopt(work, i);
    reach(work);
  }
}

/* ---- writing ---- */

static void write_contents(struct log_writer *log, const struct work *work, const struct node *node) {
  uint64_t size, chunks = 0;
  memcpy(&size, node->bytes + 16, sizeof size);
  uint64_t end = (size + CHUNK_SIZE - 1) >> CHUNK_BITS;
  if (node->bytes[1] != WASI_FILETYPE_REGULAR_FILE || node->bytes[2]) return;
  for (uint32_t i = node->first; i < node->end; i++) {
    struct log_record record = work->about[i].record;
    if (work->about[i].turn < node->since) continue;
    if (record.type == LOG_CUT) {
      uint8_t *at = log_put(log, LOG_CUT, node->ino, 8);
      if (at) memcpy(at, &record.value, 8);
    }
    if (record.type != LOG_CHUNKS || record.value >= end) continue;
    if (record.count > end - record.value) record.count = (uint32_t)(end - record.value);
    if (record.count == 0 || record.count > MOST_CHUNKS - chunks) continue;
    chunks += record.count;
    uint8_t *at = log_put(log, LOG_CHUNKS, node->ino, 12);
    if (!at) continue;
    memcpy(at, &record.value, 8);
    memcpy(at + 8, &record.count, 4);
  }
}

static void write_log(struct log_writer *log, const struct work *work) {
  uint64_t next = work->nodes[work->node_count - 1].ino + 1;
  for (uint32_t i = 0; i < work->about_count; i++) {
    const struct log_record *record = &work->about[i].record;
    if (record->ino >= next) next = record->ino + (record->type != LOG_NEXT_INO);
  }
  (void)log_put(log, LOG_NEXT_INO, next, 0);
  for (uint32_t i = 0; i < work->node_count; i++) {
    const struct node *node = &work->nodes[i];
    if (!node->reached) continue;
    uint8_t *at = log_put(log, LOG_INODE, node->ino, node->length);
    if (at) {
      memcpy(at, node->bytes, node->length);
      uint32_t links = node->links > 0 ? node->links : 1;
      memcpy(at + 8, &links, sizeof links);
    }
    write_contents(log, work, node);
  }
  for (uint32_t i = 0; i < work->link_count; i++) {
    const struct link *link = &work->links[i];
    if (link->dropped || !work->nodes[link->parent].reached || !work->nodes[link->child].reached) continue;
    uint8_t *at = log_put(log, LOG_ENTRY, work->nodes[link->parent].ino, 8 + link->length);
    if (!at) continue;
    memcpy(at, &work->nodes[link->child].ino, 8);
    memcpy(at + 8, link->name, link->length);
  }
  log_end(log);
}

static wasi_errno_t write_all(struct work *work, uint64_t transaction) {
  struct volume_salvaged *out = work->out;
  struct log_writer log = {.transaction = transaction, .flags = LOG_CHECKPOINT}, measure = log;
  write_log(&measure, work);
  if (measure.at > INT32_MAX) return WASI_ENOMEM;
  log.bytes = out->bytes = malloc(measure.at);
  log.segments = out->segments = calloc(measure.segment_count, sizeof *out->segments);
  if (!log.bytes || !log.segments) return WASI_ENOMEM;
  write_log(&log, work);
  out->segment_count = log.segment_count;
  return WASI_ESUCCESS;
}

static wasi_errno_t salvage(struct work *work, const struct volume_segment *segments, uint32_t count) {
  read_events(work, segments, count, false);
  work->about = calloc(work->about_count, sizeof *work->about);
  work->named = calloc(work->named_count, sizeof *work->named);
  work->nodes = calloc(work->about_count + 1, sizeof *work->nodes);
  /* No more names than entries, one in lost+found for each node, and its own. */
  work->links = calloc((size_t)work->named_count + work->about_count + 2, sizeof *work->links);
  if (!work->about || !work->named || !work->nodes || !work->links) return WASI_ENOMEM;
  read_events(work, segments, count, true);
  work->root[0] = RECORD_VERSION;
  work->root[1] = WASI_FILETYPE_DIRECTORY;
  const uint32_t mode = 0755;
  memcpy(work->root + 4, &mode, sizeof mode);
  work->about[0].record = (struct log_record){.type = LOG_INODE, .ino = ROOT, .bytes = work->root, .length = RECORD_SIZE};
  qsort(work->about, work->about_count, sizeof *work->about, by_inode);
  /* Place 0 is nobody's. */
  qsort(work->named + 1, work->named_count - 1, sizeof *work->named, by_name_and_turn);
  make_nodes(work);
  make_links(work);
  tie_together(work);
  uint64_t transaction = 1;
  for (uint32_t i = 0; i < count; i++) {
    struct log_reader log;
    struct log_header header;
    bool opened = log_open(&log, segments[i].bytes, segments[i].length, &header);
    if (opened && header.transaction >= transaction && header.transaction < UINT64_MAX / 2) transaction = header.transaction + 1;
  }
  return write_all(work, transaction);
}

wasi_errno_t volume_salvage(const struct volume_segment *segments, uint32_t count, struct volume_salvaged *salvaged) {
  memset(salvaged, 0, sizeof *salvaged);
  struct work work = {.out = salvaged};
  wasi_errno_t error = salvage(&work, segments, count);
  free(work.about);
  free(work.named);
  free(work.nodes);
  free(work.links);
  if (error) volume_salvaged_free(salvaged);
  return error;
}

void volume_salvaged_free(struct volume_salvaged *salvaged) {
  free(salvaged->segments);
  free(salvaged->bytes);
  memset(salvaged, 0, sizeof *salvaged);
}
